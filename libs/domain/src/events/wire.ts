/** Events of `wire-<account>` (what the bank credited) and `transfer-<request_uid>` (what the bank is to pay). */
import { amount, count, defineEvent, type EventOf, instant, oneOf, optional, text, u64 } from './fields.js';
import * as f from './names.js';

/** One row of the bank's incoming history was dealt with; the next is asked for after the last one's row. */
export const CreditBooked = defineEvent('CreditBooked', {
  row: u64(),
  /** `unusable`: money without a reserve (another currency, a kind of entry Florin does not serve); see `reason`. */
  kind: oneOf('reserve', 'kyc-auth', 'unusable'),
  amount: optional(amount()),
  /** The reserve that was funded, or the account key that was bound. */
  subjectPub: optional(f.eddsaPub()),
  originHash: optional(f.fullPaytoHash()),
  originAccount: optional(f.accountHash()),
  sealedOrigin: optional(f.sealedUri()),
  bankTime: instant(),
  reason: optional(text()),
  at: instant(),
});

export const WIRE_EVENTS = [CreditBooked] as const;
export type WireEvent = EventOf<(typeof WIRE_EVENTS)[number]>;

/** An order to pay, complete: the bank is sent exactly this until it confirms. */
export const TransferRequested = defineEvent('TransferRequested', {
  requestUid: f.hashCode(),
  wtid: f.wtid(),
  amount: amount(),
  exchangeBaseUrl: text(),
  /** Section name of the account that pays. */
  wireAccount: text(),
  targetHash: f.fullPaytoHash(),
  targetAccount: f.accountHash(),
  sealedTarget: f.sealedUri(),
  /** The closing that is paid, and which try this is (from 1; a retry after a final failure is a new transfer). */
  reservePub: f.reservePub(),
  closing: count(),
  attempt: count(),
  at: instant(),
});

export const TransferConfirmed = defineEvent('TransferConfirmed', {
  bankRow: u64(),
  bankTime: instant(),
  at: instant(),
});

/** The bank refused for good. The money is still owed: an admin retries or redirects. */
export const TransferRejected = defineEvent('TransferRejected', { reason: text(), at: instant() });

/** An admin gave this try up; the next one is requested in the same unit. */
export const TransferFailed = defineEvent('TransferFailed', {
  nextRequestUid: f.hashCode(),
  decidedBy: f.eddsaPub(),
  reason: text(),
  at: instant(),
});

/** As TransferFailed, and the next try pays another account. */
export const TransferRedirected = defineEvent('TransferRedirected', {
  nextRequestUid: f.hashCode(),
  nextTargetHash: f.fullPaytoHash(),
  decidedBy: f.eddsaPub(),
  reason: text(),
  at: instant(),
});

export const TRANSFER_EVENTS = [
  TransferRequested,
  TransferConfirmed,
  TransferRejected,
  TransferFailed,
  TransferRedirected,
] as const;
export type TransferEvent = EventOf<(typeof TRANSFER_EVENTS)[number]>;
