import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fundReserve, type RunningExchange, startExchange } from '../support/exchange.js';
import { admin } from './support/admin.js';
import { newReserve } from './support/coins.js';
import { expectOk, type Json, send } from './support/http.js';
import { randomText } from './support/oracle.js';
import {
  accountName,
  balanceOf,
  close,
  eventually,
  failTransfers,
  fundedReserve,
  newAccount,
  paymentsOf,
  paymentsTo,
} from './support/reserves.js';

// The bank's side: what comes in is credited once, what goes out is paid once, however the bank behaves.
let exchange: RunningExchange;

beforeAll(async () => {
  exchange = await startExchange({ onTestServer: true });
});
afterAll(async () => {
  expect(await exchange.stop()).toBe(0);
  exchange.remove();
});

interface Transfer {
  readonly request_uid: string;
  readonly status: string;
  readonly amount: string;
  readonly payto_uri: string;
  readonly attempt: number;
  readonly reason?: string;
  readonly next_request_uid?: string;
}

async function transfers(status: string, account?: string): Promise<Transfer[]> {
  const reply = await admin(exchange, `transfers?status=${status}`);
  expect(reply.status).toBe(200);
  const all = reply.json.transfers as Transfer[];
  return account === undefined ? all : all.filter(({ payto_uri }) => payto_uri === account);
}
const withStatus = (status: string, account: string): Promise<Transfer> =>
  eventually(async () => (await transfers(status, account))[0]);
/** As often as a test can take, until it takes that back. */
const ALWAYS = 1_000_000;
/** What the bank has made of the orders to pay an account. */
async function ordersTo(account: string): Promise<{ readonly status: string }[]> {
  const reply = await send(`${exchange.bankUrl}accounts/exchange/taler-wire-gateway/transfers?limit=1000`);
  const orders = (reply.json.transfers ?? []) as { status: string; credit_account: string }[];
  return orders.filter(({ credit_account }) => credit_account === account);
}
const decide = ({ request_uid }: Transfer, what: 'retry' | 'redirect', json: Json) =>
  admin(exchange, `transfers/${request_uid}/${what}`, json);

describe('credits', () => {
  test('of many payers to many reserves, several to each, are all booked, each once', async () => {
    const reserves = Array.from({ length: 10 }, newReserve);
    const sums = reserves.map((_, index) => BigInt(index + 1) * 3n * 100_000_000n);
    await Promise.all(
      reserves.flatMap(({ pub }, index) =>
        [1, 2, 3].map(() => fundReserve(exchange, pub, `KUDOS:${index + 1}`, newAccount())),
      ),
    );
    for (const [index, reserve] of reserves.entries()) {
      expectOk(await send(`${exchange.baseUrl}reserves/${reserve.pub}?timeout_ms=60000`));
      await eventually(async () => ((await balanceOf(exchange.baseUrl, reserve)) === sums[index] ? true : undefined));
    }
  });

  test('by an ordinary transfer whose subject names the reserve; others go back', async () => {
    const reserve = newReserve();
    const pay = (subject: string) =>
      send(`${exchange.bankUrl}accounts/exchange/transactions`, {
        json: { amount: 'KUDOS:4', from: 'carol', subject },
      });
    expect((await pay(`for ${reserve.pub.slice(0, 20)} ${reserve.pub.slice(20)} thanks`)).json.bounced).toBe(false);
    expect((await pay('rent')).json.bounced).toBe(true);
    const summary = expectOk(await send(`${exchange.baseUrl}reserves/${reserve.pub}?timeout_ms=60000`));
    expect(summary).toMatchObject({ balance: 'KUDOS:4', last_origin: expect.stringContaining('/carol') });
  });
});

describe('transfers', () => {
  test.each(['transient_failure', 'pending'] as const)(
    'that end with %s are sent until they arrive, once',
    async (status) => {
      const account = newAccount();
      const reserve = await fundedReserve(exchange, '3', account);
      await failTransfers(exchange, accountName(account), status, ALWAYS);
      expect(expectOk(await close(exchange.baseUrl, reserve)).wire_amount).toBe('KUDOS:2.95');
      expect((await withStatus('requested', account)).attempt).toBe(1);
      await eventually(async () => ((await ordersTo(account))[0]?.status === status ? true : undefined));
      expect((await transfers('requested', account)).map(({ attempt }) => attempt)).toEqual([1]);
      await failTransfers(exchange, accountName(account), status, 0);
      expect((await paymentsTo(exchange, account)).map(({ amount }) => amount)).toEqual(['KUDOS:2.95']);
      expect((await withStatus('confirmed', account)).attempt).toBe(1);
      expect(await transfers('rejected', account)).toEqual([]);
    },
  );

  test('that fail for good stay owed until an admin orders them again: each attempt is its own transfer', async () => {
    const account = newAccount();
    const reserve = await fundedReserve(exchange, '3', account);
    await failTransfers(exchange, accountName(account), 'permanent_failure', 2);
    expect(expectOk(await close(exchange.baseUrl, reserve)).wire_amount).toBe('KUDOS:2.95');
    const first = await withStatus('rejected', account);
    expect(first).toMatchObject({ amount: 'KUDOS:2.95', attempt: 1, reason: expect.stringMatching(/\w/) });

    expect((await decide(first, 'retry', {})).json.code).toBe(22);
    const again = await decide(first, 'retry', { reason: 'the bank says it works now' });
    expect(again.status).toBe(200);
    const second = await eventually(async () =>
      (await transfers('rejected', account)).find((one) => one.attempt === 2),
    );
    expect(second.request_uid).toBe(again.json.next_request_uid);
    expect((await decide(first, 'retry', { reason: 'the bank says it works now' })).json).toEqual(again.json);
    expect(await transfers('replaced', account)).toMatchObject([{ request_uid: first.request_uid, attempt: 1 }]);
    for (const replaced of [first, { ...first, request_uid: randomText(64) }]) {
      expect((await decide(replaced, 'retry', { reason: 'twice' })).status).toBeGreaterThanOrEqual(400);
    }

    expect((await decide(second, 'retry', { reason: 'and again' })).status).toBe(200);
    expect((await paymentsTo(exchange, account)).map(({ amount }) => amount)).toEqual(['KUDOS:2.95']);
    expect((await withStatus('confirmed', account)).attempt).toBe(3);
    expect((await decide(second, 'retry', { reason: 'once more' })).status).toBeGreaterThanOrEqual(400);
    expect(await transfers('rejected', account)).toEqual([]);
  });

  test('that fail for good may go to another account', async () => {
    const [account, other] = [newAccount(), newAccount()];
    const reserve = await fundedReserve(exchange, '3', account);
    await failTransfers(exchange, accountName(account), 'permanent_failure', 1);
    expectOk(await close(exchange.baseUrl, reserve));
    const rejected = await withStatus('rejected', account);
    const wrong: Json[] = [
      { reason: 'moved' },
      { reason: 'moved', payto_uri: 'x' },
      { reason: 'moved', payto_uri: 'payto://iban/DE75512108001245126199?receiver-name=Jane' },
      { payto_uri: other },
    ];
    for (const json of wrong) expect((await decide(rejected, 'redirect', json)).status, JSON.stringify(json)).toBe(400);
    const moved = await decide(rejected, 'redirect', { reason: 'moved', payto_uri: other });
    expect(moved.status).toBe(200);
    expect((await decide(rejected, 'redirect', { reason: 'moved', payto_uri: other })).json).toEqual(moved.json);
    for (const [what, json] of [
      ['redirect', { reason: 'moved', payto_uri: account }],
      ['redirect', { reason: 'moved again', payto_uri: other }],
      ['retry', { reason: 'moved' }],
    ] as const) {
      expect((await decide(rejected, what, json)).status).toBe(400);
    }
    expect((await paymentsTo(exchange, other)).map(({ amount }) => amount)).toEqual(['KUDOS:2.95']);
    await withStatus('confirmed', other);
    expect(await transfers('confirmed', other)).toMatchObject([{ attempt: 2, amount: 'KUDOS:2.95' }]);
    expect((await paymentsOf(exchange)).filter(({ credit_account }) => credit_account === account)).toEqual([]);
  });

  test('one that waits holds up no other; none is lost or paid twice by a restart', async () => {
    const [stuck, fluent, broken] = [newAccount(), newAccount(), newAccount()];
    const reserves = await Promise.all([stuck, fluent, broken].map((account) => fundedReserve(exchange, '2', account)));
    await failTransfers(exchange, accountName(stuck), 'pending', ALWAYS);
    await failTransfers(exchange, accountName(broken), 'permanent_failure', 1);
    for (const reserve of reserves) expectOk(await close(exchange.baseUrl, reserve));
    await paymentsTo(exchange, fluent);
    const rejected = await withStatus('rejected', broken);
    expect(await transfers('requested', stuck)).toHaveLength(1);
    await exchange.kill();
    exchange = await startExchange({ data: exchange.data, ports: exchange.ports });
    await failTransfers(exchange, accountName(stuck), 'pending', 0);
    expect((await paymentsTo(exchange, stuck)).map(({ amount }) => amount)).toEqual(['KUDOS:1.95']);
    expect((await decide(rejected, 'retry', { reason: 'after a restart' })).status).toBe(200);
    expect((await paymentsTo(exchange, broken)).map(({ amount }) => amount)).toEqual(['KUDOS:1.95']);
    await withStatus('confirmed', broken);
    const all = await paymentsOf(exchange);
    expect(new Set(all.map(({ wtid }) => wtid)).size).toBe(all.length);
    for (const account of [stuck, fluent, broken]) {
      expect(all.filter(({ credit_account }) => credit_account === account)).toHaveLength(1);
    }
  });
});

test('what the admin asks about transfers is one of the states there are', async () => {
  const reply = await admin(exchange, 'transfers?status=lost');
  expect([reply.status, reply.json.code]).toEqual([400, 26]);
});
