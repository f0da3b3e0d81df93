import { createHash, createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { concat } from './bytes.js';

/*
 * For the specs of this room only: the vector files, and the two hash functions that are needed to reach the hashes in
 * them. The library itself hashes nothing; these are at home in the crypto room.
 */

// biome-ignore lint/suspicious/noExplicitAny: rows of vector files have the shape of their name
export type Row = any;

/** Reads a file of test/vectors. */
// biome-ignore lint/suspicious/noExplicitAny: see Row
export function readJson(path: string): any {
  return JSON.parse(readFileSync(new URL(`../../../test/vectors/${path}`, import.meta.url), 'utf8'));
}

export function sha512(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha512').update(bytes).digest());
}

/** The KDF of the protocol for 64 bytes: HKDF, extracting with HMAC-SHA512 and expanding with HMAC-SHA256. */
export function kdf64(salt: Uint8Array, input: Uint8Array, info: Uint8Array): Uint8Array {
  const key = createHmac('sha512', salt).update(input).digest();
  const block = (...parts: Uint8Array[]) =>
    createHmac('sha256', key)
      .update(concat(...parts))
      .digest();
  const first = block(info, Uint8Array.of(1));
  return concat(first, block(first, info, Uint8Array.of(2)));
}
