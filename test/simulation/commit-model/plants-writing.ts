/** Mistakes of those who write: ids, outcomes, and which stream decides. */
import type { Decision } from '@florin/domain';
import {
  type Committed,
  type EventStore,
  Ledger,
  type PreparedUnit,
  RevisionConflict,
  type Settled,
  StoreUnavailable,
  type StreamAppend,
  type Transaction,
} from '@florin/event-store';
import {
  type AppendAnswer,
  type Caller,
  NO_STREAM,
  type Outcome,
  type Proposal,
  type ProposedEvent,
  type Target,
  VOID_MARKER,
  Writer,
} from '@florin/event-store/commit-protocol';
import { clientWith, type Plant, partsWith } from './plant.js';
import { VerdictByUnitAlone } from './plants-reading.js';

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

export class UnitIdOfCommand extends Writer {
  protected override drawUnitId(targets: readonly Target[]): string {
    return uuidOf(commandOf(targets));
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

class DecideOnFirstStream extends Writer {
  override commit(unit: PreparedUnit, caller: Caller): Promise<Committed> {
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

class EmptyPlaceIsConflict extends Writer {
  protected override async whatIsInPlace(proposal: Proposal): Promise<Outcome> {
    return (await super.whatIsInPlace(proposal)) ?? { kind: 'conflict' };
  }
}

class OneByOne extends Writer {
  override async commit(unit: PreparedUnit, caller: Caller): Promise<Committed> {
    const all: Committed[] = [];
    for (const append of unit.appends) all.push(await super.commit({ ...unit, appends: [append] }, caller));
    const events = all.flatMap((one) => one.events);
    const revisions = new Map(all.flatMap((one) => [...one.revisions]));
    return { events, revisions, position: (all.at(-1) as Committed).position };
  }
}

class UnavailableIsAccepted extends Ledger {
  override async transact<Answer extends Decision<unknown, unknown, unknown>>(
    queue: readonly string[],
    attempt: (tx: Transaction) => Promise<Answer>,
  ): Promise<Settled<Answer>> {
    let answer: Answer | undefined;
    const noted = async (tx: Transaction): Promise<Answer> => {
      answer = await attempt(tx);
      return answer;
    };
    return super.transact(queue, noted).catch((error: unknown) => {
      if (error instanceof StoreUnavailable && answer) return answer;
      throw error;
    });
  }
}

/** The last writer wins. */
function committingAgain(store: EventStore): EventStore {
  const present = async (append: StreamAppend): Promise<StreamAppend> => {
    const { revision: expected } = await store.readStream(append.stream);
    return { ...append, expected };
  };
  return {
    ...store,
    commit: async (unit) => {
      try {
        return await store.commit(unit);
      } catch (error) {
        if (!(error instanceof RevisionConflict)) throw error;
        return store.commit(await Promise.all(unit.map(present)));
      }
    },
  };
}

class SameStandingAfterRefusal extends Writer {
  protected override async whatIsInPlace(): Promise<Outcome> {
    return { kind: 'conflict' };
  }
}

export const MISTAKES_IN_WRITING: readonly Plant[] = [
  {
    name: 'streams-one-by-one',
    mistake: 'the streams of a unit are appended to one after the other, each for itself',
    breaks: ['atomic'],
    parts: partsWith({ writer: OneByOne }),
  },
  {
    name: 'unknown-outcome-is-written',
    mistake: 'an append without an answer counts as written',
    breaks: ['durable', 'no false alarm'],
    client: clientWith((client) => ({
      append: async (stream, expected, events): Promise<AppendAnswer> => {
        const answer = await client.append(stream, expected, events);
        if (answer.kind !== 'unknown' || isMarker(events)) return answer;
        return { kind: 'written', next: expected + BigInt(events.length), position: 0n };
      },
    })),
  },
  {
    name: 'unsettled-is-accepted',
    mistake: 'a request whose commit is not settled in time is answered as if it were',
    breaks: ['durable'],
    ledger: UnavailableIsAccepted,
  },
  {
    name: 'last-writer-wins',
    mistake: 'what met a conflict is committed behind it, without being decided again',
    breaks: ['no lost update', 'certain conflict'],
    store: committingAgain,
  },
  {
    name: 'empty-place-is-conflict',
    mistake: 'a repeat that is refused and finds its place empty counts as refused',
    breaks: ['certain conflict'],
    parts: partsWith({ writer: EmptyPlaceIsConflict }),
  },
  {
    name: 'unit-id-kept-over-retry',
    mistake: 'the unit id is that of the request, and a slot filled under it counts for whoever bears it',
    breaks: ['no unsettled prefix'],
    parts: partsWith({ writer: UnitIdOfCommand, slots: VerdictByUnitAlone }),
  },
  {
    name: 'event-id-kept-over-retry',
    mistake: 'the event ids of a request are the same in every attempt',
    breaks: ['durable', 'no false alarm'],
    parts: partsWith({ writer: EventIdOfCommand }),
  },
  {
    name: 'refusal-on-unknown-outcome',
    mistake: 'an append without an answer counts as refused',
    breaks: ['certain conflict'],
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
    breaks: ['certain conflict'],
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
    breaks: ['certain conflict'],
    parts: partsWith({ writer: SameStandingAfterRefusal }),
  },
  {
    name: 'repeat-at-newer-revision',
    mistake: 'an append without an answer is repeated at the revision that the stream has by then',
    breaks: ['no false alarm'],
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
    breaks: ['no false alarm'],
    parts: partsWith({ writer: UnknownMemberIsWritten }),
  },
  {
    name: 'signature-tentative',
    mistake: 'the first stream of the unit decides, so that the last one is written tentatively, signature and all',
    breaks: ['no secret in a void event'],
    parts: partsWith({ writer: DecideOnFirstStream }),
  },
];
