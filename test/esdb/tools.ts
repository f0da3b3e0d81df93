import { randomBytes } from 'node:crypto';
import {
  type CommittedUnit,
  type DamagedStore,
  type EsdbStore,
  type EsdbStoreOptions,
  type EventStore,
  NO_EVENTS,
  openEsdbStore,
  type Position,
  type Revision,
  type StreamAppend,
} from '@florin/event-store';

/** However busy the machine is. */
const PATIENT = { callTimeoutMs: 20_000, leaseMs: 2_000, commitTimeoutMs: 60_000 };
/** For a test on the stand-in that waits for one of these times; whoever has them is also put off by a busy machine. */
export const SHORT = { callTimeoutMs: 1_000, leaseMs: 400 };

export interface Ledger {
  readonly store: EsdbStore;
  readonly instance: string;
  /** What was found to be damaged. */
  readonly damage: DamagedStore[];
  stream(name: string): string;
}

export const freshInstance = (): string => `t${randomBytes(8).toString('hex')}`;

export async function openLedger(
  connectionString: string,
  { instance = freshInstance(), ...options }: Partial<EsdbStoreOptions> = {},
): Promise<Ledger> {
  const damage: DamagedStore[] = [];
  const store = await openEsdbStore(connectionString, {
    ...PATIENT,
    ...options,
    instance,
    now: () => Date.now() * 1_000,
    onDamage: (error) => damage.push(error),
  });
  return { store, instance, damage, stream: (name) => `${instance}.${name}` };
}

/** An append of one event that says who wrote it. */
export function noted(stream: string, expected: Revision | typeof NO_EVENTS, by: string): StreamAppend {
  return { stream, expected, events: [{ type: 'Noted', version: 1, data: { by } }] };
}

/** A unit on streams that nobody has touched. */
export const unitOn = (streams: readonly string[], by: string): StreamAppend[] =>
  streams.map((stream) => noted(stream, NO_EVENTS, by));

/** Who wrote the events of a stream. */
export async function writersOf(store: EventStore, stream: string): Promise<unknown[]> {
  const { events, complete } = await store.readStream(stream);
  if (!complete) throw new Error(`${stream} is longer than a page`);
  return events.map(({ data }) => data.by);
}

export async function all(units: AsyncIterable<CommittedUnit>): Promise<CommittedUnit[]> {
  const collected: CommittedUnit[] = [];
  for await (const unit of units) collected.push(unit);
  return collected;
}

/** What a subscriber was handed out, while it goes on. */
export class Following {
  readonly units: CommittedUnit[] = [];
  private readonly end = new AbortController();
  private readonly done: Promise<void>;

  constructor(store: EventStore, after: Position, pauseMs = 0) {
    this.done = (async () => {
      for await (const unit of store.subscribe(after, this.end.signal)) {
        this.units.push(unit);
        if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
      }
    })();
  }

  async stop(): Promise<void> {
    this.end.abort();
    await this.done;
  }
}
