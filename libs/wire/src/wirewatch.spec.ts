import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { credit, freshFolder, gatewayOf, keyBytes, keyNumber, runningBank, serverThat } from './bank.support.js';
import type { DevelopmentBank } from './development-bank.js';
import { WireGateway } from './gateway-client.js';
import type { Credit, IncomingHistory } from './gateway-rows.js';
import { BOOK_ROWS_MAX, type WatchPorts, type WatchProblem, watchCredits } from './wirewatch.js';

/** What happens to one call of `book`: the commit fails, or it succeeds and the news of it is lost. */
type Fate = 'booked' | 'lost-before' | 'lost-after';

/**
 * A ledger that books like the exchange's: a unit of rows is taken whole or not at all, only rows after the last one,
 * and the last row is read from what is booked.
 */
class MemoryLedger {
  readonly rows: Credit[] = [];
  readonly units: number[] = [];
  readonly #fates: Iterator<Fate>;
  #stopAt: { readonly count: number; readonly stop: () => void } | undefined;

  constructor(fates: readonly Fate[] = []) {
    this.#fates = fates[Symbol.iterator]();
  }

  /** Calls `stop` when this many rows are booked. */
  stopAt(count: number, stop: () => void): void {
    this.#stopAt = { count, stop };
  }

  lastRow = async (): Promise<bigint> => this.rows.at(-1)?.rowId ?? 0n;

  book = async (unit: readonly Credit[]): Promise<void> => {
    const fate: Fate = this.#fates.next().value ?? 'booked';
    if (fate === 'lost-before') throw new Error('the commit failed');
    for (const [i, row] of unit.entries()) {
      const previous = unit[i - 1] ?? this.rows.at(-1);
      if (previous && row.rowId <= previous.rowId) throw new Error(`row ${row.rowId} after ${previous.rowId}`);
    }
    this.rows.push(...unit);
    this.units.push(unit.length);
    if (this.#stopAt && this.rows.length >= this.#stopAt.count) this.#stopAt.stop();
    if (fate === 'lost-after') throw new Error('the news of the commit was lost');
  };
}

interface Watch {
  readonly problems: WatchProblem[];
  readonly sleeps: number[];
}

/** Watches until the ledger has `count` rows, or `problemsMax` problems were reported. No time passes in sleeps. */
async function watchUntil(
  gateway: WatchPorts['gateway'],
  ledger: MemoryLedger,
  { count, problemsMax = 1_000, ports = {} }: { count: number; problemsMax?: number; ports?: Partial<WatchPorts> },
): Promise<Watch> {
  const stop = new AbortController();
  const watch: Watch = { problems: [], sleeps: [] };
  ledger.stopAt(count, () => stop.abort());
  await watchCredits({
    gateway,
    lastRow: ledger.lastRow,
    book: ledger.book,
    signal: stop.signal,
    sleep: async (ms) => void watch.sleeps.push(ms),
    monotonicMs: () => 0,
    onProblem: (problem) => {
      if (watch.problems.push(problem) >= problemsMax) stop.abort();
    },
    longPollMs: 1_000,
    ...ports,
  });
  return watch;
}

async function bankWith(credits: number): Promise<DevelopmentBank> {
  const bank = await runningBank({ folder: freshFolder() });
  for (let i = 1; i <= credits; i++) await credit(bank, i);
  return bank;
}

const ids = (rows: readonly Credit[]) => rows.map((row) => row.rowId);
const numbers = (count: number) => Array.from({ length: count }, (_, i) => BigInt(i + 1));

describe('exactly once', () => {
  test('rows are booked in order, in units of at most a hundred', async () => {
    const bank = await bankWith(250);
    const ledger = new MemoryLedger();
    const { problems } = await watchUntil(gatewayOf(bank), ledger, { count: 250 });
    expect(ids(ledger.rows)).toEqual(numbers(250));
    expect(ledger.units).toEqual([BOOK_ROWS_MAX, BOOK_ROWS_MAX, 50]);
    expect(ledger.rows[249]).toMatchObject({ type: 'reserve', reservePub: keyBytes(250) });
    expect(problems).toEqual([]);
  });

  test('whatever is lost before or after a commit, and wherever the watch dies, each row counts once', async () => {
    const bank = await bankWith(120);
    const gateway = gatewayOf(bank);
    const fates = fc.array(fc.constantFrom<Fate>('booked', 'lost-before', 'lost-after'), { maxLength: 40 });
    const deaths = fc.array(fc.integer({ min: 1, max: 119 }), { maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(fates, deaths, async (luck, stops) => {
        const ledger = new MemoryLedger(luck);
        for (const count of [...stops.sort((a, b) => a - b), 120]) {
          if (ledger.rows.length < count) await watchUntil(gateway, ledger, { count });
        }
        expect(ids(ledger.rows)).toEqual(numbers(120));
      }),
      { numRuns: 60 },
    );
  });

  test('a restarted bank goes on with its rows, and so does the watch', async () => {
    const folder = freshFolder();
    const ledger = new MemoryLedger();
    for (let life = 0; life < 3; life++) {
      const bank = await runningBank({ folder });
      for (let i = 1; i <= 3; i++) await credit(bank, 10 * life + i);
      await watchUntil(gatewayOf(bank), ledger, { count: 3 * (life + 1) });
      await bank.close();
    }
    expect(ids(ledger.rows)).toEqual(numbers(9));
  });

  test('after failed commits fewer rows are asked for, and then more again', async () => {
    const limits: number[] = [];
    const gateway: WatchPorts['gateway'] = {
      config: async () => ({ version: '3:0:3', currency: 'EUR', implementation: undefined }),
      historyIncoming: async ({ start = 0n, limit }): Promise<IncomingHistory> => {
        limits.push(limit);
        const rowId = start + 1n;
        const row = {
          type: 'unknown',
          rowId,
          date: undefined,
          amount: undefined,
          debitAccount: undefined,
          reason: '',
        } as const;
        return { creditAccount: undefined, rows: [row] };
      },
    };
    const ledger = new MemoryLedger(Array<Fate>(12).fill('lost-before'));
    const { sleeps } = await watchUntil(gateway, ledger, { count: 20 });
    expect(limits.slice(0, 13)).toEqual([1024, 512, 256, 128, 64, 32, 16, 8, 4, 2, 1, 1, 1]);
    expect(limits.slice(13)).toEqual([
      2, 3, 5, 8, 12, 18, 27, 41, 62, 93, 140, 210, 315, 473, 710, 1024, 1024, 1024, 1024,
    ]);
    expect(sleeps).toEqual([500, 1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000, 60000, 60000, 60000]);
  });
});

describe('waiting', () => {
  test('a credit wakes a watch that waits at the bank', async () => {
    const bank = await bankWith(1);
    const ledger = new MemoryLedger();
    const first = watchUntil(gatewayOf(bank), ledger, { count: 2, ports: { longPollMs: 240_000 } });
    while (ledger.rows.length < 1) await new Promise((resolve) => setTimeout(resolve, 5));
    await credit(bank, 2);
    expect((await first).problems).toEqual([]);
    expect(ids(ledger.rows)).toEqual([1n, 2n]);
  });

  test('a bank that ignores the long poll is asked ever more rarely', async () => {
    let asked = 0;
    const baseUrl = await serverThat((request, response) => {
      if (request.url === '/config') response.end('{"name":"taler-wire-gateway","version":"3:0:3","currency":"EUR"}');
      else response.writeHead(asked++ % 2 === 0 ? 204 : 404).end();
    });
    const stop = new AbortController();
    const sleeps: number[] = [];
    await watchUntil(new WireGateway({ baseUrl, currency: 'EUR' }), new MemoryLedger(), {
      count: 1,
      ports: {
        signal: stop.signal,
        longPollMs: 6_000,
        sleep: async (ms) => {
          if (sleeps.push(ms) === 7) stop.abort();
        },
      },
    });
    expect(sleeps).toEqual([500, 1000, 2000, 4000, 6000, 6000, 6000]);
  });

  test('a bank that waited is asked again at once', async () => {
    let [now, asked] = [0, 0];
    const stop = new AbortController();
    const gateway: WatchPorts['gateway'] = {
      config: async () => ({ version: '3:0:3', currency: 'EUR', implementation: undefined }),
      historyIncoming: async () => {
        now += 5_000;
        if (++asked === 4) stop.abort();
        return { creditAccount: undefined, rows: [] };
      },
    };
    const ports = { signal: stop.signal, monotonicMs: () => now, longPollMs: 60_000 };
    expect((await watchUntil(gateway, new MemoryLedger(), { count: 1, ports })).sleeps).toEqual([]);
    expect(asked).toBe(4);
  });

  test('the signal ends a watch that waits at the bank, without a problem', async () => {
    const bank = await runningBank();
    const stop = new AbortController();
    const ports = { signal: stop.signal, longPollMs: 240_000 };
    const watch = watchUntil(gatewayOf(bank), new MemoryLedger(), { count: 1, ports });
    setTimeout(() => stop.abort(), 100);
    expect(await watch).toEqual({ problems: [], sleeps: [] });
  });
});

describe('problems', () => {
  const row = (rowId: number) => ({
    type: 'RESERVE',
    row_id: rowId,
    date: { t_s: 1 },
    amount: 'EUR:1',
    debit_account: 'payto://x-taler-bank/localhost/alice?receiver-name=Alice',
    reserve_pub: keyNumber(rowId),
  });
  const CONFIG = { name: 'taler-wire-gateway', version: '3:0:3', currency: 'EUR' };

  async function gatewayThatSays(body: string, config: object = CONFIG, status = 200): Promise<WireGateway> {
    const baseUrl = await serverThat((request, response) => {
      const isConfig = request.url === '/config';
      response.writeHead(isConfig ? 200 : status).end(isConfig ? JSON.stringify(config) : body);
    });
    return new WireGateway({ baseUrl, currency: 'EUR' });
  }

  const history = (...rowIds: number[]) =>
    JSON.stringify({ credit_account: 'payto://void/x', incoming_transactions: rowIds.map(row) });

  test.each([
    ['decreasing rows', history(1, 3, 2), 'inconsistent'],
    ['repeated rows', history(1, 2, 2), 'inconsistent'],
    ['truncated JSON', history(1, 2, 3).slice(0, -9), 'malformed'],
    ['a row without a key', history(1, 2).replaceAll('reserve_pub', 'reserve'), 'malformed'],
  ])('nothing of a reply with %s is booked, and an operator is told', async (_what, body, kind) => {
    const ledger = new MemoryLedger();
    const { problems, sleeps } = await watchUntil(await gatewayThatSays(body), ledger, { count: 1, problemsMax: 3 });
    expect(ledger.rows).toEqual([]);
    expect(problems.map((problem) => [problem.kind, problem.alarm])).toEqual(Array(3).fill([kind, true]));
    expect(sleeps).toEqual([60_000, 60_000, 60_000]);
  });

  test('a bank that repeats a row booked earlier is refused', async () => {
    const ledger = new MemoryLedger();
    await ledger.book([
      { type: 'unknown', rowId: 2n, date: 1, amount: undefined, debitAccount: undefined, reason: '' },
    ]);
    const { problems } = await watchUntil(await gatewayThatSays(history(2, 3)), ledger, { count: 2, problemsMax: 1 });
    expect(problems[0]).toMatchObject({ kind: 'inconsistent', error: { message: 'the bank lists row 2 after row 2' } });
    expect(ledger.rows).toHaveLength(1);
  });

  test.each([
    [401, 'misconfigured', true, 60_000],
    [403, 'misconfigured', true, 60_000],
    [400, 'refused', true, 60_000],
    [500, 'unavailable', false, 500],
    [503, 'unavailable', false, 500],
  ])('status %i is %s', async (status, kind, alarm, retryInMs) => {
    const gateway = await gatewayThatSays('{"code": 1}', CONFIG, status);
    const { problems } = await watchUntil(gateway, new MemoryLedger(), { count: 1, problemsMax: 1 });
    expect(problems).toMatchObject([{ kind, alarm, retryInMs }]);
  });

  test('an address that is no gateway, or has another currency, is found before any row is read', async () => {
    for (const config of [
      { ...CONFIG, currency: 'CHF' },
      { ...CONFIG, name: 'taler-corebank' },
    ]) {
      const ledger = new MemoryLedger();
      const { problems } = await watchUntil(await gatewayThatSays(history(1), config), ledger, {
        count: 1,
        problemsMax: 2,
      });
      expect(problems.map((problem) => problem.kind)).toEqual(['misconfigured', 'misconfigured']);
      expect(ledger.rows).toEqual([]);
    }
  });

  test('the bank is asked who it is once, and again after a fault of the configuration only', async () => {
    const asked: string[] = [];
    const answers = [history(1), 401, history(2), 503, history(3)];
    const baseUrl = await serverThat((request, response) => {
      const isConfig = request.url === '/config';
      asked.push(isConfig ? 'config' : 'history');
      const answer = isConfig ? JSON.stringify(CONFIG) : answers.shift();
      if (typeof answer === 'number') response.writeHead(answer).end();
      else response.end(answer);
    });
    const ledger = new MemoryLedger();
    await watchUntil(new WireGateway({ baseUrl, currency: 'EUR' }), ledger, { count: 3 });
    expect(asked).toEqual(['config', 'history', 'history', 'config', 'history', 'history', 'history']);
  });

  test('a bank that comes back is served as if nothing had been', async () => {
    const bank = await bankWith(2);
    let refusals = 3;
    const baseUrl = await serverThat(async (request, response) => {
      if (refusals-- > 0) return void response.writeHead(503).end();
      const answer = await fetch(`${bank.gatewayUrl}${request.url?.slice(1)}`);
      response.writeHead(answer.status).end(await answer.text());
    });
    const ledger = new MemoryLedger();
    const { problems, sleeps } = await watchUntil(new WireGateway({ baseUrl, currency: 'EUR' }), ledger, { count: 2 });
    expect(problems.map((problem) => problem.kind)).toEqual(Array(3).fill('unavailable'));
    expect(sleeps).toEqual([500, 1000, 2000]);
    expect(ids(ledger.rows)).toEqual([1n, 2n]);
  });

  test('a ledger that cannot say where it stands is asked again', async () => {
    const bank = await bankWith(1);
    const ledger = new MemoryLedger();
    let failures = 2;
    const lastRow = async () => {
      if (failures-- > 0) throw new Error('the store is away');
      return ledger.lastRow();
    };
    const { problems } = await watchUntil(gatewayOf(bank), ledger, { count: 1, ports: { lastRow } });
    expect(problems.map((problem) => [problem.kind, problem.alarm])).toEqual(Array(2).fill(['booking', false]));
    expect(ids(ledger.rows)).toEqual([1n]);
  });
});
