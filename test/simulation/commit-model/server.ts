import type { AppendAnswer, ProposedEvent, RawEvent, RawPage, ReadOptions } from '@florin/event-store/commit-protocol';

/** An event as the simulated server keeps it. */
export interface Kept extends ProposedEvent {
  readonly stream: string;
  readonly revision: bigint;
  readonly position: bigint;
}

/**
 * A server with the guarantees of EventStoreDB and no others (design/eventstoredb-facts.md): one log; an append writes
 * all its events or none, where the stream stands as expected; under known ids it writes nothing and answers as the
 * first time, but compares ids only with the events that follow the expected revision, and contents with nothing. A
 * leader shows the whole log, a follower some prefix of it.
 */
export class SimulatedServer {
  readonly log: Kept[] = [];
  private readonly streams = new Map<string, Kept[]>();

  append(stream: string, expected: bigint, events: readonly ProposedEvent[]): AppendAnswer {
    const held = this.streams.get(stream) ?? [];
    const actual = BigInt(held.length - 1);
    if (expected > actual) return { kind: 'wrong', actual };
    if (expected < actual) return repeated(held, expected, events) ?? { kind: 'wrong', actual };
    for (const event of events) {
      const kept = { ...event, stream, revision: BigInt(held.length), position: BigInt(100 * (this.log.length + 1)) };
      held.push(kept);
      this.log.push(kept);
    }
    this.streams.set(stream, held);
    const { revision, position } = held.at(-1) as Kept;
    return { kind: 'written', next: revision, position };
  }

  /** The events of a stream among the first `length` of the log. */
  eventsOf(stream: string, length = this.log.length): readonly Kept[] {
    const held = this.streams.get(stream) ?? [];
    const end = this.log[length]?.position;
    return end === undefined ? held : held.filter(({ position }) => position < end);
  }

  at(stream: string, revision: bigint): Kept | undefined {
    return this.streams.get(stream)?.[Number(revision)];
  }

  get streamNames(): readonly string[] {
    return [...this.streams.keys()];
  }
}

function repeated(held: readonly Kept[], expected: bigint, events: readonly ProposedEvent[]): AppendAnswer | undefined {
  const following = held.slice(Number(expected) + 1, Number(expected) + 1 + events.length);
  const last = following.at(-1);
  if (!last || following.length < events.length || !events.every(({ id }, i) => id === following[i]?.id)) {
    return undefined;
  }
  return { kind: 'written', next: last.revision, position: last.position };
}

const parsed = new WeakMap<Kept, RawEvent>();

/** As a client hands it out; the same object to everybody, which nobody changes. */
export function rawOf(kept: Kept): RawEvent {
  const known = parsed.get(kept);
  if (known) return known;
  const { data, metadata, ...rest } = kept;
  const raw = { ...rest, data: JSON.parse(data), metadata: JSON.parse(metadata), size: data.length };
  parsed.set(kept, raw);
  return raw;
}

/** What a read of a stream with these events answers. */
export function pageOf(events: readonly RawEvent[], { from, direction, max }: ReadOptions): RawPage {
  const exists = events.length > 0;
  if (direction === 'forward') {
    const rest = events.slice(from === 'end' ? events.length : Number(from));
    return { exists, events: rest.slice(0, max), ended: rest.length < max };
  }
  const rest = events.slice(0, from === 'end' ? events.length : Number(from) + 1).reverse();
  return { exists, events: rest.slice(0, max), ended: rest.length < max };
}
