/**
 * A folder as it lies there, for an auditor: no lock, so it may be in use on the same machine, and no checks, for what
 * is damaged is to be reported and passed over by whoever reads. Rows that cannot be read are returned as faults.
 */
import { join } from 'node:path';
import type { Head } from '../checkpoint.js';
import { readHeads } from './heads.js';
import { EVENT_COLUMNS, type RawRow } from './rows.js';
import { checkSchema, type Db, EVENTS_FILE, HEADS_FILE, openDatabase } from './schema.js';

/** A row of `events` that has columns of the right kinds; whether it is true is not looked at. */
export interface ObservedRow {
  readonly index: number;
  readonly stream: string;
  readonly number: number;
  readonly type: string;
  readonly version: number;
  /** The data as it is stored. */
  readonly text: string;
  readonly writtenAtUs: number;
  readonly unitFirst: number;
  readonly unitLast: number;
  /** 32 bytes: the hash that the tree holds for this event. */
  readonly leaf: Uint8Array;
}

/** A row that is there and cannot be read. */
export interface UnreadableRow {
  readonly index: number;
  readonly fault: string;
}

const CACHE_KIB = 8 * 1024;
const STRETCH_EVENTS = 2_000;
const STRETCH_CHARS = 2 * 1024 * 1024;
const COLUMNS = EVENT_COLUMNS;

export class ObservedFolder {
  private readonly db: Db;
  private readonly stretchOf;
  private readonly one;

  /** @throws DamagedStore if there is no event store in the folder */
  constructor(private readonly folder: string) {
    this.db = openDatabase(join(folder, EVENTS_FILE), { mode: 'read', cacheKiB: CACHE_KIB });
    checkSchema(this.db);
    this.stretchOf = this.db
      .prepare<[number, number]>(`SELECT ${COLUMNS} FROM events WHERE idx >= ? AND idx < ? ORDER BY idx`)
      .raw();
    this.one = this.db.prepare<[number]>(`SELECT ${COLUMNS} FROM events WHERE idx = ?`).raw();
  }

  /** The heads in the folder, in the order of their slots; nobody has checked their signatures. @throws DamagedStore */
  heads(): Head[] {
    return readHeads(join(this.folder, HEADS_FILE));
  }

  /**
   * Some rows from `first` on, of those before `end`.
   * @returns the rows, and the index to go on with; rows that are missing are left out
   */
  stretch(first: number, end: number): { rows: (ObservedRow | UnreadableRow)[]; next: number } {
    const rows: (ObservedRow | UnreadableRow)[] = [];
    let chars = 0;
    let next = first;
    try {
      for (const raw of this.stretchOf.iterate(first, end)) {
        const row = observed(raw as RawRow, next);
        rows.push(row);
        next = row.index + 1;
        chars += 'text' in row ? row.text.length : 0;
        if (rows.length >= STRETCH_EVENTS || chars > STRETCH_CHARS) return { rows, next };
      }
      return { rows, next: end };
    } catch (error) {
      if (!isSqliteError(error)) throw error;
      rows.push(this.single(next, error.message));
      return { rows, next: next + 1 };
    }
  }

  close(): void {
    this.db.close();
  }

  private single(index: number, fault: string): ObservedRow | UnreadableRow {
    try {
      const raw = this.one.get(index) as RawRow | undefined;
      return raw ? observed(raw, index) : { index, fault };
    } catch (error) {
      if (!isSqliteError(error)) throw error;
      return { index, fault };
    }
  }
}

function observed(raw: RawRow, expected: number): ObservedRow | UnreadableRow {
  const [index, stream, number, type, version, text, writtenAtUs, unitFirst, unitLast, , leaf] = raw;
  const counts = [index, number, version, writtenAtUs, unitFirst, unitLast];
  const texts = [stream, type, text];
  const isWhole =
    counts.every((value) => Number.isSafeInteger(value) && (value as number) >= 0) &&
    texts.every((value) => typeof value === 'string') &&
    leaf instanceof Uint8Array;
  if (!isWhole) {
    return { index: Number.isSafeInteger(index) ? (index as number) : expected, fault: 'a column of the wrong kind' };
  }
  const plain = { index, stream, number, type, version, text, writtenAtUs, unitFirst, unitLast };
  return { ...(plain as Omit<ObservedRow, 'leaf'>), leaf: new Uint8Array(leaf as Uint8Array) };
}

const isSqliteError = (error: unknown): error is Error & { code: string } =>
  error instanceof Error && String((error as { code?: unknown }).code).startsWith('SQLITE_');
