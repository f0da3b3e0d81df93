import { type CommittedUnit, type Position, START, StoreUnavailable, UnknownPosition } from '../port.js';
import type { CommitOrder } from './commit-order.js';
import { type CommittedEntry, entryOf } from './envelope.js';
import type { Checkpoint, RawEvent } from './esdb-like.js';
import { backoffOf, persistently, type Surroundings } from './surroundings.js';
import { pause } from './timing.js';

const RESUBSCRIBING = { firstMs: 20, mostMs: 5_000 };
/** The last unit is near the end, or behind much that is not ours. */
const BACKWARD_EVENTS = { first: 64, most: 2_048 };

export interface Place {
  readonly prefixes: readonly string[];
  /** Exclusive. */
  readonly after: Position;
}

/** A subscription that is made anew, from where it broke, whenever it breaks; ends silently with the signal. */
export async function* follow(
  surroundings: Surroundings,
  { prefixes, after }: Place,
  signal: AbortSignal,
): AsyncGenerator<RawEvent | Checkpoint> {
  let seen: bigint = after;
  const backoff = backoffOf(surroundings, RESUBSCRIBING);
  while (!signal.aborted) {
    try {
      for await (const item of surroundings.client.subscribe({ prefixes, after: seen }, signal)) {
        backoff.reset();
        seen = 'checkpoint' in item ? item.checkpoint : item.position;
        yield item;
        if (signal.aborted) return;
      }
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error;
    }
    if (!signal.aborted) await pause(surroundings.clock, backoff.next(), signal);
  }
}

/** The committed units after a position, for ever. @throws DamagedStore */
export async function* unitsAfter(
  surroundings: Surroundings,
  { prefix, after, order }: { prefix: string; after: Position; order: CommitOrder },
  signal: AbortSignal,
): AsyncGenerator<CommittedUnit> {
  for await (const item of follow(surroundings, { prefixes: [prefix], after }, signal)) {
    if ('checkpoint' in item) continue;
    const unit = await persistently(surroundings, () => order.take(item));
    if (signal.aborted) return;
    if (unit) yield unit;
  }
}

/**
 * The last event of the last committed unit, on the leader, and the position of the last event of all.
 * @param floor up to there somebody has looked already: it is not looked further back
 */
export async function lastCommitted(
  { client }: Surroundings,
  prefix: string,
  floor: () => Position,
): Promise<{ readonly entry?: CommittedEntry; readonly end: Position }> {
  let before: bigint | 'end' = 'end';
  let end: bigint | undefined;
  for (let max = BACKWARD_EVENTS.first; ; max = Math.min(4 * max, BACKWARD_EVENTS.most)) {
    const events = await client.readAllBackward({ before, max });
    end ??= events[0]?.position ?? START;
    for (const raw of events) {
      if (!raw.stream.startsWith(prefix)) continue;
      const entry = entryOf(raw);
      if (entry.kind === 'committed') return { entry, end: end as Position };
    }
    const oldest = events.at(-1);
    if (!oldest || oldest.position <= floor()) return { end: end as Position };
    before = oldest.position;
  }
}

/** Everything up to `seen` was looked at; `last` is the last unit in it. */
export interface Progress {
  readonly seen: Position;
  readonly last: Position;
}

/**
 * Where the last committed unit stands now, on the leader. No event is looked at twice: nodes renew their leases all
 * the time, and whoever is asked every second, as a readiness check is, would go through them again and again.
 */
export class LastUnit {
  private own: Progress = { seen: START, last: START };

  constructor(
    private readonly surroundings: Surroundings,
    private readonly prefix: string,
  ) {}

  /** @param others what somebody else has looked at @throws StoreUnavailable, DamagedStore */
  async position(others: () => Progress): Promise<Position> {
    const floor = (): Position => later(this.own.seen, others().seen);
    const { entry, end } = await lastCommitted(this.surroundings, this.prefix, floor);
    const last = entry ? (entry.raw.position as Position) : later(this.own.last, others().last);
    this.own = { seen: later(this.own.seen, end), last: later(this.own.last, last) };
    return last;
  }
}

const later = (one: Position, other: Position): Position => (one > other ? one : other);

/** A position, and how many committed events there are up to it. */
export interface Counted {
  readonly position: Position;
  readonly events: number;
}

/**
 * How many committed events there are up to the end of a unit. Members are not looked at: their commit point says how
 * many they are.
 * @param from the nearest place before where it is known
 * @param last the position of the last unit there is
 * @throws UnknownPosition if no unit ends there
 */
export async function countAt(
  surroundings: Surroundings,
  { prefix, position, from, last }: { prefix: string; position: Position; from: Counted; last: Position },
): Promise<number> {
  const unknown = new UnknownPosition(`no unit ends at position ${position}, the last one at ${last}`);
  if (position > last || position < from.position) throw unknown;
  if (position === from.position) return from.events;
  let { events } = from;
  for await (const item of follow(surroundings, { prefixes: [prefix], after: from.position }, surroundings.stopped)) {
    if ('checkpoint' in item || item.position > position) {
      if (('checkpoint' in item ? item.checkpoint : item.position) > position) break;
      continue;
    }
    const entry = entryOf(item);
    if (entry.kind !== 'committed') continue;
    events += 1 + memberEvents(entry);
    if (item.position < position) continue;
    if (entry.part < entry.parts - 1) break;
    return events;
  }
  if (surroundings.stopped.aborted) throw new StoreUnavailable('the subscription was ended');
  throw unknown;
}

const memberEvents = ({ unit }: CommittedEntry): number =>
  unit?.members.reduce((sum, { count }) => sum + count, 0) ?? 0;
