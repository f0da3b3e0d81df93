import { connect } from 'node:net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ALICE, call, incomingBody, keyNumber, orderBody, runningBank } from './bank.support.js';

describe('bad input', () => {
  test.each([
    ['no JSON', 'hello', 22],
    ['cut JSON', '{"amount": "EUR:1"', 22],
    ['nothing', '', 22],
    ['a list', '[]', 22],
    ['null', 'null', 22],
    ['no amount', { ...incomingBody(1), amount: undefined }, 22],
    ['an amount that is a number', incomingBody(1, { amount: 1 }), 22],
    ['an amount below zero', incomingBody(1, { amount: 'EUR:-1' }), 22],
    ['an amount of nothing', incomingBody(1, { amount: 'EUR:0' }), 26],
    ['no key', incomingBody(1, { reserve_pub: undefined }), 22],
    ['a short key', incomingBody(1, { reserve_pub: keyNumber(1).slice(2) }), 22],
    ['a key that is an object', incomingBody(1, { reserve_pub: {} }), 22],
    ['an account that is no URI', incomingBody(1, { debit_account: 'alice' }), 24],
    ['an IBAN with a wrong check', incomingBody(1, { debit_account: 'payto://iban/DE75512108001245126198' }), 24],
    [
      'an account that this bank cannot have',
      incomingBody(1, { debit_account: 'payto://x-taler-bank/localhost/a/b' }),
      24,
    ],
    ['an account that is a number', incomingBody(1, { debit_account: 7 }), 22],
  ])('%s is refused without effect', async (_what, body, code) => {
    const bank = await runningBank();
    const answer = await call(`${bank.gatewayUrl}admin/add-incoming`, body);
    expect(answer).toMatchObject({ status: 400, json: { code, hint: expect.any(String) } });
    expect((await call(`${bank.gatewayUrl}history/incoming?delta=5`)).status).toBe(204);
  });

  test('another currency is 409/30', async () => {
    const bank = await runningBank();
    const answer = await call(`${bank.gatewayUrl}admin/add-incoming`, incomingBody(1, { amount: 'CHF:1' }));
    expect(answer).toMatchObject({ status: 409, json: { code: 30 } });
  });

  test.each([
    ['a short request_uid', { request_uid: keyNumber(1) }, 400, 22],
    ['no wtid', { wtid: undefined }, 400, 22],
    ['a base URL without a slash at its end', { exchange_base_url: 'https://e' }, 400, 22],
    ['an account that cannot be paid', { credit_account: 'payto://x-taler-bank/localhost/' }, 400, 24],
    ['another currency', { amount: 'KUDOS:1' }, 409, 30],
  ])('an order with %s is refused', async (_what, changes, status, code) => {
    const bank = await runningBank();
    expect(await call(`${bank.gatewayUrl}transfer`, orderBody(1, changes))).toMatchObject({ status, json: { code } });
    expect((await call(`${bank.gatewayUrl}transfers`)).status).toBe(204);
  });

  test('a field that is wrong is named', async () => {
    const bank = await runningBank();
    const { json } = await call(`${bank.gatewayUrl}transfer`, orderBody(1, { wtid: 5 }));
    expect(json).toMatchObject({ code: 22, field: 'wtid' });
  });

  test.each([
    ['GET', 'nothing/here', 404, 21],
    ['GET', 'accounts/exchange/taler-wire-gateway/nothing', 404, 21],
    ['GET', 'accounts/nobody', 404, 5106],
    ['GET', 'accounts/no%20body', 404, 5106],
    ['GET', 'accounts/%zz', 400, 29],
    ['GET', `accounts/${'a'.repeat(600)}`, 414, 31],
    ['DELETE', 'accounts/exchange', 405, 20],
    ['GET', 'accounts/exchange/taler-wire-gateway/transfer', 405, 20],
    ['POST', 'accounts/exchange/taler-wire-gateway/history/incoming', 405, 20],
    ['GET', 'accounts/exchange/taler-wire-gateway/transfers/x', 400, 26],
    ['GET', 'accounts/exchange/taler-wire-gateway/transfers/1', 404, 21],
    ['GET', 'accounts/exchange/taler-wire-gateway/transfers?status=maybe', 400, 26],
  ])('%s %s is %i/%i', async (method, path, status, code) => {
    const bank = await runningBank();
    const response = await fetch(bank.url + path, { method });
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ code });
    if (status === 405) expect(response.headers.get('allow')).toBeTruthy();
  });

  test('a body over the limit is 413/32, announced or not', async () => {
    const bank = await runningBank();
    const url = `${bank.url}accounts/exchange/transactions`;
    expect(await call(url, 'x'.repeat(70_000))).toMatchObject({ status: 413, json: { code: 32 } });
    const chunks = new ReadableStream({
      start(controller) {
        for (let i = 0; i < 70; i++) controller.enqueue(new Uint8Array(1000));
        controller.close();
      },
    });
    const response = await fetch(url, { method: 'POST', body: chunks, duplex: 'half' } as RequestInit);
    expect(response.status).toBe(413);
  });

  test('what is no HTTP is answered with an error of the protocol', async () => {
    const bank = await runningBank();
    const text = await new Promise<string>((resolve, reject) => {
      const socket = connect(bank.port, '127.0.0.1', () => socket.write('BLAH\r\n\r\n'));
      let answer = '';
      socket.on('data', (chunk) => {
        answer += String(chunk);
      });
      socket.on('end', () => resolve(answer)).on('error', reject);
    });
    expect(text).toContain('400 Bad Request');
    expect(JSON.parse(text.slice(text.indexOf('{')))).toMatchObject({ code: 23 });
  });

  test('a balance beyond what an amount can say is refused, and the books stay as they were', async () => {
    const bank = await runningBank();
    const all = { amount: 'EUR:4503599627370496', from: 'alice', subject: 'everything' };
    expect((await call(`${bank.url}accounts/bob/transactions`, all)).status).toBe(200);
    expect(await call(`${bank.url}accounts/bob/transactions`, all)).toMatchObject({ status: 400, json: { code: 26 } });
    expect((await call(`${bank.url}accounts/alice`)).json.transactions).toHaveLength(1);
  });

  test('no JSON whatever brings forth a 500', async () => {
    const bank = await runningBank();
    const members = [
      'amount',
      'debit_account',
      'credit_account',
      'reserve_pub',
      'account_pub',
      'from',
      'subject',
      'wtid',
      'request_uid',
      'exchange_base_url',
      'status',
      'count',
    ];
    const values = fc.oneof(
      fc.jsonValue(),
      fc.constantFrom(ALICE, 'EUR:1', keyNumber(1), 'payto://x/\ud800', '__proto__', 'pending', 3),
    );
    const body = fc.dictionary(fc.constantFrom(...members), values);
    const paths = ['transfer', 'admin/add-incoming', 'admin/add-kycauth'].map((path) => bank.gatewayUrl + path);
    paths.push(`${bank.url}accounts/exchange/transactions`, `${bank.url}accounts/a/development/fail-transfers`);
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...paths), body, async (path, json) => {
        const { status, json: answer } = await call(path, JSON.stringify(json));
        expect([200, 400, 409]).toContain(status);
        if (status !== 200) expect(answer.code).toEqual(expect.any(Number));
      }),
      { numRuns: 300 },
    );
  });
});
