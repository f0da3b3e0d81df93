/** Events of `purse-<purse_pub>`: coins pooled for one payment between people. */
import {
  amount,
  blob,
  bytes,
  count,
  defineEvent,
  type EventOf,
  type Field,
  instant,
  list,
  object,
  oneOf,
  optional,
  text,
} from './fields.js';
import * as f from './names.js';

type ValueOf<F> = F extends Field<infer Value> ? Value : never;

/** A contract as its writer encrypted it; the exchange keeps it and knows nothing of it. */
const contract = {
  econtract: blob<'Econtract'>(),
  /** SHA-512 of it; `econtractSignature` is PurseContractPS over this and `contractPub`. */
  econtractHash: f.hashCode(),
  contractPub: f.contractPub(),
  econtractSignature: f.eddsaSignature(),
};

/** One coin's payment into a purse; CoinSpentIntoPurse is in the same unit. */
const deposit = () =>
  object({
    coinPub: f.coinPub(),
    denominationHash: f.denominationHash(),
    ageCommitmentHash: optional(f.ageCommitmentHash()),
    /** With the deposit fee. The purse gains `amount - depositFee`. */
    amount: amount(),
    depositFee: amount(),
    /** PurseDepositPS. */
    coinSignature: f.eddsaSignature(),
    /** Shows that the coin's owner has the purse's minimum age (AgeAttestationPS); absent for unrestricted coins. */
    ageProof: optional(
      object({ commitment: list(bytes<'AgeGroupPub'>(32)), attestation: bytes<'AgeAttestation'>(64) }),
    ),
  });
export type PurseDeposit = ValueOf<ReturnType<typeof deposit>>;

/** Where a purse's money goes: who holds the merge key said so. PurseMergePS covers time, purse and `paytoUri`. */
const merge = {
  reservePub: f.reservePub(),
  /** `payto://taler-reserve/...`, as the merge signature covers it; names no person. */
  paytoUri: text(),
  mergeTimestamp: instant(),
  mergeSignature: f.eddsaSignature(),
};

/** A merge agreed on when the purse was made, by the reserve that requested it. */
const mergeRequest = () =>
  object({
    ...merge,
    paidFrom: oneOf(...f.PAID_FROM),
    purseFee: amount(),
    /** AccountMergePS over the terms, the fee, and flags 2 (quota) or 3 (fee). */
    reserveSignature: f.eddsaSignature(),
  });
export type MergeRequest = ValueOf<ReturnType<typeof mergeRequest>>;

export const PurseCreated = defineEvent('PurseCreated', {
  /** What the purse is to hold, without deposit fees, and what a reserve gets for it. */
  target: amount(),
  /** Years; 0 if everybody may pay. */
  minAge: count(),
  expiresAt: instant(),
  contractTermsHash: f.hashCode(),
  mergePub: f.eddsaPub(),
  /** PurseCreatePS over the five fields above. */
  purseSignature: f.eddsaSignature(),
  contract: optional(object(contract)),
  /** Present if a reserve requested the purse (POST /reserves/$R/purse): then there are no deposits yet. */
  request: optional(mergeRequest()),
  deposits: list(deposit()),
  exchangeBaseUrl: text(),
  /** What was answered; absent if a reserve requested the purse, for then PurseRequested carries it. */
  confirmation: optional(f.depositConfirmation()),
  at: instant(),
  keysRevision: count(),
});

/** More coins. */
export const PurseDeposited = defineEvent('PurseDeposited', {
  deposits: list(deposit()),
  exchangeBaseUrl: text(),
  /** What was answered; absent if the deposit completed the purse, for then PurseMergedIntoReserve carries it. */
  confirmation: optional(f.depositConfirmation()),
  at: instant(),
  keysRevision: count(),
});

/** A purse that was made without a contract got one. */
export const PurseContractAdded = defineEvent('PurseContractAdded', { ...contract, at: instant() });

/** The purse ended as it should: its target went to a reserve. In one unit with PurseMergedIntoReserve. */
export const PurseMerged = defineEvent('PurseMerged', {
  ...merge,
  /** The target. All that the coins paid = credited + excess + depositFees. */
  credited: amount(),
  /** What was paid above the target: income. */
  excess: amount(),
  /** The deposit fees of its coins, earned only now. */
  depositFees: amount(),
  at: instant(),
});

/** The purse's time was over. Its coins get everything back. */
export const PurseExpired = defineEvent('PurseExpired', { at: instant() });

/** The owner of the purse's key ended it (PurseDeletePS). Its coins get everything back. */
export const PurseDeleted = defineEvent('PurseDeleted', { purseSignature: f.eddsaSignature(), at: instant() });

/** Some coins of an ended purse got back what they had paid; CoinRefundedFromPurse of each is in the same unit. */
export const PurseCoinsRefunded = defineEvent('PurseCoinsRefunded', {
  coins: list(object({ coinPub: f.coinPub(), amount: amount() })),
  at: instant(),
});

export const PURSE_EVENTS = [
  PurseCreated,
  PurseDeposited,
  PurseContractAdded,
  PurseMerged,
  PurseExpired,
  PurseDeleted,
  PurseCoinsRefunded,
] as const;
export type PurseEvent = EventOf<(typeof PURSE_EVENTS)[number]>;
