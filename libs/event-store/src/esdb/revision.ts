import { InvalidUnit, NO_EVENTS, type Position, type Revision, START } from '../port.js';
import { NO_STREAM } from './esdb-like.js';

/**
 * Where a stream stands after one of its committed events, or before the first. It depends on that event alone, so it
 * is
 * the same for every reader.
 */
export interface Standing {
  /** Committed events in the prefix: the logical number of the next one. */
  readonly count: number;
  /** The unit that committed the last of them, `START` if there is none. */
  readonly position: Position;
  /** The server's revision of that event; void attempts and markers count in it. */
  readonly physical: bigint;
}

export const UNTOUCHED: Standing = { count: 0, position: START, physical: NO_STREAM };

const WORD = 64n;
const MASK = (1n << WORD) - 1n;

/**
 * The revision that the port hands out: the whole standing in one number, most significant first what grows with every
 * commit. So an append with a cached state needs no read to know its events' numbers.
 */
export function revisionOf({ count, position, physical }: Standing): Revision | typeof NO_EVENTS {
  if (count === 0) return NO_EVENTS;
  return ((BigInt(count) << (2n * WORD)) | (position << WORD) | physical) as Revision;
}

/**
 * The standing in a revision; for `NO_EVENTS` that of a stream which was never touched.
 * @throws InvalidUnit if it is no revision of this adapter
 */
export function standingOf(revision: Revision | typeof NO_EVENTS): Standing {
  if (revision === NO_EVENTS) return UNTOUCHED;
  const count = Number(revision >> (2n * WORD));
  if (count < 1 || !Number.isSafeInteger(count)) throw new InvalidUnit(`${revision} is no revision of this store`);
  return { count, position: ((revision >> WORD) & MASK) as Position, physical: revision & MASK };
}
