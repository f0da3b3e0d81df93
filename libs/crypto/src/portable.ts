import { concat, EncodingError, fromHex, toHex } from '@florin/encoding';
import { ED25519_TORSION_SUBGROUP, ed25519 } from '@noble/curves/ed25519.js';
import { expand } from '@noble/hashes/hkdf.js';
import { hmac } from '@noble/hashes/hmac.js';
import { sha256, sha512 } from '@noble/hashes/sha2.js';
import nacl from 'tweetnacl';
import { fromBigEndian, fromLittleEndian, modPow, toBigEndian } from './bigint.js';
import type { Primitives } from './primitives.js';
import { isCanonicalScalar } from './scalar.js';

/*
 * The primitives in JavaScript alone: for browsers, and as an independent oracle for the server's. tweetnacl accepts
 * S + L and points of small order; what libsodium refuses is refused here before it is asked.
 */

const { Point } = ed25519;
type EdwardsPoint = InstanceType<typeof Point>;

const FIELD_PRIME = 2n ** 255n - 19n;
/** The encodings of points of small order, sign bit cleared. Others that are not canonical never get this far. */
const SMALL_ORDER = new Set(ED25519_TORSION_SUBGROUP.map((hex) => toHex(withoutSign(fromHex(hex)))));

export const portablePrimitives: Primitives = {
  sha512: (...parts) => sha512(concat(...parts)),
  sha256: (...parts) => sha256(concat(...parts)),
  hmacSha512: (key, message) => hmac(sha512, key, message),
  hkdfExpandSha256: (prk, info, sizeBytes) => expand(sha256, prk, info, sizeBytes),

  ed25519: {
    keyPair(seed) {
      const { publicKey, secretKey } = nacl.sign.keyPair.fromSeed(seed);
      return { publicKey, sign: (message) => nacl.sign.detached(message, secretKey) };
    },
    verify(message, signature, publicKey) {
      if (signature.length !== 64 || publicKey.length !== 32) return false;
      if (!isCanonicalScalar(signature.subarray(32)) || !isCanonicalField(publicKey)) return false;
      if (hasSmallOrder(publicKey) || hasSmallOrder(signature.subarray(0, 32))) return false;
      return nacl.sign.detached.verify(message, signature, publicKey);
    },
  },

  group: {
    isElement: (point) => elementOf(point) !== undefined,
    multiplyBase: (scalar) => Point.BASE.multiply(fromLittleEndian(scalar)).toBytes(),
    multiply: (scalar, point) => checkedElement(point).multiply(fromLittleEndian(scalar)).toBytes(),
    add: (p, q) => Point.fromBytes(p).add(Point.fromBytes(q)).toBytes(),
    toMontgomery(point) {
      checkedElement(point);
      return ed25519.utils.toMontgomery(point);
    },
  },

  x25519: {
    publicKey: (scalar) => nacl.scalarMult.base(scalar),
    multiply(scalar, point) {
      const shared = point.length === 32 ? nacl.scalarMult(scalar, point) : undefined;
      if (shared === undefined || shared.every((byte) => byte === 0)) throw notAPoint();
      return shared;
    },
  },

  secretbox: {
    seal: (plaintext, nonce, key) => nacl.secretbox(plaintext, nonce, key),
    open: (box, nonce, key) => nacl.secretbox.open(box, nonce, key) ?? undefined,
  },

  rsaPublic(modulus, exponent) {
    const n = fromBigEndian(modulus);
    const e = fromBigEndian(exponent);
    return (base) => toBigEndian(modPow(fromBigEndian(base), e, n), modulus.length);
  },
};

function elementOf(point: Uint8Array): EdwardsPoint | undefined {
  if (point.length !== 32) return undefined;
  try {
    const element = Point.fromBytes(point);
    return !element.isSmallOrder() && element.isTorsionFree() ? element : undefined;
  } catch {
    return undefined;
  }
}

function checkedElement(point: Uint8Array): EdwardsPoint {
  const element = elementOf(point);
  if (element === undefined) throw notAPoint();
  return element;
}

function isCanonicalField(point: Uint8Array): boolean {
  return fromLittleEndian(withoutSign(point)) < FIELD_PRIME;
}

function hasSmallOrder(point: Uint8Array): boolean {
  return SMALL_ORDER.has(toHex(withoutSign(point)));
}

function withoutSign(point: Uint8Array): Uint8Array {
  const bytes = point.slice();
  bytes[31] = (bytes[31] as number) & 127;
  return bytes;
}

const notAPoint = () => new EncodingError('a point of prime order', 'other bytes');
