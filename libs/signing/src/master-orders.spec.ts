import { readFileSync, statSync } from 'node:fs';
import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { taler } from '@florin/crypto';
import { serverPrimitives } from '@florin/crypto/server';
import { decodeBase32, EncodingError, encodeBase32, NEVER, parseAmount } from '@florin/encoding';
import { expect, test } from 'vitest';
import { managementRequests, orderJson, parseOrder } from './master-order-json.js';
import { denominationHashOf, type MasterOrder, orderMessages } from './master-orders.js';
import { MasterKey } from './offline-keys.js';
import { temporaryFolder } from './temporary.support.js';

const { eddsa } = taler(serverPrimitives);
const KEY = encodeBase32(new Uint8Array(32).fill(7));
const pub = { cipher: 'CS', ageMask: 3, csPub: new Uint8Array(32).fill(9) } as const;
const fee = parseAmount('EUR:0.01');
const fees = { withdraw: fee, deposit: fee, refresh: fee, refund: fee };
const stamps = { start: 100, expireWithdraw: 200, expireDeposit: 300, expireLegal: 400 };

const ORDERS: readonly MasterOrder[] = [
  { kind: 'denomination', pub, value: parseAmount('EUR:5'), fees, ...stamps },
  { kind: 'signing-key', exchangePub: KEY, start: 1, expire: 2, end: 3 },
  { kind: 'log-key', logPub: KEY, start: 1 },
  { kind: 'denomination-revocation', denominationHash: denominationHashOf(pub) },
  { kind: 'signing-key-revocation', exchangePub: KEY },
  { kind: 'wire-account', paytoUri: 'payto://x-taler-bank/localhost/exchange?receiver-name=E', start: 5 },
  { kind: 'wire-account-end', paytoUri: 'payto://x-taler-bank/localhost/exchange?receiver-name=E', end: 6 },
  { kind: 'wire-fees', method: 'iban', start: 1, end: NEVER, wireFee: fee, closingFee: fee },
  {
    kind: 'global-fees',
    start: 1,
    end: 2,
    historyFee: fee,
    accountFee: fee,
    purseFee: fee,
    purseTimeoutUs: 3_600_000_000,
    historyExpirationUs: 7_000_000,
    purseAccountLimit: 5,
  },
  {
    kind: 'extensions',
    manifest: '{"age_restriction":{"config":{"age_groups":"8:10"},"critical":false,"version":"1"}}',
  },
  { kind: 'officer', officerPub: KEY, name: 'Olga', active: true, readOnly: false, changedAt: 9 },
];

test.each(ORDERS)(
  'an order of $kind comes out of its JSON as it went in, and every signature of it verifies',
  async (order) => {
    expect(parseOrder(JSON.parse(JSON.stringify(orderJson(order))))).toEqual(order);

    const master = await MasterKey.create(join(temporaryFolder(), 'master.json'));
    const signatures = master.sign(order);
    for (const [name, message] of Object.entries(orderMessages(order, master.pub))) {
      expect(eddsa.verify(message, decodeBase32(signatures[name] ?? '', 64), master.pub)).toBe(true);
    }
    const [request] = managementRequests([{ order, signatures }]);
    expect(JSON.stringify(request?.body)).toContain(Object.values(signatures)[0]);
  },
);

test('what is signed for a denomination names the master key and its own hash', () => {
  const [order] = ORDERS as [MasterOrder];
  const { master_sig: one } = orderMessages(order, new Uint8Array(32).fill(1));
  const { master_sig: other } = orderMessages(order, new Uint8Array(32).fill(2));
  expect(one).not.toEqual(other);
});

test('keys travel in one request, everything else in requests of its own', () => {
  const signed = ORDERS.map((order) => ({ order, signatures: { master_sig: 'X' } }));
  const paths = managementRequests(signed).map(({ path }) => path);
  expect(paths).toHaveLength(ORDERS.length - 1);
  expect(paths.at(-1)).toBe('management/keys');
  expect(new Set(paths).size).toBe(paths.length);
});

test.each([
  [{ order: 'log-key', log_pub: 'x', validity_start: { t_s: 1 } }, /^expected log_pub: /],
  [{ order: 'log-key', log_pub: KEY, validity_start: 1 }, /^expected validity_start: /],
  [{ order: 'officer', officer_pub: KEY, officer_name: 'O', is_active: 1 }, /^expected is_active: /],
  [{ order: 'wire-fees', wire_method: 'iban', fee_start: { t_s: 1 }, fee_end: { t_s: 2 }, wire_fee: 1 }, /wire_fee/],
  [{ order: 'everything' }, /an order that is known/],
  [null, /an object/],
])('%j is refused by the name of what is wrong', (json, reason) => {
  expect(() => parseOrder(json)).toThrow(reason);
  expect(() => parseOrder(json)).toThrow(EncodingError);
});

test('the key file is its owner’s alone, and is never overwritten', async () => {
  const path = join(temporaryFolder(), 'master.json');
  const master = await MasterKey.create(path);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect((await MasterKey.open(path)).pub).toEqual(master.pub);

  const before = readFileSync(path, 'utf8');
  await expect(MasterKey.create(path)).rejects.toThrow('never overwritten');
  expect(readFileSync(path, 'utf8')).toBe(before);

  await chmod(path, 0o644);
  await expect(MasterKey.open(path)).rejects.toThrow('chmod 600');
  await expect(MasterKey.open(`${path}.not`)).rejects.toThrow('there is no key file');
});
