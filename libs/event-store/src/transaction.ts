import {
  type EventStore,
  type NewEvent,
  NO_EVENTS,
  type ReadStream,
  type Revision,
  type StreamAppend,
  type StreamPage,
} from './port.js';
import type { EventStream, Folded } from './state-cache.js';

/** What an attempt appends; the expected revision is the one at which it loaded the stream. */
export interface Append {
  readonly stream: string | { readonly name: string };
  readonly events: readonly NewEvent[];
  /** See `StreamAppend`. */
  readonly commitOnly?: boolean;
}

/** How an attempt sees the store. What it appends is committed only if it answers `accept` or `refuse`. */
export interface Transaction {
  /**
   * The present state of a stream, from the cache where it is held. The object is the cache's own: read it, never
   * change it, and do not rely on it after the attempt.
   */
  load<State, Event>(stream: EventStream<State, Event>): Promise<State>;

  /** Declares that the stream has no committed event yet. If it has one, the commit is a conflict. */
  fresh(stream: string | { readonly name: string }): void;

  /** Stored events as they are, for proofs and for answers given earlier. */
  readStream(stream: string, options?: ReadStream): Promise<StreamPage>;

  /** Adds to the unit of this attempt. Every stream must have been loaded or declared fresh. */
  append(...appends: readonly Append[]): void;
}

/** A stream as an attempt loaded it. */
export interface Loaded {
  readonly folded: Folded;
  readonly count: number;
  readonly revision: Revision | typeof NO_EVENTS;
}

/** The transaction of one attempt: which streams it saw at which revision, and what it wants appended. */
export class UnitOfWork implements Transaction {
  private readonly seen = new Map<string, Loaded>();
  private readonly freshNames = new Set<string>();
  private readonly collected = new Map<string, StreamAppend>();

  constructor(
    private readonly store: EventStore,
    private readonly present: (stream: EventStream<unknown, unknown>) => Promise<Folded>,
  ) {}

  async load<State, Event>(stream: EventStream<State, Event>): Promise<State> {
    const folded = await this.present(stream);
    if (!this.seen.has(stream.name)) {
      const { count, revision } = folded;
      this.seen.set(stream.name, { folded, count, revision });
    }
    return folded.state as State;
  }

  fresh(stream: string | { readonly name: string }): void {
    this.freshNames.add(nameOf(stream));
  }

  readStream(stream: string, options?: ReadStream): Promise<StreamPage> {
    return this.store.readStream(stream, options);
  }

  append(...appends: readonly Append[]): void {
    for (const { stream, events, commitOnly } of appends) {
      const name = nameOf(stream);
      const earlier = this.collected.get(name);
      this.collected.set(name, {
        stream: name,
        expected: this.expectedOf(name),
        events: earlier ? [...earlier.events, ...events] : events,
        commitOnly: commitOnly || earlier?.commitOnly || false,
      });
    }
  }

  appends(): StreamAppend[] {
    return [...this.collected.values()];
  }

  loaded(): Loaded[] {
    return [...this.seen.values()];
  }

  private expectedOf(name: string): Revision | typeof NO_EVENTS {
    const loaded = this.seen.get(name);
    if (loaded) return loaded.revision;
    if (this.freshNames.has(name)) return NO_EVENTS;
    throw new Error(`${name} was neither loaded nor declared fresh, so nothing can be appended to it`);
  }
}

const nameOf = (stream: string | { readonly name: string }): string =>
  typeof stream === 'string' ? stream : stream.name;
