/**
 * A file of views: their tables, and the checkpoint of each, changed in the same transactions. One thread owns it.
 */
import { type Category, EventCodec } from '@florin/domain';
import { categoryOf, type RecordedEvent, START } from '@florin/event-store';
import type Database from 'better-sqlite3';
import type { Batch, Checkpoint } from './batch.js';
import { copyDatabase, type FileMode, openDatabase, readCheckpoints, resetView } from './database.js';
import { compareTable, type Difference, type RowSelection, readRows, type TableRow, tablesOf } from './tables.js';
import type { AnyView, OpenView, Queries, SeenEvent } from './view.js';

export interface FileOptions {
  readonly path: string;
  readonly currency: string;
  readonly mode: FileMode;
  readonly views: readonly AnyView[];
}

/** An event that a view cannot apply. It is never skipped: the runner stops. */
export class UnappliableEvent extends Error {
  override readonly name = 'UnappliableEvent';
}

/** How far a view of the file has come, and what it reads. */
export interface ViewCheckpoint {
  readonly view: string;
  readonly reads: readonly string[];
  readonly at: Checkpoint;
}

interface Loaded {
  readonly view: AnyView;
  readonly open: OpenView<Category, Queries>;
  /** Events of the ledger counted, as in the view's checkpoint. */
  events: number;
}

const DIFFERENCES_MAX = 100;

export class ViewsFile {
  private readonly db: Database.Database;
  private readonly codec: EventCodec;
  private readonly loaded = new Map<string, Loaded>();
  private readonly readers = new Map<string, Loaded[]>();
  private readonly save: Database.Statement<[bigint, number, string | null, string]>;
  private readonly applyInOne: (batch: Batch) => void;

  /** Opens the file; one that is missing, damaged or of another schema is made new. */
  constructor(readonly options: FileOptions) {
    this.db = openDatabase(options.path, options.mode, options.views);
    this.codec = new EventCodec(options.currency);
    const saved = readCheckpoints(this.db);
    for (const view of options.views) {
      const loaded = { view, open: view.open(this.db), events: saved.get(view.name)?.events ?? 0 };
      this.loaded.set(view.name, loaded);
      for (const category of view.reads) this.readers.set(category, [...(this.readers.get(category) ?? []), loaded]);
    }
    this.save = this.db.prepare('UPDATE checkpoints SET position = ?, events = ?, tip = ? WHERE view = ?');
    this.applyInOne = this.db.transaction((batch: Batch) => this.applyAll(batch)).immediate;
  }

  /** A copy of a serving file in which one view begins anew. */
  static restarted(options: FileOptions, { from, view }: { from: string; view: AnyView }): ViewsFile {
    copyDatabase(from, options.path);
    const db = openDatabase(options.path, options.mode, options.views);
    resetView(
      db,
      view,
      tablesOf(view).map(({ name }) => name),
    );
    db.close();
    return new ViewsFile(options);
  }

  checkpoints(): ViewCheckpoint[] {
    const saved = readCheckpoints(this.db);
    return this.options.views.map(({ name, reads }) => {
      return { view: name, reads, at: saved.get(name) ?? { position: START, events: 0 } };
    });
  }

  /**
   * Applies what of the batch is new to each view, and saves its checkpoint, in one transaction: each event counts once
   * however often its batch comes.
   * @throws UnappliableEvent; then nothing of the batch was applied
   */
  apply(batch: Batch): void {
    this.applyInOne(batch);
    for (const loaded of this.loaded.values()) loaded.events = Math.max(loaded.events, batch.after.events);
  }

  /** @throws Error if there is no such view or query, and what the query throws */
  ask(view: string, query: string, args: readonly unknown[]): unknown {
    const asked = this.loaded.get(view)?.open.queries[query];
    if (!asked) throw new Error(`no view ${view} with a query ${query}`);
    return asked(...(args as never[]));
  }

  /** What stands in the tables of a view, by table. @throws Error if there is no such view */
  rows(view: string, selection: RowSelection): Record<string, TableRow[]> {
    const found = this.loaded.get(view);
    if (!found) throw new Error(`no view ${view}`);
    const { currency } = this.options;
    const tables = tablesOf(found.view);
    return Object.fromEntries(
      tables.map((table) => [table.name, readRows(this.db, table, { ...selection, currency })]),
    );
  }

  /** Where the tables of the file at `path` are not what these are; both must have counted the same events. */
  compareWith(path: string): Difference[] {
    this.db.prepare('ATTACH ? AS served').run(path);
    try {
      const tables = this.options.views.flatMap(tablesOf);
      return tables.flatMap((table) => compareTable(this.db, table, DIFFERENCES_MAX)).slice(0, DIFFERENCES_MAX);
    } finally {
      this.db.exec('DETACH served');
    }
  }

  close(): void {
    this.db.close();
  }

  private applyAll({ first, after, events }: Batch): void {
    for (const event of events) this.applyOne(event);
    for (const { view, events: counted } of this.loaded.values()) {
      if (first > counted) throw new UnappliableEvent(`${view.name} stands at event ${counted}, the batch at ${first}`);
      if (counted >= after.events) continue;
      this.save.run(after.position, after.events, after.tip ? JSON.stringify(after.tip) : null, view.name);
    }
  }

  private applyOne(recorded: RecordedEvent): void {
    const { stream, index, number, type } = recorded;
    const category = categoryOf(stream) as Category;
    const readers = this.readers.get(category)?.filter(({ events }) => events <= index) ?? [];
    if (readers.length === 0) return;
    let reader = 'the codec';
    try {
      const event = this.codec.decode(category, recorded);
      const seen = { category, key: keyOf(stream), number, index, event } as SeenEvent;
      for (const { view, open } of readers) {
        reader = `the view ${view.name}`;
        open.apply(seen);
      }
    } catch (cause) {
      const what = `event ${index} (${type}, number ${number} of ${stream})`;
      throw new UnappliableEvent(`${what} cannot be applied by ${reader}: ${messageOf(cause)}`, { cause });
    }
  }
}

/** What follows the category in a stream's name; empty if nothing does. */
function keyOf(stream: string): string {
  const hyphen = stream.indexOf('-');
  return hyphen < 0 ? '' : stream.slice(hyphen + 1);
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
