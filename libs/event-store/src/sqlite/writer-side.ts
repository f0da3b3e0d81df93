import { checkpointText, type Head, NoteVerifier, signedNote } from '../checkpoint.js';
import type { Frontier } from '../tree.js';
import { type Fault, faultOf } from './faults.js';
import type { PackedUnit, Verdicts } from './journal.js';
import { type OpenFolder, openFolder, type WriterData } from './opening.js';
import type { Tail } from './recovery.js';

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
/** How much is written to the log, roughly, before its pages are copied into the database. */
const CHECKPOINT_BYTES = 16 * 1024 * 1024;
/** Pages that an event touches in the table and in both indexes, at worst. */
const TOUCHED_BYTES = 3 * 4_096;

/**
 * The only one that writes. Units that arrive while a group is on its way to the disk make the next group. Nothing of a
 * group is answered before the database and the signed head that covers it are both on the disk.
 */
export class WriterSide {
  private readonly verifier: NoteVerifier;
  private readonly queue: PackedUnit[] = [];
  private folder: OpenFolder | undefined;
  private head: Head | undefined;
  private signed: ((signature: Uint8Array) => void) | undefined;
  private isBusy = false;
  private isClosing = false;
  private hasFailed = false;
  private unfoldedBytes = 0;

  constructor(
    private readonly data: WriterData,
    private readonly send: (message: FromWriter) => void,
  ) {
    this.verifier = new NoteVerifier(data.origin, data.logPub);
  }

  /** @throws DamagedStore, FolderInUse */
  async open(): Promise<void> {
    this.folder = await openFolder(this.data, (frontier) => this.sign(frontier));
    this.head = this.folder.head;
    this.send({ kind: 'opened', head: this.head, cut: this.folder.cut });
  }

  receive(message: ToWriter): void {
    if (message === 'close') this.isClosing = true;
    else if (Array.isArray(message)) this.queue.push(message);
    else this.signed?.(message.signature);
    if (this.folder && !this.isBusy) void this.work(this.folder);
  }

  private async work(folder: OpenFolder): Promise<void> {
    this.isBusy = true;
    while (this.queue.length > 0 && !this.hasFailed) {
      await this.commitGroup(folder, this.queue.splice(0, GROUP_UNITS_MAX));
    }
    this.isBusy = false;
    if (!this.isClosing) return;
    folder.close();
    this.send({ kind: 'closed' });
  }

  private async commitGroup({ journal, heads, db }: OpenFolder, units: readonly PackedUnit[]): Promise<void> {
    try {
      const verdicts = journal.write(units);
      if (!this.head || journal.frontier.size > this.head.size) {
        const head = await this.sign(journal.frontier);
        heads.write(head.note);
        this.head = head;
      }
      this.send({ kind: 'group', head: this.head, verdicts });
      for (const unit of units) this.unfoldedBytes += sizeOf(unit);
      if (this.unfoldedBytes < CHECKPOINT_BYTES) return;
      db.pragma('wal_checkpoint(PASSIVE)');
      this.unfoldedBytes = 0;
    } catch (error) {
      const fault = faultOf(error);
      // After anything worse nobody knows what is on the disk, so nothing more is tried.
      this.hasFailed = fault.kind !== 'unavailable';
      this.send({ kind: 'failed', ids: units.map(([id]) => id as number), fault });
    }
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
    // A head that cannot be verified would make the next start impossible.
    if (!this.verifier.accepts(text, signature)) throw new Error('the head was signed, but not with the log key');
    return { origin, size, root, note: signedNote(text, { name: origin, logPub, signature }) };
  }
}

function sizeOf(unit: PackedUnit): number {
  return unit.reduce<number>((sum, part) => sum + (typeof part === 'string' ? part.length : 0), TOUCHED_BYTES);
}
