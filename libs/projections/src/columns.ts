/**
 * How values of the domain stand in columns.
 *
 * Amounts are TEXT, the decimal count of units (1e-8), without the ledger's one currency: the largest legal amount has
 * 79 bits and SQLite's integers 63. Sums are made in bigint by `apply`, never by SQL. Keys, hashes and signatures are
 * base32 text as in the events.
 */
import { EncodingError, formatAmount, NEVER } from '@florin/encoding';
import type { ShownAs } from './view.js';

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

/** The sum of a column of amounts. */
export function totalOf(column: Iterable<string>): bigint {
  let total = 0n;
  for (const units of column) total += BigInt(units);
  return total;
}

/** What lists are asked with: at most `limit` rows that come after `after`. */
export interface Page<After> {
  /** The `after` of the first page is left out. */
  readonly after?: After;
  readonly limit: number;
}

/** The members of a flat record as JSON text. A bigint becomes `{"n":"12"}`, and NEVER `{"n":"never"}`. */
export function detailsColumn(details: object): string {
  const plain: Record<string, unknown> = {};
  for (const [member, value] of Object.entries(details)) {
    if (typeof value === 'bigint') plain[member] = { n: value.toString() };
    else plain[member] = value === NEVER ? { n: 'never' } : value;
  }
  return JSON.stringify(plain);
}

type Plain = string | number | boolean;

export function detailsOf(column: string): object {
  const details = JSON.parse(column) as Record<string, Plain | { readonly n: string }>;
  const values: Record<string, Plain | bigint> = {};
  for (const [member, value] of Object.entries(details)) {
    if (typeof value !== 'object') values[member] = value;
    else values[member] = value.n === 'never' ? NEVER : BigInt(value.n);
  }
  return values;
}

/** A column as people read it. One that was changed by other hands may be none of what it should be: as it stands. */
export function shownColumn(column: unknown, as: ShownAs, currency: string): unknown {
  if (typeof column !== 'string') return column;
  try {
    switch (as) {
      case 'amount':
        return formatAmount({ currency, units: BigInt(column) });
      case 'number':
        return BigInt(column).toString();
      case 'details':
        return shownDetails(detailsOf(column), currency);
    }
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof EncodingError) return column;
    throw error;
  }
}

/** The only numbers of 64 bits that are no amounts are rows of a bank. */
const shownDetails = (details: object, currency: string): object =>
  Object.fromEntries(
    Object.entries(details).map(([member, value]) => {
      if (value === NEVER) return [member, 'never'];
      if (typeof value !== 'bigint') return [member, value];
      return [member, member.endsWith('Row') ? value.toString() : formatAmount({ currency, units: value })];
    }),
  );
