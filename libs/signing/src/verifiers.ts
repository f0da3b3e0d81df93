import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { unpack } from './pack.js';
import type { Verdict, VerifyOrder } from './verifier.js';
import {
  costOf,
  costOfRebuilding,
  packJobs,
  packRebuildJobs,
  type RebuildJob,
  rebuild,
  type VerifyJob,
  verify,
} from './verify.js';

/*
 * Checks of client signatures and disclosed coins, off the event loop. A few are checked on the spot, where handing
 * them over would cost more than they do; more are spread over threads, one for each core. Costs are counted in
 * Ed25519 verifications.
 */

/** More is to be verified than can be done in time: 503 with Retry-After. */
export class VerifiersBusy extends Error {
  override readonly name = 'VerifiersBusy';
}

/** The pool is closed, or thread after thread ended over these jobs. */
export class VerifiersUnavailable extends Error {
  override readonly name = 'VerifiersUnavailable';
}

export interface VerifiersOptions {
  /** One for each core by default. */
  readonly threads?: number;
  /** What costs no more than this is checked on the event loop. */
  readonly inlineMax?: number;
  /** How much may be waited for at a time. */
  readonly queueMax?: number;
  /** Hears of threads that ended and were replaced. */
  readonly onTrouble?: (what: string) => void;
}

interface Task {
  readonly work: VerifyOrder['work'];
  /** Packed anew for every thread that is given them: what is handed over is gone. */
  readonly pack: () => Uint8Array<ArrayBuffer>;
  readonly cost: number;
  readonly resolve: (answer: Uint8Array) => void;
  readonly reject: (error: Error) => void;
  deaths: number;
}

/** What is done with jobs of one kind, here or in a thread. */
interface Kind<Job, Answer> {
  readonly work: VerifyOrder['work'];
  readonly costOf: (job: Job) => number;
  readonly inline: (job: Job) => Answer;
  readonly pack: (jobs: readonly Job[]) => Uint8Array<ArrayBuffer>;
  readonly read: (answer: Uint8Array) => Answer[];
}

interface Thread {
  /** Undefined from its end until there is something to do. */
  worker: Worker | undefined;
  readonly tasks: Map<number, Task>;
  cost: number;
}

const INLINE_MAX = 4;
const QUEUE_MAX = 50_000;
/** A part that costs less than this is not worth a hand-over of its own. */
const PART_MIN = 8;
const DEATHS_MAX = 3;
const PROGRAM = new URL('./verifier.js', import.meta.url);

export class Verifiers {
  private readonly threads: Thread[];
  private readonly inlineMax: number;
  private readonly queueMax: number;
  private readonly onTrouble: (what: string) => void;
  private lastId = 0;
  private closed = false;

  constructor({ threads = availableParallelism(), ...options }: VerifiersOptions = {}) {
    this.inlineMax = options.inlineMax ?? INLINE_MAX;
    this.queueMax = options.queueMax ?? QUEUE_MAX;
    this.onTrouble = options.onTrouble ?? (() => {});
    this.threads = Array.from({ length: threads }, () => ({ worker: undefined, tasks: new Map(), cost: 0 }));
    for (const thread of this.threads) this.startWorker(thread);
  }

  /**
   * Whether each signature is good, in order; what is malformed is not.
   * @throws VerifiersBusy, VerifiersUnavailable
   */
  verifyAll(jobs: readonly VerifyJob[]): Promise<boolean[]> {
    return this.share(jobs, {
      work: 'verify',
      costOf,
      inline: verify,
      pack: packJobs,
      read: (answer) => Array.from(answer, (byte) => byte === 1),
    });
  }

  /**
   * The envelope of each disclosed coin, in order: its hash, or undefined if it cannot have been blinded like this.
   * @throws VerifiersBusy, VerifiersUnavailable
   */
  rebuildAll(jobs: readonly RebuildJob[]): Promise<(Uint8Array | undefined)[]> {
    return this.share(jobs, {
      work: 'rebuild',
      costOf: costOfRebuilding,
      inline: rebuild,
      pack: packRebuildJobs,
      read: (answer) => unpack(answer).map((hash) => (hash.length > 0 ? hash : undefined)),
    });
  }

  /** What is not answered yet, in Ed25519 verifications. */
  get backlog(): number {
    return this.threads.reduce((sum, { cost }) => sum + cost, 0);
  }

  /** Ends the threads; what they have not answered fails with VerifiersUnavailable. */
  async close(): Promise<void> {
    this.closed = true;
    await Promise.all(this.threads.flatMap(({ worker }) => (worker ? [worker.terminate()] : [])));
  }

  private async share<Job, Answer>(jobs: readonly Job[], kind: Kind<Job, Answer>): Promise<Answer[]> {
    if (this.closed) throw new VerifiersUnavailable('the verifiers are closed');
    const cost = jobs.reduce((sum, job) => sum + kind.costOf(job), 0);
    if (cost <= this.inlineMax) return jobs.map(kind.inline);
    if (this.backlog + cost > this.queueMax) throw new VerifiersBusy(`${this.backlog} signatures wait to be verified`);
    const parts = Math.max(1, Math.min(this.threads.length, Math.floor(cost / PART_MIN)));
    const answers = split(jobs, cost / parts, kind.costOf).map((part) => this.handOver(part, kind));
    return (await Promise.all(answers)).flat();
  }

  private handOver<Job, Answer>(jobs: readonly Job[], kind: Kind<Job, Answer>): Promise<Answer[]> {
    const { work, pack, costOf: cost, read } = kind;
    return new Promise((resolve, reject) => {
      this.give({
        work,
        pack: () => pack(jobs),
        cost: jobs.reduce((sum, job) => sum + cost(job), 0),
        resolve: (answer) => resolve(read(answer)),
        reject,
        deaths: 0,
      });
    });
  }

  private give(task: Task): void {
    const thread = this.threads.reduce((best, other) => (other.cost < best.cost ? other : best));
    const order: VerifyOrder = { id: ++this.lastId, work: task.work, jobs: task.pack() };
    thread.tasks.set(order.id, task);
    thread.cost += task.cost;
    (thread.worker ?? this.startWorker(thread)).postMessage(order, [order.jobs.buffer as ArrayBuffer]);
  }

  private startWorker(thread: Thread): Worker {
    const worker = new Worker(PROGRAM, { execArgv: [], resourceLimits: { maxYoungGenerationSizeMb: 8 } });
    let trouble = 'without a word';
    worker.on('error', (error) => {
      trouble = error instanceof Error ? error.message : String(error);
    });
    worker.on('message', ({ id, answer }: Verdict) => {
      const task = thread.tasks.get(id);
      if (task === undefined) return;
      thread.tasks.delete(id);
      thread.cost -= task.cost;
      task.resolve(answer);
    });
    worker.on('exit', () => this.ended(thread, trouble));
    thread.worker = worker;
    return worker;
  }

  private ended(thread: Thread, trouble: string): void {
    const tasks = [...thread.tasks.values()];
    thread.worker = undefined;
    thread.tasks.clear();
    thread.cost = 0;
    if (!this.closed) this.onTrouble(`a verifier ended: ${trouble}`);
    for (const task of tasks) {
      if (this.closed) task.reject(new VerifiersUnavailable('the verifiers were closed'));
      else if (++task.deaths >= DEATHS_MAX) {
        task.reject(new VerifiersUnavailable(`${DEATHS_MAX} verifiers ended over this task`));
      } else this.give(task);
    }
  }
}

/** Cuts a list into parts that cost about `partCost` each. */
function split<Job>(jobs: readonly Job[], partCost: number, costOf: (job: Job) => number): Job[][] {
  const parts: Job[][] = [];
  let room = 0;
  for (const job of jobs) {
    if (room <= 0) {
      parts.push([]);
      room += partCost;
    }
    parts.at(-1)?.push(job);
    room -= costOf(job);
  }
  return parts;
}
