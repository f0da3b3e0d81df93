import { readdirSync } from 'node:fs';
import { decodeBase32, encodeAmount, fromHex, message, parseAmount, toHex } from '@florin/encoding';
import { expect, test } from 'vitest';
import { fromBigEndian, minimal, modInverse, toBigEndian } from './bigint.js';
import { parseAgeGroups, parseBlindedPlanchet, type Taler } from './index.js';
import { encodeScalar, reduce } from './scalar.js';
import { rsaPrivateKeyOf, rsaSigner } from './server.js';
import { type Check, expectBytes, type Row, readVectors, runRows } from './vectors.support.js';

/*
 * protocol/test-vectors.json: vectors published by others, and a few derived by a program independent of this one; and
 * the books of which vector file is executed where.
 */

const { sourced, derived } = readVectors('protocol/test-vectors.json');

const b32 = (text: string) => decodeBase32(text);
const expectB32 = (actual: Uint8Array | undefined, expected: string) => expectBytes(actual, b32(expected));

const SOURCED: Readonly<Record<string, Check>> = {
  hash: ({ input, sha512 }, { hash }) => expectB32(hash.sha512(b32(input)), sha512),
  eddsa: ({ priv, pub }, { eddsa }) => expectB32(eddsa.publicKey(b32(priv)), pub),
  kdf: ({ salt, ikm, info, outlen, out }, { kdf }) => {
    expectB32(kdf.derive(outlen, { salt: b32(salt), ikm: b32(ikm), info: b32(info) }), out);
  },
  eddsa_ecdh: ({ priv_ecdhe, pub_ecdhe, priv_eddsa, pub_eddsa, key_material }, { ecdh, eddsa }) => {
    expectB32(ecdh.publicKey(b32(priv_ecdhe)), pub_ecdhe);
    expectB32(eddsa.publicKey(b32(priv_eddsa)), pub_eddsa);
    expectB32(ecdh.sharedOfEddsa(b32(priv_eddsa), b32(pub_ecdhe)), key_material);
    expectB32(ecdh.sharedWithEddsa(b32(priv_ecdhe), b32(pub_eddsa)), key_material);
  },
  /** The R of this one was derived under another label than the protocol's, and its nonce is the blinding seed too. */
  cs: (row, { cs }, { primitives: { group } }) => {
    const [priv, nonce, rPub] = [b32(row.priv), b32(row.nonce), b32(row.r_pub_0)];
    expectB32(cs.publicKey(priv), row.pub);
    expectB32(group.multiplyBase(encodeScalar(reduce(b32(row.r_priv_0)))), row.r_pub_0);
    const [first, second] = cs.blindingSecrets(nonce);
    expectB32(first.alpha, row.alpha_0);
    expectB32(first.beta, row.beta_0);
    expectB32(second.alpha, row.alpha_1);
    expectB32(second.beta, row.beta_1);
    const session = { nonce, rPub0: rPub, rPub1: rPub };
    const blinding = { pub: b32(row.pub), message: b32(row.message_hash), secret: nonce, session };
    expectB32(cs.blindedR(blinding)[0], row.r_blind_0);
    const challenges = cs.blind(blinding);
    expectB32(challenges.c0, row.c_0);
    expect(cs.sign(priv, challenges, 'withdraw').b).toBe(row.b);
    const s = encodeScalar(reduce(b32(row.r_priv_0)) + reduce(challenges.c0) * reduce(priv));
    expectB32(s, row.blind_s);
    const signature = cs.unblind(blinding, { b: row.b, s });
    expectB32(signature.s, row.sig_s);
    expect(cs.verify(blinding.pub, blinding.message, signature)).toBe(true);
  },
  edx25519_derive: ({ priv1, pub1, seed, priv2, pub2 }, { edx25519 }) => {
    expectB32(edx25519.publicKey(b32(priv1)), pub1);
    expectB32(edx25519.derivePrivateKey(b32(priv1), b32(seed)), priv2);
    expectB32(edx25519.derivePublicKey(b32(pub1), b32(seed)), pub2);
    expectB32(edx25519.publicKey(b32(priv2)), pub2);
  },
  age_commit: ({ groups, mask, seed, pubs, h_age_commitment }, { age }) => {
    expect(parseAgeGroups(groups)).toBe(mask);
    const { publicKeys } = age.commit(mask, 18, b32(seed));
    expect(publicKeys).toEqual(pubs.map(b32));
    expectB32(age.commitmentHash(publicKeys), h_age_commitment);
  },
};

const DERIVED: Readonly<Record<string, Check>> = {
  rsa_coin: (row, crypto) => {
    const signer = rsaSignerOf(row);
    expectB32(signer.rsaPub, row.rsa_pub);
    const denomination = crypto.denomination({ cipher: 'RSA', ageMask: row.age_mask, rsaPub: b32(row.rsa_pub) });
    expectB32(denomination.hash, row.denom_pub_hash);
    expectB32(crypto.eddsa.publicKey(b32(row.coin_priv)), row.coin_pub);
    const coinPubHash = crypto.hash.coinPub(b32(row.coin_pub));
    expectB32(coinPubHash, row.coin_pub_hash);
    const blinding = { coinPubHash, blindingSecret: b32(row.blinding_secret) };
    const planchet = denomination.blind(blinding);
    expect(planchet).toEqual(planchetOf(row));
    expectB32(denomination.envelopeHash(planchet), row.coin_ev_hash);
    const blindSignature = signer.sign(b32(row.rsa_blinded_planchet));
    expectB32(blindSignature, row.blinded_rsa_signature);
    const signature = denomination.unblind(blinding, { cipher: 'RSA', blindSignature });
    expect(signature).toEqual({ cipher: 'RSA', signature: b32(row.rsa_signature) });
  },
  withdraw_request_per_coin: (row, crypto) => {
    const signed = message('WithdrawRequest', {
      amountWithFee: parseAmount(row.amount_with_fee),
      hDenominationPub: b32(derived.rsa_coin.denom_pub_hash),
      hCoinEnvelope: envelopeHashOfCoin(crypto),
    });
    expect(toHex(signed)).toBe(row.message_hex);
    expectB32(crypto.eddsa.publicKey(b32(row.reserve_priv)), row.reserve_pub);
    expectB32(crypto.eddsa.sign(signed, b32(row.reserve_priv)), row.reserve_sig);
  },
  withdraw_commitment_one_coin: ({ value }, crypto) => {
    expectB32(crypto.hash.withdrawCommitment([envelopeHashOfCoin(crypto)]), value);
  },
  recoup_request: (row, { eddsa }) => {
    const { denom_pub_hash, blinding_secret, coin_priv } = derived.rsa_coin;
    const fields = { hDenomPub: b32(denom_pub_hash), coinBlind: b32(blinding_secret) };
    const signed = message('RecoupRequest', fields);
    expect(toHex(signed)).toBe(row.message_hex);
    expectB32(eddsa.sign(signed, b32(coin_priv)), row.coin_sig);
  },
  reserve_close: (row, { hash, eddsa }) => {
    const targetAccountHPayto = hash.fullPayto(row.payto_uri);
    expectB32(targetAccountHPayto, row.h_payto);
    const signed = message('ReserveClose', { requestTimestamp: row.request_timestamp_s, targetAccountHPayto });
    expect(toHex(signed)).toBe(row.message_hex);
    expectB32(eddsa.sign(signed, b32(derived.withdraw_request_per_coin.reserve_priv)), row.reserve_sig);
  },
  amount_nbo_hex: ({ value }) => {
    for (const [text, hex] of Object.entries(value)) expect(toHex(encodeAmount(parseAmount(text)))).toBe(hex);
  },
};

const sentences = { ignored: { note: 'says where the row is from', encoding: 'says how it is written' } };
runRows('published, sourced', named(sourced), SOURCED, sentences);
runRows('published, derived', named(derived), DERIVED, sentences);

test('every vector file of the reference is executed in this room or belongs to another', () => {
  const here = ['age', 'basics', 'coin_hash', 'contract_hash', 'cs', 'denom_hash', 'econtract', 'payto', 'refresh'];
  const alsoHere = ['rsa', 'signatures'];
  const encodingRoom = ['amounts', 'crockford', 'time'];
  const files = readdirSync(new URL('../../../test/vectors/', import.meta.url)).filter((name) =>
    name.endsWith('.json'),
  );
  const ofReference = files.filter((name) => String(readVectors(name).source).startsWith('GNU Taler exchange C'));
  const executed = [...here, ...alsoHere, ...encodingRoom].map((name) => `${name}.json`);
  expect(ofReference.sort()).toEqual(executed.sort());
});

function named(entries: Readonly<Record<string, Row>>): Row[] {
  return Object.entries(entries).map(([name, entry]) =>
    typeof entry === 'string' || name === 'amount_nbo_hex' ? { name, value: entry } : { name, ...entry },
  );
}

function envelopeHashOfCoin({ hash }: Taler): Uint8Array {
  return hash.envelope(b32(derived.rsa_coin.denom_pub_hash), planchetOf(derived.rsa_coin));
}

function planchetOf({ rsa_blinded_planchet }: Row) {
  return parseBlindedPlanchet({ cipher: 'RSA', rsa_blinded_planchet });
}

function rsaSignerOf({ p_hex, q_hex, e }: Row) {
  const [p, q] = [fromHex(p_hex), fromHex(q_hex)];
  const [bigP, bigQ] = [fromBigEndian(p), fromBigEndian(q)];
  const d = modInverse(BigInt(e), (bigP - 1n) * (bigQ - 1n)) as bigint;
  const number = (value: bigint) => minimal(toBigEndian(value, p.length + q.length));
  return rsaSigner(rsaPrivateKeyOf({ n: number(bigP * bigQ), e: number(BigInt(e)), d: number(d), p, q }));
}
