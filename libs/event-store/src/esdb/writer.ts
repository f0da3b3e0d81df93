import {
  type Committed,
  DamagedStore,
  InvalidUnit,
  type Position,
  type RecordedEvent,
  type Revision,
  RevisionConflict,
  StoreUnavailable,
} from '../port.js';
import type { PreparedAppend, PreparedUnit } from '../unit.js';
import { hashOfAppend, type Member, NOT_COUNTED, proposed, type Role, type Slot } from './envelope.js';
import type { ProposedEvent } from './esdb-like.js';
import { revisionOf, type Standing, standingOf } from './revision.js';
import type { Slots } from './slots.js';
import type { StreamReader } from './stream-reader.js';
import { backoffOf, eventAt, pauseOrStop, persistently, REPEATING, type Surroundings } from './surroundings.js';

/** An append with what it rests on; `physical` is the revision at which it is to be made. */
export interface Target {
  readonly append: PreparedAppend;
  readonly at: Standing;
}

/** The caller of an attempt; once it has gone, nothing new is committed for it. */
export interface Caller {
  readonly writtenAtUs: number;
  gone: boolean;
}

/** An append with the events that are written for it. */
export interface Proposal extends Target {
  readonly events: readonly ProposedEvent[];
}

interface Plan {
  readonly unit: string;
  readonly slot: Slot;
  readonly members: readonly Proposal[];
  readonly decision: Proposal;
}

/** An attempt that certainly came to nothing: the stream that had moved, and the void events that it left on others. */
interface Refused {
  readonly conflict: string;
  readonly left: ReadonlyMap<string, bigint>;
}

type Written = { readonly kind: 'written'; readonly next: bigint; readonly position: bigint };
export type Outcome = Written | { readonly kind: 'conflict' } | { readonly kind: 'unknown' };
type MemberOutcome = Outcome | { readonly kind: 'unsent' };

const ATTEMPTS_MAX = 8;
const RETRYING = { firstMs: 2, mostMs: 100 };

/** What the server takes in one append, ids and types of the events included. */
const APPEND_BYTES_MAX = 1_048_576;
const EVENT_BYTES = 64;

/** Commits units: one append where one stream is concerned, the decision slot where there are several. */
export class Writer {
  constructor(
    protected readonly surroundings: Surroundings,
    protected readonly slots: Slots,
    private readonly reader: StreamReader,
    /** Whether the members may be written all at once, which is quick, and under contention stops everybody. */
    private readonly mayBurst: (streams: readonly string[]) => boolean,
  ) {}

  /** @throws RevisionConflict, StoreUnavailable, InvalidUnit, DamagedStore; whatever else happens, it goes on trying */
  async commit({ appends }: PreparedUnit, caller: Caller): Promise<Committed> {
    let targets = appends.map((append) => this.targetOf(append));
    const backoff = backoffOf(this.surroundings, RETRYING);
    for (let attempt = 1; ; attempt++) {
      const outcome = await (targets.length === 1 ? this.alone(targets, caller) : this.together(targets, caller));
      if ('position' in outcome) return outcome;
      const mayTryAgain = attempt < ATTEMPTS_MAX && !caller.gone;
      const again = mayTryAgain ? await this.pastVoidAttempts(targets, outcome) : undefined;
      if (!again) throw new RevisionConflict(outcome.conflict);
      targets = again;
      await pauseOrStop(this.surroundings, backoff.next());
    }
  }

  private async alone([target]: readonly Target[], caller: Caller): Promise<Committed | Refused> {
    const { append, at } = target as Target;
    const proposal = this.propose({ append, at }, caller, { kind: 'alone' });
    const outcome = await this.appendUntilSettled(proposal, () => false);
    if (outcome.kind !== 'written') return { conflict: append.stream, left: new Map() };
    return committed([{ append, at, next: outcome.next }], outcome.position as Position, caller);
  }

  /** Steps 1 to 3: members first, tentatively; the append to the decision stream commits. */
  private async together(targets: readonly Target[], caller: Caller): Promise<Committed | Refused> {
    const plan = this.plan(targets, caller);
    const { unit, slot, members, decision } = plan;
    let outcomes: MemberOutcome[] = [];
    try {
      outcomes = await this.writeMembers(plan, caller);
      const conflict = members.find((_, i) => outcomes[i]?.kind === 'conflict');
      if (conflict || caller.gone || !outcomes.every(isWritten)) {
        const mayHaveLeftSome = outcomes.some(({ kind }) => kind === 'written' || kind === 'unknown');
        if (mayHaveLeftSome) await this.slots.fill(slot, unit);
        if (conflict) return { conflict: conflict.append.stream, left: leftBy(members, outcomes) };
        throw new StoreUnavailable('the unit was given up before it was committed');
      }
    } catch (error) {
      // A stream that was tampered with, an event that the server does not take: what was written must not come alive.
      if (!(error instanceof StoreUnavailable)) await this.slots.fill(slot, unit).catch(() => undefined);
      throw error;
    }
    const outcome = await this.appendUntilSettled(decision, () => false);
    if (outcome.kind !== 'written') return { conflict: slot.stream, left: leftBy(members, outcomes) };
    const position = outcome.position as Position;
    for (const { append, at } of members) {
      const first = { stream: append.stream, revision: at.physical + 1n };
      this.slots.remember(first, { kind: 'committed', position });
    }
    const all = [...outcomes, outcome];
    return committed(
      targets.map((target, i) => ({ ...target, next: (all[i] as Written).next })),
      position,
      caller,
    );
  }

  /** All that one attempt is going to write. @throws InvalidUnit if the server would not take it */
  private plan(targets: readonly Target[], caller: Caller): Plan {
    const last = targets.at(-1) as Target;
    const slot: Slot = { stream: last.append.stream, revision: last.at.physical + 1n };
    const unit = this.drawUnitId(targets);
    const members = targets.slice(0, -1).map((target) => this.propose(target, caller, { kind: 'member', unit, slot }));
    const named = members.map(
      ({ append, at }): Member => ({
        stream: append.stream,
        revision: at.physical + 1n,
        count: append.events.length,
        hash: hashOfAppend(append, at, caller.writtenAtUs),
      }),
    );
    return { unit, slot, members, decision: this.propose(last, caller, { kind: 'decision', unit, members: named }) };
  }

  private async writeMembers({ members, slot }: Plan, caller: Caller): Promise<MemberOutcome[]> {
    let over = false;
    const write = async (member: Proposal): Promise<MemberOutcome> => {
      if (over || caller.gone) return { kind: 'unsent' };
      const outcome = await this.appendUntilSettled(member, () => over || caller.gone);
      if (outcome.kind !== 'written') over = true;
      return outcome;
    };
    if (this.mayBurst([...members.map(({ append }) => append.stream), slot.stream])) {
      return Promise.all(members.map(write));
    }
    const outcomes: MemberOutcome[] = [];
    for (const member of members) outcomes.push(await write(member));
    return outcomes;
  }

  /**
   * Appends, and repeats what got no answer with the same ids and the same expected revision until it is certain what
   * became of it, or until it does not matter any more.
   */
  protected async appendUntilSettled(proposal: Proposal, noMatter: () => boolean): Promise<Outcome> {
    const { append, at, events } = proposal;
    const { stream } = append;
    const backoff = backoffOf(this.surroundings, REPEATING);
    for (let isRepeat = false; ; isRepeat = true) {
      const answer = await this.surroundings.client.append(stream, at.physical, events);
      switch (answer.kind) {
        case 'written':
          if (answer.next === at.physical + BigInt(events.length)) return answer;
          throw new DamagedStore(
            `${stream} took its event ${at.physical + 1n} for ${answer.next}: it was tampered with`,
          );
        case 'wrong': {
          // The first time nothing of ours was written; a repeat may have met the events of an earlier try.
          const settled: Outcome | undefined = isRepeat ? await this.whatIsInPlace(proposal) : { kind: 'conflict' };
          if (settled) return settled;
          break;
        }
        case 'too-large':
          throw new InvalidUnit(`what is appended to ${stream} is more than the server takes at once`, true);
        case 'deleted':
          throw new DamagedStore(`${stream} was deleted`);
        case 'unknown':
          break;
      }
      if (noMatter()) return { kind: 'unknown' };
      await pauseOrStop(this.surroundings, backoff.next());
    }
  }

  /** Whether the place is filled by our own events or by others; an empty place decides nothing. */
  protected async whatIsInPlace({ append, at, events }: Proposal): Promise<Outcome | undefined> {
    const { stream } = append;
    const look = (revision: bigint) =>
      persistently(this.surroundings, () => eventAt(this.surroundings, { stream, revision }));
    const first = await look(at.physical + 1n);
    if (!first) return undefined;
    if (first.id !== events[0]?.id) return { kind: 'conflict' };
    const last = events.length === 1 ? first : await look(at.physical + BigInt(events.length));
    if (!last) throw new DamagedStore(`${stream} lost the end of an append`);
    return { kind: 'written', next: last.revision, position: last.position };
  }

  /**
   * The same unit behind what void attempts left, its own last one included. Where nothing was committed since, what it
   * was decided on has not changed, however far the server's revision has moved.
   */
  private async pastVoidAttempts(
    targets: readonly Target[],
    { conflict, left }: Refused,
  ): Promise<Target[] | undefined> {
    const inTheWay = targets.find(({ append }) => append.stream === conflict);
    if (!inTheWay) return undefined;
    const { at } = inTheWay;
    const { standing, end } = await this.reader.tip(conflict);
    if (standing.count !== at.count || standing.position !== at.position || end <= at.physical) return undefined;
    return targets.map((target) => {
      const { stream } = target.append;
      const physical = stream === conflict ? end : (left.get(stream) ?? target.at.physical);
      return { ...target, at: { ...target.at, physical } };
    });
  }

  private targetOf(append: PreparedAppend): Target {
    const at = standingOf(append.expected);
    return { append, at: { ...at, physical: this.reader.endAfter(append.stream, at) } };
  }

  /** @throws InvalidUnit if it is more than the server takes, before anything is sent */
  private propose({ append, at }: Target, { writtenAtUs }: Caller, role: Role): Proposal {
    const events = proposed(append, { at, role, writtenAtUs, newEventId: () => this.drawEventId(append) });
    const sizeBytes = events.reduce((sum, event) => sum + sizeOf(event), 0);
    if (sizeBytes > APPEND_BYTES_MAX) {
      throw new InvalidUnit(
        `${append.stream}: an append has at most ${APPEND_BYTES_MAX} bytes, not ${sizeBytes}`,
        true,
      );
    }
    return { append, at, events };
  }

  /** Anew for every attempt: with an id that is kept, what a refused attempt left comes alive with the next one. */
  protected drawUnitId(_targets: readonly Target[]): string {
    return this.surroundings.newId();
  }

  /** Anew for every attempt: under an id that is kept, the server takes other content for what it has already. */
  protected drawEventId(_append: PreparedAppend): string {
    return this.surroundings.newId();
  }
}

/** Where the members stand whose events are void now. */
function leftBy(members: readonly Target[], outcomes: readonly MemberOutcome[]): Map<string, bigint> {
  const left = new Map<string, bigint>();
  members.forEach(({ append }, i) => {
    const outcome = outcomes[i];
    if (outcome?.kind === 'written') left.set(append.stream, outcome.next);
  });
  return left;
}

const isWritten = (outcome: MemberOutcome): outcome is Written => outcome.kind === 'written';

const sizeOf = ({ type, data, metadata }: ProposedEvent): number =>
  EVENT_BYTES + type.length + Buffer.byteLength(data) + Buffer.byteLength(metadata);

function committed(
  written: readonly (Target & { readonly next: bigint })[],
  position: Position,
  { writtenAtUs }: Caller,
): Committed {
  const events = written.flatMap(({ append, at }) =>
    append.events.map(({ type, version, data }, i): RecordedEvent => {
      const number = at.count + i;
      return { stream: append.stream, number, index: NOT_COUNTED, position, type, version, data, writtenAtUs };
    }),
  );
  const revisions = written.map(({ append, at, next }): [string, Revision] => {
    const standing = { count: at.count + append.events.length, position, physical: next };
    return [append.stream, revisionOf(standing) as Revision];
  });
  return { position, events, revisions: new Map(revisions) };
}
