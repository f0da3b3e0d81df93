import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { concat, EncodingError, encodeU16 } from '@florin/encoding';
import { describe, expect, test } from 'vitest';
import { fromBigEndian, gcd, minimal, modInverse, modPow, toBigEndian } from './bigint.js';
import { decodeRsaPub, encodeRsaPub, MaliciousKey, taler } from './index.js';
import { exportRsaPrivateKey, importRsaPrivateKey, rsaPrivateKeyOf, rsaSigner, serverPrimitives } from './server.js';
import { bytes, privateKeyOf, type Row, readVectors, SIDES } from './vectors.support.js';

const row = readVectors('rsa.json').vectors.find((vector: Row) => vector.denom?.bits === 2048).denom;
const good = bytes(row.rsa_public_key);
const { modulus, exponent } = decodeRsaPub(good);
const encoded = (n: Uint8Array, e: Uint8Array) => concat(encodeU16(n.length), encodeU16(e.length), n, e);
const ofBits = (bits: number) => toBigEndian((1n << BigInt(bits - 1)) | 1n, Math.ceil(bits / 8));
const zero = Uint8Array.of(0);

describe('public keys', () => {
  test('are read back as they were written', () => {
    expect(encodeRsaPub(modulus, exponent)).toEqual(good);
    expect(decodeRsaPub(encoded(ofBits(512), Uint8Array.of(3))).bits).toBe(512);
    expect(decodeRsaPub(encoded(ofBits(8192), exponent)).bits).toBe(8192);
    expect(decodeRsaPub(encoded(ofBits(2049), exponent)).bits).toBe(2049);
    expect(decodeRsaPub(encoded(modulus, new Uint8Array(8).fill(255))).exponent.length).toBe(8);
  });

  const even = modulus.slice();
  even[even.length - 1] = (even[even.length - 1] as number) & 254;
  const malformed: Readonly<Record<string, Uint8Array>> = {
    'no bytes': new Uint8Array(),
    'three bytes': good.slice(0, 3),
    'no numbers': new Uint8Array(4),
    'a modulus only': encoded(modulus, new Uint8Array()),
    'an exponent only': encoded(new Uint8Array(), exponent),
    truncated: good.slice(0, -1),
    'a trailing byte': concat(good, zero),
    'length of the modulus one more': concat(encodeU16(257), good.slice(2)),
    'length of the exponent one less': concat(good.slice(0, 2), encodeU16(2), good.slice(4)),
    'an even modulus': encoded(even, exponent),
    'a leading zero byte in the modulus': encoded(concat(zero, modulus), exponent),
    'a leading zero byte in the exponent': encoded(modulus, concat(zero, exponent)),
    'a modulus of 511 bits': encoded(ofBits(511), exponent),
    'a modulus of 8193 bits': encoded(ofBits(8193), exponent),
    'exponent 0': encoded(modulus, zero),
    'exponent 1': encoded(modulus, Uint8Array.of(1)),
    'exponent 2': encoded(modulus, Uint8Array.of(2)),
    'an even exponent': encoded(modulus, Uint8Array.of(1, 0, 0)),
    'an exponent of 72 bits': encoded(modulus, new Uint8Array(9).fill(255)),
  };
  test.each(Object.entries(malformed))('%s is refused', (_, bad) => {
    expect(() => decodeRsaPub(bad)).toThrow(EncodingError);
    for (const { crypto } of SIDES) {
      expect(() => crypto.rsa.key(bad)).toThrow(EncodingError);
      expect(() => crypto.denomination({ cipher: 'RSA', ageMask: 0, rsaPub: bad })).toThrow(EncodingError);
    }
  });

  test('the limits can be set', () => {
    const strict = taler(serverPrimitives, { rsaLimits: { minBits: 2048, maxBits: 4096 } });
    expect(strict.rsa.key(good).bits).toBe(2048);
    expect(() => strict.rsa.key(encoded(ofBits(2047), exponent))).toThrow(EncodingError);
    expect(() => strict.rsa.key(encoded(ofBits(4097), exponent))).toThrow(EncodingError);
  });
});

describe('a malicious key', () => {
  /** 3 times a large odd number: a third of all hashes shares the factor. */
  const n = 3n * ((1n << 1024n) + 643n);
  const rsaPub = encodeRsaPub(minimal(toBigEndian(n, 136)), exponent);

  test('blinds nothing where hash or blinding factor shares a factor with it, and verifies nothing there', () => {
    const outcomes = { refused: 0, blinded: 0, signatures: 0 };
    for (const { crypto } of SIDES) {
      const key = crypto.rsa.key(rsaPub);
      expect(key.hasSmallFactor()).toBe(true);
      for (let i = 0; i < 24; i++) {
        const [message, secret] = [new Uint8Array(64).fill(i), new Uint8Array(32).fill(i)];
        const hash = crypto.kdf.modulo(key.modulus, hashInput(key.fdhSalt, message));
        const sharesFactor = gcd(fromBigEndian(hash), n) !== 1n;
        if (sharesFactor) {
          expect(() => crypto.rsa.fullDomainHash(key, message)).toThrow(MaliciousKey);
          expect(() => crypto.rsa.blind(key, message, secret)).toThrow(MaliciousKey);
          const root = cubeFreeRoot(fromBigEndian(hash));
          if (root !== undefined) {
            expect(crypto.rsa.verify(key, message, root)).toBe(false);
            outcomes.signatures++;
          }
          outcomes.refused++;
          continue;
        }
        expect(crypto.rsa.fullDomainHash(key, message)).toEqual(hash);
        try {
          crypto.rsa.blindingFactor(key, secret);
          expect(crypto.rsa.blind(key, message, secret).length).toBeGreaterThan(100);
          outcomes.blinded++;
        } catch (error) {
          expect(error).toBeInstanceOf(MaliciousKey);
          expect(() => crypto.rsa.blind(key, message, secret)).toThrow(MaliciousKey);
        }
      }
    }
    expect(Math.min(...Object.values(outcomes))).toBeGreaterThan(0);
  });

  const hashInput = (salt: Uint8Array, ikm: Uint8Array) => ({
    salt,
    ikm,
    info: Uint8Array.from('RSA-FDA FTpsW!', (character) => character.charCodeAt(0)),
  });

  /** A root of the hash under the public exponent: whoever made such a key can compute it. */
  function cubeFreeRoot(hash: bigint): Uint8Array | undefined {
    const cofactor = n / 3n;
    const d = modInverse(65537n, cofactor - 1n); // right where the cofactor is prime
    if (d === undefined) return undefined;
    const rootModCofactor = modPow(hash % cofactor, d, cofactor);
    if (modPow(rootModCofactor, 65537n, cofactor) !== hash % cofactor) return undefined;
    const root = [0n, 1n, 2n].map((k) => rootModCofactor + k * cofactor).find((r) => r % 3n === hash % 3n);
    return root === undefined || root === 0n ? undefined : minimal(toBigEndian(root, 136));
  }
});

describe('private keys', () => {
  test('pass through PEM and JWK and sign alike', () => {
    const key = privateKeyOf(row.private);
    const signature = rsaSigner(key).sign(Uint8Array.of(2));
    const pem = exportRsaPrivateKey(key);
    expect(pem).toMatch(/^-----BEGIN PRIVATE KEY-----\n/);
    expect(rsaSigner(importRsaPrivateKey(pem)).sign(Uint8Array.of(2))).toEqual(signature);
    const jwk = key.export({ format: 'jwk' }) as { kty: string } & Record<string, string>;
    expect(rsaSigner(importRsaPrivateKey(jwk)).sign(Uint8Array.of(2))).toEqual(signature);
    expect(rsaSigner(key).rsaPub).toEqual(good);
  });

  test('are generated in the size asked for', async () => {
    const signer = rsaSigner(generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey);
    expect(decodeRsaPub(signer.rsaPub).bits).toBe(1024);
    expect(decodeRsaPub(signer.rsaPub).exponent).toEqual(Uint8Array.of(1, 0, 1));
  });

  test('other keys, public keys and nonsense are refused without repeating them', () => {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    expect(() => rsaSigner(privateKey)).toThrow(EncodingError);
    expect(() => rsaSigner(publicKey)).toThrow(EncodingError);
    expect(() => exportRsaPrivateKey(privateKey)).toThrow(EncodingError);
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
    expect(() => importRsaPrivateKey(pem)).toThrow(EncodingError);
    expect(() => importRsaPrivateKey('a secret')).toThrow(/^(?!.*a secret)/);
    expect(createPrivateKey(pem).asymmetricKeyType).toBe('ed25519');
  });

  test('numbers that do not belong together are refused, and a faulty prime never signs', () => {
    const numbers = Object.fromEntries(['n', 'e', 'd', 'p', 'q'].map((name) => [name, bytes(row.private[name])]));
    const { n, e, d, p, q } = numbers as Record<'n' | 'e' | 'd' | 'p' | 'q', Uint8Array>;
    expect(() => rsaPrivateKeyOf({ n, e, d, p, q: p })).toThrow(EncodingError);
    const wrong = d.slice();
    wrong[d.length - 1] = (wrong[d.length - 1] as number) ^ 6;
    const faulty = rsaSigner(rsaPrivateKeyOf({ n, e, d: wrong, p, q }));
    expect(() => faulty.sign(Uint8Array.of(2))).toThrow('withheld');
  });
});
