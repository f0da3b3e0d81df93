/** The ledger as it grows, for auditors: units in commit order, in the format of exports, read as they are sent. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { ErrorCode } from '@florin/encoding';
import {
  type CommittedUnit,
  exportEventLine,
  exportHeaderLine,
  exportTailLine,
  type Head,
  type Position,
  START,
  UnknownPosition,
} from '@florin/event-store';
import { type BeforeApplicationShutdown, Injectable } from '@nestjs/common';
import { malformedParameter, retryLater } from '../http/taler-error.js';
import { Clock } from '../runtime/clock.js';
import { EventStore } from '../runtime/tokens.js';
import { ProvenEvents } from './proven-events.js';
import { PublishedLog } from './published-log.js';

/** A place between two units. */
interface Place {
  /** Index of the event that follows. */
  readonly next: number;
  /** Of the unit before it. */
  readonly position: Position;
}

export interface FeedRequest {
  /** Where an earlier answer ended; undefined for all from the first event on. */
  readonly after: string | undefined;
  /** So many events and the rest of their unit. */
  readonly limit: number;
  /** How long to wait where there is nothing new. */
  readonly timeoutMs: number;
}

const FEEDS_MAX = 4;
const LOOK_EVERY_MS = 100;
const CURSOR = /^([0-9]{1,15})\.(-1|[0-9]{1,19})\.([A-Za-z0-9_-]{22})$/;
const MARK_CHARS = 22;

@Injectable()
export class EventFeed implements BeforeApplicationShutdown {
  private readonly stopping = new AbortController();
  private running = 0;

  constructor(
    private readonly store: EventStore,
    private readonly log: PublishedLog,
    private readonly events: ProvenEvents,
    private readonly clock: Clock,
  ) {}

  /** Answers under way end with the next unit. */
  beforeApplicationShutdown(): void {
    this.stopping.abort();
  }

  /** @throws TalerError if the place is none of this ledger, or too many read already */
  async open({ after, limit, timeoutMs }: FeedRequest): Promise<Readable> {
    const place = after === undefined ? { next: 0, position: START } : this.placeOf(after);
    const head = await this.headBeyond(place.next, timeoutMs);
    if (place.next > head.size) throw beyondTheEnd();
    if (this.running === FEEDS_MAX) {
      throw retryLater(ErrorCode.GENERIC_DB_FETCH_FAILED, `${FEEDS_MAX} feeds are read already; come again`, 5);
    }
    this.running += 1;
    try {
      const units = this.units(place, head);
      const first = await units.next(); // what is wrong with the place shows here
      const lines = this.lines({ place, head, limit }, first.done ? undefined : first.value, units);
      const stream = Readable.from(lines, { objectMode: false });
      stream.once('close', () => {
        this.running -= 1;
      });
      return stream;
    } catch (error) {
      this.running -= 1;
      if (error instanceof UnknownPosition) throw beyondTheEnd();
      throw error;
    }
  }

  /** The units from a place on, as far as a head reaches. */
  private async *units({ next, position }: Place, { size }: Head): AsyncGenerator<CommittedUnit> {
    if (next === size) return;
    for await (const unit of this.store.readAll(position)) {
      yield unit;
      if (endOf(unit) >= size || this.stopping.signal.aborted) return;
    }
  }

  private async *lines(
    { place, head, limit }: { place: Place; head: Head; limit: number },
    first: CommittedUnit | undefined,
    units: AsyncGenerator<CommittedUnit>,
  ): AsyncGenerator<string> {
    yield exportHeaderLine({ origin: this.log.origin, first: place.next, exportedAt: this.clock.now() });
    let last = place;
    try {
      for (let unit = first; unit && last.next - place.next < limit; ) {
        yield linesOf(unit);
        last = { next: endOf(unit), position: unit.position };
        const following = await units.next();
        unit = following.done ? undefined : following.value;
      }
    } finally {
      await units.return(undefined);
    }
    yield exportTailLine({ head: head.note, next: last.next, cursor: this.cursorOf(last) });
  }

  /** The newest head, once it covers more than `size` events or the time is over. */
  private async headBeyond(size: number, timeoutMs: number): Promise<Head> {
    const { signal } = this.stopping;
    const end = performance.now() + timeoutMs;
    for (;;) {
      const head = this.log.head();
      const isOver = performance.now() >= end || signal.aborted;
      if (head && (head.size > size || isOver)) return head;
      if (isOver) return this.events.head();
      await sleep(LOOK_EVERY_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  private cursorOf({ next, position }: Place): string {
    const text = `${next}.${position}`;
    return `${text}.${this.mark(text)}`;
  }

  /**
   * Only places that this exchange has named are read from: one inside of a unit would look like damage.
   * @throws TalerError 400/26
   */
  private placeOf(cursor: string): Place {
    const [, next = '', position = '', mark = ''] = CURSOR.exec(cursor) ?? [];
    const expected = this.mark(`${next}.${position}`);
    if (mark.length !== MARK_CHARS || !timingSafeEqual(Buffer.from(mark), Buffer.from(expected))) {
      throw malformedParameter('after', 'hand back the cursor of an earlier answer as it was, or none');
    }
    return { next: Number(next), position: BigInt(position) as Position };
  }

  private mark(text: string): string {
    const mac = createHmac('sha256', this.log.feedCredential).update(`${this.log.origin}\n${text}`);
    return mac.digest('base64url').slice(0, MARK_CHARS);
  }
}

const beyondTheEnd = () =>
  malformedParameter('after', 'this ledger ends before that place: it is another one, or was restored from a backup');

const endOf = ({ events }: CommittedUnit): number => (events.at(-1)?.index ?? -1) + 1;

function linesOf({ events }: CommittedUnit): string {
  const unitFirst = events[0]?.index ?? 0;
  return events.map((event) => exportEventLine({ ...event, unitFirst })).join('');
}
