import {
  END,
  type EventStoreDBClient,
  eventTypeFilter,
  type Position,
  START,
  type SubscribeToAllOptions,
  streamNameFilter,
} from '@eventstore/db-client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { collect, event, freshStream, type TestServer, take, testServer, until } from './test-server.js';

/** The rows of "Subscriptions" in design/eventstoredb-facts.md that need no fault; the others: breaking.spec.ts. */
describe('subscriptions', () => {
  let server: TestServer;
  let client: EventStoreDBClient;
  beforeAll(async () => {
    server = await testServer();
    client = server.client;
  });
  afterAll(() => server.close());

  const events = (count: number) => Array.from({ length: count }, (_, n) => event({ n }));

  test('`fromPosition` and `fromRevision` are exclusive', async () => {
    const stream = freshStream();
    await client.appendToStream(stream, events(3));
    const [first] = await collect(client.readStream(stream));
    const fromPosition = first?.event?.position;
    if (fromPosition === undefined) throw new Error('an event without a position');
    const filter = streamNameFilter({ prefixes: [stream] });
    const all = await take(client.subscribeToAll({ fromPosition, filter }), 2);
    expect(all.map((resolved) => resolved.event?.revision)).toEqual([1n, 2n]);
    const one = await take(client.subscribeToStream(stream, { fromRevision: 0n }), 2);
    expect(one.map((resolved) => resolved.event?.revision)).toEqual([1n, 2n]);
  });

  test('a stream that does not exist yet is waited for; what is there comes before what is written later', async () => {
    const stream = freshStream();
    const subscription = client.subscribeToStream(stream, { fromRevision: START });
    const taken = take(subscription, 4);
    await client.appendToStream(stream, events(2));
    await client.appendToStream(stream, events(2));
    expect((await taken).map((resolved) => resolved.event?.revision)).toEqual([0n, 1n, 2n, 3n]);
  });

  test('from the end: only what is written after the confirmation', async () => {
    const stream = freshStream();
    await client.appendToStream(stream, events(2));
    const filter = streamNameFilter({ prefixes: [stream] });
    const subscriptions = [
      client.subscribeToAll({ fromPosition: END, filter }),
      client.subscribeToStream(stream, { fromRevision: END }),
    ];
    const taken = subscriptions.map(async (subscription) => {
      const confirmed = new Promise<void>((resolve) => subscription.once('confirmation', resolve));
      const first = take(subscription, 1);
      await confirmed;
      return first;
    });
    await Promise.all(subscriptions.map((one) => new Promise<void>((resolve) => one.once('confirmation', resolve))));
    await client.appendToStream(stream, event({ n: 'live' }));
    for (const seen of await Promise.all(taken)) expect(seen[0]?.event?.data).toEqual({ n: 'live' });
  });

  test('a filter by several stream prefixes, by regular expression, by event type', async () => {
    const [one, other, third] = [freshStream('one'), freshStream('other'), freshStream('third')];
    for (const stream of [one, third, other]) await client.appendToStream(stream, events(1));
    const names = async (filter: SubscribeToAllOptions['filter'], count: number) =>
      (await take(client.subscribeToAll({ fromPosition: START, filter } as SubscribeToAllOptions), count)).map(
        ({ event: e }) => e?.streamId,
      );
    expect(await names(streamNameFilter({ prefixes: [one, other] }), 2)).toEqual([one, other]);
    expect(await names(streamNameFilter({ regex: `^(${third}|${other})$` }), 2)).toEqual([third, other]);
    const type = freshStream('Type').replaceAll('.', '');
    await client.appendToStream(one, { ...event(), type });
    expect(await names(eventTypeFilter({ prefixes: [type] }), 1)).toEqual([one]);
  });

  test('checkpoints: without prepare on 22.10; resuming at any of them repeats nothing and loses nothing', async () => {
    const [wanted, noise] = [freshStream('wanted'), freshStream('noise')];
    const [before] = await collect(client.readAll({ direction: 'backwards', fromPosition: END, maxCount: 1 }));
    const fromPosition = before?.event?.position;
    if (fromPosition === undefined) throw new Error('an event without a position');
    for (let n = 0; n < 12; n++) {
      await client.appendToStream(wanted, events(7));
      await client.appendToStream(noise, events(31));
    }
    const checkpoints: Position[] = [];
    const prefixes = [wanted];
    const checkpointReached = (_: unknown, position: Position) => void checkpoints.push(position);
    const filter = streamNameFilter({ prefixes, checkpointInterval: 2, checkpointReached });
    const seen = await take(client.subscribeToAll({ fromPosition, filter }), 84);
    expect(seen.map(({ event: one }) => one?.revision)).toEqual(Array.from({ length: 84 }, (_, n) => BigInt(n)));
    expect(checkpoints.length).toBeGreaterThan(2);
    const isRecorded = (await server.version()).startsWith('22.10');
    for (const position of checkpoints) {
      if (isRecorded) expect(position.prepare).toBe(0n);
      const before = seen.filter(({ event: one }) => (one?.position?.commit ?? 0n) <= position.commit).length;
      if (before === seen.length) continue;
      // By its commit alone, as the adapter does.
      const fromPosition = { commit: position.commit, prepare: position.commit };
      const resumed = client.subscribeToAll({ fromPosition, filter: streamNameFilter({ prefixes }) });
      const [next] = await take(resumed, 1);
      expect(next?.event?.revision).toBe(BigInt(before));
    }
  });

  test('checkpoints go on while live', async () => {
    const noise = freshStream('noise');
    let reached = 0;
    const filter = streamNameFilter({
      prefixes: [freshStream('never')],
      maxSearchWindow: 5,
      checkpointInterval: 1,
      checkpointReached: () => {
        reached += 1;
      },
    });
    const subscription = client.subscribeToAll({ fromPosition: END, filter });
    const idle = take(subscription, 1);
    await new Promise<void>((resolve) => subscription.once('confirmation', resolve));
    await until(async () => {
      await client.appendToStream(noise, events(5));
      return reached >= 3;
    });
    await subscription.unsubscribe();
    expect(await idle).toEqual([]);
  });

  test('there is no caught-up signal on 22.10, only a confirmation', async () => {
    const stream = freshStream();
    await client.appendToStream(stream, events(1));
    const subscription = client.subscribeToStream(stream);
    const signals: string[] = [];
    for (const signal of ['confirmation', 'caughtUp', 'fellBehind'])
      subscription.on(signal, () => signals.push(signal));
    await take(subscription, 1);
    const isRecorded = (await server.version()).startsWith('22.10');
    expect(isRecorded ? signals : signals.slice(0, 1)).toEqual(['confirmation']);
  });

  test('a slow consumer of history loses nothing', async () => {
    const stream = freshStream();
    const text = 'x'.repeat(2_000);
    for (let n = 0; n < 20; n++)
      await client.appendToStream(
        stream,
        Array.from({ length: 50 }, () => event({ text })),
      );
    let expected = 0n;
    for await (const { event: one } of client.subscribeToStream(stream)) {
      expect(one?.revision).toBe(expected);
      expected += 1n;
      if (expected % 100n === 0n) await new Promise((resolve) => setTimeout(resolve, 20));
      if (expected === 1_000n) break;
    }
  });

  test('order is by position, across streams', async () => {
    const prefix = freshStream('ordered');
    await Promise.all(
      Array.from({ length: 40 }, (_, n) => client.appendToStream(`${prefix}-${n % 4}`, events(1 + (n % 3)))),
    );
    const count = Array.from({ length: 40 }, (_, n) => 1 + (n % 3)).reduce((a, b) => a + b);
    const filter = streamNameFilter({ prefixes: [prefix] });
    const seen = await take(client.subscribeToAll({ fromPosition: START, filter }), count);
    const commits = seen.map(({ event: one }) => one?.position?.commit ?? 0n);
    expect(commits).toEqual([...new Set(commits)].sort((a, b) => (a < b ? -1 : 1)));
  });
});
