import { createPrivateKey } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { decodeBase32, encodeBase32 } from '@florin/encoding';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TEST_SERVER, unitsOfLedger } from '../support/configured-store.js';
import { type RunningExchange, smallKeys, startExchange } from '../support/exchange.js';
import { approve, type Case } from './support/admin.js';
import { newPlanchets, newReserve, type Reserve, withdraw } from './support/coins.js';
import { expectOk, type Json, type Reply, send } from './support/http.js';
import { readOffers } from './support/offers.js';
import { close, closeBody, fundedReserve, paymentsTo, postClose, summaryOf } from './support/reserves.js';

// What must never be in clear where it stays: the names of customers, private keys, credentials.
const ORIGIN = 'payto://x-taler-bank/localhost/zaphod?receiver-name=Zaphod%20Beeblebrox';
const TARGET = 'payto://x-taler-bank/localhost/trillian?receiver-name=Tricia%20McMillan';
const NAMES = ['zaphod', 'beeblebrox', 'trillian', 'tricia', 'mcmillan'];
/** What holds secrets because that is its purpose, only its owner reads it; and the books of the development bank. */
const PLACES_OF_SECRETS = /^(keys\/|bank\/|(admin|auditor|metrics)-credential$|config\.yaml$)/;

let exchange: RunningExchange;
let reserve: Reserve;
let log: string;
/** What is kept on a server instead of in the data folder. */
let remote: Buffer | undefined;
const refusals: Reply[] = [];

beforeAll(async () => {
  exchange = await startExchange({
    onTestServer: true,
    configure: (settings) => {
      smallKeys(settings);
      settings.logLevel = 'debug';
      settings.legitimization.withdraw = { threshold: 'KUDOS:3', window: '1 day' };
    },
  });
  const offers = await readOffers(exchange.baseUrl);
  reserve = await fundedReserve(exchange, '20', ORIGIN);
  expectOk(await withdraw(exchange.baseUrl, reserve, newPlanchets(offers, '1', '1')));
  refusals.push(await withdraw(exchange.baseUrl, reserve, newPlanchets(offers, '5')));
  const mistyped = `${TARGET.replace('receiver-name', 'receiver')}&amount=5`;
  refusals.push(await close(exchange.baseUrl, reserve, { target: `x${TARGET}` }));
  refusals.push(await close(exchange.baseUrl, reserve, { target: mistyped }));
  const signedForAnother = { ...closeBody(reserve, { target: ORIGIN }), payto_uri: TARGET };
  refusals.push(await postClose(exchange.baseUrl, reserve.pub, signedForAnother));
  refusals.push(await postClose(exchange.baseUrl, newReserve().pub, closeBody(reserve, { target: TARGET })));
  refusals.push(await send(`${exchange.baseUrl}reserves/${reserve.pub}/close`, { body: `{"payto_uri":"${TARGET}` }));
  const toAnother = closeBody(reserve, { target: TARGET });
  const needed = await postClose(exchange.baseUrl, reserve.pub, toAnother);
  refusals.push(needed);
  await approve(exchange, needed.json as Json & Case);
  expectOk(await postClose(exchange.baseUrl, reserve.pub, toAnother));
  await paymentsTo(exchange, TARGET);
  await summaryOf(exchange.baseUrl, reserve);
  expect(await exchange.stop()).toBe(0);
  log = exchange.log();
  if (TEST_SERVER !== undefined) remote = Buffer.from(asText(await unitsOfLedger(exchange.data)));
});
afterAll(() => exchange.remove());

const asText = (value: unknown): string =>
  JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? `${part}` : part));

/** Every file of the data folder that is not there to keep secrets, as bytes; the log; and the events on a server. */
function traces(): Map<string, Buffer> {
  const found = new Map<string, Buffer>([['the log', Buffer.from(log)]]);
  if (remote) found.set('events on the server', remote);
  for (const entry of readdirSync(exchange.data, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const name = relative(exchange.data, path);
    if (entry.isFile() && !PLACES_OF_SECRETS.test(name)) found.set(name, readFileSync(path));
  }
  return found;
}

/** Where `secret` occurs. */
const occurrences = (secret: Buffer | string): string[] =>
  [...traces()].filter(([, bytes]) => bytes.includes(secret)).map(([name]) => name);

/** The private parts of a key file, as bytes. */
function privateParts(file: string): Uint8Array[] {
  const { priv, key } = JSON.parse(readFileSync(file, 'utf8')) as { priv?: string; key?: string };
  if (key !== undefined) return [decodeBase32(key, 32)];
  if (priv === undefined) return [];
  if (!priv.startsWith('-----')) return [decodeBase32(priv, 32)];
  const { d, p, q, dp, dq, qi } = createPrivateKey(priv).export({ format: 'jwk' });
  return [d, p, q, dp, dq, qi].map((part) => Buffer.from(part as string, 'base64url'));
}

describe('nowhere but in its own place, owner-only, is', () => {
  test('a private key, of the exchange or of an account', () => {
    const kinds = new Map<string, number>();
    for (const entry of readdirSync(join(exchange.data, 'keys'), { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const folder = relative(exchange.data, entry.parentPath);
      for (const secret of privateParts(join(entry.parentPath, entry.name))) {
        kinds.set(folder, (kinds.get(folder) ?? 0) + 1);
        const bytes = Buffer.from(secret);
        const texts = [
          encodeBase32(secret),
          bytes.toString('hex'),
          bytes.toString('base64'),
          bytes.toString('base64url'),
        ];
        for (const form of [bytes, ...texts]) expect(occurrences(form)).toEqual([]);
      }
    }
    expect([...kinds.keys()].sort()).toEqual(['keys', 'keys/accounts', 'keys/denominations', 'keys/signing']);
  });

  test('the credentials of admin, auditor and metrics', () => {
    const { adminCredential, auditorCredential, metricsCredential } = exchange;
    for (const credential of [adminCredential, auditorCredential, metricsCredential]) {
      expect(credential).toHaveLength(52);
      expect(occurrences(credential)).toEqual([]);
    }
  });

  test('the name of a customer, whether the request was carried out or refused', () => {
    expect(refusals.map(({ status }) => status)).toEqual([451, 400, 400, 403, 403, 400, 451]);
    const answered = refusals.map(({ text }) => text).join('\n');
    const readable = new Map([...traces()].map(([name, bytes]) => [name, bytes.toString('latin1').toLowerCase()]));
    for (const name of NAMES) {
      expect(answered.toLowerCase()).not.toContain(name);
      expect([...readable].filter(([, text]) => text.includes(name)).map(([file]) => file)).toEqual([]);
    }
  });
});

test('what is looked for would be found: the reserve is in the ledger, in the views and in the log', () => {
  const found = occurrences(reserve.pub);
  expect(found.some((name) => name.startsWith('events'))).toBe(true);
  expect(found.some((name) => name.startsWith('views.db'))).toBe(true);
});
