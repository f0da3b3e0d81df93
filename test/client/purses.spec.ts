import { randomBytes } from 'node:crypto';
import {
  type Coin,
  ExchangeClient,
  ExchangeRefused,
  feeAt,
  type OfferedDenomination,
  type PeerContract,
  type Planchet,
  type PurseKeys,
  type RefusalProof,
  type RefusedRequest,
} from '@florin/client';
import { serverPrimitives } from '@florin/crypto/server';
import { type Amount, encodeBase32, parseAmount } from '@florin/encoding';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { fundReserve, type RunningExchange, startExchange } from '../support/exchange.js';

/* What the exchange refuses, as the client library sees it: each conflict is proved by what was signed before. */

let exchange: RunningExchange;
let client: ExchangeClient;
beforeAll(async () => {
  exchange = await startExchange({ onTestServer: true });
  client = newClient();
});
afterAll(async () => {
  await exchange?.stop();
  exchange?.remove();
});

const draw = (sizeBytes: number): Uint8Array => new Uint8Array(randomBytes(sizeBytes));
const newClient = () =>
  new ExchangeClient({ baseUrl: exchange.baseUrl, randomBytes: draw, primitives: serverPrimitives });
const kudos = (text: string): Amount => parseAmount(`KUDOS:${text}`);
const inAnHour = (): number => Math.floor(Date.now() / 1000) + 3600;
const tea = (amount = '0.5', minAge = 0): PeerContract =>
  client.purses.contract({ amount: kudos(amount), summary: 'Tea', expiration: inAnHour(), minAge });

async function fundedReserve(amount: string) {
  const reserve = client.newReserve();
  await fundReserve(exchange, encodeBase32(reserve.reservePub), `KUDOS:${amount}`);
  await client.reserve(reserve.reservePub, { timeoutMs: 60_000 });
  return reserve;
}

const offered = async (amount: string, options: object = {}): Promise<OfferedDenomination> =>
  (await client.plan(kudos(amount), { coinsMax: 1, ...options })).denominations[0] as OfferedDenomination;

async function coinsOf(denominations: readonly OfferedDenomination[], maxAge = 30): Promise<readonly Coin[]> {
  const { reservePriv } = await fundedReserve('20');
  return client.batchWithdraw(reservePriv, await client.preparePlanchets(draw(32), denominations, { maxAge }));
}
const oneCoin = async (): Promise<Coin> => (await coinsOf([await offered('1.01')]))[0] as Coin;

/** Two coins of one key: what no wallet makes but by mistake. */
async function twins(first: OfferedDenomination, second: OfferedDenomination): Promise<readonly [Coin, Coin]> {
  const { eddsa, hash, age } = client.taler;
  const planchets = await client.preparePlanchets(draw(32), [first, second]);
  const [one, two] = planchets as [Planchet, Planchet];
  const { coinPriv } = one;
  const coinPub = eddsa.publicKey(coinPriv);
  const commitment = two.ageCommitment && age.commitmentHash(two.ageCommitment.publicKeys);
  const blinding = { ...two.blinding, coinPubHash: hash.coinPub(coinPub, commitment) };
  const blinded = second.key.blind(blinding);
  const twin = { ...two, coinPriv, coinPub, blinding, blinded, envelopeHash: second.key.envelopeHash(blinded) };
  const { reservePriv } = await fundedReserve('20');
  return (await client.batchWithdraw(reservePriv, [one, twin])) as unknown as readonly [Coin, Coin];
}

/** The call is refused with this code, and its proof holds. */
async function proofOf(
  call: Promise<unknown>,
  code: number,
  request: RefusedRequest,
): Promise<RefusalProof | undefined> {
  const refused = await call.catch((error: unknown) => error);
  if (!(refused instanceof ExchangeRefused)) throw refused;
  expect(refused.code).toBe(code);
  return client.verifyRefusal(refused, request);
}

const asked = ({ pursePub, mergePub }: PurseKeys, contract: PeerContract): RefusedRequest => ({
  purse: { pursePub, mergePub, contract },
});

test('a purse with other terms, another contract or another payment', async () => {
  const [keys, contract, coin] = [client.purses.newKeys(), tea(), await oneCoin()];
  await client.purses.create(keys, contract, [{ coin, amount: kudos('0.3') }]);
  const payments = [{ coin: await oneCoin(), amount: kudos('0.4') }];

  const other = tea('0.6');
  const made = await proofOf(client.purses.create(keys, other, payments), 1850, asked(keys, other));
  expect(made).toMatchObject({ kind: 'purse-of-other-terms', amount: kudos('0.5') });
  const { reservePriv } = await fundedReserve('1');
  const requested = client.purses.request(reservePriv, keys, other, { purseFee: kudos('0.04') });
  expect(await proofOf(requested, 1675, asked(keys, other))).toEqual(made);

  const rewritten = { ...keys, contractPriv: client.purses.newKeys().contractPriv };
  const sealed = await proofOf(client.purses.create(rewritten, contract, payments), 1859, asked(keys, contract));
  expect(sealed).toMatchObject({ kind: 'other-contract' });

  const more = [{ coin, amount: kudos('0.31') }];
  const paid = client.purses.deposit(keys.pursePub, contract, more);
  const proof = await proofOf(paid, 1858, { ...asked(keys, contract), payments: more });
  expect(proof).toEqual({ kind: 'other-payment', coinPub: encodeBase32(coin.coinPub), amount: kudos('0.3') });
  expect(await client.coins.residual(coin)).toEqual(kudos('0.7'));
});

test('a coin that was spent, of one purse and of several', async () => {
  const coin = await oneCoin();
  for (const amount of ['0.3', '0.4']) {
    await client.purses.create(client.purses.newKeys(), tea(), [{ coin, amount: kudos(amount) }]);
  }
  const payments = [{ coin, amount: kudos('0.31') }];
  const proof = await proofOf(client.purses.create(client.purses.newKeys(), tea(), payments), 1012, { payments });
  expect(proof).toMatchObject({ kind: 'coin-overspent', history: { residual: kudos('0.3') } });
  await client.purses.create(client.purses.newKeys(), tea(), [{ coin, amount: kudos('0.3') }]);
  expect(await client.coins.residual(coin)).toEqual(kudos('0'));
});

test('one key under two denominations, and under two age commitments', async () => {
  const [ones, twos] = [await offered('1.01', { cipher: 'RSA' }), await offered('2.02', { cipher: 'RSA' })];
  const [first, second] = await twins(ones, twos);
  const paying = (coin: Coin) => [{ coin, amount: kudos('0.5') }];
  await client.purses.create(client.purses.newKeys(), tea(), paying(first));
  const spent = client.purses.create(client.purses.newKeys(), tea(), paying(second));
  expect(await proofOf(spent, 1003, { payments: paying(second) })).toEqual({
    kind: 'coin-of-other-denomination',
    coinPub: encodeBase32(first.coinPub),
    denominationHash: ones.name,
  });

  const aged = await offered('1.01', { maxAge: 30 });
  const [younger, older] = await twins(aged, aged);
  await client.purses.create(client.purses.newKeys(), tea(), paying(younger));
  const again = client.purses.create(client.purses.newKeys(), tea(), paying(older));
  expect(await proofOf(again, 1015, { payments: paying(older) })).toMatchObject({ kind: 'coin-of-other-age' });
});

test('a reserve has as many purses without a fee as the global fees say, and not one more', async () => {
  const { reservePriv } = await fundedReserve('1');
  const limit = feeAt((await client.keys()).globalFees, inAnHour())?.purseAccountLimit ?? 0;
  expect(limit).toBeGreaterThan(0);
  const purses = Array.from({ length: limit }, () => client.purses.newKeys());
  for (const keys of purses) await client.purses.request(reservePriv, keys, tea());
  const [keys, contract] = [client.purses.newKeys(), tea()];
  const refused = client.purses.request(reservePriv, keys, contract);
  expect(await proofOf(refused, 1677, asked(keys, contract))).toBeUndefined();
  await client.purses.remove((purses[0] as PurseKeys).pursePriv);
  await client.purses.request(reservePriv, keys, contract);
});

test('a requested purse is asked for again by the same bytes, paid by proven ages only, and deleted', async () => {
  const { reservePriv } = await fundedReserve('1');
  const [keys, contract] = [client.purses.newKeys(), tea('0.5', 16)];
  const options = { purseFee: kudos('0.04'), timestamp: inAnHour() - 3600 };
  const first = await client.purses.request(reservePriv, keys, contract, options);
  expect(await newClient().purses.request(reservePriv, keys, contract, options)).toEqual(first);
  const aged = await offered('1.01', { maxAge: 30 });
  const [child] = await coinsOf([aged], 13);
  const paying = [{ coin: child as Coin, amount: kudos('0.3') }];
  await expect(client.purses.deposit(keys.pursePub, contract, paying)).rejects.toThrow('cannot prove an age of 16');
  const [adult] = await coinsOf([aged], 30);
  await client.purses.deposit(keys.pursePub, contract, [{ coin: adult as Coin, amount: kudos('0.3') }]);
  expect(await client.purses.status(keys.pursePub, 'deposit')).toMatchObject({ state: 'open', balance: kudos('0.29') });
  await client.purses.remove(keys.pursePriv);
  expect(await client.purses.status(keys.pursePub, 'merge')).toEqual({ state: 'deleted' });
  const { entries, balance } = await client.reserveHistory(reservePriv);
  expect(entries).toContainEqual(expect.objectContaining({ type: 'MERGE', merged: false, purseFee: kudos('0.04') }));
  expect(balance).toEqual(kudos('0.96'));
});
