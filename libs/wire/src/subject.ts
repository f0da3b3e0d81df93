import { decodeBase32, EncodingError, encodeBase32 } from '@florin/encoding';

/*
 * Subjects of wire transfers. A customer's transfer to an exchange names a reserve (or an account key, for KYC
 * authentication) somewhere in its text; a transfer of the exchange names wtid and base URL.
 * Source: protocol/wire.md, "Subject parsing" and "history/outgoing"
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
const KYC_PREFIX = /^KYC(?=.)/i;

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
  for (const stretch of text.replace(KYC_COLON, ' KYC ').split(BREAK)) {
    const words = stretch.split(SEPARATOR).filter((word) => word !== '');
    words.forEach((word, first) => {
      const announced = KYC_WORD.test(words[first - 1] ?? '');
      collect(found, announced ? 'kyc' : 'reserve', words.slice(first));
      if (KYC_PREFIX.test(word)) collect(found, 'kyc', [word.slice('KYC'.length), ...words.slice(first + 1)]);
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

/** The subject of an outgoing transfer. @param wtid 32 bytes */
export function formatTransferSubject(wtid: Uint8Array, exchangeBaseUrl: string): string {
  return `${encodeBase32(wtid)} ${exchangeBaseUrl}`;
}

/** Adds the key that the leading words make up, if they do. */
function collect(found: Map<string, CreditSubject>, kind: CreditSubject['kind'], words: readonly string[]): void {
  let joined = '';
  for (const word of words) {
    joined += word;
    if (joined.length >= KEY_LENGTH) break;
  }
  const key = joined.length === KEY_LENGTH ? canonicalKey(joined) : undefined;
  if (key) found.set(`${kind} ${encodeBase32(key)}`, { kind, key });
}

function canonicalKey(text: string): Uint8Array | undefined {
  try {
    const key = decodeBase32(text, KEY_SIZE);
    const last = decodeBase32(`${text.slice(-1)}0`)[0] as number;
    return (last >> 3) % 16 === 0 ? key : undefined;
  } catch (error) {
    if (error instanceof EncodingError) return undefined;
    throw error;
  }
}
