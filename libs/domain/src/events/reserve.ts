/** Events of `reserve-<reserve_pub>`: money that waits to be withdrawn. */
import {
  amount,
  count,
  defineEvent,
  type EventOf,
  instant,
  list,
  object,
  oneOf,
  optional,
  text,
  u64,
} from './fields.js';
import * as f from './names.js';

/** The bank announced a credit. In one unit with CreditBooked on the wire stream. */
export const ReserveFunded = defineEvent('ReserveFunded', {
  amount: amount(),
  /** Section name of the exchange's account that received the money. */
  wireAccount: text(),
  bankRow: u64(),
  /** When the bank says it happened. */
  bankTime: instant(),
  originHash: f.fullPaytoHash(),
  originAccount: f.accountHash(),
  sealedOrigin: f.sealedUri(),
  at: instant(),
  /** When the reserve is closed by itself, and when it may be forgotten, from now on. */
  expiresAt: instant(),
  collectableAt: instant(),
});

/** The reserve paid for coins. Carries the blind signatures, so it exists only where it is committed. */
export const CoinsWithdrawn = defineEvent('CoinsWithdrawn', {
  /** In request order; `reserveSignature` covers value plus fee, denomination and envelope (WithdrawRequestPS). */
  coins: list(
    object({
      denominationHash: f.denominationHash(),
      planchet: f.planchet(),
      envelopeHash: f.envelopeHash(),
      value: amount(),
      fee: amount(),
      reserveSignature: f.eddsaSignature(),
      blindSignature: f.blindSignature(),
    }),
  ),
  /** Sum of values and fees. */
  cost: amount(),
  /** SHA-512 over the envelope hashes in request order: names this withdrawal in a recoup. */
  commitment: f.withdrawCommitment(),
  at: instant(),
  /** How many events of the `keys` stream the decision knew. */
  keysRevision: count(),
  collectableAt: instant(),
});

/** A close that had nothing to wire: the balance stays, the answer is zero for ever. */
export const CloseRequested = defineEvent('CloseRequested', {
  requestTimestamp: instant(),
  /** Hash of the designated account as signed; absent if the client named none. */
  designatedHash: optional(f.fullPaytoHash()),
  reserveSignature: f.eddsaSignature(),
  balance: amount(),
  closingFee: amount(),
  at: instant(),
  keysRevision: count(),
});

/** The whole balance left the reserve. This is the order to pay: TransferRequested is in the same unit. */
export const ReserveClosed = defineEvent('ReserveClosed', {
  /** Counts the closings of this reserve from 1; request_uid and wtid derive from it. */
  closing: count(),
  cause: oneOf('request', 'expiration'),
  /** What the owner signed (ReserveClosePS); absent when the reserve expired. */
  requestTimestamp: optional(instant()),
  designatedHash: optional(f.fullPaytoHash()),
  reserveSignature: optional(f.eddsaSignature()),
  targetHash: f.fullPaytoHash(),
  targetAccount: f.accountHash(),
  sealedTarget: f.sealedUri(),
  wireMethod: text(),
  /** debited = wireAmount + closingFee + dust */
  debited: amount(),
  closingFee: amount(),
  /** What rounding down to the currency's smallest wired unit left over: income. */
  dust: amount(),
  wireAmount: amount(),
  /** Absent if there was nothing to wire (an expired reserve that the fee used up). */
  requestUid: optional(f.hashCode()),
  wtid: optional(f.wtid()),
  at: instant(),
  keysRevision: count(),
});

/** Coins of one withdrawal gave their residual value back; CoinRecouped of each is in the same unit. */
export const CoinsRecouped = defineEvent('CoinsRecouped', {
  commitment: optional(f.withdrawCommitment()),
  coins: list(object({ coinPub: f.coinPub(), envelopeHash: f.envelopeHash(), amount: amount() })),
  amount: amount(),
  at: instant(),
  keysRevision: count(),
  expiresAt: instant(),
  collectableAt: instant(),
});

/** What AccountMergePS covers of a purse; the signatures of its own keys are on its stream, in the same unit. */
const purseTerms = {
  target: amount(),
  minAge: count(),
  purseExpiresAt: instant(),
  contractTermsHash: f.hashCode(),
  mergePub: f.eddsaPub(),
  mergeTimestamp: instant(),
};

/**
 * The reserve asked others to pay into a purse that is merged into it once it is full. In one unit with PurseCreated;
 * carries the confirmation, so it exists only where it is committed.
 */
export const PurseRequested = defineEvent('PurseRequested', {
  pursePub: f.pursePub(),
  ...purseTerms,
  /** Out of the quota of open purses (AccountMergePS flags 2, the fee is zero) or for a fee (flags 3). */
  paidFrom: oneOf(...f.PAID_FROM),
  /** Left the reserve with this event: income. */
  purseFee: amount(),
  /** AccountMergePS. */
  reserveSignature: f.eddsaSignature(),
  confirmation: f.depositConfirmation(),
  at: instant(),
  keysRevision: count(),
});

/** The owner deleted a purse that this reserve had requested: its place in the quota is free again. */
export const RequestedPurseDeleted = defineEvent('RequestedPurseDeleted', {
  pursePub: f.pursePub(),
  /** PurseDeletePS. */
  purseSignature: f.eddsaSignature(),
  at: instant(),
});

/**
 * The target of a full purse came in. In one unit with PurseMerged; carries what was answered, so it exists only where
 * it is committed.
 */
export const PurseMergedIntoReserve = defineEvent('PurseMergedIntoReserve', {
  pursePub: f.pursePub(),
  ...purseTerms,
  /** `merge`: asked for when the purse was full (AccountMergePS flags 1). Else as in PurseRequested. */
  paidFrom: oneOf('merge', ...f.PAID_FROM),
  purseFee: amount(),
  reserveSignature: f.eddsaSignature(),
  exchangeBaseUrl: text(),
  /** PurseMergedConfirmationPS: the answer to a merge, made also where a deposit completed the purse. */
  confirmation: object({
    exchangeTimestamp: instant(),
    exchangeSignature: f.eddsaSignature(),
    exchangePub: f.eddsaPub(),
  }),
  /** The answer to the deposit that completed the purse, if that is how it was merged. */
  depositConfirmation: optional(f.depositConfirmation()),
  at: instant(),
  keysRevision: count(),
  expiresAt: instant(),
  collectableAt: instant(),
});

export const RESERVE_EVENTS = [ReserveFunded, CoinsWithdrawn, CloseRequested, ReserveClosed, CoinsRecouped] as const;
export type ReserveEvent = EventOf<(typeof RESERVE_EVENTS)[number]>;

export const RESERVE_PURSE_EVENTS = [PurseRequested, RequestedPurseDeleted, PurseMergedIntoReserve] as const;
export type ReservePurseEvent = EventOf<(typeof RESERVE_PURSE_EVENTS)[number]>;
