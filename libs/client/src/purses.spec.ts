import { portablePrimitives } from '@florin/crypto/portable';
import { serverPrimitives } from '@florin/crypto/server';
import { encodeBase32, message } from '@florin/encoding';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { BadContract } from './errors.js';
import type { ExchangeClient } from './exchange-client.js';
import { formatPayUri, parsePayUri } from './pay-uri.js';
import type { PeerContract } from './peer-contract.js';
import type { PurseKeys } from './purse-contract.js';
import { CRYPTO, kudos, NOW } from './testing/signed-keys.js';
import { type Answer, refusal, SmallExchange } from './testing/small-exchange.js';
import { change, leavesOf, misbehaviour } from './testing/tampering.js';
import { draw, newClient, spoilJson, whole, withdrawn } from './testing/wallet.js';

/* Two wallets and an exchange over HTTP: payments between people, and an exchange that lies about them. */

let exchange: SmallExchange;
beforeAll(async () => {
  exchange = await SmallExchange.start();
});
afterAll(() => exchange.stop());
beforeEach(() => {
  exchange.spoil = () => undefined;
  exchange.seen.length = 0;
});

const dinner = (client: ExchangeClient, amount: string, more: object = {}): PeerContract =>
  client.purses.contract({ amount: kudos(amount), summary: 'Dinner', expiration: NOW + 3600, ...more });

/** A purse of one coin of 2, full for 1.98. */
async function fullPurse(client: ExchangeClient, amount = '1.98') {
  const { coins } = await withdrawn(exchange, client, '2.01', { cipher: 'CS' });
  const [keys, contract] = [client.purses.newKeys(), dinner(client, amount)];
  await client.purses.create(keys, contract, whole(coins));
  return { keys, contract, coins };
}

/** Each value of the answer, changed one by one, has to be noticed, but for those that nobody signs. */
async function expectNoticed(start: string, unsigned: readonly string[], call: () => Promise<unknown>) {
  let paths: string[] = [];
  spoilJson(exchange, start, (json) => {
    paths = leavesOf(json).filter((path) => !unsigned.includes(path));
  });
  await call();
  expect(paths.length).toBeGreaterThan(0);
  for (const path of paths) {
    spoilJson(exchange, start, (json) => change(json, path));
    await expect(call(), path).rejects.toMatchObject({ name: 'ExchangeMisbehaved' });
  }
}

describe.each([
  ['server', serverPrimitives],
  ['portable', portablePrimitives],
])('with %s primitives', (_name, primitives) => {
  test('money is pushed from one wallet to another, and withdrawn there', async () => {
    const [anna, ben] = [newClient(exchange, { primitives }), newClient(exchange, { primitives })];
    const { coins } = await withdrawn(exchange, anna, '3.02');
    const [keys, contract] = [anna.purses.newKeys(), dinner(anna, '2.9')];
    const { totalDeposited } = await anna.purses.create(keys, contract, whole(coins));
    expect(totalDeposited).toEqual(kudos('2.96'));

    const uri = formatPayUri({ direction: 'push', exchangeBaseUrl: exchange.baseUrl, contractPriv: keys.contractPriv });
    const found = await ben.purses.readForMerge(parsePayUri(uri).contractPriv);
    expect(found).toEqual({ pursePub: keys.pursePub, mergePriv: keys.mergePriv, contract });
    expect(await ben.purses.status(found.pursePub, 'merge')).toMatchObject({ state: 'full', balance: kudos('2.96') });
    const reserve = ben.newReserve();
    expect(await ben.purses.merge(found, reserve.reservePriv)).toEqual(kudos('2.9'));
    expect(await anna.purses.status(keys.pursePub, 'merge')).toMatchObject({ state: 'merged', mergedAt: NOW });
    const { entries, balance } = await ben.reserveHistory(reserve.reservePriv);
    expect(entries).toMatchObject([{ type: 'MERGE', amount: kudos('2.9'), pursePub: encodeBase32(keys.pursePub) }]);
    expect(balance).toEqual(kudos('2.9'));
    const { plan } = await ben.withdraw(reserve.reservePriv, kudos('2.9'));
    expect((await ben.reserve(reserve.reservePub))?.balance).toEqual(plan.rest);
  });

  test('money is asked for, and pulled', async () => {
    const [anna, ben] = [newClient(exchange, { primitives }), newClient(exchange, { primitives })];
    const [keys, contract, reserve] = [ben.purses.newKeys(), dinner(ben, '2.96'), ben.newReserve()];
    expect(await ben.purses.request(reserve.reservePriv, keys, contract)).toEqual({
      totalDeposited: kudos('0'),
      at: NOW,
    });
    expect(await ben.purses.status(keys.pursePub, 'deposit')).toMatchObject({ state: 'open' });

    const asked = await anna.purses.readForDeposit(keys.contractPriv);
    expect(asked).toEqual({ pursePub: keys.pursePub, contract });
    const { coins } = await withdrawn(exchange, anna, '3.02');
    await anna.purses.deposit(asked.pursePub, asked.contract, whole(coins));
    expect(await ben.purses.status(keys.pursePub, 'merge')).toMatchObject({ state: 'merged' });
    expect((await ben.reserveHistory(reserve.reservePriv)).balance).toEqual(kudos('2.96'));
  });

  test('coins of grown-ups prove an age, those of others cannot', async () => {
    const anna = newClient(exchange, { primitives });
    const [adult, child] = [
      await withdrawn(exchange, anna, '2.01', { maxAge: 30, cipher: 'CS' }),
      await withdrawn(exchange, anna, '2.01', { maxAge: 13, cipher: 'CS' }),
    ];
    const contract = dinner(anna, '1.98', { minAge: 16 });
    expect(contract.json).toMatchObject({ minimum_age: 16 });
    await anna.purses.create(anna.purses.newKeys(), contract, whole(adult.coins));
    const refused = anna.purses.create(anna.purses.newKeys(), contract, whole(child.coins));
    await expect(refused).rejects.toThrow('cannot prove an age of 16');
  });
});

describe('a purse', () => {
  test('is made by the same bytes again', async () => {
    const client = newClient(exchange);
    const { keys, contract, coins } = await fullPurse(client);
    await client.purses.create(keys, contract, whole(coins));
    const found = await client.purses.readForMerge(keys.contractPriv);
    const { reservePriv } = client.newReserve();
    for (let i = 0; i < 2; i += 1) await client.purses.merge(found, reservePriv, { timestamp: NOW - 5 });
    const [bodies, merges] = ['create', 'merge'].map((operation) =>
      exchange.requests('POST /purses').filter(({ name }) => name.endsWith(operation)),
    );
    expect(bodies?.[1]?.body).toBe(bodies?.[0]?.body);
    expect(merges?.[1]?.body).toBe(merges?.[0]?.body);
  });

  test('is filled little by little', async () => {
    const client = newClient(exchange);
    const { keys, contract } = await fullPurse(client, '3.96');
    expect(await client.purses.status(keys.pursePub, 'deposit')).toMatchObject({
      state: 'open',
      balance: kudos('1.98'),
    });
    const found = await client.purses.readForMerge(keys.contractPriv);
    const early = client.purses.merge(found, client.newReserve().reservePriv);
    await expect(early).rejects.toMatchObject({ status: 402, code: 1878 });
    const { coins } = await withdrawn(exchange, client, '2.01', { cipher: 'CS' });
    const { totalDeposited } = await client.purses.deposit(keys.pursePub, contract, whole(coins));
    expect(totalDeposited).toEqual(kudos('3.96'));
    expect(await client.purses.status(keys.pursePub, 'deposit', { timeoutMs: 5 })).toMatchObject({ state: 'full' });
    expect(exchange.seen.at(-1)?.name).toMatch(/\/deposit\?timeout_ms=5$/);
  });

  test('that is over gives its coins back, and they pay again', async () => {
    const client = newClient(exchange);
    const [expired, deleted] = [await fullPurse(client), await fullPurse(client)];
    exchange.purses.expire(expired.keys.pursePub);
    await client.purses.remove(deleted.keys.pursePriv);
    for (const [{ keys, coins }, state] of [
      [expired, 'expired'],
      [deleted, 'deleted'],
    ] as const) {
      expect(await client.purses.status(keys.pursePub, 'merge')).toEqual({ state });
      await expect(client.purses.readForMerge(keys.contractPriv)).rejects.toMatchObject({ code: 1950 });
      const history = await client.coins.history(coins[0] as (typeof coins)[number]);
      expect(history?.entries).toMatchObject([
        { type: 'PURSE-DEPOSIT', refunded: true, pursePub: encodeBase32(keys.pursePub) },
        { type: 'PURSE-REFUND', amount: kudos('2') },
      ]);
      expect(history?.residual).toEqual(kudos('2'));
      await client.purses.create(client.purses.newKeys(), dinner(client, '1.98'), whole(coins));
    }
    await expect(client.purses.remove(expired.keys.pursePriv)).rejects.toMatchObject({ code: 1679 });
  });

  test('that nobody made is not there', async () => {
    const client = newClient(exchange);
    const { pursePub, pursePriv } = client.purses.newKeys();
    expect(await client.purses.status(pursePub, 'merge')).toBeUndefined();
    await expect(client.purses.remove(pursePriv)).rejects.toMatchObject({ code: 1025 });
    exchange.spoil = () => refusal(400, 1475);
    await expect(client.purses.status(pursePub, 'merge')).rejects.toMatchObject({ code: 1475 });
  });
});

describe('what the exchange changes is noticed', () => {
  test('in confirmations of payments', async () => {
    const client = newClient(exchange);
    const { keys, contract, coins } = await fullPurse(client);
    await expectNoticed('POST /purses', [], () => client.purses.create(keys, contract, whole(coins)));
    const ignored = ['h_contract_terms', 'purse_expiration.t_s', 'purse_value_after_fees'];
    await expectNoticed('POST /purses', ignored, () => client.purses.deposit(keys.pursePub, contract, whole(coins)));
    const [others, { reservePriv }] = [client.purses.newKeys(), client.newReserve()];
    await expectNoticed('POST /reserves', [], () => client.purses.request(reservePriv, others, contract));
  });

  test('in merges and in what is said of a purse', async () => {
    const client = newClient(exchange);
    const { keys } = await fullPurse(client);
    const { pursePub, contractPriv } = keys;
    await expectNoticed('GET /contracts', [], () => client.purses.readForMerge(contractPriv));
    const status = () => client.purses.status(pursePub, 'merge');
    await expectNoticed('GET /purses', ['purse_expiration.t_s'], status);
    const [found, { reservePriv }] = [await client.purses.readForMerge(contractPriv), client.newReserve()];
    await expectNoticed('POST /purses', [], () => client.purses.merge(found, reservePriv));
    await expectNoticed('GET /purses', ['purse_expiration.t_s'], status);
    const absent: [string, (json: Answer['json']) => void][] = [
      ['merge_timestamp', (json) => delete json.merge_timestamp],
      ['deposit_timestamp', (json) => delete json.deposit_timestamp],
    ];
    for (const [name, leaveOut] of absent) {
      spoilJson(exchange, 'GET /purses', leaveOut);
      await expect(status(), name).rejects.toThrow(misbehaviour('signature', 'purse.exchange_sig'));
    }
  });

  test('when it signs for less than was paid, or for another purse', async () => {
    const client = newClient(exchange);
    const { keys, contract } = await fullPurse(client, '1');
    const { coins } = await withdrawn(exchange, client, '6');
    const earlier: { json?: Answer['json'] } = {};
    exchange.spoil = (name, answer) => {
      if (name.startsWith('POST /purses')) earlier.json ??= answer.json;
      return earlier.json && name.startsWith('POST /purses') ? { status: 200, json: earlier.json } : undefined;
    };
    const [first, ...more] = whole(coins);
    await client.purses.deposit(keys.pursePub, contract, first ? [first] : []);
    const paid = client.purses.deposit(keys.pursePub, contract, [...(first ? [first] : []), ...more, ...more, ...more]);
    await expect(paid).rejects.toThrow(misbehaviour('contradiction', 'deposit.total_deposited'));
    const other = client.purses.create(client.purses.newKeys(), contract, more);
    await expect(other).rejects.toThrow(misbehaviour('signature', 'purse.exchange_sig'));
  });
});

describe('a contract', () => {
  /** What another wallet may have written, sealed and signed as it has to be. */
  function serve(keys: PurseKeys, text: string, sealed?: Uint8Array) {
    const { contractPriv, pursePub, mergePriv, pursePriv } = keys;
    const merge = { mergePriv, contract: text };
    const econtract = sealed ?? CRYPTO.contract.encryptForMerge({ contractPriv, pursePub }, merge, draw(24));
    const contractPub = CRYPTO.ecdh.publicKey(contractPriv);
    const signed = message('PurseContract', { hEcontract: CRYPTO.hash.sha512(econtract), contractPub });
    const json = {
      purse_pub: encodeBase32(pursePub),
      econtract: encodeBase32(econtract),
      econtract_sig: encodeBase32(CRYPTO.eddsa.sign(signed, pursePriv)),
    };
    exchange.spoil = (name) => (name.startsWith('GET /contracts') ? { status: 200, json } : undefined);
  }
  const good = { amount: 'KUDOS:1', summary: 'Tea', purse_expiration: { t_s: NOW + 9 } };

  test('is read with whatever else it says, which is hashed too', async () => {
    const client = newClient(exchange);
    const keys = client.purses.newKeys();
    serve(keys, JSON.stringify({ ...good, icon: 'tea', minimum_age: 18 }));
    const { contract } = await client.purses.readForMerge(keys.contractPriv);
    expect(contract).toMatchObject({ amount: kudos('1'), summary: 'Tea', expiration: NOW + 9, minAge: 18 });
    expect(contract.hash).toEqual(CRYPTO.hash.contract({ ...good, icon: 'tea', minimum_age: 18 }));
  });

  test.each<[string, string]>([
    ['in another currency', JSON.stringify({ ...good, amount: 'EUR:1' })],
    ['without an amount', JSON.stringify({ ...good, amount: undefined })],
    ['that never ends', JSON.stringify({ ...good, purse_expiration: { t_s: 'never' } })],
    ['without words', JSON.stringify({ ...good, summary: 7 })],
    ['with a real, which cannot be hashed', JSON.stringify({ ...good, tip: 1.5 })],
    ['that is no object', '"tea"'],
    ['that is no JSON', 'tea'],
  ])('%s is not understood', async (_name, text) => {
    const client = newClient(exchange);
    const keys = client.purses.newKeys();
    serve(keys, text);
    await expect(client.purses.readForMerge(keys.contractPriv)).rejects.toThrow(BadContract);
  });

  test('for whoever pays is not one for whoever takes, and neither is noise', async () => {
    const client = newClient(exchange);
    const keys = client.purses.newKeys();
    serve(keys, JSON.stringify(good));
    await expect(client.purses.readForDeposit(keys.contractPriv)).rejects.toThrow(BadContract);
    serve(keys, '', draw(100));
    await expect(client.purses.readForMerge(keys.contractPriv)).rejects.toThrow(BadContract);
  });
});
