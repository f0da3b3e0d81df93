/** Events of a reserve as specs write them. */
import type { EnvelopeHash, FullPaytoHash } from '../events/names.js';
import type { ReserveEvent } from '../events/reserve.js';
import type { Closing } from '../reserve.js';
import { bytesOf, eur } from './values.js';

export const DAY = 86_400;
export const DELAYS = { closingDelayS: 28 * DAY, legalDelayS: 7 * 365 * DAY };
export const FEES = { closingFee: eur('0.1'), roundUnit: eur('0.01') };

export type Of<Type extends ReserveEvent['type']> = Extract<ReserveEvent, { type: Type }>;

export const envelope = (label: string): EnvelopeHash => bytesOf(`envelope ${label}`, 64);
export const target = (label: string): FullPaytoHash => bytesOf(`target ${label}`, 32);

export function funded(
  amount: bigint,
  { at = 1_000, expiresAt = 1_000 + 28 * DAY, account = 'bank' } = {},
): Of<'ReserveFunded'> {
  return {
    type: 'ReserveFunded',
    amount,
    wireAccount: 'main',
    bankRow: 1n,
    bankTime: at,
    originHash: target(account),
    originAccount: bytesOf(`account ${account}`, 32),
    sealedOrigin: bytesOf(`sealed ${account}`, 40),
    at,
    expiresAt,
    collectableAt: at + DELAYS.legalDelayS,
  };
}

/** Coins of 1 with a fee of 0.01, one for each label. */
export function withdrawn(labels: readonly string[], over: Partial<Of<'CoinsWithdrawn'>> = {}): Of<'CoinsWithdrawn'> {
  const coins = labels.map((label): Of<'CoinsWithdrawn'>['coins'][number] => ({
    denominationHash: bytesOf('denomination', 64),
    planchet: { cipher: 'RSA', blinded: bytesOf(`blinded ${label}`, 8) },
    envelopeHash: envelope(label),
    value: eur('1'),
    fee: eur('0.01'),
    reserveSignature: bytesOf(`signature ${label}`, 64),
    blindSignature: { cipher: 'RSA', signature: bytesOf(`blind signature ${label}`, 8) },
  }));
  return {
    type: 'CoinsWithdrawn',
    coins,
    cost: eur('1.01') * BigInt(labels.length),
    commitment: bytesOf(`commitment ${labels}`, 64),
    at: 2_000,
    keysRevision: 7,
    collectableAt: 2_000 + DELAYS.legalDelayS,
    ...over,
  };
}

export function closed(closing: Closing, over: Partial<Of<'ReserveClosed'>> = {}): Of<'ReserveClosed'> {
  return {
    type: 'ReserveClosed',
    cause: 'request',
    requestTimestamp: 3_000,
    reserveSignature: bytesOf('close signature', 64),
    targetHash: target('bank'),
    targetAccount: bytesOf('account bank', 32),
    sealedTarget: bytesOf('sealed bank', 40),
    wireMethod: 'x-taler-bank',
    ...closing,
    at: 3_000,
    keysRevision: 7,
    ...over,
  };
}

export const closeRequested: Of<'CloseRequested'> = {
  type: 'CloseRequested',
  requestTimestamp: 3_000,
  designatedHash: target('other'),
  reserveSignature: bytesOf('close signature', 64),
  balance: eur('0.1'),
  closingFee: eur('0.1'),
  at: 3_000,
  keysRevision: 7,
};

export const recouped = (amount: bigint, parts: readonly bigint[], label = 'a'): Of<'CoinsRecouped'> => ({
  type: 'CoinsRecouped',
  coins: parts.map((part) => ({ coinPub: bytesOf('coin', 32), envelopeHash: envelope(label), amount: part })),
  amount,
  at: 4_000,
  keysRevision: 8,
  expiresAt: 4_000 + 28 * DAY,
  collectableAt: 4_000 + DELAYS.legalDelayS,
});
