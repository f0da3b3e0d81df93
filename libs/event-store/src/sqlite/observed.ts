/**
 * A folder as it lies there, for an auditor: no lock, so it may be in use on the same machine, and no checks, for what
 * is damaged is to be reported and passed over by whoever reads. Rows that cannot be read are returned as faults.
 */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { Statement } from 'better-sqlite3';
import type { Head } from '../checkpoint.js';
import { storedLeaf } from '../leaf.js';
import { HASH_BYTES } from '../tree.js';
import { readHeads } from './heads.js';
import { EVENT_COLUMNS, type ObservedRow, observedRow, type RawRow } from './rows.js';
import { checkSchema, type Db, EVENTS_FILE, HEADS_FILE, openDatabase } from './schema.js';

/** A row as it lies there, and whether its content gives its leaf hash. */
export interface WeighedRow extends ObservedRow {
  readonly isWhole: boolean;
}

/** Rows on their way between threads, in the form that is the cheapest to be cloned. */
export interface ObservedStretch {
  /** `PACKED` values for each row, those of `pack`. */
  readonly values: (string | number)[];
  /** The leaves of those rows that have one, one after the other. */
  readonly leaves: Uint8Array;
  /** The index to go on with; rows that are missing are left out. */
  readonly next: number;
}

const PACKED = 10;
/** Stands where a row has its number, if it cannot be read. */
const UNREADABLE = -1;

/** A row that is there and cannot be read. */
export interface UnreadableRow {
  readonly index: number;
  readonly fault: string;
}

const CACHE_KIB = 2 * 1024;
const STRETCH_EVENTS = 500;
const STRETCH_CHARS = 1024 * 1024;
const COLUMNS = EVENT_COLUMNS;

/** A connection, and which file it reads: another may take its place, when a backup is restored. */
interface Opened {
  readonly db: Db;
  readonly file: string;
  readonly stretchOf: Statement<[number, number]>;
  readonly one: Statement<[number]>;
}

export class ObservedFolder {
  private opened: Opened;

  /** @throws DamagedStore if there is no event store in the folder */
  constructor(private readonly folder: string) {
    this.opened = open(join(folder, EVENTS_FILE));
  }

  /** The heads in the folder, in the order of their slots; nobody has checked their signatures. @throws DamagedStore */
  heads(): Head[] {
    const path = join(this.folder, EVENTS_FILE);
    if (fileOf(path) !== this.opened.file) {
      this.opened.db.close();
      this.opened = open(path);
    }
    return readHeads(join(this.folder, HEADS_FILE));
  }

  /** Some rows from `first` on, of those before `end`. */
  stretch(first: number, end: number): ObservedStretch {
    const values: (string | number)[] = [];
    const leaves: Uint8Array[] = [];
    let chars = 0;
    let next = first;
    const take = (row: ObservedRow | UnreadableRow): void => {
      pack(row, values, leaves);
      next = row.index + 1;
      chars += 'text' in row ? row.text.length : 0;
    };
    try {
      for (const raw of this.opened.stretchOf.iterate(first, end)) {
        take(observed(raw as RawRow, next));
        if (values.length < PACKED * STRETCH_EVENTS && chars <= STRETCH_CHARS) continue;
        return { values, leaves: Buffer.concat(leaves), next };
      }
      return { values, leaves: Buffer.concat(leaves), next: end };
    } catch (error) {
      if (!isSqliteError(error)) throw error;
      take(this.single(next, error.message));
      return { values, leaves: Buffer.concat(leaves), next };
    }
  }

  close(): void {
    this.opened.db.close();
  }

  private single(index: number, fault: string): ObservedRow | UnreadableRow {
    try {
      const raw = this.opened.one.get(index) as RawRow | undefined;
      return raw ? observed(raw, index) : { index, fault };
    } catch (error) {
      if (!isSqliteError(error)) throw error;
      return { index, fault };
    }
  }
}

function open(path: string): Opened {
  const file = fileOf(path);
  const db = openDatabase(path, { mode: 'read', cacheKiB: CACHE_KIB });
  try {
    checkSchema(db);
    const stretchOf = db
      .prepare<[number, number]>(`SELECT ${COLUMNS} FROM events WHERE idx >= ? AND idx < ? ORDER BY idx`)
      .raw();
    return { db, file, stretchOf, one: db.prepare<[number]>(`SELECT ${COLUMNS} FROM events WHERE idx = ?`).raw() };
  } catch (error) {
    db.close();
    throw error;
  }
}

function fileOf(path: string): string {
  const file = statSync(path, { throwIfNoEntry: false });
  return file ? `${file.dev} ${file.ino}` : '';
}

function observed(raw: RawRow, expected: number): ObservedRow | UnreadableRow {
  const row = observedRow(raw);
  if (row?.leaf.length === HASH_BYTES) return row;
  const [index] = raw;
  return { index: Number.isSafeInteger(index) ? (index as number) : expected, fault: 'a column of the wrong kind' };
}

function pack(row: ObservedRow | UnreadableRow, values: (string | number)[], leaves: Uint8Array[]): void {
  if ('fault' in row) {
    values.push(row.index, row.fault, UNREADABLE, '', 0, '', 0, 0, 0, 0);
    return;
  }
  const { index, stream, number, type, version, text, writtenAtUs, unitFirst, unitLast, leaf } = row;
  const isWhole = Buffer.compare(storedLeaf(row), leaf) === 0 ? 1 : 0;
  values.push(index, stream, number, type, version, text, writtenAtUs, unitFirst, unitLast, isWhole);
  leaves.push(leaf);
}

/** The rows of a stretch, on the other side. */
export function unpacked({ values, leaves }: ObservedStretch): (WeighedRow | UnreadableRow)[] {
  const rows: (WeighedRow | UnreadableRow)[] = [];
  for (let at = 0, leaf = 0; at < values.length; at += PACKED) {
    const index = values[at] as number;
    if (values[at + 2] === UNREADABLE) {
      rows.push({ index, fault: values[at + 1] as string });
      continue;
    }
    rows.push({
      index,
      stream: values[at + 1] as string,
      number: values[at + 2] as number,
      type: values[at + 3] as string,
      version: values[at + 4] as number,
      text: values[at + 5] as string,
      writtenAtUs: values[at + 6] as number,
      unitFirst: values[at + 7] as number,
      unitLast: values[at + 8] as number,
      isWhole: values[at + 9] === 1,
      leaf: leaves.subarray(leaf, leaf + HASH_BYTES),
    });
    leaf += HASH_BYTES;
  }
  return rows;
}

const isSqliteError = (error: unknown): error is Error & { code: string } =>
  error instanceof Error && String((error as { code?: unknown }).code).startsWith('SQLITE_');
