import { createHash } from 'node:crypto';
import { EncodingError, parseAmount, toHex } from '@florin/encoding';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ALICE, call, credit, freshFolder, gatewayOf, keyBytes, runningBank, serverThat } from './bank.support.js';
import { WireGateway } from './gateway-client.js';
import type { TransferRequest } from './gateway-rows.js';
import { deriveRequestUid, deriveWtid, executeTransfer, parsePreparedTransfer, prepareTransfer } from './transfer.js';

const sha512 = (message: Uint8Array) => new Uint8Array(createHash('sha512').update(message).digest());

function order(number: number, changes: Partial<TransferRequest> = {}): TransferRequest {
  return {
    requestUid: keyBytes(number, 64),
    amount: parseAmount('EUR:4.2'),
    exchangeBaseUrl: 'https://exchange.example/',
    wtid: keyBytes(number),
    creditAccount: ALICE,
    ...changes,
  };
}

describe('prepared transfers', () => {
  test('the bytes are laid out as the protocol says', () => {
    const bytes = prepareTransfer(order(7));
    const texts = `${ALICE}\0https://exchange.example/\0`;
    expect(bytes.length).toBe(64 + 24 + 32 + 4 + 4 + texts.length);
    expect(toHex(bytes.subarray(64, 88))).toBe(`${'04'.padStart(16, '0')}01312d00${'455552'.padEnd(24, '0')}`);
    expect(toHex(bytes.subarray(120, 128))).toBe(
      (ALICE.length + 1).toString(16).padStart(8, '0') + (26).toString(16).padStart(8, '0'),
    );
    expect(new TextDecoder().decode(bytes.subarray(128))).toBe(texts);
  });

  test('every order comes back from its bytes', () => {
    const anyOrder = fc.record({
      requestUid: fc.uint8Array({ minLength: 64, maxLength: 64 }),
      amount: fc.bigInt({ min: 0n, max: 2n ** 52n * 10n ** 8n }).map((units) => ({ currency: 'KUDOS', units })),
      exchangeBaseUrl: fc.webPath().map((path) => `http://localhost:8081${path}/`),
      wtid: fc.uint8Array({ minLength: 32, maxLength: 32 }),
      creditAccount: fc
        .stringMatching(/^[A-Za-z0-9]{1,20}$/)
        .map((name) => `payto://x-taler-bank/h/${name}?receiver-name=x`),
    });
    fc.assert(
      fc.property(anyOrder, (any) => {
        expect(parsePreparedTransfer(prepareTransfer(any))).toEqual(any);
      }),
    );
  });

  test('bytes that are cut, extended or changed in structure are refused', () => {
    const bytes = prepareTransfer(order(7));
    for (let size = 0; size < bytes.length; size++) {
      expect(() => parsePreparedTransfer(bytes.subarray(0, size)), `${size} bytes`).toThrow(EncodingError);
    }
    expect(() => parsePreparedTransfer(Uint8Array.of(...bytes, 0))).toThrow(EncodingError);
    // Amount's filler, both lengths, both terminators, a NUL and a broken UTF-8 byte inside the texts.
    for (const offset of [87, 123, 127, 128 + ALICE.length, bytes.length - 1]) {
      const changed = bytes.slice();
      changed[offset] = 0x41;
      expect(() => parsePreparedTransfer(changed), `offset ${offset}`).toThrow(EncodingError);
    }
    for (const value of [0, 0xff]) {
      const changed = bytes.slice();
      changed[140] = value;
      expect(() => parsePreparedTransfer(changed)).toThrow(EncodingError);
    }
  });

  test.each([
    ['a short request_uid', { requestUid: keyBytes(1, 63) }],
    ['a long wtid', { wtid: keyBytes(1, 33) }],
    ['a base URL without a slash at its end', { exchangeBaseUrl: 'https://exchange.example' }],
    ['an account that is none', { creditAccount: 'alice' }],
    ['an account without receiver-name', { creditAccount: 'payto://x-taler-bank/localhost/alice' }],
    ['an amount below zero', { amount: { currency: 'EUR', units: -1n } }],
  ])('an order with %s is not prepared', (_what, changes) => {
    expect(() => prepareTransfer(order(1, changes))).toThrow(EncodingError);
  });
});

describe('derivations', () => {
  const origin = { reservePub: keyBytes(3), closing: 2, attempt: 1 };
  const suffix = Buffer.concat([keyBytes(3), Buffer.from([0, 0, 0, 2, 0, 0, 0, 1])]);

  test('request_uid and wtid are the documented hashes', () => {
    const hash = (label: string) => createHash('sha512').update(`${label}\0`).update(suffix).digest('hex');
    expect(toHex(deriveRequestUid(origin, sha512))).toBe(hash('florin-transfer-request-uid'));
    expect(toHex(deriveWtid(origin, sha512))).toBe(hash('florin-transfer-wtid').slice(0, 64));
  });

  test('another closing, attempt or reserve gives other ids', () => {
    const origins = [
      origin,
      { ...origin, closing: 1, attempt: 2 },
      { ...origin, attempt: 2 },
      { ...origin, reservePub: keyBytes(4) },
    ];
    for (const derive of [deriveRequestUid, deriveWtid]) {
      expect(new Set(origins.map((each) => toHex(derive(each, sha512)))).size).toBe(origins.length);
    }
  });

  test('numbers beyond 32 bits and keys of another size are refused', () => {
    expect(() => deriveWtid({ ...origin, closing: 2 ** 32 }, sha512)).toThrow(EncodingError);
    expect(() => deriveWtid({ ...origin, attempt: -1 }, sha512)).toThrow(EncodingError);
    expect(() => deriveRequestUid({ ...origin, reservePub: keyBytes(1, 31) }, sha512)).toThrow(EncodingError);
  });
});

describe('execution', () => {
  test('an order is confirmed, and repeated it is the same payment', async () => {
    const bank = await runningBank({ now: () => 1_700_000_000 });
    const prepared = prepareTransfer(order(1));
    const first = await executeTransfer(gatewayOf(bank), prepared);
    expect(first).toEqual({ kind: 'confirmed', rowId: 1n, timestamp: 1_700_000_000 });
    expect(await executeTransfer(gatewayOf(bank), prepared)).toEqual(first);
    expect((await gatewayOf(bank).historyOutgoing({ limit: 10 })).rows).toHaveLength(1);
  });

  test('an order sent again after a restart of the bank is the same payment', async () => {
    const folder = freshFolder();
    const before = await runningBank({ folder, now: () => 1_700_000_000 });
    const confirmed = await executeTransfer(gatewayOf(before), prepareTransfer(order(1)));
    await before.close();
    const after = await runningBank({ folder, now: () => 1_800_000_000 });
    expect(await executeTransfer(gatewayOf(after), prepareTransfer(order(1)))).toEqual(confirmed);
    expect((await gatewayOf(after).historyOutgoing({ limit: 10 })).rows).toHaveLength(1);
  });

  test('the same request_uid with other content, and the same wtid under another, are final', async () => {
    const bank = await runningBank();
    await executeTransfer(gatewayOf(bank), prepareTransfer(order(1)));
    const otherAmount = await executeTransfer(
      gatewayOf(bank),
      prepareTransfer(order(1, { amount: parseAmount('EUR:4') })),
    );
    expect(otherAmount).toMatchObject({ kind: 'failed', reason: expect.stringContaining('5112') });
    const sameWtid = await executeTransfer(gatewayOf(bank), prepareTransfer(order(2, { wtid: keyBytes(1) })));
    expect(sameWtid).toMatchObject({ kind: 'failed', reason: expect.stringContaining('5154') });
  });

  test('an account the bank cannot pay is final', async () => {
    const bank = await runningBank();
    const account = 'payto://x-taler-bank/localhost/some/path/alice?receiver-name=Alice';
    const outcome = await executeTransfer(gatewayOf(bank), prepareTransfer(order(1, { creditAccount: account })));
    expect(outcome).toMatchObject({ kind: 'failed', reason: expect.stringContaining('code 24') });
  });

  test('a transfer that fails for now is paid once it is sent often enough', async () => {
    const bank = await runningBank();
    await call(`${bank.url}accounts/alice/development/fail-transfers`, { status: 'transient_failure', count: 2 });
    const kinds: string[] = [];
    for (let i = 0; i < 4; i++) kinds.push((await executeTransfer(gatewayOf(bank), prepareTransfer(order(1)))).kind);
    expect(kinds).toEqual(['retry', 'retry', 'confirmed', 'confirmed']);
    expect((await gatewayOf(bank).historyOutgoing({ limit: 10 })).rows).toHaveLength(1);
  });

  test('a pending transfer is asked for again', async () => {
    const bank = await runningBank();
    await call(`${bank.url}accounts/alice/development/fail-transfers`, { status: 'pending', count: 1 });
    expect(await executeTransfer(gatewayOf(bank), prepareTransfer(order(1)))).toMatchObject({
      kind: 'retry',
      fault: 'pending',
    });
    expect(await executeTransfer(gatewayOf(bank), prepareTransfer(order(1)))).toMatchObject({ kind: 'confirmed' });
  });

  test('a transfer that failed for good stays failed and moves no money', async () => {
    const bank = await runningBank();
    await call(`${bank.url}accounts/alice/development/fail-transfers`, { status: 'permanent_failure', count: 1 });
    const failed = await executeTransfer(gatewayOf(bank), prepareTransfer(order(1)));
    expect(failed).toMatchObject({ kind: 'failed', bankSaid: 'planned for development' });
    expect(await executeTransfer(gatewayOf(bank), prepareTransfer(order(1)))).toEqual(failed);
    expect((await call(`${bank.url}accounts/exchange`)).json.balance.amount).toBe('EUR:0');
    expect(await executeTransfer(gatewayOf(bank), prepareTransfer(order(2)))).toMatchObject({ kind: 'confirmed' });
  });

  test('no bank, an unknown account of ours and wrong credentials mean: again', async () => {
    const bank = await runningBank({ credentials: { kind: 'bearer', token: 'right' } });
    const prepared = prepareTransfer(order(1));
    const wrong = gatewayOf(bank, { auth: { kind: 'bearer', token: 'wrong' } });
    expect(await executeTransfer(wrong, prepared)).toMatchObject({ kind: 'retry', fault: 'misconfigured' });
    const nobody = gatewayOf(bank, {
      baseUrl: `${bank.url}accounts/nobody/taler-wire-gateway/`,
      auth: { kind: 'bearer', token: 'right' },
    });
    expect(await executeTransfer(nobody, prepared)).toMatchObject({ kind: 'retry', fault: 'misconfigured' });
    await bank.close();
    expect(await executeTransfer(wrong, prepared)).toMatchObject({ kind: 'retry', fault: 'unavailable' });
  });

  test('an order in a currency that the account does not hold is not sent', async () => {
    const bank = await runningBank();
    const prepared = prepareTransfer(order(1, { amount: parseAmount('CHF:1') }));
    expect(await executeTransfer(gatewayOf(bank), prepared)).toMatchObject({ kind: 'retry', fault: 'misconfigured' });
  });

  test('a bank without transfers/ROW says everything with its 200', async () => {
    const baseUrl = await serverThat((request, response) => {
      const status = request.method === 'POST' ? 200 : 404;
      response
        .writeHead(status)
        .end(status === 200 ? '{"row_id": 9223372036854775807, "timestamp": {"t_s": 5}}' : '{}');
    });
    const outcome = await executeTransfer(new WireGateway({ baseUrl, currency: 'EUR' }), prepareTransfer(order(1)));
    expect(outcome).toEqual({ kind: 'confirmed', rowId: 9223372036854775807n, timestamp: 5 });
  });

  test('a status that belongs to another transfer is no confirmation', async () => {
    const bank = await runningBank();
    await executeTransfer(gatewayOf(bank), prepareTransfer(order(1)));
    const baseUrl = await serverThat(async (request, response) => {
      const row = request.method === 'POST' ? undefined : await fetch(`${bank.gatewayUrl}transfers/1`);
      response.writeHead(200).end(row ? await row.text() : '{"row_id": 1, "timestamp": {"t_s": 5}}');
    });
    const outcome = await executeTransfer(new WireGateway({ baseUrl, currency: 'EUR' }), prepareTransfer(order(2)));
    expect(outcome).toMatchObject({ kind: 'retry', fault: 'inconsistent' });
  });

  test('a reply that cannot be read leaves the outcome open', async () => {
    const bank = await runningBank();
    await credit(bank, 1);
    const baseUrl = await serverThat((_request, response) => response.writeHead(200).end('{"row_id": 1'));
    const outcome = await executeTransfer(new WireGateway({ baseUrl, currency: 'EUR' }), prepareTransfer(order(1)));
    expect(outcome).toMatchObject({ kind: 'retry', fault: 'malformed' });
  });
});
