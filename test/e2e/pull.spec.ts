import { encodeBase32 } from '@florin/encoding';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type RunningExchange, smallKeys, startExchange } from '../support/exchange.js';
import { approve, type Case } from './support/admin.js';
import { expectCoins, newPlanchets, newReserve, type Reserve, withdraw } from './support/coins.js';
import { expectOk, expectRefusal, type Json, send } from './support/http.js';
import { now, type Offers, readOffers, units } from './support/offers.js';
import { postRequest, type RequestOptions, requestBody } from './support/purse-requests.js';
import {
  type Coin,
  coinHistory,
  contractOf,
  create,
  createBody,
  DEPOSIT_FEE,
  deletePurse,
  depositItem,
  expectConfirmed,
  expectMerged,
  mergeBody,
  newCoins,
  newPurse,
  type PurseKeys,
  postPurse,
  reserveHistory,
  SOON_S,
  type Terms,
  termsOf,
} from './support/purses.js';
import { balanceOf, fundedReserve } from './support/reserves.js';

// One person asks another to pay: the payee's reserve requests a purse, and the deposit that fills it merges it.
let exchange: RunningExchange;
let offers: Offers;
let baseUrl: string;

const PURSE_FEE = units('0.04');
const QUOTA = 2;

beforeAll(async () => {
  exchange = await startExchange({
    onTestServer: true,
    configure: (settings) => {
      smallKeys(settings);
      settings.globalFees[0].purseAccountLimit = QUOTA;
      settings.legitimization.p2pReceive = { threshold: 'KUDOS:20', window: '30 days' };
    },
  });
  ({ baseUrl } = exchange);
  offers = await readOffers(baseUrl);
});
afterAll(async () => {
  expect(exchange.log()).not.toMatch(/"level":(50|60)/);
  expect(await exchange.stop()).toBe(0);
  exchange.remove();
});

const ask = (keys: PurseKeys, terms: Terms, reserve: Reserve, options: RequestOptions = {}) =>
  postRequest(baseUrl, reserve, requestBody(baseUrl, keys, { terms, reserve, ...options }));
const deposit = (keys: PurseKeys, ...coins: readonly Coin[]) =>
  postPurse(baseUrl, keys, 'deposit', { deposits: coins.map((coin) => depositItem(baseUrl, keys, coin)) });
const net = (...coins: readonly Coin[]): bigint =>
  coins.reduce((sum, { offer }) => sum + offer.value - DEPOSIT_FEE, 0n);
const historyOf = async (reserve: Reserve, start = 0): Promise<Json[]> =>
  expectOk(await reserveHistory(baseUrl, reserve, start)).history as Json[];
const mergesOf = async (reserve: Reserve, start = 0): Promise<Json[]> =>
  (await historyOf(reserve, start)).filter(({ type }) => type === 'MERGE');

test('a request for money is paid in two parts, and becomes coins of who asked', async () => {
  const reserve = await fundedReserve(exchange, '0.1');
  const [keys, terms] = [newPurse(), termsOf('2.9')];
  const contract = contractOf(keys);
  const body = requestBody(baseUrl, keys, { terms, reserve, fee: PURSE_FEE, contract });
  const requested = await postRequest(baseUrl, reserve, body);
  expectConfirmed(requested, keys, terms, offers, 0n);
  expect(await balanceOf(baseUrl, reserve)).toBe(units('0.06'));
  const found = expectOk(await send(`${baseUrl}contracts/${contract.contract_pub}`));
  expect(found).toMatchObject({ purse_pub: keys.purse.pub, econtract: contract.econtract });
  expect(await mergesOf(reserve)).toMatchObject([
    { amount: 'KUDOS:2.9', purse_fee: 'KUDOS:0.04', flags: 3, merged: false, reserve_sig: body.reserve_sig },
  ]);
  const known = Number(String((await reserveHistory(baseUrl, reserve)).headers.etag).replaceAll('"', ''));

  const coins = (await newCoins(exchange, offers, '1', '2', '1')) as [Coin, Coin, Coin];
  const waiting = send(`${baseUrl}purses/${keys.purse.pub}/merge?timeout_ms=60000`);
  const first = await deposit(keys, coins[0]);
  expectConfirmed(first, keys, terms, offers, net(coins[0]));
  expect(expectOk(await send(`${baseUrl}purses/${keys.purse.pub}/deposit`)).merge_timestamp).toBeUndefined();
  const otherwise = mergeBody(baseUrl, keys, terms, reserve, now() - 50);
  expectRefusal(await postPurse(baseUrl, keys, 'merge', otherwise), 409, 1676);
  const second = await deposit(keys, coins[1]);
  expectConfirmed(second, keys, terms, offers, net(coins[0], coins[1]));
  expect(expectOk(await waiting).merge_timestamp).toEqual(body.merge_timestamp);
  expect(await balanceOf(baseUrl, reserve)).toBe(units('2.96'));

  // The entry of the purse stands for both, and replaces the one that was there before it was merged.
  const entry = { amount: 'KUDOS:2.9', purse_fee: 'KUDOS:0.04', flags: 3, merged: true, purse_pub: keys.purse.pub };
  expect(await mergesOf(reserve)).toMatchObject([entry]);
  expect(await historyOf(reserve, known)).toMatchObject([entry]);
  expect((await reserveHistory(baseUrl, reserve, known + 1)).status).toBe(304);

  for (const [reply, again] of [
    [requested, () => postRequest(baseUrl, reserve, body)],
    [first, () => deposit(keys, coins[0])],
    [second, () => deposit(keys, coins[1])],
  ] as const) {
    expect((await again()).bytes.equals(reply.bytes)).toBe(true);
  }
  expectRefusal(await deposit(keys, coins[2]), 410, 1976);
  expectRefusal(await deletePurse(baseUrl, keys), 409, 1679);
  const planchets = newPlanchets(offers, '2');
  expectCoins(await withdraw(baseUrl, reserve, planchets), planchets);
});

test('a purse that coins fill at once, through creation by the same terms, is merged by it', async () => {
  const reserve = await fundedReserve(exchange, '0.1');
  const [keys, terms] = [newPurse(), termsOf('0.9')];
  expectConfirmed(await ask(keys, terms, reserve), keys, terms, offers, 0n);
  const [coin] = (await newCoins(exchange, offers, '1')) as [Coin];
  const paid = await create(baseUrl, keys, terms, [coin]);
  expectConfirmed(paid, keys, terms, offers, net(coin));
  expect(await balanceOf(baseUrl, reserve)).toBe(units('1'));
  expect((await create(baseUrl, keys, terms, [coin])).bytes.equals(paid.bytes)).toBe(true);
});

test('a request for nothing is merged by its own merge and no other, and costs its fee once', async () => {
  const reserve = await fundedReserve(exchange, '0.1');
  const [keys, terms] = [newPurse(), termsOf('0')];
  const body = requestBody(baseUrl, keys, { terms, reserve, fee: PURSE_FEE });
  expectConfirmed(await postRequest(baseUrl, reserve, body), keys, terms, offers, 0n);
  for (const other of [mergeBody(baseUrl, keys, terms, newReserve()), mergeBody(baseUrl, keys, terms, reserve, 1)]) {
    expect(expectRefusal(await postPurse(baseUrl, keys, 'merge', other), 409, 1676)).toMatchObject({
      reserve_pub: reserve.pub,
      merge_sig: body.merge_sig,
      merge_timestamp: body.merge_timestamp,
    });
  }
  const same = mergeBody(baseUrl, keys, terms, reserve, (body.merge_timestamp as { t_s: number }).t_s);
  expect(same.merge_sig).toBe(body.merge_sig);
  const merged = await postPurse(baseUrl, keys, 'merge', same);
  expectMerged(merged, baseUrl, keys, terms, reserve);
  expect((await postPurse(baseUrl, keys, 'merge', same)).bytes.equals(merged.bytes)).toBe(true);
  expect(await mergesOf(reserve)).toMatchObject([
    { amount: 'KUDOS:0', purse_fee: 'KUDOS:0.04', flags: 3, merged: true },
  ]);
  expect(await balanceOf(baseUrl, reserve)).toBe(units('0.06'));
});

test('the quota counts purses that wait; deletion and payment give their places back', async () => {
  const reserve = await fundedReserve(exchange, '0.1');
  const [paid, deleted, third, fourth] = [newPurse(), newPurse(), newPurse(), newPurse()];
  const terms = termsOf('0.9');
  expectConfirmed(await ask(paid, terms, reserve), paid, terms, offers, 0n);
  const before = await ask(deleted, terms, reserve);
  expectConfirmed(before, deleted, terms, offers, 0n);
  const late = requestBody(baseUrl, third, { terms, reserve });
  expectRefusal(await postRequest(baseUrl, reserve, late), 409, 1677);

  const [coin, kept] = (await newCoins(exchange, offers, '1', '0.1')) as [Coin, Coin];
  expectOk(await deposit(deleted, kept));
  expect((await deletePurse(baseUrl, deleted)).status).toBe(204);
  expect((await deletePurse(baseUrl, deleted)).status).toBe(204);
  expect(expectOk(await coinHistory(baseUrl, kept)).balance).toBe('KUDOS:0.1');
  expectRefusal(await deposit(deleted, coin), 410, 1031);
  expectConfirmed(await postRequest(baseUrl, reserve, late), third, terms, offers, 0n);
  expectRefusal(await ask(fourth, terms, reserve), 409, 1677);
  expectOk(await deposit(paid, coin));
  expectConfirmed(await ask(fourth, terms, reserve), fourth, terms, offers, 0n);

  const poor = await fundedReserve(exchange, '0.03');
  expectRefusal(await ask(newPurse(), terms, poor, { fee: PURSE_FEE }), 409, 1677);
  expect(await balanceOf(baseUrl, poor)).toBe(units('0.03'));
});

test('two requests at once for the last place of the quota: one gets it', async () => {
  const reserve = await fundedReserve(exchange, '0.1');
  const terms = termsOf('1');
  const replies = await Promise.all(Array.from({ length: 6 }, () => ask(newPurse(), terms, reserve)));
  expect(replies.map(({ status }) => status).sort()).toEqual([200, 200, 409, 409, 409, 409]);
  const [keys, options] = [newPurse(), { fee: PURSE_FEE, mergeTimestamp: now() }];
  const same = await Promise.all(Array.from({ length: 6 }, () => ask(keys, terms, reserve, options)));
  for (const reply of same) expect(reply.text).toBe(expectOk(reply) && same[0]?.text);
  expect(await balanceOf(baseUrl, reserve)).toBe(units('0.06'));
});

test('the last deposit and the deletion at once: one of them wins, and the money is in one place', async () => {
  const reserve = await fundedReserve(exchange, '0.1');
  const coins = await newCoins(exchange, offers, ...Array<string>(12).fill('0.1'));
  let paid = 0n;
  for (const coin of coins) {
    const [keys, terms] = [newPurse(), termsOf('0.09')];
    expectOk(await ask(keys, terms, reserve));
    const [deposited, deleted] = await Promise.all([deposit(keys, coin), deletePurse(baseUrl, keys)]);
    if (deleted.status === 204) {
      expectRefusal(deposited, 410, 1031);
      expectRefusal(await coinHistory(baseUrl, coin), 404, 1019);
    } else {
      expectRefusal(deleted, 409, 1679);
      expectOk(deposited);
      paid += terms.target;
    }
  }
  expect(await balanceOf(baseUrl, reserve)).toBe(units('0.1') + paid);
});

test('a purse that nobody pays expires, and so does its place in the quota', async () => {
  const reserve = await fundedReserve(exchange, '0.1');
  const [coin] = (await newCoins(exchange, offers, '1')) as [Coin];
  const [short, terms] = [termsOf('5', { expiration: now() + SOON_S }), termsOf('1')];
  const keys = [newPurse(), newPurse()] as const;
  for (const one of keys) expectConfirmed(await ask(one, short, reserve), one, short, offers, 0n);
  const waiting = send(`${baseUrl}purses/${keys[1].purse.pub}/merge?timeout_ms=60000`);
  expectRefusal(await waiting, 410, 1026);
  expectRefusal(await deposit(keys[0], coin), 410, 1026);
  const again = newPurse();
  expectConfirmed(await ask(again, terms, reserve), again, terms, offers, 0n);
});

test('a request is checked in the order of the protocol, and every conflict shows what was signed first', async () => {
  const reserve = await fundedReserve(exchange, '1');
  const [keys, terms] = [newPurse(), termsOf('0.5')];
  const contract = contractOf(keys);
  const good = requestBody(baseUrl, keys, { terms, reserve, fee: PURSE_FEE, contract });
  const refused = async (change: object, status: number, code: number): Promise<Json> =>
    expectRefusal(await postRequest(baseUrl, reserve, { ...good, ...change }), status, code);
  const variant = (more: Partial<Terms>, options: RequestOptions = { fee: PURSE_FEE }) =>
    requestBody(baseUrl, keys, { terms: { ...terms, ...more }, reserve, ...options });

  expectRefusal(await send(`${baseUrl}reserves/nonsense/purse`, { json: good }), 400, 27);
  for (const field of ['purse_value', 'merge_sig', 'purse_pub']) {
    expect(await refused({ [field]: null }, 400, 22)).toMatchObject({ field });
  }
  expect(await refused({ purse_fee: 'EUR:1' }, 400, 22)).toMatchObject({ field: 'purse_fee' });
  await refused({ merge_sig: good.reserve_sig, purse_expiration: { t_s: now() - 1 } }, 403, 1777);
  await refused({ purse_expiration: { t_s: now() - 1 }, purse_fee: 'KUDOS:0' }, 400, 1775);
  await refused({ purse_expiration: { t_s: 'never' } }, 400, 1776);
  await refused({ purse_fee: 'KUDOS:0.03', purse_sig: good.merge_sig }, 400, 1678);
  await refused({ min_age: 1, reserve_sig: good.merge_sig }, 403, 1855);
  await refused({ reserve_sig: good.merge_sig, econtract: { ...contract, econtract_sig: good.merge_sig } }, 403, 1778);
  await refused({ purse_fee: 'KUDOS:0.05' }, 403, 1778);
  await refused({ econtract: { ...contract, contract_pub: keys.merge.pub } }, 403, 1856);
  const nobody = newReserve();
  const early = requestBody(baseUrl, keys, { terms, reserve: nobody, fee: PURSE_FEE });
  expectRefusal(await postRequest(baseUrl, nobody, early), 404, 1027);
  expectRefusal(await send(`${baseUrl}purses/${keys.purse.pub}/merge`), 404, 1025);

  const { econtract: _, ...bare } = good;
  const made = await postRequest(baseUrl, reserve, bare);
  expectConfirmed(made, keys, terms, offers, 0n);
  expect((await postRequest(baseUrl, reserve, good)).bytes.equals(made.bytes)).toBe(true); // and adds the contract
  expectOk(await send(`${baseUrl}contracts/${contract.contract_pub}`));
  expect(await balanceOf(baseUrl, reserve)).toBe(units('0.96'));
  const stored = {
    amount: 'KUDOS:0.5',
    min_age: 0,
    purse_expiration: { t_s: terms.expiration },
    purse_sig: good.purse_sig,
    h_contract_terms: encodeBase32(terms.contractHash),
    merge_pub: keys.merge.pub,
  };
  expect(expectRefusal(await postRequest(baseUrl, reserve, variant({ minAge: 5 })), 409, 1675)).toMatchObject(stored);
  const merge = { reserve_pub: reserve.pub, merge_sig: good.merge_sig, merge_timestamp: good.merge_timestamp };
  const later = variant({}, { fee: PURSE_FEE, mergeTimestamp: now() - 100 });
  expect(expectRefusal(await postRequest(baseUrl, reserve, later), 409, 1676)).toMatchObject(merge);
  const free = variant({}, {});
  expect(expectRefusal(await postRequest(baseUrl, reserve, free), 409, 1676)).toMatchObject(merge);
  expect(await refused({ econtract: contractOf(keys) }, 409, 1859)).toMatchObject({
    econtract_sig: contract.econtract_sig,
    contract_pub: contract.contract_pub,
  });
  const [coin] = (await newCoins(exchange, offers, '1')) as [Coin];
  const other = createBody(keys, termsOf('0.5'), [depositItem(baseUrl, keys, coin)]);
  expect(expectRefusal(await postPurse(baseUrl, keys, 'create', other), 409, 1850)).toMatchObject(stored);
  const push = newPurse();
  expectOk(await create(baseUrl, push, terms, [coin]));
  expectRefusal(await ask(push, terms, reserve), 409, 1675);
});

test('the law is asked when money is requested, not when it comes; and when a purse is merged', async () => {
  const reserve = await fundedReserve(exchange, '0.1');
  const [keys, terms] = [newPurse(), termsOf('19.9')];
  expectConfirmed(await ask(keys, terms, reserve), keys, terms, offers, 0n);
  const [next, more] = [newPurse(), termsOf('0.2')];
  const body = requestBody(baseUrl, next, { terms: more, reserve });
  const needed = expectRefusal(await postRequest(baseUrl, reserve, body), 451, 1028);
  expect(expectRefusal(await postRequest(baseUrl, reserve, body), 451, 1028)).toEqual(needed);
  expect(needed).toMatchObject({ requirement_row: 1, h_payto: expect.stringMatching(/^[0-9A-Z]{52}$/) });
  expectRefusal(await send(`${baseUrl}purses/${next.purse.pub}/merge`), 404, 1025);
  // What was allowed when it was asked for comes in, whoever pays.
  const coins = await newCoins(exchange, offers, '10', '10');
  expectOk(await deposit(keys, ...coins));
  expect(await balanceOf(baseUrl, reserve)).toBe(units('20'));

  const [pushed, target] = [newPurse(), termsOf('0.5')];
  const [coin, last] = (await newCoins(exchange, offers, '1', '1')) as [Coin, Coin];
  expectOk(await create(baseUrl, pushed, target, [coin]));
  const merge = mergeBody(baseUrl, pushed, target, reserve);
  const refused = expectRefusal(await postPurse(baseUrl, pushed, 'merge', merge), 451, 1028);
  expect(refused).toMatchObject({ h_payto: needed.h_payto, requirement_row: 1 });
  await approve(exchange, needed as unknown as Case);
  expectOk(await postPurse(baseUrl, pushed, 'merge', merge));
  expectConfirmed(await postRequest(baseUrl, reserve, body), next, more, offers, 0n);
  expectOk(await deposit(next, last));
  expect(await balanceOf(baseUrl, reserve)).toBe(units('20.7'));
});
