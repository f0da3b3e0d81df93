import type { Head } from '../checkpoint.js';
import { Bell, follow } from '../follow.js';
import {
  type Committed,
  type CommittedUnit,
  DamagedStore,
  type EventStore,
  type Position,
  type ReadStream,
  type Revision,
  StoreUnavailable,
  type StreamAppend,
  type StreamPage,
} from '../port.js';
import type { StoreReport } from '../report.js';
import { appendsOf, firstOfUnit, prepareUnit } from '../unit.js';
import { DiskFailure } from './faults.js';
import { ORIGIN_BYTES_MAX } from './heads.js';
import type { ReaderOps } from './reader.js';
import { Readers, startReader } from './readers.js';
import { RecentUnits } from './recent.js';
import { CHECK_ALL_MAX } from './recovery.js';
import { type ScrubOptions, scrub } from './scrub.js';
import type { Thread } from './thread.js';
import { WriterThread } from './writer-thread.js';

export interface SqliteStoreOptions {
  /** Made if it does not exist, readable by its owner only. One process serves it at a time. */
  readonly folder: string;
  /** Names the log in its signed heads, up to 120 bytes without blanks: host of the base URL, slash, instance. */
  readonly origin: string;
  /** The log key, an Ed25519 public key of 32 bytes. */
  readonly logPub: Uint8Array;
  /** Signs the text of a head with the log key: 64 bytes. Asked again, with pauses, when it fails. */
  readonly signHead: (text: Uint8Array) => Promise<Uint8Array>;
  /** Whole microseconds since 1970. */
  readonly now: () => number;
  readonly onReport: (report: StoreReport) => void;
  /** Told how many units each group had that was made durable together. */
  readonly onGroup?: (units: number) => void;
  /** Ends the process when the disk has failed; must not return to work as before. */
  readonly abort?: () => void;
  /** After so long a commit answers StoreUnavailable; 15 s by default. */
  readonly commitTimeoutMs?: number;
  /** Units of so many bytes may wait for the disk; 64 MiB by default. */
  readonly waitingBytesMax?: number;
  /** A store with more events is checked at its end only when it starts; `scrub` does the rest. */
  readonly checkAllMax?: number;
}

/** EX_SOFTWARE of sysexits.h: a supervisor starts the process again, and the start checks what is on the disk. */
const EXIT_DISK_FAILURE = 70;

/**
 * Opens the embedded store, and checks it first.
 * @throws DamagedStore with a hint what to do; FolderInUse
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<SqliteStore> {
  if (Buffer.byteLength(options.origin) > ORIGIN_BYTES_MAX) {
    throw new RangeError(`the origin has more than ${ORIGIN_BYTES_MAX} bytes: ${options.origin}`);
  }
  const store = new SqliteStore(options);
  await store.open();
  return store;
}

/** The embedded store: one SQLite file, written by one thread and read by others. */
export class SqliteStore implements EventStore {
  private readonly writer: WriterThread;
  private readonly bell = new Bell();
  private readonly recent = new RecentUnits();
  private readers!: Readers;
  private newest!: Head;
  private failure: Error | undefined;
  private closing: Promise<void> | undefined;

  constructor(private readonly options: SqliteStoreOptions) {
    const { folder, origin, logPub, signHead, onReport, checkAllMax = CHECK_ALL_MAX } = options;
    this.writer = new WriterThread({
      data: { folder, origin, logPub: new Uint8Array(logPub), checkAllMax },
      signHead,
      commitTimeoutMs: options.commitTimeoutMs ?? 15_000,
      waitingBytesMax: options.waitingBytesMax ?? 64 * 1024 * 1024,
      signingFailed: (message) => onReport({ kind: 'signing-failed', message }),
      covered: (head, units) => {
        this.cover(head);
        options.onGroup?.(units);
      },
      committed: ({ position, events }) => this.recent.add({ position, events }),
      failed: (error) => this.fail(error),
    });
  }

  async open(): Promise<void> {
    const { head, cut } = await this.writer.open();
    this.newest = head;
    if (cut.events > 0) this.options.onReport({ kind: 'tail-cut', ...cut });
    const reader = () => startReader({ folder: this.options.folder }, (error) => this.fail(error));
    const [streams, scans] = [reader(), reader()];
    this.readers = new Readers(streams, scans, () => this.newest.size);
    try {
      await Promise.all([streams.ask('open'), scans.ask('open')]);
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  async commit(unit: readonly StreamAppend[]): Promise<Committed> {
    this.checkServing();
    return this.writer.commit(prepareUnit(unit), this.options.now());
  }

  /**
   * Commits a unit of another store as it is there, the writer's time included, so that the tree stays the same. Units
   * are handed in in global order, from the one at this store's end on; as many at a time as one likes.
   * @throws RangeError if the unit does not come next; RevisionConflict, InvalidUnit and others as `commit` does
   */
  async importUnit({ events }: CommittedUnit): Promise<Committed> {
    this.checkServing();
    const first = firstOfUnit(events);
    const appends = appendsOf(events, (_, number) => BigInt(number - 1) as Revision);
    return this.writer.commit(prepareUnit(appends), first.writtenAtUs, first.index);
  }

  readStream(stream: string, options: ReadStream = {}): Promise<StreamPage> {
    return this.guarded(() => this.readers.readStream(stream, options));
  }

  async *readAll(after: Position): AsyncGenerator<CommittedUnit> {
    this.checkServing();
    try {
      yield* this.readers.readAll(after);
    } catch (error) {
      throw this.noticed(error);
    }
  }

  subscribe(after: Position, signal: AbortSignal): AsyncGenerator<CommittedUnit> {
    return follow({ after, signal }, this.bell, (position) => this.newsAfter(position));
  }

  async lastPosition(): Promise<Position> {
    this.checkServing();
    return BigInt(this.newest.size - 1) as Position;
  }

  /** When the last event was written, in whole microseconds since 1970; undefined in an empty store. */
  lastWrittenAtUs(): Promise<number | undefined> {
    return this.guarded(() => this.readers.lastWrittenAtUs());
  }

  /** The position after which `readAll` begins with the unit of event `index`; the last one if there is none. */
  positionBefore(index: number): Promise<Position> {
    return this.guarded(() => this.readers.positionBefore(index));
  }

  /** The newest signed head of the tree over all committed events. */
  head(): Head {
    return this.newest;
  }

  /** Audit path of event `index` in the tree of the first `size` events, from the leaf upward. */
  inclusionProof(index: number, size: number): Promise<Uint8Array[]> {
    return this.guarded(() => this.readers.inclusionProof(index, size));
  }

  /** Proves that the tree of `from` events is a prefix of that of `to` events. */
  consistencyProof(from: number, to: number): Promise<Uint8Array[]> {
    return this.guarded(() => this.readers.consistencyProof(from, to));
  }

  /**
   * Checks everything that is covered now, in a thread of its own; reports the result. Damage ends all service.
   * @returns whether it came to the end @throws DamagedStore
   */
  scrub(options: ScrubOptions = {}): Promise<boolean> {
    return this.guarded(async () => {
      const head = this.newest;
      const finished = await this.withReader((thread) => scrub(thread, head, options));
      if (finished) this.options.onReport({ kind: 'scrubbed', events: head.size });
      return finished;
    });
  }

  /**
   * Copies the store to a new or empty folder while it runs: all that is committed now, with the head that covers it.
   * @returns that head
   */
  async backup(targetFolder: string): Promise<Head> {
    this.checkServing();
    const head = this.newest;
    // What fails here may be the other disk, so it does not end the service.
    await this.withReader((thread) => thread.ask('backup', targetFolder, head.note, head.size));
    return head;
  }

  /** Finishes the commits that were handed over, ends the subscriptions and gives the folder back. */
  close(): Promise<void> {
    this.closing ??= (async () => {
      this.bell.ring();
      await this.readers.close();
      // The last connection: SQLite folds its log into the database when it closes.
      await this.writer.close();
    })();
    return this.closing;
  }

  private async *newsAfter(position: Position): AsyncGenerator<CommittedUnit> {
    this.checkServing();
    yield* this.recent.after(position) ?? this.readAll(position);
  }

  private cover(head: Head): void {
    if (head.size === this.newest.size) return;
    this.newest = head;
    this.bell.ring();
  }

  private async withReader<T>(work: (thread: Thread<ReaderOps>) => Promise<T>): Promise<T> {
    const thread = startReader({ folder: this.options.folder }, () => {});
    try {
      await thread.ask('open');
      return await work(thread);
    } finally {
      await thread.close();
    }
  }

  private async guarded<T>(work: () => Promise<T>): Promise<T> {
    this.checkServing();
    try {
      return await work();
    } catch (error) {
      throw this.noticed(error);
    }
  }

  /** What is damaged for one reader is not served to anybody else. */
  private noticed(error: unknown): unknown {
    if (error instanceof DamagedStore || error instanceof DiskFailure) this.fail(error);
    return error;
  }

  private fail(error: Error): void {
    if (this.failure || this.closing) return;
    this.failure = error;
    const kind = error instanceof DamagedStore ? 'damaged' : 'failed';
    this.options.onReport({ kind, message: error.message });
    this.bell.ring();
    if (kind === 'failed') (this.options.abort ?? (() => process.exit(EXIT_DISK_FAILURE)))();
  }

  private checkServing(): void {
    if (this.failure instanceof DamagedStore) throw this.failure;
    if (this.failure) throw new StoreUnavailable(this.failure.message);
    if (this.closing) throw new StoreUnavailable('the event store is closed');
  }
}
