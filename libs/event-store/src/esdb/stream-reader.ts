import { pageRange } from '../page.js';
import { DamagedStore, type Position, type ReadStream, type RecordedEvent, type StreamPage } from '../port.js';
import { checkStreamName } from '../unit.js';
import { entryOf, type NumberedEntry, type TentativeEntry } from './envelope.js';
import type { RawPage } from './esdb-like.js';
import { revisionOf, type Standing, UNTOUCHED } from './revision.js';
import type { Slots, Tentative, Verdict } from './slots.js';
import { StreamFold, standingAfter, tentativeOf } from './stream-fold.js';
import type { Surroundings } from './surroundings.js';

const PAGE_EVENTS = 500;
const PAGE_CHARS = 4 * 1024 * 1024;
const BACKWARD_EVENTS = 250;
const TIP_EVENTS = 8;
const ENDS_MAX = 10_000;

/** Where a stream stands, and the revision of its last event: further on if void attempts came after. */
export interface Tip {
  readonly standing: Standing;
  readonly end: bigint;
}

/**
 * Reads what is committed of one stream, always up to a revision where nothing is undecided.
 *
 * Everybody appends only where all is settled, so no event but those of the last append can be undecided: what became
 * of an earlier one, the next append says (`number`, `after`). One slot at most is looked at per read.
 */
export class StreamReader {
  /** Of streams that end with void attempts: where the next append has to be made. */
  private readonly ends = new Map<string, Tip>();

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
  async tip(stream: string): Promise<Tip> {
    const back = new BackwardFold(async (last) => this.slots.settle(await this.wholeOf(last)));
    let from: bigint | 'end' = 'end';
    for (;;) {
      const page: RawPage = await this.page(stream, from, 'backward', TIP_EVENTS);
      const newest = page.events[0];
      if (!newest) return { standing: UNTOUCHED, end: UNTOUCHED.physical };
      for (const raw of page.events) {
        const standing = await back.take(raw.revision, entryOf(raw));
        if (standing) return this.noted(stream, { standing, end: back.end });
        if (raw.revision === 0n) throw new DamagedStore(`${stream} has lost the event that its last ones rest on`);
        from = raw.revision - 1n;
      }
    }
  }

  /** The revision at which an append has to be made that rests on the standing, as far as this process knows. */
  endAfter(stream: string, { count, position, physical }: Standing): bigint {
    const known = this.ends.get(stream);
    const isIt = known?.standing.count === count && known.standing.position === position;
    return isIt && known.end > physical ? known.end : physical;
  }

  private async wholeOf(last: TentativeEntry): Promise<Tentative> {
    if (last.parts === 1) return { entries: [last], first: last };
    const from = last.raw.revision - BigInt(last.part);
    const { events } = await this.page(last.stream, from, 'forward', last.parts);
    return tentativeOf(events.map(entryOf));
  }

  private async backward(stream: string, options: ReadStream): Promise<StreamPage> {
    const { standing } = await this.tip(stream);
    const { first, last, complete } = pageRange(standing.count, options, BACKWARD_EVENTS);
    const events: RecordedEvent[] = [];
    while (first + events.length <= last) {
      const fromNumber = first + events.length;
      const page = await this.forward(stream, { fromNumber, limit: last - fromNumber + 1 });
      if (page.events.length === 0) throw new DamagedStore(`${stream} lost its event ${fromNumber}`);
      events.push(...page.events);
    }
    return { events: events.reverse(), revision: revisionOf(standing), complete };
  }

  private async forward(stream: string, range: { fromNumber: number; limit: number }): Promise<StreamPage> {
    const { fromNumber, limit } = range;
    // An event's revision is at least its number; the event before tells where the stream stands.
    let next = BigInt(Math.max(fromNumber - 1, 0));
    const fold = new StreamFold(fromNumber);
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
    if (fold.pending) fold.decidePending(await this.slots.settle(tentativeOf(fold.pending)));
    if (fold.committed.length > limit) return fold.page(limit);
    if (fold.standing || fromNumber === 0) {
      const { standing } = this.noted(stream, { standing: fold.standing ?? UNTOUCHED, end: fold.end });
      return { ...fold.page(limit), revision: revisionOf(standing), complete: true };
    }
    // Nothing that counts where the read began; there may be events before, and by now after.
    const { standing } = await this.tip(stream);
    if (standing.count > fromNumber) return this.forward(stream, range);
    return { events: [], revision: revisionOf(standing), complete: true };
  }

  private noted(stream: string, tip: Tip): Tip {
    this.ends.delete(stream);
    if (tip.end > tip.standing.physical) this.ends.set(stream, tip);
    for (const oldest of this.ends.keys()) {
      if (this.ends.size <= ENDS_MAX) break;
      this.ends.delete(oldest);
    }
    return tip;
  }

  private async page(stream: string, from: bigint | 'end', direction: 'forward' | 'backward', max: number) {
    const page = await this.surroundings.client.readStream(stream, { from, direction, max, requiresLeader: true });
    checkContinuity(stream, page, from, direction === 'forward' ? 1n : -1n);
    return page;
  }
}

/** Finds the last committed event of a stream, read from its end. */
class BackwardFold {
  end = -1n;
  /** What stands before the appends seen so far, once it is known. */
  private before: { count: number; position: Position } | undefined;

  constructor(private readonly settle: (last: TentativeEntry) => Promise<Verdict>) {}

  async take(revision: bigint, entry: ReturnType<typeof entryOf>): Promise<Standing | undefined> {
    if (this.end < 0n) this.end = revision;
    const isLastPart = entry.kind !== 'marker' && entry.part === entry.parts - 1;
    const found = isLastPart ? await this.takeAppend(entry) : undefined;
    if (found) return found;
    const isNothing = this.before ? this.before.count === 0 : revision === 0n;
    return isNothing ? UNTOUCHED : undefined;
  }

  private async takeAppend(last: NumberedEntry): Promise<Standing | undefined> {
    if (this.before) {
      // Of several appends with these numbers, the last one counts: the others had failed before it was made.
      return last.number + 1 === this.before.count ? standingAfter(last, this.before.position) : undefined;
    }
    if (last.kind === 'committed') return standingAfter(last, last.raw.position as Position);
    const verdict = await this.settle(last);
    if (verdict.kind === 'committed') return standingAfter(last, verdict.position);
    this.before = { count: last.number - last.part, position: last.after };
    return undefined;
  }
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
