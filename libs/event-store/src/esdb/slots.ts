import { DamagedStore, type Position, START } from '../port.js';
import { entryOf, hashOf, type Member, type Slot, type TentativeEntry, voidMarker } from './envelope.js';
import type { RawEvent } from './esdb-like.js';
import {
  backoffOf,
  eventAt,
  POLLING,
  pauseOrStop,
  persistently,
  REPEATING,
  type Surroundings,
} from './surroundings.js';

/** The events of one tentative append, all of them. */
export interface Tentative {
  readonly entries: readonly TentativeEntry[];
  readonly first: TentativeEntry;
}

/** Where the first event of a tentative append lies. */
type Place = Pick<RawEvent, 'stream' | 'revision'>;

/** What fills a slot for ever: the commit point of a unit, or anything else. */
export interface Filling {
  readonly unit?: string;
  readonly members: readonly Member[];
  /** Of the unit, which is that of the last event of its commit point. */
  readonly position: Position;
}

export type Verdict = { readonly kind: 'committed'; readonly position: Position } | { readonly kind: 'void' };

const VOID: Verdict = { kind: 'void' };
const FILLED_AGAINST: Filling = { members: [], position: START };
const REMEMBERED_MAX = 20_000;
/** So often a slot may be taken and found empty: half a minute of an election. */
const EMPTY_LOOKS_MAX = 12;

/**
 * Decision slots: whether a tentative event counts is decided by what fills the slot that it names, and by nothing
 * else. An empty slot is left to its writer for a while, then filled with a void marker.
 */
export class Slots {
  /** Verdicts never change. */
  private readonly verdicts = new Map<string, Verdict>();
  private readonly firstSeenMs = new Map<string, number>();
  private readonly settling = new Map<string, Promise<Verdict>>();

  constructor(protected readonly surroundings: Surroundings) {}

  /** The verdict on a tentative append, brought about if need be. @throws StoreUnavailable, DamagedStore */
  async settle(tentative: Tentative): Promise<Verdict> {
    const place = tentative.first.raw;
    const key = keyOf(place);
    const known = this.verdicts.get(key);
    if (known) return known;
    this.see(place);
    const settling = this.settling.get(key) ?? this.decide(tentative);
    this.settling.set(key, settling);
    try {
      const verdict = await settling;
      this.remember(place, verdict);
      return verdict;
    } finally {
      this.settling.delete(key);
    }
  }

  /** The lease of a tentative event begins when this process first sees it, by its own clock. */
  see(first: Place): void {
    const key = keyOf(first);
    if (!this.verdicts.has(key) && !this.firstSeenMs.has(key)) {
      this.firstSeenMs.set(key, this.surroundings.clock.now());
    }
  }

  /** The slot was seen to be filled: nobody has to wait for it any more. */
  forget(first: Place): void {
    this.firstSeenMs.delete(keyOf(first));
  }

  /** To be called with what is certain only. */
  remember(first: Place, verdict: Verdict): void {
    const key = keyOf(first);
    this.firstSeenMs.delete(key);
    this.verdicts.set(key, verdict);
    if (this.verdicts.size > REMEMBERED_MAX) {
      for (const oldest of this.verdicts.keys()) {
        this.verdicts.delete(oldest);
        break;
      }
    }
  }

  /** What fills a slot; nothing if it was empty on the leader when this was called. */
  async look(slot: Slot): Promise<Filling | undefined> {
    const at = await eventAt(this.surroundings, slot);
    if (!at) return undefined;
    const entry = entryOf(at);
    if (entry.kind !== 'committed' || !entry.unit) return FILLED_AGAINST;
    const { id, members } = entry.unit;
    const lastRevision = slot.revision + BigInt(entry.parts - 1);
    const last = entry.parts === 1 ? at : await eventAt(this.surroundings, { ...slot, revision: lastRevision });
    if (!last) throw new DamagedStore(`the commit point at ${slot.revision} of ${slot.stream} is cut off`);
    return { unit: id, members, position: last.position as Position };
  }

  /** Fills a slot with a void marker, unless something fills it already; until it is certain what. */
  async fill(slot: Slot, unit: string): Promise<Filling> {
    const { client, newId } = this.surroundings;
    const marker = [voidMarker(newId(), unit)];
    const backoff = backoffOf(this.surroundings, REPEATING);
    for (let emptyLooks = 0; ; ) {
      const answer = await client.append(slot.stream, slot.revision - 1n, marker);
      switch (answer.kind) {
        case 'written':
          if (answer.next === slot.revision) return FILLED_AGAINST;
          throw new DamagedStore(`${slot.stream} took its event ${slot.revision} for ${answer.next}`);
        case 'wrong': {
          if (answer.actual < slot.revision) {
            throw new DamagedStore(`${slot.stream} ends at ${answer.actual}, before the slot ${slot.revision}`);
          }
          const filling = await persistently(this.surroundings, () => this.look(slot));
          if (filling) return filling;
          // A leader counts events that are not replicated yet, and one that dies may take them with it.
          emptyLooks += 1;
          if (emptyLooks < EMPTY_LOOKS_MAX) break;
          throw new DamagedStore(`${slot.stream} has lost its event ${slot.revision}`);
        }
        case 'deleted':
          throw new DamagedStore(`${slot.stream} was deleted`);
        case 'too-large':
          throw new Error('a void marker is too large for the server');
        case 'unknown':
          break;
      }
      await pauseOrStop(this.surroundings, backoff.next());
    }
  }

  /** What a filling means for a tentative append that names the slot. */
  protected verdictBy({ unit, members, position }: Filling, { entries, first }: Tentative): Verdict {
    if (unit !== first.unit) return VOID;
    const named = members.find(({ stream }) => stream === first.stream);
    const isNamed =
      named?.revision === first.raw.revision && named.count === entries.length && named.hash === hashOf(entries);
    return isNamed ? { kind: 'committed', position } : VOID;
  }

  private async decide(tentative: Tentative): Promise<Verdict> {
    const { clock, leaseMs } = this.surroundings;
    const { slot, unit } = tentative.first;
    const backoff = backoffOf(this.surroundings, POLLING);
    for (;;) {
      const filling = await this.look(slot);
      if (filling) return this.verdictBy(filling, tentative);
      const seenMs = this.firstSeenMs.get(keyOf(tentative.first.raw)) ?? clock.now();
      const leftMs = seenMs + leaseMs - clock.now();
      if (leftMs <= 0) return this.verdictBy(await this.fill(slot, unit), tentative);
      await pauseOrStop(this.surroundings, Math.min(backoff.next(), leftMs));
    }
  }
}

const keyOf = ({ stream, revision }: Place): string => `${revision}@${stream}`;
