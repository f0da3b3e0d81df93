import { concat, EncodingError, equalBytes, utf8 } from '@florin/encoding';
import { fromBigEndian, gcd, isBelow, minimal, modInverse, toBigEndian } from './bigint.js';
import { BadBlindSignature, checkSize, MaliciousKey } from './errors.js';
import type { Kdf } from './kdf.js';
import type { Primitives } from './primitives.js';
import { decodeRsaPub, RSA_LIMITS, type RsaLimits, type RsaPublicKey } from './rsa-key.js';

/*
 * Chaum's blind signature with a full-domain hash (FDH), for a coin whose public key hashes to m:
 *
 *   wallet               x = FDH(m)    r from a 32-byte secret    blinded = x r^e mod n
 *   wallet -> exchange   blinded
 *   exchange -> wallet   s' = blinded^d mod n
 *   wallet               s = s' / r mod n     (and s^e = x)
 *
 * All three travel as unsigned big-endian integers without leading zero bytes: 1 in 256 is a byte shorter than n, and
 * the bytes as sent are what is hashed. A padded one is refused, never silently stripped.
 * Source: protocol/crypto.md section 2; vectors: test/vectors/rsa.json
 */

/** A public key, prepared for use: made by {@link Rsa}.key, kept as long as the denomination is. */
export interface RsaKey extends RsaPublicKey {
  readonly raise: (base: Uint8Array) => Uint8Array;
  /** The encoded key as HMAC takes it: hashed, where it is longer than a block. */
  readonly fdhSalt: Uint8Array;
  /** Whether the modulus has a factor below 2^16; no honest key has one. */
  readonly hasSmallFactor: () => boolean;
}

export type Rsa = ReturnType<typeof rsaOf>;

/** The text is literal. */
const FDH_INFO = utf8('RSA-FDA FTpsW!');
const BLINDING_SALT = utf8('Blinding KDF extractor HMAC key');
const BLINDING_INFO = utf8('Blinding KDF');
const SHA512_BLOCK_SIZE = 128;

export function rsaOf(primitives: Primitives, kdf: Kdf, limits: RsaLimits = RSA_LIMITS) {
  /** The hash before the check for a common factor. @returns as long as the modulus */
  function hashBelow(key: RsaKey, message: Uint8Array): Uint8Array {
    checkSize(message, 64, 'message hash');
    return kdf.modulo(key.modulus, { salt: key.fdhSalt, ikm: message, info: FDH_INFO });
  }

  function factorBelow(key: RsaKey, secret: Uint8Array): Uint8Array {
    checkSize(secret, 32, 'blinding secret');
    return kdf.modulo(key.modulus, { salt: BLINDING_SALT, ikm: secret, info: BLINDING_INFO });
  }

  function verify(key: RsaKey, message: Uint8Array, signature: Uint8Array): boolean {
    if (!isRsaValue(key, signature)) return false;
    const expected = hashBelow(key, message);
    if (!equalBytes(key.raise(signature), expected)) return false;
    // The common factor is looked for where a key gives reason: it takes longer than all the rest, and meeting one
    // under a key of two large primes would be to factor it. Blinding always looks.
    return !key.hasSmallFactor() || isCoprime(key, fromBigEndian(expected));
  }

  return {
    /** Checks the form of an encoded key and prepares it. @throws EncodingError as {@link decodeRsaPub} */
    key(encoded: Uint8Array): RsaKey {
      const key = decodeRsaPub(encoded, limits);
      return {
        ...key,
        raise: primitives.rsaPublic(key.modulus, key.exponent),
        fdhSalt: encoded.length > SHA512_BLOCK_SIZE ? primitives.sha512(encoded) : key.encoded,
        hasSmallFactor: once(() => hasFactorBelow(fromBigEndian(key.modulus), 1 << 16)),
      };
    },

    /**
     * The full-domain hash of a 64-byte message hash. @returns big-endian, as long as the modulus
     * @throws MaliciousKey when it shares a factor with the modulus
     */
    fullDomainHash(key: RsaKey, message: Uint8Array): Uint8Array {
      const hash = hashBelow(key, message);
      if (!isCoprime(key, fromBigEndian(hash))) throw new MaliciousKey();
      return hash;
    },

    /** What blinds a coin, from its 32-byte secret. @throws MaliciousKey as {@link fullDomainHash} */
    blindingFactor(key: RsaKey, secret: Uint8Array): Uint8Array {
      const factor = factorBelow(key, secret);
      if (!isCoprime(key, fromBigEndian(factor))) throw new MaliciousKey();
      return factor;
    },

    /**
     * Blinds a message hash. The wallet does it to withdraw, the exchange to rebuild an envelope in recoup.
     * @param message 64 bytes: the hash of the coin's public key and age commitment
     * @param secret 32 bytes; reusing one for two coins links them
     * @returns the blinded planchet, minimal length
     * @throws MaliciousKey when the hash or the factor is not invertible: the envelope would show the coin
     */
    blind(key: RsaKey, message: Uint8Array, secret: Uint8Array): Uint8Array {
      const n = fromBigEndian(key.modulus);
      const hash = fromBigEndian(hashBelow(key, message));
      const factor = factorBelow(key, secret);
      // One test for both: their product is invertible exactly if each of them is.
      if (!isCoprime(key, (hash * fromBigEndian(factor)) % n)) throw new MaliciousKey();
      const blinded = (hash * fromBigEndian(key.raise(factor))) % n;
      return minimal(toBigEndian(blinded, key.modulus.length));
    },

    /**
     * Takes the blinding off an exchange's answer and verifies it. @returns the signature, minimal length
     * @throws BadBlindSignature when it is malformed or does not sign the message
     */
    unblind(key: RsaKey, message: Uint8Array, secret: Uint8Array, blindSignature: Uint8Array): Uint8Array {
      if (!isRsaValue(key, blindSignature)) throw new BadBlindSignature();
      const n = fromBigEndian(key.modulus);
      const inverse = modInverse(fromBigEndian(factorBelow(key, secret)), n);
      if (inverse === undefined) throw new MaliciousKey();
      const unblinded = (fromBigEndian(blindSignature) * inverse) % n;
      const signature = minimal(toBigEndian(unblinded, key.modulus.length));
      if (!verify(key, message, signature)) throw new BadBlindSignature();
      return signature;
    },

    /** Whether `signature` (minimal length) signs the 64-byte message hash. Malformed signatures are `false`. */
    verify,
  };
}

/**
 * Whether this is what may be signed, or be a signature, under the key: an integer from 1 to n - 1 without leading zero
 * byte. libgcrypt reduces larger ones silently; no honest client sends them.
 */
export function isRsaValue({ modulus }: { readonly modulus: Uint8Array }, value: Uint8Array): boolean {
  if (value.length === 0 || value[0] === 0 || value.length > modulus.length) return false;
  return value.length < modulus.length || isBelow(value, modulus);
}

/** @throws EncodingError unless {@link isRsaValue} */
export function checkRsaValue(key: { readonly modulus: Uint8Array }, value: Uint8Array, what: string): void {
  if (isRsaValue(key, value)) return;
  throw new EncodingError(`an integer below the modulus without leading zero byte as ${what}`, 'another one');
}

/** Fills up to the length of the modulus, as raw RSA operations want it. */
export function padToModulus({ modulus }: { readonly modulus: Uint8Array }, value: Uint8Array): Uint8Array {
  return value.length === modulus.length ? value : concat(new Uint8Array(modulus.length - value.length), value);
}

function isCoprime({ modulus }: RsaKey, value: bigint): boolean {
  return gcd(fromBigEndian(modulus), value) === 1n;
}

function hasFactorBelow(n: bigint, limit: number): boolean {
  return oddPrimesBelow(limit).some((prime) => n % BigInt(prime) === 0n);
}

function oddPrimesBelow(limit: number): number[] {
  const composite = new Uint8Array(limit);
  const primes: number[] = [];
  for (let candidate = 3; candidate < limit; candidate += 2) {
    if (composite[candidate]) continue;
    primes.push(candidate);
    for (let multiple = candidate * candidate; multiple < limit; multiple += 2 * candidate) composite[multiple] = 1;
  }
  return primes;
}

function once<T>(compute: () => T): () => T {
  let result: { readonly value: T } | undefined;
  return () => {
    result ??= { value: compute() };
    return result.value;
  };
}
