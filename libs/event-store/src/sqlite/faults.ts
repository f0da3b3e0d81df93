/** How an error crosses from a worker to the main thread, and what an error of SQLite means for the store. */
import { DamagedStore, StoreUnavailable, UnknownPosition } from '../port.js';
import { FolderInUse } from './lock.js';

export interface Fault {
  /**
   * `damaged`: never serve again; `unavailable`: try later; `disk`: the disk failed, nobody knows what is durable, so
   * the process must end; `other`: carries the class of the error.
   */
  readonly kind: 'damaged' | 'unavailable' | 'disk' | 'other';
  readonly name: string;
  readonly message: string;
}

/** The disk failed while something was made durable. */
export class DiskFailure extends Error {
  override readonly name = 'DiskFailure';
}

const PASSED_ON = [RangeError, UnknownPosition, FolderInUse];
/** Codes of SQLite that say "later", and those that say that the file is not as we wrote it. */
const LATER = /^SQLITE_(BUSY|LOCKED|FULL|NOMEM|INTERRUPT)/;
const DAMAGED = /^SQLITE_(CORRUPT|NOTADB|FORMAT|SCHEMA|ERROR|CONSTRAINT|MISMATCH|TOOBIG)/;

export function faultOf(error: unknown): Fault {
  const { name, message, code } = error as { name: string; message: string; code?: unknown };
  return { kind: kindOf(error, code), name, message };
}

function kindOf(error: unknown, code: unknown): Fault['kind'] {
  if (error instanceof DamagedStore) return 'damaged';
  if (error instanceof StoreUnavailable) return 'unavailable';
  if (typeof code !== 'string') return 'other';
  if (LATER.test(code)) return 'unavailable';
  if (DAMAGED.test(code)) return 'damaged';
  // SQLite's failures of the disk, and what Node's own file functions report for the head file.
  return /^(SQLITE_IOERR|E[A-Z]+$)/.test(code) ? 'disk' : 'other';
}

export function errorOf({ kind, name, message }: Fault): Error {
  switch (kind) {
    case 'damaged':
      return new DamagedStore(message);
    case 'unavailable':
      return new StoreUnavailable(message);
    case 'disk':
      return new DiskFailure(message);
    case 'other': {
      const Known = PASSED_ON.find((known) => known.name === name);
      return Known ? new Known(message) : new Error(message);
    }
  }
}
