import { randomBytes } from 'node:crypto';
import { encodeBase32, NEVER } from '@florin/encoding';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type RunningExchange, startExchange } from '../support/exchange.js';
import { expectCoins, newPlanchets, newReserve, withdraw } from './support/coins.js';
import { expectOk, expectRefusal, expectSignatureHeader, type Json, send } from './support/http.js';
import { now, type Offers, readOffers, units } from './support/offers.js';
import {
  type Coin,
  coinHistory,
  coinsOf,
  contractOf,
  create,
  createBody,
  DEPOSIT_FEE,
  deletePurse,
  depositItem,
  expectConfirmed,
  expectMerged,
  leftByHistory,
  mergeBody,
  newCoins,
  newPurse,
  postPurse,
  reserveHistory,
  SOON_S,
  termsOf,
} from './support/purses.js';
import { balanceOf, eventually } from './support/reserves.js';

// One person pays another: a purse is made of coins, handed over, and merged into a reserve.
let exchange: RunningExchange;
let offers: Offers;
let baseUrl: string;

beforeAll(async () => {
  exchange = await startExchange({ onTestServer: true });
  ({ baseUrl } = exchange);
  offers = await readOffers(baseUrl);
});
afterAll(async () => {
  expect(await exchange.stop()).toBe(0);
  exchange.remove();
});

const net = (...coins: readonly Coin[]): bigint =>
  coins.reduce((sum, { offer }) => sum + offer.value - DEPOSIT_FEE, 0n);
const statusOf = (pursePub: string, target = 'merge') => send(`${baseUrl}purses/${pursePub}/${target}`);

test('coins go into a purse, the purse into a reserve, and the reserve into coins again', async () => {
  const coins = await coinsOf(exchange, [offers.of('2'), offers.of('1', { cipher: 'CS' }), offers.of('1')]);
  const [keys, terms, reserve] = [newPurse(), termsOf('3.9'), newReserve()];
  const created = await create(baseUrl, keys, terms, coins);
  expectConfirmed(created, keys, terms, offers, net(...coins));
  const waiting = expectOk(await statusOf(keys.purse.pub));
  expect(waiting).toMatchObject({ balance: 'KUDOS:3.97' });
  expect(waiting.merge_timestamp).toBeUndefined();
  expect(waiting.deposit_timestamp).toBeDefined();

  const request = mergeBody(baseUrl, keys, terms, reserve);
  const merged = await postPurse(baseUrl, keys, 'merge', request);
  expectMerged(merged, baseUrl, keys, terms, reserve);
  expect(await balanceOf(baseUrl, reserve)).toBe(units('3.9'));
  expect(expectOk(await statusOf(keys.purse.pub)).merge_timestamp).toEqual(request.merge_timestamp);
  const history = expectOk(await reserveHistory(baseUrl, reserve));
  expect(history.balance).toBe('KUDOS:3.9');
  expect(history.history).toMatchObject([
    { type: 'MERGE', amount: 'KUDOS:3.9', merged: true, purse_pub: keys.purse.pub },
  ]);

  const planchets = newPlanchets(offers, '2', '1');
  expectCoins(await withdraw(baseUrl, reserve, planchets), planchets);
  for (const [again, operation, body] of [
    [merged, 'merge', request],
    [
      created,
      'create',
      createBody(
        keys,
        terms,
        coins.map((coin) => depositItem(baseUrl, keys, coin)),
      ),
    ],
  ] as const) {
    expect((await postPurse(baseUrl, keys, operation, body)).bytes.equals(again.bytes)).toBe(true);
  }
  const elsewhere = await postPurse(baseUrl, keys, 'merge', mergeBody(baseUrl, keys, terms, newReserve()));
  expect(expectRefusal(elsewhere, 409, 1676)).toMatchObject({ reserve_pub: reserve.pub, merge_sig: request.merge_sig });
  const [late] = (await newCoins(exchange, offers, '1')) as [Coin];
  const deposit = { deposits: [depositItem(baseUrl, keys, late)] };
  expectRefusal(await postPurse(baseUrl, keys, 'deposit', deposit), 410, 1976);
  expectRefusal(await create(baseUrl, keys, terms, [late]), 410, 1976);
  expectRefusal(await deletePurse(baseUrl, keys), 409, 1679);
});

test('one coin raced into ten purses pays into as many as its value allows; the others see the proof', async () => {
  const [coin] = (await newCoins(exchange, offers, '2')) as [Coin];
  const replies = await Promise.all(
    Array.from({ length: 10 }, async () => {
      const keys = newPurse();
      const terms = termsOf('0.5');
      const deposit = depositItem(baseUrl, keys, coin, { amount: units('0.6') });
      return postPurse(baseUrl, keys, 'create', createBody(keys, terms, [deposit]));
    }),
  );
  const refused = replies.filter(({ status }) => status !== 200);
  expect(replies.length - refused.length).toBe(3);
  for (const reply of refused) {
    const body = expectRefusal(reply, 409, 1012);
    expect(body).toMatchObject({ coin_pub: coin.key.pub, h_denom_pub: coin.offer.hash });
    expect(leftByHistory(coin, body.history, offers)).toBeLessThan(units('0.6'));
  }
  const told = expectOk(await coinHistory(baseUrl, coin));
  expect(told.balance).toBe('KUDOS:0.2');
  expect(told.history).toEqual(refused.at(-1)?.json.history);
});

test('a purse that nobody merges gives everything back in time, and repeats keep their answer', async () => {
  const coins = await newCoins(exchange, offers, '1', '0.1');
  const keys = newPurse();
  const terms = termsOf('1', { expiration: now() + SOON_S });
  const contract = contractOf(keys);
  const body = createBody(
    keys,
    terms,
    coins.map((coin) => depositItem(baseUrl, keys, coin)),
    contract,
  );
  const created = await postPurse(baseUrl, keys, 'create', body);
  expectConfirmed(created, keys, terms, offers, net(...coins));
  expect(expectOk(await send(`${baseUrl}contracts/${contract.contract_pub}`))).toEqual({
    purse_pub: keys.purse.pub,
    econtract: contract.econtract,
    econtract_sig: contract.econtract_sig,
  });
  const held = await send(`${baseUrl}purses/${keys.purse.pub}/merge?timeout_ms=60000`);
  expectRefusal(held, 410, 1026);
  for (const coin of coins) {
    const history = await eventually(async () => {
      const told = expectOk(await coinHistory(baseUrl, coin));
      return (told.history as Json[]).length === 2 ? told : undefined;
    });
    expect(units(String(history.balance))).toBe(coin.offer.value);
    expect(leftByHistory(coin, history.history, offers)).toBe(coin.offer.value);
    expect(history.history).toMatchObject([{ refunded: true }, { type: 'PURSE-REFUND' }]);
  }
  expect((await postPurse(baseUrl, keys, 'create', body)).bytes.equals(created.bytes)).toBe(true);
  expectRefusal(await postPurse(baseUrl, keys, 'merge', mergeBody(baseUrl, keys, terms, newReserve())), 410, 1026);
  expectRefusal(await send(`${baseUrl}contracts/${contract.contract_pub}`), 404, 1950);
  expectRefusal(await deletePurse(baseUrl, keys), 409, 1679);
  const [another, later] = [newPurse(), termsOf('1')];
  expectConfirmed(await create(baseUrl, another, later, coins), another, later, offers, net(...coins));
});

test('the owner of a purse deletes it: coins are whole again, and only once', async () => {
  const [coin] = (await newCoins(exchange, offers, '1')) as [Coin];
  const [keys, terms] = [newPurse(), termsOf('0.9')];
  const created = await create(baseUrl, keys, terms, [coin]);
  expectRefusal(await deletePurse(baseUrl, keys, keys.merge), 403, 1680);
  await expectSignatureHeader(`${baseUrl}purses/${keys.purse.pub}`, 'Taler-Purse-Signature', 1680, 'DELETE');
  expect((await deletePurse(baseUrl, keys)).status).toBe(204);
  expect((await deletePurse(baseUrl, keys)).status).toBe(204);
  expect(expectOk(await coinHistory(baseUrl, coin))).toMatchObject({ balance: 'KUDOS:1' });
  expectRefusal(await statusOf(keys.purse.pub), 410, 1031);
  expectRefusal(await postPurse(baseUrl, keys, 'merge', mergeBody(baseUrl, keys, terms, newReserve())), 410, 1031);
  expect((await create(baseUrl, keys, terms, [coin])).bytes.equals(created.bytes)).toBe(true);
  expectRefusal(await deletePurse(baseUrl, newPurse()), 404, 1025);
});

test('a purse is filled by several deposits; not full it is not merged; more than the target stays here', async () => {
  const [first, second, third] = (await newCoins(exchange, offers, '1', '1', '2')) as [Coin, Coin, Coin];
  const [keys, terms, reserve] = [newPurse(), termsOf('1.9'), newReserve()];
  expectConfirmed(await create(baseUrl, keys, terms, [first]), keys, terms, offers, net(first));
  const request = mergeBody(baseUrl, keys, terms, reserve);
  expectRefusal(await postPurse(baseUrl, keys, 'merge', request), 402, 1878);
  const waiting = send(`${baseUrl}purses/${keys.purse.pub}/deposit?timeout_ms=60000`);
  const body = { deposits: [depositItem(baseUrl, keys, second)] };
  const deposited = await postPurse(baseUrl, keys, 'deposit', body);
  expectConfirmed(deposited, keys, terms, offers, net(first, second));
  expect(deposited.json).toMatchObject({ purse_value_after_fees: 'KUDOS:1.9' });
  expect(expectOk(await waiting).balance).toBe('KUDOS:1.98');
  expectConfirmed(await create(baseUrl, keys, terms, [third]), keys, terms, offers, net(first, second, third));
  expect((await postPurse(baseUrl, keys, 'deposit', body)).bytes.equals(deposited.bytes)).toBe(true);
  expectMerged(await postPurse(baseUrl, keys, 'merge', request), baseUrl, keys, terms, reserve);
  expect(await balanceOf(baseUrl, reserve)).toBe(units('1.9'));
});

test('every conflict shows what was signed first', async () => {
  const [one, two] = (await newCoins(exchange, offers, '1', '1')) as [Coin, Coin];
  const [keys, terms] = [newPurse(), termsOf('0.5')];
  const contract = contractOf(keys);
  const half = { amount: units('0.5') };
  const body = createBody(keys, terms, [depositItem(baseUrl, keys, one, half)], contract);
  expectOk(await postPurse(baseUrl, keys, 'create', body));
  const other = termsOf('0.6', { contractHash: terms.contractHash });
  expect(expectRefusal(await create(baseUrl, keys, other, [two]), 409, 1850)).toMatchObject({
    amount: 'KUDOS:0.5',
    min_age: 0,
    purse_expiration: { t_s: terms.expiration },
    purse_sig: body.purse_sig,
    h_contract_terms: encodeBase32(terms.contractHash),
    merge_pub: keys.merge.pub,
  });
  const more = { deposits: [depositItem(baseUrl, keys, one, { amount: units('0.4') })] };
  expect(expectRefusal(await postPurse(baseUrl, keys, 'deposit', more), 409, 1858)).toMatchObject({
    coin_pub: one.key.pub,
    coin_sig: body.deposits[0]?.coin_sig,
    h_denom_pub: body.deposits[0]?.denom_pub_hash,
    h_age_restrictions: '0'.repeat(52),
    amount: 'KUDOS:0.5',
  });
  const rewritten = createBody(keys, terms, [depositItem(baseUrl, keys, two)], contractOf(keys));
  expect(expectRefusal(await postPurse(baseUrl, keys, 'create', rewritten), 409, 1859)).toMatchObject({
    h_econtract: expect.stringMatching(/^[0-9A-Z]{103}$/),
    econtract_sig: contract.econtract_sig,
    contract_pub: contract.contract_pub,
  });
  expectRefusal(await coinHistory(baseUrl, two), 404, 1019);
});

test('purse creation checks in the order of the protocol', async () => {
  const [coin] = (await newCoins(exchange, offers, '1')) as [Coin];
  const keys = newPurse();
  const terms = termsOf('0.5');
  const item = depositItem(baseUrl, keys, coin);
  const good = createBody(keys, terms, [item]);
  const refused = async (change: object, status: number, code: number): Promise<Json> =>
    expectRefusal(await postPurse(baseUrl, keys, 'create', { ...good, ...change }), status, code);
  const refusedCoin = (change: object, status: number, code: number) =>
    refused({ deposits: [{ ...item, ...change }] }, status, code);

  expectRefusal(await send(`${baseUrl}purses/nonsense/create`, { json: good }), 400, 1024);
  expect(await refused({ amount: 'EUR:1' }, 400, 22)).toMatchObject({ field: 'amount' });
  await refused({ purse_expiration: { t_s: now() - 1 } }, 400, 1853);
  await refused({ purse_expiration: { t_s: 'never' } }, 400, 1854);
  for (const deposits of [[], Array(129).fill(item), [item, item]]) {
    expect(await refused({ deposits }, 400, 26)).toMatchObject({ detail: 'deposits' });
  }
  await refusedCoin({ denom_pub_hash: encodeBase32(randomBytes(64)) }, 404, 1005);
  await refusedCoin({ amount: 'KUDOS:1.1' }, 400, 1021);
  await refusedCoin(
    { ub_sig: { cipher: 'CS', cs_signature_r: coin.key.pub, cs_signature_s: coin.key.pub } },
    400,
    1017,
  );
  await refusedCoin({ amount: 'KUDOS:0.001' }, 400, 1207);
  await refusedCoin({ coin_pub: newReserve().pub }, 403, 1006);
  expect(await refusedCoin({ amount: 'KUDOS:0.9' }, 403, 1975)).toMatchObject({ detail: baseUrl });
  const small = depositItem(baseUrl, keys, coin, { amount: units('0.02') });
  await refused({ deposits: [small] }, 400, 1860);
  await refused({ min_age: 1 }, 403, 1855);
  await refused({ econtract: { ...contractOf(keys), contract_pub: coin.key.pub } }, 403, 1856);
  expectRefusal(await coinHistory(baseUrl, coin), 404, 1019);
  expectOk(await postPurse(baseUrl, keys, 'create', good));
});

test('a purse for grown-ups takes coins whose owners prove their age, or that have no age', async () => {
  const aged = offers.of('1', { aged: true });
  const [adult, child] = (await coinsOf(exchange, [aged, aged], { years: 18 })) as [Coin, Coin];
  const [minor] = (await coinsOf(exchange, [aged], { years: 12 })) as [Coin];
  const [plain] = (await newCoins(exchange, offers, '1')) as [Coin];
  const [keys, terms] = [newPurse(), termsOf('1', { minAge: 16 })];
  const item = (coin: Coin) => depositItem(baseUrl, keys, coin, { minAge: 16 });
  const post = (...deposits: Json[]) => postPurse(baseUrl, keys, 'create', createBody(keys, terms, deposits));
  expectRefusal(await post(item(minor)), 400, 1029);
  const { attest } = item(child);
  expectRefusal(await post({ ...item(minor), attest }), 400, 1030);
  expectConfirmed(await post(item(adult), item(plain)), keys, terms, offers, net(adult, plain));
  const told = expectOk(await coinHistory(baseUrl, adult));
  expect(leftByHistory(adult, told.history, offers)).toBe(0n);
});

test('histories know what the client knows', async () => {
  const [coin] = (await newCoins(exchange, offers, '1')) as [Coin];
  const keys = newPurse();
  expectOk(await create(baseUrl, keys, termsOf('0.9'), [coin]));
  const whole = await coinHistory(baseUrl, coin);
  expect(whole.headers.etag).toBe('"1"');
  expect((await coinHistory(baseUrl, coin, 0, { 'If-None-Match': '"1"' })).status).toBe(304);
  expect((await coinHistory(baseUrl, coin, 1)).status).toBe(304);
  expect((await coinHistory(baseUrl, coin, 1, { 'If-None-Match': 'odd' })).status).toBe(204);
  expect((await coinHistory(baseUrl, coin, 2)).status).toBe(204);
  const url = `${baseUrl}coins/${coin.key.pub}/history`;
  await expectSignatureHeader(url, 'Taler-Coin-History-Signature', 1251);
  const headers = { 'Taler-Coin-History-Signature': '0'.repeat(103) };
  expect(expectRefusal(await send(`${url}?start=x`, { headers }), 400, 26).detail).toBe('start');

  const reserve = { ...coin.reserve };
  const told = await reserveHistory(baseUrl, reserve);
  expect((expectOk(told).history as Json[]).map(({ type }) => type)).toEqual(['CREDIT', 'WITHDRAW']);
  expect(told.headers.etag).toBe('"2"');
  expect((expectOk(await reserveHistory(baseUrl, reserve, 1)).history as Json[]).map(({ type }) => type)).toEqual([
    'WITHDRAW',
  ]);
  expect((await reserveHistory(baseUrl, reserve, 2)).status).toBe(304);
  expect((await reserveHistory(baseUrl, reserve, 3)).status).toBe(204);
  expect((await reserveHistory(baseUrl, reserve, 0, { 'If-None-Match': '"2"' })).status).toBe(304);
  await expectSignatureHeader(`${baseUrl}reserves/${reserve.pub}/history`, 'Taler-Reserve-History-Signature', 1252);
  expectRefusal(await reserveHistory(baseUrl, newReserve()), 404, 1027);
});

test('merging checks who says so, where to and what the law wants', async () => {
  const [coin] = (await newCoins(exchange, offers, '1')) as [Coin];
  const [keys, terms, reserve] = [newPurse(), termsOf('0.9'), newReserve()];
  const request = mergeBody(baseUrl, keys, terms, reserve);
  expectRefusal(await postPurse(baseUrl, keys, 'merge', request), 404, 1025);
  expectOk(await create(baseUrl, keys, terms, [coin]));
  const refused = async (body: object, status: number, code: number) =>
    expectRefusal(await postPurse(baseUrl, keys, 'merge', { ...request, ...body }), status, code);
  await refused(mergeBody(baseUrl, keys, terms, reserve, NEVER), 400, 22); // the status would say: not merged
  await refused({ merge_sig: request.reserve_sig }, 403, 1876);
  await refused({ reserve_sig: request.merge_sig }, 403, 1877);
  const foreign = mergeBody('http://exchange.example.org/', keys, terms, reserve);
  await refused(foreign, 404, 1880);
  expectRefusal(await statusOf(keys.purse.pub, 'elsewhere'), 400, 1475);
  expectRefusal(await send(`${baseUrl}reserves/${reserve.pub}`), 404, 1027);
  expectMerged(await postPurse(baseUrl, keys, 'merge', request), baseUrl, keys, terms, reserve);
});
