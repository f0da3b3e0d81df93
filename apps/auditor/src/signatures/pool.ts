import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { EventRef, Findings } from '../findings.js';
import { Checker } from './check.js';
import type { Batch, BatchResult, DenominationKey, Fault, Job } from './jobs.js';

/*
 * Signatures are checked behind the replay, in batches, on every core. What is wrong becomes a finding of the event
 * that carries it, whenever its batch comes back.
 */

/** What the findings of a job need. */
interface Pending {
  readonly event: EventRef;
  /** What the exchange gains if the signature is bad, for each coin of a withdrawal or in all. */
  readonly gains: readonly bigint[];
}

const BATCH_JOBS = 64;
/** So many batches may wait for each thread; the replay pauses for more. */
const WAITING_MAX = 3;
const PROGRAM = new URL('./worker.js', import.meta.url);

interface Thread {
  readonly worker: Worker;
  /** Batches not answered yet. */
  waiting: number;
  /** How many denominations it was told of. */
  told: number;
}

export class SignaturePool {
  private readonly threads: Thread[];
  private readonly sent = new Map<number, readonly Pending[]>();
  private readonly denominations: DenominationKey[] = [];
  private collected: Pending[] = [];
  /** Of what is collected; once they are sent, they are the thread's. */
  private jobs: Job[] = [];
  private lastId = 0;
  private wake: (() => void)[] = [];
  private failure: Error | undefined;
  /** Without threads the jobs are done on the spot, which suits a short history. */
  private inline: Checker | undefined;
  private inlineTold = 0;
  /** Signatures checked so far. */
  checked = 0;

  constructor(
    private readonly findings: Findings,
    private readonly currency: () => string,
    /** 0: none, on the spot. */
    threads = availableParallelism(),
  ) {
    this.threads = Array.from({ length: threads }, () => this.start());
  }

  learn(denomination: DenominationKey): void {
    this.denominations.push(denomination);
  }

  add(event: EventRef, job: Job, gains: readonly bigint[] = []): void {
    this.collected.push({ event, gains });
    this.jobs.push(job);
    if (this.threads.length === 0) this.checkInline();
    else if (this.collected.length >= BATCH_JOBS) this.send();
  }

  /** Every thread has enough to do. */
  get isFull(): boolean {
    return this.threads.length > 0 && this.sent.size >= WAITING_MAX * this.threads.length;
  }

  async room(): Promise<void> {
    while (this.isFull) await this.answer();
  }

  /** Sends what is collected, and waits for every answer. */
  async drain(): Promise<void> {
    if (this.threads.length === 0) return;
    if (this.collected.length > 0) this.send();
    while (this.sent.size > 0) await this.answer();
    if (this.failure) throw this.failure;
  }

  async close(): Promise<void> {
    await Promise.all(this.threads.map(({ worker }) => worker.terminate()));
  }

  private send(): void {
    const thread = this.threads.reduce((best, other) => (other.waiting < best.waiting ? other : best));
    this.lastId += 1;
    const batch: Batch = {
      id: this.lastId,
      currency: this.currency(),
      denominations: this.denominations.slice(thread.told),
      jobs: this.jobs,
    };
    thread.told = this.denominations.length;
    thread.waiting += 1;
    this.sent.set(batch.id, this.collected);
    thread.worker.postMessage(batch);
    this.collected = [];
    this.jobs = [];
  }

  private checkInline(): void {
    this.inline ??= new Checker(this.currency());
    for (const denomination of this.denominations.slice(this.inlineTold)) this.inline.learn(denomination);
    this.inlineTold = this.denominations.length;
    const [pending, jobs] = [this.collected.splice(0), this.jobs.splice(0)];
    for (const [place, job] of jobs.entries()) {
      for (const fault of this.inline.check(job)) this.blame(pending[place] as Pending, fault);
    }
    this.checked = this.inline.signatures;
  }

  private blame({ event, gains }: Pending, { code, detail, place }: Fault): void {
    const gain = gains[place ?? 0];
    const finding = { code, event, detail, ...(gain !== undefined && { gain }) };
    // The master key signs some offers several times over; it is one offer.
    if (code === 'master-signature-invalid') this.findings.addOnce(`${event.index}`, finding);
    else this.findings.add(finding);
  }

  private start(): Thread {
    const worker = new Worker(PROGRAM, { execArgv: [], resourceLimits: { maxYoungGenerationSizeMb: 4 } });
    const thread: Thread = { worker, waiting: 0, told: 0 };
    worker.on('message', (result: BatchResult) => {
      thread.waiting -= 1;
      this.take(result);
    });
    worker.on('error', (error) => {
      this.failure = error instanceof Error ? error : new Error(String(error));
      this.sent.clear();
      this.rouse();
    });
    return thread;
  }

  private take({ id, faults, signatures }: BatchResult): void {
    const pending = this.sent.get(id) ?? [];
    this.sent.delete(id);
    this.checked += signatures;
    for (const [place, fault] of faults) this.blame(pending[place] as Pending, fault);
    this.rouse();
  }

  private answer(): Promise<void> {
    if (this.failure) throw this.failure;
    return new Promise((resolve) => this.wake.push(resolve));
  }

  private rouse(): void {
    for (const resolve of this.wake.splice(0)) resolve();
  }
}
