import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Head, NoteVerifier } from '../checkpoint.js';
import { makeFolder } from '../folder.js';
import { DamagedStore } from '../port.js';
import { Frontier } from '../tree.js';
import { faultOf } from './faults.js';
import { HeadFile, newestOf, readHeads, syncFolder } from './heads.js';
import { Journal } from './journal.js';
import { lockFolder } from './lock.js';
import { checkCovered, cutTail, type Tail } from './recovery.js';
import { createDatabase, type Db, EVENTS_FILE, HEADS_FILE, openDatabase } from './schema.js';

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
const CACHE_KIB = 8 * 1024;
/** A log that grew larger, because a backup read for long, is cut back to this. */
const LOG_BYTES_KEPT = 64 * 1024 * 1024;
const HINT =
  'The folder was left as it is and is not served: ' +
  'nobody could say whether what it holds is all that was acknowledged. ' +
  'Restore it from a backup, or find out who changed it';

/**
 * Takes the folder, makes it if it is new, checks it, and cuts what was never acknowledged.
 * @param sign makes the first head of a new ledger
 * @throws DamagedStore, FolderInUse
 */
export async function openFolder(
  { folder, origin, logPub, checkAllMax }: WriterData,
  sign: (frontier: Frontier) => Promise<Head>,
): Promise<OpenFolder> {
  makeFolder(folder);
  const undo: { close(): void }[] = [lockFolder(folder)];
  const close = (): void => {
    for (const opened of undo.splice(0).reverse()) opened.close();
  };
  try {
    const [eventsPath, headsPath] = [join(folder, EVENTS_FILE), join(folder, HEADS_FILE)];
    if (!existsSync(headsPath)) {
      createDatabase(eventsPath);
      HeadFile.create(headsPath, (await sign(Frontier.empty())).note);
      syncFolder(dirname(folder));
    }
    const found = readHeads(headsPath, new NoteVerifier(origin, logPub));
    const head = newestOf(found);
    // A folder that is refused stays as it is. The last connection that can write would fold the log into the database
    // when it is closed; one that cannot write, opened before it and closed after it, keeps the log where it is.
    const reader = openDatabase(eventsPath, { mode: 'read', cacheKiB: CACHE_KIB });
    undo.push(reader);
    const { frontier, tail } = checkCovered(reader, head, checkAllMax);
    const db = openDatabase(eventsPath, { mode: 'write', cacheKiB: CACHE_KIB });
    undo.push(db);
    // SQLite's automatic checkpoint would keep a failed fsync to itself.
    db.pragma('wal_autocheckpoint = 0');
    db.pragma(`journal_size_limit = ${LOG_BYTES_KEPT}`);
    if (tail.events > 0) cutTail(db, head.size, head.size <= checkAllMax);
    const heads = HeadFile.open(headsPath, found);
    undo.push(heads);
    undo.splice(undo.indexOf(reader), 1);
    reader.close();
    return { journal: new Journal(db, frontier), db, heads, head, cut: tail, close };
  } catch (error) {
    close();
    const { kind, message } = faultOf(error);
    throw kind === 'damaged' ? new DamagedStore(`${message}. ${HINT}`) : error;
  }
}
