import { concat, EncodingError, encodeU16 } from '@florin/encoding';
import { isBelow } from './bigint.js';
import type { Primitives } from './primitives.js';

/*
 * GNUnet's key derivation: HKDF (RFC 5869) that extracts with HMAC-SHA512 and expands with HMAC-SHA256.
 * Source: protocol/crypto.md section 1; vectors: test/vectors/basics.json
 */

/** What a key is derived from. */
export interface KdfInput {
  readonly salt: Uint8Array;
  /** Input keying material: usually the secret. */
  readonly ikm: Uint8Array;
  /** Context; several parts are simply concatenated before the call. */
  readonly info?: Uint8Array;
}

export type Kdf = ReturnType<typeof kdfOf>;

const NO_INFO = new Uint8Array(0);
const OUTPUT_MAX = 255 * 32;

export function kdfOf({ hmacSha512, hkdfExpandSha256 }: Primitives) {
  return {
    /** @param sizeBytes 1 to 8,160. @throws EncodingError beyond it */
    derive(sizeBytes: number, { salt, ikm, info = NO_INFO }: KdfInput): Uint8Array {
      if (!Number.isInteger(sizeBytes) || sizeBytes < 1 || sizeBytes > OUTPUT_MAX) {
        throw new EncodingError(`1 to ${OUTPUT_MAX} bytes to derive`, String(sizeBytes));
      }
      return hkdfExpandSha256(hmacSha512(salt, ikm), info, sizeBytes);
    },

    /**
     * An integer distributed evenly below `modulus`: candidates of its bit length, counted by a u16 behind the info,
     * until one is below.
     * @param modulus big-endian without leading zero byte
     * @returns big-endian, as long as the modulus
     */
    modulo(modulus: Uint8Array, { salt, ikm, info = NO_INFO }: KdfInput): Uint8Array {
      const prk = hmacSha512(salt, ikm);
      const topBits = 0xff >> (Math.clz32(modulus[0] as number) - 24);
      for (let counter = 0; counter <= 0xffff; counter++) {
        const candidate = hkdfExpandSha256(prk, concat(info, encodeU16(counter)), modulus.length);
        candidate[0] = (candidate[0] as number) & topBits;
        if (isBelow(candidate, modulus)) return candidate;
      }
      throw new Error('no candidate of 65,536 below the modulus'); // 1 in 2^65536 for an honest hash
    },
  };
}
