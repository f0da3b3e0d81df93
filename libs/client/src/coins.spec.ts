import { encodeBase32 } from '@florin/encoding';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { ExchangeRefused } from './errors.js';
import type { ExchangeClient } from './exchange-client.js';
import { kudos, NOW } from './testing/signed-keys.js';
import { type Answer, refusal, SmallExchange } from './testing/small-exchange.js';
import { change, leavesOf, misbehaviour } from './testing/tampering.js';
import { newClient, spoilJson, withdrawn } from './testing/wallet.js';
import type { Coin } from './withdraw.js';

/* What became of coins, as their owner sees it, and their way back into the reserve. */

let exchange: SmallExchange;
let client: ExchangeClient;
beforeAll(async () => {
  exchange = await SmallExchange.start();
});
afterAll(() => exchange.stop());
beforeEach(() => {
  exchange.spoil = () => undefined;
  exchange.seen.length = 0;
  client = newClient(exchange);
});

const oneCoin = async (options = {}): Promise<Coin> =>
  (await withdrawn(exchange, client, '2.01', { cipher: 'CS', ...options })).coins[0] as Coin;

async function pay(coin: Coin, amount: string) {
  const keys = client.purses.newKeys();
  const contract = client.purses.contract({ amount: kudos('5'), summary: 'Tea', expiration: NOW + 60 });
  await client.purses.create(keys, contract, [{ coin, amount: kudos(amount) }]);
  return keys;
}

/** Each value of a history, changed one by one, has to be noticed, but for those that nobody signs. */
async function expectNoticed(call: () => Promise<unknown>, unsigned: readonly string[] = []) {
  let paths: string[] = [];
  spoilJson(exchange, 'GET /coins', (json) => {
    paths = leavesOf(json).filter((path) => !unsigned.includes(path));
  });
  await call();
  for (const path of paths) {
    spoilJson(exchange, 'GET /coins', (json) => {
      // The small exchange hands out what it keeps.
      const { history } = json;
      json.history = JSON.parse(JSON.stringify(history));
      change(json, path);
    });
    await expect(call(), path).rejects.toMatchObject({ name: 'ExchangeMisbehaved' });
  }
  exchange.spoil = () => undefined;
  return paths.length;
}

describe('a history', () => {
  test('of a coin that was never used says nothing, and the coin is worth its value', async () => {
    const coin = await oneCoin();
    expect(await client.coins.history(coin)).toBeUndefined();
    expect(await client.coins.residual(coin)).toEqual(kudos('2'));
    expect(await client.coins.historySince(coin, 0)).toEqual([]);
  });

  test.each([
    ['RSA', { cipher: 'RSA' }],
    ['Clause-Schnorr', {}],
    ['restricted', { maxAge: 30 }],
  ])('shows what a coin paid and got back: %s', async (_name, options) => {
    const coin = await oneCoin(options);
    const purse = await pay(coin, '0.6');
    await pay(coin, '0.3');
    exchange.purses.expire(purse.pursePub);
    const history = await client.coins.history(coin);
    expect(history?.entries.map(({ type }) => type)).toEqual(['PURSE-DEPOSIT', 'PURSE-DEPOSIT', 'PURSE-REFUND']);
    expect(history?.residual.units).toBe(coin.value.units - kudos('0.3').units);
    expect(await client.coins.historySince(coin, 2)).toMatchObject([{ type: 'PURSE-REFUND', amount: kudos('0.6') }]);
    expect(await client.coins.historySince(coin, 3)).toEqual([]);
    expect(await expectNoticed(() => client.coins.history(coin))).toBeGreaterThan(15);
  });

  test('shows what was taken back', async () => {
    const { reserve, coins } = await withdrawn(exchange, client, '2.01', { cipher: 'CS' });
    await client.coins.recoup(reserve.reservePub, coins);
    const [coin] = coins as [Coin];
    expect(await client.coins.history(coin)).toMatchObject({
      entries: [{ type: 'RECOUP', amount: kudos('2'), at: NOW, reservePub: encodeBase32(reserve.reservePub) }],
      residual: kudos('0'),
    });
    await expectNoticed(() => client.coins.history(coin));
  });

  const spoilt: [string, (json: Answer['json']) => void, object][] = [
    [
      'a payment listed twice',
      ({ history }) => history.push(history[0]),
      misbehaviour('contradiction', 'history.history[3]'),
    ],
    ['a payment left out', ({ history }) => history.splice(1, 1), misbehaviour('contradiction', 'history.balance')],
    ['a refund left out', ({ history }) => history.pop(), misbehaviour('contradiction', 'history.history')],
    ['a refund alone', ({ history }) => history.splice(0, 2), misbehaviour('contradiction', 'history.history')],
    ['a word', ({ history }) => history.push({ type: 'GIFT' }), misbehaviour('malformed', 'history.history[3].type')],
    ['a word of JavaScript', ({ history }) => history.push({ type: 'valueOf' }), misbehaviour('malformed', '')],
    [
      'another denomination',
      (json) => (json.h_denom_pub = '0'.repeat(103)),
      misbehaviour('contradiction', 'history.h_denom_pub'),
    ],
  ];
  test.each(spoilt)('is not believed with %s', async (_name, change, expected) => {
    const coin = await oneCoin();
    const purse = await pay(coin, '0.6');
    await pay(coin, '0.3');
    exchange.purses.expire(purse.pursePub);
    spoilJson(exchange, 'GET /coins', (json) => {
      json.history = [...json.history];
      change(json);
    });
    await expect(client.coins.history(coin)).rejects.toThrow(expected as never);
  });

  test('needs the key of the coin', async () => {
    const coin = await oneCoin();
    await pay(coin, '0.6');
    exchange.spoil = () => refusal(403, 1251);
    await expect(client.coins.history(coin)).rejects.toMatchObject({ status: 403, code: 1251 });
  });
});

describe('recoup', () => {
  test('takes back all of a withdrawal, of both ciphers, and again changes nothing', async () => {
    const { reserve, coins } = await withdrawn(exchange, client, '3.13');
    expect(new Set(coins.map(({ signature }) => signature.cipher)).size).toBe(2);
    const total = coins.reduce((sum, { value }) => sum + value.units, 0n);
    const before = (await client.reserve(reserve.reservePub))?.balance.units ?? 0n;
    for (let i = 0; i < 2; i += 1) {
      const { balance } = await client.coins.recoup(reserve.reservePub, coins);
      expect(balance.units).toBe(before + total);
    }
    const [first, second] = exchange.requests('POST /recoup-withdraw');
    expect(second?.body).toBe(first?.body);
    const { entries } = await client.reserveHistory(reserve.reservePriv);
    expect(entries.filter(({ type }) => type === 'RECOUP')).toHaveLength(coins.length);
  });

  test('takes back some, of others it shows the envelope', async () => {
    const { reserve, coins } = await withdrawn(exchange, client, '6.06', { maxAge: 30 });
    const [first, ...others] = coins as [Coin, ...Coin[]];
    await pay(first, '0.5');
    const entries = [first, ...others.map(({ envelopeHash }) => envelopeHash)];
    const before = (await client.reserve(reserve.reservePub))?.balance.units ?? 0n;
    const { balance } = await client.coins.recoup(reserve.reservePub, entries);
    expect(balance.units - before).toBe(first.value.units - kudos('0.5').units);
    expect(await client.coins.residual(first)).toEqual(kudos('0'));
    expect(await client.coins.residual(others[0] as Coin)).toEqual(others[0]?.value);
    const reordered = client.coins.recoup(reserve.reservePub, entries.reverse());
    await expect(reordered).rejects.toMatchObject({ status: 404, code: 1161 });
  });

  test.each([
    ['RSA', { cipher: 'RSA' }],
    ['Clause-Schnorr', {}],
    ['restricted', { maxAge: 13 }],
  ])('of one coin by the older call: %s', async (_name, options) => {
    const { reserve, coins } = await withdrawn(exchange, client, '2.02', { cipher: 'CS', ...options } as object);
    const [coin] = coins as [Coin];
    await client.coins.recoupOne(reserve.reservePub, coin);
    await client.coins.recoupOne(reserve.reservePub, coin);
    expect(await client.coins.residual(coin)).toEqual(kudos('0'));
    spoilJson(exchange, 'POST /coins', (json) => change(json, 'reserve_pub'));
    const elsewhere = client.coins.recoupOne(reserve.reservePub, coin);
    await expect(elsewhere).rejects.toThrow(misbehaviour('contradiction', 'recoup.reserve_pub'));
  });

  test('of a coin without value is refused with the history that spent it', async () => {
    const { reserve, coins } = await withdrawn(exchange, client, '2.01', { cipher: 'CS' });
    const [coin] = coins as [Coin];
    await pay(coin, '2');
    const refused = (await client.coins.recoup(reserve.reservePub, coins).catch((error) => error)) as ExchangeRefused;
    expect(refused).toMatchObject({ status: 409, code: 1012 });
    const proof = await client.verifyRefusal(refused, { recouped: coins });
    expect(proof).toMatchObject({ kind: 'coin-overspent', history: { residual: kudos('0') } });
    expect(proof).not.toHaveProperty('requested');
    await expect(client.verifyRefusal(refused, { recouped: [] })).rejects.toThrow(misbehaviour('contradiction', ''));
    const paid = { ...refused, body: { ...refused.body, history: [] } };
    await expect(client.verifyRefusal(paid as never, { recouped: coins })).rejects.toThrow('enough is left');
  });
});
