import { concat, fromHex, toHex, utf8 } from '@florin/encoding';
import { ED25519_TORSION_SUBGROUP, ed25519 } from '@noble/curves/ed25519.js';
import fc from 'fast-check';
import nacl from 'tweetnacl';
import { describe, expect, test } from 'vitest';
import { fromLittleEndian, toLittleEndian32 } from './bigint.js';
import { encodeScalar, L, reduce } from './scalar.js';
import { PORTABLE, SERVER, SIDES } from './vectors.support.js';

/*
 * Malicious signatures, made by hand with the private key at hand. The oracle below knows only the equation without
 * cofactor; what has to be refused beyond it is said by the tests.
 */

const { Point } = ed25519;
const FIELD_PRIME = 2n ** 255n - 19n;
const { sha512 } = SERVER.primitives;
const TORSION = ED25519_TORSION_SUBGROUP.map((hex) => fromHex(hex));
const MESSAGE = utf8('a message of forty bytes, more or less...');
const SECRET = 0x1234_5678_9abc_def0_1357_9bdf_0246_8acen;
const NONCE = 0x0fed_cba9_8765_4321_0fed_cba9_8765_4321n;

/** All encodings of points of small order, canonical or not, with either sign bit. */
const SMALL_ORDER = [
  ...TORSION,
  ...[0n, 1n, FIELD_PRIME - 1n, FIELD_PRIME, FIELD_PRIME + 1n].flatMap((y) => [
    toLittleEndian32(y),
    toLittleEndian32(y + 2n ** 255n),
  ]),
];

interface Signed {
  readonly pub: Uint8Array;
  readonly signature: Uint8Array;
  readonly message?: Uint8Array;
}

/** A signature that satisfies S = r + H(R, A, M) a for the encodings given. */
function signed(pub: Uint8Array, noncePoint: Uint8Array, secret: bigint, nonce: bigint, message = MESSAGE): Signed {
  const challenge = reduce(sha512(noncePoint, pub, message));
  return { pub, message, signature: concat(noncePoint, encodeScalar(nonce + challenge * secret)) };
}

const verdicts = ({ pub, signature, message = MESSAGE }: Signed) =>
  SIDES.map(({ crypto }) => crypto.eddsa.verify(message, signature, pub));

const HONEST = signed(Point.BASE.multiply(SECRET).toBytes(), Point.BASE.multiply(NONCE).toBytes(), SECRET, NONCE);
const torsionPoint = Point.fromHex(ED25519_TORSION_SUBGROUP[1] as string);

describe('signatures that both sets of primitives refuse', () => {
  test('the honest one that all others are made from is accepted', () => {
    expect(verdicts(HONEST)).toEqual([true, true]);
  });

  test('S + L, which tweetnacl alone accepts', () => {
    const { pub, signature } = HONEST;
    const s = toLittleEndian32(fromLittleEndian(signature.subarray(32)) + L);
    const malleated = concat(signature.subarray(0, 32), s);
    expect(nacl.sign.detached.verify(MESSAGE, malleated, pub)).toBe(true);
    expect(verdicts({ pub, signature: malleated })).toEqual([false, false]);
  });

  test('every S from L on', () => {
    const { pub, signature } = HONEST;
    const s = fromLittleEndian(signature.subarray(32));
    for (let multiple = 1n; s + multiple * L < 2n ** 256n; multiple++) {
      const malleated = concat(signature.subarray(0, 32), toLittleEndian32(s + multiple * L));
      expect(verdicts({ pub, signature: malleated })).toEqual([false, false]);
    }
  });

  test('public keys of small order, in every encoding; tweetnacl alone accepts some', () => {
    let lax = 0;
    for (const pub of SMALL_ORDER) {
      for (const noncePoint of [...SMALL_ORDER, Point.BASE.multiply(NONCE).toBytes()]) {
        for (const nonce of [0n, NONCE]) {
          const forged = signed(pub, noncePoint, 0n, nonce);
          if (nacl.sign.detached.verify(MESSAGE, forged.signature, pub)) lax++;
          expect(verdicts(forged)).toEqual([false, false]);
        }
      }
    }
    expect(lax).toBeGreaterThan(0);
  });

  test('an R of small order under an honest key, in every encoding', () => {
    let lax = 0;
    for (const noncePoint of SMALL_ORDER) {
      for (let i = 0; i < 16; i++) {
        const message = utf8(`message ${i}`);
        const forged = signed(HONEST.pub, noncePoint, SECRET, 0n, message);
        if (nacl.sign.detached.verify(message, forged.signature, forged.pub)) lax++;
        expect(verdicts(forged)).toEqual([false, false]);
      }
    }
    expect(lax).toBeGreaterThan(0);
  });

  test('an R with a torsion part: the equation without cofactor does not hold', () => {
    const noncePoint = Point.BASE.multiply(NONCE).add(torsionPoint).toBytes();
    const forged = signed(HONEST.pub, noncePoint, SECRET, NONCE);
    expect(ed25519.verify(forged.signature, MESSAGE, forged.pub, { zip215: false })).toBe(true); // with cofactor
    expect(verdicts(forged)).toEqual([false, false]);
  });

  test('encodings of the key that are not canonical, and bytes that are no point', () => {
    for (let y = FIELD_PRIME; y < 2n ** 255n; y++) {
      const pub = toLittleEndian32(y);
      expect(verdicts(signed(pub, HONEST.signature.slice(0, 32), SECRET, NONCE))).toEqual([false, false]);
    }
    expect(verdicts({ ...HONEST, pub: new Uint8Array(32).fill(0xff) })).toEqual([false, false]);
  });

  test('wrong lengths and every single flipped bit', () => {
    const { pub, signature } = HONEST;
    expect(verdicts({ pub: pub.slice(1), signature })).toEqual([false, false]);
    expect(verdicts({ pub: concat(pub, Uint8Array.of(0)), signature })).toEqual([false, false]);
    expect(verdicts({ pub, signature: signature.slice(0, 63) })).toEqual([false, false]);
    expect(verdicts({ pub, signature: concat(signature, Uint8Array.of(0)) })).toEqual([false, false]);
    expect(verdicts({ pub: new Uint8Array(), signature: new Uint8Array() })).toEqual([false, false]);
    for (let bit = 0; bit < 512; bit++) {
      const flipped = signature.slice();
      flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
      expect(SERVER.crypto.eddsa.verify(MESSAGE, flipped, pub)).toBe(false);
      if (bit % 16 === 0) expect(PORTABLE.crypto.eddsa.verify(MESSAGE, flipped, pub)).toBe(false);
    }
  });
});

test('a key with a torsion part is judged alike: it passes where the challenge is a multiple of 8', () => {
  const pub = Point.BASE.multiply(SECRET).add(torsionPoint).toBytes();
  const noncePoint = Point.BASE.multiply(NONCE).toBytes();
  const seen = new Set<boolean>();
  for (let i = 0; i < 48; i++) {
    const message = utf8(`message ${i}`);
    const forged = signed(pub, noncePoint, SECRET, NONCE, message);
    const passes = reduce(sha512(noncePoint, pub, message)) % 8n === 0n;
    expect(verdicts(forged)).toEqual([passes, passes]);
    seen.add(passes);
  }
  expect(seen.size).toBe(2);
});

test('what one side signs the other verifies, and both sign alike', () => {
  const seed = fc.uint8Array({ minLength: 32, maxLength: 32 });
  const property = fc.property(seed, fc.uint8Array({ maxLength: 1200 }), (priv, message) => {
    const [server, portable] = SIDES.map(({ crypto }) => crypto.eddsa.sign(message, priv));
    expect(toHex(server as Uint8Array)).toBe(toHex(portable as Uint8Array));
    const pub = PORTABLE.crypto.eddsa.publicKey(priv);
    expect(verdicts({ pub, message, signature: server as Uint8Array })).toEqual([true, true]);
  });
  fc.assert(property, { numRuns: 25 });
});
