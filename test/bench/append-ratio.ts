/**
 * What a command on one stream takes on EventStoreDB, beside a bare append: the same event, the same kind of call, on
 * a connection of its own to the same server. The three are measured in turn, so that load hits all of them alike.
 */
import { randomUUID } from 'node:crypto';
import {
  type AppendExpectedRevision,
  EventStoreDBClient,
  type JSONEventType,
  jsonEvent,
  NO_STREAM,
} from '@eventstore/db-client';
import { accept } from '@florin/domain';
import { type EventStore, type EventStream, Ledger } from '@florin/event-store';

export interface AppendRatio {
  /** One event appended by the client library alone, milliseconds in the middle of all. */
  readonly bareMs: number;
  /** A command on a stream whose state is held: to be at most 1.5 times as much. */
  readonly heldMs: number;
  readonly heldRatio: number;
  /** The first command on a stream that nobody knows yet: it is looked up, then appended to. */
  readonly newMs: number;
  readonly newRatio: number;
}

interface Measured {
  readonly store: EventStore;
  readonly connectionString: string;
  /** A new name of a stream. */
  readonly streamName: () => string;
  readonly data: Record<string, string>;
}

const ROUNDS = 400;
const WARM_ROUNDS = 50;

export async function appendRatio({ store, connectionString, streamName, data }: Measured): Promise<AppendRatio> {
  const client = EventStoreDBClient.connectionString(connectionString);
  const credentials = credentialsIn(connectionString);
  const ledger = new Ledger(store);
  const command = (name: string) =>
    ledger.transact([name], async (tx) => {
      await tx.load(counting(name));
      tx.append({ stream: name, events: [{ type: 'Benched', version: 1, data }] });
      return accept(undefined);
    });
  // In no ledger: it would take an event without its metadata for damage.
  const bare = { name: `bare.${randomUUID()}`, next: undefined as bigint | undefined };
  const appendBare = async (): Promise<void> => {
    const event = jsonEvent<JSONEventType<string, Record<string, string>>>({ id: randomUUID(), type: 'Benched', data });
    const expectedRevision: AppendExpectedRevision = bare.next ?? NO_STREAM;
    // As the adapter does it: with credentials of its own an append is a call of its own.
    const options = { expectedRevision, requiresLeader: true, credentials };
    bare.next = (await client.appendToStream(bare.name, event, options)).nextExpectedRevision;
  };
  const held = streamName();
  const works = [appendBare, () => command(held), () => command(streamName())];
  const times = works.map((): number[] => []);
  try {
    for (let round = -WARM_ROUNDS; round < ROUNDS; round += 1) {
      for (const [place, work] of works.entries()) {
        const begun = performance.now();
        await work();
        if (round >= 0) times[place]?.push(performance.now() - begun);
      }
    }
  } finally {
    await client.dispose();
  }
  const [bareMs, heldMs, newMs] = times.map(median) as [number, number, number];
  return { bareMs, heldMs, heldRatio: heldMs / bareMs, newMs, newRatio: newMs / bareMs };
}

export function describedRatio({ bareMs, heldMs, heldRatio, newMs, newRatio }: AppendRatio): string {
  const times = (ms: number, ratio: number): string => `${ms.toFixed(2)} ms, ${ratio.toFixed(2)} times that`;
  const bare = `a bare append ${bareMs.toFixed(2)} ms`;
  return `${bare}; a command on one stream ${times(heldMs, heldRatio)} (to be at most 1.50);
the first command on a new stream ${times(newMs, newRatio)}: it is read before it is appended to`;
}

/** How many events a stream has. The cache of states knows a kind of stream by its functions. */
const COUNTING = {
  initial: () => 0,
  evolve: (count: number) => count + 1,
  decode: (stored: object) => stored,
};
const counting = (name: string): EventStream<number, object> => ({ name, ...COUNTING });

const median = (times: readonly number[]): number => [...times].sort((a, b) => a - b)[times.length >> 1] ?? 0;

function credentialsIn(connectionString: string): { username: string; password: string } {
  const { username, password } = new URL(connectionString.replace(/^[^:]+:/, 'http:').replace(/,[^/?]*/, ''));
  return { username: decodeURIComponent(username) || 'nobody', password: decodeURIComponent(password) || 'nothing' };
}
