import type { EventStore, Ledger } from '@florin/event-store';
import {
  type CommitOrder,
  type EsdbLike,
  type Parts,
  Slots,
  StreamReader,
  type Surroundings,
  type Sweeper,
  Writer,
} from '@florin/event-store/commit-protocol';
import type { Property } from './properties.js';

type MayBurst = (streams: readonly string[]) => boolean;

/** A mistake, wrapped around the protocol from outside. */
export interface Plant {
  readonly name: string;
  /** What somebody might do, in a sentence. */
  readonly mistake: string;
  /** What is found broken first; without it the mistake costs progress at most, and the simulation has to agree. */
  readonly breaks?: readonly [Property, ...Property[]];
  readonly client?: (client: EsdbLike) => EsdbLike;
  readonly parts?: (surroundings: Surroundings, mayBurst: MayBurst) => Parts;
  /** What the ledger sees of the store. */
  readonly store?: (store: EventStore) => EventStore;
  readonly ledger?: typeof Ledger;
  readonly order?: typeof CommitOrder;
  readonly sweeper?: typeof Sweeper;
  /** Instead of the lease that the schedule has. */
  readonly leaseMs?: number;
}

export const NOTHING_PLANTED: Plant = { name: 'none', mistake: 'the protocol as it ships' };

interface Classes {
  readonly slots?: typeof Slots;
  readonly writer?: typeof Writer;
}

/** The parts as they ship, but for some classes. */
export function partsWith({ slots: SlotsClass = Slots, writer: WriterClass = Writer }: Classes) {
  return (surroundings: Surroundings, mayBurst: MayBurst): Parts => {
    const slots = new SlotsClass(surroundings);
    const reader = new StreamReader(surroundings, slots);
    return { slots, reader, writer: new WriterClass(surroundings, slots, reader, mayBurst) };
  };
}

/** A client that differs from the real one in some calls. */
export function clientWith(change: (client: EsdbLike) => Partial<EsdbLike>): (client: EsdbLike) => EsdbLike {
  return (client) => ({
    append: (...call) => client.append(...call),
    readStream: (...call) => client.readStream(...call),
    readAllBackward: (...call) => client.readAllBackward(...call),
    subscribe: (...call) => client.subscribe(...call),
    ...change(client),
  });
}
