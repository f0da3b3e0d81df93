import { EncodingError, kindOf } from './errors.js';

/*
 * Crockford base32 as GNUnet writes it: the input is one big-endian bit string, five bits to a character, the last
 * group filled with zero bits on the right, no padding characters.
 * Source: protocol/encoding.md section 1; vectors: test/vectors/crockford.json
 */

const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const INVALID = 0x80;

/** Ten bits to two characters: half the steps of a table of single characters. */
const PAIRS = Array.from({ length: 1024 }, (_, bits) => `${ALPHABET[bits >> 5]}${ALPHABET[bits & 31]}`);

/** Character code to five bits, aliases and lower case included. */
const VALUES = decodingTable();

/** @returns `ceil(8 n / 5)` upper-case characters for n bytes */
export function encodeBase32(bytes: Uint8Array): string {
  const sizeBytes = bytes.length;
  const whole = sizeBytes - (sizeBytes % 5);
  let text = '';
  let i = 0;
  for (; i < whole; i += 5) {
    const high = ((bytes[i] as number) << 12) | ((bytes[i + 1] as number) << 4) | ((bytes[i + 2] as number) >> 4);
    const low = (((bytes[i + 2] as number) & 15) << 16) | ((bytes[i + 3] as number) << 8) | (bytes[i + 4] as number);
    text +=
      (PAIRS[high >> 10] as string) +
      (PAIRS[high & 1023] as string) +
      (PAIRS[low >> 10] as string) +
      (PAIRS[low & 1023] as string);
  }
  let pending = 0;
  let pendingBits = 0;
  for (; i < sizeBytes; i++) {
    pending = (pending << 8) | (bytes[i] as number);
    pendingBits += 8;
    while (pendingBits >= 5) {
      pendingBits -= 5;
      text += ALPHABET[(pending >> pendingBits) & 31];
    }
    pending &= (1 << pendingBits) - 1;
  }
  if (pendingBits > 0) text += ALPHABET[(pending << (5 - pendingBits)) & 31];
  return text;
}

/**
 * Decodes either case and the aliases O (0), I and L (1), U (V). Filler bits are dropped unseen, as in C: several texts
 * decode to one value, so compare bytes and never texts.
 * @param sizeBytes when given, the text must have exactly `ceil(8 n / 5)` characters; otherwise any length that n bytes
 *   can have
 * @throws EncodingError on another length or character; the message does not repeat the text, which may be a secret
 */
export function decodeBase32(text: string, sizeBytes?: number): Uint8Array {
  if (typeof text !== 'string') throw new EncodingError('base32 text', kindOf(text));
  const size = sizeBytes ?? Math.floor((5 * text.length) / 8);
  const length = Math.ceil((8 * size) / 5);
  if (text.length !== length) {
    const expected = sizeBytes === undefined ? 'base32 of whole bytes' : `${length} characters of base32`;
    throw new EncodingError(expected, `${text.length} characters`);
  }
  const bytes = new Uint8Array(size);
  let pending = 0;
  let pendingBits = 0;
  let filled = 0;
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i);
    const value = code < 128 ? (VALUES[code] as number) : INVALID;
    if (value === INVALID) throw new EncodingError('base32', `another character at position ${i}`);
    pending = (pending << 5) | value;
    pendingBits += 5;
    if (pendingBits >= 8) {
      pendingBits -= 8;
      bytes[filled++] = pending >> pendingBits;
      pending &= (1 << pendingBits) - 1;
    }
  }
  return bytes;
}

/** The one text that stands for the same bytes: for stream names, keys of maps and stored events. */
export function canonicalBase32(text: string, sizeBytes: number): string {
  return encodeBase32(decodeBase32(text, sizeBytes));
}

function decodingTable(): Uint8Array {
  const table = new Uint8Array(128).fill(INVALID);
  const assign = (character: string, value: number) => {
    table[character.charCodeAt(0)] = value;
    table[character.toLowerCase().charCodeAt(0)] = value;
  };
  [...ALPHABET].forEach(assign);
  assign('O', 0);
  assign('I', 1);
  assign('L', 1);
  assign('U', ALPHABET.indexOf('V'));
  return table;
}
