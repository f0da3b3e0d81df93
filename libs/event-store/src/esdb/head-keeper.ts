/**
 * The tamper evidence of a node on EventStoreDB: it hashes every unit into the tree, and keeps the signed head of it
 * outside of the database, within a second of the unit. At the start the end of the ledger is hashed again; the rest in
 * the background (`scrub`).
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { checkpointText, type Head, NoteVerifier, signedNote } from '../checkpoint.js';
import { eventLeaf } from '../leaf.js';
import {
  type CommittedUnit,
  DamagedStore,
  type Position,
  type RecordedEvent,
  START,
  UnknownPosition,
} from '../port.js';
import type { StoreReport } from '../report.js';
import { lockFolder } from '../sqlite/lock.js';
import type { ScrubOptions } from '../sqlite/scrub.js';
import type { Frontier } from '../tree.js';
import type { Counted } from './all.js';
import { type KeptHead, readHeadFile, type TreePlace, treeStart, writeHeadFile } from './head-file.js';

export interface HeadOptions {
  /** A folder of this node's own, which exists; it is locked as long as this process has it. */
  readonly folder: string;
  /** Names the log in its signed heads, without blanks. */
  readonly origin: string;
  /** The log key, an Ed25519 public key of 32 bytes. */
  readonly logPub: Uint8Array;
  /** Signs the text of a head with the log key: 64 bytes. */
  readonly signHead: (text: Uint8Array) => Promise<Uint8Array>;
  readonly onReport: (report: StoreReport) => void;
  /** So many events at the end of the ledger are hashed again at the start, and up to twice as many. */
  readonly checkedMin?: number;
}

/** The committed units after a position, up to the present end. */
export type ReadAll = (after: Position) => AsyncIterable<CommittedUnit>;

const FILE = 'eventstoredb-head.json';
const SIGN_AFTER_MS = 400;
const CHECKED_MIN = 5_000;
const SCRUB_SLICE_EVENTS = 4_096;
const SCRUB_SHARE = 0.2;

export class HeadKeeper {
  private readonly path: string;
  private tree: TreePlace = treeStart();
  /** Two places behind the tree's: the start begins at the first, which the second replaces in time. */
  private bases: readonly [TreePlace, TreePlace] = [treeStart(), treeStart()];
  private kept: KeptHead | undefined;
  private timer: NodeJS.Timeout | undefined;
  private writing: Promise<void> = Promise.resolve();
  private readonly lock: { close(): void };

  /** @throws DamagedStore if the file in the folder is no head of this log, FolderInUse if another node has it */
  constructor(private readonly options: HeadOptions) {
    this.path = join(options.folder, FILE);
    this.kept = readHeadFile(this.path, new NoteVerifier(options.origin, options.logPub));
    if (this.kept) this.bases = [this.kept.base, this.kept.base];
    this.lock = lockFolder(options.folder);
  }

  /** How far the head reaches: units from here on are to be taken. */
  get end(): Counted {
    return this.kept ? { position: this.kept.position, events: this.kept.head.size } : { position: START, events: 0 };
  }

  /** The newest signed head; undefined before the first. */
  get head(): Head | undefined {
    return this.kept?.head;
  }

  /** Hashes the end of the ledger again. @throws DamagedStore if it is not what the head covers, StoreUnavailable */
  async check(readAll: ReadAll): Promise<void> {
    if (!this.kept) return;
    const { head, base } = this.kept;
    this.tree = { position: base.position, frontier: base.frontier.clone() };
    const found = await rehashed(readAll, this.tree, head.size, (unit) => void this.add(unit));
    if (!found || !isRootOf(head, this.tree.frontier)) throw this.otherLedger(head);
  }

  /** Takes the next unit of the ledger; one that was taken before is passed over. @throws DamagedStore */
  take(unit: CommittedUnit): void {
    if (firstOf(unit).index < this.tree.frontier.size) return;
    this.add(unit);
    this.timer ??= setTimeout(() => this.keepSoon(), SIGN_AFTER_MS).unref();
  }

  /**
   * Hashes everything that the head covers, slice by slice, with pauses in between.
   * @returns whether it came to the end @throws DamagedStore, StoreUnavailable
   */
  async scrub(readAll: ReadAll, { share = SCRUB_SHARE, signal, progress }: ScrubOptions = {}): Promise<boolean> {
    const head = this.kept?.head;
    if (!head || signal?.aborted) return false;
    const tree = treeStart();
    let [slice, begun] = [0, performance.now()];
    let isStopped = false;
    const found = await rehashed(readAll, tree, head.size, async (unit) => {
      grow(tree.frontier, unit);
      slice += unit.events.length;
      if (slice >= SCRUB_SLICE_EVENTS) {
        await sleep((performance.now() - begun) * (1 / share - 1), undefined, signal && { signal }).catch(() => {});
        [slice, begun] = [0, performance.now()];
        progress?.(tree.frontier.size, head.size);
      }
      isStopped = signal?.aborted === true;
      return !isStopped;
    });
    if (isStopped) return false;
    if (!found || !isRootOf(head, tree.frontier)) throw this.otherLedger(head);
    this.options.onReport({ kind: 'scrubbed', events: head.size });
    return true;
  }

  /** Keeps the head of what was taken. */
  async close(): Promise<void> {
    clearTimeout(this.timer);
    if (this.timer) this.writing = this.writing.then(() => this.keep());
    await this.writing.catch(() => undefined);
    this.lock.close();
  }

  private add(unit: CommittedUnit): void {
    const { frontier } = this.tree;
    if (firstOf(unit).index !== frontier.size) {
      throw new DamagedStore(`event ${firstOf(unit).index} of the ledger came where ${frontier.size} is next`);
    }
    grow(frontier, unit);
    this.tree = { position: unit.position, frontier };
    const { checkedMin = CHECKED_MIN } = this.options;
    const [, next] = this.bases;
    if (frontier.size - next.frontier.size < checkedMin) return;
    this.bases = [next, { position: unit.position, frontier: frontier.clone() }];
  }

  private keepSoon(): void {
    this.timer = undefined;
    this.writing = this.writing.then(() =>
      this.keep().catch((error: Error) => {
        this.options.onReport({ kind: 'signing-failed', message: error.message });
        this.timer ??= setTimeout(() => this.keepSoon(), SIGN_AFTER_MS).unref();
      }),
    );
  }

  private async keep(): Promise<void> {
    const { origin, logPub, signHead } = this.options;
    const { position, frontier } = this.tree;
    const [base] = this.bases;
    const [size, root] = [frontier.size, frontier.root()];
    if (size === this.kept?.head.size) return;
    const text = checkpointText({ origin, size, root });
    const note = signedNote(text, { name: origin, logPub, signature: await signHead(Buffer.from(text)) });
    const kept = { head: { origin, size, root, note }, position, base };
    await writeHeadFile(this.path, kept);
    this.kept = kept;
  }

  private otherLedger({ size }: Head): DamagedStore {
    return new DamagedStore(
      `the ledger on the server is not the one whose first ${size} events this node has seen (${this.path}): events ` +
        'are missing or were changed. Restore the server from a backup that is not older than this file; a backup ' +
        'that is older has forgotten what was acknowledged',
    );
  }
}

/**
 * Hashes units from a place on, until the tree has `size` events.
 * @param take what is to be done with each unit, the place's frontier grown with it; false ends it
 * @returns whether the ledger has a unit that ends there
 */
async function rehashed(
  readAll: ReadAll,
  place: TreePlace,
  size: number,
  take: (unit: CommittedUnit) => Promise<boolean> | undefined,
): Promise<boolean> {
  const { frontier } = place;
  if (frontier.size === size) return true;
  try {
    for await (const unit of readAll(place.position)) {
      if (firstOf(unit).index !== frontier.size) return false;
      if ((await take(unit)) === false) return false;
      if (frontier.size >= size) return frontier.size === size;
    }
  } catch (error) {
    if (!(error instanceof UnknownPosition)) throw error;
  }
  return false;
}

function grow(frontier: Frontier, { events }: CommittedUnit): void {
  for (const event of events) frontier.append(eventLeaf(event));
}

const firstOf = ({ events }: CommittedUnit): RecordedEvent => events[0] as RecordedEvent;

const isRootOf = ({ root }: Head, frontier: Frontier): boolean => Buffer.compare(root, frontier.root()) === 0;
