import { concat, EncodingError, fromHex, toHex } from '@florin/encoding';
import { ED25519_TORSION_SUBGROUP, ed25519 } from '@noble/curves/ed25519.js';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { toBigEndian, toLittleEndian32 } from './bigint.js';
import type { Primitives } from './primitives.js';
import { encodeScalar, L, reduce } from './scalar.js';
import { SIDES } from './vectors.support.js';

/* Both sets of primitives give the same bytes, or the same refusal, on every input. */

const { Point } = ed25519;
const bytesOf = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const scalar = bytesOf(64)
  .map((wide) => encodeScalar(reduce(wide)))
  .filter((bytes) => bytes.some((byte) => byte !== 0));
const element = scalar.map((bytes) => Point.BASE.multiply(reduce(bytes)).toBytes());
const torsion = fc.constantFrom(...ED25519_TORSION_SUBGROUP.slice(1).map((hex) => Point.fromHex(hex)));
const withTorsion = fc.tuple(element, torsion).map(([point, part]) => Point.fromBytes(point).add(part).toBytes());
const smallOrder = fc.constantFrom(...ED25519_TORSION_SUBGROUP.map((hex) => fromHex(hex)));
const notCanonical = fc.bigInt(0n, 18n).map((y) => toLittleEndian32(2n ** 255n - 19n + y));
const anyPoint = fc.oneof(element, withTorsion, smallOrder, notCanonical, bytesOf(32), bytesOf(31));

/** What both sides answer, as text: bytes, a boolean, or that they refused. */
function answers(ask: (primitives: Primitives) => Uint8Array | boolean | undefined): string[] {
  return SIDES.map(({ primitives }) => {
    try {
      const answer = ask(primitives);
      return answer instanceof Uint8Array ? toHex(answer) : String(answer);
    } catch (error) {
      if (error instanceof EncodingError) return 'refused';
      throw error;
    }
  });
}

function agreed(ask: (primitives: Primitives) => Uint8Array | boolean | undefined): string {
  const [server, portable] = answers(ask) as [string, string];
  expect(portable).toBe(server);
  return server;
}

describe('hashes', () => {
  test('SHA-512 of any parts', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 700 }), { maxLength: 4 }), (parts) => {
        expect(agreed(({ sha512 }) => sha512(...parts))).toBe(agreed(({ sha512 }) => sha512(concat(...parts))));
      }),
    );
  });

  test('SHA-256 of any parts', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 4 }), (parts) => {
        expect(agreed(({ sha256 }) => sha256(...parts))).toBe(agreed(({ sha256 }) => sha256(concat(...parts))));
      }),
    );
    const empty = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
    expect(agreed(({ sha256 }) => sha256())).toBe(empty);
  });

  test('HMAC-SHA512 with keys shorter and longer than a block', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.uint8Array({ maxLength: 300 }), (key, message) => {
        agreed(({ hmacSha512 }) => hmacSha512(key, message));
      }),
    );
    for (const length of [0, 127, 128, 129]) {
      agreed(({ hmacSha512 }) => hmacSha512(new Uint8Array(length).fill(7), new Uint8Array(3)));
    }
  });

  test('the expand step up to its limit', () => {
    fc.assert(
      fc.property(
        bytesOf(64),
        fc.uint8Array({ maxLength: 80 }),
        fc.integer({ min: 1, max: 600 }),
        (prk, info, size) => {
          expect(agreed(({ hkdfExpandSha256 }) => hkdfExpandSha256(prk, info, size)).length).toBe(2 * size);
        },
      ),
    );
    agreed(({ hkdfExpandSha256 }) => hkdfExpandSha256(new Uint8Array(64), new Uint8Array(5), 8160));
    for (const { crypto } of SIDES) {
      const input = { salt: new Uint8Array(), ikm: new Uint8Array() };
      for (const size of [0, -1, 1.5, 8161]) expect(() => crypto.kdf.derive(size, input)).toThrow(EncodingError);
      expect(crypto.kdf.derive(8160, input).length).toBe(8160);
    }
  });
});

describe('the group', () => {
  test('membership: elements only, no torsion, no small order, canonical', () => {
    fc.assert(
      fc.property(anyPoint, (point) => {
        agreed(({ group }) => group.isElement(point));
      }),
    );
    const expectAlways = (points: fc.Arbitrary<Uint8Array>, verdict: 'true' | 'false') =>
      fc.assert(
        fc.property(points, (point) => {
          expect(agreed(({ group }) => group.isElement(point))).toBe(verdict);
        }),
      );
    expectAlways(element, 'true');
    expectAlways(fc.oneof(withTorsion, smallOrder, notCanonical, bytesOf(31), bytesOf(33)), 'false');
  });

  test('multiplication, and its refusal of what is not an element', () => {
    fc.assert(
      fc.property(scalar, anyPoint, (factor, point) => {
        const product = agreed(({ group }) => group.multiply(factor, point));
        expect(product === 'refused').toBe(agreed(({ group }) => group.isElement(point)) === 'false');
      }),
    );
    fc.assert(fc.property(scalar, (factor) => void agreed(({ group }) => group.multiplyBase(factor))));
  });

  test('addition, also to the identity', () => {
    fc.assert(fc.property(element, element, (p, q) => void agreed(({ group }) => group.add(p, q))));
    fc.assert(
      fc.property(scalar, (factor) => {
        const opposite = encodeScalar(L - reduce(factor));
        const sum = agreed(({ group }) => group.add(group.multiplyBase(factor), group.multiplyBase(opposite)));
        expect(sum).toBe(`01${'00'.repeat(31)}`);
      }),
      { numRuns: 10 },
    );
  });

  test('conversion to Montgomery form, and its refusals', () => {
    fc.assert(
      fc.property(anyPoint, (point) => {
        const converted = agreed(({ group }) => group.toMontgomery(point));
        expect(converted === 'refused').toBe(agreed(({ group }) => group.isElement(point)) === 'false');
      }),
    );
  });
});

describe('X25519', () => {
  test('any scalar and any point', () => {
    const property = fc.property(bytesOf(32), bytesOf(32), (priv, point) => {
      agreed(({ x25519 }) => x25519.publicKey(priv));
      agreed(({ x25519 }) => x25519.multiply(priv, point));
    });
    fc.assert(property, { numRuns: 30 });
  });

  test('points of small order are refused, in every encoding', () => {
    const order8 = [
      'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
      '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
    ].map(fromHex);
    const prime = 2n ** 255n - 19n;
    const edges = [0n, 1n, prime - 1n, prime, prime + 1n].map(toLittleEndian32);
    for (const point of [...order8, ...edges, new Uint8Array(31)]) {
      expect(agreed(({ x25519 }) => x25519.multiply(new Uint8Array(32).fill(9), point))).toBe('refused');
    }
  });
});

test('secret boxes open on the other side, and not after any change', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), bytesOf(24), bytesOf(32), fc.nat(), (text, nonce, key, place) => {
      const box = fromHex(agreed(({ secretbox }) => secretbox.seal(text, nonce, key)));
      expect(agreed(({ secretbox }) => secretbox.open(box, nonce, key))).toBe(toHex(text));
      const index = place % box.length;
      box[index] = (box[index] as number) ^ 0x40;
      expect(agreed(({ secretbox }) => secretbox.open(box, nonce, key))).toBe('undefined');
      expect(agreed(({ secretbox }) => secretbox.open(box.slice(0, 15), nonce, key))).toBe('undefined');
    }),
    { numRuns: 40 },
  );
});

test('the public operation of RSA for any modulus and exponent in the limits', () => {
  const sizes = fc.integer({ min: 512, max: 2100 });
  const exponents = fc.constantFrom(3n, 17n, 65537n, 2n ** 33n + 1n, 2n ** 64n - 1n);
  const property = fc.property(sizes, fc.bigInt(0n, 2n ** 2100n), exponents, (bits, random, exponent) => {
    const modulus = (random % 2n ** BigInt(bits - 1)) | (1n << BigInt(bits - 1)) | 1n;
    const base = (random * random) % modulus;
    const encoded = (value: bigint) => toBigEndian(value, Math.ceil(value.toString(16).length / 2));
    const result = agreed(({ rsaPublic }) => rsaPublic(encoded(modulus), encoded(exponent))(encoded(base)));
    expect(result.length).toBe(2 * encoded(modulus).length);
  });
  fc.assert(property, { numRuns: 60 });
});
