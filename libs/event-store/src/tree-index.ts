/**
 * The tree over a ledger whose store keeps none that can be looked into: leaves, roots of complete subtrees, and where
 * units end, in a file beside it. It follows the store, may be deleted at any time, and is then made anew.
 */
import Database from 'better-sqlite3';
import type { Head } from './checkpoint.js';
import { eventLeaf } from './leaf.js';
import {
  type CommittedUnit,
  DamagedStore,
  type EventStore,
  type Position,
  type RecordedEvent,
  START,
  UnknownPosition,
} from './port.js';
import { StoredTree } from './sqlite/stored-tree.js';
import { consistencyProof, Frontier, inclusionProof } from './tree.js';

export interface TreeIndexOptions {
  /** Of the file, in a folder that exists. */
  readonly path: string;
  readonly store: Pick<EventStore, 'subscribe'>;
  /** The newest signed head: a file that does not fit it is made anew. */
  readonly head: () => Head | undefined;
  /** Told once if it can follow no more. */
  readonly onFault: (error: Error) => void;
}

const SCHEMA_VERSION = 1;
/** `events` and `tiles` as the embedded store has them, as far as the tree needs them; see there. */
const SCHEMA = `
CREATE TABLE events (idx INTEGER PRIMARY KEY, leaf BLOB NOT NULL UNIQUE) STRICT;
CREATE TABLE tiles (
  level INTEGER NOT NULL, number INTEGER NOT NULL, hash BLOB NOT NULL, PRIMARY KEY (level, number)
) STRICT, WITHOUT ROWID;
CREATE TABLE units (last_index INTEGER PRIMARY KEY, position TEXT NOT NULL) STRICT;
PRAGMA user_version = ${SCHEMA_VERSION};`;

export class TreeIndex {
  private readonly stopping = new AbortController();
  private readonly following: Promise<void>;
  private db!: Database.Database;
  private tree!: StoredTree;
  private frontier!: Frontier;
  private statements!: ReturnType<typeof prepare>;

  /** Opens the file, and begins to follow. */
  constructor(private readonly options: TreeIndexOptions) {
    this.open();
    const head = options.head();
    if (head && head.size <= this.size && !isRootOf(head, Frontier.of(head.size, this.tree.node))) this.empty();
    this.following = this.follow().catch((error: unknown) => {
      if (!this.stopping.signal.aborted) options.onFault(error instanceof Error ? error : new Error(String(error)));
    });
  }

  /** How many events it has seen. */
  get size(): number {
    return this.frontier.size;
  }

  /** The index of an event in the whole ledger; undefined as long as it was not seen. */
  async indexOf(event: RecordedEvent): Promise<number | undefined> {
    return this.statements.indexOf.get(eventLeaf(event)) as number | undefined;
  }

  /** The position after which the unit of event `index` comes, or earlier than that. */
  async positionBefore(index: number): Promise<Position> {
    const position = this.statements.positionBefore.get(index) as string | undefined;
    return position === undefined ? START : (BigInt(position) as Position);
  }

  /** @throws RangeError if it has not seen so many events */
  async inclusionProof(index: number, size: number): Promise<Uint8Array[]> {
    this.checkSize(size);
    return inclusionProof(index, size, this.tree.node);
  }

  /** @throws RangeError if it has not seen so many events */
  async consistencyProof(from: number, to: number): Promise<Uint8Array[]> {
    this.checkSize(to);
    return consistencyProof(from, to, this.tree.node);
  }

  async close(): Promise<void> {
    this.stopping.abort();
    await this.following;
    this.db.close();
  }

  private async follow(): Promise<void> {
    try {
      await this.take();
    } catch (error) {
      if (!(error instanceof UnknownPosition)) throw error;
      // The file knows more than the ledger: it is that of another one.
      this.empty();
      await this.take();
    }
  }

  private async take(): Promise<void> {
    const after = await this.positionBefore(Number.MAX_SAFE_INTEGER);
    for await (const unit of this.options.store.subscribe(after, this.stopping.signal)) this.add(unit);
  }

  private add({ events, position }: CommittedUnit): void {
    const { frontier, statements, tree } = this;
    if (events[0]?.index !== frontier.size) {
      throw new DamagedStore(`event ${events[0]?.index} came where ${frontier.size} is next`);
    }
    this.db.transaction(() => {
      for (const event of events) {
        const leaf = eventLeaf(event);
        statements.addLeaf.run(frontier.size, leaf);
        frontier.append(leaf, tree.keep);
      }
      statements.addUnit.run(frontier.size - 1, position.toString());
    })();
  }

  private open(): void {
    this.db = new Database(this.options.path);
    this.db.pragma('journal_mode = WAL');
    this.db.pragma('synchronous = OFF'); // what a crash takes away is made again
    if (this.db.pragma('user_version', { simple: true }) !== SCHEMA_VERSION) this.clear();
    this.prepare();
  }

  private prepare(): void {
    this.statements = prepare(this.db);
    this.tree = new StoredTree(this.db);
    const size = this.db.prepare('SELECT coalesce(max(last_index), -1) + 1 FROM units').pluck().get() as number;
    this.frontier = Frontier.of(size, this.tree.node);
  }

  private empty(): void {
    this.clear();
    this.prepare();
  }

  private clear(): void {
    for (const table of ['events', 'tiles', 'units']) this.db.exec(`DROP TABLE IF EXISTS ${table}`);
    this.db.exec(SCHEMA);
  }

  private checkSize(size: number): void {
    if (size > this.size) throw new RangeError(`the tree has ${this.size} leaves, not ${size}`);
  }
}

function prepare(db: Database.Database) {
  return {
    addLeaf: db.prepare<[number, Uint8Array]>('INSERT INTO events VALUES (?, ?)'),
    addUnit: db.prepare<[number, string]>('INSERT INTO units VALUES (?, ?)'),
    indexOf: db.prepare<[Uint8Array]>('SELECT idx FROM events WHERE leaf = ?').pluck(),
    positionBefore: db
      .prepare<[number]>('SELECT position FROM units WHERE last_index < ? ORDER BY last_index DESC LIMIT 1')
      .pluck(),
  };
}

const isRootOf = ({ root }: Head, frontier: Frontier): boolean => Buffer.compare(root, frontier.root()) === 0;
