import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import {
  type AppendExpectedRevision,
  END,
  type EventStoreDBClient,
  MaxAppendSizeExceededError,
  NO_STREAM,
  START,
  STREAM_EXISTS,
  StreamDeletedError,
  StreamNotFoundError,
  streamNameFilter,
  WrongExpectedVersionError,
} from '@eventstore/db-client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { maxAppendSize } from './append.js';
import { collect, contents, event, failureOf, freshStream, type TestServer, take, testServer } from './test-server.js';

/** One test per row of "Appending" in design/eventstoredb-facts.md, in its order. */
describe('appending', () => {
  let server: TestServer;
  let client: EventStoreDBClient;
  beforeAll(async () => {
    server = await testServer();
    client = server.client;
  });
  afterAll(() => server.close());

  test('at the right revision: success, with the position of the last event of the batch', async () => {
    const stream = freshStream();
    const result = await client.appendToStream(stream, [event(), event(), event()], { expectedRevision: NO_STREAM });
    expect(result).toMatchObject({ success: true, nextExpectedRevision: 2n });
    const last = (await collect(client.readStream(stream))).at(-1)?.event;
    expect(result.position).toEqual(last?.position);
    const next = await client.appendToStream(stream, event(), { expectedRevision: 2n });
    expect(next.nextExpectedRevision).toBe(3n);
  });

  test.each<[AppendExpectedRevision]>([[0n], [2n], [NO_STREAM]])(
    'at the wrong revision %s: the last one is named',
    async (expectedRevision) => {
      const stream = freshStream();
      await client.appendToStream(stream, [event(), event()]);
      const failure = await failureOf(client.appendToStream(stream, event(), { expectedRevision }));
      expect(failure).toBeInstanceOf(WrongExpectedVersionError);
      expect(failure).toMatchObject({ actualVersion: 1n, streamName: stream, expectedVersion: expectedRevision });
      expect(await contents(client.readStream(stream))).toHaveLength(2);
    },
  );

  test.each<[AppendExpectedRevision]>([[0n], [STREAM_EXISTS]])(
    'expecting %s of a stream that does not exist',
    async (expectedRevision) => {
      const failure = await failureOf(client.appendToStream(freshStream(), event(), { expectedRevision }));
      expect(failure).toBeInstanceOf(WrongExpectedVersionError);
      expect(failure).toMatchObject({ actualVersion: 'no_stream' });
    },
  );

  test('`throwOnAppendFailure: false` as an option of the append does not keep it from throwing', async () => {
    const options = { expectedRevision: 5n, throwOnAppendFailure: false };
    const failure = await failureOf(client.appendToStream(freshStream(), event(), options));
    expect(failure).toBeInstanceOf(WrongExpectedVersionError);
  });

  test('the same ids at the same revision: success again, the first position, the data not compared', async () => {
    const stream = freshStream();
    const ids = [randomUUID(), randomUUID()];
    const batch = (n: number) => ids.map((id) => event({ n }, id));
    const first = await client.appendToStream(stream, batch(1), { expectedRevision: NO_STREAM });
    await client.appendToStream(stream, event({ n: 0 }), { expectedRevision: 1n });
    expect(await client.appendToStream(stream, batch(2), { expectedRevision: NO_STREAM })).toEqual(first);
    expect(await contents(client.readStream(stream))).toEqual([
      [0n, { n: 1 }],
      [1n, { n: 1 }],
      [2n, { n: 0 }],
    ]);
  });

  test('the same id at the current revision is written a second time', async () => {
    const stream = freshStream();
    const id = randomUUID();
    await client.appendToStream(stream, event({ n: 1 }, id), { expectedRevision: NO_STREAM });
    const again = await client.appendToStream(stream, event({ n: 2 }, id), { expectedRevision: 0n });
    expect(again.nextExpectedRevision).toBe(1n);
    const ids = (await collect(client.readStream(stream))).map((resolved) => resolved.event?.id);
    expect(ids).toEqual([id, id]);
  });

  test('a batch whose first part is known and whose rest is new is refused', async () => {
    const stream = freshStream();
    const known = event();
    await client.appendToStream(stream, known, { expectedRevision: NO_STREAM });
    const failure = await failureOf(client.appendToStream(stream, [known, event()], { expectedRevision: NO_STREAM }));
    expect(failure).toMatchObject({ actualVersion: 0n });
    expect(await contents(client.readStream(stream))).toHaveLength(1);
  });

  test('the same id in two streams is written in both', async () => {
    const [one, other] = [freshStream(), freshStream()];
    const same = event();
    await client.appendToStream(one, same, { expectedRevision: NO_STREAM });
    await client.appendToStream(other, same, { expectedRevision: NO_STREAM });
    expect(await contents(client.readStream(other))).toHaveLength(1);
  });

  test('200 concurrent appends with different ids at one revision: one success', async () => {
    const stream = freshStream();
    const appends = Array.from({ length: 200 }, () =>
      client.appendToStream(stream, event(), { expectedRevision: NO_STREAM }),
    );
    const outcomes = await Promise.allSettled(appends);
    const refused = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []));
    expect(refused).toHaveLength(199);
    expect(refused.every((error) => error instanceof WrongExpectedVersionError)).toBe(true);
    expect(await contents(client.readStream(stream))).toHaveLength(1);
  });

  test('200 concurrent appends with one id at one revision: 200 successes, one event', async () => {
    const stream = freshStream();
    const same = event();
    const appends = Array.from({ length: 200 }, () =>
      client.appendToStream(stream, same, { expectedRevision: NO_STREAM }),
    );
    const results = await Promise.all(appends);
    expect(new Set(results.map(({ position }) => position?.commit)).size).toBe(1);
    expect(await contents(client.readStream(stream))).toHaveLength(1);
  });

  test('no events: success with revision 0, nothing written', async () => {
    const stream = freshStream();
    await client.appendToStream(stream, [event(), event()]);
    expect(await client.appendToStream(stream, [])).toMatchObject({ success: true, nextExpectedRevision: 0n });
    expect(await contents(client.readStream(stream))).toHaveLength(2);
  });

  test('more than 1,048,576 bytes in one append: refused whole, the limit named', async () => {
    const stream = freshStream();
    const half = { text: 'x'.repeat(maxAppendSize / 2) };
    const failure = await failureOf(client.appendToStream(stream, [event(half), event(half)]));
    expect(failure).toBeInstanceOf(MaxAppendSizeExceededError);
    expect(failure).toMatchObject({ maxAppendSize: 1_048_576 });
    expect(await failureOf(collect(client.readStream(stream)))).toBeInstanceOf(StreamNotFoundError);
    const nearly = { text: 'x'.repeat(maxAppendSize - 200) };
    await client.appendToStream(stream, event(nearly));
    expect(await contents(client.readStream(stream))).toEqual([[0n, nearly]]);
  });

  test('the limit is that of the server also where the append comes in several messages', async () => {
    const stream = freshStream();
    const events = Array.from({ length: 30 }, () => event({ text: 'x'.repeat(30_000) }));
    const result = await client.appendToStream(stream, events, { batchAppendSize: 100_000 });
    expect(result.nextExpectedRevision).toBe(29n);
    expect(await contents(client.readStream(stream))).toHaveLength(30);
  });

  test('a BigInt in JSON data kills the process of the client', async () => {
    const program = fileURLToPath(new URL('./fragile-client.js', import.meta.url));
    const child = spawn(process.execPath, [program, 'bigint', server.connectionString], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let errors = '';
    child.stderr.on('data', (chunk: Buffer) => {
      errors += chunk.toString();
    });
    const [code] = (await once(child, 'close')) as [number];
    expect(errors).toContain('serialize a BigInt');
    expect(code).toBe(1);
  });

  test('a soft-deleted stream goes on where it was; its first event is not revision 0', async () => {
    const stream = freshStream();
    await client.appendToStream(stream, [event({ n: 0 }), event({ n: 1 })]);
    await client.deleteStream(stream, { expectedRevision: 1n });
    expect(await failureOf(collect(client.readStream(stream)))).toBeInstanceOf(StreamNotFoundError);
    const again = await client.appendToStream(stream, event({ n: 2 }), { expectedRevision: NO_STREAM });
    expect(again.nextExpectedRevision).toBe(2n);
    expect(await contents(client.readStream(stream))).toEqual([[2n, { n: 2 }]]);
  });

  test('soft deletion, `$maxCount` and a tombstone are visible to a subscription', async () => {
    const prefix = freshStream('watched');
    const [cut, gone, dead] = [`${prefix}-cut`, `${prefix}-gone`, `${prefix}-dead`];
    for (const stream of [cut, gone, dead]) await client.appendToStream(stream, event());
    await client.setStreamMetadata(cut, { maxCount: 1 });
    await client.deleteStream(gone);
    await client.tombstoneStream(dead);
    const filter = streamNameFilter({ prefixes: [prefix, `$$${prefix}`] });
    const seen = await take(client.subscribeToAll({ fromPosition: START, filter }), 6);
    expect(seen.map(({ event: one }) => [one?.streamId, one?.type])).toEqual([
      [cut, 'Tested'],
      [gone, 'Tested'],
      [dead, 'Tested'],
      [`$$${cut}`, '$metadata'],
      [`$$${gone}`, '$metadata'],
      [dead, '$streamDeleted'],
    ]);
  });

  test('`$maxCount` and `$tb` hide events from reads of the stream', async () => {
    const stream = freshStream();
    await client.appendToStream(
      stream,
      [0, 1, 2, 3, 4].map((n) => event({ n })),
    );
    await client.setStreamMetadata(stream, { maxCount: 2 });
    expect(await contents(client.readStream(stream))).toEqual([
      [3n, { n: 3 }],
      [4n, { n: 4 }],
    ]);
    await client.setStreamMetadata(stream, { truncateBefore: 4 });
    expect(await contents(client.readStream(stream, { fromRevision: 1n }))).toEqual([[4n, { n: 4 }]]);
    expect(await client.getStreamMetadata(stream)).toMatchObject({ metadata: { truncateBefore: 4 } });
    expect(await contents(client.readStream(stream, { direction: 'backwards', fromRevision: END }))).toHaveLength(1);
  });

  test('a tombstoned stream is gone for ever, for reads and appends', async () => {
    const stream = freshStream();
    await client.appendToStream(stream, event());
    await client.tombstoneStream(stream, { expectedRevision: 0n });
    expect(await failureOf(collect(client.readStream(stream)))).toBeInstanceOf(StreamDeletedError);
    for (const expectedRevision of [NO_STREAM, 'any', 0n] as const) {
      const failure = await failureOf(client.appendToStream(stream, event(), { expectedRevision }));
      expect(failure).toBeInstanceOf(StreamDeletedError);
      expect(failure).toMatchObject({ streamName: stream });
    }
  });

  test('names of streams: spaces, 2,000 characters, `$`, other alphabets are accepted; none is refused', async () => {
    for (const stream of [
      freshStream('a b'),
      freshStream('x'.repeat(1_900)),
      freshStream('$x'),
      freshStream('Ünïcode→'),
    ]) {
      await client.appendToStream(stream, event(), { expectedRevision: NO_STREAM });
      const [first] = await collect(client.readStream(stream));
      expect(first?.event?.streamId).toBe(stream);
    }
    await failureOf(client.appendToStream('', event()));
  });

  test('an append with credentials of its own takes the other call, with the same answers', async () => {
    const credentials = { username: 'admin', password: 'changeit' };
    const stream = freshStream();
    const result = await client.appendToStream(stream, [event(), event()], {
      credentials,
      expectedRevision: NO_STREAM,
    });
    const last = (await collect(client.readStream(stream))).at(-1)?.event;
    expect(result).toEqual({ success: true, nextExpectedRevision: 1n, position: last?.position });
    const wrong = await failureOf(client.appendToStream(stream, event(), { credentials, expectedRevision: 5n }));
    expect(wrong).toMatchObject({ constructor: WrongExpectedVersionError, actualVersion: 1n });
    const large = [event({ text: 'x'.repeat(maxAppendSize) })];
    const tooLarge = await failureOf(client.appendToStream(stream, large, { credentials }));
    expect(tooLarge).toMatchObject({ constructor: MaxAppendSizeExceededError, maxAppendSize: 1_048_576 });
    await client.tombstoneStream(stream);
    const deleted = await failureOf(client.appendToStream(stream, event(), { credentials }));
    expect(deleted).toBeInstanceOf(StreamDeletedError);
  });
});
