import {
  AccessDeniedError,
  DeadlineExceededError,
  END,
  EventStoreDBClient,
  NO_STREAM,
  START,
  StreamNotFoundError,
  TimeoutError,
  UnavailableError,
} from '@eventstore/db-client';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { StandIn } from './stand-in.js';
import { collect, contents, event, failureOf, freshStream, take, until } from './test-server.js';

/** "When things break" in design/eventstoredb-facts.md, and the rows of the other tables that need a fault. */
describe('when things break', () => {
  let standIn: StandIn;
  let client: EventStoreDBClient;
  beforeEach(async () => {
    standIn = await StandIn.start({ slowConsumer: { events: 32, ms: 100 } });
    client = EventStoreDBClient.connectionString(standIn.connectionString);
  });
  afterEach(async () => {
    await client.dispose();
    await standIn.close();
  });

  /** Notes whether a promise has settled, without waiting for it. */
  function watch(promise: Promise<unknown>): { settled: boolean } {
    const state = { settled: false };
    const settle = () => {
      state.settled = true;
    };
    promise.then(settle, settle);
    return state;
  }

  /** Resolves when the server has got the next append, however long that takes. */
  function nextAppend(): Promise<void> {
    standIn.faults.add({ kind: 'delay' });
    return until(() => standIn.faults.planned.length === 0);
  }

  test('server killed with appends in flight: `UnavailableError`, gRPC 14', async () => {
    await client.appendToStream('warm', event());
    standIn.faults.add({ kind: 'late-write', times: Number.POSITIVE_INFINITY });
    const appends = Array.from({ length: 20 }, (_, n) => failureOf(client.appendToStream(`s-${n}`, event())));
    await until(() => standIn.lateWrites.count === 20);
    await standIn.node.kill();
    for (const failure of await Promise.all(appends)) {
      expect(failure).toBeInstanceOf(UnavailableError);
      expect(failure.code).toBe(14);
      expect(failure.message).toContain('ECONNRESET');
    }
  });

  test('server down: a plain error of gRPC code 14, not `UnavailableError`; back: the client works again', async () => {
    await standIn.node.kill();
    const failure = await failureOf(client.appendToStream('s', event()));
    expect(failure).not.toBeInstanceOf(UnavailableError);
    expect(failure).toMatchObject({ code: 14 });
    expect(failure.message).toContain('No connection established');
    await standIn.node.start();
    await until(() =>
      client.appendToStream('s', event()).then(
        () => true,
        () => false,
      ),
    );
    expect((await contents(client.readStream('s'))).length).toBeGreaterThanOrEqual(1);
  });

  test('what was acknowledged before a kill is there after the restart', async () => {
    await client.appendToStream('s', [event({ n: 0 }), event({ n: 1 })]);
    await standIn.node.kill();
    await standIn.node.start();
    await until(() =>
      collect(client.readStream('s')).then(
        (all) => all.length === 2,
        () => false,
      ),
    );
  });

  test('server suspended: nothing is answered, a read hangs beyond its deadline, both go on after it', async () => {
    await client.appendToStream('s', event({ n: 0 }));
    standIn.node.suspend();
    const append = client.appendToStream('s', event({ n: 1 }), { expectedRevision: 0n, deadline: 60_000 });
    const read = contents(client.readStream('s', { deadline: 50 }));
    const watched = [watch(append), watch(read)];
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(watched).toEqual([{ settled: false }, { settled: false }]);
    expect(standIn.log.stream('s')).toHaveLength(1);
    standIn.node.resume();
    expect(await append).toMatchObject({ nextExpectedRevision: 1n });
    expect((await read)[0]).toEqual([0n, { n: 0 }]);
  });

  test('server suspended until the keep-alive expires: "Connection dropped"; the append is written later', async () => {
    const parameters = { keepAliveInterval: 100, keepAliveTimeout: 100 };
    const impatient = EventStoreDBClient.connectionString(standIn.connectionStringWith({ parameters }));
    await impatient.appendToStream('s', event(), { expectedRevision: NO_STREAM });
    standIn.node.suspend();
    const failure = await failureOf(impatient.appendToStream('s', event({ n: 'late' }), { expectedRevision: 0n }));
    expect(failure).toBeInstanceOf(UnavailableError);
    expect(failure.message).toContain('Connection dropped');
    expect(standIn.log.stream('s')).toHaveLength(1);
    standIn.node.resume();
    await until(() => standIn.log.stream('s').length === 2);
    await impatient.dispose();
  });

  test('new connections to a suspended server are taken and not answered', async () => {
    standIn.node.suspend();
    const append = client.appendToStream('s', event());
    const watched = watch(append);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(watched.settled).toBe(false);
    standIn.node.resume();
    expect(await append).toMatchObject({ success: true });
  });

  test('server killed while suspended: what it had received is gone', async () => {
    await client.appendToStream('s', event());
    standIn.node.suspend();
    const append = failureOf(client.appendToStream('s', event({ n: 'lost' })));
    await new Promise((resolve) => setTimeout(resolve, 50));
    await standIn.node.kill();
    expect(await append).toBeInstanceOf(UnavailableError);
    await standIn.node.start();
    await until(() =>
      client.appendToStream('other', event()).then(
        () => true,
        () => false,
      ),
    );
    expect(standIn.log.stream('s')).toHaveLength(1);
  });

  test('a late write that comes while the server is down is written when it is up again', async () => {
    await client.appendToStream('s', event());
    standIn.faults.add({ kind: 'late-write' });
    const append = failureOf(client.appendToStream('s', event({ n: 'late' })));
    await until(() => standIn.lateWrites.count === 1);
    await standIn.node.kill();
    expect(await append).toBeInstanceOf(UnavailableError);
    const released = standIn.lateWrites.release();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(standIn.log.stream('s')).toHaveLength(1);
    await standIn.node.start();
    await released;
    expect(standIn.log.stream('s')).toHaveLength(2);
  });

  test('election: `DeadlineExceededError` for appends sent meanwhile, and they are not written', async () => {
    await client.appendToStream('s', event());
    const [arrived, over] = [nextAppend(), standIn.elect({ ms: 600_000 })];
    const append = failureOf(client.appendToStream('s', event()));
    const read = failureOf(collect(client.readStream('s')));
    expect(await read).toBeInstanceOf(UnavailableError);
    await arrived;
    void standIn.elect({ ms: 1 });
    expect(await append).toBeInstanceOf(DeadlineExceededError);
    await over;
    expect(standIn.log.stream('s')).toHaveLength(1);
    expect(await client.appendToStream('s', event())).toMatchObject({ nextExpectedRevision: 1n });
  });

  test('an append may time out in an election and be written all the same', async () => {
    await client.appendToStream('s', event());
    const [arrived, over] = [nextAppend(), standIn.elect({ ms: 600_000, keepAppends: true })];
    const append = failureOf(client.appendToStream('s', event()));
    await arrived;
    void standIn.elect({ ms: 1 });
    expect(await append).toBeInstanceOf(DeadlineExceededError);
    await over;
    await until(() => standIn.log.stream('s').length === 2);
  });

  test('the deadline of an append is kept by the server; what is late may be written', async () => {
    standIn.faults.add({ kind: 'delay', ms: 60_000 });
    const failure = await failureOf(client.appendToStream('s', event(), { deadline: 100 }));
    expect(failure).toBeInstanceOf(DeadlineExceededError);
    expect(standIn.log.stream('s')).toHaveLength(1);
  });

  test('an append without an answer is written later, and is a repeat of itself then', async () => {
    standIn.faults.add({ kind: 'late-write' });
    const [sent, options] = [event({ n: 'late' }), { expectedRevision: NO_STREAM } as const];
    const watched = watch(client.appendToStream('s', sent, options));
    await until(() => standIn.lateWrites.count === 1);
    expect(await failureOf(collect(client.readStream('s')))).toBeInstanceOf(StreamNotFoundError);
    expect(await standIn.lateWrites.release()).toBe(1);
    expect(await contents(client.readStream('s'))).toEqual([[0n, { n: 'late' }]]);
    expect(await client.appendToStream('s', sent, options)).toMatchObject({ nextExpectedRevision: 0n });
    expect(standIn.log.stream('s')).toHaveLength(1);
    expect(watched.settled).toBe(false);
  });

  test('known ids in another order, expected "any": no answer at all', async () => {
    const [one, two] = [event(), event()];
    await client.appendToStream('s', [one, two]);
    const watched = watch(client.appendToStream('s', [two, one], { expectedRevision: 'any' }));
    await client.appendToStream('other', event());
    expect(watched.settled).toBe(false);
    expect(standIn.log.stream('s')).toHaveLength(2);
  });

  test('server killed under a subscription: `UnavailableError`, then nothing', async () => {
    await client.appendToStream('s', event());
    const subscription = client.subscribeToStream('s', { fromRevision: START });
    const seen: unknown[] = [];
    subscription.on('data', ({ event: one }) => seen.push(one?.data));
    const failed = new Promise<Error>((resolve) => subscription.once('error', resolve));
    await until(() => seen.length === 1);
    await standIn.node.kill();
    expect(await failed).toBeInstanceOf(UnavailableError);
    await standIn.node.start();
    await until(() =>
      client.appendToStream('s', event()).then(
        () => true,
        () => false,
      ),
    );
    await take(client.subscribeToStream('s'), 2);
    expect(seen).toHaveLength(1);
  });

  test('a consumer too slow for live events: `TimeoutError`, gRPC 10; on history nothing of the kind', async () => {
    const text = 'x'.repeat(20_000);
    const large = () => Array.from({ length: 40 }, () => event({ text }));
    await client.appendToStream('s', large());
    const subscription = client.subscribeToStream('s', { fromRevision: START });
    const failed = new Promise<Error & { code?: number }>((resolve) => subscription.once('error', resolve));
    await new Promise<void>((resolve) => subscription.once('confirmation', resolve));
    expect((await take(client.subscribeToStream('s'), 40)).at(-1)?.event?.revision).toBe(39n);
    // The client takes everything that is there, then stops taking.
    let taken = 0;
    subscription.on('data', () => {
      taken += 1;
      if (taken === 40) subscription.pause();
    });
    await until(() => taken === 40);
    for (let batch = 0; batch < 20; batch++) await client.appendToStream('s', large());
    await until(() => standIn.node.subscriptions === 0);
    // The status of a call comes behind the events that lie on the way: who never takes these never hears of it.
    subscription.resume();
    const failure = await failed;
    expect(taken).toBeLessThan(21 * 40);
    expect(failure).toBeInstanceOf(TimeoutError);
    expect(failure.code).toBe(10);
    expect(failure.message).toContain('Consumer too slow');
  });

  test('subscriptions can be cut off as too slow at will; subscribing again goes on', async () => {
    await client.appendToStream('s', event({ n: 0 }));
    const subscription = client.subscribeToStream('s', { fromRevision: START });
    const failed = new Promise<Error>((resolve) => subscription.once('error', resolve));
    await new Promise<void>((resolve) => subscription.once('data', () => resolve()));
    standIn.node.abortSubscriptions();
    expect(await failed).toBeInstanceOf(TimeoutError);
    await client.appendToStream('s', event({ n: 1 }));
    const [next] = await take(client.subscribeToStream('s', { fromRevision: 0n }), 1);
    expect(next?.event?.data).toEqual({ n: 1 });
  });

  test('a live subscription is told of a tombstone', async () => {
    const stream = freshStream();
    await client.appendToStream(stream, event());
    const subscription = client.subscribeToStream(stream, { fromRevision: END });
    const failed = new Promise<Error>((resolve) => subscription.once('error', resolve));
    subscription.on('data', () => {});
    await new Promise<void>((resolve) => subscription.once('confirmation', resolve));
    await client.tombstoneStream(stream);
    expect((await failed).constructor.name).toBe('StreamDeletedError');
    expect(await failed).not.toBeInstanceOf(AccessDeniedError);
  });
});
