/** Keys of packed maps: 32 bytes each, as eight words, and where their search begins. */
import { hash } from 'node:crypto';

export const KEY_BYTES = 32;
const KEY_WORDS = KEY_BYTES / 4;
/** A key of 32 bytes in base32; longer ones (hashes of 64 bytes) are told apart by their first 32. */
const KEY_CHARS = 52;

const LETTERS = new Uint8Array(128).fill(255);
[...'0123456789ABCDEFGHJKMNPQRSTVWXYZ'].forEach((letter, value) => {
  LETTERS[letter.charCodeAt(0)] = value;
});

/** The last key and what it gave: one event asks several maps for one key, and each of them more than once. */
let lastKey: string | undefined;
const last = { words: new Uint32Array(KEY_WORDS), hash: 0 };

/**
 * What holds until the next call.
 * @param key base32 of at least 32 bytes, or any other text, which is hashed
 */
export function wordsOf(key: string): { readonly words: Uint32Array; readonly hash: number } {
  if (key !== lastKey) {
    if (key.length < KEY_CHARS || !fromBase32(key, last.words)) {
      const digest = hash('sha256', key, 'buffer');
      for (let word = 0; word < KEY_WORDS; word += 1) last.words[word] = digest.readUInt32BE(4 * word);
    }
    last.hash = mix(last.words);
    lastKey = key;
  }
  return last;
}

function fromBase32(key: string, into: Uint32Array): boolean {
  let [pending, bits, word] = [0, 0, 0];
  for (let at = 0; at < KEY_CHARS && word < into.length; at += 1) {
    const value = LETTERS[key.charCodeAt(at) & 127] as number;
    if (value === 255) return false;
    if (bits + 5 < 32) {
      pending = pending * 32 + value;
      bits += 5;
      continue;
    }
    const over = bits + 5 - 32;
    into[word] = pending * 2 ** (5 - over) + (value >> over);
    word += 1;
    pending = value & (2 ** over - 1);
    bits = over;
  }
  return word === into.length;
}

/** The hash of a key as it lies in a record. */
export function hashAt(view: DataView, offset: number): number {
  for (let word = 0; word < KEY_WORDS; word += 1) lying[word] = view.getUint32(offset + 4 * word);
  return mix(lying);
}

const lying = new Uint32Array(KEY_WORDS);

/** Keys are chosen by wallets: all of their words count, so that nobody fills one place of the index. */
const SEED = hash('sha256', `${process.pid} ${performance.now()}`, 'buffer').readUInt32BE(0);

/** @returns 32 bits, with a sign */
function mix(words: Uint32Array): number {
  let state = SEED;
  for (const word of words) state = Math.imul(state ^ word, 0x9e3779b1) ^ (state >>> 15);
  return Math.imul(state ^ (state >>> 13), 0x85ebca6b) | 0;
}
