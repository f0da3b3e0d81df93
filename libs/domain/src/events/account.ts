/** Events of `account-<h_payto>`: what the law wants to know about the owner of a bank account or a reserve. */
import {
  amount,
  count,
  defineEvent,
  type EventOf,
  flag,
  instant,
  list,
  object,
  oneOf,
  optional,
  text,
  u64,
} from './fields.js';
import * as f from './names.js';

/** The operations that may need a legitimization of the account. */
export const LEGITIMIZATION_RULES = ['WITHDRAW', 'RESERVE_WITHDRAW', 'RESERVE_CLOSE', 'P2P_RECEIVE'] as const;
const rule = () => oneOf(...LEGITIMIZATION_RULES);
export type LegitimizationRule = (typeof LEGITIMIZATION_RULES)[number];

/** An operation was refused until somebody decides. Written once per account and rule. */
export const LegitimizationRequired = defineEvent('LegitimizationRequired', {
  /** Ordinal in this stream from 1: the `requirement_row` that clients see. */
  requirement: count(),
  rule: rule(),
  /** What the operation would have brought the sum to. */
  amount: amount(),
  reservePub: optional(f.reservePub()),
  sealedUri: f.sealedUri(),
  at: instant(),
});

/** An officer decided, signed as AmlDecisionPS over the properties that `legitimizationProperties` writes. */
export const LegitimizationDecided = defineEvent('LegitimizationDecided', {
  requirement: count(),
  approved: flag(),
  /** From `from` on, coins must be bound to at most this age; the last one that has begun counts. */
  maximumAges: list(object({ from: instant(), age: count() })),
  justification: text(),
  officerPub: f.eddsaPub(),
  officerSignature: f.eddsaSignature(),
  decidedAt: instant(),
  at: instant(),
});

/** A withdrawal counts towards the account's limit; in one unit with CoinsWithdrawn. */
export const WithdrawalCounted = defineEvent('WithdrawalCounted', {
  reservePub: f.reservePub(),
  amount: amount(),
  at: instant(),
});

/** Money from a purse counts towards the account's limit; in one unit with the merge, or the request for the purse. */
export const ReceiptCounted = defineEvent('ReceiptCounted', {
  reservePub: f.reservePub(),
  pursePub: f.pursePub(),
  amount: amount(),
  at: instant(),
});

/** A transfer with subject `KYC <key>` proved who owns the account. */
export const AccountOwnerBound = defineEvent('AccountOwnerBound', {
  accountPub: f.eddsaPub(),
  wireAccount: text(),
  bankRow: u64(),
  at: instant(),
});

export const ACCOUNT_EVENTS = [
  LegitimizationRequired,
  LegitimizationDecided,
  WithdrawalCounted,
  ReceiptCounted,
  AccountOwnerBound,
] as const;
export type AccountEvent = EventOf<(typeof ACCOUNT_EVENTS)[number]>;

/** Event of `nonce-<h_denom_pub>.<nonce>`: a Clause-Schnorr session nonce answers one challenge, ever. */
export const NonceUsed = defineEvent('NonceUsed', {
  envelopeHash: f.envelopeHash(),
  reservePub: f.reservePub(),
  at: instant(),
});
export const NONCE_EVENTS = [NonceUsed] as const;
export type NonceEvent = EventOf<(typeof NONCE_EVENTS)[number]>;
