/**
 * The file beside the database that says how far the ledger reaches: two slots of 512 bytes, each a whole signed
 * checkpoint, written in turn, so that one of them is whole whatever a crash does to the other. A slot is one sector:
 * disks write it whole. Both are filled at creation; a slot that is not a valid checkpoint is damage.
 */
import {
  closeSync,
  existsSync,
  fdatasyncSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { type Head, InvalidNote, type NoteVerifier, parseCheckpoint } from '../checkpoint.js';
import { DamagedStore } from '../port.js';

const SLOT_BYTES = 512;
const SLOTS = 2;
/** Room for two times the origin in a note whose numbers are as long as they get. */
export const ORIGIN_BYTES_MAX = 120;

export class HeadFile {
  private constructor(
    private readonly fd: number,
    private slot: number,
  ) {}

  /** Writes a new file, whole or not at all, with the same head in both slots. */
  static create(path: string, note: string): void {
    const draft = `${path}.new`;
    const fd = openSync(draft, 'w+', 0o600);
    try {
      for (let slot = 0; slot < SLOTS; slot += 1) writeSlot(fd, slot, note);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(draft, path);
    syncFolder(dirname(path));
  }

  /** Opens the file for writing; the older of its heads is overwritten first. */
  static open(path: string, heads: readonly Head[]): HeadFile {
    const newest = heads.indexOf(newestOf(heads));
    return new HeadFile(openSync(path, 'r+'), (newest + 1) % SLOTS);
  }

  /** Durable when it returns. */
  write(note: string): void {
    writeSlot(this.fd, this.slot, note);
    fdatasyncSync(this.fd);
    this.slot = (this.slot + 1) % SLOTS;
  }

  close(): void {
    closeSync(this.fd);
  }
}

/**
 * Reads the heads of a folder, in the order of their slots.
 * @param check the log's origin and key; without it only the form is checked
 * @throws DamagedStore unless every slot holds a valid head and nothing else
 */
export function readHeads(path: string, check?: NoteVerifier): Head[] {
  if (!existsSync(path)) throw new DamagedStore(`${path} is missing`);
  const bytes = readFileSync(path);
  if (bytes.length !== SLOTS * SLOT_BYTES) {
    throw new DamagedStore(`${path} has ${bytes.length} bytes, not ${SLOTS * SLOT_BYTES}`);
  }
  return Array.from({ length: SLOTS }, (_, slot) => {
    try {
      const note = noteIn(bytes.subarray(slot * SLOT_BYTES, (slot + 1) * SLOT_BYTES));
      if (check) return check.open(note);
      const { text: _, ...head } = parseCheckpoint(note);
      return head;
    } catch (error) {
      if (!(error instanceof InvalidNote)) throw error;
      throw new DamagedStore(`slot ${slot} of ${path} is no head of this ledger: ${error.message}`);
    }
  });
}

export function newestOf(heads: readonly Head[]): Head {
  return heads.reduce((newest, head) => (head.size > newest.size ? head : newest));
}

export function syncFolder(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function writeSlot(fd: number, slot: number, note: string): void {
  const bytes = Buffer.alloc(SLOT_BYTES);
  if (bytes.write(note) !== Buffer.byteLength(note)) throw new RangeError('the head does not fit its slot');
  if (writeSync(fd, bytes, 0, SLOT_BYTES, slot * SLOT_BYTES) !== SLOT_BYTES)
    throw new Error('the head was written short');
}

function noteIn(slot: Buffer): string {
  const end = slot.indexOf(0);
  const note = slot.toString('utf8', 0, end < 0 ? SLOT_BYTES : end);
  const again = Buffer.alloc(SLOT_BYTES);
  again.write(note);
  if (!again.equals(slot)) throw new InvalidNote('it is followed by other bytes, or is no text');
  return note;
}
