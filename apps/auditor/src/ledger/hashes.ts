/** Hashes of texts that many events repeat: base URLs. */
import { taler } from '@florin/crypto';
import { serverPrimitives } from '@florin/crypto/server';
import { encodeBase32 } from '@florin/encoding';

const { hash } = taler(serverPrimitives);
const known = new Map<string, string>();
const KNOWN_MAX = 1_000;

/** SHA-512 of a text and its NUL, base32. */
export function textHash(text: string): string {
  const found = known.get(text);
  if (found !== undefined) return found;
  const made = encodeBase32(hash.text(text));
  if (known.size < KNOWN_MAX) known.set(text, made);
  return made;
}

/** The normalised hash of an account URI, base32: names it whatever the spelling. @throws EncodingError */
export const accountHash = (uri: string): string => encodeBase32(hash.normalizedPayto(uri));

/** The hash of an account URI byte for byte, base32. */
export const fullHash = (uri: string): string => encodeBase32(hash.fullPayto(uri));

export const { sha512 } = hash;
