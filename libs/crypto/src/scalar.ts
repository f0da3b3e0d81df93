import { EncodingError } from '@florin/encoding';
import { fromLittleEndian, toLittleEndian32 } from './bigint.js';
import { checkSize } from './errors.js';

/*
 * Scalars of Ed25519: integers modulo the group order L, 32 bytes little-endian. The arithmetic is BigInt, since
 * libsodium's bindings have no scalar multiplication; its time varies with the values. The signers that use it answer
 * over a socket in batches, where that is far below what can be measured.
 */

/** Order of the group: 2^252 + 27742317777372353535851937790883648493. */
export const L = 2n ** 252n + 27742317777372353535851937790883648493n;

/** L, 32 bytes, most significant first: the modulus of the full-domain hash of Clause-Schnorr. */
export const L_BIG_ENDIAN = toLittleEndian32(L).reverse();

/** Reads any number of bytes as a little-endian integer modulo L. */
export function reduce(bytes: Uint8Array): bigint {
  return fromLittleEndian(bytes) % L;
}

/** @param value a non-negative integer; it is reduced modulo L */
export function encodeScalar(value: bigint): Uint8Array {
  return toLittleEndian32(value % L);
}

/** Whether these are 32 bytes that encode an integer below L. Zero is one. */
export function isCanonicalScalar(bytes: Uint8Array): boolean {
  return bytes.length === 32 && fromLittleEndian(bytes) < L;
}

/** @throws EncodingError unless these are 32 bytes that encode an integer from 1 to L - 1 */
export function decodeSecretScalar(bytes: Uint8Array, what: string): bigint {
  checkSize(bytes, 32, what);
  const value = fromLittleEndian(bytes);
  if (value === 0n || value >= L) throw new EncodingError(`a scalar from 1 to L - 1 as ${what}`, 'another integer');
  return value;
}

/** Copies 32 bytes and sets the bits that RFC 7748 demands of a private scalar. */
export function clamp(bytes: Uint8Array): Uint8Array {
  const scalar = bytes.slice();
  scalar[0] = (scalar[0] as number) & 248;
  scalar[31] = ((scalar[31] as number) & 127) | 64;
  return scalar;
}
