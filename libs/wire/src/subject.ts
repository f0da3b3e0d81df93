import { decodeBase32, EncodingError, encodeBase32 } from '@florin/encoding';

/*
 * Subjects of wire transfers. A customer's transfer to an exchange names a reserve (or an account key, for KYC
 * authentication) somewhere in its text. Source: protocol/wire.md, "Subject parsing"
 */

/** What a customer's transfer is for. */
export interface CreditSubject {
  readonly kind: 'reserve' | 'kyc';
  /** 32 bytes: the reserve's public key, or the account's. */
  readonly key: Uint8Array;
}

/** Longest subject that is looked at; SEPA carries 140 characters. */
export const SUBJECT_LENGTH_MAX = 1024;

const KEY_SIZE = 32;
const KEY_LENGTH = 52;
/** Ends of text between which a key cannot stretch: everything but letters, digits, white space and hyphens. */
const BREAK = /[^A-Za-z0-9\s-]+/;
const SEPARATOR = /[\s-]+/;
const KYC_COLON = /(?<![A-Za-z0-9])KYC\s*:/gi;
const KYC_WORD = /^KYC$/i;
const KYC_PREFIX = /^KYC/i;
/** 52 characters have four bits more than 32 bytes; with these zero, the last one stands for 0 or 16. */
const LAST_CHARACTER = /[0OG]$/i;

/**
 * Finds the one key in a subject. The key may be cut into pieces by white space or hyphens and stand between other
 * words; `KYC`, joined to it or before it, with a colon or without, makes it an account key. Only the canonical last
 * character is taken (its four filler bits are zero), so that words which happen to add up to 52 letters are rarely
 * mistaken for a key.
 * @returns undefined when there is no key, or when the text can be read as more than one: the money goes back then
 */
export function parseSubject(text: string): CreditSubject | undefined {
  if (text.length > SUBJECT_LENGTH_MAX) return undefined;
  const found = new Map<string, CreditSubject>();
  const add = (kind: CreditSubject['kind'], key: Uint8Array | undefined) => {
    if (key) found.set(`${kind} ${encodeBase32(key)}`, { kind, key });
  };
  for (const stretch of text.replace(KYC_COLON, ' KYC ').split(BREAK)) {
    const words = stretch.split(SEPARATOR).filter((word) => word !== '');
    words.forEach((word, first) => {
      const following = words.slice(first + 1);
      const accountKey = KYC_PREFIX.test(word) ? keyIn([word.slice('KYC'.length), ...following]) : undefined;
      if (accountKey) add('kyc', accountKey);
      else if (!KYC_WORD.test(words[first - 1] ?? '')) add('reserve', keyIn([word, ...following]));
    });
  }
  const [only] = found.values();
  return found.size === 1 ? only : undefined;
}

/** The subject that names `key`, as wallets and the gateway's admin endpoints write it. */
export function formatSubject({ kind, key }: CreditSubject): string {
  if (key.length !== KEY_SIZE) throw new EncodingError('a key of 32 bytes', `${key.length} bytes`);
  return kind === 'kyc' ? `KYC:${encodeBase32(key)}` : encodeBase32(key);
}

/** The key that the leading words make up, if they do. */
function keyIn(words: readonly string[]): Uint8Array | undefined {
  let joined = '';
  for (const word of words) {
    joined += word;
    if (joined.length >= KEY_LENGTH) break;
  }
  if (joined.length !== KEY_LENGTH) return undefined;
  try {
    const key = decodeBase32(joined, KEY_SIZE);
    return LAST_CHARACTER.test(joined) ? key : undefined;
  } catch (error) {
    if (error instanceof EncodingError) return undefined;
    throw error;
  }
}
