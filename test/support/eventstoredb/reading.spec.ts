import {
  BACKWARDS,
  binaryEvent,
  END,
  type EventStoreDBClient,
  FORWARDS,
  jsonEvent,
  type ReadAllOptions,
  StreamNotFoundError,
  streamNameFilter,
} from '@eventstore/db-client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { collect, contents, event, failureOf, freshStream, type TestServer, testServer } from './test-server.js';

/** The rows of "Reading" in design/eventstoredb-facts.md that need no fault; followers: see cluster.spec.ts. */
describe('reading', () => {
  let server: TestServer;
  let client: EventStoreDBClient;
  beforeAll(async () => {
    server = await testServer();
    client = server.client;
  });
  afterAll(() => server.close());

  async function streamOf(count: number): Promise<string> {
    const stream = freshStream();
    await client.appendToStream(
      stream,
      Array.from({ length: count }, (_, n) => event({ n })),
    );
    return stream;
  }

  test('a missing stream is not found while iterating, wherever the read starts', async () => {
    const stream = freshStream();
    for (const fromRevision of ['start', 'end', 3n] as const) {
      for (const direction of [FORWARDS, BACKWARDS] as const) {
        const failure = await failureOf(collect(client.readStream(stream, { fromRevision, direction })));
        expect(failure).toBeInstanceOf(StreamNotFoundError);
      }
    }
  });

  test('from a revision beyond the end: no events, no error; backwards from there: from the end', async () => {
    const stream = await streamOf(2);
    expect(await contents(client.readStream(stream, { fromRevision: 2n }))).toEqual([]);
    expect(await contents(client.readStream(stream, { fromRevision: END }))).toEqual([]);
    const backwards = client.readStream(stream, { direction: BACKWARDS, fromRevision: 9n });
    expect(await contents(backwards)).toEqual([
      [1n, { n: 1 }],
      [0n, { n: 0 }],
    ]);
  });

  test('`fromRevision` is inclusive in both directions, `maxCount` limits', async () => {
    const stream = await streamOf(5);
    expect(await contents(client.readStream(stream, { fromRevision: 3n }))).toEqual([
      [3n, { n: 3 }],
      [4n, { n: 4 }],
    ]);
    expect(await contents(client.readStream(stream, { fromRevision: 1n, maxCount: 1 }))).toEqual([[1n, { n: 1 }]]);
    const backwards = client.readStream(stream, { direction: BACKWARDS, fromRevision: 3n, maxCount: 2 });
    expect(await contents(backwards)).toEqual([
      [3n, { n: 3 }],
      [2n, { n: 2 }],
    ]);
    const first = client.readStream(stream, { direction: BACKWARDS, fromRevision: 'start' });
    expect(await contents(first)).toEqual([[0n, { n: 0 }]]);
  });

  test("one's own acknowledged append is always there, for the same and for another client", async () => {
    const stream = freshStream();
    for (let n = 0; n < 100; n++) {
      await client.appendToStream(stream, event({ n }));
      const last = client.readStream(stream, {
        direction: BACKWARDS,
        fromRevision: END,
        maxCount: 1,
        requiresLeader: true,
      });
      expect(await contents(last)).toEqual([[BigInt(n), { n }]]);
    }
  });

  test('binary events come back as bytes, JSON metadata as an object either way', async () => {
    const stream = freshStream();
    const data = Uint8Array.from([0, 255, 1, 254]);
    const metadata = { of: 'both' };
    await client.appendToStream(stream, [
      binaryEvent({ type: 'Bytes', data, metadata: Buffer.from(JSON.stringify(metadata)) }),
      jsonEvent({ type: 'Json', data: { n: 1 }, metadata }),
      binaryEvent({ type: 'Bytes', data, metadata: Uint8Array.from([7, 8]) }),
    ]);
    const [bytes, json, opaque] = (await collect(client.readStream(stream))).map((resolved) => resolved.event);
    expect(bytes).toMatchObject({ type: 'Bytes', isJson: false, metadata });
    expect(Uint8Array.from(bytes?.data as Uint8Array)).toEqual(data);
    expect(bytes?.data).toBeInstanceOf(Uint8Array);
    expect(json).toMatchObject({ type: 'Json', isJson: true, data: { n: 1 }, metadata });
    expect(Uint8Array.from(opaque?.metadata as Uint8Array)).toEqual(Uint8Array.from([7, 8]));
  });

  test('events carry the time of the server', async () => {
    const stream = await streamOf(1);
    const [first] = await collect(client.readStream(stream));
    expect(first?.event?.created).toBeInstanceOf(Date);
    expect(first?.event?.created.getTime()).toBeGreaterThan(Date.UTC(2020, 0, 1));
  });

  test('`readAll` ignores a filter', async () => {
    const [wanted, other] = [await streamOf(1), await streamOf(1)];
    const [first] = await collect(client.readStream(wanted));
    const fromPosition = first?.event?.position;
    const options = { fromPosition, filter: streamNameFilter({ prefixes: [wanted] }) } as ReadAllOptions;
    const streams = (await collect(client.readAll(options))).map((resolved) => resolved.event?.streamId);
    expect(streams).toContain(other);
  });

  test('positions: commit and prepare equal, rising within an append, `readAll` from one includes it', async () => {
    const stream = await streamOf(3);
    const events = (await collect(client.readStream(stream))).flatMap((resolved) => resolved.event ?? []);
    const positions = events.map(({ position }) => position);
    for (const position of positions) expect(position?.prepare).toBe(position?.commit);
    const commits = positions.map((position) => position?.commit ?? 0n);
    expect(commits).toEqual([...new Set(commits)].sort((a, b) => (a < b ? -1 : 1)));
    const fromPosition = positions[1];
    if (fromPosition === undefined) throw new Error('an event without a position');
    const fromThere = await collect(client.readAll({ fromPosition }));
    const own = fromThere.flatMap((resolved) => (resolved.event?.streamId === stream ? [resolved.event] : []));
    expect(own.map(({ revision }) => revision)).toEqual([1n, 2n]);
    expect(own.map(({ position }) => position)).toEqual(positions.slice(1));
    const before = await collect(client.readAll({ fromPosition, direction: BACKWARDS, maxCount: 1 }));
    expect(before[0]?.event?.position).toEqual(positions[0]);
  });

  test('deleted streams and system events stay visible in `readAll`', async () => {
    const stream = await streamOf(2);
    const [first] = await collect(client.readStream(stream));
    const fromPosition = first?.event?.position;
    if (fromPosition === undefined) throw new Error('an event without a position');
    await client.deleteStream(stream);
    const all = (await collect(client.readAll({ fromPosition }))).flatMap((resolved) => resolved.event ?? []);
    const own = all.filter(({ streamId }) => streamId.endsWith(stream));
    expect(own.map(({ streamId, type }) => [streamId, type])).toEqual([
      [stream, 'Tested'],
      [stream, 'Tested'],
      [`$$${stream}`, '$metadata'],
    ]);
  });

  test('`destroy(error)` makes an early end an error, `cancel()` makes a half-read stream look complete', async () => {
    const stream = await streamOf(2_000);
    const destroyed = client.readStream(stream);
    const reading = (async () => {
      for await (const { event: one } of destroyed) if (one?.revision === 10n) destroyed.destroy(new Error('enough'));
    })();
    expect((await failureOf(reading)).message).toBe('enough');
    const cancelled = client.readStream(stream);
    let seen = 0;
    for await (const _ of cancelled) {
      seen += 1;
      if (seen === 10) await cancelled.cancel();
    }
    expect(seen).toBeLessThan(2_000);
  });
});
