import { closeSync, fsyncSync, openSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Head, NoteVerifier } from '../checkpoint.js';
import { makeFolder } from '../folder.js';
import { pageRange } from '../page.js';
import { DamagedStore, type ReadStream } from '../port.js';
import { consistencyProof, inclusionProof } from '../tree.js';
import { HeadFile, newestOf, readHeads, syncFolder } from './heads.js';
import { lockFolder } from './lock.js';
import { checkCovered, cutTail } from './recovery.js';
import { checkedRow, EVENT_COLUMNS, type PackedRows, packRow, type RawRow, UnitWalk } from './rows.js';
import { type Db, EVENTS_FILE, HEADS_FILE, openDatabase } from './schema.js';
import { StoredTree } from './stored-tree.js';
import { StoreCheck } from './verify.js';

export interface ReaderData {
  readonly folder: string;
  /**
   * Set if no writer of this process has checked and locked the folder: the reader does both. Without a key the head's
   * signature is left to whoever asks for the head.
   */
  readonly alone?: { readonly origin?: string; readonly logPub?: Uint8Array; readonly checkAllMax: number };
}

/** Events of a stream on their way to the main thread. */
export interface PackedPage {
  readonly rows: PackedRows;
  /** Events in the stream as far as the head covers it. */
  readonly length: number;
  /** Logical number of the last event returned, or what it would be; see `PageRange`. */
  readonly last: number;
  readonly complete: boolean;
}

/** Events of the whole store, units whole. */
export interface PackedStretch {
  readonly rows: PackedRows;
  readonly lastIndex: number;
}

const PAGE_EVENTS = 1_000;
/** Where a page ends early; one event or unit may be larger. */
const PAGE_CHARS = 1024 * 1024;
const CACHE_KIB = 4 * 1024;

/**
 * One connection that reads. `size` in its questions is the number of events that the head covers: what lies beyond
 * is being written and does not exist yet for anybody.
 */
export class ReaderSide {
  private db!: Db;
  private lock: Db | undefined;
  private tree!: StoredTree;
  private statements!: ReturnType<typeof prepare>;
  private inSnapshot!: (read: () => PackedPage) => PackedPage;
  check!: StoreCheck;

  constructor(private readonly data: ReaderData) {}

  /** @returns the newest head, if the folder was checked for it @throws DamagedStore, FolderInUse */
  open(): Head | undefined {
    const { folder, alone } = this.data;
    if (!alone) {
      this.use(openDatabase(join(folder, EVENTS_FILE), { mode: 'read', cacheKiB: CACHE_KIB }));
      return undefined;
    }
    const { origin, logPub, checkAllMax } = alone;
    this.lock = lockFolder(folder);
    try {
      const heads = readHeads(join(folder, HEADS_FILE));
      const head = newestOf(heads);
      if (origin !== undefined && head.origin !== origin) throw new DamagedStore(`the ledger is ${head.origin}'s`);
      if (logPub) readHeads(join(folder, HEADS_FILE), new NoteVerifier(head.origin, logPub));
      this.use(openDatabase(join(folder, EVENTS_FILE), { mode: 'read', cacheKiB: CACHE_KIB }));
      checkCovered(this.db, head, checkAllMax);
      return head;
    } catch (error) {
      this.close();
      throw error;
    }
  }

  close(): void {
    this.db?.close();
    this.lock?.close();
  }

  readStream(stream: string, options: ReadStream, size: number): PackedPage {
    return this.inSnapshot(() => {
      const length = this.coveredLength(stream, size);
      const { first, last, complete } = pageRange(length, options, PAGE_EVENTS);
      const rows: PackedRows = [];
      let [number, chars] = [options.backward ? last : first, 0];
      const step = options.backward ? -1 : 1;
      const statement = options.backward ? this.statements.backward : this.statements.forward;
      for (const raw of last < first ? [] : statement.iterate(stream, first, last)) {
        const row = checkedRow(raw as RawRow);
        if (row.stream !== stream || row.number !== number) break;
        packRow(rows, row);
        number += step;
        chars += row.text.length;
        if (chars > PAGE_CHARS) return cutShort({ rows, length, number, step, range: { first, last, complete } });
      }
      if (last >= first && number !== (options.backward ? first - 1 : last + 1)) {
        throw new DamagedStore(`event ${number} of ${stream} is missing`);
      }
      return { rows, length, last, complete };
    });
  }

  readAll(after: number, size: number): PackedStretch {
    const rows: PackedRows = [];
    const walk = new UnitWalk(after + 1);
    let [lastIndex, chars, count, whole] = [after, 0, 0, true];
    for (const raw of this.statements.all.iterate(after, size)) {
      const row = checkedRow(raw as RawRow);
      whole = walk.step(row);
      packRow(rows, row);
      [lastIndex, chars, count] = [row.index, chars + row.text.length, count + 1];
      if (whole && (count >= PAGE_EVENTS || chars > PAGE_CHARS)) return { rows, lastIndex };
    }
    if (lastIndex !== size - 1 || !whole) throw new DamagedStore(`event ${lastIndex + 1} is missing`);
    return { rows, lastIndex };
  }

  /** Index of the first event of the unit that event `index` is part of. */
  unitFirst(index: number): number {
    for (const raw of this.statements.all.iterate(index - 1, index + 1)) return checkedRow(raw as RawRow).unitFirst;
    throw new DamagedStore(`event ${index} is missing`);
  }

  /** When the last of `size` events was written: whole microseconds since 1970. */
  writtenAtUs(size: number): number {
    for (const raw of this.statements.all.iterate(size - 2, size)) return checkedRow(raw as RawRow).writtenAtUs;
    throw new DamagedStore(`event ${size - 1} is missing`);
  }

  inclusionProof(index: number, size: number): Uint8Array[] {
    return inclusionProof(index, size, this.tree.node);
  }

  consistencyProof(from: number, to: number): Uint8Array[] {
    return consistencyProof(from, to, this.tree.node);
  }

  checkTree(size: number, root: Uint8Array): void {
    this.check.tiles(size);
    this.check.root({ size, root });
  }

  /** Copies the database as it is, cuts the copy to what `note` covers, and puts the note beside it. */
  async backup(target: string, note: string, size: number): Promise<void> {
    makeFolder(target);
    if (readdirSync(target).length > 0) throw new RangeError(`${target} is not empty`);
    const path = join(target, EVENTS_FILE);
    // The open transaction keeps the copy at one moment, however long it takes.
    this.db.exec('BEGIN');
    this.db.prepare('SELECT max(idx) FROM events').get();
    await this.db.backup(path, { progress: () => BACKUP_PAGES }).finally(() => this.db.exec('COMMIT'));
    const copy = openDatabase(path, { mode: 'write', cacheKiB: CACHE_KIB });
    cutTail(copy, size, true);
    copy.pragma('wal_checkpoint(TRUNCATE)');
    copy.close();
    const fd = openSync(path, 'r+');
    fsyncSync(fd);
    closeSync(fd);
    HeadFile.create(join(target, HEADS_FILE), note);
    syncFolder(target);
  }

  private use(db: Db): void {
    this.db = db;
    this.tree = new StoredTree(db);
    this.check = new StoreCheck(db, this.tree);
    this.statements = prepare(db);
    this.inSnapshot = db.transaction((read: () => PackedPage) => read());
  }

  /**
   * How many events of a stream the head covers. The streams table and the index must say the same about its end: a
   * lost index entry or table row must not make a stream shorter than it is.
   */
  private coveredLength(stream: string, size: number): number {
    const known = this.statements.streamRow.get(stream) as unknown[] | undefined;
    const found = this.statements.streamEnd.get(stream) as unknown[] | undefined;
    if (JSON.stringify(known) !== JSON.stringify(found)) {
      throw new DamagedStore(`the stream ${stream} does not end where it should`);
    }
    if (!known) return 0;
    const [number, index] = known as [number, number];
    if (index < size) return number + 1;
    const covered = this.statements.coveredEnd.get(stream, size) as number | undefined;
    return covered === undefined ? 0 : covered + 1;
  }
}

const BACKUP_PAGES = 4_096;

function prepare(db: Db) {
  const ofStream = `SELECT ${EVENT_COLUMNS} FROM events WHERE stream = ? AND number BETWEEN ? AND ? ORDER BY number`;
  return {
    forward: db.prepare<[string, number, number]>(ofStream).raw(),
    backward: db.prepare<[string, number, number]>(`${ofStream} DESC`).raw(),
    all: db
      .prepare<[number, number]>(`SELECT ${EVENT_COLUMNS} FROM events WHERE idx > ? AND idx < ? ORDER BY idx`)
      .raw(),
    streamRow: db.prepare<[string]>('SELECT last_number, last_index FROM streams WHERE name = ?').raw(),
    streamEnd: db
      .prepare<[string]>('SELECT number, idx FROM events WHERE stream = ? ORDER BY number DESC LIMIT 1')
      .raw(),
    coveredEnd: db
      .prepare<[string, number]>('SELECT number FROM events WHERE stream = ? AND idx < ? ORDER BY number DESC LIMIT 1')
      .pluck(),
  };
}

function cutShort(page: {
  rows: PackedRows;
  length: number;
  number: number;
  step: number;
  range: { first: number; last: number; complete: boolean };
}): PackedPage {
  const { rows, length, number, step, range } = page;
  const ended = step > 0 ? number > range.last : number < range.first;
  const last = step > 0 ? number - 1 : range.last;
  return { rows, length, last, complete: ended && range.complete };
}
