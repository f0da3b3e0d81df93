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

export interface OpenDatabase {
  readonly mode: 'create' | 'write' | 'read';
  /** Page cache of this connection. */
  readonly cacheKiB: number;
}

/**
 * Opens `events.db`. A commit is on the disk when `COMMIT` returns: SQLite's own default in WAL mode is weaker. The
 * file is never mapped into memory, where a truncated file would kill the process.
 */
export function openDatabase(path: string, { mode, cacheKiB }: OpenDatabase): Db {
  const db = new Database(path, { fileMustExist: mode !== 'create', readonly: mode === 'read', timeout: BUSY_MS });
  try {
    if (mode !== 'read') db.pragma('journal_mode = WAL');
    db.pragma('synchronous = FULL');
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

export function createSchema(db: Db): void {
  db.transaction(() => {
    db.exec(SCHEMA);
    db.pragma(`application_id = ${APPLICATION_ID}`);
    db.pragma(`user_version = ${SCHEMA_VERSION}`);
  })();
}

/** Whether nothing was ever created in this database. */
export function isBlank(db: Db): boolean {
  return schemaOf(db) === '[]' && db.pragma('user_version', { simple: true }) === 0;
}

/** @throws DamagedStore unless the tables are exactly those of this version */
export function checkSchema(db: Db): void {
  const version = db.pragma('user_version', { simple: true });
  if (db.pragma('application_id', { simple: true }) !== APPLICATION_ID || version !== SCHEMA_VERSION) {
    throw new DamagedStore(`events.db is no event store of version ${SCHEMA_VERSION}`);
  }
  const model = new Database(':memory:');
  model.exec(SCHEMA);
  const expected = schemaOf(model);
  model.close();
  if (schemaOf(db) !== expected) throw new DamagedStore('the table definitions in events.db have changed');
}

function schemaOf(db: Db): string {
  return JSON.stringify(db.prepare('SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY name').all());
}
