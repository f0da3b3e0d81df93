import { setTimeout as delay } from 'node:timers/promises';
import type { KeyFolder } from './key-folder.js';
import type { Answer, Ask, JobName, KeyToLoad } from './protocol.js';
import { SignerDied, SignerProcess, type SignerUser } from './signer-process.js';

/*
 * As many signer processes as there are cores, each with all keys. Jobs wait here until a signer has room for them and
 * stay here until they are answered: a signer that dies or hangs is replaced, and what it had not answered is given to
 * another one. All signatures are deterministic, so doing a job twice gives the same answer.
 */

/**
 * No signer could answer in time: 503 with Retry-After. Whether a signature was made is not known, and does not
 * matter.
 */
export class SignersUnavailable extends Error {
  override readonly name = 'SignersUnavailable';
}

/** More is asked than the signers can do in time: 503 with Retry-After. */
export class SignersBusy extends Error {
  override readonly name = 'SignersBusy';
}

export interface SignerPoolOptions {
  readonly folder: KeyFolder;
  readonly processes: number;
  readonly user?: SignerUser;
  /** After how long a job that is not answered fails. */
  readonly deadlineMs: number;
  /** A signer that is silent for this long is ended and replaced. */
  readonly silenceMs: number;
  /** How many blind signatures may be waited for at a time. */
  readonly queueMax: number;
  /** Hears, in words, of signers that end and are replaced. */
  readonly onTrouble: (what: string) => void;
  /** What a new signer has to load. */
  readonly keys: () => readonly KeyToLoad[];
}

export interface SignerStatus {
  readonly pid: number | undefined;
  /** It runs and has all keys. */
  readonly ready: boolean;
  /** Jobs it has not answered. */
  readonly jobs: number;
}

export interface JobTerms {
  /** About how many blind signatures it is worth; 0 for a job that is let pass before those. */
  readonly cost?: number;
  readonly deadlineMs?: number;
}

interface Slot {
  process: SignerProcess | undefined;
  /** It takes jobs, but may not have all keys yet. */
  started: boolean;
  ready: boolean;
  /** How often in a row it ended early. */
  failures: number;
  /** Looks at it since it was asked for a sign of life; undefined when it has given one. */
  silentFor: number | undefined;
}

interface Pending {
  readonly job: JobName;
  readonly ask: unknown;
  readonly cost: number;
  readonly settle: (outcome: { readonly answer: unknown } | { readonly error: Error }) => void;
  settled: boolean;
  deaths: number;
}

/** A signer has room as long as it has less than this to do; enough that it never waits for the next job. */
const ROOM = 16;
const SHORT_JOBS_MAX = 10_000;
/** A job that was on the desk of this many signers when they died is not given to another one. */
const DEATHS_MAX = 3;
const START_MS = 60_000;
const STABLE_MS = 10_000;
const BACKOFF_MS = 100;
const BACKOFF_MAX_MS = 5_000;
const RELEASE_MS = 2_000;

export class SignerPool {
  private readonly slots: Slot[];
  private readonly short: Pending[] = [];
  private readonly long: Pending[] = [];
  private readonly waiters = new Set<() => void>();
  private readonly stop = new AbortController();
  private readonly watch: NodeJS.Timeout;
  private readonly running: Promise<void>[] = [];
  private unsettled = 0;
  private unsettledCost = 0;

  private constructor(private readonly options: SignerPoolOptions) {
    this.slots = Array.from({ length: options.processes }, () => emptySlot());
    this.watch = setInterval(() => this.lookForSilence(), Math.ceil(options.silenceMs / 2));
    this.watch.unref();
  }

  /** @throws when a signer does not start: what hinders one will hinder all */
  static async start(options: SignerPoolOptions): Promise<SignerPool> {
    const pool = new SignerPool(options);
    try {
      await Promise.all(
        pool.slots.map(async (slot) => {
          const first = pool.boot(slot);
          pool.running.push(
            first.then(
              (signer) => pool.keepRunning(slot, signer),
              () => {},
            ),
          );
          await first;
        }),
      );
      return pool;
    } catch (error) {
      await pool.close();
      throw error;
    }
  }

  /**
   * Has a job done by one signer.
   * @throws SignersBusy at once; SignersUnavailable after the deadline; SigningRefused
   */
  run<J extends JobName>(job: J, ask: Ask<J>, terms: JobTerms = {}): Promise<Answer<J>> {
    const { cost = 0, deadlineMs = this.options.deadlineMs } = terms;
    if (this.closing) return Promise.reject(new SignersUnavailable('the signers are being shut down'));
    if (this.unsettledCost + cost > this.options.queueMax || this.unsettled >= SHORT_JOBS_MAX) {
      return Promise.reject(new SignersBusy(`${this.unsettled} jobs wait for the signers`));
    }
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        pending.settle({ error: new SignersUnavailable(`no signer has answered within ${deadlineMs} ms`) });
      }, deadlineMs);
      this.unsettled++;
      this.unsettledCost += cost;
      const pending: Pending = {
        job,
        ask,
        cost,
        settled: false,
        deaths: 0,
        settle: (outcome) => {
          if (pending.settled) return;
          pending.settled = true;
          clearTimeout(timer);
          this.unsettled--;
          this.unsettledCost -= cost;
          if ('error' in outcome) reject(outcome.error);
          else resolve(outcome.answer as Answer<J>);
          this.changed();
        },
      };
      (cost === 0 ? this.short : this.long).push(pending);
      this.dispatch();
    });
  }

  /**
   * Has a job done by every signer that lives; those that start later go by the list of keys, which the caller has
   * brought up to date before.
   * @throws SignersUnavailable, SigningRefused
   */
  async everywhere<J extends JobName>(job: J, ask: Ask<J>): Promise<Answer<J>> {
    const deadline = AbortSignal.timeout(this.options.deadlineMs);
    for (;;) {
      // Who was released, or has just ended, answers nothing: to ask again and again would let nothing else run.
      if (this.closing) throw new SignersUnavailable('the signers are being shut down');
      await this.until(() => this.living().length > 0, deadline);
      const answers = await Promise.all(this.living().map((signer) => signer.ask(job, ask).catch(undefinedIfDied)));
      const answer = answers.find((one) => one !== undefined);
      if (answer !== undefined) return answer;
    }
  }

  /** The signers that have started, and can still be asked. */
  private living(): SignerProcess[] {
    return this.slots.flatMap(({ started, process }) => (started && process?.alive ? [process] : []));
  }

  get size(): number {
    return this.slots.length;
  }

  status(): SignerStatus[] {
    return this.slots.map(({ process, ready }) => ({ pid: process?.pid, ready, jobs: process?.jobs ?? 0 }));
  }

  /** Blind signatures and other jobs that are not answered yet. */
  get backlog(): { readonly jobs: number; readonly signatures: number } {
    return { jobs: this.unsettled, signatures: this.unsettledCost };
  }

  /** Takes no more jobs, lets those that were taken be answered, then ends the signers. */
  async close(): Promise<void> {
    this.stop.abort();
    await this.until(() => this.unsettled === 0);
    clearInterval(this.watch);
    const signers = this.slots.flatMap(({ process }) => process ?? []);
    for (const signer of signers) signer.release();
    const patience = setTimeout(() => {
      for (const signer of signers) signer.kill();
    }, RELEASE_MS);
    await Promise.all([...signers.map((signer) => signer.ended), ...this.running]);
    clearTimeout(patience);
  }

  private get closing(): boolean {
    return this.stop.signal.aborted;
  }

  /** Starts a signer and gives it all keys. */
  private async boot(slot: Slot): Promise<SignerProcess> {
    const signer = new SignerProcess(this.options.folder, this.options.user);
    slot.process = signer;
    const tooLong = setTimeout(() => signer.kill(), START_MS);
    try {
      await signer.started;
      slot.started = true;
      const loaded = signer.ask('load', this.options.keys());
      this.changed();
      await loaded;
      slot.ready = true;
      this.changed();
      return signer;
    } catch (error) {
      signer.kill();
      await signer.ended;
      throw error;
    } finally {
      clearTimeout(tooLong);
    }
  }

  /** Waits for the end of a signer and puts another in its place, as long as there is something to do. */
  private async keepRunning(slot: Slot, first: SignerProcess): Promise<void> {
    let bornMs = performance.now();
    let signer: SignerProcess | undefined = first;
    for (;;) {
      await signer?.ended;
      const failures = performance.now() - bornMs < STABLE_MS ? slot.failures + 1 : 0;
      Object.assign(slot, emptySlot(), { failures });
      if (this.closing && this.unsettled === 0) return;
      const waitMs = failures === 0 ? 0 : Math.min(BACKOFF_MS * 2 ** (failures - 1), BACKOFF_MAX_MS);
      if (signer) this.options.onTrouble(`signer ${signer.pid} ended, another one starts in ${waitMs} ms`);
      await delay(waitMs, undefined, { signal: this.stop.signal }).catch(() => {}); // closing waits for nothing
      if (this.closing && this.unsettled === 0) return;
      bornMs = performance.now();
      signer = await this.boot(slot).catch((error: unknown) => {
        this.options.onTrouble(`a signer did not start: ${error instanceof Error ? error.message : String(error)}`);
        return undefined;
      });
    }
  }

  private dispatch(): void {
    for (const queue of [this.short, this.long]) {
      for (let pending = queue[0]; pending !== undefined; pending = queue[0]) {
        if (!pending.settled) {
          const signer = this.freeSigner(pending);
          if (signer === undefined) break;
          this.give(signer, pending);
        }
        queue.shift();
      }
    }
  }

  /** The one that has least to do. Short jobs are done between two signatures, so there is always room for them. */
  private freeSigner({ cost }: Pending): SignerProcess | undefined {
    const ready = this.slots.flatMap(({ ready, process }) => (ready && process?.alive ? [process] : []));
    const rank = ({ jobs, cost: load }: SignerProcess) => (cost === 0 ? jobs : load);
    const free = ready.reduce<SignerProcess | undefined>(
      (best, signer) => (best === undefined || rank(signer) < rank(best) ? signer : best),
      undefined,
    );
    return cost === 0 || (free !== undefined && free.cost < ROOM) ? free : undefined;
  }

  private give(signer: SignerProcess, pending: Pending): void {
    signer.ask(pending.job, pending.ask as Ask<JobName>, pending.cost).then(
      (answer) => pending.settle({ answer }),
      (error: Error) => {
        if (!(error instanceof SignerDied)) return pending.settle({ error });
        if (++pending.deaths >= DEATHS_MAX) {
          return pending.settle({ error: new SignersUnavailable(`${DEATHS_MAX} signers ended over this job`) });
        }
        (pending.cost === 0 ? this.short : this.long).unshift(pending);
        this.dispatch();
      },
    );
  }

  /** Two looks without a sign of life, after a first that asked for it, are the end of a signer. */
  private lookForSilence(): void {
    for (const slot of this.slots) {
      const { process: signer } = slot;
      if (!slot.ready || signer === undefined) continue;
      if (slot.silentFor !== undefined) {
        if (++slot.silentFor < 2) continue;
        this.options.onTrouble(`signer ${signer.pid} is silent and will be ended`);
        signer.kill();
      } else if (signer.jobs > 0) {
        slot.silentFor = 0;
        signer.ask('ping', null).then(
          () => {
            slot.silentFor = undefined;
          },
          () => {}, // it died: the slot begins anew
        );
      }
    }
  }

  private changed(): void {
    for (const waiter of this.waiters) waiter();
    this.dispatch();
  }

  /** @throws SignersUnavailable when the deadline comes first */
  private until(condition: () => boolean, deadline?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = () => {
        if (!condition()) return;
        this.waiters.delete(look);
        resolve();
      };
      this.waiters.add(look);
      deadline?.addEventListener('abort', () => {
        this.waiters.delete(look);
        reject(new SignersUnavailable('no signer is there'));
      });
      look();
    });
  }
}

function emptySlot(): Slot {
  return { process: undefined, started: false, ready: false, failures: 0, silentFor: undefined };
}

function undefinedIfDied(error: unknown): undefined {
  if (error instanceof SignerDied) return undefined;
  throw error;
}
