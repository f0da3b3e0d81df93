/** Test support: ledgers in memory, and what files of views contain. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EventStore, MemoryStore, type RecordedEvent, START } from '@florin/event-store';
import Database from 'better-sqlite3';
import { type Batch, batches } from '../batch.js';
import { ViewsFile } from '../file.js';
import { tablesOf } from '../tables.js';
import type { AnyView } from '../view.js';
import { VIEWS } from '../views.js';
import { CURRENCY, History } from './history.js';
import type { Step } from './steps.js';

/** A folder of its own for `work`, removed afterwards. */
export async function inFolder<Result>(work: (folder: string) => Promise<Result>): Promise<Result> {
  const folder = mkdtempSync(join(tmpdir(), 'florin-views-'));
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

export interface TestLedger {
  readonly history: History;
  readonly store: MemoryStore;
}

/** A ledger in memory that has gone through `steps`. */
export async function ledgerOf(steps: readonly Step[]): Promise<TestLedger> {
  let clock = (): number => 0;
  const store = new MemoryStore(() => clock());
  const history = new History(store);
  clock = () => history.now * 1_000_000;
  await history.begin();
  for (const step of steps) await history.step(step);
  return { history, store };
}

/** All events of a store in commit order. */
export async function eventsOf(store: EventStore): Promise<RecordedEvent[]> {
  const events: RecordedEvent[] = [];
  for await (const unit of store.readAll(START)) events.push(...unit.events);
  return events;
}

/** The whole store in batches of at least so many events, from event number `first` at the position of a unit. */
export async function batchesOf(store: EventStore, eventsMax: number): Promise<Batch[]> {
  const all: Batch[] = [];
  for await (const batch of batches(store.readAll(START), { first: 0, wanted: () => true, eventsMax })) all.push(batch);
  return all;
}

/** A file of the given views, opened. */
export const fileAt = (path: string, views: readonly AnyView[] = VIEWS): ViewsFile =>
  new ViewsFile({ path, currency: CURRENCY, mode: 'live', views });

/** A file of all views that has applied the whole store. */
export async function builtFile(path: string, store: EventStore, eventsMax = 100): Promise<ViewsFile> {
  const file = fileAt(path);
  for (const batch of await batchesOf(store, eventsMax)) file.apply(batch);
  return file;
}

/** Every row of every table of a file, with its checkpoints, as text. */
export function contentOf(path: string, views: readonly AnyView[] = VIEWS): string {
  const db = new Database(path, { readonly: true });
  const tables = views.flatMap(tablesOf).map(({ name, key }) => `${name} ORDER BY ${key.join(', ')}`);
  const checkpoints = `checkpoints WHERE view IN (${views.map(({ name }) => `'${name}'`).join(', ')}) ORDER BY view`;
  const rows = [...tables, checkpoints].map((from) => [from, db.prepare(`SELECT * FROM ${from}`).raw().all()]);
  db.close();
  return JSON.stringify(rows, null, 1);
}
