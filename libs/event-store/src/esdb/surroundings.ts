import { DamagedStore, StoreUnavailable } from '../port.js';
import type { EsdbLike, RawEvent } from './esdb-like.js';
import { Backoff, type Clock, pause } from './timing.js';

/** What the protocol runs in. Nothing here is shared between processes but the server behind `client`. */
export interface Surroundings {
  readonly client: EsdbLike;
  readonly clock: Clock;
  /** From 0 to 1, for jitter. */
  readonly random: () => number;
  /** A UUID that was never used before, for an event or a unit. */
  readonly newId: () => string;
  /** Aborted when the store is closed: nothing is begun any more, and who waits gives up. */
  readonly stopped: AbortSignal;
  /**
   * How long an undecided event is left alone after this process first saw it. Longer than a healthy writer takes;
   * shorter costs progress, never safety.
   */
  readonly leaseMs: number;
}

/** Between two looks at a slot of somebody who is about to fill it. */
export const POLLING = { firstMs: 2, mostMs: 250 };

/** Between two repetitions of what got no answer. */
export const REPEATING = { firstMs: 50, mostMs: 5_000 };

export const backoffOf = ({ random }: Surroundings, pauses: { firstMs: number; mostMs: number }): Backoff =>
  new Backoff({ ...pauses, random });

/** @throws StoreUnavailable if the store was closed meanwhile */
export async function pauseOrStop({ clock, stopped }: Surroundings, ms: number): Promise<void> {
  await pause(clock, ms, stopped);
  if (stopped.aborted) throw new StoreUnavailable('the event store is closed');
}

/** Asks again, with pauses, as long as the server cannot answer. @throws what `ask` throws besides StoreUnavailable */
export async function persistently<T>(surroundings: Surroundings, ask: () => Promise<T>): Promise<T> {
  const backoff = backoffOf(surroundings, REPEATING);
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error;
    }
    await pauseOrStop(surroundings, backoff.next());
  }
}

/** The event at one revision of a stream, on the leader; nothing if the stream ends before. */
export async function eventAt(
  { client }: Surroundings,
  { stream, revision }: { readonly stream: string; readonly revision: bigint },
): Promise<RawEvent | undefined> {
  const options = { from: revision, direction: 'forward', max: 1, requiresLeader: true } as const;
  const { events } = await client.readStream(stream, options);
  const event = events[0];
  if (event && event.revision !== revision) {
    throw new DamagedStore(`${stream} goes on with ${event.revision} where ${revision} was: it was truncated`);
  }
  return event;
}
