/**
 * How values of the domain stand in columns.
 *
 * Amounts are TEXT, the decimal count of units (1e-8), without the ledger's one currency: the largest legal amount has
 * 79 bits and SQLite's integers 63. Sums are made in bigint by `apply`, never by SQL. Keys, hashes and signatures are
 * base32 text as in the events.
 */
import { NEVER } from '@florin/encoding';

/** Later than every instant that can be written; keeps "never" at the end of an index. */
const NEVER_COLUMN = Number.MAX_SAFE_INTEGER;

/** Whole seconds since 1970 as INTEGER. */
export const instantColumn = (seconds: number): number => (seconds === NEVER ? NEVER_COLUMN : seconds);
export const instantOf = (column: number): number => (column === NEVER_COLUMN ? NEVER : column);

/** An unsigned 64 bit number as TEXT of twenty digits, so that text order is number order. */
export const u64Column = (value: bigint): string => value.toString().padStart(20, '0');

/** The members that are not NULL; absent members stand for NULL columns in what queries answer. */
export function present<T extends object>(members: T): { readonly [K in keyof T]?: NonNullable<T[K]> } {
  const some = Object.entries(members).filter(([, value]) => value !== null);
  return Object.fromEntries(some) as { [K in keyof T]?: NonNullable<T[K]> };
}

/** An amount or another bigint that may be NULL. */
export const bigintOf = (column: string | null): bigint | null => (column === null ? null : BigInt(column));

/** What lists are asked with: at most `limit` rows that come after `after`. */
export interface Page<After> {
  /** The `after` of the first page is left out. */
  readonly after?: After;
  readonly limit: number;
}

/** The members of a flat record as JSON text. A bigint becomes `{"n":"12"}`, and NEVER `{"n":"never"}`. */
export const detailsColumn = (details: object): string => JSON.stringify(details, replacer);
export const detailsOf = (column: string): unknown => JSON.parse(column, reviver);

function replacer(_member: string, value: unknown): unknown {
  if (typeof value === 'bigint') return { n: value.toString() };
  return value === NEVER ? { n: 'never' } : value;
}

function reviver(member: string, value: unknown): unknown {
  // Inside of such an object the text itself passes first, as member `n`; the object around it is what is replaced.
  if (member === 'n' || typeof value !== 'object' || value === null || !('n' in value)) return value;
  return value.n === 'never' ? NEVER : BigInt(value.n as string);
}
