import { expect, test } from 'vitest';
import { openConfiguredStore } from '../support/configured-store.js';
import { startExchange } from '../support/exchange.js';
import { expectOk, expectRefusal, type Json, send } from './support/http.js';
import { now, readOffers, units } from './support/offers.js';
import {
  type Coin,
  coinHistory,
  coinsOf,
  create,
  depositItem,
  newPurse,
  postPurse,
  termsOf,
} from './support/purses.js';
import { eventually } from './support/reserves.js';

const MANY = 160;
const OTHERS = 40;

test('kill -9 amid the refunds of expired purses: every coin gets its money back, once', async () => {
  let exchange = await startExchange({ onTestServer: true });
  try {
    const { baseUrl } = exchange;
    const offer = (await readOffers(baseUrl)).of('0.1');
    const begunAt = now();
    const coins = await coinsOf(exchange, Array<typeof offer>(MANY + OTHERS).fill(offer));
    // The purses have to be filled before they expire: putting the coins in takes about as long as withdrawing them.
    const patience = 6 + 3 * (now() - begunAt);
    const [large, terms] = [newPurse(), termsOf('90', { expiration: now() + patience })];
    const purses = Array.from({ length: OTHERS }, newPurse);
    const made = [
      create(baseUrl, large, terms, coins.slice(0, 128)),
      ...purses.map((keys, place) => create(baseUrl, keys, terms, coins.slice(MANY + place, MANY + place + 1))),
    ];
    for (const reply of await Promise.all(made)) expectOk(reply);
    const rest = { deposits: coins.slice(128, MANY).map((coin) => depositItem(baseUrl, large, coin)) };
    expectOk(await postPurse(baseUrl, large, 'deposit', rest));

    // The long poll settles its purse the moment it expires, and the job finds the others.
    const waiting = send(`${baseUrl}purses/${large.purse.pub}/merge?timeout_ms=${(patience + 60) * 1_000}`).catch(
      () => undefined,
    );
    await eventually(async () => (await isRefunded(baseUrl, coins[0] as Coin)) || undefined);
    await exchange.kill();
    await waiting;
    const unfinished: string[] = [];
    const reader = await openConfiguredStore(exchange.data);
    for (const { purse } of [large, ...purses]) {
      const { events } = await reader.readStream(`${exchange.instance}.purse-${purse.pub}`);
      const refunds = events.filter(({ type }) => type === 'PurseCoinsRefunded').length;
      if (refunds < (purse === large.purse ? 2 : 1)) unfinished.push(purse.pub);
    }
    await reader.close();
    expect(unfinished.length).toBeGreaterThan(0);

    const { data, ports } = exchange;
    exchange = await startExchange({ data, ports });
    for (const coin of coins) {
      await eventually(async () => (await isRefunded(exchange.baseUrl, coin)) || undefined);
    }
    for (const keys of [large, ...purses]) {
      expectRefusal(await send(`${exchange.baseUrl}purses/${keys.purse.pub}/merge`), 410, 1026);
    }
    const [again, whole] = [newPurse(), termsOf('1')];
    expectOk(await create(exchange.baseUrl, again, whole, coins.slice(0, 128)));
    expect(exchange.log()).not.toMatch(/"level":(50|60)/);
    expect(await exchange.stop()).toBe(0);
  } finally {
    await exchange.kill();
    exchange.remove();
  }
});

/** The coin has its whole value again, by one deposit and one refund. */
async function isRefunded(baseUrl: string, coin: Coin): Promise<boolean> {
  const { balance, history } = expectOk(await coinHistory(baseUrl, coin));
  const types = (history as Json[]).map(({ type }) => type);
  if (types.length === 1) return false;
  expect(types.sort()).toEqual(['PURSE-DEPOSIT', 'PURSE-REFUND']);
  expect(units(String(balance))).toBe(coin.offer.value);
  return true;
}
