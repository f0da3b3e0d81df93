/** What is counted and timed while the exchange works, for Prometheus. Labels name routes, never people. */
import { COMMIT_OUTCOMES, type CommitOutcome } from '@florin/event-store';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

const HTTP_SECONDS = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const COMMIT_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5];
/** How often the event loop is asked how late it is: more often would keep an idle machine awake. */
const EVENT_LOOP_EVERY_MS = 50;
const GROUP_UNITS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512];

export class Metrics {
  readonly registry = new Registry();

  readonly requests = this.counter('florin_http_requests_total', 'Requests answered.', ['method', 'route', 'status']);
  readonly requestSeconds = new Histogram({
    name: 'florin_http_request_duration_seconds',
    help: 'Time from the headers of a request to the end of its answer; without those that ask to be held.',
    labelNames: ['method', 'route'] as const,
    buckets: HTTP_SECONDS,
    registers: [this.registry],
  });
  readonly requestsUnderWay = this.gauge('florin_http_requests_under_way', 'Requests that wait for their answer.');
  readonly requestsLimited = this.counter('florin_http_requests_limited_total', 'Requests refused by the rate limit.');

  readonly commits = this.counter('florin_commits_total', 'Tries to commit a unit of events.', ['outcome']);
  readonly commitSeconds = new Histogram({
    name: 'florin_commit_duration_seconds',
    help: 'Time until a unit is durable and its head signed.',
    buckets: COMMIT_SECONDS,
    registers: [this.registry],
  });
  readonly groupUnits = new Histogram({
    name: 'florin_commit_group_units',
    help: 'Units that were made durable together; embedded store only.',
    buckets: GROUP_UNITS,
    registers: [this.registry],
  });

  readonly ledgerEvents = this.gauge('florin_ledger_events', 'Events that the newest signed head covers.');
  readonly viewsLag = this.gauge('florin_views_lag_events', 'Events of the ledger that the read models lack.');
  readonly signers = this.gauge('florin_signers', 'Signer processes by state.', ['state']);
  readonly signerJobs = this.gauge('florin_signer_jobs', 'Jobs that wait for the signers.');
  readonly signerSignatures = this.gauge('florin_signer_signatures', 'Blind signatures that wait for the signers.');
  readonly verifierSignatures = this.gauge('florin_verifier_signatures', 'Signatures that wait to be verified.');

  readonly coinsOutstanding = this.gauge('florin_coins_outstanding', 'What coins can still claim.', ['currency']);
  readonly coinsOverdrawn = this.gauge(
    'florin_denominations_overdrawn',
    'Denominations of which more came back than was issued.',
  );
  readonly reservesHeld = this.gauge('florin_reserves_held', 'What reserves hold.', ['currency']);
  readonly pursesHeld = this.gauge('florin_purses_held', 'What open purses hold.', ['currency']);
  readonly transfers = this.gauge('florin_transfers', 'Outgoing transfers, at most 1000 counted.', ['status']);

  readonly bankProblems = this.counter(
    'florin_bank_problems_total',
    'Times that a wire gateway could not be asked for credits.',
    ['account'],
  );

  readonly ready = this.gauge('florin_ready', '1 if /readyz says yes.');
  readonly clockSuspect = this.gauge('florin_clock_suspect', '1 if nothing expires because the clock may be wrong.');

  constructor() {
    // What is not there yet cannot be seen to grow: the first failure would raise no alarm.
    for (const outcome of COMMIT_OUTCOMES) this.commits.inc({ outcome }, 0);
  }

  /** Memory, processor, garbage collection and the event loop of this process. Once in a process. */
  observeProcess(): void {
    collectDefaultMetrics({ register: this.registry, eventLoopMonitoringPrecision: EVENT_LOOP_EVERY_MS });
    // They stand there by type as well; and in Prometheus, what is called a total only grows.
    for (const what of ['handles', 'requests', 'resources']) {
      this.registry.removeSingleMetric(`nodejs_active_${what}_total`);
    }
  }

  /** One try to commit a unit. */
  committed(outcome: CommitOutcome, ms: number): void {
    this.commits.inc({ outcome });
    if (outcome === 'committed') this.commitSeconds.observe(ms / 1000);
  }

  private counter<Label extends string>(name: string, help: string, labelNames: readonly Label[] = []): Counter<Label> {
    return new Counter({ name, help, labelNames, registers: [this.registry] });
  }

  private gauge<Label extends string>(name: string, help: string, labelNames: readonly Label[] = []): Gauge<Label> {
    return new Gauge({ name, help, labelNames, registers: [this.registry] });
  }
}
