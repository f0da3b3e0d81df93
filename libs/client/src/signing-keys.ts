import { encodeBase32, message } from '@florin/encoding';
import { ExchangeMisbehaved } from './errors.js';
import { instant, publicKey, type ReplyObject, signature } from './reply.js';
import type { SignatureChecker } from './signatures.js';

/*
 * The keys with which the exchange answers: offered in `/keys`, each for some weeks, under the master key.
 * Source: protocol/endpoints.md B1
 */

/** A key that the exchange answers with. Stamps are seconds since 1970. */
export interface SigningKey {
  readonly pub: Uint8Array;
  readonly start: number;
  /** Signs no longer than this; */
  readonly expire: number;
  /** what it signed counts until here. */
  readonly end: number;
}

/** Who may speak for the exchange, by base32 of the key, and when that is asked. */
export interface Voices {
  readonly checker: SignatureChecker;
  readonly signingKeys: ReadonlyMap<string, SigningKey>;
  /** Seconds since 1970. */
  readonly now: number;
}

/** How far clocks may differ, in seconds. */
export const CLOCK_SKEW_S = 15 * 60;

/** @throws ExchangeMisbehaved */
export function readSigningKeys(keys: ReplyObject, checker: SignatureChecker, masterPub: Uint8Array) {
  const byName = new Map<string, SigningKey>();
  for (const entry of keys.objects('signkeys')) {
    const pub = entry.read('key', publicKey);
    const start = entry.read('stamp_start', instant);
    const expire = entry.read('stamp_expire', instant);
    const end = entry.read('stamp_end', instant);
    if (!(start < expire && expire <= end)) {
      throw new ExchangeMisbehaved('contradiction', entry.place, 'its stamps are not in order: start, expire, end');
    }
    checker.require(`${entry.place}.master_sig`, {
      message: message('ExchangeSigningKeyValidity', { start, expire, end, signkeyPub: pub }),
      signature: entry.read('master_sig', signature),
      pub: masterPub,
    });
    byName.set(encodeBase32(pub), { pub, start, expire, end });
  }
  return byName;
}

/** The members of a reply that hold key and signature. */
export interface SignatureMembers {
  readonly pub: string;
  readonly signature: string;
}

const MEMBERS: SignatureMembers = { pub: 'exchange_pub', signature: 'exchange_sig' };

/**
 * Checks what the exchange signed with one of its online keys.
 * @param signed header and packed fields
 * @throws ExchangeMisbehaved when the key is none of the exchange's, or not at this time, or did not sign
 */
export function requireExchangeSignature(
  reply: ReplyObject,
  signed: Uint8Array,
  { checker, signingKeys, now }: Voices,
  members = MEMBERS,
): void {
  const pub = reply.read(members.pub, publicKey);
  const key = signingKeys.get(encodeBase32(pub));
  if (!key || key.start > now + CLOCK_SKEW_S || key.end <= now) {
    const place = `${reply.place}.${members.pub}`;
    throw new ExchangeMisbehaved('signature', place, 'is no signing key of the exchange that counts at this time');
  }
  const made = reply.read(members.signature, signature);
  checker.require(`${reply.place}.${members.signature}`, { message: signed, signature: made, pub });
}
