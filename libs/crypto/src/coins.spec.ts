import { decodeBase32, EncodingError, message, parseAmount } from '@florin/encoding';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ageGroup, ageGroups, CANDIDATES, formatAgeGroups, parseAgeGroups } from './index.js';
import { PORTABLE, type Row, readVectors, SERVER, SIDES } from './vectors.support.js';

/* Age restriction, refresh, planchet secrets and hashes beyond what the vectors show. */

const bytesOf = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const MASK = parseAgeGroups('8:10:12:14:16:18:21');
const hash64 = (fill: number) => new Uint8Array(64).fill(fill);
const key32 = (fill: number) => new Uint8Array(32).fill(fill);

describe('age restriction', () => {
  const ages = fc.integer({ min: 0, max: 40 });

  test('an owner proves every age up to the group, and none above; a stranger checks it', () => {
    const property = fc.property(ages, ages, bytesOf(64), (age, minAge, seed) => {
      const commitment = SERVER.crypto.age.commit(MASK, age, seed);
      const attestation = SERVER.crypto.age.attest(commitment, minAge);
      expect(attestation !== undefined).toBe(ageGroup(MASK, minAge) <= ageGroup(MASK, age));
      if (attestation === undefined) return;
      const { mask, publicKeys } = commitment;
      const { verify } = SERVER.crypto.age;
      expect(verify({ mask, publicKeys }, minAge, attestation)).toBe(true);
      expect(verify({ mask, publicKeys }, minAge)).toBe(ageGroup(MASK, minAge) === 0);
      if (ageGroup(MASK, minAge) === 0) return;
      expect(verify({ mask, publicKeys }, minAge + 1, attestation)).toBe(false);
      expect(verify({ mask, publicKeys: publicKeys.slice(1) }, minAge, attestation)).toBe(false);
      expect(verify({ mask, publicKeys: [...publicKeys].reverse() }, minAge, attestation)).toBe(
        2 * ageGroup(MASK, minAge) === ageGroups(MASK),
      );
    });
    fc.assert(property, { numRuns: 40 });
  });

  test('survives any number of refreshes', () => {
    const { age, edx25519 } = SERVER.crypto;
    let commitment = age.commit(MASK, 16, hash64(1));
    for (let salt = 2; salt < 6; salt++) commitment = age.derive(commitment, hash64(salt));
    expect(commitment.privateKeys.map((priv) => edx25519.publicKey(priv))).toEqual(
      commitment.publicKeys.slice(0, ageGroup(MASK, 16)),
    );
    expect(age.verify(commitment, 16, age.attest(commitment, 16))).toBe(true);
    expect(age.attest(commitment, 18)).toBeUndefined();
  });

  test('from a shared secret: owned keys are whole, restricted ones are moved from the published key', () => {
    const property = fc.property(ages, bytesOf(32), (owner, secret) => {
      const [here, there] = SIDES.map(({ crypto }) => crypto.age.commitFromSecret(MASK, owner, secret));
      expect(there).toEqual(here);
      const { publicKeys, privateKeys } = SERVER.crypto.age.commitFromSecret(MASK, owner, secret);
      expect(publicKeys.length).toBe(ageGroups(MASK) - 1);
      expect(privateKeys.length).toBe(ageGroup(MASK, owner));
      expect(privateKeys.map(SERVER.crypto.edx25519.publicKey)).toEqual(publicKeys.slice(0, privateKeys.length));
      for (const pub of publicKeys) expect(SERVER.primitives.group.isElement(pub)).toBe(true);
    });
    fc.assert(property, { numRuns: 5 });
  });

  test('masks and ages that are none', () => {
    for (const mask of [0, 1, 2, 0x00255500]) expect(() => ageGroups(mask)).toThrow(EncodingError);
    for (const age of [-1, 1.5, Number.NaN]) expect(() => ageGroup(MASK, age)).toThrow(EncodingError);
    for (const text of ['10:8', '8:8', '08', '+8', '8:1x', '8,10', ' 8']) {
      expect(() => parseAgeGroups(text)).toThrow(EncodingError);
    }
    expect(formatAgeGroups(0)).toBe('');
    const { age } = SERVER.crypto;
    expect(() => age.commit(MASK, 8, key32(1))).toThrow(EncodingError);
    expect(() => age.commitmentHash([hash64(1)])).toThrow(EncodingError);
    expect(() => age.derive(age.commit(MASK, 8, hash64(1)), key32(1))).toThrow(EncodingError);
  });

  test('keys of small order attest nothing', () => {
    const identity = Uint8Array.of(1, ...new Uint8Array(31));
    const publicKeys = new Array(7).fill(identity);
    const forged = new Uint8Array(64);
    forged[0] = 1; // R = identity, S = 0
    for (const { crypto } of SIDES) expect(crypto.age.verify({ mask: MASK, publicKeys }, 18, forged)).toBe(false);
  });
});

test('Edx25519: a moved key signs for the moved public key, on both sides alike', () => {
  const property = fc.property(bytesOf(64), bytesOf(64), (seed, salt) => {
    const [here, there] = SIDES.map(({ crypto }) => {
      const priv = crypto.edx25519.derivePrivateKey(crypto.edx25519.privateKey(seed), salt);
      return crypto.edx25519.sign(message('AgeAttestation', { mask: MASK, age: 18 }), priv);
    }) as [Uint8Array, Uint8Array];
    expect(there).toEqual(here);
    const { edx25519, eddsa } = PORTABLE.crypto;
    const pub = edx25519.derivePublicKey(edx25519.publicKey(edx25519.privateKey(seed)), salt);
    expect(eddsa.verify(message('AgeAttestation', { mask: MASK, age: 18 }), here, pub)).toBe(true);
  });
  fc.assert(property, { numRuns: 10 });
  const { edx25519 } = SERVER.crypto;
  expect(() => edx25519.publicKey(key32(1))).toThrow(EncodingError);
  expect(() => edx25519.derivePublicKey(new Uint8Array(32), hash64(1))).toThrow(EncodingError);
  expect(() => edx25519.derivePublicKey(hash64(1), hash64(1))).toThrow(EncodingError);
});

describe('planchet secrets', () => {
  const rsa = { cipher: 'RSA' } as const;

  test('differ by coin, by cipher and by what the exchange contributed', () => {
    const { planchet } = SERVER.crypto;
    const secrets = planchet.planchetSecrets(key32(7), 64);
    const cs = { cipher: 'CS', rPub0: key32(1), rPub1: key32(2) } as const;
    const all = [
      ...secrets,
      ...secrets.flatMap((secret) => Object.values(planchet.coinSecrets(secret, rsa))),
      ...Object.values(planchet.coinSecrets(key32(7), cs)),
      ...Object.values(planchet.coinSecrets(key32(7), { ...cs, rPub1: key32(3) })),
      planchet.withdrawNonce(key32(7)),
    ].map(String);
    expect(new Set(all).size).toBe(all.length);
    expect(PORTABLE.crypto.planchet.planchetSecrets(key32(7), 64)).toEqual(secrets);
  });

  test('need a seed of 32 bytes and a possible number of coins', () => {
    const { planchet } = SERVER.crypto;
    for (const count of [0, -1, 1.5, 256])
      expect(() => planchet.planchetSecrets(key32(7), count)).toThrow(EncodingError);
    expect(planchet.planchetSecrets(key32(7), 255).length).toBe(255);
    expect(() => planchet.planchetSecrets(hash64(7), 1)).toThrow(EncodingError);
    expect(() => planchet.coinSecrets(hash64(7), rsa)).toThrow(EncodingError);
    expect(() => planchet.withdrawNonce(hash64(7))).toThrow(EncodingError);
  });
});

describe('refresh', () => {
  const { refresh } = SERVER.crypto;
  const melt = {
    transferPubs: [key32(1), key32(2), key32(3)],
    denominationHashes: [hash64(4)],
    oldCoinPub: key32(5),
    amountWithFee: parseAmount('EUR:1'),
    planchets: [1, 2, 3].map((fill) => [{ cipher: 'RSA' as const, blindedPlanchet: hash64(fill) }]),
  };

  test('the commitment covers every part', () => {
    const variants = [
      melt,
      { ...melt, refreshSecret: key32(6) },
      { ...melt, transferPubs: [...melt.transferPubs].reverse() },
      { ...melt, denominationHashes: [hash64(5)] },
      { ...melt, oldCoinPub: key32(6) },
      { ...melt, amountWithFee: parseAmount('EUR:1.00000001') },
      { ...melt, planchets: [...melt.planchets].reverse() },
    ].map((variant) => String(refresh.commitment(variant)));
    expect(new Set(variants).size).toBe(variants.length);
  });

  test('a number of candidates or coins that does not fit, and wrong lengths', () => {
    const wrong = [
      { ...melt, transferPubs: melt.transferPubs.slice(1) },
      { ...melt, planchets: melt.planchets.slice(1) },
      { ...melt, planchets: melt.planchets.map((coins) => [...coins, ...coins]) },
      { ...melt, denominationHashes: [] },
      { ...melt, denominationHashes: [key32(1)] },
      { ...melt, transferPubs: [key32(1), key32(2), hash64(3)] },
      { ...melt, oldCoinPub: hash64(1) },
      { ...melt, refreshSecret: hash64(1) },
    ];
    for (const variant of wrong) expect(() => refresh.commitment(variant)).toThrow(EncodingError);
    expect(CANDIDATES).toBe(3);
    expect(() => refresh.transferPriv(hash64(1), key32(1), 0)).toThrow(EncodingError);
    expect(() => refresh.transferPriv(key32(1), hash64(1), 0)).toThrow(EncodingError);
    expect(() => refresh.planchetSecret(key32(1), 0)).toThrow(EncodingError);
    expect(() => refresh.nonce(hash64(1), 0)).toThrow(EncodingError);
    expect(() => refresh.transferSecret(key32(1), new Uint8Array(32))).toThrow(EncodingError);
    expect(() => refresh.transferSecretOfCoin(key32(1), new Uint8Array(32))).toThrow(EncodingError);
  });
});

describe('hashes', () => {
  test('inputs of a wrong length are refused', () => {
    const { hash, eddsa, ecdh } = SERVER.crypto;
    const planchet = { cipher: 'RSA', blindedPlanchet: key32(1) } as const;
    expect(() => hash.coinPub(hash64(1))).toThrow(EncodingError);
    expect(() => hash.coinPub(key32(1), hash64(1))).toThrow(EncodingError);
    expect(() => hash.envelope(key32(1), planchet)).toThrow(EncodingError);
    expect(() => hash.withdrawCommitment([hash64(1), key32(1)])).toThrow(EncodingError);
    expect(() => hash.coinSignatures([key32(1)])).toThrow(EncodingError);
    expect(() => hash.wireAccount('payto://x/y', key32(1))).toThrow(EncodingError);
    for (const bad of [hash64(1), key32(1).slice(1), 'text' as never]) {
      expect(() => eddsa.publicKey(bad)).toThrow(EncodingError);
      expect(() => eddsa.keyPair(bad)).toThrow(EncodingError);
      expect(() => eddsa.sign(key32(1), bad)).toThrow(EncodingError);
      expect(() => ecdh.publicKey(bad)).toThrow(EncodingError);
      for (const exchange of [ecdh.shared, ecdh.sharedOfEddsa, ecdh.sharedWithEddsa]) {
        expect(() => exchange(bad, key32(9))).toThrow(EncodingError);
        expect(() => exchange(key32(9), bad)).toThrow(EncodingError);
      }
    }
  });

  test('a commitment covers order and number', () => {
    const { hash } = SERVER.crypto;
    const all = [[], [hash64(1)], [hash64(1), hash64(2)], [hash64(2), hash64(1)]];
    expect(new Set(all.map((hashes) => String(hash.withdrawCommitment(hashes)))).size).toBe(all.length);
    const many = Array.from({ length: 64 }, (_, i) => hash64(i));
    expect(PORTABLE.crypto.hash.withdrawCommitment(many)).toEqual(hash.withdrawCommitment(many));
    expect(PORTABLE.crypto.hash.coinSignatures(many)).toEqual(hash.coinSignatures(many));
  });

  test('one account has one normalised hash, and a full one per URI', () => {
    const { hash } = SERVER.crypto;
    const uris = [
      'payto://iban/DE75512108001245126199?receiver-name=Alice',
      'payto://iban/SOGEDEFFXXX/DE75512108001245126199?receiver-name=Bob',
      'PAYTO://IBAN/de75512108001245126199',
    ];
    expect(new Set(uris.map((uri) => String(hash.normalizedPayto(uri)))).size).toBe(1);
    expect(new Set(uris.map((uri) => String(hash.fullPayto(uri)))).size).toBe(3);
    expect(hash.normalizedPayto(uris[0] as string)).toEqual(hash.fullPayto('payto://iban/DE75512108001245126199'));
    expect(hash.fullPayto(uris[0] as string)).toEqual(hash.text(uris[0] as string).slice(0, 32));
  });

  test('the extensions of every recorded /keys are signed by the master key under the hash that is made here', () => {
    const { eddsa, hash } = SERVER.crypto;
    const replies = ['api_rsa', 'p2p_rsa', 'p2p_cs'].flatMap((name) => keysReplies(readVectors(`http/${name}.json`)));
    expect(replies.length).toBeGreaterThan(2);
    for (const { extensions, extensions_sig, master_public_key } of replies) {
      const signed = message('MasterExtensionManifest', { hManifest: hash.extensions(extensions) });
      expect(eddsa.verify(signed, decodeBase32(extensions_sig, 64), decodeBase32(master_public_key, 32))).toBe(true);
    }
  });
});

function keysReplies(recording: Row): Row[] {
  return recording.exchanges
    .map(({ response }: Row) => response?.body?.json)
    .filter((body: Row) => body?.extensions_sig !== undefined && body.master_public_key !== undefined);
}
