import { readFileSync } from 'node:fs';
import {
  parseBlindSignature,
  parseDenominationPub,
  parseDenominationSignature,
  type Taler,
  taler,
} from '@florin/crypto';
import { portablePrimitives } from '@florin/crypto/portable';
import { serverPrimitives } from '@florin/crypto/server';
import { decodeBase32, encodeBase32, parseAmount } from '@florin/encoding';
import { describe, expect, test } from 'vitest';
import type { Case } from './cases.js';
import { Checker } from './checker.js';
import { FOLDER, makeFiles } from './generate.js';
import { CURRENCY, type Material } from './material.js';

/* The vectors of recoup-withdraw: made again byte by byte, computed with both sets of primitives, and carried out. */

const read = (name: string): string => readFileSync(new URL(name, FOLDER), 'utf8');
const material = JSON.parse(read('coins.json')) as Material;
const { cases } = JSON.parse(read('cases.json')) as { cases: Case[] };
const bytes = (text: unknown): Uint8Array => decodeBase32(String(text));

test.each([...makeFiles()])('%s is what the generator writes', (name, contents) => {
  expect(read(name)).toBe(contents);
});

describe.each([
  ['server', taler(serverPrimitives)],
  ['portable', taler(portablePrimitives)],
])('with %s primitives', (_name, crypto: Taler) => {
  test.each(Object.entries(material.denominations))('denomination %s', (_denomination, { denom_pub, h_denom_pub }) => {
    const pub = parseDenominationPub(denom_pub);
    expect(encodeBase32(crypto.denomination(pub).hash)).toBe(h_denom_pub);
  });

  test.each(Object.entries(material.coins))('coin %s', (_coin, json) => {
    // biome-ignore lint/suspicious/noExplicitAny: members of the vectors
    const { disclosed, ...coin } = json as any;
    const key = crypto.denomination(parseDenominationPub(material.denominations[coin.denomination]?.denom_pub));
    const coinPub = crypto.eddsa.publicKey(bytes(coin.coin_priv));
    expect(encodeBase32(coinPub)).toBe(disclosed.coin_pub);
    const ages = coin.age_commitment?.map(bytes);
    const age = ages && crypto.age.commitmentHash(ages);
    expect(age && encodeBase32(age)).toBe(disclosed.age_commitment_h);
    const coinPubHash = crypto.hash.coinPub(coinPub, age);
    expect(encodeBase32(coinPubHash)).toBe(coin.coin_pub_hash);

    const { cs_session_nonce: nonce, cs_r_pubs: points } = disclosed;
    const session = nonce && { nonce: bytes(nonce), rPub0: bytes(points.r_pub_0), rPub1: bytes(points.r_pub_1) };
    const blindingSecret = bytes(disclosed.coin_blinding_key_secret);
    const blinding = { coinPubHash, blindingSecret, ...(session && { session }) };
    const planchet = key.blind(blinding);
    if (planchet.cipher === 'RSA') {
      expect(encodeBase32(planchet.blindedPlanchet)).toBe(coin.rsa_blinded_planchet);
    } else {
      const { cs_blinded_c0, cs_blinded_c1 } = coin;
      expect([planchet.c0, planchet.c1].map((each) => encodeBase32(each))).toEqual([cs_blinded_c0, cs_blinded_c1]);
    }
    expect(encodeBase32(crypto.hash.sha512(bytes(coin.envelope)))).toBe(coin.coin_ev);
    expect(encodeBase32(key.envelopeHash(planchet))).toBe(coin.coin_ev);
    expect(key.unblind(blinding, parseBlindSignature(coin.ev_sig))).toEqual(
      parseDenominationSignature(disclosed.denom_pub_sig),
    );
    expect(crypto.eddsa.verify(bytes(coin.recoup_request), bytes(disclosed.coin_sig), coinPub)).toBe(true);
  });

  test.each(Object.entries(material.withdrawals))('withdrawal %s', (_withdrawal, { coins, commitment }) => {
    const hashes = coins.map((name) => bytes(material.coins[name]?.coin_ev));
    expect(encodeBase32(crypto.hash.withdrawCommitment(hashes))).toBe(commitment);
  });

  test.each(cases.map((each) => [each.name, each] as const))('%s', (_case, { steps, ...one }) => {
    const checker = new Checker(crypto, material, { steps, ...one });
    for (const step of steps) {
      if (step.step !== 'recoup') {
        checker.spend(step, one.now);
        continue;
      }
      const { request, status, code, recouped, now = one.now } = step;
      const reservePub = String(request.reserve_pub);
      const before = checker.gained(reservePub);
      const expected = status === 200 ? { status, recouped } : { status, code };
      expect(checker.recoup(request, now)).toEqual(expected);
      const given = Object.values(recouped ?? {}).map((amount) => parseAmount(amount, CURRENCY).units);
      expect(checker.gained(reservePub) - before).toBe(given.reduce((sum, each) => sum + each, 0n));
    }
  });
});

test('the cases reach every answer that a wallet can bring about', () => {
  const answers = cases.flatMap(({ steps }) =>
    steps.flatMap((step) => (step.step === 'recoup' ? [`${step.status}/${step.code ?? ''}`] : [])),
  );
  const conflicts = ['409/1003', '409/1012', '409/1015', '410/1008', '410/1009', '410/1555'];
  const refusals = ['400/1017', '400/22', '400/26', '403/1006', '403/1550', '404/1005', '404/1161', '404/1551'];
  expect([...new Set(answers)].sort()).toEqual(['200/', ...refusals, ...conflicts]);
});

test('one planchet is a byte short, and its coin has the short form', () => {
  const sizes = Object.values(material.coins).flatMap(({ rsa_blinded_planchet }) =>
    rsa_blinded_planchet === undefined ? [] : [bytes(rsa_blinded_planchet).length],
  );
  expect(new Set(sizes)).toEqual(new Set([127, 128]));
});
