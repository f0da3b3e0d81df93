/** Which events a page of a stream holds, for adapters whose revisions are logical numbers. */
import { NO_EVENTS, type ReadStream, type Revision } from './port.js';

/** The logical numbers of a page, inclusive; `last < first` if it is empty. */
export interface PageRange {
  readonly first: number;
  readonly last: number;
  readonly complete: boolean;
}

/**
 * @param length number of events in the stream
 * @param most the adapter's own limit
 * @throws RangeError unless `fromNumber` is a count and `limit` at least 1
 */
export function pageRange(length: number, { fromNumber, backward, limit }: ReadStream, most: number): PageRange {
  if (fromNumber !== undefined && !(Number.isSafeInteger(fromNumber) && fromNumber >= 0)) {
    throw new RangeError(`a stream is read from a number on, not from ${fromNumber}`);
  }
  if (limit !== undefined && !(Number.isSafeInteger(limit) && limit > 0)) {
    throw new RangeError(`a page holds at least one event, not ${limit}`);
  }
  const count = Math.min(limit ?? most, most);
  if (backward) {
    const last = Math.min(fromNumber ?? length - 1, length - 1);
    const first = Math.max(last - count + 1, 0);
    return { first, last, complete: first === 0 };
  }
  const first = fromNumber ?? 0;
  const last = Math.min(first + count, length) - 1;
  return { first, last, complete: last >= length - 1 };
}

/** The revision that a page answers (see `StreamPage`). */
export function pageRevision(
  { length, last, complete }: { length: number; last: number; complete: boolean },
  { backward }: ReadStream,
): Revision | typeof NO_EVENTS {
  const number = backward || complete ? length - 1 : last;
  return number < 0 ? NO_EVENTS : (BigInt(number) as Revision);
}
