/** Files of views on the disk: opened with their schema, copied while they serve, put in each other's place. */
import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Position, START } from '@florin/event-store';
import Database from 'better-sqlite3';
import type { Checkpoint, Tip } from './batch.js';
import type { AnyView } from './view.js';

/** `live` serves and outlives its process; `scratch` is thrown away if anything goes wrong. */
export type FileMode = 'live' | 'scratch';

const CHECKPOINTS = `
  CREATE TABLE checkpoints (
    view TEXT PRIMARY KEY,
    schema TEXT NOT NULL, -- version and CREATE statements that the view's tables were made with
    position INTEGER NOT NULL,
    events INTEGER NOT NULL,
    tip TEXT
  ) STRICT, WITHOUT ROWID;`;

const PRAGMAS: { readonly [M in FileMode]: readonly string[] } = {
  // Views can be built anew at any time, so a power cut may cost the last batches.
  live: ['journal_mode = WAL', 'synchronous = NORMAL', 'wal_autocheckpoint = 4000', 'cache_size = -4096'],
  scratch: ['journal_mode = OFF', 'synchronous = OFF', 'cache_size = -65536'],
};

/**
 * Opens a file of exactly these views. One that is damaged, or was made for others, is replaced by an empty one: its
 * content can be had from the events again, and nowhere else is anything lost by it.
 * @throws Error if the file can be neither opened nor made
 */
export function openDatabase(path: string, mode: FileMode, views: readonly AnyView[]): Database.Database {
  const db = openAsItIs(path, mode, views);
  if (db) return db;
  removeDatabase(path);
  const fresh = connect(path, mode);
  fresh.transaction(() => {
    fresh.exec(CHECKPOINTS);
    for (const view of views) createView(fresh, view);
  })();
  return fresh;
}

/** Drops what the view has, if anything, and lets it begin at the first event. */
export function resetView(db: Database.Database, view: AnyView, tables: readonly string[]): void {
  for (const table of tables) db.exec(`DROP TABLE ${table}`);
  db.prepare('DELETE FROM checkpoints WHERE view = ?').run(view.name);
  createView(db, view);
}

interface CheckpointRow {
  view: string;
  position: bigint;
  events: bigint;
  tip: string | null;
}

/** By name of the view. */
export function readCheckpoints(db: Database.Database): Map<string, Checkpoint> {
  const rows = db
    .prepare<[], CheckpointRow>('SELECT view, position, events, tip FROM checkpoints')
    .safeIntegers()
    .all();
  return new Map(
    rows.map(({ view, position, events, tip }) => {
      const place = { position: position as Position, events: Number(events) };
      return [view, tip === null ? place : { ...place, tip: JSON.parse(tip) as Tip }];
    }),
  );
}

/** Copies a file as it is at one moment; the owner of the original may go on writing. */
export function copyDatabase(from: string, to: string): void {
  removeDatabase(to);
  using(new Database(from, { readonly: true, fileMustExist: true }), (db) => db.prepare('VACUUM INTO ?').run(to));
}

/** The checkpoints of a file that nobody has open. */
export const checkpointsOf = (path: string): Map<string, Checkpoint> =>
  using(new Database(path, { readonly: true, fileMustExist: true }), readCheckpoints);

function using<Result>(db: Database.Database, work: (db: Database.Database) => Result): Result {
  try {
    return work(db);
  } finally {
    db.close();
  }
}

/** Puts a closed file in the place of another closed one, so that a crash leaves either. */
export function replaceDatabase(path: string, by: string): void {
  // A log that belongs to the old file would be played into the new one.
  if (existsSync(`${path}-wal`)) throw new Error(`${path} is still open elsewhere`);
  sync(by);
  renameSync(by, path);
  sync(dirname(path));
}

/** Removes a closed database and what lies beside it. */
export function removeDatabase(path: string): void {
  for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(`${path}${suffix}`, { force: true });
}

function openAsItIs(path: string, mode: FileMode, views: readonly AnyView[]): Database.Database | undefined {
  if (!existsSync(path)) return undefined;
  let db: Database.Database | undefined;
  try {
    db = connect(path, mode);
    const made = db.prepare('SELECT view, schema FROM checkpoints ORDER BY view').raw().all();
    const wanted = views.map((view) => [view.name, schemaOf(view)]).sort();
    if (JSON.stringify(made) === JSON.stringify(wanted)) return db;
  } catch (error) {
    // What is no database, or one without our tables; a disk that cannot be read is another matter.
    const code = error instanceof Database.SqliteError ? error.code : '';
    if (!/^SQLITE_(NOTADB|CORRUPT|ERROR)/.test(code)) throw error;
  }
  db?.close();
  return undefined;
}

function connect(path: string, mode: FileMode): Database.Database {
  let db: Database.Database;
  try {
    db = new Database(path);
  } catch (error) {
    throw new Error(`${path} can be neither opened nor made: ${(error as Error).message}`);
  }
  try {
    for (const pragma of PRAGMAS[mode]) db.pragma(pragma);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

function createView(db: Database.Database, view: AnyView): void {
  db.exec(view.schema);
  db.prepare('INSERT INTO checkpoints VALUES (?, ?, ?, 0, NULL)').run(view.name, schemaOf(view), START);
}

const schemaOf = ({ version, schema }: AnyView): string => `version ${version}\n${schema}`;

function sync(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
