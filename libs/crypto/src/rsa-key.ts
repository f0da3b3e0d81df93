import { concat, EncodingError, encodeU16, readU16 } from '@florin/encoding';

/*
 * The wire form of an RSA public key: u16 length of n, u16 length of e, n, e, both unsigned big-endian without leading
 * zero bytes.
 * Source: protocol/crypto.md section 2; vectors: test/vectors/denom_hash.json, rsa.json
 */

/** A public key whose form is checked; who made it and how is not. */
export interface RsaPublicKey {
  /** The wire form, `rsa_pub` in JSON. */
  readonly encoded: Uint8Array;
  readonly modulus: Uint8Array;
  readonly exponent: Uint8Array;
  readonly bits: number;
}

/** Sizes of moduli that are accepted, in bits. */
export interface RsaLimits {
  readonly minBits: number;
  readonly maxBits: number;
}

/** What the protocol permits. Production denominations have 2048 bits or more. */
export const RSA_LIMITS: RsaLimits = { minBits: 512, maxBits: 8192 };

const HEADER_SIZE = 4;
/** OpenSSL's own bound for large moduli. Real keys have 65537; longer exponents only make verification slow. */
const EXPONENT_SIZE_MAX = 8;

/**
 * @throws EncodingError on a wrong or truncated length, trailing bytes, a leading zero byte, an even modulus or one
 *   outside of the limits, an exponent that is even, below 3 or longer than 64 bits
 */
export function decodeRsaPub(encoded: Uint8Array, limits: RsaLimits = RSA_LIMITS): RsaPublicKey {
  if (encoded.length < HEADER_SIZE) throw new EncodingError('an RSA public key', `${encoded.length} bytes`);
  const modulusSize = readU16(encoded, 0);
  const exponentSize = readU16(encoded, 2);
  if (encoded.length !== HEADER_SIZE + modulusSize + exponentSize) {
    const announced = `modulus of ${modulusSize} and exponent of ${exponentSize} bytes`;
    throw new EncodingError(`an RSA public key with ${announced}`, `${encoded.length} bytes in all`);
  }
  const modulus = encoded.slice(HEADER_SIZE, HEADER_SIZE + modulusSize);
  const exponent = encoded.slice(HEADER_SIZE + modulusSize);
  const bits = checkNumbers(modulus, exponent);
  if (bits < limits.minBits || bits > limits.maxBits) {
    throw new EncodingError(`an RSA modulus of ${limits.minBits} to ${limits.maxBits} bits`, `${bits} bits`);
  }
  return { encoded: encoded.slice(), modulus, exponent, bits };
}

/** The wire form of a modulus and an exponent. @throws EncodingError as {@link decodeRsaPub} */
export function encodeRsaPub(modulus: Uint8Array, exponent: Uint8Array): Uint8Array {
  const encoded = concat(encodeU16(modulus.length), encodeU16(exponent.length), modulus, exponent);
  return decodeRsaPub(encoded).encoded;
}

/** @returns the bit length of the modulus */
function checkNumbers(modulus: Uint8Array, exponent: Uint8Array): number {
  const [top = 0] = modulus;
  const lowest = modulus.at(-1) ?? 0;
  if (top === 0) throw new EncodingError('an RSA modulus', 'zero, or a leading zero byte');
  if (lowest % 2 === 0) throw new EncodingError('an odd RSA modulus', 'an even one');
  const [first = 0] = exponent;
  const last = exponent.at(-1) ?? 0;
  if (first === 0) throw new EncodingError('an RSA exponent', 'zero, or a leading zero byte');
  if (last % 2 === 0 || (exponent.length === 1 && first < 3)) {
    throw new EncodingError('an odd RSA exponent of at least 3', 'another one');
  }
  if (exponent.length > EXPONENT_SIZE_MAX) {
    throw new EncodingError('an RSA exponent of at most 64 bits', `${exponent.length} bytes`);
  }
  return modulus.length * 8 - (Math.clz32(top) - 24);
}
