import type { CommittedUnit } from '../port.js';
import type { Counted } from './all.js';
import { type Entry, entryOf, type TentativeEntry } from './envelope.js';
import type { RawEvent } from './esdb-like.js';
import type { Slots } from './slots.js';
import { tentativeOf } from './stream-fold.js';
import type { Surroundings } from './surroundings.js';

interface Undecided {
  readonly entries: TentativeEntry[];
  readonly position: bigint;
  readonly seenMs: number;
}

/**
 * Settles what crashed writers left on streams that nobody reads. It follows `$all`; whoever begins in its place has to
 * begin at its bookmark, behind which nothing is undecided.
 */
export class Sweeper {
  /** By place, in the order of `$all`. */
  private readonly undecided = new Map<string, Undecided>();
  private readonly bySlot = new Map<string, Set<string>>();
  private candidate: Counted | undefined;

  constructor(
    private readonly surroundings: Surroundings,
    private readonly slots: Slots,
    /** A bookmark follows the one before after so many events. */
    private readonly every: number,
    private marked: number,
  ) {}

  /** Notes the next event of `$all`, and the unit it completes. @returns a place where one may begin, now and then */
  take(raw: RawEvent, unit: CommittedUnit | undefined): Counted | undefined {
    this.filled(keyOf(raw));
    this.note(entryOf(raw), raw);
    const last = unit?.events.at(-1);
    if (unit && last && !this.candidate && last.index + 1 >= this.marked + this.every) {
      this.candidate = { position: unit.position, events: last.index + 1 };
    }
    return this.bookmark();
  }

  /** Settles what has been undecided for longer than the lease. @returns as `take` does @throws DamagedStore */
  async sweep(): Promise<Counted | undefined> {
    const { clock, leaseMs } = this.surroundings;
    const due = [...this.undecided].filter(([, { entries, seenMs }]) => {
      return seenMs + leaseMs <= clock.now() && entries.length === entries[0]?.parts;
    });
    for (const [key, { entries }] of due) {
      if (this.surroundings.stopped.aborted) return undefined;
      if (!this.undecided.has(key)) continue;
      await this.slots.settle(tentativeOf(entries));
      this.drop(key);
    }
    return this.bookmark();
  }

  /** The first position that is undecided still. */
  protected firstUndecided(): bigint | undefined {
    for (const { position } of this.undecided.values()) return position;
    return undefined;
  }

  private bookmark(): Counted | undefined {
    const { candidate } = this;
    const first = this.firstUndecided();
    if (!candidate || (first !== undefined && first <= candidate.position)) return undefined;
    this.candidate = undefined;
    this.marked = candidate.events;
    return candidate;
  }

  private note(entry: Entry, raw: RawEvent): void {
    if (entry.kind !== 'tentative') return;
    const key = keyOf({ stream: raw.stream, revision: raw.revision - BigInt(entry.part) });
    if (entry.part > 0) {
      this.undecided.get(key)?.entries.push(entry);
      return;
    }
    this.slots.see(raw);
    this.undecided.set(key, { entries: [entry], position: raw.position, seenMs: this.surroundings.clock.now() });
    const slot = keyOf(entry.slot);
    this.bySlot.set(slot, (this.bySlot.get(slot) ?? new Set()).add(key));
  }

  private filled(slot: string): void {
    for (const key of this.bySlot.get(slot) ?? []) this.drop(key);
  }

  private drop(key: string): void {
    const first = this.undecided.get(key)?.entries[0];
    this.undecided.delete(key);
    if (!first) return;
    this.slots.forget(first.raw);
    const slot = keyOf(first.slot);
    const others = this.bySlot.get(slot);
    others?.delete(key);
    if (others?.size === 0) this.bySlot.delete(slot);
  }
}

const keyOf = ({ stream, revision }: { readonly stream: string; readonly revision: bigint }): string =>
  `${revision}@${stream}`;
