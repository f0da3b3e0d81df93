import { constants, createPublicKey, hash, publicEncrypt } from 'node:crypto';
import { concat, EncodingError } from '@florin/encoding';
import sodium from 'sodium-native';
import type { Primitives } from './primitives.js';

/*
 * The primitives of the server: libsodium for everything on Ed25519, as the reference implementation uses it, and
 * OpenSSL for RSA. Private RSA operations live in rsa-private.ts and are for the signer processes only.
 */

export {
  exportRsaPrivateKey,
  importRsaPrivateKey,
  type RsaComponents,
  type RsaSigner,
  rsaPrivateKeyOf,
  rsaSigner,
} from './rsa-private.js';

const POINT_SIZE = 32;
const SIGNATURE_SIZE = 64;
const MAC_SIZE = 16;
const SHA512_SIZE = 64;
const SHA512_BLOCK_SIZE = 128;
const SHA256_SIZE = 32;
const SHA256_BLOCK_SIZE = 64;
/** From here on OpenSSL's SHA-512 is faster than libsodium's; below, the call itself costs more. */
const LONG_MESSAGE_SIZE = 512;

export const serverPrimitives: Primitives = {
  sha512: (...parts) => sha512(parts.length === 1 ? (parts[0] as Uint8Array) : concat(...parts)),
  sha256: (...parts) => plain(hash('sha256', concat(...parts), 'buffer')),
  hmacSha512,
  hkdfExpandSha256,

  ed25519: {
    keyPair(seed) {
      const publicKey = new Uint8Array(POINT_SIZE);
      const secretKey = new Uint8Array(64);
      sodium.crypto_sign_seed_keypair(publicKey, secretKey, seed);
      return {
        publicKey,
        sign(message) {
          const signature = new Uint8Array(SIGNATURE_SIZE);
          sodium.crypto_sign_detached(signature, message, secretKey);
          return signature;
        },
      };
    },
    verify(message, signature, publicKey) {
      if (signature.length !== SIGNATURE_SIZE || publicKey.length !== POINT_SIZE) return false;
      return sodium.crypto_sign_verify_detached(signature, message, publicKey);
    },
  },

  group: {
    isElement: isPoint,
    multiplyBase(scalar) {
      const point = new Uint8Array(POINT_SIZE);
      sodium.crypto_scalarmult_ed25519_base_noclamp(point, scalar);
      return point;
    },
    multiply(scalar, point) {
      const product = new Uint8Array(POINT_SIZE);
      // libsodium looks at the point itself; looking twice would double the time.
      return onPoint(product, point, () => sodium.crypto_scalarmult_ed25519_noclamp(product, scalar, point));
    },
    add(p, q) {
      const sum = new Uint8Array(POINT_SIZE);
      sodium.crypto_core_ed25519_add(sum, p, q);
      return sum;
    },
    toMontgomery(point) {
      if (!isPoint(point)) throw notAPoint();
      const u = new Uint8Array(POINT_SIZE);
      sodium.crypto_sign_ed25519_pk_to_curve25519(u, point);
      return u;
    },
  },

  x25519: {
    publicKey(scalar) {
      const pub = new Uint8Array(POINT_SIZE);
      sodium.crypto_scalarmult_base(pub, scalar);
      return pub;
    },
    multiply(scalar, point) {
      const shared = new Uint8Array(POINT_SIZE);
      return onPoint(shared, point, () => sodium.crypto_scalarmult(shared, scalar, point));
    },
  },

  secretbox: {
    seal(plaintext, nonce, key) {
      const box = new Uint8Array(plaintext.length + MAC_SIZE);
      sodium.crypto_secretbox_easy(box, plaintext, nonce, key);
      return box;
    },
    open(box, nonce, key) {
      if (box.length < MAC_SIZE) return undefined;
      const plaintext = new Uint8Array(box.length - MAC_SIZE);
      return sodium.crypto_secretbox_open_easy(plaintext, box, nonce, key) ? plaintext : undefined;
    },
  },

  rsaPublic(modulus, exponent) {
    const jwk = { kty: 'RSA', n: base64url(modulus), e: base64url(exponent) };
    const key = { key: createPublicKey({ key: jwk, format: 'jwk' }), padding: constants.RSA_NO_PADDING };
    return (base) => {
      const offset = modulus.length - base.length;
      if (offset === 0) return plain(publicEncrypt(key, base));
      const padded = new Uint8Array(modulus.length);
      padded.set(base, offset);
      return plain(publicEncrypt(key, padded));
    };
  },
};

function sha512(data: Uint8Array): Uint8Array {
  if (data.length >= LONG_MESSAGE_SIZE) return plain(hash('sha512', data, 'buffer'));
  const digest = new Uint8Array(SHA512_SIZE);
  sodium.crypto_hash_sha512(digest, data);
  return digest;
}

/** HMAC from two plain hashes: one call of OpenSSL's HMAC costs more than all of this. */
function hmacSha512(key: Uint8Array, message: Uint8Array): Uint8Array {
  const inner = new Uint8Array(SHA512_BLOCK_SIZE + message.length);
  const outer = new Uint8Array(SHA512_BLOCK_SIZE + SHA512_SIZE);
  pad(key.length > SHA512_BLOCK_SIZE ? sha512(key) : key, SHA512_BLOCK_SIZE, inner, outer);
  inner.set(message, SHA512_BLOCK_SIZE);
  outer.set(sha512(inner), SHA512_BLOCK_SIZE);
  return sha512(outer);
}

function hkdfExpandSha256(prk: Uint8Array, info: Uint8Array, sizeBytes: number): Uint8Array {
  const blocks = Math.ceil(sizeBytes / SHA256_SIZE);
  const output = new Uint8Array(blocks * SHA256_SIZE);
  const outer = new Uint8Array(SHA256_BLOCK_SIZE + SHA256_SIZE);
  // The message of a block: pad, previous block, info, counter. The first block has no previous one.
  const inner = new Uint8Array(SHA256_BLOCK_SIZE + SHA256_SIZE + info.length + 1);
  pad(prk, SHA256_BLOCK_SIZE, inner, outer);
  const outerDigest = outer.subarray(SHA256_BLOCK_SIZE);
  const first = new Uint8Array(inner.length - SHA256_SIZE);
  first.set(inner.subarray(0, SHA256_BLOCK_SIZE));
  first.set(info, SHA256_BLOCK_SIZE);
  inner.set(info, SHA256_BLOCK_SIZE + SHA256_SIZE);
  for (let block = 0; block < blocks; block++) {
    const message = block === 0 ? first : inner;
    message[message.length - 1] = block + 1;
    const digest = output.subarray(block * SHA256_SIZE, (block + 1) * SHA256_SIZE);
    sodium.crypto_hash_sha256(outerDigest, message);
    sodium.crypto_hash_sha256(digest, outer);
    inner.set(digest, SHA256_BLOCK_SIZE);
  }
  return output.length === sizeBytes ? output : output.slice(0, sizeBytes);
}

/** Writes the two pads of HMAC for a key that is at most one block long. */
function pad(key: Uint8Array, blockSize: number, inner: Uint8Array, outer: Uint8Array): void {
  for (let i = 0; i < blockSize; i++) {
    const byte = key[i] ?? 0;
    inner[i] = byte ^ 0x36;
    outer[i] = byte ^ 0x5c;
  }
}

function isPoint(point: Uint8Array): boolean {
  return point.length === POINT_SIZE && sodium.crypto_core_ed25519_is_valid_point(point);
}

function onPoint(result: Uint8Array, point: Uint8Array, compute: () => void): Uint8Array {
  if (point.length !== POINT_SIZE) throw notAPoint();
  try {
    compute();
  } catch {
    throw notAPoint();
  }
  return result;
}

const notAPoint = () => new EncodingError('a point of prime order', 'other bytes');

const base64url = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url');

/** The bytes of a Buffer without its class: Buffers and plain arrays do not compare as equal in many places. */
const plain = ({ buffer, byteOffset, length }: Buffer) => new Uint8Array(buffer, byteOffset, length);
