/**
 * A folder as it lies there, for an auditor: no lock, so it may be in use on the same machine, and no checks, for what
 * is damaged is to be reported and passed over by whoever reads. Rows that cannot be read are returned as faults.
 */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { Statement } from 'better-sqlite3';
import type { Head } from '../checkpoint.js';
import { readHeads } from './heads.js';
import { EVENT_COLUMNS, type ObservedRow, observedRow, type RawRow } from './rows.js';
import { checkSchema, type Db, EVENTS_FILE, HEADS_FILE, openDatabase } from './schema.js';

/** A row that is there and cannot be read. */
export interface UnreadableRow {
  readonly index: number;
  readonly fault: string;
}

const CACHE_KIB = 8 * 1024;
const STRETCH_EVENTS = 2_000;
const STRETCH_CHARS = 2 * 1024 * 1024;
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

  /**
   * Some rows from `first` on, of those before `end`.
   * @returns the rows, and the index to go on with; rows that are missing are left out
   */
  stretch(first: number, end: number): { rows: (ObservedRow | UnreadableRow)[]; next: number } {
    const rows: (ObservedRow | UnreadableRow)[] = [];
    let chars = 0;
    let next = first;
    try {
      for (const raw of this.opened.stretchOf.iterate(first, end)) {
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
  if (row) return { ...row, leaf: new Uint8Array(row.leaf) };
  const [index] = raw;
  return { index: Number.isSafeInteger(index) ? (index as number) : expected, fault: 'a column of the wrong kind' };
}

const isSqliteError = (error: unknown): error is Error & { code: string } =>
  error instanceof Error && String((error as { code?: unknown }).code).startsWith('SQLITE_');
