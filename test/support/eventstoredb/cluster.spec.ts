import { END, EventStoreDBClient, NO_STREAM, NotLeaderError, UnavailableError } from '@eventstore/db-client';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { StandIn } from './stand-in.js';
import { collect, contents, event, failureOf, take, until } from './test-server.js';

/** A leader, two followers, one log: what the facts say of followers and elections. */
describe('a cluster of three', () => {
  let standIn: StandIn;
  const clients: EventStoreDBClient[] = [];
  beforeEach(async () => {
    standIn = await StandIn.start({ nodes: 3, electionMs: 100, followerLag: { probability: 0, ms: 0 } });
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) await client.dispose();
    await standIn.close();
  });

  function connect(options: Parameters<StandIn['connectionStringWith']>[0] = {}): EventStoreDBClient {
    const client = EventStoreDBClient.connectionString(standIn.connectionStringWith(options));
    clients.push(client);
    return client;
  }

  /** Reads until it can: between leaders there are errors. */
  const eventually = async <T>(action: () => Promise<T>): Promise<T> => {
    let result: { value: T } | undefined;
    await until(() =>
      action().then(
        (value) => {
          result = { value };
          return true;
        },
        () => false,
      ),
    );
    if (result === undefined) throw new Error('no result');
    return result.value;
  };

  test('a client with all hosts finds the leader, or a follower where it prefers one', async () => {
    const leader = connect({ nodePreference: 'leader' });
    await leader.appendToStream('s', event({ n: 0 }), { requiresLeader: true });
    expect(await contents(leader.readStream('s', { requiresLeader: true }))).toHaveLength(1);
    const follower = connect({ nodePreference: 'follower' });
    for (const { replica } of standIn.followers) replica.hold();
    await leader.appendToStream('s', event({ n: 1 }));
    expect(await contents(follower.readStream('s'))).toEqual([[0n, { n: 0 }]]);
    expect(await contents(leader.readStream('s'))).toHaveLength(2);
    for (const { replica } of standIn.followers) replica.release();
    expect(await contents(follower.readStream('s'))).toHaveLength(2);
  });

  test('`esdb+discover` works through any one node', async () => {
    const [follower] = standIn.followers;
    const discovering = `esdb+discover://127.0.0.1:${follower?.port}?tls=false&nodePreference=leader`;
    const client = EventStoreDBClient.connectionString(discovering);
    clients.push(client);
    await client.appendToStream('s', event(), { requiresLeader: true });
    expect(await contents(client.readStream('s', { requiresLeader: true }))).toHaveLength(1);
  });

  test('an append to a follower is forwarded to the leader', async () => {
    const follower = connect({ node: 1 });
    await follower.appendToStream('s', event({ n: 0 }), { expectedRevision: NO_STREAM });
    expect(standIn.log.stream('s')).toHaveLength(1);
    expect(await failureOf(follower.appendToStream('s', event(), { expectedRevision: NO_STREAM }))).toMatchObject({
      actualVersion: 0n,
    });
  });

  test('with some lag, a read on a follower misses acknowledged appends; on the leader never', async () => {
    await standIn.close();
    standIn = await StandIn.start({ nodes: 3, followerLag: { probability: 0.2, ms: 5_000 }, seed: 3 });
    const client = connect({ node: 1 });
    let missing = 0;
    for (let n = 0; n < 50; n++) {
      await client.appendToStream(`s-${n}`, event());
      missing += await collect(client.readStream(`s-${n}`)).then(
        () => 0,
        () => 1,
      );
    }
    expect(missing).toBeGreaterThan(0);
    const leader = connect({ node: 0 });
    for (let n = 0; n < 50; n++) expect(await contents(leader.readStream(`s-${n}`))).toHaveLength(1);
  });

  test('a follower decides nothing by what it has: an append at a revision it has not seen succeeds', async () => {
    const follower = connect({ node: 2 });
    for (const { replica } of standIn.followers) replica.hold();
    await follower.appendToStream('s', event(), { expectedRevision: NO_STREAM });
    expect(await follower.appendToStream('s', event(), { expectedRevision: 0n })).toMatchObject({
      nextExpectedRevision: 1n,
    });
  });

  test('a read that requires the leader, on a follower: `NotLeaderError`, gRPC 5, naming the leader', async () => {
    const follower = connect({ node: 1 });
    const failure = await failureOf(collect(follower.readStream('s', { requiresLeader: true })));
    const leader = { address: standIn.leader?.host, port: standIn.leader?.port };
    expect(failure).toMatchObject({ constructor: NotLeaderError, code: 5, leader });
    // The client has gone to the leader by itself.
    await follower.appendToStream('s', event(), { requiresLeader: true });
    expect(await contents(follower.readStream('s', { requiresLeader: true }))).toHaveLength(1);
  });

  test('an append that requires the leader, on a follower: `NotLeaderError`, nothing written', async () => {
    const follower = connect({ node: 2 });
    const failure = await failureOf(follower.appendToStream('s', event(), { requiresLeader: true }));
    expect(failure).toBeInstanceOf(NotLeaderError);
    expect(standIn.log.stream('s')).toHaveLength(0);
  });

  test('the leader is killed: another one leads, nothing acknowledged is lost, the client finds it', async () => {
    const client = connect();
    const old = standIn.leader;
    await client.appendToStream('s', [event({ n: 0 }), event({ n: 1 })]);
    await old?.kill();
    await until(() => standIn.leader !== undefined && standIn.leader !== old);
    const read = () => contents(client.readStream('s', { requiresLeader: true }));
    expect(await eventually(read)).toEqual([
      [0n, { n: 0 }],
      [1n, { n: 1 }],
    ]);
    await client.appendToStream('s', event({ n: 2 }), { expectedRevision: 1n });
    await old?.start();
    const returned = connect({ node: old?.index ?? -1 });
    expect(await contents(returned.readStream('s'))).toHaveLength(3);
  });

  test('under writers: each acknowledged append is there once, and there is service again', async () => {
    const client = connect();
    const acknowledged = new Map<string, bigint>();
    let stopped = false;
    const writer = async (stream: string) => {
      for (let n = 0; !stopped; n++) {
        const outcome = await client.appendToStream(stream, event({ n }), { deadline: 1_000 }).catch(() => undefined);
        if (outcome !== undefined) acknowledged.set(`${stream} ${n}`, outcome.nextExpectedRevision);
        else await new Promise((resolve) => setTimeout(resolve, 20));
      }
    };
    const writers = Array.from({ length: 8 }, (_, n) => writer(`w-${n}`));
    await until(() => acknowledged.size > 50);
    await standIn.leader?.kill();
    const before = acknowledged.size;
    await until(() => acknowledged.size > before + 50);
    stopped = true;
    await Promise.all(writers);
    for (const [key, revision] of acknowledged) {
      const [stream = '', n] = key.split(' ');
      const stored = standIn.log.stream(stream)[Number(revision)];
      expect(JSON.parse(Buffer.from(stored?.data ?? []).toString('utf8'))).toEqual({ n: Number(n) });
    }
  });

  test('the leader is suspended: another one leads; what the old one had is written when it resumes', async () => {
    const old = standIn.leader;
    const stuck = connect({ node: old?.index ?? -1 });
    await stuck.appendToStream('s', event({ n: 0 }));
    old?.suspend();
    const late = stuck.appendToStream('s', event({ n: 'late' }), { expectedRevision: 0n });
    await until(() => standIn.leader !== undefined && standIn.leader !== old);
    expect(standIn.log.stream('s')).toHaveLength(1);
    old?.resume();
    expect(await late).toMatchObject({ nextExpectedRevision: 1n });
    expect(await contents(stuck.readStream('s'))).toHaveLength(2);
  });

  test('two of three down: no leader, appends time out; one back: service again', async () => {
    const client = connect({ node: 0 });
    await client.appendToStream('s', event());
    const [one, other] = standIn.followers;
    await one?.kill();
    await other?.kill();
    const election = standIn.elect({ ms: 10 });
    const append = failureOf(client.appendToStream('s', event(), { deadline: 200 }));
    expect((await append).constructor.name).toBe('DeadlineExceededError');
    expect(await failureOf(collect(client.readStream('s')))).toBeInstanceOf(UnavailableError);
    await other?.start();
    await election;
    await eventually(() => client.appendToStream('s', event()));
    expect(standIn.log.stream('s')).toHaveLength(2);
  });

  test('leadership can be moved to a certain node; every new leader is noted in the log', async () => {
    await standIn.elect({ ms: 1, to: 2 });
    expect(standIn.leader?.index).toBe(2);
    await standIn.elect({ ms: 1 });
    expect(standIn.leader?.index).toBe(0);
    expect(standIn.log.stream('$epoch-information')).toHaveLength(3);
  });

  test('a subscription on a follower gets what is written at the leader, in order, however late', async () => {
    await standIn.close();
    standIn = await StandIn.start({ nodes: 3, followerLag: { probability: 0.5, ms: 10 } });
    const [follower, leader] = [connect({ node: 1 }), connect({ node: 0 })];
    const subscription = follower.subscribeToStream('s', { fromRevision: END });
    const taken = take(subscription, 30);
    await new Promise<void>((resolve) => subscription.once('confirmation', resolve));
    for (let n = 0; n < 30; n++) await leader.appendToStream('s', event({ n }));
    expect((await taken).map(({ event: one }) => one?.revision)).toEqual(
      Array.from({ length: 30 }, (_, n) => BigInt(n)),
    );
  });
});
