/** What is looked up when Prometheus asks: lag, pools, and the money that is at risk. */
import { UNITS_PER_VALUE } from '@florin/encoding';
import { Views } from '@florin/projections';
import { Signers, Verifiers } from '@florin/signing';
import { Injectable } from '@nestjs/common';
import { Clock } from '../runtime/clock.js';
import { Config } from '../runtime/tokens.js';
import { PublishedLog } from '../transparency/published-log.js';
import { Metrics } from './metrics.js';
import { Readiness } from './readiness.js';

/** Sums over all reserves take a moment where there are many: they are as old as this at most. */
const SUMS_FRESH_MS = 60_000;
const DENOMINATIONS_PER_PAGE = 1_000;
const TRANSFERS_COUNTED_MAX = 1_000;

@Injectable()
export class Measurements {
  private summed: Promise<void> = Promise.resolve();
  private summedAtMs = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly metrics: Metrics,
    private readonly readiness: Readiness,
    private readonly views: Views,
    private readonly signers: Signers,
    private readonly verifiers: Verifiers,
    private readonly clock: Clock,
    private readonly log: PublishedLog,
    private readonly config: Config,
  ) {}

  /** In the text format of Prometheus. What cannot be looked up now keeps its last value. */
  async text(): Promise<{ readonly type: string; readonly text: string }> {
    const { registry } = this.metrics;
    this.look();
    await Promise.allSettled([this.lookAtViews(), this.sums()]);
    this.metrics.ready.set((await this.readiness.lacks()).length === 0 ? 1 : 0);
    return { type: registry.contentType, text: await registry.metrics() };
  }

  private look(): void {
    const { metrics, signers } = this;
    const status = signers.status();
    const ready = status.filter((signer) => signer.ready).length;
    metrics.signers.set({ state: 'ready' }, ready);
    metrics.signers.set({ state: 'starting' }, status.length - ready);
    metrics.signerJobs.set(signers.backlog.jobs);
    metrics.signerSignatures.set(signers.backlog.signatures);
    metrics.verifierSignatures.set(this.verifiers.backlog);
    metrics.clockSuspect.set(this.clock.suspicion() === undefined ? 0 : 1);
    metrics.ledgerEvents.set(this.log.head()?.size ?? 0);
  }

  private async lookAtViews(): Promise<void> {
    this.metrics.viewsLag.set(await this.readiness.lag());
    for (const status of ['requested', 'rejected'] as const) {
      const limit = TRANSFERS_COUNTED_MAX;
      const { length } = await this.views.ask('transfers', 'byStatus', status, { limit });
      this.metrics.transfers.set({ status }, length);
    }
  }

  private sums(): Promise<void> {
    if (performance.now() - this.summedAtMs < SUMS_FRESH_MS) return this.summed;
    this.summedAtMs = performance.now();
    this.summed = this.sum();
    return this.summed;
  }

  private async sum(): Promise<void> {
    const { currency } = this.config;
    let [outstanding, overdrawn] = [0n, 0];
    for (let after: number | undefined, more = true; more; ) {
      const page = { limit: DENOMINATIONS_PER_PAGE, ...(after === undefined ? {} : { after }) };
      const denominations = await this.views.ask('denominations', 'denominations', page);
      for (const denomination of denominations) {
        outstanding += denomination.outstanding;
        if (denomination.outstanding < 0n) overdrawn += 1;
      }
      after = denominations.at(-1)?.offeredAs;
      more = denominations.length === DENOMINATIONS_PER_PAGE;
    }
    this.metrics.coinsOutstanding.set({ currency }, shown(outstanding));
    this.metrics.coinsOverdrawn.set(overdrawn);
    this.metrics.reservesHeld.set({ currency }, shown(await this.views.ask('reserve-summary', 'held')));
    this.metrics.pursesHeld.set({ currency }, shown(await this.views.ask('purses', 'held')));
  }
}

/** Units of 1e-8 as a number of the currency, for a curve on a screen: Prometheus knows floats only. */
const shown = (units: bigint): number => Number(units) / Number(UNITS_PER_VALUE);
