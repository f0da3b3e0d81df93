import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import type { Head } from '../checkpoint.js';
import { patiently } from '../patience.js';
import {
  type Committed,
  DamagedStore,
  type Position,
  type RecordedEvent,
  type Revision,
  RevisionConflict,
  StoreUnavailable,
} from '../port.js';
import type { PreparedUnit } from '../unit.js';
import { errorOf, type Fault } from './faults.js';
import { packUnit, type Verdicts } from './journal.js';
import type { WriterData } from './opening.js';
import type { Tail } from './recovery.js';
import { THREAD_LIMITS } from './thread.js';
import type { FromWriter, ToWriter } from './writer-side.js';

const ENTRY = new URL('./writer.js', import.meta.url);
const SIGN_PAUSE_MAX_MS = 1_000;
/** How often a head is asked for while the store is being opened; later, as long as it lives. */
const SIGN_TRIES_AT_OPEN = 5;
const LATE_CHECK_MS = 1_000;

export interface WriterOptions {
  readonly data: WriterData;
  readonly signHead: (text: Uint8Array) => Promise<Uint8Array>;
  /** How long a commit may take before its caller hears that its outcome is unknown. */
  readonly commitTimeoutMs: number;
  /** Bytes of units that may wait; beyond, a commit is refused at once. */
  readonly waitingBytesMax: number;
  readonly signingFailed: (message: string) => void;
  /** A group of so many units is durable. Called before its commits are answered. */
  readonly covered: (head: Head, units: number) => void;
  /** Of that group, in global order; not those that were given up for being late. */
  readonly committed: (committed: Committed) => void;
  /** The writer can go on no more. */
  readonly failed: (error: Error) => void;
}

interface Waiting {
  readonly unit: PreparedUnit;
  readonly writtenAtUs: number;
  readonly sinceMs: number;
  readonly resolve: (committed: Committed) => void;
  readonly reject: (error: Error) => void;
}

/** The main thread's end of the writer. */
export class WriterThread {
  private readonly worker: Worker;
  /** In the order in which they were handed over. */
  private readonly waiting = new Map<number, Waiting>();
  private readonly lateCheck: NodeJS.Timeout;
  private lookedMs = performance.now();
  private readonly opened: Promise<{ head: Head; cut: Tail }>;
  private settleOpened!: { resolve: (opened: { head: Head; cut: Tail }) => void; reject: (error: Error) => void };
  private isOpen = false;
  private isEnded = false;
  private closed: Promise<void> | undefined;
  private signalClosed = (): void => {};
  private nextId = 0;
  private waitingBytes = 0;

  constructor(private readonly options: WriterOptions) {
    this.opened = new Promise((resolve, reject) => {
      this.settleOpened = { resolve, reject };
    });
    this.worker = new Worker(ENTRY, { workerData: options.data, resourceLimits: THREAD_LIMITS });
    this.worker.on('message', (message: FromWriter) => this.receive(message));
    this.worker.on('error', (error) => this.fail(error instanceof Error ? error : new Error(String(error))));
    this.worker.on('exit', () => {
      this.isEnded = true;
      this.signalClosed();
      if (!this.closed) this.fail(new Error('the writer thread ended'));
    });
    this.lateCheck = setInterval(() => this.giveUpLate(), LATE_CHECK_MS);
    this.lateCheck.unref();
  }

  /** @throws DamagedStore, FolderInUse, and what prevents a first head from being signed */
  async open(): Promise<{ head: Head; cut: Tail }> {
    try {
      return await this.opened;
    } catch (error) {
      clearInterval(this.lateCheck);
      await this.worker.terminate();
      throw error;
    }
  }

  /** @param index where the first event must come, if not anywhere */
  commit(unit: PreparedUnit, writtenAtUs: number, index?: number): Promise<Committed> {
    if (this.closed || this.isEnded) throw new StoreUnavailable('the event store is closed');
    if (this.waitingBytes > this.options.waitingBytesMax) {
      throw new StoreUnavailable(`${this.waiting.size} units wait for the disk already; this one was not written`);
    }
    return new Promise((resolve, reject) => {
      this.nextId += 1;
      this.waiting.set(this.nextId, { unit, writtenAtUs, sinceMs: performance.now(), resolve, reject });
      this.waitingBytes += unit.sizeBytes;
      this.post(packUnit({ id: this.nextId, writtenAtUs, index }, unit));
    });
  }

  /** Finishes what was handed over, then ends the thread and gives the folder back. */
  close(): Promise<void> {
    this.closed ??= new Promise<void>((resolve) => {
      // A head that cannot be signed must not keep the process alive for ever.
      const takeBack = patiently(this.options.commitTimeoutMs, resolve);
      this.signalClosed = () => {
        takeBack();
        resolve();
      };
      if (this.isEnded) this.signalClosed();
      this.post('close');
    }).then(async () => {
      clearInterval(this.lateCheck);
      this.rejectAll(new StoreUnavailable('the event store was closed'));
      await this.worker.terminate();
    });
    return this.closed;
  }

  private receive(message: FromWriter): void {
    switch (message.kind) {
      case 'opened':
        this.isOpen = true;
        this.settleOpened.resolve(message);
        return;
      case 'sign':
        void this.sign(message.text);
        return;
      case 'group':
        this.options.covered(message.head, message.verdicts.length / 2);
        this.answer(message.verdicts);
        return;
      case 'failed':
        this.refuse(message.ids, message.fault);
        return;
      case 'closed':
        this.signalClosed();
    }
  }

  private answer(verdicts: Verdicts): void {
    for (let i = 0; i < verdicts.length; i += 2) {
      const [id, verdict] = [verdicts[i] as number, verdicts[i + 1] as number];
      const waiting = this.take(id);
      if (!waiting) continue;
      if (verdict < 0) {
        waiting.reject(refusalOf(waiting, -1 - verdict));
        continue;
      }
      const committed = committedOf(waiting, verdict);
      this.options.committed(committed);
      waiting.resolve(committed);
    }
  }

  private refuse(ids: readonly number[], fault: Fault): void {
    const error = errorOf(fault);
    if (this.isOpen && error instanceof StoreUnavailable) for (const id of ids) this.take(id)?.reject(error);
    else this.fail(error);
  }

  private async sign(text: string): Promise<void> {
    for (let tried = 1; !this.isEnded; tried += 1) {
      try {
        const signature = await this.options.signHead(Buffer.from(text));
        this.post({ signature: new Uint8Array(signature) });
        return;
      } catch (error) {
        if (this.isEnded) return;
        this.options.signingFailed((error as Error).message);
        if (!this.isOpen && tried === SIGN_TRIES_AT_OPEN) {
          this.fail(error as Error);
          return;
        }
        await sleep(Math.min(10 * 2 ** tried, SIGN_PAUSE_MAX_MS), undefined, { ref: false });
      }
    }
  }

  private giveUpLate(): void {
    const [nowMs, beforeMs] = [performance.now(), this.lookedMs];
    this.lookedMs = nowMs;
    // Who stood still has not heard yet what was answered meanwhile.
    if (nowMs - beforeMs > 2 * LATE_CHECK_MS) return;
    for (const [id, { sinceMs }] of this.waiting) {
      if (nowMs - sinceMs < this.options.commitTimeoutMs) return;
      const late = 'the unit waited too long for the disk or the log key; it may still be committed';
      this.take(id)?.reject(new StoreUnavailable(late));
    }
  }

  private take(id: number): Waiting | undefined {
    const waiting = this.waiting.get(id);
    this.waiting.delete(id);
    this.waitingBytes -= waiting?.unit.sizeBytes ?? 0;
    return waiting;
  }

  private fail(error: Error): void {
    if (!this.isOpen) {
      this.settleOpened.reject(error);
      return;
    }
    this.rejectAll(error instanceof DamagedStore ? error : new StoreUnavailable(error.message));
    if (!this.closed) this.options.failed(error);
  }

  private rejectAll(error: Error): void {
    for (const id of [...this.waiting.keys()]) this.take(id)?.reject(error);
  }

  private post(message: ToWriter): void {
    this.worker.postMessage(message);
  }
}

function refusalOf({ unit }: Waiting, place: number): Error {
  const append = unit.appends[place];
  return append ? new RevisionConflict(append.stream) : new RangeError('another event comes next in the global order');
}

function committedOf({ unit, writtenAtUs }: Waiting, firstIndex: number): Committed {
  const position = BigInt(firstIndex + unit.eventCount - 1) as Position;
  const events: RecordedEvent[] = [];
  const revisions = new Map<string, Revision>();
  for (const { stream, expected, events: added } of unit.appends) {
    let number = typeof expected === 'bigint' ? Number(expected) : -1;
    for (const { type, version, data } of added) {
      number += 1;
      events.push({ stream, number, index: firstIndex + events.length, position, type, version, data, writtenAtUs });
    }
    revisions.set(stream, BigInt(number) as Revision);
  }
  return { position, events, revisions };
}
