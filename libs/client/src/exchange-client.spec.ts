import { randomBytes } from 'node:crypto';
import { portablePrimitives } from '@florin/crypto/portable';
import { serverPrimitives } from '@florin/crypto/server';
import { decodeBase32, encodeBase32 } from '@florin/encoding';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ExchangeMisbehaved, ExchangeRefused } from './errors.js';
import { ExchangeClient } from './exchange-client.js';
import { kudos, masterPub, NOW, privateKey } from './testing/signed-keys.js';
import { type Answer, refusal, SmallExchange } from './testing/small-exchange.js';
import type { Coin } from './withdraw.js';

/* A wallet against an exchange over HTTP, with either set of primitives. */

let exchange: SmallExchange;
beforeAll(async () => {
  exchange = await SmallExchange.start();
});
afterAll(() => exchange.stop());
beforeEach(() => {
  exchange.spoil = () => undefined;
  exchange.seen.length = 0;
});

const draw = (sizeBytes: number) => new Uint8Array(randomBytes(sizeBytes));
const newClient = (options: object = {}) =>
  new ExchangeClient({
    baseUrl: exchange.baseUrl,
    randomBytes: draw,
    primitives: serverPrimitives,
    now: () => NOW,
    ...options,
  });

function funded(client: ExchangeClient, amount: string) {
  const reserve = client.newReserve();
  exchange.credit(reserve.reservePub, kudos(amount));
  return reserve;
}

const spoilJson = (start: string, change: (json: Answer['json']) => void) => {
  exchange.spoil = (name, answer) => {
    if (name.startsWith(start)) change(answer.json);
    return undefined;
  };
};

/** What makes a coin money: its own key, and a denomination's signature over it that anybody can verify. */
async function expectMoney(client: ExchangeClient, coin: Coin) {
  const { hash, eddsa, age } = client.taler;
  const offered = (await client.keys()).denominations.get(encodeBase32(coin.denominationHash));
  expect(eddsa.publicKey(coin.coinPriv)).toEqual(coin.coinPub);
  const commitment = coin.ageCommitment && age.commitmentHash(coin.ageCommitment.publicKeys);
  expect(offered?.key.verify(hash.coinPub(coin.coinPub, commitment), coin.signature)).toBe(true);
  expect(offered?.value).toEqual(coin.value);
}

describe.each([
  ['server', serverPrimitives],
  ['portable', portablePrimitives],
])('with %s primitives', (_name, primitives) => {
  test('a withdrawal gives money, of both ciphers', async () => {
    const client = newClient({ primitives });
    const { reservePriv, reservePub } = funded(client, '10');
    const { plan, coins } = await client.withdraw(reservePriv, kudos('10'));
    expect(plan.denominations.map(({ cipher }) => cipher)).toContain('CS');
    expect(plan.denominations.map(({ cipher }) => cipher)).toContain('RSA');
    for (const coin of coins) await expectMoney(client, coin);
    expect((await client.reserve(reservePub))?.balance).toEqual(plan.rest);
  });

  test('coins are bound to an age', async () => {
    const client = newClient({ primitives });
    const { reservePriv } = funded(client, '3.02');
    const { coins } = await client.withdraw(reservePriv, kudos('3.02'), { maxAge: 13 });
    expect(coins.map(({ signature }) => signature.cipher)).toEqual(['CS', 'RSA']);
    for (const coin of coins) {
      await expectMoney(client, coin);
      const commitment = coin.ageCommitment as NonNullable<Coin['ageCommitment']>;
      const attestation = client.taler.age.attest(commitment, 12);
      expect(client.taler.age.verify(commitment, 12, attestation)).toBe(true);
      expect(client.taler.age.attest(commitment, 14)).toBeUndefined();
    }
  });
});

describe('withdrawing', () => {
  test('the same seed gives the same coins, also in another client and with the other primitives', async () => {
    const [client, other] = [newClient(), newClient({ primitives: portablePrimitives })];
    const { reservePriv } = funded(client, '5');
    const seed = draw(32);
    const { plan, coins } = await client.withdraw(reservePriv, kudos('4'), { seed });
    const names = plan.denominations.map(({ name }) => name);
    const { denominations } = await other.keys();
    const same = names.map((name) => denominations.get(name) as (typeof plan.denominations)[number]);
    const again = await other.batchWithdraw(reservePriv, await other.preparePlanchets(seed, same));
    expect(again).toEqual(coins);
    const [first, second] = exchange.requests('POST /reserves').map(({ body }) => body);
    expect(second).toBe(first);
    const left = await client.reserve(client.taler.eddsa.publicKey(reservePriv));
    expect(left?.balance.units).toBe(kudos('5').units - plan.cost.units);
  });

  test('another seed gives other coins', async () => {
    const client = newClient();
    const { reservePriv } = funded(client, '5');
    const [one, two] = [
      await client.withdraw(reservePriv, kudos('2.02')),
      await client.withdraw(reservePriv, kudos('2.02')),
    ];
    const keys = [...one.coins, ...two.coins].map(({ coinPub }) => encodeBase32(coinPub));
    expect(new Set(keys).size).toBe(keys.length);
  });

  test('nothing is asked for when nothing fits', async () => {
    const client = newClient();
    const { coins, plan } = await client.withdraw(funded(client, '5').reservePriv, kudos('0.05'));
    expect([coins, plan.rest]).toEqual([[], kudos('0.05')]);
    expect(exchange.requests('POST')).toEqual([]);
  });

  test('a reserve that is not known yet is a refusal to try again', async () => {
    const client = newClient();
    const { reservePriv, reservePub } = client.newReserve();
    await expect(client.withdraw(reservePriv, kudos('1.01'))).rejects.toMatchObject({ status: 404, code: 1027 });
    expect(await client.reserve(reservePub)).toBeUndefined();
  });

  const other = (text: string) => (text.startsWith('0') ? `1${text.slice(1)}` : `0${text.slice(1)}`);
  test.each<[string, (json: Answer['json']) => void, string]>([
    ['a signature changed', ({ ev_sigs }) => (ev_sigs[0].ev_sig.blinded_rsa_signature = '1G'), 'signature'],
    ['one of another cipher', ({ ev_sigs }) => (ev_sigs[0].ev_sig = ev_sigs[1].ev_sig), 'malformed'],
    ['two of one cipher exchanged', ({ ev_sigs }) => ev_sigs.splice(1, 2, ev_sigs[2], ev_sigs[1]), 'signature'],
    ['signatures in another order', ({ ev_sigs }) => ev_sigs.reverse(), 'signature'],
    ['one too few', ({ ev_sigs }) => ev_sigs.pop(), 'malformed'],
    ['one too many', ({ ev_sigs }) => ev_sigs.push(ev_sigs[0]), 'malformed'],
    ['a scalar changed', ({ ev_sigs }) => (ev_sigs[1].ev_sig.s = other(ev_sigs[1].ev_sig.s)), 'signature'],
    ['the other branch', ({ ev_sigs }) => (ev_sigs[1].ev_sig.b = 1 - ev_sigs[1].ev_sig.b), 'signature'],
    ['no list', (json) => (json.ev_sigs = {}), 'malformed'],
  ])('%s is noticed', async (_name, change, kind) => {
    const client = newClient();
    const { reservePriv } = funded(client, '20');
    const plan = await client.plan(kudos('9.5'));
    expect(plan.denominations.map(({ cipher }) => cipher).slice(0, 4)).toEqual(['RSA', 'CS', 'CS', 'RSA']);
    const planchets = await client.preparePlanchets(draw(32), plan.denominations);
    spoilJson('POST /reserves', change);
    await expect(client.batchWithdraw(reservePriv, planchets)).rejects.toMatchObject({
      name: 'ExchangeMisbehaved',
      kind,
    });
  });

  test.each<[string, (json: Answer['json']) => void]>([
    ['a point that is none', ({ ewv }) => (ewv.r_pub_0 = encodeBase32(new Uint8Array(32).fill(2)))],
    ['a point of small order', ({ ewv }) => (ewv.r_pub_1 = encodeBase32(Uint8Array.of(1, ...new Uint8Array(31))))],
    ['another cipher', ({ ewv }) => (ewv.cipher = 'RSA')],
    ['a point too few', ({ ewv }) => delete ewv.r_pub_1],
  ])('%s in the answer to a nonce is noticed', async (_name, change) => {
    const client = newClient();
    const { denominations } = await client.plan(kudos('2.01'));
    spoilJson('POST /csr-withdraw', change);
    await expect(client.preparePlanchets(draw(32), denominations)).rejects.toMatchObject({
      name: 'ExchangeMisbehaved',
      kind: 'malformed',
    });
  });
});

describe('keys', () => {
  test('are fetched once while they are fresh, and by ETag afterwards', async () => {
    let now = NOW;
    const client = newClient({ now: () => now });
    const keys = await client.keys();
    now += 59;
    expect(await client.keys()).toBe(keys);
    expect(exchange.requests('GET /keys')).toHaveLength(1);
    now += 1;
    expect(await client.keys()).toBe(keys);
    const [, second] = exchange.requests('GET /keys');
    expect(second?.headers['if-none-match']).toBe('"keys-1"');
    const verified = client.signaturesVerified;
    await client.keys({ refresh: true });
    expect([exchange.requests('GET /keys').length, client.signaturesVerified]).toEqual([3, verified]);
  });

  test('are fetched once by many callers', async () => {
    const client = newClient();
    await Promise.all([client.keys(), client.keys(), client.plan(kudos('1'))]);
    expect(exchange.requests('GET /keys')).toHaveLength(1);
  });

  test('belong to the pinned master key', async () => {
    await expect(newClient({ masterPub }).keys()).resolves.toMatchObject({ masterPub });
    const stranger = newClient({ masterPub: privateKey('somebody') });
    await expect(stranger.keys()).rejects.toThrow(ExchangeMisbehaved);
  });

  test('name the URL that was asked, unless the caller does not mind', async () => {
    const baseUrl = exchange.baseUrl.replace('127.0.0.1', 'localhost');
    await expect(newClient({ baseUrl }).keys()).rejects.toMatchObject({
      kind: 'contradiction',
      subject: 'keys.base_url',
    });
    await expect(newClient({ baseUrl, anyBaseUrl: true }).keys()).resolves.toMatchObject({ baseUrl: exchange.baseUrl });
  });

  test('a failure is not kept', async () => {
    const client = newClient();
    exchange.spoil = () => refusal(503, 1007);
    await expect(client.keys()).rejects.toMatchObject({ status: 503, code: 1007 });
    exchange.spoil = () => undefined;
    expect((await client.keys()).denominations.size).toBe(7);
  });
});

describe('the rest of an exchange', () => {
  test('wire, config, terms', async () => {
    const client = newClient();
    expect((await client.wire()).accounts).toHaveLength(1);
    expect(await client.config()).toEqual({ version: '24:0:12', currency: 'KUDOS', revoked: [] });
    expect(await client.terms('en')).toEqual({ text: 'Be honest.\n', type: 'text/plain', etag: '"1"' });
    spoilJson('GET /config', (json) => (json.name = 'a shop'));
    await expect(client.config()).rejects.toMatchObject({ kind: 'malformed', subject: 'config.name' });
  });

  test('legitimization is pending, then done', async () => {
    const client = newClient();
    const hPayto = encodeBase32(new Uint8Array(32));
    const path = `kyc-check/2/${hPayto}/individual`;
    const pending = await client.kycCheck({ requirementRow: 2, hPayto }, { timeoutMs: 5 });
    expect(pending).toEqual({ done: false, kycUrl: `https://kyc.example/${path}` });
    expect(exchange.seen.at(-1)?.name).toBe(`GET /${path}?timeout_ms=5`);
    exchange.spoil = () => ({ status: 204 });
    expect(await client.kycCheck({ requirementRow: 2, hPayto, userType: 'business' })).toEqual({ done: true });
  });

  test('a reserve is closed to its origin or to another account, and its history shows it', async () => {
    const client = newClient();
    const { reservePriv, reservePub } = funded(client, '5');
    await client.withdraw(reservePriv, kudos('2.01'));
    expect(await client.closeReserve(reservePriv)).toEqual(kudos('2.93'));
    exchange.credit(reservePub, kudos('1'));
    const paytoUri = 'payto://x-taler-bank/127.0.0.1/bob?receiver-name=Bob';
    expect(await client.closeReserve(reservePriv, { paytoUri, timestamp: NOW - 5 })).toEqual(kudos('0.94'));
    expect(JSON.parse(exchange.requests('POST /reserves').at(-1)?.body ?? '')).toMatchObject({
      request_timestamp: { t_s: NOW - 5 },
      payto_uri: paytoUri,
    });
    const { entries, balance } = await client.reserveHistory(reservePriv);
    expect(entries.map(({ type }) => type)).toEqual(['CREDIT', 'WITHDRAW', 'CLOSING', 'CREDIT', 'CLOSING']);
    expect(balance).toEqual(kudos('0'));
    expect((await client.reserveHistory(reservePriv, 3)).entries.map(({ type }) => type)).toEqual([
      'CREDIT',
      'CLOSING',
    ]);
    expect(await client.reserveHistory(reservePriv, 5)).toEqual({ entries: [] });
  });

  test('a history that does not sum up, or charges for what nobody signed, is noticed', async () => {
    const client = newClient();
    const { reservePriv } = funded(client, '5');
    await client.withdraw(reservePriv, kudos('1.01'));
    const path = 'GET /reserves';
    spoilJson(path, (json) => (json.balance = 'KUDOS:3'));
    await expect(client.reserveHistory(reservePriv)).rejects.toMatchObject({ subject: 'history.balance' });
    spoilJson(path, ({ history }) => (history[1].amount = 'KUDOS:1.02'));
    await expect(client.reserveHistory(reservePriv)).rejects.toMatchObject({
      subject: 'history.history[1].reserve_sig',
    });
  });
});

describe('refusals', () => {
  test('an overdraft comes with the history that proves it', async () => {
    const client = newClient();
    const { reservePriv, reservePub } = funded(client, '3');
    await client.withdraw(reservePriv, kudos('2.01'));
    const refused = await client.withdraw(reservePriv, kudos('1.5')).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(ExchangeRefused);
    const proof = await client.verifyRefusal(refused as ExchangeRefused, { reservePub });
    expect(proof).toMatchObject({ kind: 'reserve-overdrawn', balance: kudos('0.99') });
    expect(proof).toHaveProperty('history.balance', kudos('0.99'));
  });

  test('whoever speaks with a key of their own is asked for keys once more, and then not believed', async () => {
    const client = newClient();
    await client.keys();
    const zeros = (sizeBytes: number) => encodeBase32(new Uint8Array(sizeBytes));
    const signed = { timestamp: { t_s: NOW }, h_denom_pub: zeros(64), exchange_sig: zeros(64) };
    const body = { ...signed, exchange_pub: encodeBase32(privateKey('a key that nobody signed')) };
    const refused = { status: 404, code: 1005, hint: '', request: '', body };
    await expect(client.verifyRefusal(refused)).rejects.toMatchObject({ kind: 'signature' });
    expect(exchange.requests('GET /keys')).toHaveLength(2);
  });
});

test('randomness of another size is refused', () => {
  const client = newClient({ randomBytes: () => new Uint8Array(31) });
  expect(() => client.newReserve()).toThrow('32 random bytes');
});

test('a reserve key is what was drawn', () => {
  const { reservePriv, reservePub } = newClient({
    randomBytes: (size: number) => new Uint8Array(size).fill(7),
  }).newReserve();
  expect(reservePriv).toEqual(new Uint8Array(32).fill(7));
  expect(decodeBase32(encodeBase32(reservePub), 32)).toEqual(reservePub);
});
