/** Coins, purses and the events about them as specs write them. */

import type { PresentedCoin } from '../coin.js';
import type { CoinEvent, FirstSight } from '../events/coin.js';
import type { CoinPub, DepositConfirmation, PursePub, ReservePub } from '../events/names.js';
import type { MergeRequest, PurseDeposit, PurseEvent } from '../events/purse.js';
import type { ReservePurseEvent } from '../events/reserve.js';
import type { Contract, Merge, PurseTerms } from '../purse.js';
import type { OfferedDeposit } from '../purse-deposit.js';
import type { MergeConfirmation } from '../purse-merge.js';
import { bytesOf, eur } from './values.js';

export type OnCoin<Type extends CoinEvent['type']> = Extract<CoinEvent, { type: Type }>;
export type OnPurse<Type extends PurseEvent['type']> = Extract<PurseEvent, { type: Type }>;
export type OnReserve<Type extends ReservePurseEvent['type']> = Extract<ReservePurseEvent, { type: Type }>;

export const PURSE: PursePub = bytesOf('purse', 32);
export const RESERVE: ReservePub = bytesOf('reserve', 32);
export const BASE_URL = 'https://exchange.example/';
export const WHEN = { at: 1_000, keysRevision: 7 } as const;

export const coinPub = (label: string): CoinPub => bytesOf(`coin ${label}`, 32);

/** A coin of 5. */
export const presented = (label: string, over: Partial<PresentedCoin> = {}): PresentedCoin => ({
  coinPub: coinPub(label),
  denominationHash: bytesOf('denomination', 64),
  value: eur('5'),
  denominationSignature: { cipher: 'RSA', signature: bytesOf(`denomination signature ${label}`, 8) },
  ...over,
});

export function firstSight(label: string, over: Partial<FirstSight> = {}): FirstSight {
  const { coinPub: _, ...seen } = presented(label);
  return { ...seen, ...over };
}

/** Pays `amount`, of which 0.02 is the deposit fee. */
export const offered = (label: string, amount: string, over: Partial<OfferedDeposit> = {}): OfferedDeposit => ({
  ...presented(label),
  amount: eur(amount),
  depositFee: eur('0.02'),
  coinSignature: bytesOf(`coin signature ${label} ${amount}`, 64),
  ...over,
});

export function deposit(label: string, amount: string, over: Partial<PurseDeposit> = {}): PurseDeposit {
  const { value: _, denominationSignature: __, ...paid } = offered(label, amount);
  return { ...paid, ...over };
}

export const spent = (
  label: string,
  amount: string,
  over: Partial<OnCoin<'CoinSpentIntoPurse'>> = {},
): OnCoin<'CoinSpentIntoPurse'> => ({
  type: 'CoinSpentIntoPurse',
  pursePub: PURSE,
  amount: eur(amount),
  depositFee: eur('0.02'),
  coinSignature: bytesOf(`coin signature ${label} ${amount}`, 64),
  exchangeBaseUrl: BASE_URL,
  ...WHEN,
  ...over,
});

/** A purse for 4, until 2,000. */
export const TERMS: PurseTerms = {
  target: eur('4'),
  minAge: 0,
  expiresAt: 2_000,
  contractTermsHash: bytesOf('contract terms', 64),
  mergePub: bytesOf('merge key', 32),
};
export const SIGNED_TERMS = { ...TERMS, purseSignature: bytesOf<OnPurse<'PurseDeleted'>['purseSignature']>('ps', 64) };

export const contract = (label: string): Contract => ({
  econtract: bytesOf(`contract ${label}`, 100),
  econtractHash: bytesOf(`contract hash ${label}`, 64),
  contractPub: bytesOf(`contract key ${label}`, 32),
  econtractSignature: bytesOf(`contract signature ${label}`, 64),
});

export const confirmed = (total: string, at: number = WHEN.at): DepositConfirmation => ({
  exchangeTimestamp: at,
  totalDeposited: eur(total),
  exchangeSignature: bytesOf(`confirmation of ${total} at ${at}`, 64),
  exchangePub: bytesOf('signing key', 32),
});

export const mergeConfirmed = (at: number = WHEN.at): MergeConfirmation => ({
  exchangeTimestamp: at,
  exchangeSignature: bytesOf(`confirmation of a merge at ${at}`, 64),
  exchangePub: bytesOf('signing key', 32),
});

/** By its coins, of which each has paid its amount. */
export function created(
  coins: Readonly<Record<string, string>>,
  total: string,
  over: Partial<OnPurse<'PurseCreated'>> = {},
): OnPurse<'PurseCreated'> {
  return {
    type: 'PurseCreated',
    ...SIGNED_TERMS,
    deposits: Object.entries(coins).map(([label, amount]) => deposit(label, amount)),
    exchangeBaseUrl: BASE_URL,
    confirmation: confirmed(total),
    ...WHEN,
    ...over,
  };
}

export const deposited = (
  coins: Readonly<Record<string, string>>,
  total: string | undefined,
  at: number = WHEN.at,
): OnPurse<'PurseDeposited'> => ({
  type: 'PurseDeposited',
  deposits: Object.entries(coins).map(([label, amount]) => deposit(label, amount)),
  exchangeBaseUrl: BASE_URL,
  ...(total !== undefined && { confirmation: confirmed(total, at) }),
  ...WHEN,
  at,
});

export const mergeOf = (label: string, over: Partial<Merge> = {}): Merge => ({
  reservePub: RESERVE,
  paytoUri: `payto://taler-reserve/exchange.example/${RESERVE}`,
  mergeTimestamp: 1_500,
  mergeSignature: bytesOf(`merge signature ${label}`, 64),
  ...over,
});

export const merged = (excess: string, depositFees: string, over: Partial<OnPurse<'PurseMerged'>> = {}) =>
  ({
    type: 'PurseMerged',
    ...mergeOf('a'),
    credited: TERMS.target,
    excess: eur(excess),
    depositFees: eur(depositFees),
    at: 1_500,
    ...over,
  }) satisfies OnPurse<'PurseMerged'>;

export const expired = (at: number): OnPurse<'PurseExpired'> => ({ type: 'PurseExpired', at });
export const deleted = (at: number): OnPurse<'PurseDeleted'> => ({
  type: 'PurseDeleted',
  purseSignature: bytesOf('deletion', 64),
  at,
});
export const refunded = (coins: Readonly<Record<string, string>>, at = 3_000): OnPurse<'PurseCoinsRefunded'> => ({
  type: 'PurseCoinsRefunded',
  coins: Object.entries(coins).map(([label, amount]) => ({ coinPub: coinPub(label), amount: eur(amount) })),
  at,
});

export const mergeRequest = (over: Partial<MergeRequest> = {}): MergeRequest => ({
  ...mergeOf('a'),
  paidFrom: 'quota',
  purseFee: 0n,
  reserveSignature: bytesOf('account merge', 64),
  ...over,
});

/** By a reserve, without coins. */
export function createdByRequest(
  request: MergeRequest = mergeRequest(),
  over: Partial<OnPurse<'PurseCreated'>> = {},
): OnPurse<'PurseCreated'> {
  const { confirmation: _, ...event } = created({}, '0');
  return { ...event, request, ...over };
}

export const SIGNED_OVER = {
  target: TERMS.target,
  minAge: TERMS.minAge,
  purseExpiresAt: TERMS.expiresAt,
  contractTermsHash: TERMS.contractTermsHash,
  mergePub: TERMS.mergePub,
  mergeTimestamp: mergeOf('a').mergeTimestamp,
} as const;

export const requested = (over: Partial<OnReserve<'PurseRequested'>> = {}): OnReserve<'PurseRequested'> => ({
  type: 'PurseRequested',
  pursePub: PURSE,
  ...SIGNED_OVER,
  paidFrom: 'quota',
  purseFee: 0n,
  reserveSignature: mergeRequest().reserveSignature,
  confirmation: confirmed('0'),
  ...WHEN,
  ...over,
});

export const mergedIntoReserve = (
  over: Partial<OnReserve<'PurseMergedIntoReserve'>> = {},
): OnReserve<'PurseMergedIntoReserve'> => ({
  type: 'PurseMergedIntoReserve',
  pursePub: PURSE,
  ...SIGNED_OVER,
  paidFrom: 'merge',
  purseFee: 0n,
  reserveSignature: mergeRequest().reserveSignature,
  exchangeBaseUrl: BASE_URL,
  confirmation: mergeConfirmed(1_500),
  at: 1_500,
  keysRevision: 7,
  expiresAt: 9_000,
  collectableAt: 99_000,
  ...over,
});

export const requestDeleted = (pursePub: PursePub = PURSE): OnReserve<'RequestedPurseDeleted'> => ({
  type: 'RequestedPurseDeleted',
  pursePub,
  purseSignature: deleted(0).purseSignature,
  at: 1_500,
});
