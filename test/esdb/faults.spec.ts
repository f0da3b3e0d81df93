import { type EsdbStoreOptions, NO_EVENTS, type Revision, START, StoreUnavailable } from '@florin/event-store';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { StandIn, type StandInOptions } from '../support/eventstoredb/stand-in.js';
import { until } from '../support/eventstoredb/test-server.js';
import { all, Following, type Ledger, noted, openLedger, SHORT, unitOn, writersOf } from './tools.js';

let standIn: StandIn;
/** It soon gives up waiting for an answer; those who look afterwards what became of it do not. */
let ledger: Ledger;
const others: Ledger[] = [];

async function begin(options: StandInOptions = {}): Promise<void> {
  standIn = await StandIn.start(options);
  ledger = await openLedger(standIn.connectionString, SHORT);
}

async function end(): Promise<void> {
  standIn.faults.clear();
  for (const { store } of [ledger, ...others.splice(0)]) await store.close();
  await standIn.close();
}

/** Another process, as far as the server can tell. */
async function another(times: Partial<EsdbStoreOptions> = {}): Promise<Ledger> {
  const other = await openLedger(standIn.connectionString, { instance: ledger.instance, ...times });
  others.push(other);
  return other;
}

const names = (count: number, prefix = 'coin-'): string[] =>
  Array.from({ length: count }, (_, i) => ledger.stream(`${prefix}${i}`));

describe('an append whose answer is lost', () => {
  beforeEach(() => begin());
  afterEach(end);

  for (const kind of ['lost-reply', 'lost-request', 'late-write', 'drop', 'duplicate'] as const) {
    test(`(${kind}) is settled before anything is answered: one stream`, async () => {
      const stream = ledger.stream('reserve-R');
      standIn.faults.add({ kind, stream });
      const first = await ledger.store.commit([noted(stream, NO_EVENTS, 'first')]);
      await standIn.lateWrites.release();
      await ledger.store.commit([noted(stream, first.revisions.get(stream) as Revision, 'second')]);
      await standIn.lateWrites.release();
      expect(await writersOf((await another()).store, stream)).toEqual(['first', 'second']);
    });

    for (const place of ['coin-0', 'coin-1', 'reserve-R']) {
      test(`(${kind}) is settled before anything is answered: ${place} of a unit`, async () => {
        const streams = [...names(2), ledger.stream('reserve-R')];
        standIn.faults.add({ kind, stream: ledger.stream(place) });
        const committed = await ledger.store.commit(unitOn(streams, 'unit'));
        await standIn.lateWrites.release();
        for (const stream of streams) expect(await writersOf((await another()).store, stream)).toEqual(['unit']);
        expect((await all(ledger.store.readAll(START))).map(({ position }) => position)).toEqual([committed.position]);
      });
    }
  }

  test('and comes too late is answered with StoreUnavailable, settled afterwards, never written twice', async () => {
    const impatient = await another({ ...SHORT, commitTimeoutMs: 50 });
    const stream = ledger.stream('reserve-R');
    standIn.faults.add({ kind: 'drop', stream });
    await expect(impatient.store.commit([noted(stream, NO_EVENTS, 'late')])).rejects.toBeInstanceOf(StoreUnavailable);
    const { store } = await another();
    await until(async () => (await writersOf(store, stream)).length > 0);
    expect(await writersOf(store, stream)).toEqual(['late']);
  });

  test('of a unit that was given up leaves nothing', async () => {
    const impatient = await another({ ...SHORT, commitTimeoutMs: 50 });
    const streams = [...names(2), ledger.stream('reserve-R')];
    standIn.faults.add({ kind: 'drop', stream: streams[1] ?? '' });
    await expect(impatient.store.commit(unitOn(streams, 'given up'))).rejects.toBeInstanceOf(StoreUnavailable);
    await ledger.store.commit(unitOn(streams, 'next'));
    const { store } = await another();
    for (const stream of streams) expect(await writersOf(store, stream)).toEqual(['next']);
  });

  test('that arrives when its slot is long filled against it stays void, for everybody', async () => {
    const [coin = '', reserve] = [names(1)[0], ledger.stream('reserve-R')];
    const impatient = await another({ ...SHORT, commitTimeoutMs: 50 });
    standIn.faults.add({ kind: 'late-write', stream: coin, times: Number.POSITIVE_INFINITY });
    await expect(impatient.store.commit(unitOn([coin, reserve], 'late'))).rejects.toBeInstanceOf(StoreUnavailable);
    const slotFilled = async (): Promise<boolean> => standIn.log.stream(reserve).length > 0;
    await until(slotFilled);
    standIn.faults.clear();
    await standIn.lateWrites.release();
    expect(standIn.log.stream(coin).length).toBeGreaterThan(0);
    for (const { store } of [ledger, impatient, await another()]) {
      expect(await writersOf(store, coin)).toEqual([]);
      expect(await all(store.readAll(START))).toEqual([]);
    }
    await ledger.store.commit(unitOn([coin, reserve], 'next'));
    expect(await writersOf(ledger.store, coin)).toEqual(['next']);
  });
});

describe('connections', () => {
  beforeEach(() => begin());
  afterEach(end);

  /** So many units of three streams, at once, while `harm` is done; each of them is there exactly once afterwards. */
  async function commitsWhile(harm: () => Promise<void>): Promise<void> {
    const following = new Following(ledger.store, START);
    const commits = Array.from({ length: 40 }, (_, i) => {
      const streams = ['a', 'b'].map((coin) => ledger.stream(`coin-${i}${coin}`));
      return ledger.store.commit(unitOn([...streams, ledger.stream(`reserve-${i}`)], `unit ${i}`));
    });
    await harm();
    const committed = await Promise.all(commits);
    const positions = committed.map(({ position }) => position).sort((a, b) => (a < b ? -1 : 1));
    const other = await another();
    expect((await all(other.store.readAll(START))).map(({ position }) => position)).toEqual(positions);
    await until(() => following.units.length >= positions.length);
    expect(following.units.map(({ position }) => position)).toEqual(positions);
    expect(following.units.flatMap(({ events }) => events.map(({ index }) => index))).toEqual([...Array(120).keys()]);
    await following.stop();
  }

  test('that are reset cost nothing', () => commitsWhile(async () => standIn.node.reset()));

  test('to a server that is killed and comes back cost nothing', () =>
    commitsWhile(async () => {
      await standIn.node.kill();
      await standIn.node.start();
    }));

  test('to a server that is suspended for a while cost nothing', () =>
    commitsWhile(async () => {
      standIn.node.suspend();
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      standIn.node.resume();
    }));

  test('that nothing ever comes over are given up, and service goes on by itself', async () => {
    const stream = ledger.stream('reserve-R');
    standIn.node.suspend();
    const reading = ledger.store.readStream(stream);
    await expect(reading).rejects.toBeInstanceOf(StoreUnavailable);
    standIn.node.resume();
    await ledger.store.commit([noted(stream, NO_EVENTS, 'after')]);
    expect(await writersOf((await another()).store, stream)).toEqual(['after']);
  });

  test('that break in the middle of a read never make half a stream look whole', async () => {
    const stream = ledger.stream('reserve-R');
    let expected: Revision | typeof NO_EVENTS = NO_EVENTS;
    for (let i = 0; i < 10; i++) {
      expected = (await ledger.store.commit([noted(stream, expected, `${i}`)])).revisions.get(stream) as Revision;
    }
    for (const after of [0, 1, 5, 9]) {
      standIn.faults.add({ kind: 'cut-read', stream, after });
      await expect(ledger.store.readStream(stream)).rejects.toBeInstanceOf(StoreUnavailable);
    }
    standIn.faults.add({ kind: 'hang-read', stream });
    await expect(ledger.store.readStream(stream)).rejects.toBeInstanceOf(StoreUnavailable);
    expect(await writersOf(ledger.store, stream)).toEqual([...Array(10).keys()].map(String));
  });
});

describe('subscriptions', () => {
  afterEach(end);

  async function fill(from: number, count: number): Promise<void> {
    for (let i = from; i < from + count; i++) {
      await ledger.store.commit(unitOn([ledger.stream(`coin-${i}`), ledger.stream(`reserve-${i}`)], `${i}`));
    }
  }

  test('that the server aborts go on where they were', async () => {
    await begin();
    const following = new Following(ledger.store, START);
    for (const round of [0, 1, 2]) {
      await fill(10 * round, 10);
      standIn.node.abortSubscriptions();
    }
    await fill(30, 10);
    await until(() => following.units.length >= 40);
    await following.stop();
    expect(following.units).toEqual(await all(ledger.store.readAll(START)));
  });

  test('of a consumer that is too slow miss nothing and repeat nothing', async () => {
    await begin({ slowConsumer: { events: 4, ms: 20 } });
    const following = new Following(ledger.store, START, 10);
    await fill(0, 60);
    await until(() => following.units.length >= 60);
    await following.stop();
    expect(following.units).toEqual(await all(ledger.store.readAll(START)));
  });
});

describe('a cluster', () => {
  beforeEach(() => begin({ nodes: 3, electionMs: 300 }));
  afterEach(end);

  test('that elects another leader keeps requests waiting and loses nothing', async () => {
    const following = new Following(ledger.store, START);
    const electing = standIn.elect({ keepAppends: true });
    const commits = Array.from({ length: 20 }, (_, i) =>
      ledger.store.commit(unitOn([ledger.stream(`coin-${i}`), ledger.stream(`reserve-${i}`)], `${i}`)),
    );
    await electing;
    const positions = (await Promise.all(commits)).map(({ position }) => position).sort((a, b) => (a < b ? -1 : 1));
    expect((await all(ledger.store.readAll(START))).map(({ position }) => position)).toEqual(positions);
    await until(() => following.units.length >= positions.length);
    await following.stop();
    expect(following.units.map(({ position }) => position)).toEqual(positions);
  });

  test('whose leader is killed goes on with another one by itself', async () => {
    const following = new Following(ledger.store, START);
    const commit = (i: number) =>
      ledger.store.commit(unitOn([ledger.stream(`coin-${i}`), ledger.stream(`reserve-${i}`)], `${i}`));
    await commit(0);
    const commits = Array.from({ length: 20 }, (_, i) => commit(i + 1));
    await standIn.leader?.kill();
    await Promise.all(commits);
    await until(() => following.units.length >= 21);
    await following.stop();
    expect(following.units).toEqual(await all((await another()).store.readAll(START)));
  });

  test('of which only a follower is named is served by its leader', async () => {
    for (const { index } of standIn.followers) {
      const connectionString = standIn.connectionStringWith({ node: index });
      const { store, stream } = await openLedger(connectionString);
      const { position } = await store.commit(unitOn([stream('coin-A'), stream('reserve-R')], 'us'));
      expect(await store.lastPosition()).toBe(position);
      await store.close();
    }
  });

  test('whose followers lag behind is read from its leader', async () => {
    for (const { replica } of standIn.followers) replica.hold();
    const stream = ledger.stream('reserve-R');
    let expected: Revision | typeof NO_EVENTS = NO_EVENTS;
    for (let i = 0; i < 5; i++) {
      expected = (await ledger.store.commit([noted(stream, expected, `${i}`)])).revisions.get(stream) as Revision;
      expect((await ledger.store.readStream(stream)).events).toHaveLength(i + 1);
    }
    for (const { replica } of standIn.followers) replica.release();
  });
});

describe('a cluster that was silent for a while', () => {
  beforeEach(() => begin({ nodes: 3 }));
  afterEach(end);

  test('leaves no promise behind that nobody looks at', async () => {
    const unlooked: unknown[] = [];
    const note = (error: unknown): number => unlooked.push(error);
    process.on('unhandledRejection', note);
    onTestFinished(() => void process.off('unhandledRejection', note));
    const impatient = await another({ callTimeoutMs: 500, commitTimeoutMs: 2_500 });
    for (const node of standIn.nodes) node.suspend();
    const put = names(4, 'reserve-').map((stream) => impatient.store.commit([noted(stream, NO_EVENTS, 'put off')]));
    for (const { status } of await Promise.allSettled(put)) expect(status).toBe('rejected');
    for (const node of standIn.nodes) node.resume();
    for (const stream of names(4, 'reserve-')) {
      await until(async () => (await writersOf(ledger.store, stream).catch(() => [])).length > 0);
    }
    expect(unlooked).toEqual([]);
  });
});
