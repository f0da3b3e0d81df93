import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type RunningExchange, startExchange } from '../support/exchange.js';
import { newReserve } from './support/coins.js';
import { expectOk, expectRefusal, send } from './support/http.js';
import { type Offers, readOffers, units } from './support/offers.js';
import {
  type Coin,
  coinHistory,
  coinsOf,
  contractOf,
  create,
  createBody,
  deletePurse,
  depositItem,
  expectConfirmed,
  expectMerged,
  mergeBody,
  newPurse,
  postPurse,
  termsOf,
} from './support/purses.js';
import { balanceOf } from './support/reserves.js';

// As many coins as one request may bring, and more than one unit can hold.
let exchange: RunningExchange;
let offers: Offers;
let baseUrl: string;
let coins: Coin[];

beforeAll(async () => {
  exchange = await startExchange({ onTestServer: true });
  ({ baseUrl } = exchange);
  offers = await readOffers(baseUrl);
  const offer = offers.of('0.1');
  coins = await coinsOf(exchange, Array<typeof offer>(129).fill(offer));
});
afterAll(async () => {
  expect(await exchange.stop()).toBe(0);
  exchange.remove();
});

const NET = units('0.09') * 128n;

test('128 coins make a purse, come back when it is deleted, and pay into another that is merged', async () => {
  const [keys, terms] = [newPurse(), termsOf('11.5')];
  const many = coins.slice(0, 128);
  expectConfirmed(await create(baseUrl, keys, terms, many), keys, terms, offers, NET);
  expect((await deletePurse(baseUrl, keys)).status).toBe(204);
  for (const coin of [many[0], many[127]] as [Coin, Coin]) {
    expect(expectOk(await coinHistory(baseUrl, coin)).balance).toBe('KUDOS:0.1');
  }
  const [again, reserve] = [newPurse(), newReserve()];
  const made = await create(baseUrl, again, terms, many);
  expectConfirmed(made, again, terms, offers, NET);
  expectMerged(
    await postPurse(baseUrl, again, 'merge', mergeBody(baseUrl, again, terms, reserve)),
    baseUrl,
    again,
    terms,
    reserve,
  );
  expect(await balanceOf(baseUrl, reserve)).toBe(terms.target);
  expect((await create(baseUrl, again, terms, many)).bytes.equals(made.bytes)).toBe(true);
});

test('129 coins are refused before anything else of them is looked at', async () => {
  const [keys, terms] = [newPurse(), termsOf('1')];
  expect(expectRefusal(await create(baseUrl, keys, terms, coins), 400, 26)).toMatchObject({ detail: 'deposits' });
  const deposits = coins.map((coin) => depositItem(baseUrl, keys, coin));
  expect(expectRefusal(await postPurse(baseUrl, keys, 'deposit', { deposits }), 400, 26).detail).toBe('deposits');
  expectRefusal(await send(`${baseUrl}purses/${keys.purse.pub}/merge`), 404, 1025);
});

test('a contract that fits no unit is too large, one a little smaller is kept', async () => {
  const [coin] = coins.slice(128) as [Coin];
  const terms = termsOf('0.05');
  const make = (bytes: number) => {
    const keys = newPurse();
    const contract = contractOf(keys, randomBytes(bytes));
    const body = createBody(keys, terms, [depositItem(baseUrl, keys, coin)], contract);
    return postPurse(baseUrl, keys, 'create', body);
  };
  expectRefusal(await make(512 * 1024), 413, 32);
  expectRefusal(await coinHistory(baseUrl, coin), 404, 1019);
  expect(expectRefusal(await make(512 * 1024 + 1), 400, 22)).toMatchObject({ field: 'econtract.econtract' });
  expectOk(await make(400 * 1024));
});
