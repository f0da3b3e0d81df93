import {
  type CommittedUnit,
  type EventStore,
  type JsonObject,
  type NewEvent,
  type NO_EVENTS,
  type Position,
  type Revision,
  START,
  type StreamAppend,
} from './port.js';

/** An empty store for one test. */
export interface OpenedStore {
  readonly store: EventStore;
  /** What the store's stream names begin with. */
  readonly instance: string;
  /** Closes the store and opens it again on what it has kept. */
  reopen(): Promise<EventStore>;
  /** Closes the store and removes what it has kept. */
  destroy(): Promise<void>;
}

export type OpenStore = () => Promise<OpenedStore>;

export interface Bench extends OpenedStore {
  coin(key: string): string;
  reserve(key: string): string;
}

export function ledgerTools(open: OpenStore) {
  return {
    async withStore(work: (bench: Bench) => Promise<void>): Promise<void> {
      const opened = await open();
      try {
        await work({
          ...opened,
          coin: (key) => `${opened.instance}.coin-${key}`,
          reserve: (key) => `${opened.instance}.reserve-${key}`,
        });
      } finally {
        await opened.destroy();
      }
    },
    units: (store: EventStore, after: Position = START) => collect(store.readAll(after)),
    event: (type: string, data: JsonObject = {}): NewEvent => ({ type, version: 1, data }),
    append: (stream: string, expected: Revision | typeof NO_EVENTS, ...events: NewEvent[]): StreamAppend => ({
      stream,
      expected,
      events,
    }),
  };
}

/** All that an iteration gives; at most `limit`, and then it is ended. */
export async function collect<T>(items: AsyncIterable<T>, limit = Number.POSITIVE_INFINITY): Promise<T[]> {
  const collected: T[] = [];
  if (limit === 0) return collected;
  for await (const item of items) {
    collected.push(item);
    if (collected.length >= limit) break;
  }
  return collected;
}

export type Units = readonly CommittedUnit[];
