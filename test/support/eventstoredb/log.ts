import { EventEmitter } from 'node:events';

/** What a client asks to be written. `data` and `metadata` are the client's bytes, never looked into. */
export interface ProposedEvent {
  readonly id: string;
  readonly type: string;
  /** `application/json` or `application/octet-stream`, as the client says. */
  readonly contentType: string;
  readonly data: Uint8Array;
  readonly metadata: Uint8Array;
}

export interface RecordedEvent extends ProposedEvent {
  readonly stream: string;
  readonly revision: bigint;
  /** Place in the log in bytes; commit and prepare position are equal (facts, Reading: "position"). */
  readonly position: bigint;
  /** Milliseconds since 1970, the server's clock. */
  readonly created: number;
  /** Place in the log, counted in events from 0. */
  readonly index: number;
}

/** Where written events go besides memory. `write` has to be done with them when it returns. */
export interface LogStorage {
  load(): RecordedEvent[];
  write(events: readonly RecordedEvent[]): void;
  close(): void;
}

/** The revision of a tombstone: the greatest signed 64-bit number. */
export const tombstoneRevision = 0x7fff_ffff_ffff_ffffn;

/** Events of the log are this many bytes longer than their content: so positions rise by more than one. */
const recordOverhead = 120;

/** A real log does not begin with a client's event either: position 0 belongs to no event. */
const firstPosition = 1_024n;

/**
 * The ordered log that all nodes of a stand-in share, with an index by stream. Nothing is ever removed from it: soft
 * deletion, `$maxCount` and the like only hide events from stream reads, `$all` shows them (facts, sequences "all").
 */
export class EventLog {
  readonly #events: RecordedEvent[] = [];
  readonly #streams = new Map<string, RecordedEvent[]>();
  readonly #byId = new Map<string, RecordedEvent>();
  readonly #storage: LogStorage | undefined;
  readonly #appended = new EventEmitter().setMaxListeners(0);
  #end = firstPosition;

  constructor(storage?: LogStorage) {
    this.#storage = storage;
    for (const event of storage?.load() ?? []) this.#remember(event);
  }

  get length(): number {
    return this.#events.length;
  }

  /** @throws RangeError outside of the log: the caller's mistake */
  at(index: number): RecordedEvent {
    const event = this.#events[index];
    if (event === undefined) throw new RangeError(`no event ${index} in a log of ${this.#events.length}`);
    return event;
  }

  /** All events ever written to the stream, a tombstone last; event number i is revision i. */
  stream(name: string): readonly RecordedEvent[] {
    return this.#streams.get(name) ?? [];
  }

  /** The first event written under this id, in whatever stream: the server remembers no more than that per id. */
  firstWithId(id: string): RecordedEvent | undefined {
    return this.#byId.get(id);
  }

  /** The number of events before the first one at `position` or later. */
  indexOf(position: bigint): number {
    let [low, high] = [0, this.#events.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.at(middle).position < position) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Writes all events or, if the storage throws, none. Nobody checks anything here: see append.ts. */
  append(stream: string, firstRevision: bigint, proposed: readonly ProposedEvent[]): readonly RecordedEvent[] {
    let position = this.#end;
    const created = Date.now();
    const recorded = proposed.map((event, offset) => {
      const record: RecordedEvent = {
        id: event.id,
        type: event.type,
        contentType: event.contentType,
        data: event.data,
        metadata: event.metadata,
        stream,
        revision: firstRevision + BigInt(offset),
        position,
        created,
        index: this.#events.length + offset,
      };
      position = endOf(record);
      return record;
    });
    this.#storage?.write(recorded);
    for (const event of recorded) this.#remember(event);
    this.#appended.emit('appended');
    return recorded;
  }

  /** Calls back after every append; returns the function that ends it. */
  onAppend(listener: () => void): () => void {
    this.#appended.on('appended', listener);
    return () => this.#appended.off('appended', listener);
  }

  close(): void {
    this.#storage?.close();
  }

  #remember(event: RecordedEvent): void {
    this.#events.push(event);
    const stream = this.#streams.get(event.stream);
    if (stream === undefined) this.#streams.set(event.stream, [event]);
    else stream.push(event);
    if (!this.#byId.has(event.id)) this.#byId.set(event.id, event);
    this.#end = endOf(event);
  }
}

function endOf(event: RecordedEvent): bigint {
  return event.position + BigInt(recordOverhead + event.stream.length + sizeOf(event));
}

/** Bytes of an event as the server counts them against the size limit of an append. */
export function sizeOf(event: ProposedEvent): number {
  return event.data.length + event.metadata.length + 2 * event.type.length;
}
