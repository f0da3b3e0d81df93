import { concat, EncodingError, parseJson, readU32, utf8z } from '@florin/encoding';
import { expect } from 'vitest';
import { encodeDenominationPub, parseDenominationPub } from './index.js';
import { rsaSigner } from './server.js';
import { bytes, expectBytes, privateKeyOf, runVectors } from './vectors.support.js';

runVectors('basics.json', {
  'kdf (HKDF: extract HMAC-SHA512, expand HMAC-SHA256)': ({ out_len, salt, ikm, ctx_chunks, output, ok }, { kdf }) => {
    expect(ok).toBe(true);
    const info = concat(...[...ctx_chunks].map(bytes));
    expectBytes(kdf.derive(out_len, { salt: bytes(salt), ikm: bytes(ikm), info }), output);
  },
  'hash (SHA-512)': ({ data, hash }, crypto) => {
    const whole = bytes(data);
    expectBytes(crypto.hash.sha512(whole), hash);
    const middle = Math.floor(whole.length / 2);
    expectBytes(crypto.hash.sha512(whole.subarray(0, middle), whole.subarray(middle)), hash);
  },
  eddsa_public_from_seed: ({ priv, pub }, { eddsa }) => {
    expectBytes(eddsa.publicKey(bytes(priv)), pub);
    expectBytes(eddsa.keyPair(bytes(priv)).publicKey, pub);
  },
  'ecdhe_public (X25519)': ({ priv, pub }, { ecdh }) => expectBytes(ecdh.publicKey(bytes(priv)), pub),
  'eddsa_ecdh == ecdh_eddsa': ({ eddsa_priv, eddsa_pub, ecdhe_priv, ecdhe_pub, shared_hash }, { ecdh, eddsa }) => {
    expectBytes(ecdh.publicKey(bytes(ecdhe_priv)), ecdhe_pub);
    expectBytes(eddsa.publicKey(bytes(eddsa_priv)), eddsa_pub);
    expectBytes(ecdh.sharedOfEddsa(bytes(eddsa_priv), bytes(ecdhe_pub)), shared_hash);
    expectBytes(ecdh.sharedWithEddsa(bytes(ecdhe_priv), bytes(eddsa_pub)), shared_hash);
  },
  ecc_ecdh: ({ priv1, pub2, shared_hash }, { ecdh }) => {
    expectBytes(ecdh.shared(bytes(priv1), bytes(pub2)), shared_hash);
  },
  edx25519: ({ seed, priv, pub, derive_salt, derived_priv, derived_pub }, { edx25519, eddsa }) => {
    const privateKey = edx25519.privateKey(bytes(seed));
    expectBytes(privateKey, priv);
    expectBytes(edx25519.publicKey(privateKey), pub);
    const salt = bytes(derive_salt);
    const moved = edx25519.derivePrivateKey(privateKey, salt);
    expectBytes(moved, derived_priv);
    expectBytes(edx25519.derivePublicKey(bytes(pub), salt), derived_pub);
    const text = utf8z('signed with a moved key');
    expect(eddsa.verify(text, edx25519.sign(text, moved), bytes(derived_pub))).toBe(true);
  },
});

runVectors('coin_hash.json', {
  coin_pub_hash: ({ coin_pub, h_age_commitment, h_coin_pub }, { hash }) => {
    const ageHash = h_age_commitment === null ? undefined : bytes(h_age_commitment);
    expectBytes(hash.coinPub(bytes(coin_pub), ageHash), h_coin_pub);
    if (ageHash === undefined) expectBytes(hash.coinPub(bytes(coin_pub), new Uint8Array(32)), h_coin_pub);
  },
});

runVectors(
  'denom_hash.json',
  {
    RSA: (row, crypto) => {
      const pub = parseDenominationPub(row.json.denom_pub);
      expect(pub).toEqual({ cipher: row.cipher, ageMask: row.age_mask, rsaPub: bytes(row.rsa_public_key) });
      expect(encodeDenominationPub(pub, { names2022: true })).toEqual(row.json.denom_pub);
      expectBytes(crypto.hash.sha512(bytes(row.rsa_public_key)), row.rsa_public_key_hash);
      expectBytes(crypto.hash.denomination(pub), row.h_denom_pub);
      expectBytes(crypto.denomination(pub).hash, row.h_denom_pub);
      expect(crypto.rsa.key(bytes(row.rsa_public_key)).bits).toBe(row.bits);
      expectBytes(rsaSigner(privateKeyOf(row.private)).rsaPub, row.rsa_public_key);
    },
    CS: (row, crypto) => {
      const pub = parseDenominationPub(row.json.denom_pub);
      expect(pub).toEqual({ cipher: row.cipher, ageMask: row.age_mask, csPub: bytes(row.cs_public_key) });
      expect(encodeDenominationPub(pub, { names2022: true })).toEqual(row.json.denom_pub);
      expectBytes(crypto.cs.publicKey(bytes(row.cs_private_key)), row.cs_public_key);
      expectBytes(crypto.hash.sha512(bytes(row.cs_public_key)), row.cs_public_key_hash);
      expectBytes(crypto.denomination(pub).hash, row.h_denom_pub);
    },
  },
  {
    ignored: {
      private_key_sexp: 'the numbers in `private` as libgcrypt prints them',
      u: 'inverse of p modulo q, which libgcrypt keeps; OpenSSL keeps that of q modulo p',
    },
  },
);

runVectors('contract_hash.json', {
  contract_hash: (row, { hash }) => {
    expect(row.json_parse_ok).toBe(true);
    const value = parseJson(row.input);
    if (row.ok) expectBytes(hash.contract(value), row.hash);
    else expect(() => hash.contract(value)).toThrow(EncodingError);
    expectBytes(hash.json(value), row.TALER_json_hash);
    expectBytes(hash.json(parseJson(row.jansson_compact_sorted)), row.TALER_json_hash);
  },
});

runVectors(
  'payto.json',
  {
    payto: ({ uri, h_payto }, { hash }) => expectBytes(hash.fullPayto(uri), h_payto),
    reserve_make_payto: ({ payto_uri, h_payto }, { hash }) => expectBytes(hash.fullPayto(payto_uri), h_payto),
    merchant_wire_hash: ({ payto_uri, wire_salt, h_wire }, { hash }) => {
      expectBytes(hash.wireAccount(payto_uri, bytes(wire_salt)), h_wire);
    },
    iban_validate: ({ iban }) => expect(typeof iban).toBe('string'),
  },
  {
    ignored: Object.fromEntries(
      ['valid', 'error', 'method', 'subject', 'receiver_name', 'xtalerbank_account', 'exchange_url', 'reserve_pub'].map(
        (member) => [member, 'parsing and validation are the encoding room: libs/encoding/src/vectors.spec.ts'],
      ),
    ),
  },
);

runVectors(
  'signatures.json',
  (row, { eddsa }) => {
    const blob = bytes(row.signed_blob);
    expect(blob.length).toBe(row.blob_size);
    expect(readU32(blob, 4)).toBe(row.purpose);
    expectBytes(eddsa.publicKey(bytes(row.signer_priv)), row.signer_pub);
    expectBytes(eddsa.sign(blob, bytes(row.signer_priv)), row.signature);
    expect(eddsa.verify(blob, bytes(row.signature), bytes(row.signer_pub))).toBe(true);
    blob[4] = (blob[4] as number) ^ 1;
    expect(eddsa.verify(blob, bytes(row.signature), bytes(row.signer_pub))).toBe(false);
  },
  {
    ignored: {
      inputs: 'the layouts belong to the encoding room: libs/encoding/src/signature-vectors.spec.ts',
      function: 'the name again',
      purpose_verified: 'says where the number is from',
    },
  },
);
