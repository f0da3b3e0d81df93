/** The ledger as it grows, for auditors: units in commit order, in the format of exports, read as they are sent. */
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { ErrorCode } from '@florin/encoding';
import { type CommittedUnit, exportEventLine, exportHeaderLine, exportTailLine, type Head } from '@florin/event-store';
import { type BeforeApplicationShutdown, Injectable } from '@nestjs/common';
import { malformedParameter, retryLater } from '../http/taler-error.js';
import { Clock } from '../runtime/clock.js';
import { EventStore } from '../runtime/tokens.js';
import { ProvenEvents } from './proven-events.js';
import { PublishedLog } from './published-log.js';

export interface FeedRequest {
  /** Index of the event to begin with; if it is inside of a unit, with all of that. */
  readonly first: number;
  /** So many events and the rest of their unit. */
  readonly limit: number;
  /** How long to wait where there is nothing new. */
  readonly timeoutMs: number;
}

const FEEDS_MAX = 4;
const LOOK_EVERY_MS = 100;

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

  /** @throws TalerError if the ledger has no such place, or too many read already */
  async open({ first, limit, timeoutMs }: FeedRequest): Promise<Readable> {
    const head = await this.headBeyond(first, timeoutMs);
    if (first > head.size) throw malformedParameter('first', `the ledger has ${head.size} events`);
    if (this.running === FEEDS_MAX) {
      throw retryLater(ErrorCode.GENERIC_DB_FETCH_FAILED, `${FEEDS_MAX} feeds are read already; come again`, 5);
    }
    this.running += 1;
    const stream = Readable.from(this.lines({ first, limit }, head), { objectMode: false });
    stream.once('close', () => {
      this.running -= 1;
    });
    return stream;
  }

  private async *lines({ first, limit }: Pick<FeedRequest, 'first' | 'limit'>, head: Head): AsyncGenerator<string> {
    const header = (index: number): string =>
      exportHeaderLine({ origin: this.log.origin, first: index, exportedAt: this.clock.now() });
    let begun = first;
    let next: number | undefined;
    for await (const unit of this.units(first, head)) {
      if (next === undefined) {
        begun = firstOf(unit);
        yield header(begun);
      }
      yield linesOf(unit);
      next = endOf(unit);
      if (next - begun >= limit) break;
    }
    if (next === undefined) yield header(begun);
    yield exportTailLine({ head: head.note, next: next ?? first });
  }

  /** The units from that of event `first` on, as far as a head reaches. */
  private async *units(first: number, { size }: Head): AsyncGenerator<CommittedUnit> {
    if (first === size) return;
    for await (const unit of this.store.readAll(await this.log.positionBefore(first))) {
      if (endOf(unit) > first) yield unit;
      if (endOf(unit) >= size || this.stopping.signal.aborted) return;
    }
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
}

const firstOf = ({ events }: CommittedUnit): number => events[0]?.index ?? 0;
const endOf = ({ events }: CommittedUnit): number => (events.at(-1)?.index ?? -1) + 1;

function linesOf(unit: CommittedUnit): string {
  const unitFirst = firstOf(unit);
  return unit.events.map((event) => exportEventLine({ ...event, unitFirst })).join('');
}
