/**
 * What a read model is: tables, how one event changes them, and what may be asked of them. Each stands in a file of
 * its own and on the list in `views.ts`; nothing else has to know about it.
 */
import type { Category, EventsByCategory } from '@florin/domain';
import type { Database } from 'better-sqlite3';

/** A committed event as a view sees it: decoded, with its place in its stream and in the ledger. */
export type SeenEvent<C extends Category = Category> = {
  [K in C]: {
    readonly category: K;
    /** What follows the category in the stream's name: a reserve's key, an account's hash; empty for `keys`. */
    readonly key: string;
    /** Number in its stream, from 0. */
    readonly number: number;
    /** Number in the ledger, from 0. */
    readonly index: number;
    readonly event: EventsByCategory[K];
  };
}[C];

/** Questions by name. Each reads tables and nothing else; arguments and answers must survive a structured clone. */
export type Queries = { readonly [name: string]: (...args: never[]) => unknown };

/** A view on one open database, its statements prepared. */
export interface OpenView<C extends Category, Q extends Queries> {
  /**
   * Changes the rows as the event says. Depends on the event and on the view's own rows only: no clock, no randomness,
   * no other view's tables. Throws if the event cannot be, which stops the runner.
   */
  apply(seen: SeenEvent<C>): void;
  readonly queries: Q;
}

export interface View<Name extends string, C extends Category, Q extends Queries> {
  readonly name: Name;
  /** To be raised when `apply` gives other rows than before from the same events. */
  readonly version: number;
  /** Categories of streams whose events `apply` gets, all of them and in commit order. */
  readonly reads: readonly C[];
  /**
   * CREATE statements. Every table is STRICT and WITHOUT ROWID: its content is its rows by primary key and nothing
   * else, so that two tables built from the same events can be compared.
   */
  readonly schema: string;
  /** Columns whose text is not what people read; those that are not named are shown as they stand. */
  readonly shownAs?: Readonly<Record<string, ShownAs>>;
  open(db: Database): OpenView<C, Q>;
}

/** An amount is a count of units; a number has leading zeros; details are JSON with amounts and numbers in it. */
export type ShownAs = 'amount' | 'number' | 'details';

/** Any view, for those who treat them alike. */
export type AnyView = View<string, Category, Queries>;

/** Infers the types of a view from what it says. */
export const defineView = <const Name extends string, C extends Category, Q extends Queries>(
  view: View<Name, C, Q>,
): View<Name, C, Q> => view;
