import type { Head } from '../checkpoint.js';
import type { CommittedUnit, Position, ReadStream, StreamPage } from '../port.js';
import type { ReaderOps } from './reader.js';
import { Readers, startReader } from './readers.js';
import { CHECK_ALL_MAX } from './recovery.js';
import { type ScrubOptions, scrub } from './scrub.js';
import type { Thread } from './thread.js';

export interface SqliteReaderOptions {
  /** A folder that nobody serves: a copy, a backup, or the one of a stopped exchange. */
  readonly folder: string;
  readonly origin?: string;
  /** Without it the head's signature is not checked here: whoever finds the key in the ledger checks `head().note`. */
  readonly logPub?: Uint8Array;
  readonly checkAllMax?: number;
}

/**
 * Opens a folder to read it, and keeps it locked meanwhile. Events that the newest head does not cover are passed over.
 * @throws DamagedStore, FolderInUse
 */
export async function openSqliteReader(options: SqliteReaderOptions): Promise<SqliteReader> {
  const { folder, origin, logPub, checkAllMax = CHECK_ALL_MAX } = options;
  const alone = { checkAllMax, ...(origin === undefined ? {} : { origin }), ...(logPub ? { logPub } : {}) };
  const guard = startReader({ folder, alone }, () => {});
  const scans = startReader({ folder }, () => {});
  try {
    const head = await guard.ask('open');
    if (!head) throw new Error('a folder opened alone has a head');
    await scans.ask('open');
    return new SqliteReader(guard, scans, head);
  } catch (error) {
    await Promise.all([scans.close(), guard.close()]);
    throw error;
  }
}

/** A stopped store, as far as its newest signed head covers it. */
export class SqliteReader {
  private readonly readers: Readers;

  constructor(
    private readonly guard: Thread<ReaderOps>,
    scans: Thread<ReaderOps>,
    private readonly newest: Head,
  ) {
    this.readers = new Readers(guard, scans, () => newest.size);
  }

  head(): Head {
    return this.newest;
  }

  readStream(stream: string, options: ReadStream = {}): Promise<StreamPage> {
    return this.readers.readStream(stream, options);
  }

  readAll(after: Position): AsyncGenerator<CommittedUnit> {
    return this.readers.readAll(after);
  }

  async lastPosition(): Promise<Position> {
    return BigInt(this.newest.size - 1) as Position;
  }

  /** The position after which `readAll` begins with the unit of event `index`; the last one if there is none. */
  positionBefore(index: number): Promise<Position> {
    return this.readers.positionBefore(index);
  }

  inclusionProof(index: number, size: number): Promise<Uint8Array[]> {
    return this.readers.inclusionProof(index, size);
  }

  consistencyProof(from: number, to: number): Promise<Uint8Array[]> {
    return this.readers.consistencyProof(from, to);
  }

  /** Checks all of it. @returns whether it came to the end @throws DamagedStore */
  scrub(options: ScrubOptions = {}): Promise<boolean> {
    return scrub(this.guard, this.newest, { share: 1, ...options });
  }

  close(): Promise<void> {
    return this.readers.close();
  }
}
