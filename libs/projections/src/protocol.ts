/** What the main thread asks of a thread that owns a file of views. Requests are done one after the other, in order. */
import type { Batch, Checkpoint } from './batch.js';
import type { FileMode } from './database.js';
import type { ViewCheckpoint } from './file.js';
import type { Difference, RowSelection, TableRow } from './tables.js';

export interface OpenRequest {
  readonly path: string;
  readonly currency: string;
  readonly mode: FileMode;
  /** Names of the views; all by default. */
  readonly views?: readonly string[];
  /** Begin with a copy of the serving file at `from`, in which only `view` starts at the first event again. */
  readonly restart?: { readonly from: string; readonly view: string };
}

export interface Requests {
  open: { args: OpenRequest; answer: ViewCheckpoint[] };
  /** Changes nothing where the batch was applied before. */
  apply: { args: Batch; answer: undefined };
  ask: { args: { view: string; query: string; args: readonly unknown[] }; answer: unknown };
  /** What stands in the tables of a view, by table. */
  rows: { args: { view: string; selection: RowSelection }; answer: Record<string, TableRow[]> };
  /** Begins at the first event again. */
  empty: { args: undefined; answer: ViewCheckpoint[] };
  /** Serves the closed file `by` from now on. Done already if there is none. */
  replace: { args: { by: string }; answer: ViewCheckpoint[] };
  /** Copies a serving file; answers how far the copy's views have come, by name. */
  copy: { args: { from: string; to: string }; answer: ReadonlyMap<string, Checkpoint> };
  compare: { args: { path: string }; answer: Difference[] };
  close: { args: undefined; answer: undefined };
}

export type RequestName = keyof Requests;
export type Request = {
  [N in RequestName]: { readonly id: number; readonly name: N; readonly args: Requests[N]['args'] };
}[RequestName];

/** Errors cross threads by name and text. */
export interface Reply {
  readonly id: number;
  readonly answer?: unknown;
  readonly error?: { readonly name: string; readonly message: string; readonly stack: string | undefined };
}
