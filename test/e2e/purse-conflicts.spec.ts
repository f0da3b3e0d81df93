import { randomBytes } from 'node:crypto';
import { parseDenominationPub, parseDenominationSignature } from '@florin/crypto';
import { decodeBase32, encodeBase32 } from '@florin/encoding';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type RunningExchange, startExchange } from '../support/exchange.js';
import { expectOk, expectRefusal, type Json, send } from './support/http.js';
import { type Offers, readOffers, units } from './support/offers.js';
import { oracle, wallet } from './support/oracle.js';
import { postRequest, requestBody } from './support/purse-requests.js';
import {
  type Coin,
  coinHistory,
  coinsOf,
  contractOf,
  create,
  createBody,
  depositItem,
  leftByHistory,
  newCoins,
  newPurse,
  type PurseKeys,
  postPurse,
  termsOf,
} from './support/purses.js';
import { fundedReserve } from './support/reserves.js';

// What a coin or a purse did first is the proof against what it is to do now; each 409 says what, and who signed it.
let exchange: RunningExchange;
let offers: Offers;
let baseUrl: string;

beforeAll(async () => {
  exchange = await startExchange({ onTestServer: true });
  ({ baseUrl } = exchange);
  offers = await readOffers(baseUrl);
});
afterAll(async () => {
  expect(exchange.log()).not.toMatch(/"level":(50|60)/);
  expect(await exchange.stop()).toBe(0);
  exchange.remove();
});

const members = (body: Json): string[] => Object.keys(body).sort();
const PROOF = ['code', 'coin_pub', 'h_denom_pub', 'hint', 'history'];

/** Pays with coins into a new purse, or into one that is there. */
async function pay(keys: PurseKeys, coin: Coin, amount = coin.offer.value) {
  const deposit = depositItem(baseUrl, keys, coin, { amount });
  return postPurse(baseUrl, keys, 'create', createBody(keys, termsOf('0.3'), [deposit]));
}

const deposit = (keys: PurseKeys, coin: Coin, amount = coin.offer.value) =>
  postPurse(baseUrl, keys, 'deposit', { deposits: [depositItem(baseUrl, keys, coin, { amount })] });

test('a coin that has less left shows all that it paid and got back', async () => {
  const [coin, other] = (await newCoins(exchange, offers, '1', '1')) as [Coin, Coin];
  const [first, second] = [newPurse(), newPurse()];
  expectOk(await pay(first, coin, units('0.6')));
  expectOk(await pay(second, other));
  for (const refused of [
    await pay(newPurse(), coin, units('0.40000001')),
    await deposit(second, coin, units('0.5')),
    await deposit(second, coin),
  ]) {
    const body = expectRefusal(refused, 409, 1012);
    expect(members(body)).toEqual(PROOF);
    expect(body).toMatchObject({ coin_pub: coin.key.pub, h_denom_pub: coin.offer.hash });
    expect(body.history).toMatchObject([{ type: 'PURSE-DEPOSIT', purse_pub: first.purse.pub, refunded: false }]);
    expect(leftByHistory(coin, body.history, offers)).toBe(units('0.4'));
    expect(body.history).toEqual(expectOk(await coinHistory(baseUrl, coin)).history);
  }
  expectOk(await deposit(second, coin, units('0.4')));
});

test('of several coins that cannot pay the first is named, and none is charged', async () => {
  const coins = (await newCoins(exchange, offers, '1', '1', '1')) as [Coin, Coin, Coin];
  for (const coin of coins.slice(1)) expectOk(await pay(newPurse(), coin));
  const body = expectRefusal(await create(baseUrl, newPurse(), termsOf('2'), coins), 409, 1012);
  expect(body.coin_pub).toBe(coins[1].key.pub);
  expectRefusal(await coinHistory(baseUrl, coins[0]), 404, 1019);
});

test('one key under two denominations: the signature of the first is shown', async () => {
  const seed = randomBytes(32);
  const [small] = (await coinsOf(exchange, [offers.of('0.1')], { seed })) as [Coin];
  for (const offer of [offers.of('1'), offers.of('1', { cipher: 'CS' })]) {
    const [large] = (await coinsOf(exchange, [offer], { seed })) as [Coin];
    expect(large.key.pub).toBe(small.key.pub);
    expectOk(await pay(newPurse(), small, units('0.05')));
    const body = expectRefusal(await pay(newPurse(), large), 409, 1003);
    expect(members(body)).toEqual([...PROOF, 'prev_denom_pub', 'prev_denom_sig']);
    expect(body).toMatchObject({ coin_pub: small.key.pub, h_denom_pub: small.offer.hash });
    const before = oracle.denomination(parseDenominationPub(body.prev_denom_pub));
    expect(encodeBase32(before.hash)).toBe(small.offer.hash);
    const coinPubHash = oracle.hash.coinPub(decodeBase32(small.key.pub, 32));
    expect(before.verify(coinPubHash, parseDenominationSignature(body.prev_denom_sig))).toBe(true);
    expect((body.history as Json[]).length).toBeGreaterThan(0);
  }
});

test('one key with two age commitments: the first is shown', async () => {
  const aged = offers.of('1', { aged: true });
  const seed = randomBytes(32);
  const [old, young] = (await coinsOf(exchange, [aged, aged], { seed })) as [Coin, Coin];
  expect(young.key.pub).toBe(old.key.pub);
  expectOk(await pay(newPurse(), old, units('0.5')));
  const body = expectRefusal(await pay(newPurse(), young, units('0.5')), 409, 1015);
  expect(members(body)).toEqual([...PROOF, 'conflict_detail', 'expected_age_commitment_hash'].sort());
  expect(body).toMatchObject({
    coin_pub: old.key.pub,
    h_denom_pub: aged.hash,
    expected_age_commitment_hash: encodeBase32(wallet.age.commitmentHash(old.age?.publicKeys ?? [])),
  });
  expect(leftByHistory(old, body.history, offers)).toBe(units('0.5'));
});

test('a contract stays that of the purse which had its key first, whatever was made with the key since', async () => {
  const [coin, other] = (await newCoins(exchange, offers, '1', '1')) as [Coin, Coin];
  const made = [newPurse(), newPurse()].sort((left, right) => (left.purse.pub < right.purse.pub ? -1 : 1));
  const [copying, keys] = made as [PurseKeys, PurseKeys];
  const contract = contractOf(keys);
  const path = `${baseUrl}contracts/${contract.contract_pub}`;
  const samePub = Buffer.from(decodeBase32(contract.contract_pub, 32));
  const make = (of: PurseKeys, from: Coin, written: typeof contract) =>
    postPurse(baseUrl, of, 'create', createBody(of, termsOf('0.5'), [depositItem(baseUrl, of, from)], written));
  expectOk(await make(keys, coin, contract));
  expectOk(await make(copying, other, contractOf(copying, randomBytes(9), samePub)));
  expect(expectOk(await send(path))).toMatchObject({ purse_pub: keys.purse.pub, econtract: contract.econtract });
});

test('a purse by other terms is refused with what its key signed first, whoever made it', async () => {
  const [coin, other] = (await newCoins(exchange, offers, '1', '1')) as [Coin, Coin];
  const reserve = await fundedReserve(exchange, '0.1');
  const [pushed, asked] = [newPurse(), newPurse()];
  const terms = termsOf('0.5');
  const shown = (keys: PurseKeys, purseSignature: string) => ({
    amount: 'KUDOS:0.5',
    min_age: 0,
    purse_expiration: { t_s: terms.expiration },
    purse_sig: purseSignature,
    h_contract_terms: encodeBase32(terms.contractHash),
    merge_pub: keys.merge.pub,
  });
  const conflict = (body: Json) => expect(members(body)).toEqual(members({ code: 0, hint: '', ...shown(pushed, '') }));
  const body = createBody(pushed, terms, [depositItem(baseUrl, pushed, coin)]);
  expectOk(await postPurse(baseUrl, pushed, 'create', body));
  const request = requestBody(baseUrl, asked, { terms, reserve });
  expectOk(await postRequest(baseUrl, reserve, request));
  for (const [keys, signature] of [
    [pushed, body.purse_sig],
    [asked, request.purse_sig],
  ] as const) {
    for (const more of [{ target: 1n }, { minAge: 1 }, { contractHash: randomBytes(64) }, { expiration: 4e9 }]) {
      const created = expectRefusal(await create(baseUrl, keys, { ...terms, ...more }, [other]), 409, 1850);
      const requested = requestBody(baseUrl, keys, { terms: { ...terms, ...more }, reserve });
      const refused = expectRefusal(await postRequest(baseUrl, reserve, requested), 409, 1675);
      for (const proof of [created, refused]) {
        conflict(proof);
        expect(proof).toMatchObject(shown(keys, signature));
      }
    }
  }
  expectRefusal(await coinHistory(baseUrl, other), 404, 1019);
});
