import { readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import type { Db } from './schema.js';

/** Another process serves the folder, or this one does already. */
export class FolderInUse extends Error {
  override readonly name = 'FolderInUse';
}

/**
 * Takes the folder for this process. Node cannot lock files, SQLite can: an exclusive transaction on an empty database
 * holds a lock that dies with the process and that nobody can take twice.
 * @returns close it to give the folder back
 * @throws FolderInUse naming who holds it
 */
export function lockFolder(folder: string): Db {
  const lock = new Database(join(folder, 'lock.db'), { timeout: 0 });
  const holder = join(folder, 'lock.holder');
  try {
    lock.exec('BEGIN EXCLUSIVE');
    writeFileSync(holder, `process ${process.pid} on ${hostname()}`, { mode: 0o600 });
    return lock;
  } catch (error) {
    lock.close();
    if ((error as { code?: string }).code !== 'SQLITE_BUSY') throw error;
    throw new FolderInUse(`${folder} is in use by ${readHolder(holder)}: stop that first`);
  }
}

function readHolder(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return 'another process';
  }
}
