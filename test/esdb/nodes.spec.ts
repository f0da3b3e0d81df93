import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  costOf,
  expectCoins,
  newPlanchet,
  newPlanchets,
  newReserve,
  newSession,
  postWithdraw,
  withdraw,
  withdrawBody,
} from '../e2e/support/coins.js';
import { expectOk, type Json, patiently, type Reply, send } from '../e2e/support/http.js';
import { type Offers, readOffers, units } from '../e2e/support/offers.js';
import {
  type Coin,
  coinHistory,
  coinsOf,
  createBody,
  depositItem,
  leftByHistory,
  mergeBody,
  newPurse,
  type PurseKeys,
  postPurse,
  reserveHistory,
  termsOf,
} from '../e2e/support/purses.js';
import { disclosed, recoup, revoke } from '../e2e/support/recoup.js';
import {
  balanceOf,
  close,
  formatUnits,
  fundedReserve,
  newAccount,
  paymentsTo,
  summaryOf,
} from '../e2e/support/reserves.js';
import { type TestServer, testServer } from '../support/eventstoredb/test-server.js';
import type { Settings } from '../support/exchange.js';
import { Load } from './load.js';
import { type Node, PUBLIC_URL, Site } from './site.js';

let server: TestServer;
let site: Site;
let offers: Offers;
const node = (index: number): Node => site.nodes[index % site.nodes.length] as Node;

beforeAll(async () => {
  server = await testServer();
  site = await Site.start(server.connectionString, 'a', 'b');
  offers = await readOffers(node(0).baseUrl);
});
afterAll(async () => {
  await site?.close();
  await server?.close();
});

const statuses = (replies: readonly Reply[]): number[] => replies.map(({ status }) => status).sort();

const deposit = (keys: PurseKeys, coin: Coin): Json => depositItem(PUBLIC_URL, keys, coin);

/** Spends the whole coin into a purse that nobody has seen. */
function spend(baseUrl: string, coin: Coin): Promise<Reply> {
  const [keys, terms] = [newPurse(), termsOf('0.05')];
  return postPurse(baseUrl, keys, 'create', createBody(keys, terms, [deposit(keys, coin)]));
}

describe('two nodes on one event store and one key folder', () => {
  test('offer the same keys, byte for byte', async () => {
    const documents = await Promise.all(site.nodes.map(({ baseUrl }) => send(`${baseUrl}keys`)));
    for (const document of documents) expectOk(document);
    expect(documents[0]?.text).toBe(documents[1]?.text);
  });

  test('accept a coin that is spent on both at once one time, and prove it with the same history', async () => {
    const coins = await coinsOf(
      node(0),
      Array.from({ length: 8 }, () => offers.of('0.1')),
    );
    await Promise.all(
      coins.map(async (coin) => {
        const replies = await Promise.all([spend(node(0).baseUrl, coin), spend(node(1).baseUrl, coin)]);
        expect(statuses(replies)).toEqual([200, 409]);
        expect(replies.find(({ status }) => status === 409)?.json.history).toHaveLength(1);
        await site.expectSame(async (baseUrl) => (await coinHistory(baseUrl, coin)).json.history);
      }),
    );
    for (const coin of coins) {
      const { history } = expectOk(await coinHistory(node(1).baseUrl, coin));
      expect(leftByHistory(coin, history, offers)).toBe(0n);
    }
  });

  test('never take a reserve below zero', async () => {
    const [count, price] = [6, costOf(newPlanchets(offers, '0.1'))];
    const reserve = await fundedReserve(node(0), formatUnits(BigInt(count) * price).slice('KUDOS:'.length));
    const replies = await Promise.all(
      Array.from({ length: 2 * count }, async (_, i) => {
        const planchets = newPlanchets(offers, '0.1');
        const reply = await withdraw(node(i).baseUrl, reserve, planchets);
        if (reply.status === 200) expectCoins(reply, planchets);
        return reply;
      }),
    );
    expect(statuses(replies)).toEqual([...Array(count).fill(200), ...Array(count).fill(409)]);
    await site.expectSame((baseUrl) => summaryOf(baseUrl, reserve));
    expect(await balanceOf(node(1).baseUrl, reserve)).toBe(0n);
    await site.expectSame(async (baseUrl) => expectOk(await patiently(() => reserveHistory(baseUrl, reserve))).history);
  });

  test('give the same answer to the same request, asked of both at once', async () => {
    const reserve = await fundedReserve(node(1), '5');
    const rsa = newPlanchets(offers, '1', '0.1');
    const cs = newPlanchet(
      offers.of('1', { cipher: 'CS' }),
      await newSession(node(0).baseUrl, offers.of('1', { cipher: 'CS' })),
    );
    const planchets = [...rsa, cs];
    const body = withdrawBody(reserve, planchets);
    const replies = await Promise.all([0, 1, 0, 1].map((i) => postWithdraw(node(i).baseUrl, reserve.pub, body)));
    for (const reply of replies) expectCoins(reply, planchets);
    expect(new Set(replies.map(({ text }) => text)).size).toBe(1);
    expect(await balanceOf(node(0).baseUrl, reserve)).toBe(units('5') - costOf(planchets));
  });

  test('merge a purse once, and say the same, when both are asked at once', async () => {
    const coins = await coinsOf(
      node(0),
      Array.from({ length: 8 }, () => offers.of('0.1')),
    );
    await Promise.all(
      coins.map(async (coin) => {
        const [keys, terms, reserve] = [newPurse(), termsOf('0.05'), newReserve()];
        expectOk(await postPurse(node(1).baseUrl, keys, 'create', createBody(keys, terms, [deposit(keys, coin)])));
        const body = mergeBody(PUBLIC_URL, keys, terms, reserve);
        const replies = await Promise.all([0, 1, 0].map((i) => postPurse(node(i).baseUrl, keys, 'merge', body)));
        for (const reply of replies) expectOk(reply);
        expect(new Set(replies.map(({ text }) => text)).size).toBe(1);
        expect(await balanceOf(node(0).baseUrl, reserve)).toBe(units('0.05'));
      }),
    );
  });

  test('book a credit once and pay a closing once', async () => {
    const account = newAccount();
    const reserve = await fundedReserve(node(0), '3', account);
    const replies = await Promise.all(site.nodes.map(({ baseUrl }) => close(baseUrl, reserve)));
    const [amount] = replies.map((reply) => expectOk(reply).wire_amount as string).filter((text) => text !== 'KUDOS:0');
    await paymentsTo(node(0), account);
    const next = newAccount();
    await close(node(1).baseUrl, await fundedReserve(node(1), '3', next));
    await paymentsTo(node(1), next);
    expect((await paymentsTo(node(0), account)).map((paid) => paid.amount)).toEqual([amount]);
    await site.expectSame((baseUrl) => summaryOf(baseUrl, reserve));
    expect(await balanceOf(node(1).baseUrl, reserve)).toBe(0n);
  });

  test('take back coins of a denomination that the other one has just revoked', async () => {
    const offer = offers.of('1');
    const coins = await coinsOf(node(0), [offer, offer]);
    await revoke(node(0), offer);
    const entries = coins.map(disclosed);
    expectOk(await recoup(node(1).baseUrl, (coins[0] as Coin).reserve, entries));
    expect(await balanceOf(node(1).baseUrl, (coins[0] as Coin).reserve)).toBe(2n * offer.value);
  });
});

describe('nodes that come and go', () => {
  test('one that is killed in the middle of requests leaves nothing that the other cannot finish', async () => {
    await Load.while(site, async (load) => {
      await load.more(10);
      await node(0).kill();
      await load.more(10);
      await site.startNode(node(0).name);
    });
  });

  test('a rolling restart refuses nothing but with 503 and Retry-After, and read models go on', async () => {
    const load = await Load.while(site, async (running) => {
      for (const round of [0, 1]) {
        await running.more(10);
        expect(await node(round).stop()).toBe(0);
        await running.more(10);
        await site.startNode(node(round).name);
      }
    });
    load.expectPutOffOnly();
    for (const { log } of site.nodes) {
      expect(log()).not.toContain('was made from another ledger');
      expect(log()).not.toMatch(/"level":[56]0/);
    }
  });

  test('the work of one that is killed is taken over: credits are booked, closings are paid', async () => {
    for (const round of [0, 1]) {
      await node(round).kill();
      const [account, survivor] = [newAccount(), node(round + 1)];
      const reserve = await fundedReserve(survivor, '3', account);
      expectOk(await patiently(() => close(survivor.baseUrl, reserve)));
      await paymentsTo(survivor, account);
      await site.startNode(node(round).name);
      expect(await paymentsTo(survivor, account)).toHaveLength(1);
    }
  });
});

test('a node that is configured for another currency than the ledger does not start', async () => {
  const change = (settings: Settings): void => {
    Object.assign(settings, JSON.parse(JSON.stringify(settings).replaceAll('KUDOS', 'EUR')));
  };
  const refused = site.startNode('in euros', { change });
  await expect(refused).rejects.toThrow(
    /ended with 78:[\s\S]*florin: currency is EUR; allowed: KUDOS, in which the ledger/,
  );
});

test('a node whose key folder is not mounted makes no keys of its own, and does not start', async () => {
  const keys = join(site.folder, 'not-mounted');
  const refused = site.startNode('without keys', { keys });
  await expect(refused).rejects.toThrow(/ended with 78:[\s\S]*has no log key, but the event store holds a ledger/);
  expect(readdirSync(keys, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())).toEqual([]);
});
