import { statSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import {
  ALICE,
  call,
  credit,
  freshFolder,
  gatewayOf,
  incomingBody,
  keyNumber,
  orderBody,
  runningBank,
} from './bank.support.js';
import { startDevelopmentBank } from './development-bank.js';

const EXCHANGE = 'payto://x-taler-bank/localhost/exchange?receiver-name=Exchange';

describe('customers', () => {
  test('a transfer that names a reserve arrives at the exchange, and both statements show it', async () => {
    const bank = await runningBank({ now: () => 1_700_000_000 });
    const subject = `Taler ${keyNumber(1).slice(0, 20)} ${keyNumber(1).slice(20)}`;
    const paid = await call(`${bank.url}accounts/exchange/transactions`, { amount: 'EUR:10', from: 'alice', subject });
    expect(paid).toEqual({ status: 200, json: { row_id: 1, timestamp: { t_s: 1_700_000_000 }, bounced: false } });
    expect((await call(`${bank.gatewayUrl}history/incoming?delta=5`)).json).toEqual({
      credit_account: EXCHANGE,
      incoming_transactions: [
        {
          type: 'RESERVE',
          row_id: 1,
          date: { t_s: 1_700_000_000 },
          amount: 'EUR:10',
          debit_account: ALICE,
          reserve_pub: keyNumber(1),
        },
      ],
    });
    const row = { row_id: 1, date: { t_s: 1_700_000_000 }, amount: 'EUR:10', subject };
    expect((await call(`${bank.url}accounts/alice`)).json).toEqual({
      name: 'alice',
      payto: ALICE,
      balance: { amount: 'EUR:10', credit_debit_indicator: 'debit' },
      transactions: [{ ...row, direction: 'debit', other_account: EXCHANGE }],
    });
    expect((await call(`${bank.url}accounts/exchange`)).json).toMatchObject({
      balance: { amount: 'EUR:10', credit_debit_indicator: 'credit' },
      transactions: [{ ...row, direction: 'credit', other_account: ALICE }],
    });
  });

  test('a subject without a reserve bounces: the money is back, and no history lists it', async () => {
    const bank = await runningBank();
    const body = { amount: 'EUR:10', from: 'alice', subject: 'rent' };
    expect((await call(`${bank.url}accounts/exchange/transactions`, body)).json).toMatchObject({ bounced: true });
    const { balance, transactions } = (await call(`${bank.url}accounts/alice`)).json;
    expect(balance.amount).toBe('EUR:0');
    expect(transactions.map((row: { subject: string }) => row.subject)).toEqual([
      'bounced row 1: the subject names no reserve',
      'rent',
    ]);
    expect((await call(`${bank.gatewayUrl}history/incoming?delta=5`)).status).toBe(204);
    expect((await call(`${bank.gatewayUrl}history/outgoing?delta=5`)).status).toBe(204);
  });

  test('an account key in the subject makes a KYCAUTH row', async () => {
    const bank = await runningBank();
    const body = {
      amount: 'EUR:0.01',
      debit_account: 'payto://iban/DE75512108001245126199?receiver-name=A',
      subject: `KYC:${keyNumber(9)}`,
    };
    await call(`${bank.url}accounts/exchange/transactions`, body);
    const [row] = (await call(`${bank.gatewayUrl}history/incoming?delta=5`)).json.incoming_transactions;
    expect(row).toMatchObject({ type: 'KYCAUTH', account_pub: keyNumber(9), debit_account: body.debit_account });
  });

  test('customers pay each other with any subject', async () => {
    const bank = await runningBank();
    await call(`${bank.url}accounts/bob/transactions`, { amount: 'EUR:3', from: 'alice', subject: 'lunch' });
    expect((await call(`${bank.url}accounts/bob`)).json.balance).toEqual({
      amount: 'EUR:3',
      credit_debit_indicator: 'credit',
    });
  });

  test('a transfer of the exchange arrives in the account it names', async () => {
    const bank = await runningBank();
    await call(`${bank.gatewayUrl}transfer`, orderBody(1));
    const { balance, transactions } = (await call(`${bank.url}accounts/alice`)).json;
    expect(balance).toEqual({ amount: 'EUR:2.5', credit_debit_indicator: 'credit' });
    expect(transactions[0].subject).toBe(`${keyNumber(1)} https://exchange.example/`);
  });
});

describe('the wire gateway', () => {
  test('a reserve key may be used again, and a URI need not name a receiver', async () => {
    const bank = await runningBank();
    const bare = 'payto://x-taler-bank/localhost:8082/alice';
    expect((await call(`${bank.gatewayUrl}admin/add-incoming`, incomingBody(1, { debit_account: bare }))).status).toBe(
      200,
    );
    expect((await call(`${bank.gatewayUrl}admin/add-incoming`, incomingBody(1))).status).toBe(200);
    const rows = (await call(`${bank.gatewayUrl}history/incoming?delta=5`)).json.incoming_transactions;
    expect(rows.map((row: { debit_account: string }) => row.debit_account)).toEqual([bare, ALICE]);
    expect((await call(`${bank.url}accounts/alice`)).json.balance.amount).toBe('EUR:2');
  });

  test('every account has a gateway of its own, from its first transaction on', async () => {
    const bank = await runningBank();
    const gateway = `${bank.url}accounts/other/taler-wire-gateway/`;
    expect(await call(`${gateway}history/incoming?delta=5`)).toMatchObject({ status: 404, json: { code: 5106 } });
    expect(await call(`${gateway}transfer`, orderBody(1))).toMatchObject({ status: 404, json: { code: 5106 } });
    await call(`${bank.url}accounts/other/transactions`, { amount: 'EUR:1', from: 'alice', subject: 'open it' });
    expect((await call(`${gateway}admin/add-incoming`, incomingBody(1))).status).toBe(200);
    expect((await call(`${gateway}history/incoming?delta=5`)).json.incoming_transactions).toHaveLength(1);
    expect((await call(`${bank.gatewayUrl}history/incoming?delta=5`)).status).toBe(204);
  });

  test('an order repeated is one payment with one row and one time', async () => {
    let now = 1_700_000_000;
    const bank = await runningBank({ now: () => now });
    const first = await call(`${bank.gatewayUrl}transfer`, orderBody(1));
    now += 100;
    expect(await call(`${bank.gatewayUrl}transfer`, orderBody(1))).toEqual(first);
    expect((await call(`${bank.gatewayUrl}history/outgoing?delta=5`)).json.outgoing_transactions).toEqual([
      {
        row_id: expect.any(Number),
        date: { t_s: 1_700_000_000 },
        amount: 'EUR:2.5',
        credit_account: ALICE,
        exchange_base_url: 'https://exchange.example/',
        wtid: keyNumber(1),
      },
    ]);
  });

  test.each([
    ['amount', { amount: 'EUR:2.51' }],
    ['wtid', { wtid: keyNumber(5) }],
    ['base URL', { exchange_base_url: 'https://exchange.example/x/' }],
    ['account', { credit_account: EXCHANGE }],
  ])('the same request_uid with another %s is 409/5112', async (_what, changes) => {
    const bank = await runningBank();
    await call(`${bank.gatewayUrl}transfer`, orderBody(1));
    expect(await call(`${bank.gatewayUrl}transfer`, orderBody(1, changes))).toMatchObject({
      status: 409,
      json: { code: 5112 },
    });
    const byWtid = await call(`${bank.gatewayUrl}transfer`, orderBody(2, { wtid: keyNumber(1) }));
    expect(byWtid).toMatchObject({ status: 409, json: { code: 5154 } });
    expect((await call(`${bank.gatewayUrl}history/outgoing?delta=5`)).json.outgoing_transactions).toHaveLength(1);
  });

  test('a payment made later than ordered has a later row than what was paid meanwhile', async () => {
    const bank = await runningBank();
    await call(`${bank.url}accounts/alice/development/fail-transfers`, { status: 'transient_failure', count: 1 });
    await call(`${bank.gatewayUrl}transfer`, orderBody(1));
    await call(`${bank.gatewayUrl}transfer`, orderBody(2));
    const before = (await gatewayOf(bank).historyOutgoing({ limit: 5 })).rows;
    await call(`${bank.gatewayUrl}transfer`, orderBody(1));
    const after = (await gatewayOf(bank).historyOutgoing({ limit: 5 })).rows;
    expect(after.slice(0, 1)).toEqual(before);
    expect(after).toHaveLength(2);
  });

  test('both generations of parameters are read', async () => {
    const bank = await runningBank();
    for (let i = 1; i <= 3; i++) await credit(bank, i);
    const rows = async (query: string) =>
      (await call(`${bank.gatewayUrl}history/incoming?${query}`)).json.incoming_transactions.map(
        (row: { row_id: number }) => row.row_id,
      );
    expect(await rows('delta=5&start=1')).toEqual([2, 3]);
    expect(await rows('limit=5&offset=1&timeout_ms=5')).toEqual([2, 3]);
    expect(await rows('delta=1&limit=1&start=2&offset=2')).toEqual([3]);
    expect(await rows('delta=-5&start=18446744073709551615')).toEqual([3, 2, 1]);
    expect(await rows('delta=-9223372036854775807')).toEqual([3, 2, 1]);
  });

  test.each([
    ['', 'delta'],
    ['delta=0', 'delta'],
    ['delta=x', 'delta'],
    ['delta=%2B5', 'delta'],
    ['delta=1.5', 'delta'],
    ['delta=5&delta=5', 'delta'],
    ['delta=5&limit=6', 'delta'],
    ['delta=99999999999999999999', 'delta'],
    ['delta=5&start=-1', 'start'],
    ['delta=5&start=18446744073709551616', 'start'],
    ['delta=5&start=', 'start'],
    ['delta=5&long_poll_ms=soon', 'long_poll_ms'],
    ['delta=5&long_poll_ms=-1', 'long_poll_ms'],
  ])('?%s is 400/26 for %s', async (query, detail) => {
    const bank = await runningBank();
    for (const history of ['incoming', 'outgoing']) {
      const answer = await call(`${bank.gatewayUrl}history/${history}?${query}`);
      expect(answer).toMatchObject({ status: 400, json: { code: 26, detail } });
    }
  });

  test.each([
    [401, { kind: 'basic', user: 'exchange', password: 'right' }, undefined],
    [401, { kind: 'basic', user: 'exchange', password: 'right' }, `Basic ${btoa('exchange:wrong')}`],
    [204, { kind: 'basic', user: 'exchange', password: 'right' }, `Basic ${btoa('exchange:right')}`],
    [401, { kind: 'bearer', token: 'right' }, 'Bearer wrong'],
    [204, { kind: 'bearer', token: 'right' }, 'Bearer right'],
  ] as const)('credentials: status %i for %j and %s', async (status, credentials, authorization) => {
    const bank = await runningBank({ credentials });
    const headers = authorization === undefined ? {} : { authorization };
    const answer = await call(`${bank.gatewayUrl}history/incoming?delta=1`, undefined, headers);
    expect(answer.status).toBe(status);
    if (status === 401) {
      expect(answer.json.code).toBe(40);
      for (const path of ['transfer', 'admin/add-incoming', 'admin/add-kycauth']) {
        expect((await call(`${bank.gatewayUrl}${path}`, {}, headers)).status).toBe(401);
      }
      expect((await call(`${bank.url}accounts/a/development/fail-transfers`, {}, headers)).status).toBe(401);
    }
    expect((await call(`${bank.gatewayUrl}config`)).status).toBe(200);
  });
});

describe('long poll', () => {
  test('waits while there is nothing, and wakes with the row', async () => {
    const bank = await runningBank();
    let answered = false;
    const poll = call(`${bank.gatewayUrl}history/incoming?delta=5&long_poll_ms=600000`).finally(() => {
      answered = true;
    });
    const debits = call(`${bank.gatewayUrl}history/outgoing?limit=5&timeout_ms=600000`);
    await call(`${bank.url}accounts/bob/transactions`, { amount: 'EUR:1', from: 'alice', subject: 'not for you' });
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(answered).toBe(false);
    await credit(bank, 1);
    expect((await poll).json.incoming_transactions).toHaveLength(1);
    await call(`${bank.gatewayUrl}transfer`, orderBody(1));
    expect((await debits).json.outgoing_transactions).toHaveLength(1);
  });

  test('wakes by a transfer of a customer too, and only for a subject that names a reserve', async () => {
    const bank = await runningBank();
    const poll = call(`${bank.gatewayUrl}history/incoming?delta=5&long_poll_ms=600000`);
    await new Promise((resolve) => setTimeout(resolve, 100));
    for (const subject of ['rent', keyNumber(1)]) {
      await call(`${bank.url}accounts/exchange/transactions`, { amount: 'EUR:1', from: 'alice', subject });
    }
    expect((await poll).json.incoming_transactions).toMatchObject([{ reserve_pub: keyNumber(1) }]);
  });

  test('ends with 204 when its time is over, and is none backwards', async () => {
    const bank = await runningBank();
    expect((await call(`${bank.gatewayUrl}history/incoming?delta=5&long_poll_ms=50`)).status).toBe(204);
    expect((await call(`${bank.gatewayUrl}history/incoming?delta=-5&long_poll_ms=600000`)).status).toBe(204);
  });

  test('ends when the bank closes', async () => {
    const bank = await runningBank();
    const poll = call(`${bank.gatewayUrl}history/incoming?delta=5&long_poll_ms=600000`);
    await new Promise((resolve) => setTimeout(resolve, 500));
    for (let round = 0; round < 3; round += 1) await (await fetch(bank.url)).text(); // by now the poll has been read
    await bank.close();
    expect((await poll).status).toBe(204);
  });
});

describe('the books', () => {
  test('a bank that starts again has the same accounts, and rows that go on', async () => {
    const folder = freshFolder();
    const before = await runningBank({ folder });
    await credit(before, 1);
    await call(`${before.gatewayUrl}transfer`, orderBody(1));
    const statement = await call(`${before.url}accounts/alice`);
    await before.close();
    const after = await runningBank({ folder });
    expect(await call(`${after.url}accounts/alice`)).toEqual(statement);
    expect(await credit(after, 2)).toBe(4n);
  });

  test('rows go on even if the last ones were deleted behind the back of the bank', async () => {
    const folder = freshFolder();
    const before = await runningBank({ folder });
    for (let i = 1; i <= 3; i++) await credit(before, i);
    await before.close();
    const database = new Database(join(folder, 'bank.db'));
    database.exec(`DELETE FROM transactions; UPDATE accounts SET units = '0'`);
    database.close();
    expect(await credit(await runningBank({ folder }), 4)).toBe(4n);
  });

  test('books that do not add up are not opened', async () => {
    const folder = freshFolder();
    const before = await runningBank({ folder });
    await credit(before, 1);
    await before.close();
    const database = new Database(join(folder, 'bank.db'));
    database.exec(`UPDATE accounts SET units = '1' WHERE key = 'alice'`);
    database.close();
    await expect(runningBank({ folder })).rejects.toThrow('the balance of alice');
  });

  test('books belong to one process, one currency and their owner', async () => {
    const folder = freshFolder();
    const bank = await runningBank({ folder });
    await expect(runningBank({ folder })).rejects.toThrow('in use');
    await bank.close();
    await expect(runningBank({ folder, currency: 'CHF' })).rejects.toThrow('kept in EUR');
    expect(statSync(join(folder, 'bank.db')).mode & 0o777).toBe(0o600);
  });

  test.each([
    ['a currency', { currency: 'euro' }],
    ['an account name', { exchangeAccount: 'the exchange' }],
    ['a host', { paytoHost: 'local host' }],
  ])('%s that cannot be is refused at the start', async (_what, options) => {
    await expect(
      startDevelopmentBank({ folder: freshFolder(), port: 0, currency: 'EUR', ...options }),
    ).rejects.toThrow();
  });

  test('the page at / says what to type, with the address it was called by', async () => {
    const bank = await runningBank();
    const response = await fetch(bank.url);
    expect(response.headers.get('content-type')).toContain('text/plain');
    expect(await response.text()).toContain(`curl ${bank.url}accounts/alice`);
  });
});
