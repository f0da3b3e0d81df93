import { type Amount, encodeBase32, message } from '@florin/encoding';
import type { OfferedDenomination } from './denominations.js';
import { ExchangeMisbehaved } from './errors.js';
import {
  amountIn,
  bytes,
  flag,
  hash,
  publicKey,
  type ReplyObject,
  signature,
  text,
  timestamp,
  u32,
  u64,
} from './reply.js';
import { requireExchangeSignature, type Voices } from './signing-keys.js';
import { costOf } from './withdraw-plan.js';

/*
 * The entries of a reserve's history, each with the signature that stands behind it: the owner's for what was asked
 * for, the exchange's for what it vouches for. A credit from the bank has none.
 * Source: protocol/endpoints.md B2; recorded entries: test/vectors/http
 */

/** Amounts include fees. Times are seconds since 1970; hashes and keys are base32. */
export type ReserveHistoryEntry =
  | {
      readonly type: 'CREDIT';
      readonly amount: Amount;
      readonly at: number;
      /** Row of the bank's statement. */
      readonly wireReference: bigint;
      /** Full payto URI, unless its owner was forgotten. */
      readonly senderAccount?: string;
    }
  | {
      readonly type: 'WITHDRAW';
      readonly amount: Amount;
      readonly fee: Amount;
      readonly denominationHash: string;
      readonly envelopeHash: string;
    }
  | { readonly type: 'RECOUP'; readonly amount: Amount; readonly at: number; readonly coinPub: string }
  | {
      readonly type: 'MERGE';
      readonly amount: Amount;
      readonly purseFee: Amount;
      readonly at: number;
      readonly pursePub: string;
      /** False while the purse waits for money: only the fee was taken. */
      readonly merged: boolean;
    }
  | {
      /** What was paid out; `amount` includes fee and what rounding left. */
      readonly type: 'CLOSING';
      readonly amount: Amount;
      readonly closingFee: Amount;
      readonly at: number;
      readonly wtid: string;
      readonly receiverAccount?: string;
    }
  /** That the owner asked for it; changes nothing by itself. */
  | { readonly type: 'CLOSE'; readonly at: number; readonly targetHash?: string }
  | {
      readonly type: 'OPEN';
      readonly amount: Amount;
      readonly at: number;
      readonly expiration: number;
      readonly purseLimit: number;
    }
  /** Exchanges of 2023 charged for the history. */
  | { readonly type: 'HISTORY'; readonly amount: Amount; readonly at: number };

/** What entries are verified under. */
export interface HistoryScope extends Voices {
  readonly reservePub: Uint8Array;
  readonly currency: string;
  /** By name; an entry that names one of these must charge its value and fee. */
  readonly denominations: ReadonlyMap<string, OfferedDenomination>;
  /** Full hashes, in base32, of the accounts that credits came from. */
  readonly origins: ReadonlySet<string>;
}

export interface VerifiedEntry {
  readonly entry: ReserveHistoryEntry;
  /** By how many units the balance grew. */
  readonly change: bigint;
  /** What the reserve pays for at most once, by whatever name. */
  readonly once?: string;
}

type Reader = (json: ReplyObject, scope: HistoryScope) => VerifiedEntry;

/** By type. Each throws ExchangeMisbehaved when the entry is malformed or its signature does not verify. */
export const ENTRY_READERS: Readonly<Record<ReserveHistoryEntry['type'], Reader>> = {
  CREDIT(json, { currency }) {
    const amount = json.read('amount', amountIn(currency));
    const senderAccount = json.optional('sender_account_url', text);
    const wireReference = json.read('wire_reference', u64);
    const at = json.read('timestamp', timestamp);
    const entry = { type: 'CREDIT', amount, at, wireReference, ...(senderAccount && { senderAccount }) } as const;
    return { entry, change: amount.units };
  },

  WITHDRAW(json, scope) {
    const amount = json.read('amount', amountIn(scope.currency));
    const fee = json.read('withdraw_fee', amountIn(scope.currency));
    const hDenominationPub = json.read('h_denom_pub', hash);
    const hCoinEnvelope = json.read('h_coin_envelope', hash);
    requireOwner(json, message('WithdrawRequest', { amountWithFee: amount, hDenominationPub, hCoinEnvelope }), scope);
    const denominationHash = encodeBase32(hDenominationPub);
    const offered = scope.denominations.get(denominationHash);
    if (offered && (costOf(offered) !== amount.units || offered.fees.withdraw.units !== fee.units)) {
      throw new ExchangeMisbehaved('contradiction', json.place, 'value and fee are not those of the denomination');
    }
    const envelopeHash = encodeBase32(hCoinEnvelope);
    const entry = { type: 'WITHDRAW', amount, fee, denominationHash, envelopeHash } as const;
    return { entry, change: -amount.units, once: `coin ${envelopeHash}` };
  },

  RECOUP(json, scope) {
    const amount = json.read('amount', amountIn(scope.currency));
    const coinPub = json.read('coin_pub', publicKey);
    const at = json.read('timestamp', timestamp);
    const { reservePub } = scope;
    const signed = message('RecoupConfirmation', { timestamp: at, recoupAmount: amount, coinPub, reservePub });
    requireExchangeSignature(json, signed, scope);
    return { entry: { type: 'RECOUP', amount, at, coinPub: encodeBase32(coinPub) }, change: amount.units };
  },

  MERGE(json, scope) {
    const amount = json.read('amount', amountIn(scope.currency));
    const purseFee = json.read('purse_fee', amountIn(scope.currency));
    const pursePub = json.read('purse_pub', publicKey);
    const at = json.read('merge_timestamp', timestamp);
    const merged = json.read('merged', flag);
    const signed = message('AccountMerge', {
      purseExpiration: json.read('purse_expiration', timestamp),
      purseAmount: amount,
      purseFee,
      hContractTerms: json.read('h_contract_terms', hash),
      pursePub,
      mergeTimestamp: at,
      minAge: json.read('min_age', u32),
      flags: json.read('flags', u32),
    });
    requireOwner(json, signed, scope);
    const entry = { type: 'MERGE', amount, purseFee, at, pursePub: encodeBase32(pursePub), merged } as const;
    return { entry, change: (merged ? amount.units : 0n) - purseFee.units, once: `purse ${entry.pursePub}` };
  },

  CLOSING(json, scope) {
    const amount = json.read('amount', amountIn(scope.currency));
    const closingFee = json.read('closing_fee', amountIn(scope.currency));
    const at = json.read('timestamp', timestamp);
    const wtid = json.read('wtid', bytes(32));
    const receiverAccount = json.optional('receiver_account_details', text);
    const signed = message('ReserveCloseConfirmation', {
      timestamp: at,
      closingAmount: amount,
      closingFee,
      reservePub: scope.reservePub,
      hPayto: hashOfReceiver(json, receiverAccount, scope),
      wtid,
    });
    requireExchangeSignature(json, signed, scope);
    const receiver = receiverAccount === undefined ? {} : { receiverAccount };
    const entry = { type: 'CLOSING', amount, closingFee, at, wtid: encodeBase32(wtid), ...receiver } as const;
    return { entry, change: -amount.units, once: `closing ${encodeBase32(signed)}` };
  },

  CLOSE(json, scope) {
    const at = json.read('request_timestamp', timestamp);
    const target = json.optional('h_payto', bytes(32));
    const targetHash = target && encodeBase32(target);
    const signed = (hPayto: Uint8Array | undefined) =>
      message('ReserveClose', { requestTimestamp: at, targetAccountHPayto: hPayto });
    // The exchange in C names the account of origin here although the owner, who signed none, meant just that one.
    const isImplied =
      targetHash !== undefined && scope.origins.has(targetHash) && isOwner(json, signed(undefined), scope);
    if (!isImplied) requireOwner(json, signed(target), scope);
    return { entry: { type: 'CLOSE', at, ...(targetHash && { targetHash }) }, change: 0n };
  },

  OPEN(json, scope) {
    const amount = json.read('open_fee', amountIn(scope.currency));
    const at = json.read('request_timestamp', timestamp);
    const expiration = json.read('requested_expiration', timestamp);
    const purseLimit = json.read('requested_min_purses', u32);
    const signed = message('ReserveOpen', {
      reservePayment: amount,
      requestTimestamp: at,
      reserveExpiration: expiration,
      purseLimit,
    });
    requireOwner(json, signed, scope);
    const entry = { type: 'OPEN', amount, at, expiration, purseLimit } as const;
    return { entry, change: -amount.units, once: `opening ${encodeBase32(signed)}` };
  },

  HISTORY(json, scope) {
    const amount = json.read('amount', amountIn(scope.currency));
    const at = json.read('request_timestamp', timestamp);
    const signed = message('ReserveHistoryRequest2023', { requestTimestamp: at, historyFee: amount });
    requireOwner(json, signed, scope);
    return { entry: { type: 'HISTORY', amount, at }, change: -amount.units, once: `history ${encodeBase32(signed)}` };
  },
};

function isOwner(json: ReplyObject, signed: Uint8Array, { checker, reservePub }: HistoryScope): boolean {
  return checker.holds({ message: signed, signature: json.read('reserve_sig', signature), pub: reservePub });
}

function requireOwner(json: ReplyObject, signed: Uint8Array, { checker, reservePub }: HistoryScope): void {
  const made = json.read('reserve_sig', signature);
  checker.require(`${json.place}.reserve_sig`, { message: signed, signature: made, pub: reservePub });
}

/** Where the URI is gone because its owner was forgotten, its hash may be there in its place. */
function hashOfReceiver(json: ReplyObject, uri: string | undefined, { checker }: HistoryScope): Uint8Array {
  return uri === undefined ? json.read('h_payto', bytes(32)) : checker.taler.hash.fullPayto(uri);
}
