import { accept, refuse } from '@florin/domain';
import {
  type EventStore,
  type EventStream,
  Ledger,
  type NewEvent,
  NO_EVENTS,
  type Revision,
  StoreUnavailable,
  type StreamAppend,
} from '@florin/event-store';
import {
  CommitOrder,
  CommitProtocol,
  type EsdbLike,
  partsOf,
  type RawEvent,
  type RawPage,
  type Surroundings,
} from '@florin/event-store/commit-protocol';
import { describe, expect, test } from 'vitest';
import { Random } from '../random.js';
import { Life } from '../scheduler.js';
import { pageOf, rawOf, SimulatedServer } from './server.js';

/** The protocol on a server that answers at once, with a list of what it was asked. */
function bench(change: (client: EsdbLike) => Partial<EsdbLike> = () => ({}), server = new SimulatedServer()) {
  const calls: string[] = [];
  const plain: EsdbLike = {
    append: async (stream, expected, events) => {
      calls.push(`append ${stream}`);
      return server.append(stream, expected, events);
    },
    readStream: async (stream, options) => {
      calls.push(`read ${stream}${options.requiresLeader ? '' : ' anywhere'}`);
      return pageOf(server.eventsOf(stream).map(rawOf), options);
    },
    readAllBackward: async () => [],
    // biome-ignore lint/correctness/useYield: nobody subscribes here
    subscribe: async function* () {
      throw new Error('nobody subscribes here');
    },
  };
  const { unit: random, uuid: newId } = new Random(1);
  const stopped = new AbortController().signal;
  const clock = new Life();
  const client = { ...plain, ...change(plain) };
  const surroundings: Surroundings = { client, clock, random, newId, stopped, leaseMs: 1_000 };
  const options = { commitTimeoutMs: 1_000, commitsMax: 10, onDamage: () => {} };
  const protocol = new CommitProtocol(
    surroundings,
    partsOf(surroundings, () => false),
    options,
  );
  const unused = (): never => {
    throw new Error('a ledger commits and reads streams');
  };
  const store: EventStore = {
    commit: (unit) => protocol.commit(unit, 1),
    readStream: (stream, how) => protocol.readStream(stream, how),
    readAll: unused,
    subscribe: unused,
    lastPosition: unused,
    close: unused,
  };
  return { server, store, surroundings, clock, calls, asked: () => calls.splice(0) };
}

const paid = (amount: number): NewEvent => ({ type: 'Paid', version: 1, data: { amount } });
const account: EventStream<number, number> = {
  name: 'test.reserve-R',
  initial: () => 0,
  evolve: (balance, amount) => balance + amount,
  decode: ({ data }) => data.amount as number,
};

const pay = (ledger: Ledger, amount: number) =>
  ledger.transact([account.name], async (tx) => {
    const balance = await tx.load(account);
    if (balance + amount < 0) return refuse(balance);
    tx.append({ stream: account.name, events: [paid(amount)] });
    return accept(balance + amount);
  });

describe('what a command costs', () => {
  test('accepted on one stream with its state cached: one append and no read', async () => {
    const { store, asked } = bench();
    const ledger = new Ledger(store);
    await pay(ledger, 5);
    asked();
    for (const amount of [1, -2, 3]) {
      await pay(ledger, amount);
      expect(asked()).toEqual(['append test.reserve-R']);
    }
  });

  test('refused: the tail is read from the leader first', async () => {
    const { store, asked } = bench();
    const ledger = new Ledger(store);
    await pay(ledger, 5);
    asked();
    expect(await pay(ledger, -6)).toMatchObject({ kind: 'refuse' });
    expect(asked()).toEqual(['read test.reserve-R']);
  });

  test('on several streams: one append for each', async () => {
    const { store, asked } = bench();
    const streams = ['test.coin-A', 'test.coin-B', 'test.reserve-R'];
    await store.commit(streams.map((stream): StreamAppend => ({ stream, expected: NO_EVENTS, events: [paid(1)] })));
    expect(asked()).toEqual(streams.map((stream) => `append ${stream}`));
  });

  test('reading a stream looks at one slot at most, however many units it was in', async () => {
    const { store, server, asked } = bench();
    let expected: Revision | typeof NO_EVENTS = NO_EVENTS;
    for (let i = 0; i < 20; i++) {
      const { revisions } = await store.commit([
        { stream: 'test.account-A', expected, events: [paid(i)] },
        { stream: `test.reserve-${i}`, expected: NO_EVENTS, events: [paid(i)] },
      ]);
      expected = revisions.get('test.account-A') as Revision;
    }
    const fresh = bench((client) => ({
      readStream: (stream, options) => {
        void client.readStream(stream, options);
        return Promise.resolve(pageOf(server.eventsOf(stream).map(rawOf), options));
      },
    }));
    asked();
    const page = await fresh.store.readStream('test.account-A');
    expect(page.events.map(({ data }) => data.amount)).toEqual([...Array(20).keys()]);
    expect(page.revision).toBe(expected);
    expect(fresh.asked()).toEqual(['read test.account-A', 'read test.reserve-19']);
  });
});

describe('what a server may do', () => {
  test('count an event against a void marker and lose it with its leader: the slot is asked for again', async () => {
    const { store, server, clock } = bench((client) => ({
      append: async (stream, expected, events) => {
        const isFirstMarker = events[0]?.type === 'void-marker' && !lost;
        lost ||= isFirstMarker;
        return isFirstMarker ? { kind: 'wrong', actual: expected + 1n } : client.append(stream, expected, events);
      },
    }));
    let lost = false;
    await store.commit([{ stream: 'test.coin-B', expected: NO_EVENTS, events: [paid(1)] }]);
    const streams = ['test.coin-A', 'test.coin-B', 'test.reserve-R'];
    const unit = streams.map((stream): StreamAppend => ({ stream, expected: NO_EVENTS, events: [paid(1)] }));
    const outcome = store.commit(unit).catch((error: unknown) => error);
    while (!server.at('test.reserve-R', 0n)) {
      if (lost) clock.tick();
      await new Promise(setImmediate);
    }
    expect(await outcome).toMatchObject({ name: 'RevisionConflict', stream: 'test.coin-B' });
    expect(server.eventsOf('test.reserve-R').map(({ type }) => type)).toEqual(['void-marker']);
  });
});

describe('what counts of a tentative append is what its commit point names', () => {
  type Members = [string, number, number, string][];
  type Names = { unit: string; members: Members };
  const OTHERS: Readonly<Record<string, (names: Names) => void>> = {
    unit: (names) => Object.assign(names, { unit: 'another' }),
    stream: ({ members: [member] }) => member?.splice(0, 1, 'test.coin-C'),
    revision: ({ members: [member] }) => member?.splice(1, 1, 1),
    count: ({ members: [member] }) => member?.splice(2, 1, 2),
    hash: ({ members: [member] }) => member?.splice(3, 1, 'another'),
  };

  async function readMember(change: (names: Names) => void) {
    const { store, server } = bench();
    const streams = ['test.coin-A', 'test.reserve-R'];
    await store.commit(streams.map((stream): StreamAppend => ({ stream, expected: NO_EVENTS, events: [paid(1)] })));
    const { store: reader } = bench(() => ({
      readStream: async (stream, options) => {
        const events = server.eventsOf(stream).map((kept) => {
          const metadata = JSON.parse(kept.metadata) as Names;
          if (stream === 'test.reserve-R') change(metadata);
          return { ...rawOf(kept), metadata };
        });
        return pageOf(events, options);
      },
    }));
    return (await reader.readStream('test.coin-A')).events.length;
  }

  test('as it was written', async () => {
    expect(await readMember(() => undefined)).toBe(1);
  });

  for (const [what, change] of Object.entries(OTHERS)) {
    test(`another ${what} makes it void`, async () => {
      expect(await readMember(change)).toBe(0);
    });
  }
});

test('where a stream ends says nothing to whoever rests on an older state of it', async () => {
  const one = bench();
  const other = bench(undefined, one.server);
  const stream = 'test.coin-A';
  const alone = (expected: StreamAppend['expected']): StreamAppend[] => [{ stream, expected, events: [paid(1)] }];
  const { revisions } = await one.store.commit(alone(NO_EVENTS));
  const old = revisions.get(stream) as Revision;
  await other.store.commit(alone(old));
  const now = (await other.store.readStream(stream)).revision as Revision;
  const blocked = { stream: 'test.coin-B', expected: old, events: [paid(1)] };
  const decision: StreamAppend = { stream: 'test.reserve-R', expected: NO_EVENTS, events: [paid(1)] };
  await expect(other.store.commit([...alone(now), blocked, decision])).rejects.toThrow('test.coin-B');
  expect(await one.store.readStream(stream)).toMatchObject({ revision: now });
  expect(one.server.eventsOf(stream)).toHaveLength(3);
  await expect(one.store.commit(alone(old))).rejects.toMatchObject({ name: 'RevisionConflict' });
  await one.store.commit(alone(now));
  expect((await one.store.readStream(stream)).events).toHaveLength(3);
});

describe('who begins behind a member and before its commit point', () => {
  const names = (events: readonly { readonly stream: string; readonly number: number }[] = []) =>
    events.map(({ stream, number }) => `${number}@${stream}`);

  /** The events of the decision stream, and a reader who has seen nothing before them. */
  async function reader(change: (page: RawPage, read: number) => RawPage) {
    const { server, store } = bench();
    await store.commit([
      { stream: 'test.coin-A', expected: NO_EVENTS, events: [paid(1), paid(2)] },
      { stream: 'test.reserve-R', expected: NO_EVENTS, events: [paid(3), paid(4)] },
    ]);
    let reads = 0;
    const { surroundings } = bench(() => ({
      readStream: async (stream, options) => {
        reads += 1;
        return change(pageOf(server.eventsOf(stream).map(rawOf), options), reads);
      },
    }));
    return { order: new CommitOrder(surroundings, 0), decision: server.eventsOf('test.reserve-R').map(rawOf) };
  }

  test('fetches it, in as many pages as it takes, and again after a read that broke off', async () => {
    const { order, decision } = await reader((page, read) => {
      if (read === 2) throw new StoreUnavailable('the connection broke');
      return { ...page, events: page.events.slice(0, 1), ended: false };
    });
    const [first, last] = decision as [RawEvent, RawEvent];
    expect(await order.take(first)).toBeUndefined();
    await expect(order.take(last)).rejects.toThrow(StoreUnavailable);
    const unit = await order.take(last);
    expect(names(unit?.events)).toEqual(['0@test.coin-A', '1@test.coin-A', '0@test.reserve-R', '1@test.reserve-R']);
    expect(unit?.events.map(({ index }) => index)).toEqual([0, 1, 2, 3]);
  });

  test('takes no other event for it', async () => {
    const { order, decision } = await reader((page) => ({
      ...page,
      events: page.events.map((event) => ({ ...event, data: { amount: 5 } })),
    }));
    const [first, last] = decision as [RawEvent, RawEvent];
    await order.take(first);
    await expect(order.take(last)).rejects.toThrow('event 0 of test.coin-A is not what was committed');
  });
});

describe('what the server must not do', () => {
  const unit = ['test.coin-A', 'test.coin-B', 'test.reserve-R'].map(
    (stream): StreamAppend => ({ stream, expected: NO_EVENTS, events: [paid(1)] }),
  );

  for (const stream of ['test.coin-A', 'test.coin-B']) {
    test(`acknowledge ${stream} at another place than expected: the slot is voided`, async () => {
      const { store, server } = bench((client) => ({
        append: async (name, expected, events) => {
          const answer = await client.append(name, expected, events);
          return name === stream && answer.kind === 'written' ? { ...answer, next: answer.next + 7n } : answer;
        },
      }));
      await expect(store.commit(unit)).rejects.toMatchObject({ name: 'DamagedStore' });
      expect(server.eventsOf('test.reserve-R').map(({ type }) => type)).toEqual(['void-marker']);
      expect((await store.readStream('test.coin-A')).events).toEqual([]);
    });
  }

  test('go on with another revision than the next one', async () => {
    const { store } = bench((client) => ({
      readStream: async (stream, options) => {
        const page = await client.readStream(stream, options);
        return { ...page, events: page.events.slice(1) };
      },
    }));
    const first = await store.commit([{ stream: account.name, expected: NO_EVENTS, events: [paid(1)] }]);
    const expected = first.revisions.get(account.name) as Revision;
    await store.commit([{ stream: account.name, expected, events: [paid(2)] }]);
    await expect(store.readStream(account.name)).rejects.toMatchObject({ name: 'DamagedStore' });
  });

  test('refuse an append as too large after a member was written: the slot is voided', async () => {
    const { store, server } = bench((client) => ({
      append: async (stream, expected, events) =>
        stream === 'test.coin-B' ? { kind: 'too-large' } : client.append(stream, expected, events),
    }));
    await expect(store.commit(unit)).rejects.toMatchObject({ name: 'InvalidUnit', tooLarge: true });
    expect(server.eventsOf('test.reserve-R').map(({ type }) => type)).toEqual(['void-marker']);
  });
});
