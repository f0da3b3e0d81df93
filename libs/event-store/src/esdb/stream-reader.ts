import { pageRange } from '../page.js';
import { DamagedStore, NO_EVENTS, type Position, type ReadStream, START, type StreamPage } from '../port.js';
import { checkStreamName } from '../unit.js';
import { type Entry, entryOf, type NumberedEntry, recorded, type TentativeEntry } from './envelope.js';
import type { RawPage } from './esdb-like.js';
import { revisionOf, type Standing, UNTOUCHED } from './revision.js';
import type { Slots, Tentative } from './slots.js';
import type { Surroundings } from './surroundings.js';

const PAGE_EVENTS = 500;
const PAGE_CHARS = 4 * 1024 * 1024;
const BACKWARD_EVENTS = 250;
const TIP_EVENTS = 8;

/**
 * Reads what is committed of one stream, always up to a revision where nothing is undecided.
 *
 * Everybody appends only where all is settled, so no event but those of the last append can be undecided: what became
 * of an earlier one, the next append says (`number`, `after`). One slot at most is looked at per read.
 */
export class StreamReader {
  constructor(
    private readonly surroundings: Surroundings,
    private readonly slots: Slots,
  ) {}

  /** @throws RangeError, InvalidUnit, StoreUnavailable, DamagedStore */
  async read(stream: string, options: ReadStream): Promise<StreamPage> {
    checkStreamName(stream);
    pageRange(0, options, PAGE_EVENTS);
    const { fromNumber = 0, backward, limit = PAGE_EVENTS } = options;
    return backward
      ? this.backward(stream, options)
      : this.forward(stream, { fromNumber, limit: Math.min(limit, PAGE_EVENTS) });
  }

  /** Where the stream stands now, on the leader; undecided events are settled for that. */
  async tip(stream: string): Promise<Standing> {
    let [physical, from]: [bigint | undefined, bigint | 'end'] = [undefined, 'end'];
    for (;;) {
      const page = await this.page(stream, from, 'backward', TIP_EVENTS);
      const oldest = page.events.at(-1);
      if (!oldest) return UNTOUCHED;
      physical ??= page.events[0]?.revision as bigint;
      const last = page.events.map(entryOf).find((entry) => entry.kind !== 'marker');
      if (last) return { ...(await this.standingAfter(last)), physical };
      if (oldest.revision === 0n) return { count: 0, position: START, physical };
      from = oldest.revision - 1n;
    }
  }

  private async standingAfter(last: NumberedEntry): Promise<{ count: number; position: Position }> {
    if (last.part < last.parts - 1) throw new DamagedStore(`${last.stream} ends within an append`);
    if (last.kind === 'committed') return { count: last.number + 1, position: last.raw.position as Position };
    const verdict = await this.slots.settle(await this.wholeOf(last));
    if (verdict.kind === 'committed') return { count: last.number + 1, position: verdict.position };
    return { count: last.number - last.part, position: last.after };
  }

  private async wholeOf(last: TentativeEntry): Promise<Tentative> {
    if (last.parts === 1) return { entries: [last], first: last };
    const from = last.raw.revision - BigInt(last.part);
    const { events } = await this.page(last.stream, from, 'forward', last.parts);
    return tentativeOf(events.map(entryOf));
  }

  private async backward(stream: string, options: ReadStream): Promise<StreamPage> {
    const tip = await this.tip(stream);
    const { first, last, complete } = pageRange(tip.count, options, BACKWARD_EVENTS);
    const events: StreamPage['events'][number][] = [];
    while (first + events.length <= last) {
      const fromNumber = first + events.length;
      const page = await this.forward(stream, { fromNumber, limit: last - fromNumber + 1 });
      if (page.events.length === 0) throw new DamagedStore(`${stream} lost its event ${fromNumber}`);
      events.push(...page.events);
    }
    return { events: events.reverse(), revision: revisionOf(tip), complete };
  }

  private async forward(stream: string, range: { fromNumber: number; limit: number }): Promise<StreamPage> {
    const { fromNumber, limit } = range;
    // An event's revision is at least its number; the event before tells where the stream stands.
    let next = BigInt(Math.max(fromNumber - 1, 0));
    const fold = new Fold(fromNumber);
    for (;;) {
      const page = await this.page(stream, next, 'forward', Math.min(PAGE_EVENTS, limit + TIP_EVENTS));
      const entries = page.events.map(entryOf);
      const first = entries[0];
      if (fold.isEmpty && first && first.kind !== 'marker' && first.part > 0) {
        next -= BigInt(first.part);
        continue;
      }
      for (const entry of entries) fold.add(entry);
      next += BigInt(entries.length);
      if (page.ended) break;
      if (fold.committed.length >= limit || fold.chars >= PAGE_CHARS) return fold.page(limit);
    }
    if (fold.pending) fold.decide(await this.slots.settle(tentativeOf(fold.pending)));
    if (fold.committed.length > limit) return fold.page(limit);
    if (fold.standing || fromNumber === 0) {
      return { ...fold.page(limit), revision: revisionOf(fold.standing ?? UNTOUCHED), complete: true };
    }
    // Nothing but markers, or nothing at all, where the read began; there may be events before, and by now after.
    const tip = await this.tip(stream);
    if (tip.count > fromNumber) return this.forward(stream, range);
    return { events: [], revision: revisionOf(tip), complete: true };
  }

  private async page(stream: string, from: bigint | 'end', direction: 'forward' | 'backward', max: number) {
    const page = await this.surroundings.client.readStream(stream, { from, direction, max, requiresLeader: true });
    checkContinuity(stream, page, from, direction === 'forward' ? 1n : -1n);
    return page;
  }
}

/** What the prefix read so far has come to. */
class Fold {
  readonly committed: { readonly entry: NumberedEntry; readonly position: Position }[] = [];
  /** A tentative append, until the next append or its slot tells what became of it. */
  pending: NumberedEntry[] | undefined;
  chars = 0;
  private place: { count: number; position: Position } | undefined;
  private physical = -1n;
  private open: NumberedEntry[] = [];

  constructor(private readonly fromNumber: number) {}

  get isEmpty(): boolean {
    return this.physical < 0n;
  }

  get standing(): Standing | undefined {
    return this.place && { ...this.place, physical: this.physical };
  }

  add(entry: Entry): void {
    this.physical = entry.raw.revision;
    if (entry.kind === 'marker') return;
    if (entry.part !== this.open.length) throw new DamagedStore(`${entry.stream} has an append with a gap`);
    this.open.push(entry);
    if (entry.part < entry.parts - 1) return;
    const append = this.open;
    this.open = [];
    this.addAppend(append, entry);
  }

  decide(verdict: { kind: 'committed'; position: Position } | { kind: 'void' }): void {
    const pending = this.pending ?? [];
    const first = pending[0];
    this.pending = undefined;
    if (verdict.kind === 'committed') this.commit(pending, verdict.position);
    else if (first) this.place = { count: first.number, position: first.after };
  }

  /** The first events of it, as an incomplete page. */
  page(limit: number): StreamPage {
    const kept = this.committed.slice(0, limit);
    const last = kept.at(-1);
    const revision = last
      ? revisionOf({ count: last.entry.number + 1, position: last.position, physical: last.entry.raw.revision })
      : NO_EVENTS;
    return { events: kept.map(({ entry, position }) => recorded(entry, position)), revision, complete: false };
  }

  private addAppend(append: NumberedEntry[], last: NumberedEntry): void {
    const { number, after } = append[0] as NumberedEntry;
    this.decidePendingBy(number, after);
    if (this.place && this.place.count !== number) {
      throw new DamagedStore(`${last.stream} has ${this.place.count} events where one has the number ${number}`);
    }
    this.place = { count: number, position: after };
    if (last.kind === 'tentative') this.pending = append;
    else this.commit(append, last.raw.position as Position);
  }

  private decidePendingBy(number: number, after: Position): void {
    const first = this.pending?.[0];
    if (!first) return;
    if (number === first.number + first.parts) this.decide({ kind: 'committed', position: after });
    else this.decide({ kind: 'void' });
  }

  private commit(append: readonly NumberedEntry[], position: Position): void {
    for (const entry of append) {
      this.place = { count: entry.number + 1, position };
      if (entry.number < this.fromNumber) continue;
      this.committed.push({ entry, position });
      this.chars += entry.raw.size;
    }
  }
}

/** @throws DamagedStore unless the entries are one whole tentative append */
export function tentativeOf(entries: readonly Entry[]): Tentative {
  const kept = entries.filter((entry) => entry.kind === 'tentative');
  const first = kept[0];
  if (!first || kept.length !== entries.length || first.parts !== kept.length) {
    throw new DamagedStore('a tentative append has lost some of its events');
  }
  return { entries: kept, first };
}

/**
 * Revisions of a stream have no gaps, and begin where they are asked to; after a deletion or truncation they do not.
 */
function checkContinuity(stream: string, { events }: RawPage, from: bigint | 'end', step: bigint): void {
  let expected = from === 'end' ? events[0]?.revision : from;
  for (const { revision } of events) {
    if (revision !== expected)
      throw new DamagedStore(`${stream} has no event ${expected}: it was truncated or deleted`);
    expected = revision + step;
  }
}
