import { existsSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Head, NoteVerifier } from '../checkpoint.js';
import { DamagedStore } from '../port.js';
import { Frontier } from '../tree.js';
import { HeadFile, newestOf, readHeads, syncFolder } from './heads.js';
import { Journal } from './journal.js';
import { lockFolder } from './lock.js';
import { checkCovered, cutTail, type Tail } from './recovery.js';
import { createSchema, type Db, EVENTS_FILE, HEADS_FILE, isBlank, openDatabase } from './schema.js';

export interface WriterData {
  readonly folder: string;
  readonly origin: string;
  readonly logPub: Uint8Array;
  readonly checkAllMax: number;
}

/** A folder that was checked, is locked, and can be written to. */
export interface OpenFolder {
  readonly journal: Journal;
  readonly db: Db;
  readonly heads: HeadFile;
  readonly head: Head;
  /** What no head covered, and is gone. */
  readonly cut: Tail;
  close(): void;
}

/** Page cache of the writer. */
const CACHE_KIB = 16 * 1024;

/**
 * Takes the folder, makes it if it is new, checks it, and cuts what was never acknowledged.
 * @param sign makes the first head of a new ledger
 * @throws DamagedStore, FolderInUse
 */
export async function openFolder(
  { folder, origin, logPub, checkAllMax }: WriterData,
  sign: (frontier: Frontier) => Promise<Head>,
): Promise<OpenFolder> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const undo: { close(): void }[] = [lockFolder(folder)];
  const close = (): void => {
    for (const opened of undo.splice(0).reverse()) opened.close();
  };
  try {
    const [eventsPath, headsPath] = [join(folder, EVENTS_FILE), join(folder, HEADS_FILE)];
    const isNew = !existsSync(headsPath);
    if (!existsSync(eventsPath) && (!isNew || existsSync(`${eventsPath}-wal`))) {
      throw new DamagedStore(`${eventsPath} is missing: restore the folder from a backup`);
    }
    const db = openDatabase(eventsPath, { mode: isNew ? 'create' : 'write', cacheKiB: CACHE_KIB });
    undo.push(db);
    // SQLite's automatic checkpoint would keep a failed fsync to itself.
    db.pragma('wal_autocheckpoint = 0');
    if (isNew) await create(db, headsPath, sign);
    const found = readHeads(headsPath, new NoteVerifier(origin, logPub));
    const head = newestOf(found);
    const { frontier, tail } = checkCovered(db, head, checkAllMax);
    if (tail.events > 0) cutTail(db, head.size);
    const heads = HeadFile.open(headsPath, found);
    undo.push(heads);
    return { journal: new Journal(db, frontier), db, heads, head, cut: tail, close };
  } catch (error) {
    close();
    throw error;
  }
}

/** A folder without heads is new, or was left half-made by a crash. Its database must be empty. */
async function create(db: Db, headsPath: string, sign: (frontier: Frontier) => Promise<Head>): Promise<void> {
  if (isBlank(db)) createSchema(db);
  if (db.prepare('SELECT 1 FROM events LIMIT 1').get()) {
    throw new DamagedStore(`${headsPath} is missing, but there are events: restore the folder from a backup`);
  }
  const { note } = await sign(Frontier.empty());
  HeadFile.create(headsPath, note);
  syncFolder(dirname(dirname(headsPath)));
}
