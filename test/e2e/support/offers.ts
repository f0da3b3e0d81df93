/** What `/keys` offers, as the tests use it: denominations by value, and the keys that sign for the exchange. */
import { type Denomination, parseDenominationPub } from '@florin/crypto';
import { decodeBase32, encodeBase32, message, parseAmount } from '@florin/encoding';
import { expect } from 'vitest';
import { expectOk, type Json, send } from './http.js';
import { isSigned, wallet } from './oracle.js';

export const CURRENCY = 'KUDOS';

/** Units of an amount of the exchange's currency: `1.5` or `KUDOS:1.5`. */
export const units = (text: string): bigint =>
  parseAmount(text.includes(':') ? text : `${CURRENCY}:${text}`, CURRENCY).units;

export interface Offer {
  /** Base32. */
  readonly hash: string;
  readonly denomination: Denomination;
  readonly cipher: 'RSA' | 'CS';
  readonly ageMask: number;
  /** Units. */
  readonly value: bigint;
  readonly fee: bigint;
  /** Seconds. */
  readonly start: number;
  readonly expireWithdraw: number;
}

export interface Offers {
  readonly denominations: readonly Offer[];
  /** The online keys in `/keys`, by base32. */
  readonly signingKeys: ReadonlySet<string>;
  /** The denomination of this value whose keys may be used longest from now on; RSA without age groups by default. */
  of(value: string, wanted?: { readonly cipher?: 'RSA' | 'CS'; readonly aged?: boolean }): Offer;
}

const seconds = (json: unknown): number => (json as { t_s: number }).t_s;
export const now = (): number => Math.floor(Date.now() / 1000);

export async function readOffers(baseUrl: string): Promise<Offers> {
  const keys = expectOk(await send(`${baseUrl}keys`));
  const denominations = (keys.denoms as Json[]).map((json): Offer => {
    const pub = parseDenominationPub(json.denom_pub);
    const denomination = wallet.denomination(pub);
    return {
      hash: encodeBase32(denomination.hash),
      denomination,
      cipher: pub.cipher,
      ageMask: pub.ageMask,
      value: units(json.value as string),
      fee: units(json.fee_withdraw as string),
      start: seconds(json.stamp_start),
      expireWithdraw: seconds(json.stamp_expire_withdraw),
    };
  });
  return {
    denominations,
    signingKeys: new Set((keys.signkeys as { key: string }[]).map(({ key }) => key)),
    of(value, { cipher = 'RSA', aged = false } = {}) {
      const found = denominations
        .filter((offer) => offer.value === units(value) && offer.cipher === cipher && offer.ageMask > 0 === aged)
        .filter(({ start, expireWithdraw }) => start <= now() && now() < expireWithdraw)
        .sort((a, b) => b.expireWithdraw - a.expireWithdraw)[0];
      if (!found) throw new Error(`no ${cipher} denomination of ${value} is valid now`);
      return found;
    },
  };
}

/** DenominationUnknownMessage, or the shape of it with another code: signed for this hash, by a key of `/keys`. */
export function expectSignedUnknown(body: Json, denominationHash: string, { signingKeys }: Offers): void {
  expect(Object.keys(body).sort()).toEqual([
    'code',
    'exchange_pub',
    'exchange_sig',
    'h_denom_pub',
    'hint',
    'timestamp',
  ]);
  expect(body.h_denom_pub).toBe(denominationHash);
  expect([...signingKeys]).toContain(body.exchange_pub);
  const signed = message('DenominationUnknownAffirmation', {
    timestamp: seconds(body.timestamp),
    hDenomPub: hashBytes(denominationHash),
  });
  expect(isSigned(signed, body.exchange_sig, body.exchange_pub)).toBe(true);
}

/** DenominationExpiredMessage: the first eight bytes of `oper` are signed. */
export function expectSignedGone(
  body: Json,
  { hash, oper, signingKeys }: { hash: string; oper: string; signingKeys: ReadonlySet<string> },
): void {
  const members = ['code', 'exchange_pub', 'exchange_sig', 'h_denom_pub', 'hint', 'oper', 'timestamp'];
  expect(Object.keys(body).sort()).toEqual(members);
  expect(body).toMatchObject({ h_denom_pub: hash, oper });
  expect([...signingKeys]).toContain(body.exchange_pub);
  const signed = message('DenominationExpiredAffirmation', {
    timestamp: seconds(body.timestamp),
    operation: oper.slice(0, 8),
    hDenomPub: hashBytes(hash),
  });
  expect(isSigned(signed, body.exchange_sig, body.exchange_pub)).toBe(true);
}

const hashBytes = (text: string): Uint8Array => decodeBase32(text, 64);
