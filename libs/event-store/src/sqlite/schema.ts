import { closeSync, existsSync, openSync, readSync, statSync } from 'node:fs';
import Database from 'better-sqlite3';
import { DamagedStore } from '../port.js';

export type Db = Database.Database;

export const EVENTS_FILE = 'events.db';
export const HEADS_FILE = 'heads';

/** Leaves under one stored subtree hash, and subtree hashes under one of the next level. */
export const TILE = 256;
export const TILE_HEIGHT = 8;

/**
 * - `events` holds one row per event, its key the global index, dense from 0. `unit_first`, `unit_last` and `unit_size`
 *   say the same thing twice, so that a rotten bit in one of them shows. `leaf` is the hash over the other columns.
 * - `streams` says how far each stream reaches: what the index `events_by_stream` must agree with.
 * - `tiles` holds the root of every complete subtree of 256^level leaves.
 */
const SCHEMA = `
CREATE TABLE events (
  idx INTEGER PRIMARY KEY,
  stream TEXT NOT NULL,
  number INTEGER NOT NULL,
  type TEXT NOT NULL,
  version INTEGER NOT NULL,
  data TEXT NOT NULL,
  written_at_us INTEGER NOT NULL,
  unit_first INTEGER NOT NULL,
  unit_last INTEGER NOT NULL,
  unit_size INTEGER NOT NULL,
  leaf BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX events_by_stream ON events (stream, number);
CREATE TABLE streams (
  name TEXT PRIMARY KEY,
  last_number INTEGER NOT NULL,
  last_index INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE tiles (
  level INTEGER NOT NULL,
  number INTEGER NOT NULL,
  hash BLOB NOT NULL,
  PRIMARY KEY (level, number)
) STRICT, WITHOUT ROWID;
`;

/** "Florin 1": what `file` and SQLite tools show of `events.db`. */
const APPLICATION_ID = 0x464c5231;
const SCHEMA_VERSION = 1;
const BUSY_MS = 5_000;
/** How `events.db` begins: SQLite's mark, pages of 4 KiB, written and read with a log. */
const HEADER = Buffer.from('SQLite format 3\0\x10\x00\x02\x02', 'latin1');

export interface OpenDatabase {
  readonly mode: 'create' | 'write' | 'read';
  /** Page cache of this connection. */
  readonly cacheKiB: number;
}

/**
 * Opens `events.db`. A commit is on the disk when `COMMIT` returns: SQLite's own default in WAL mode is weaker. The
 * file is never mapped into memory, where a truncated file would kill the process.
 * @throws DamagedStore if there is no database, or one that does not use a log, which all of ours do
 */
export function openDatabase(path: string, { mode, cacheKiB }: OpenDatabase): Db {
  if (mode !== 'create') checkHeader(path);
  const db = new Database(path, { fileMustExist: mode !== 'create', readonly: mode === 'read', timeout: BUSY_MS });
  try {
    if (mode === 'create') {
      db.pragma('page_size = 4096');
      db.pragma('journal_mode = WAL');
    }
    db.pragma('synchronous = FULL');
    db.pragma('fullfsync = ON');
    db.pragma('checkpoint_fullfsync = ON');
    db.pragma('mmap_size = 0');
    db.pragma(`cache_size = -${cacheKiB}`);
    db.pragma('cell_size_check = ON');
    db.pragma('trusted_schema = OFF');
    db.pragma('temp_store = MEMORY');
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/**
 * Refuses what SQLite would take for a new database, whose log, if there is one, it throws away; and a header that
 * makes
 * it pass over the log or open the file for reading only.
 */
function checkHeader(path: string): void {
  if (!existsSync(path)) throw new DamagedStore(`${path} is missing`);
  const header = Buffer.alloc(HEADER.length);
  const fd = openSync(path, 'r');
  readSync(fd, header, 0, header.length, 0);
  closeSync(fd);
  if (!header.equals(HEADER)) throw new DamagedStore(`${path} does not begin like a database with a log`);
}

function createSchema(db: Db): void {
  db.transaction(() => {
    db.exec(SCHEMA);
    db.pragma(`application_id = ${APPLICATION_ID}`);
    db.pragma(`user_version = ${SCHEMA_VERSION}`);
  })();
}

/**
 * Makes the database of a folder that has no heads yet: it is new, or was left half-made by a crash.
 * @throws DamagedStore if there is more than that, and then nothing is changed
 */
export function createDatabase(path: string): void {
  const isThere = existsSync(path) && statSync(path).size > 0;
  if (!isThere && existsSync(`${path}-wal`)) throw new DamagedStore(`${path} is missing or empty, its log is there`);
  if (isThere) checkUnused(path);
  const db = openDatabase(path, { mode: 'create', cacheKiB: 0 });
  try {
    if (tablesOf(db).length === 0) createSchema(db);
  } finally {
    db.close();
  }
}

function checkUnused(path: string): void {
  const db = new Database(path, { readonly: true, timeout: BUSY_MS });
  try {
    for (const { name, type } of tablesOf(db)) {
      if (type === 'table' && db.prepare(`SELECT 1 FROM "${name}" LIMIT 1`).get()) {
        throw new DamagedStore('the heads are missing, but there are events');
      }
    }
  } finally {
    db.close();
  }
}

/** @throws DamagedStore unless the tables are exactly those of this version */
export function checkSchema(db: Db): void {
  const version = db.pragma('user_version', { simple: true });
  if (db.pragma('application_id', { simple: true }) !== APPLICATION_ID || version !== SCHEMA_VERSION) {
    throw new DamagedStore(`events.db is no event store of version ${SCHEMA_VERSION}`);
  }
  const model = new Database(':memory:');
  model.exec(SCHEMA);
  const expected = tablesOf(model);
  model.close();
  if (JSON.stringify(tablesOf(db)) !== JSON.stringify(expected)) {
    throw new DamagedStore('the table definitions in events.db have changed');
  }
}

function tablesOf(db: Db): { type: string; name: string; tbl_name: string; sql: string | null }[] {
  return db.prepare('SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY name').all() as never;
}
