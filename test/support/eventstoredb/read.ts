import type { RecordedEvent } from './log.js';
import type { View } from './stream-state.js';
import { firstVisible, streamAt } from './stream-state.js';

export type Direction = 'forwards' | 'backwards';

export interface StreamRead {
  readonly stream: string;
  readonly from: bigint | 'start' | 'end';
  readonly direction: Direction;
  /** Number of events at most; any number above the length of the stream means all. */
  readonly max: number;
}

export type StreamReadAnswer =
  | { readonly kind: 'events'; readonly events: readonly RecordedEvent[] }
  | { readonly kind: 'stream-not-found' }
  | { readonly kind: 'stream-deleted' };

/**
 * Facts, Reading: a missing or soft-deleted stream is not found, wherever the read starts; beyond the end there are no
 * events and no error. `from` is inclusive in both directions; a backward read from beyond the end starts at the end.
 */
export function readStream(view: View, { stream, from, direction, max }: StreamRead, now: number): StreamReadAnswer {
  const state = streamAt(view, stream);
  if (state.tombstoned) return { kind: 'stream-deleted' };
  if (state.softDeleted || state.lastRevision < 0n) return { kind: 'stream-not-found' };
  const [first, end] = [firstVisible(state, now), state.events.length];
  if (direction === 'forwards') {
    const start = from === 'start' ? first : Math.max(first, revisionWithin(from, end));
    return { kind: 'events', events: state.events.slice(start, Math.min(end, start + max)) };
  }
  const stop = from === 'start' ? 1 : revisionWithin(from, end - 1) + 1;
  const events = state.events.slice(Math.max(first, stop - max), Math.max(first, stop)).toReversed();
  return { kind: 'events', events };
}

/** The index of a revision, or `limit` for whatever lies beyond. */
function revisionWithin(revision: bigint | 'end', limit: number): number {
  return revision === 'end' || revision > BigInt(limit) ? limit : Number(revision);
}

export interface AllRead {
  readonly from: bigint | 'start' | 'end';
  readonly direction: Direction;
  readonly max: number;
}

/**
 * Facts, Reading: `readAll` shows everything ever written, deleted streams and system events included, forwards with
 * the event at `from`, backwards with those before it. A filter is not even transmitted by the client.
 */
export function* readAll({ log, length }: View, { from, direction, max }: AllRead): Generator<RecordedEvent> {
  const edge = from === 'start' ? 0 : from === 'end' ? length : Math.min(log.indexOf(from), length);
  if (direction === 'forwards') {
    for (let index = edge; index < length && index - edge < max; index++) yield log.at(index);
  } else {
    for (let index = edge - 1; index >= 0 && edge - index <= max; index--) yield log.at(index);
  }
}
