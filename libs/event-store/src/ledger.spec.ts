import { accept, refuse, repeat } from '@florin/domain';
import { describe, expect, test } from 'vitest';
import { Ledger, MemoryStore, type NewEvent, NO_EVENTS, START, StoreUnavailable, type StreamAppend } from './index.js';
import type { EventStore, Position, ReadStream } from './port.js';
import type { EventStream } from './state-cache.js';

interface Account {
  balance: number;
  seen: number[];
}

type AccountEvent = { type: 'Paid'; amount: number };

/** An account whose fold changes its state in place, as the domain's do. */
function account(key: string): EventStream<Account, AccountEvent> {
  return { name: `test.reserve-${key}`, ...fold };
}

const fold = {
  initial: (): Account => ({ balance: 0, seen: [] }),
  evolve: (state: Account, event: AccountEvent): Account => {
    state.balance += event.amount;
    if (state.balance < 0) throw new Error('overdrawn');
    state.seen.push(event.amount);
    return state;
  },
  decode: ({ type, data }: NewEvent): AccountEvent => ({ type, ...data }) as AccountEvent,
};

const paid = (amount: number): NewEvent => ({ type: 'Paid', version: 1, data: { amount } });

/** A store in memory that counts, and does before a commit what a test wants done. */
class WatchedStore implements EventStore {
  reads: { stream: string; fromNumber: number | undefined }[] = [];
  commits = 0;
  beforeCommit: () => unknown = () => {};

  constructor(readonly inner = new MemoryStore(() => 1)) {}

  async commit(unit: readonly StreamAppend[]) {
    this.commits += 1;
    await this.beforeCommit();
    return this.inner.commit(unit);
  }

  readStream(stream: string, options?: ReadStream) {
    this.reads.push({ stream, fromNumber: options?.fromNumber });
    return this.inner.readStream(stream, options);
  }

  readAll = (after: Parameters<EventStore['readAll']>[0]) => this.inner.readAll(after);
  subscribe = (...args: Parameters<EventStore['subscribe']>) => this.inner.subscribe(...args);
  lastPosition = () => this.inner.lastPosition();
  close = () => this.inner.close();
}

function bench(options: ConstructorParameters<typeof Ledger>[1] = {}) {
  const store = new WatchedStore();
  const delays: number[] = [];
  const delay = async (ms: number) => void delays.push(ms);
  const ledger = new Ledger(store, { delay, random: () => 1, ...options });
  /** What another process does to the same store. */
  const elsewhere = new Ledger(store.inner, { delay });
  return { store, ledger, elsewhere, delays };
}

const pay = (ledger: Ledger, key: string, amount: number) =>
  ledger.transact([account(key).name], async (tx) => {
    const state = await tx.load(account(key));
    if (state.balance + amount < 0) return refuse({ balance: state.balance });
    tx.append({ stream: account(key), events: [paid(amount)] });
    return accept(state.balance + amount);
  });

describe('a command', () => {
  test('is decided on the state and committed; the next one finds it in the cache', async () => {
    const { store, ledger } = bench();
    const first = await pay(ledger, 'A', 5);
    expect(first).toMatchObject({ kind: 'accept', value: 5, committed: { events: [{ type: 'Paid', number: 0 }] } });
    expect(await pay(ledger, 'A', -3)).toMatchObject({ kind: 'accept', value: 2 });
    expect(store.reads).toEqual([{ stream: 'test.reserve-A', fromNumber: 0 }]);
    expect(ledger.lastCommitted).toBe(await store.lastPosition());
  });

  test('that repeats an earlier one is answered from the cache, and appends nothing', async () => {
    const { store, ledger } = bench();
    await pay(ledger, 'A', 5);
    const answer = await ledger.transact(['test.reserve-A'], async (tx) =>
      repeat((await tx.load(account('A'))).seen[0]),
    );
    expect(answer).toEqual({ kind: 'repeat', earlier: 5 });
    expect(store.commits).toBe(1);
    expect(store.reads).toHaveLength(1);
    await expect(
      ledger.transact([], async (tx) => {
        await tx.load(account('A'));
        tx.append({ stream: account('A'), events: [paid(1)] });
        return repeat(0);
      }),
    ).rejects.toThrow('a repeat appends nothing');
  });

  test('that was overtaken by another process is decided again on the tail, after a pause', async () => {
    const outcomes: string[] = [];
    const { store, ledger, elsewhere, delays } = bench({ onCommit: (outcome) => outcomes.push(outcome) });
    await pay(ledger, 'A', 5);
    let overtaken = 0;
    store.beforeCommit = () => (overtaken++ < 2 ? pay(elsewhere, 'A', 10) : undefined);
    expect(await pay(ledger, 'A', 1)).toMatchObject({ value: 26, committed: { events: [{ number: 3 }] } });
    expect(delays).toEqual([4, 8]);
    expect(outcomes).toEqual(['committed', 'conflict', 'conflict', 'committed']);
    expect(store.reads.map(({ fromNumber }) => fromNumber)).toEqual([0, 1, 2]);
  });

  test('gives up after its tries', async () => {
    const { store, ledger, elsewhere, delays } = bench({ tries: 3 });
    store.beforeCommit = () => pay(elsewhere, 'A', 10);
    await expect(pay(ledger, 'A', 1)).rejects.toMatchObject({ name: 'TooManyConflicts' });
    expect(store.commits).toBe(3);
    expect(delays).toHaveLength(2);
  });

  test('is refused only on the present: a stale state is read up first, and may change the answer', async () => {
    const { store, ledger, elsewhere } = bench();
    await pay(ledger, 'A', 5);
    await pay(elsewhere, 'A', 10);
    expect(await pay(ledger, 'A', -12)).toMatchObject({ kind: 'accept', value: 3 });
    expect(await pay(ledger, 'A', -12)).toEqual({ kind: 'refuse', refusal: { balance: 3 } });
    expect(store.reads.map(({ fromNumber }) => fromNumber)).toEqual([0, 1, 3]);
  });

  test('that is refused looks at every stream it loaded, not only at the one it would append to', async () => {
    const { ledger, elsewhere } = bench();
    await pay(ledger, 'A', 1);
    await pay(ledger, 'B', 1);
    await pay(elsewhere, 'B', 5);
    const answer = await ledger.transact([], async (tx) => {
      const sum = (await tx.load(account('A'))).balance + (await tx.load(account('B'))).balance;
      if (sum < 7) return refuse(sum);
      tx.append({ stream: account('A'), events: [paid(1)] });
      return accept(sum);
    });
    expect(answer).toMatchObject({ kind: 'accept', value: 7 });
  });

  test('that is refused while others go on winning gives up', async () => {
    const { ledger, elsewhere } = bench({ tries: 4 });
    let attempts = 0;
    const refused = ledger.transact([], async (tx) => {
      attempts += 1;
      await tx.load(account('A'));
      await pay(elsewhere, 'A', 1);
      return refuse('never enough');
    });
    await expect(refused).rejects.toMatchObject({ name: 'TooManyConflicts' });
    expect(attempts).toBe(4);
  });

  test('may be refused with events of its own, which are committed before the answer', async () => {
    const { store, ledger, elsewhere } = bench();
    let overtaken = false;
    store.beforeCommit = () => {
      if (!overtaken) {
        overtaken = true;
        return pay(elsewhere, 'A', 1);
      }
      return undefined;
    };
    const answer = await ledger.transact([], async (tx) => {
      const { balance } = await tx.load(account('A'));
      tx.append({ stream: account('A'), events: [paid(100)] });
      return refuse({ balance });
    });
    expect(answer).toMatchObject({ kind: 'refuse', refusal: { balance: 1 }, committed: { events: [{ number: 1 }] } });
    expect((await ledger.peek(account('A'))).balance).toBe(101);
  });

  test('commits on several streams at once, or on none', async () => {
    const { ledger, elsewhere } = bench();
    await pay(ledger, 'A', 10);
    await pay(ledger, 'B', 1);
    await pay(elsewhere, 'B', 1);
    const move = (amount: number) =>
      ledger.transact(['test.reserve-A', 'test.reserve-B'], async (tx) => {
        const [from, to] = [await tx.load(account('A')), await tx.load(account('B'))];
        const answer = accept([from.balance - amount, to.balance + amount]);
        tx.append({ stream: account('A'), events: [paid(-amount)] }, { stream: account('B'), events: [paid(amount)] });
        return answer;
      });
    expect(await move(4)).toMatchObject({ value: [6, 6] });
    expect((await ledger.peek(account('A'))).balance).toBe(6);
    expect((await ledger.peek(account('B'))).balance).toBe(6);
  });

  test('may append to a stream that it declares fresh without reading it', async () => {
    const { store, ledger } = bench();
    const claim = () =>
      ledger.transact([], async (tx) => {
        tx.fresh('test.nonce-N.M');
        tx.append({ stream: 'test.nonce-N.M', events: [paid(1)] }, { stream: 'test.nonce-N.M', events: [paid(2)] });
        return accept('claimed');
      });
    expect(await claim()).toMatchObject({ kind: 'accept', committed: { events: [{ number: 0 }, { number: 1 }] } });
    expect(store.reads).toEqual([]);
    await expect(claim()).rejects.toMatchObject({ name: 'TooManyConflicts' });
  });

  test('cannot append to a stream that it did not look at, nor accept without appending', async () => {
    const { ledger } = bench();
    const blind = ledger.transact([], async (tx) => {
      tx.append({ stream: account('A'), events: [paid(1)] });
      return accept(0);
    });
    await expect(blind).rejects.toThrow('neither loaded nor declared fresh');
    await expect(ledger.transact([], async () => accept(0))).rejects.toThrow('appends at least one event');
  });
});

describe('cached states', () => {
  test('that move while another command waits do not mislead it', async () => {
    const { ledger } = bench();
    await pay(ledger, 'A', 5);
    const balances: number[] = [];
    let attempts = 0;
    // Neither command queues, as commands of two processes would not.
    const slow = ledger.transact([], async (tx) => {
      attempts += 1;
      const state = await tx.load(account('A'));
      balances.push(state.balance);
      if (attempts === 1) {
        await ledger.transact([], async (other) => {
          await other.load(account('A'));
          other.append({ stream: account('A'), events: [paid(-5)] });
          return accept(0);
        });
        balances.push(state.balance);
      }
      if (state.balance < 5) return refuse(state.balance);
      tx.append({ stream: account('A'), events: [paid(-5)] });
      return accept('paid');
    });
    expect(await slow).toEqual({ kind: 'refuse', refusal: 0 });
    expect(balances).toEqual([5, 0, 0]);
  });

  test('are forgotten when the outcome of a commit is unknown', async () => {
    const { store, ledger } = bench();
    await pay(ledger, 'A', 5);
    store.beforeCommit = () => {
      store.beforeCommit = () => {};
      return pay(new Ledger(store.inner), 'A', -5).then(() => Promise.reject(new StoreUnavailable('no answer')));
    };
    await expect(pay(ledger, 'A', -5)).rejects.toMatchObject({ name: 'StoreUnavailable' });
    expect(await pay(ledger, 'A', -5)).toEqual({ kind: 'refuse', refusal: { balance: 0 } });
    expect(store.reads.map(({ fromNumber }) => fromNumber).slice(0, 2)).toEqual([0, 0]);
  });

  test('are not kept half-changed by an impossible event', async () => {
    const { store, ledger } = bench();
    await pay(ledger, 'A', 5);
    const page = await store.inner.readStream('test.reserve-A');
    await store.inner.commit([{ stream: 'test.reserve-A', expected: page.revision, events: [paid(1), paid(-50)] }]);
    for (const attempt of [1, 2]) {
      await expect(pay(ledger, 'A', -10), `attempt ${attempt}`).rejects.toThrow('overdrawn');
    }
  });

  test('are read up on request, whoever moved them', async () => {
    const { store, ledger, elsewhere } = bench();
    await pay(ledger, 'A', 5);
    await pay(elsewhere, 'A', 2);
    expect((await ledger.peek(account('A'))).balance).toBe(5);
    expect((await ledger.refresh(account('A'))).balance).toBe(7);
    expect(store.reads.map(({ fromNumber }) => fromNumber)).toEqual([0, 1]);
  });

  test('are folded once when two commands load one stream at the same time', async () => {
    const { ledger, elsewhere } = bench();
    await pay(elsewhere, 'A', 5);
    const states = await Promise.all([ledger.peek(account('A')), ledger.peek(account('A')), ledger.peek(account('A'))]);
    expect(states.map(({ seen }) => seen)).toEqual([[5], [5], [5]]);
  });

  test('of different times, in which an attempt meets what cannot be, are read up, and it is made again', async () => {
    const { ledger, elsewhere } = bench();
    const moved = async (): Promise<unknown> =>
      ledger.transact([], async (tx) => {
        const [to, from] = [await tx.load(account('B')), await tx.load(account('A'))];
        if (from.balance + to.balance !== 5) throw new Error(`${from.balance} and ${to.balance}`);
        return refuse([from.balance, to.balance]);
      });
    await pay(ledger, 'A', 5);
    expect(await moved()).toEqual({ kind: 'refuse', refusal: [5, 0] });
    await pay(elsewhere, 'A', -5);
    await pay(elsewhere, 'B', 5);
    await ledger.refresh(account('A')); // and B is held as it was
    expect(await moved()).toEqual({ kind: 'refuse', refusal: [0, 5] });
    await pay(elsewhere, 'B', 1);
    await expect(moved()).rejects.toThrow('0 and 6');
  });

  test('are bounded in number and in events, but the busiest one stays', async () => {
    const { store, ledger } = bench({ cacheEntries: 2, cacheFacts: 10 });
    for (const key of ['A', 'B', 'C']) await pay(ledger, key, 1);
    store.reads = [];
    await ledger.peek(account('C'));
    await ledger.peek(account('B'));
    expect(store.reads).toEqual([]);
    await ledger.peek(account('A'));
    expect(store.reads).toEqual([{ stream: 'test.reserve-A', fromNumber: 0 }]);
    for (let i = 0; i < 20; i++) await pay(ledger, 'A', 1);
    store.reads = [];
    expect((await ledger.peek(account('A'))).seen).toHaveLength(21);
    expect(store.reads).toEqual([]);
    await ledger.peek(account('B'));
    await ledger.peek(account('A'));
    expect(store.reads.map(({ stream }) => stream)).toEqual(['test.reserve-B', 'test.reserve-A']);
  });

  test('weigh what lists their events hold', async () => {
    const { store, ledger } = bench({ cacheFacts: 10 });
    const withdrawn = (coins: number) => ({
      type: 'Paid',
      version: 1,
      data: { amount: 1, coins: Array(coins).fill(0) },
    });
    const withdraw = (key: string, coins: number) =>
      ledger.transact([account(key).name], async (tx) => {
        await tx.load(account(key));
        tx.append({ stream: account(key), events: [withdrawn(coins)] });
        return accept(coins);
      });
    await withdraw('A', 4);
    await withdraw('B', 4);
    store.reads = [];
    await ledger.peek(account('A'));
    expect(store.reads).toEqual([]);
    await withdraw('C', 5);
    store.reads = [];
    await ledger.peek(account('A'));
    await ledger.peek(account('B'));
    expect(store.reads.map(({ stream }) => stream)).toEqual(['test.reserve-A', 'test.reserve-B']);
  });

  test('that rest on the last event are read from there, and weigh nothing', async () => {
    const { store, ledger, elsewhere } = bench({ cacheFacts: 10 });
    const newest: EventStream<number, AccountEvent> = {
      name: account('A').name,
      initial: () => 0,
      evolve: (_, { amount }) => amount,
      decode: fold.decode,
      restsOnLast: true,
    };
    expect(await ledger.refresh(newest)).toBe(0);
    const add = (on: Ledger, amount: number) =>
      on.transact([newest.name], async (tx) => {
        await tx.load(newest);
        tx.append({ stream: newest, events: [paid(amount)] });
        return accept(amount);
      });
    for (let amount = 1; amount <= 20; amount += 1) await add(elsewhere, amount);
    store.reads = [];
    expect(await Promise.all([ledger.refresh(newest), ledger.refresh(newest)])).toEqual([20, 20]);
    expect(store.reads.map(({ fromNumber }) => fromNumber)).toEqual([undefined, undefined]);
    await add(elsewhere, 21);
    expect(await ledger.refresh(newest)).toBe(21);
    expect(store.reads.at(-1)?.fromNumber).toBe(20);
    const { committed } = await add(ledger, 22);
    expect(committed?.events).toMatchObject([{ number: 21 }]);
    await pay(ledger, 'B', 1);
    for (let amount = 23; amount <= 40; amount += 1) await add(ledger, amount);
    store.reads = [];
    await ledger.peek(account('B'));
    expect(store.reads).toEqual([]);
  });

  test('of one stream under two folds do not mix', async () => {
    const { ledger } = bench();
    await pay(ledger, 'A', 5);
    const counting: EventStream<number, unknown> = {
      name: 'test.reserve-A',
      initial: () => 0,
      evolve: (count) => count + 1,
      decode: (stored) => stored,
    };
    expect(await ledger.peek(counting)).toBe(1);
    expect((await ledger.peek(account('A'))).balance).toBe(5);
  });
});

describe('queues', () => {
  test('commands on one stream wait for each other: none conflicts, all are decided in order', async () => {
    const { store, ledger } = bench({ tries: 1 });
    const results = await Promise.all(Array.from({ length: 50 }, (_, i) => pay(ledger, 'A', i)));
    expect(results.map((result) => result.kind)).toEqual(Array(50).fill('accept'));
    expect((await ledger.peek(account('A'))).seen).toEqual([...Array(50).keys()]);
    expect(store.commits).toBe(50);
  });

  test('commands on several streams in any order never wait for each other for ever', async () => {
    const { ledger } = bench({ tries: 1 });
    const keys = ['A', 'B', 'C', 'D'];
    const command = (names: string[]) =>
      ledger.transact(
        [...names, ...names].map((key) => account(key).name),
        async (tx) => {
          for (const key of names) {
            await tx.load(account(key));
            tx.append({ stream: account(key), events: [paid(1)] });
          }
          return accept(0);
        },
      );
    const orders = keys.flatMap((a) =>
      keys.flatMap((b) =>
        a === b
          ? [[a]]
          : [
              [a, b],
              [b, a],
            ],
      ),
    );
    await Promise.all(orders.map(command));
    const balances = await Promise.all(keys.map(async (key) => (await ledger.peek(account(key))).balance));
    expect(balances).toEqual(keys.map((key) => orders.filter((names) => names.includes(key)).length));
  });

  test('a command that waits too long is put off; those behind it take their turn', async () => {
    const { store, ledger } = bench({ patienceMs: 1 });
    let answer = (): void => {};
    const silence = new Promise<void>((resolve) => {
      answer = resolve;
    });
    store.beforeCommit = () => silence;
    const first = pay(ledger, 'A', 1);
    await expect(pay(ledger, 'A', 2)).rejects.toMatchObject({ name: 'StoreUnavailable' });
    await expect(pay(ledger, 'A', 3)).rejects.toMatchObject({ name: 'StoreUnavailable' });
    answer();
    expect(await first).toMatchObject({ kind: 'accept', value: 1 });
    expect(await pay(ledger, 'A', 4)).toMatchObject({ kind: 'accept', value: 5 });
  });

  test('a command that throws lets the next one pass', async () => {
    const { ledger } = bench();
    const failing = ledger.transact(['test.reserve-A'], () => Promise.reject(new Error('bug')));
    const next = pay(ledger, 'A', 1);
    await expect(failing).rejects.toThrow('bug');
    expect(await next).toMatchObject({ kind: 'accept' });
  });

  test('a ledger that committed and read nothing stands at the start, or where the store ended then', () => {
    expect(bench().ledger.lastCommitted).toBe(START);
    const since = 7n as Position;
    expect(bench({ since }).ledger.lastCommitted).toBe(since);
    expect(NO_EVENTS).toBe('no-events');
  });

  test('what was decided on is what queries must have seen, whoever committed it', async () => {
    const { store, ledger, elsewhere } = bench();
    await pay(elsewhere, 'A', 5);
    const repeated = await ledger.transact([account('A').name], async (tx) =>
      repeat((await tx.load(account('A'))).seen[0]),
    );
    expect(repeated.kind).toBe('repeat');
    expect(ledger.lastCommitted).toBe(await store.lastPosition());
    await pay(elsewhere, 'B', 5);
    await ledger.peek(account('A'));
    expect(ledger.lastCommitted).toBeLessThan(await store.lastPosition());
  });
});
