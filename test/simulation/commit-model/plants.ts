/**
 * Mistakes that one could make in the commit protocol, each wrapped around the shipped code from outside. A simulation
 * that does not find one of them proves nothing.
 */
import { type Committed, type CommittedUnit, type Position, RevisionConflict, START } from '@florin/event-store';
import {
  type AppendAnswer,
  CommitOrder,
  type EsdbLike,
  entryOf,
  type Filling,
  NO_STREAM,
  type NumberedEntry,
  type Outcome,
  type Parts,
  type Proposal,
  type ProposedEvent,
  type RawEvent,
  type RawPage,
  recorded,
  Slots,
  StreamReader,
  type Surroundings,
  Sweeper,
  type Target,
  type Tentative,
  type Verdict,
  VOID_MARKER,
  Writer,
} from '@florin/event-store/commit-protocol';
import { NOTHING_PLANTED, type Plant } from './plant.js';

type MayBurst = (streams: readonly string[]) => boolean;
interface Classes {
  readonly slots?: typeof Slots;
  readonly writer?: typeof Writer;
}

/** The parts as they ship, but for some classes. */
function partsWith({ slots: SlotsClass = Slots, writer: WriterClass = Writer }: Classes) {
  return (surroundings: Surroundings, mayBurst: MayBurst): Parts => {
    const slots = new SlotsClass(surroundings);
    const reader = new StreamReader(surroundings, slots);
    return { slots, reader, writer: new WriterClass(surroundings, slots, reader, mayBurst) };
  };
}

/** A client that differs from the real one in some calls. */
function clientWith(change: (client: EsdbLike) => Partial<EsdbLike>): (client: EsdbLike) => EsdbLike {
  return (client) => ({
    append: (...call) => client.append(...call),
    readStream: (...call) => client.readStream(...call),
    readAllBackward: (...call) => client.readAllBackward(...call),
    subscribe: (...call) => client.subscribe(...call),
    ...change(client),
  });
}

const VOID: Verdict = { kind: 'void' };
const FILLED_AGAINST: Filling = { members: [], position: START };
const isMarker = (events: readonly ProposedEvent[]): boolean => events[0]?.type === VOID_MARKER;
const commandOf = (targets: readonly Target[]): string => String(targets.at(-1)?.append.events[0]?.data.command);

/** A UUID made of a text, the same every time. */
function uuidOf(text: string): string {
  let [a, b] = [0x811c9dc5, 0x01000193];
  for (const char of text) {
    a = Math.imul(a ^ char.charCodeAt(0), 0x01000193) >>> 0;
    b = Math.imul(b + char.charCodeAt(0), 0x85ebca6b) >>> 0;
  }
  const hex = [a, b, a ^ b, Math.imul(a, 31) >>> 0].map((word) => (word >>> 0).toString(16).padStart(8, '0')).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

class UnitIdOfCommand extends Writer {
  protected override drawUnitId(targets: readonly Target[]): string {
    return uuidOf(commandOf(targets));
  }
}

class VerdictByUnitAlone extends Slots {
  protected override verdictBy({ unit, position }: Filling, { first }: Tentative): Verdict {
    return unit === first.unit ? { kind: 'committed', position } : VOID;
  }
}

class EventIdOfCommand extends Writer {
  private readonly drawn = new WeakMap<object, number>();

  protected override drawEventId(append: Target['append']): string {
    const nth = this.drawn.get(append) ?? 0;
    this.drawn.set(append, (nth + 1) % append.events.length);
    return uuidOf(`${append.events[0]?.data.command} ${append.stream} ${nth}`);
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

class DecideOnFirstStream extends Writer {
  override commit(unit: Parameters<Writer['commit']>[0], caller: Parameters<Writer['commit']>[1]): Promise<Committed> {
    return super.commit({ ...unit, appends: [...unit.appends].reverse() }, caller);
  }
}

class UnknownMemberIsWritten extends Writer {
  protected override async appendUntilSettled(proposal: Proposal, noMatter: () => boolean): Promise<Outcome> {
    const { append, at, events } = proposal;
    const isMember = events[0]?.metadata.includes('"slot"');
    if (!isMember) return super.appendUntilSettled(proposal, noMatter);
    const outcome = await super.appendUntilSettled(proposal, () => true);
    if (outcome.kind !== 'unknown') return outcome;
    return { kind: 'written', next: at.physical + BigInt(append.events.length), position: 0n };
  }
}

class SameStandingAfterRefusal extends Writer {
  protected override async whatIsInPlace(): Promise<Outcome> {
    return { kind: 'conflict' };
  }
}

/** Readers fill slots as ever; the writer that failed half-way only says so. */
class NoEarlyVoid extends Slots {
  private readers = 0;

  override async fill(slot: Parameters<Slots['fill']>[0], unit: string): Promise<Filling> {
    if (this.readers > 0) return super.fill(slot, unit);
    throw new RevisionConflict(slot.stream);
  }

  override async settle(tentative: Tentative): Promise<Verdict> {
    this.readers += 1;
    try {
      return await super.settle(tentative);
    } finally {
      this.readers -= 1;
    }
  }
}

const MISTAKES: readonly Plant[] = [
  {
    name: 'unit-id-kept-over-retry',
    mistake: 'the unit id is that of the request, and a slot filled under it counts for whoever bears it',
    parts: partsWith({ writer: UnitIdOfCommand, slots: VerdictByUnitAlone }),
  },
  {
    name: 'event-id-kept-over-retry',
    mistake: 'the event ids of a request are the same in every attempt',
    parts: partsWith({ writer: EventIdOfCommand }),
  },
  {
    name: 'no-void-marker',
    mistake: 'after the lease an undecided event is taken for void, and its slot is left empty',
    parts: partsWith({ slots: VoidWithoutMarker }),
  },
  {
    name: 'unsettled-prefix-cached',
    mistake: 'an undecided event is passed over, and the revision behind it is handed out',
    parts: partsWith({ slots: UndecidedIsVoid }),
  },
  {
    name: 'undecided-is-committed',
    mistake: 'an event is served before its slot is filled',
    parts: partsWith({ slots: UndecidedIsCommitted }),
  },
  {
    name: 'sweeper-past-undecided',
    mistake: 'the bookmark of the sweeper passes undecided events',
    sweeper: ForgetfulSweeper,
  },
  { name: 'no-sweeper', mistake: 'nobody settles what lies on streams that nobody reads', sweeper: LazySweeper },
  {
    name: 'emit-at-tentative-position',
    mistake: 'subscribers get the events of the members where they lie',
    order: EmitAtTentativePosition,
  },
  {
    name: 'members-in-arrival-order',
    mistake: 'the events of a unit are handed out in the order in which they were written',
    order: MembersAsTheyCame,
  },
  {
    name: 'stale-read-trusted',
    mistake: 'reads are answered by followers',
    client: clientWith((client) => ({
      readStream: (stream, options) => client.readStream(stream, { ...options, requiresLeader: false }),
    })),
  },
  {
    name: 'half-read-trusted',
    mistake: 'a read that broke off is taken for the whole stream',
    client: clientWith((client) => ({
      readStream: async (stream, options): Promise<RawPage> => {
        const page = await client.readStream(stream, options);
        const events = page.events.length > 1 ? page.events.slice(0, -1) : page.events;
        return { ...page, events, ended: true };
      },
    })),
  },
  {
    name: 'refusal-on-unknown-outcome',
    mistake: 'an append without an answer counts as refused',
    client: clientWith((client) => ({
      append: async (stream, expected, events): Promise<AppendAnswer> => {
        const answer = await client.append(stream, expected, events);
        return answer.kind === 'unknown' && !isMarker(events) ? { kind: 'wrong', actual: expected } : answer;
      },
    })),
  },
  {
    name: 'empty-read-back-decides',
    mistake: 'an append without an answer counts as failed if its place is read and found empty',
    client: clientWith((client) => ({
      append: async (stream, expected, events): Promise<AppendAnswer> => {
        const answer = await client.append(stream, expected, events);
        if (answer.kind !== 'unknown' || isMarker(events)) return answer;
        const options = { from: expected + 1n, direction: 'forward', max: 1, requiresLeader: true } as const;
        const page = await client.readStream(stream, options).catch(() => undefined);
        return page?.events.length === 0 ? { kind: 'wrong', actual: expected } : answer;
      },
    })),
  },
  {
    name: 'wrong-on-repeat-is-refusal',
    mistake: 'a repeat that finds the stream moved counts as refused, without a look at the place',
    parts: partsWith({ writer: SameStandingAfterRefusal }),
  },
  {
    name: 'repeat-at-newer-revision',
    mistake: 'an append without an answer is repeated at the revision that the stream has by then',
    client: clientWith((client) => ({
      append: async (stream, expected, events): Promise<AppendAnswer> => {
        const answer = await client.append(stream, expected, events);
        if (answer.kind !== 'unknown') return answer;
        const options = { from: 'end', direction: 'backward', max: 1, requiresLeader: true } as const;
        const page = await client.readStream(stream, options).catch(() => undefined);
        return page ? client.append(stream, page.events[0]?.revision ?? NO_STREAM, events) : answer;
      },
    })),
  },
  {
    name: 'commit-before-members-are-settled',
    mistake: 'the commit point is written while nobody knows whether a member is',
    parts: partsWith({ writer: UnknownMemberIsWritten }),
  },
  {
    name: 'signature-tentative',
    mistake: 'the first stream of the unit decides, so that the last one is written tentatively, signature and all',
    parts: partsWith({ writer: DecideOnFirstStream }),
  },
  {
    name: 'slot-not-looked-up',
    mistake: 'a slot that cannot be filled with a marker is not looked at, and taken to be filled by another',
    parts: partsWith({ slots: RefusedMarkerIsVoid }),
  },
];

const HARMLESS: readonly Plant[] = [
  {
    name: 'short-lease',
    mistake: 'the lease is shorter than any writer',
    harmless: true,
    leaseMs: 0,
  },
  {
    name: 'no-early-void',
    mistake: 'a writer that fails half-way leaves its slot to whoever meets what it left',
    harmless: true,
    parts: partsWith({ slots: NoEarlyVoid }),
  },
  {
    name: 'unit-id-kept-but-members-named',
    mistake: 'the unit id is that of the request; the member list still tells its attempts apart',
    harmless: true,
    parts: partsWith({ writer: UnitIdOfCommand }),
  },
  {
    name: 'members-not-named',
    mistake: 'a slot filled by the unit counts for all its events; the ids drawn anew still tell its attempts apart',
    harmless: true,
    parts: partsWith({ slots: VerdictByUnitAlone }),
  },
];

export const PLANTS: ReadonlyMap<string, Plant> = new Map(
  [NOTHING_PLANTED, ...MISTAKES, ...HARMLESS].map((plant) => [plant.name, plant]),
);
