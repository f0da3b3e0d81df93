import {
  END,
  EventStoreDBClient,
  NO_STREAM,
  type Position,
  START,
  STREAM_EXISTS,
  StreamNotFoundError,
  streamNameFilter,
  TimeoutError,
  WrongExpectedVersionError,
} from '@eventstore/db-client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { StandIn } from './stand-in.js';
import { collect, contents, event, failureOf, freshStream, take } from './test-server.js';

/** What the server's published source says and no observation contradicts: on the stand-in only. */
describe('rules that were not observed', () => {
  let standIn: StandIn;
  let client: EventStoreDBClient;
  beforeAll(async () => {
    standIn = await StandIn.start();
    client = EventStoreDBClient.connectionString(standIn.connectionString);
  });
  afterAll(async () => {
    await client.dispose();
    await standIn.close();
  });

  test('known ids, expected "any": the answer is that of the last, unless it lies before the first', async () => {
    const stream = freshStream();
    const [one, two, three] = [event(), event(), event()];
    const first = await client.appendToStream(stream, [one, two]);
    await client.appendToStream(stream, three);
    expect(await client.appendToStream(stream, [one, three, two])).toEqual(first);
    expect(await client.appendToStream(stream, [two, one, two])).toEqual(first);
    expect(await contents(client.readStream(stream))).toHaveLength(3);
  });

  test('a repeat of events that are hidden by now is a success without a position', async () => {
    const [deleted, truncated] = [freshStream(), freshStream()];
    const [one, two] = [event(), event()];
    for (const stream of [deleted, truncated]) await client.appendToStream(stream, [one, two]);
    await client.deleteStream(deleted);
    await client.setStreamMetadata(truncated, { truncateBefore: 1 });
    const options = { expectedRevision: NO_STREAM } as const;
    expect(await client.appendToStream(deleted, [one, two], options)).toMatchObject({
      nextExpectedRevision: 1n,
      position: undefined,
    });
    expect(await client.appendToStream(truncated, one, options)).toMatchObject({ position: undefined });
    expect(await client.appendToStream(truncated, [one, two], options)).not.toMatchObject({ position: undefined });
    expect(await failureOf(collect(client.readStream(deleted)))).toBeInstanceOf(StreamNotFoundError);
  });

  test('the settings of a recreated stream are written behind its new events', async () => {
    const stream = freshStream('recreated');
    await client.appendToStream(stream, event());
    await client.deleteStream(stream);
    await client.appendToStream(stream, event(), { expectedRevision: NO_STREAM });
    const filter = streamNameFilter({ prefixes: [stream, `$$${stream}`] });
    const seen = await take(client.subscribeToAll({ fromPosition: START, filter }), 4);
    expect(seen.map(({ event: one }) => [one?.streamId, one?.revision])).toEqual([
      [stream, 0n],
      [`$$${stream}`, 0n],
      [stream, 1n],
      [`$$${stream}`, 1n],
    ]);
    expect(await client.getStreamMetadata(stream)).toMatchObject({ metadata: { truncateBefore: 1 } });
  });

  test('new settings recreate a deleted stream, without its events', async () => {
    const stream = freshStream();
    await client.appendToStream(stream, [event(), event()]);
    await client.deleteStream(stream);
    await client.setStreamMetadata(stream, { maxCount: 10 });
    expect(await client.getStreamMetadata(stream)).toMatchObject({ metadata: { maxCount: 10, truncateBefore: 2 } });
    expect(await contents(client.readStream(stream))).toEqual([]);
    const again = await client.appendToStream(stream, event({ n: 2 }), { expectedRevision: 1n });
    expect(again.nextExpectedRevision).toBe(2n);
    expect(await contents(client.readStream(stream, { direction: 'backwards', fromRevision: END }))).toEqual([
      [2n, { n: 2 }],
    ]);
  });

  test('a stream that has settings and no event exists for those who expect one, and can be deleted', async () => {
    const [written, deleted, neither] = [freshStream(), freshStream(), freshStream()];
    for (const stream of [written, deleted]) await client.setStreamMetadata(stream, { maxCount: 10 });
    const options = { expectedRevision: STREAM_EXISTS } as const;
    expect(await client.appendToStream(written, event(), options)).toMatchObject({ nextExpectedRevision: 0n });
    await client.deleteStream(deleted);
    expect(await failureOf(client.deleteStream(neither))).toBeInstanceOf(WrongExpectedVersionError);
  });

  test('calls of their own are ended with ABORTED where there is no leader in time', async () => {
    const credentials = { username: 'admin', password: 'changeit' };
    const over = standIn.elect({ ms: 3_000 });
    const stream = freshStream();
    const failures = [
      failureOf(client.appendToStream(stream, event(), { credentials })),
      failureOf(client.deleteStream(stream)),
      failureOf(client.tombstoneStream(stream)),
    ];
    for (const failure of await Promise.all(failures)) {
      expect(failure).toMatchObject({ constructor: TimeoutError, code: 10 });
    }
    await over;
  });

  test('23.10 says when a subscription has caught up, also where there is nothing; checkpoints name both', async () => {
    const later = await StandIn.start({ version: '23.10' });
    const other = EventStoreDBClient.connectionString(later.connectionString);
    const stream = freshStream();
    const empty = other.subscribeToStream(stream);
    const idle = take(empty, 1);
    await new Promise((resolve) => empty.once('caughtUp', resolve as () => void));
    await other.appendToStream(
      stream,
      Array.from({ length: 40 }, () => event()),
    );
    expect(await idle).toHaveLength(1);
    const checkpoints: Position[] = [];
    const checkpointReached = (_: unknown, position: Position) => void checkpoints.push(position);
    const filter = streamNameFilter({ prefixes: [stream], checkpointInterval: 1, checkpointReached });
    const subscription = other.subscribeToAll({ fromPosition: START, filter });
    const signals: string[] = [];
    for (const signal of ['confirmation', 'caughtUp']) subscription.on(signal, () => signals.push(signal));
    let seen = 0;
    subscription.on('data', () => {
      seen += 1;
    });
    await new Promise((resolve) => subscription.once('caughtUp', resolve as () => void));
    expect([seen, ...signals]).toEqual([40, 'confirmation', 'caughtUp']);
    await subscription.unsubscribe();
    expect(checkpoints.every(({ commit, prepare }) => commit === prepare)).toBe(true);
    expect(checkpoints).not.toEqual([]);
    await other.dispose();
    await later.close();
  });
});
