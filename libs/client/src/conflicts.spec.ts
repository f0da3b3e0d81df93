import { encodeBase32 } from '@florin/encoding';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { OfferedDenomination } from './denominations.js';
import { ExchangeRefused } from './errors.js';
import type { ExchangeClient } from './exchange-client.js';
import type { PeerContract } from './peer-contract.js';
import type { PurseKeys } from './purse-contract.js';
import type { RefusedRequest } from './refusals.js';
import { kudos, NOW } from './testing/signed-keys.js';
import { type Answer, SmallExchange } from './testing/small-exchange.js';
import { change, leavesOf, misbehaviour } from './testing/tampering.js';
import { newClient, whole, withdrawn } from './testing/wallet.js';
import type { Coin } from './withdraw.js';

/* Refusals because something else was signed before: what they prove, and what they may not claim. */

let exchange: SmallExchange;
let client: ExchangeClient;
beforeAll(async () => {
  exchange = await SmallExchange.start();
});
afterAll(() => exchange.stop());
beforeEach(() => {
  exchange.spoil = () => undefined;
  client = newClient(exchange);
});

const oneCoin = async (options: object = {}): Promise<Coin> =>
  (await withdrawn(exchange, client, '2.01', { cipher: 'CS', ...options })).coins[0] as Coin;
const tea = (amount = '1', more: object = {}): PeerContract =>
  client.purses.contract({ amount: kudos(amount), summary: 'Tea', expiration: NOW + 60, ...more });
const asked = ({ pursePub, mergePub }: PurseKeys, contract: PeerContract) => ({
  purse: { pursePub, mergePub, contract },
});

async function refusalOf(call: Promise<unknown>, code: number): Promise<ExchangeRefused> {
  const refused = await call.catch((error: unknown) => error);
  if (!(refused instanceof ExchangeRefused)) throw refused;
  expect([refused.status, refused.code]).toEqual([409, code]);
  return refused;
}

/** The same refusal with another body. */
function changed(refused: ExchangeRefused, change: (body: Answer['json']) => void): ExchangeRefused {
  const body = JSON.parse(JSON.stringify(refused.body));
  change(body);
  return { ...refused, body } as ExchangeRefused;
}

/** Each value of the proof, changed one by one, has to be noticed. */
async function expectSealed(refused: ExchangeRefused, request: RefusedRequest, ignored: readonly string[] = []) {
  const paths = leavesOf(refused.body).filter((path) => !['code', 'hint', ...ignored].includes(path));
  for (const path of paths) {
    const verified = client.verifyRefusal(
      changed(refused, (body) => change(body, path)),
      request,
    );
    await expect(verified, path).rejects.toMatchObject({ name: 'ExchangeMisbehaved' });
  }
  expect(paths.length).toBeGreaterThan(2);
}

describe('a coin', () => {
  test('that was spent before', async () => {
    const coin = await oneCoin();
    await client.purses.create(client.purses.newKeys(), tea(), [{ coin, amount: kudos('1.5') }]);
    const payments = [{ coin, amount: kudos('0.51') }];
    const refused = await refusalOf(client.purses.create(client.purses.newKeys(), tea(), payments), 1012);
    const proof = await client.verifyRefusal(refused, { payments });
    expect(proof).toMatchObject({
      kind: 'coin-overspent',
      coinPub: encodeBase32(coin.coinPub),
      requested: kudos('0.51'),
      history: { residual: kudos('0.5') },
    });
    await expectSealed(refused, { payments });
    const enough = client.verifyRefusal(refused, { payments: [{ coin, amount: kudos('0.5') }] });
    await expect(enough).rejects.toThrow(misbehaviour('contradiction', 'refusal 1012'));
    const other = client.verifyRefusal(refused, { payments: whole([await oneCoin()]) });
    await expect(other).rejects.toThrow('a coin that was not in the request');
    const without = await client.verifyRefusal(
      changed(refused, (body) => delete body.history),
      { payments },
    );
    expect(without).not.toHaveProperty('history');
  });

  test('whose key another denomination signed too', async () => {
    const [coin, other] = [await oneCoin(), (await withdrawn(exchange, client, '1.01')).coins[0] as Coin];
    await client.purses.create(client.purses.newKeys(), tea(), whole([coin]));
    // Nobody can have two denominations sign one key but who draws it twice; the exchange sees no more than this.
    const body = {
      ...{ hint: '', coin_pub: encodeBase32(coin.coinPub), h_denom_pub: encodeBase32(coin.denominationHash) },
      history: [] as unknown[],
    };
    exchange.spoil = (name, { json }) => {
      if (name.startsWith('GET /coins')) body.history = json.history;
      return undefined;
    };
    await client.coins.history(coin);
    const refused = { status: 409, code: 1003, hint: '', request: '', body } as unknown as ExchangeRefused;
    const payments = [{ coin: { ...other, coinPub: coin.coinPub }, amount: kudos('1') }];
    const proof = await client.verifyRefusal(refused, { payments });
    expect(proof).toMatchObject({ kind: 'coin-of-other-denomination', denominationHash: body.h_denom_pub });
    await expectSealed(refused, { payments }, ['history.0.refunded']);
    const same = client.verifyRefusal(refused, { payments: whole([coin]) });
    await expect(same).rejects.toThrow('it is the same denomination');
    const nothing = changed(refused, (json) => (json.history = []));
    await expect(client.verifyRefusal(nothing, { payments })).rejects.toThrow('nothing in it shows');

    // The earlier denomination's own signature shows it as well.
    const offered = (await client.keys()).denominations.get(body.h_denom_pub) as OfferedDenomination;
    const { csPub } = offered.key.pub as { csPub: Uint8Array };
    const { r, s } = coin.signature as { r: Uint8Array; s: Uint8Array };
    const signed = changed(nothing, (json) => {
      json.prev_denom_pub = { cipher: 'CS', age_mask: 0, cs_pub: encodeBase32(csPub) };
      json.prev_denom_sig = { cipher: 'CS', cs_signature_r: encodeBase32(r), cs_signature_s: encodeBase32(s) };
    });
    expect(await client.verifyRefusal(signed, { payments })).toEqual(proof);
    for (const path of ['prev_denom_pub.age_mask', 'prev_denom_sig.cs_signature_s', 'h_denom_pub', 'coin_pub']) {
      const forged = client.verifyRefusal(
        changed(signed, (json) => change(json, path)),
        { payments },
      );
      await expect(forged, path).rejects.toMatchObject({ name: 'ExchangeMisbehaved' });
    }
  });

  test('whose key came with another age', async () => {
    const coin = await oneCoin({ maxAge: 13 });
    await client.purses.create(client.purses.newKeys(), tea(), [{ coin, amount: kudos('1') }]);
    const { ageCommitment, ...bare } = coin;
    const payments = whole([bare]);
    const body = {
      coin_pub: encodeBase32(coin.coinPub),
      h_denom_pub: encodeBase32(coin.denominationHash),
      expected_age_commitment_hash: encodeBase32(client.taler.age.commitmentHash(ageCommitment?.publicKeys ?? [])) as
        | string
        | null,
      history: [] as Answer['json'][],
    };
    exchange.spoil = (name, { json }) => {
      if (name.startsWith('GET /coins')) body.history = json.history;
      return undefined;
    };
    await client.coins.history(coin);
    const refused = { status: 409, code: 1015, hint: '', request: '', body } as unknown as ExchangeRefused;
    expect(await client.verifyRefusal(refused, { payments })).toEqual({
      kind: 'coin-of-other-age',
      coinPub: body.coin_pub,
      ageCommitmentHash: body.expected_age_commitment_hash,
      isShown: true,
    });
    await expectSealed(refused, { payments }, ['history.0.refunded']);
    const same = client.verifyRefusal(refused, { payments: whole([coin]) });
    await expect(same).rejects.toThrow('it is the same age commitment');
    const none = changed(refused, (json) => (json.expected_age_commitment_hash = null));
    await expect(client.verifyRefusal(none, { payments: whole([coin]) })).rejects.toThrow('a different age commitment');
    const silent = changed(refused, (json) => (json.history = []));
    expect(await client.verifyRefusal(silent, { payments })).toMatchObject({ isShown: false });
  });

  test('that pays another amount into the same purse', async () => {
    const [keys, contract, coin] = [client.purses.newKeys(), tea(), await oneCoin()];
    await client.purses.create(keys, contract, [{ coin, amount: kudos('0.5') }]);
    const payments = [{ coin, amount: kudos('0.6') }];
    const refused = await refusalOf(client.purses.deposit(keys.pursePub, contract, payments), 1858);
    const request = { ...asked(keys, contract), payments };
    const proof = { kind: 'other-payment', coinPub: encodeBase32(coin.coinPub), amount: kudos('0.5') };
    expect(await client.verifyRefusal(refused, request)).toEqual(proof);
    await expectSealed(refused, request);
    const seed = changed(refused, (body) => delete body.h_denom_pub);
    expect(await client.verifyRefusal(seed, request)).toEqual(proof);
    const same = client.verifyRefusal(refused, { ...request, payments: [{ coin, amount: kudos('0.5') }] });
    await expect(same).rejects.toThrow('it is the same payment');
    await expect(client.verifyRefusal(refused, { payments })).rejects.toThrow('it speaks of a purse');
  });
});

describe('a purse', () => {
  test('with other terms, made or asked for', async () => {
    const [keys, contract, { reservePriv }] = [client.purses.newKeys(), tea(), client.newReserve()];
    await client.purses.create(keys, contract, whole([await oneCoin()]));
    const other = tea('1.5');
    const again = client.purses.create(keys, other, whole([await oneCoin()]));
    const refused = await refusalOf(again, 1850);
    const proof = { kind: 'purse-of-other-terms', amount: kudos('1'), expiration: NOW + 60, minAge: 0 };
    expect(await client.verifyRefusal(refused, asked(keys, other))).toEqual(proof);
    await expectSealed(refused, asked(keys, other));
    const same = client.verifyRefusal(refused, asked(keys, contract));
    await expect(same).rejects.toThrow('these are the same terms');
    await refusalOf(client.purses.request(reservePriv, keys, other), 1850);
    const requested = { ...refused, code: 1675 } as ExchangeRefused;
    expect(await client.verifyRefusal(requested, asked(keys, other))).toEqual(proof);
  });

  test('with another contract', async () => {
    const [keys, contract] = [client.purses.newKeys(), tea()];
    await client.purses.create(keys, contract, whole([await oneCoin()]));
    const other = { ...keys, contractPriv: client.purses.newKeys().contractPriv };
    const refused = await refusalOf(client.purses.create(other, contract, whole([await oneCoin()])), 1859);
    const contractPub = encodeBase32(client.taler.ecdh.publicKey(keys.contractPriv));
    expect(await client.verifyRefusal(refused, asked(keys, contract))).toMatchObject({
      kind: 'other-contract',
      contractPub,
    });
    await expectSealed(refused, asked(keys, contract));
  });

  test('that somebody else took', async () => {
    const [keys, contract, first] = [client.purses.newKeys(), tea(), client.newReserve()];
    await client.purses.create(keys, contract, whole([await oneCoin()]));
    const found = await client.purses.readForMerge(keys.contractPriv);
    await client.purses.merge(found, first.reservePriv);
    const refused = await refusalOf(client.purses.merge(found, client.newReserve().reservePriv), 1676);
    expect(await client.verifyRefusal(refused, asked(keys, contract))).toEqual({
      kind: 'merged-elsewhere',
      reservePub: encodeBase32(first.reservePub),
      at: NOW,
    });
    await expectSealed(refused, asked(keys, contract));
    const partner = changed(refused, (body) => (body.partner_url = 'https://elsewhere.example/'));
    await expect(client.verifyRefusal(partner, asked(keys, contract))).rejects.toThrow(misbehaviour('signature', ''));
    const nowhere = changed(refused, (body) => (body.partner_url = 'elsewhere'));
    await expect(client.verifyRefusal(nowhere, asked(keys, contract))).rejects.toThrow(misbehaviour('malformed', ''));
    const { mergePub: _unknown, ...purse } = asked(keys, contract).purse;
    await expect(client.verifyRefusal(refused, { purse })).rejects.toThrow(RangeError);
  });
});
