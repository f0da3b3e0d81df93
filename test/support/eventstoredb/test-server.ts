import { randomUUID } from 'node:crypto';
import {
  type EventData,
  EventStoreDBClient,
  type JSONEventType,
  jsonEvent,
  type ReadableSubscription,
  type ResolvedEvent,
} from '@eventstore/db-client';
import { StandIn } from './stand-in.js';

/** What tests need that do not care which server answers. */
export interface TestServer {
  readonly connectionString: string;
  readonly client: EventStoreDBClient;
  /** As the server says, for instance 22.10.5. */
  version(): Promise<string>;
  close(): Promise<void>;
}

/**
 * The server of every test that switches no fault on: the real one that FLORIN_TEST_EVENTSTORE names by its connection
 * string, or a stand-in started for the test. Others may use the server, too: such tests use fresh streams only.
 */
export async function testServer(): Promise<TestServer> {
  const real = process.env.FLORIN_TEST_EVENTSTORE;
  const standIn = real === undefined ? await StandIn.start() : undefined;
  const connectionString = real ?? standIn?.connectionString ?? '';
  const client = EventStoreDBClient.connectionString(connectionString);
  const close = async (): Promise<void> => {
    await client.dispose();
    await standIn?.close();
  };
  const internals = client as unknown as { readonly capabilities: Promise<{ readonly serverVersion: string }> };
  const version = async (): Promise<string> => (await internals.capabilities).serverVersion;
  return { connectionString, client, version, close };
}

export const freshStream = (prefix = 'test'): string => `${prefix}.${randomUUID()}`;

/** A small event; the same id makes it the same event to the server. */
export function event(data: Record<string, unknown> = {}, id: string = randomUUID()): EventData {
  return jsonEvent<JSONEventType<string, Record<string, unknown>>>({ id, type: 'Tested', data });
}

/** The error with which the promise is rejected. @throws Error if it is not */
export async function failureOf(promise: Promise<unknown>): Promise<Error & { code?: number }> {
  const outcome = await promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  if ('error' in outcome && outcome.error instanceof Error) return outcome.error;
  throw new Error(
    `not rejected with an error: ${JSON.stringify(outcome, (_, v) => (typeof v === 'bigint' ? `${v}n` : v))}`,
  );
}

/** Everything that a read yields. */
export async function collect<T>(read: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const one of read) all.push(one);
  return all;
}

/** Revisions and data of what a read yields. */
export async function contents(read: AsyncIterable<ResolvedEvent>): Promise<[revision: bigint, data: unknown][]> {
  return (await collect(read)).flatMap(({ event: one }) => (one === undefined ? [] : [[one.revision, one.data]]));
}

/** The next `count` events of a subscription, which is then ended. */
export async function take(subscription: ReadableSubscription<ResolvedEvent>, count: number): Promise<ResolvedEvent[]> {
  const taken: ResolvedEvent[] = [];
  for await (const one of subscription) {
    taken.push(one);
    if (taken.length === count) break;
  }
  await subscription.unsubscribe();
  return taken;
}

/** Resolves once the condition holds, asked every few milliseconds; the time limit is that of the test. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 5));
}
