import type {
  Committed,
  CommittedUnit,
  EventStore,
  Position,
  ReadStream,
  RecordedEvent,
  StreamAppend,
  StreamPage,
} from '@florin/event-store';
import { START } from '@florin/event-store';

/**
 * A store with the index in every event. On EventStoreDB only who reads in commit order can count; this one does that
 * after every call, and puts into what the call answered what it has counted. For the contract suite, which asks for
 * it.
 */
export class CountedStore implements EventStore {
  private readonly indexes = new Map<string, number>();
  private last = START;
  private counting: Promise<void> = Promise.resolve();
  private next: Promise<void> | undefined;

  constructor(private readonly inner: EventStore) {}

  async commit(unit: readonly StreamAppend[]): Promise<Committed> {
    const committed = await this.inner.commit(unit);
    return { ...committed, events: await this.counted(committed.events) };
  }

  async readStream(stream: string, options?: ReadStream): Promise<StreamPage> {
    const page = await this.inner.readStream(stream, options);
    return { ...page, events: await this.counted(page.events) };
  }

  readAll(after: Position): AsyncIterable<CommittedUnit> {
    return this.inner.readAll(after);
  }

  subscribe(after: Position, signal: AbortSignal): AsyncIterable<CommittedUnit> {
    return this.inner.subscribe(after, signal);
  }

  lastPosition(): Promise<Position> {
    return this.inner.lastPosition();
  }

  close(): Promise<void> {
    return this.inner.close();
  }

  private async counted(events: readonly RecordedEvent[]): Promise<RecordedEvent[]> {
    if (events.some((event) => !this.indexes.has(keyOf(event)))) {
      await this.countOnceMore();
    }
    return events.map((event) => ({ ...event, index: this.indexes.get(keyOf(event)) ?? event.index }));
  }

  /** All who ask while somebody counts wait for the next count. */
  private countOnceMore(): Promise<void> {
    this.next ??= this.counting.then(() => {
      this.next = undefined;
      this.counting = this.count();
      return this.counting;
    });
    return this.next;
  }

  private async count(): Promise<void> {
    for await (const { position, events } of this.inner.readAll(this.last)) {
      for (const event of events) this.indexes.set(keyOf(event), event.index);
      this.last = position;
    }
  }
}

const keyOf = ({ stream, number }: RecordedEvent): string => `${number}@${stream}`;
