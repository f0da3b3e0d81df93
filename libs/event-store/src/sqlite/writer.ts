/**
 * Worker thread: the only one that writes. Units that arrive while a group is on its way to the disk make the next
 * group. Nothing of a group is answered before the database and the signed head that covers it are both on the disk.
 */
import { existsSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { checkpointText, type Head, NoteVerifier, signedNote } from '../checkpoint.js';
import { DamagedStore } from '../port.js';
import { Frontier } from '../tree.js';
import { type Fault, faultOf } from './faults.js';
import { HeadFile, newestOf, readHeads, syncFolder } from './heads.js';
import { Journal, type PackedUnit, type Verdicts } from './journal.js';
import { lockFolder } from './lock.js';
import { EVENTS_FILE, HEADS_FILE } from './reader-side.js';
import { checkCovered, cutTail, type Tail } from './recovery.js';
import { createSchema, type Db, isBlank, openDatabase } from './schema.js';

export interface WriterData {
  readonly folder: string;
  readonly origin: string;
  readonly logPub: Uint8Array;
  readonly checkAllMax: number;
}

/** To the writer: a unit, the signature it asked for, or the wish to end. */
export type ToWriter = PackedUnit | { readonly signature: Uint8Array } | 'close';

/** From the writer. `group` and `opened` carry the newest head. */
export type FromWriter =
  | { readonly kind: 'opened'; readonly head: Head; readonly cut: Tail }
  | { readonly kind: 'sign'; readonly text: string }
  | { readonly kind: 'group'; readonly head: Head; readonly verdicts: Verdicts }
  | { readonly kind: 'failed'; readonly ids: number[]; readonly fault: Fault }
  | { readonly kind: 'closed' };

const GROUP_UNITS_MAX = 512;
const CACHE_KIB = 16 * 1024;
/** How much is written to the log, roughly, before its pages are copied into the database. */
const CHECKPOINT_BYTES = 16 * 1024 * 1024;
/** Pages that an event touches in the table and in both indexes, at worst. */
const TOUCHED_BYTES = 3 * 4_096;

class Writer {
  private readonly verifier: NoteVerifier;
  private readonly queue: PackedUnit[] = [];
  private signed: ((signature: Uint8Array) => void) | undefined;
  /** Until it is open. */
  private busy = true;
  private uncheckpointedBytes = 0;
  private closing = false;
  private lock: Db | undefined;
  private db!: Db;
  private journal!: Journal;
  private heads!: HeadFile;
  private head!: Head;

  constructor(
    private readonly data: WriterData,
    private readonly send: (message: FromWriter) => void,
  ) {
    this.verifier = new NoteVerifier(data.origin, data.logPub);
  }

  async open(): Promise<void> {
    const { folder, checkAllMax } = this.data;
    const [eventsPath, headsPath] = [join(folder, EVENTS_FILE), join(folder, HEADS_FILE)];
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    this.lock = lockFolder(folder);
    const isNew = !existsSync(headsPath);
    if (!isNew && !existsSync(eventsPath)) throw new DamagedStore(`${eventsPath} is missing, its heads are there`);
    this.db = openDatabase(eventsPath, { mode: isNew ? 'create' : 'write', cacheKiB: CACHE_KIB });
    // SQLite's automatic checkpoint would keep a failed fsync to itself.
    this.db.pragma('wal_autocheckpoint = 0');
    if (isNew) await this.create(headsPath);
    const heads = readHeads(headsPath, this.verifier);
    this.head = newestOf(heads);
    const { frontier, tail } = checkCovered(this.db, this.head, checkAllMax);
    if (tail.events > 0) cutTail(this.db, this.head.size);
    this.heads = HeadFile.open(headsPath, heads);
    this.journal = new Journal(this.db, frontier);
    this.send({ kind: 'opened', head: this.head, cut: tail });
    this.busy = false;
  }

  receive(message: ToWriter): void {
    if (message === 'close') this.closing = true;
    else if (Array.isArray(message)) this.queue.push(message);
    else this.signed?.(message.signature);
    if (!this.busy) void this.work();
  }

  private async work(): Promise<void> {
    this.busy = true;
    while (this.queue.length > 0) await this.commitGroup(this.queue.splice(0, GROUP_UNITS_MAX));
    this.busy = false;
    if (this.closing) this.close();
  }

  private async commitGroup(units: readonly PackedUnit[]): Promise<void> {
    try {
      const verdicts = this.journal.write(units);
      if (this.journal.frontier.size > this.head.size) {
        this.head = await this.sign(this.journal.frontier);
        this.heads.write(this.head.note);
      }
      this.send({ kind: 'group', head: this.head, verdicts });
      this.checkpoint(units);
    } catch (error) {
      this.send({ kind: 'failed', ids: units.map(([id]) => id as number), fault: faultOf(error) });
    }
  }

  /** Copies the log into the database now and then, after the answers. */
  private checkpoint(units: readonly PackedUnit[]): void {
    for (const unit of units) {
      for (const part of unit) this.uncheckpointedBytes += typeof part === 'string' ? part.length : 0;
      this.uncheckpointedBytes += TOUCHED_BYTES;
    }
    if (this.uncheckpointedBytes < CHECKPOINT_BYTES) return;
    this.db.pragma('wal_checkpoint(PASSIVE)');
    this.uncheckpointedBytes = 0;
  }

  /** A folder without heads: made now, or left half-made by a crash. Its database must be empty. */
  private async create(headsPath: string): Promise<void> {
    if (isBlank(this.db)) createSchema(this.db);
    if (this.db.prepare('SELECT 1 FROM events LIMIT 1').get()) {
      throw new DamagedStore(`${headsPath} is missing, but there are events: restore the folder from a backup`);
    }
    const { note } = await this.sign(Frontier.empty());
    HeadFile.create(headsPath, note);
    syncFolder(dirname(this.data.folder));
  }

  /** The log key is in another process: the main thread gets the signature. */
  private async sign(frontier: Frontier): Promise<Head> {
    const { origin, logPub } = this.data;
    const [size, root] = [frontier.size, frontier.root()];
    const text = checkpointText({ origin, size, root });
    this.send({ kind: 'sign', text });
    const signature = await new Promise<Uint8Array>((resolve) => {
      this.signed = resolve;
    });
    this.signed = undefined;
    // A head that cannot be verified would make the next start impossible.
    if (!this.verifier.accepts(text, signature))
      throw new Error('the head was signed with another key than the log key');
    return { origin, size, root, note: signedNote(text, { name: origin, logPub, signature }) };
  }

  private close(): void {
    this.heads.close();
    this.db.close();
    this.lock?.close();
    this.send({ kind: 'closed' });
  }
}

if (parentPort) {
  const port = parentPort;
  const writer = new Writer(workerData as WriterData, (message) => port.postMessage(message));
  port.on('message', (message: ToWriter) => writer.receive(message));
  writer
    .open()
    .catch((error) => port.postMessage({ kind: 'failed', ids: [], fault: faultOf(error) } satisfies FromWriter));
}
