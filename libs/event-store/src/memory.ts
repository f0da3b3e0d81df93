import { Bell, follow } from './follow.js';
import { pageRange, pageRevision } from './page.js';
import {
  type Committed,
  type CommittedUnit,
  type EventStore,
  type JsonObject,
  NO_EVENTS,
  type Position,
  type ReadStream,
  type RecordedEvent,
  type Revision,
  RevisionConflict,
  START,
  StoreUnavailable,
  type StreamAppend,
  type StreamPage,
  UnknownPosition,
} from './port.js';
import { checkStreamName, prepareUnit } from './unit.js';

/** One event as the memory store keeps it: its data as text, so that nobody can change what was committed. */
interface Row {
  readonly stream: string;
  readonly number: number;
  readonly index: number;
  readonly position: Position;
  readonly type: string;
  readonly version: number;
  readonly text: string;
  readonly writtenAtUs: number;
}

/** What a memory store holds at one moment, and another one can be opened from: what a crash leaves. */
export interface MemoryImage {
  readonly rows: readonly Row[];
}

const PAGE_EVENTS = 1_000;

/**
 * An event store in memory with the rules of the port, for simulations and tests. Deterministic: it draws nothing,
 * waits for nothing but its turn, and asks only the given clock.
 */
export class MemoryStore implements EventStore {
  private readonly rows: Row[] = [];
  private readonly streams = new Map<string, Row[]>();
  private readonly bell = new Bell();
  private closed = false;

  /** @param now whole microseconds since 1970 */
  constructor(
    private readonly now: () => number,
    image: MemoryImage = { rows: [] },
  ) {
    for (const row of image.rows) this.add(row);
  }

  snapshot(): MemoryImage {
    return { rows: [...this.rows] };
  }

  async commit(unit: readonly StreamAppend[]): Promise<Committed> {
    this.checkOpen();
    const { appends, eventCount } = prepareUnit(unit);
    for (const { stream, expected } of appends) {
      if (expected !== this.revisionOf(stream)) throw new RevisionConflict(stream);
    }
    const writtenAtUs = this.now();
    const position = BigInt(this.rows.length + eventCount - 1) as Position;
    const events: RecordedEvent[] = [];
    for (const { stream, events: added, texts } of appends) {
      added.forEach(({ type, version, data }, i) => {
        const number = this.streams.get(stream)?.length ?? 0;
        const place = { stream, number, index: this.rows.length, position, type, version, writtenAtUs };
        this.add({ ...place, text: texts[i] as string });
        events.push({ ...place, data });
      });
    }
    this.bell.ring();
    const revisions = new Map(appends.map(({ stream }) => [stream, this.revisionOf(stream) as Revision]));
    return { position, events, revisions };
  }

  async readStream(stream: string, options: ReadStream = {}): Promise<StreamPage> {
    this.checkOpen();
    checkStreamName(stream);
    const rows = this.streams.get(stream) ?? [];
    const { first, last, complete } = pageRange(rows.length, options, PAGE_EVENTS);
    const events = rows.slice(first, last + 1).map(recorded);
    const revision = pageRevision({ length: rows.length, last, complete }, options);
    return { events: options.backward ? events.reverse() : events, revision, complete };
  }

  async *readAll(after: Position): AsyncGenerator<CommittedUnit> {
    let next = Number(after) + 1;
    if (next > this.rows.length) throw new UnknownPosition(`the store ends before position ${after}`);
    while (next < this.rows.length) {
      this.checkOpen();
      const { position } = this.rows[next] as Row;
      const end = Number(position) + 1;
      yield { position, events: this.rows.slice(next, end).map(recorded) };
      next = end;
    }
  }

  async *subscribe(after: Position, signal: AbortSignal): AsyncGenerator<CommittedUnit> {
    yield* follow({ after, signal }, this.bell, (position) => {
      this.checkOpen();
      return this.readAll(position);
    });
  }

  async lastPosition(): Promise<Position> {
    this.checkOpen();
    return this.rows.at(-1)?.position ?? START;
  }

  async close(): Promise<void> {
    this.closed = true;
    this.bell.ring();
  }

  private revisionOf(stream: string): Revision | typeof NO_EVENTS {
    const rows = this.streams.get(stream);
    return rows ? (BigInt(rows.length - 1) as Revision) : NO_EVENTS;
  }

  private add(row: Row): void {
    this.rows.push(row);
    const rows = this.streams.get(row.stream);
    if (rows) rows.push(row);
    else this.streams.set(row.stream, [row]);
  }

  private checkOpen(): void {
    if (this.closed) throw new StoreUnavailable('the event store is closed');
  }
}

function recorded({ text, ...row }: Row): RecordedEvent {
  return { ...row, data: JSON.parse(text) as JsonObject };
}
