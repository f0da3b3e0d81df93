import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fundReserve, type RunningExchange, startExchange } from '../support/exchange.js';
import { newReserve } from './support/coins.js';
import { expectOk, expectRefusal, type Reply, send } from './support/http.js';
import { now, units } from './support/offers.js';
import { addFunds, balanceOf, fundedReserve, newAccount, summaryOf } from './support/reserves.js';

// The summary of a reserve, and the wait for one that is not there yet.
const CLOSING_DELAY_S = 28 * 86_400;
let exchange: RunningExchange;

beforeAll(async () => {
  exchange = await startExchange({ onTestServer: true });
});
afterAll(() => exchange.remove());

const get = (pub: string, query = ''): Promise<Reply> => send(`${exchange.baseUrl}reserves/${pub}${query}`);

describe('a reserve that is there', () => {
  test('shows balance, origin and expiration, and nothing else', async () => {
    const account = newAccount();
    const before = now();
    const reserve = await fundedReserve(exchange, '12.5', account);
    const summary = await summaryOf(exchange.baseUrl, reserve);
    expect(Object.keys(summary).sort()).toEqual(['balance', 'last_origin', 'reserve_expiration']);
    expect(summary).toMatchObject({ balance: 'KUDOS:12.5', last_origin: account });
    const { t_s: expiration } = summary.reserve_expiration as { t_s: number };
    expect(expiration).toBeGreaterThanOrEqual(before + CLOSING_DELAY_S);
    expect(expiration).toBeLessThanOrEqual(now() + CLOSING_DELAY_S);
  });

  test('adds credits up, names the latest origin, and never expires sooner for one', async () => {
    const [first, second] = [newAccount(), newAccount()];
    const reserve = await fundedReserve(exchange, '1', first);
    const { reserve_expiration: earlier } = await summaryOf(exchange.baseUrl, reserve);
    await addFunds(exchange, reserve, '0.00000001', second);
    const summary = await summaryOf(exchange.baseUrl, reserve);
    expect(summary).toMatchObject({ balance: 'KUDOS:1.00000001', last_origin: second });
    const seconds = (json: unknown): number => (json as { t_s: number }).t_s;
    expect(seconds(summary.reserve_expiration)).toBeGreaterThanOrEqual(seconds(earlier));
  });

  test('is answered at once, however long one would wait, by any spelling of its key', async () => {
    const reserve = await fundedReserve(exchange, '1');
    expect(expectOk(await get(reserve.pub, '?timeout_ms=100000')).balance).toBe('KUDOS:1');
    const lenient = reserve.pub.toLowerCase().replaceAll('0', 'O').replaceAll('1', 'i');
    expect(expectOk(await get(lenient)).balance).toBe('KUDOS:1');
  });
});

describe('a reserve that is not there', () => {
  test('is unknown, and still when the time has passed', async () => {
    const { pub } = newReserve();
    for (const query of ['', '?timeout_ms=0', '?timeout_ms=1', '?other=1']) {
      expect(expectRefusal(await get(pub, query), 404, 1027).detail).toBe(pub);
    }
    const begunMs = performance.now();
    await Promise.all(
      [1500, 0, 700].map(async (ms) => {
        expectRefusal(await get(pub, `?timeout_ms=${ms}`), 404, 1027);
        // Never sooner; how much later, the machine decides.
        expect(performance.now() - begunMs).toBeGreaterThan(ms - 10);
      }),
    );
  });

  test('is waited for, and answered when the money comes', async () => {
    const reserve = newReserve();
    let answered = false;
    const waiting = get(reserve.pub, '?timeout_ms=100000').finally(() => {
      answered = true;
    });
    expectRefusal(await get(reserve.pub, '?timeout_ms=1000'), 404, 1027);
    expect(answered).toBe(false);
    await fundReserve(exchange, reserve.pub, 'KUDOS:3');
    expect(expectOk(await waiting).balance).toBe('KUDOS:3');
  });

  test('is waited for by many at once; each hears of its own', async () => {
    const reserves = Array.from({ length: 100 }, newReserve);
    const waiting = reserves.map(({ pub }) => get(pub, '?timeout_ms=100000'));
    const others = Array.from({ length: 100 }, () => get(newReserve().pub, '?timeout_ms=1500'));
    const sums = reserves.map((_, index) => `KUDOS:${index + 1}`);
    await Promise.all(reserves.map(({ pub }, index) => fundReserve(exchange, pub, sums[index] ?? '')));
    const answers = await Promise.all(waiting);
    expect(answers.map((reply) => expectOk(reply).balance)).toEqual(sums);
    for (const reply of await Promise.all(others)) expectRefusal(reply, 404, 1027);
  });

  test('is forgotten by a client that goes away, without trouble for the others', async () => {
    const reserve = newReserve();
    const gone = new AbortController();
    const url = `${exchange.baseUrl}reserves/${reserve.pub}?timeout_ms=100000`;
    const aborted = fetch(url, { signal: gone.signal }).catch((error: Error) => error.name);
    const waiting = get(reserve.pub, '?timeout_ms=100000');
    expectRefusal(await get(reserve.pub, '?timeout_ms=300'), 404, 1027);
    gone.abort();
    expect(await aborted).toBe('AbortError');
    await fundReserve(exchange, reserve.pub, 'KUDOS:2');
    expect(expectOk(await waiting).balance).toBe('KUDOS:2');
    expect(exchange.log()).not.toMatch(/"level":(50|60)/);
  });
});

describe('a question that is none', () => {
  test.each(['', '-1', '1.5', 'abc', '1e3', '0x10', '%20', '1%00', '9'.repeat(30)])('timeout_ms=%s', async (value) => {
    const body = expectRefusal(await get(newReserve().pub, `?timeout_ms=${value}`), 400, 26);
    expect(body.detail).toBe('timeout_ms');
  });

  test('timeout_ms twice; a key that is none', async () => {
    expectRefusal(await get(newReserve().pub, '?timeout_ms=1&timeout_ms=2'), 400, 26);
    const { pub } = newReserve();
    for (const key of [
      'x',
      pub.slice(1),
      `${pub}0`,
      `${pub.slice(1)}!`,
      `${pub.slice(1)}-`,
      '%00',
      '%ff',
      '%zz',
      '..%2Fkeys',
    ]) {
      expectRefusal(await get(key), 400, 27);
    }
  });
});

test('a very long wait is cut to what the exchange holds; the end of the exchange answers everybody', async () => {
  const reserves = Array.from({ length: 30 }, newReserve);
  const waiting = reserves.map(({ pub }, index) => get(pub, `?timeout_ms=${10n ** BigInt(5 + (index % 15))}`));
  const known = await fundedReserve(exchange, '1');
  expectRefusal(await get(newReserve().pub, '?timeout_ms=500'), 404, 1027);
  const ended = exchange.stop();
  for (const reply of await Promise.all(waiting)) expectRefusal(reply, 404, 1027);
  expect(await ended).toBe(0);
  exchange = await startExchange({ data: exchange.data, ports: exchange.ports });
  expect(await balanceOf(exchange.baseUrl, known)).toBe(units('1'));
  expect(await exchange.stop()).toBe(0);
});
