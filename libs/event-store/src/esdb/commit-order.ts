import { type CommittedUnit, DamagedStore, type Position, type RecordedEvent } from '../port.js';
import {
  type CommittedEntry,
  entryOf,
  hashOf,
  type Member,
  type NumberedEntry,
  recorded,
  type TentativeEntry,
} from './envelope.js';
import type { RawEvent } from './esdb-like.js';
import type { Surroundings } from './surroundings.js';

const HELD_EVENTS_MAX = 5_000;
const HELD_CHARS_MAX = 8 * 1024 * 1024;

/**
 * Makes committed units of the events of `$all`: tentative events are passed over; at a commit point the events of the
 * members come first, in the order of its list, then its own. So the order is the same for everybody, whenever and
 * wherever he begins; the position of a unit is that of the last event of its commit point.
 */
export class CommitOrder {
  private readonly open = new Map<string, CommittedEntry[]>();
  private readonly held = new HeldEvents();

  /** @param index the global number of the next committed event */
  constructor(
    protected readonly surroundings: Surroundings,
    private index: number,
  ) {}

  /**
   * Takes the next event of `$all`, of one of our streams.
   * @returns the unit that it completes @throws StoreUnavailable (take the same event again), DamagedStore
   */
  async take(raw: RawEvent): Promise<CommittedUnit | undefined> {
    const entry = entryOf(raw);
    if (entry.kind === 'marker') return undefined;
    if (entry.kind === 'tentative') {
      this.held.add(entry);
      return undefined;
    }
    const append = this.open.get(entry.stream) ?? [];
    // Where taking it failed for want of a member, the same event comes again.
    if (append.at(-1)?.raw.revision !== raw.revision) append.push(entry);
    if (append.length !== entry.part + 1) throw new DamagedStore(`${entry.stream} has an append with a gap`);
    if (append.length < entry.parts) {
      this.open.set(entry.stream, append);
      return undefined;
    }
    const members = await this.membersOf(append[0] as CommittedEntry);
    this.open.delete(entry.stream);
    return this.unitOf([...members, ...append], raw.position as Position);
  }

  protected unitOf(entries: readonly NumberedEntry[], position: Position): CommittedUnit {
    const events = entries.map((entry): RecordedEvent => recorded(entry, position, this.index++));
    return { position, events };
  }

  private async membersOf({ unit }: CommittedEntry): Promise<TentativeEntry[]> {
    if (!unit) return [];
    const missing = unit.members.filter((member) => !this.held.has(member));
    const fetched = new Map<Member, TentativeEntry[]>();
    await Promise.all(missing.map(async (member) => fetched.set(member, await this.fetch(member))));
    return unit.members.flatMap((member) => {
      const entries = fetched.get(member) ?? this.held.take(member);
      const isIt = entries.every((entry) => entry.unit === unit.id) && hashOf(entries) === member.hash;
      if (!isIt) throw new DamagedStore(`event ${member.revision} of ${member.stream} is not what was committed`);
      return entries;
    });
  }

  /** A member lies before its commit point in `$all`, but perhaps before the checkpoint where this reader began. */
  private async fetch({ stream, revision, count }: Member): Promise<TentativeEntry[]> {
    const entries: TentativeEntry[] = [];
    while (entries.length < count) {
      const from = revision + BigInt(entries.length);
      const options = { from, direction: 'forward', max: count - entries.length, requiresLeader: true } as const;
      const { events } = await this.surroundings.client.readStream(stream, options);
      for (const raw of events) {
        const entry = entryOf(raw);
        const isNext = raw.revision === revision + BigInt(entries.length);
        if (!isNext || entry.kind !== 'tentative') {
          throw new DamagedStore(`event ${raw.revision} of ${stream} is not what was committed`);
        }
        entries.push(entry);
      }
      if (events.length === 0) throw new DamagedStore(`${stream} has lost its event ${from}`);
    }
    return entries;
  }
}

/** Tentative events seen lately, for the commit points to come; the oldest go first. */
class HeldEvents {
  private readonly entries = new Map<string, TentativeEntry>();
  private chars = 0;

  add(entry: TentativeEntry): void {
    this.entries.set(keyOf(entry.stream, entry.raw.revision), entry);
    this.chars += entry.raw.size;
    for (const [key, oldest] of this.entries) {
      if (this.entries.size <= HELD_EVENTS_MAX && this.chars <= HELD_CHARS_MAX) break;
      this.remove(key, oldest);
    }
  }

  has({ stream, revision, count }: Member): boolean {
    for (let i = 0; i < count; i++) if (!this.entries.has(keyOf(stream, revision + BigInt(i)))) return false;
    return true;
  }

  take({ stream, revision, count }: Member): TentativeEntry[] {
    const taken: TentativeEntry[] = [];
    for (let i = 0; i < count; i++) {
      const key = keyOf(stream, revision + BigInt(i));
      const entry = this.entries.get(key);
      if (!entry) continue;
      this.remove(key, entry);
      taken.push(entry);
    }
    return taken;
  }

  private remove(key: string, entry: TentativeEntry): void {
    this.entries.delete(key);
    this.chars -= entry.raw.size;
  }
}

const keyOf = (stream: string, revision: bigint): string => `${revision}@${stream}`;
