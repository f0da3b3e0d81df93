import { NO_EVENTS, type RecordedEvent, type Revision } from './port.js';

/** A stream as the domain sees it: its name, and how its stored events become a state. */
export interface EventStream<State, Event> {
  readonly name: string;
  initial(): State;
  /** May change `state` in place; throws on an event that cannot have happened. */
  evolve(state: State, event: Event): State;
  decode(stored: RecordedEvent): Event;
  /** The last event alone gives the state that all of them give. */
  readonly restsOnLast?: boolean;
}

/** The state of a stream after its first `count` events, and the revision at which a unit may be appended to it. */
export interface Folded {
  readonly stream: EventStream<unknown, unknown>;
  state: unknown;
  count: number;
  /** Of these events, and of the entries of their lists: a batch of withdrawn coins is one event, and many entries. */
  facts: number;
  revision: Revision | typeof NO_EVENTS;
  /** The stream may have moved: its tail is to be read before use. */
  stale: boolean;
}

/**
 * The states used last, within a number of streams and a number of facts folded into them (a rough measure of their
 * memory). The one used last always stays, however long its stream: a busy reserve must not be replayed per command.
 */
export class StateCache {
  private readonly entries = new Map<string, Folded>();
  private factsHeld = 0;

  constructor(
    private readonly entriesMax: number,
    private readonly factsMax: number,
  ) {}

  /** What is held of a stream, or an empty fold, which is held from now on. */
  open(stream: EventStream<unknown, unknown>): Folded {
    const held = this.entries.get(stream.name);
    if (held?.stream.evolve === stream.evolve) {
      this.entries.delete(stream.name);
      this.entries.set(stream.name, held);
      return held;
    }
    this.drop(stream.name);
    const folded: Folded = { stream, state: stream.initial(), count: 0, facts: 0, revision: NO_EVENTS, stale: true };
    this.entries.set(stream.name, folded);
    this.trim();
    return folded;
  }

  held(name: string): Folded | undefined {
    return this.entries.get(name);
  }

  drop(name: string): void {
    this.factsHeld -= this.entries.get(name)?.facts ?? 0;
    this.entries.delete(name);
  }

  /**
   * Folds what was read or committed. Events that are in the state already are passed over: events are facts, so two
   * readers of one tail may both bring it. An impossible event throws, and leaves no half-changed state behind.
   */
  fold(
    folded: Folded,
    { events, revision }: { events: readonly RecordedEvent[]; revision: Revision | typeof NO_EVENTS },
  ): void {
    const { stream } = folded;
    const { name } = stream;
    const isHeld = this.entries.get(name) === folded;
    try {
      for (const event of events) {
        if (event.number < folded.count) continue;
        if (event.number > folded.count && !stream.restsOnLast) {
          throw new Error(`${name} goes on with ${event.number}, not ${folded.count}`);
        }
        folded.state = stream.evolve(folded.state, stream.decode(event));
        folded.count = event.number + 1;
        const facts = stream.restsOnLast ? 0 : factsOf(event);
        folded.facts += facts;
        if (isHeld) this.factsHeld += facts;
      }
    } catch (error) {
      if (isHeld) this.drop(name);
      throw error;
    }
    if (revision !== NO_EVENTS && (folded.revision === NO_EVENTS || revision > folded.revision)) {
      folded.revision = revision;
    }
    this.trim();
  }

  private trim(): void {
    for (const oldest of this.entries.keys()) {
      const fits = this.entries.size <= this.entriesMax && this.factsHeld <= this.factsMax;
      if (fits || this.entries.size === 1) break;
      this.drop(oldest);
    }
  }
}

function factsOf({ data }: RecordedEvent): number {
  let facts = 1;
  for (const value of Object.values(data)) if (Array.isArray(value)) facts += value.length;
  return facts;
}
