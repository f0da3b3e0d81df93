/** Mistakes of those who read: slots, verdicts, the order of units, and what the sweeper leaves behind. */
import {
  type CommittedUnit,
  type EventStore,
  Ledger,
  type Loaded,
  type Position,
  START,
  type StreamPage,
  type UnitOfWork,
} from '@florin/event-store';
import {
  CommitOrder,
  entryOf,
  type Filling,
  type NumberedEntry,
  type RawEvent,
  type RawPage,
  recorded,
  Slots,
  Sweeper,
  standingOf,
  type Tentative,
  type Verdict,
} from '@florin/event-store/commit-protocol';
import { clientWith, type Plant, partsWith } from './plant.js';

/** Of the requests in the simulation: whoever reads no more looks for one append. */
const APPEND_EVENTS_MAX = 2;
const VOID: Verdict = { kind: 'void' };
const FILLED_AGAINST: Filling = { members: [], position: START };

export class VerdictByUnitAlone extends Slots {
  protected override verdictBy({ unit, position }: Filling, { first }: Tentative): Verdict {
    return unit === first.unit ? { kind: 'committed', position } : VOID;
  }
}

class AnyUnitFills extends Slots {
  protected override verdictBy({ unit, position }: Filling): Verdict {
    return unit === undefined ? VOID : { kind: 'committed', position };
  }
}

class VoidWithoutMarker extends Slots {
  override async fill(): Promise<Filling> {
    return FILLED_AGAINST;
  }
}

class UndecidedIsVoid extends Slots {
  override async settle(tentative: Tentative): Promise<Verdict> {
    const filling = await this.look(tentative.first.slot);
    return filling ? this.verdictBy(filling, tentative) : VOID;
  }
}

class UndecidedIsCommitted extends Slots {
  override async settle(tentative: Tentative): Promise<Verdict> {
    const filling = await this.look(tentative.first.slot);
    return filling ? this.verdictBy(filling, tentative) : { kind: 'committed', position: START };
  }
}

class RefusedMarkerIsVoid extends Slots {
  override async settle(tentative: Tentative): Promise<Verdict> {
    await this.fill(tentative.first.slot, tentative.first.unit);
    return VOID;
  }
}

class ForgetfulSweeper extends Sweeper {
  protected override firstUndecided(): bigint | undefined {
    return undefined;
  }
}

class LazySweeper extends Sweeper {
  override async sweep(): Promise<undefined> {
    return undefined;
  }
}

class EmitAtTentativePosition extends CommitOrder {
  private readonly eager = new Slots(this.surroundings);

  override async take(raw: RawEvent): Promise<CommittedUnit | undefined> {
    const entry = entryOf(raw);
    if (entry.kind === 'committed') {
      const unit = await super.take(raw);
      const events = unit?.events.filter(({ stream }) => stream === raw.stream) ?? [];
      return unit && { ...unit, events };
    }
    if (entry.kind !== 'tentative' || entry.parts > 1) return super.take(raw);
    await super.take(raw);
    const verdict = await this.eager.settle({ entries: [entry], first: entry });
    const position = raw.position as Position;
    return verdict.kind === 'committed' ? { position, events: [recorded(entry, position)] } : undefined;
  }
}

class MembersAsTheyCame extends CommitOrder {
  protected override unitOf(entries: readonly NumberedEntry[], position: Position): CommittedUnit {
    return super.unitOf(
      [...entries].sort((a, b) => (a.raw.position < b.raw.position ? -1 : 1)),
      position,
    );
  }
}

function readingRevisionsApart(store: EventStore): EventStore {
  return {
    ...store,
    readStream: async (stream, options) => {
      const page = await store.readStream(stream, options);
      return page.complete ? { ...page, revision: (await store.readStream(stream, options)).revision } : page;
    },
  };
}

class FirstTailOnly extends Ledger {
  protected override restsOn(unit: UnitOfWork): readonly Loaded[] {
    return super.restsOn(unit).slice(0, 1);
  }
}

/** Answers a tail as it was last read, until a commit shows that the stream has moved. */
function answeringFromMemory(store: EventStore): EventStore {
  const tails = new Map<string, StreamPage>();
  return {
    ...store,
    commit: (unit) => {
      for (const { stream } of unit) tails.delete(stream);
      return store.commit(unit);
    },
    readStream: async (stream, options = {}) => {
      const known = tails.get(stream);
      if (known && standingOf(known.revision).count === (options.fromNumber ?? 0)) return known;
      const page = await store.readStream(stream, options);
      if (page.complete) tails.set(stream, { ...page, events: [] });
      return page;
    },
  };
}

export const MISTAKES_IN_READING: readonly Plant[] = [
  {
    name: 'no-void-marker',
    mistake: 'after the lease an undecided event is taken for void, and its slot is left empty',
    breaks: ['no stuck stream', 'complete read'],
    parts: partsWith({ slots: VoidWithoutMarker }),
  },
  {
    name: 'unsettled-prefix-cached',
    mistake: 'an undecided event is passed over, and the revision behind it is handed out',
    breaks: ['no unsettled prefix', 'complete read', 'no stuck stream'],
    parts: partsWith({ slots: UndecidedIsVoid }),
  },
  {
    name: 'undecided-is-committed',
    mistake: 'an event is served before its slot is filled',
    breaks: ['no unsettled prefix', 'no false alarm', 'no stuck stream'],
    parts: partsWith({ slots: UndecidedIsCommitted }),
  },
  {
    name: 'slot-not-looked-up',
    mistake: 'a slot that cannot be filled with a marker is not looked at, and taken to be filled by another',
    breaks: ['complete read', 'no unsettled prefix'],
    parts: partsWith({ slots: RefusedMarkerIsVoid }),
  },
  {
    name: 'slot-filled-by-anybody',
    mistake: 'an event counts if any unit fills its slot',
    breaks: ['no unsettled prefix'],
    parts: partsWith({ slots: AnyUnitFills }),
  },
  {
    name: 'sweeper-past-undecided',
    mistake: 'the bookmark of the sweeper passes undecided events',
    breaks: ['no stuck stream'],
    sweeper: ForgetfulSweeper,
  },
  {
    name: 'no-sweeper',
    mistake: 'nobody settles what lies on streams that nobody reads',
    breaks: ['no stuck stream'],
    sweeper: LazySweeper,
  },
  {
    name: 'emit-at-tentative-position',
    mistake: 'subscribers get the events of the members where they lie',
    breaks: ['agreement', 'no false alarm'],
    order: EmitAtTentativePosition,
  },
  {
    name: 'members-in-arrival-order',
    mistake: 'the events of a unit are handed out in the order in which they were written',
    breaks: ['agreement'],
    order: MembersAsTheyCame,
  },
  {
    name: 'stale-read-trusted',
    mistake: 'reads are answered by followers',
    breaks: ['complete read', 'no false alarm'],
    client: clientWith((client) => ({
      readStream: (stream, options) => client.readStream(stream, { ...options, requiresLeader: false }),
    })),
  },
  {
    name: 'revision-read-apart',
    mistake: 'the revision of a stream is read by a second call, after its events',
    breaks: ['no lost update'],
    store: readingRevisionsApart,
  },
  {
    name: 'stale-page-trusted',
    mistake: 'streams are read from followers, and slots from the leader',
    breaks: ['complete read', 'no false alarm'],
    client: clientWith((client) => ({
      readStream: (stream, options) =>
        client.readStream(stream, { ...options, requiresLeader: options.max <= APPEND_EVENTS_MAX }),
    })),
  },
  {
    name: 'refusal-from-memory',
    mistake: 'a refusal rests on what was read for an earlier request',
    breaks: ['justified refusal'],
    store: answeringFromMemory,
  },
  {
    name: 'refusal-confirmed-in-part',
    mistake: 'of the streams that a refusal rests on, the tail of the first one is read',
    breaks: ['justified refusal'],
    ledger: FirstTailOnly,
  },
  {
    name: 'page-end-ignored',
    mistake: 'a page that ends before its stream does is taken for the rest of it',
    breaks: ['complete read'],
    client: clientWith((client) => ({
      readStream: async (stream, options): Promise<RawPage> => {
        return { ...(await client.readStream(stream, options)), ended: true };
      },
    })),
  },
  {
    name: 'half-read-trusted',
    mistake: 'a read that broke off is taken for the whole stream',
    breaks: ['no stuck stream', 'no false alarm'],
    client: clientWith((client) => ({
      readStream: async (stream, options): Promise<RawPage> => {
        const page = await client.readStream(stream, options);
        const events = page.events.length > 1 ? page.events.slice(0, -1) : page.events;
        return { ...page, events, ended: true };
      },
    })),
  },
];
