import { type Amount, encodeBase32, message } from '@florin/encoding';
import { amountIn, bytes, flag, hash, publicKey, type ReplyObject, signature, text, timestamp, u64 } from './reply.js';
import { requireExchangeSignature, type Voices } from './signing-keys.js';

/*
 * The entries of a coin's history. Whatever spends from a coin carries the coin's own signature; whatever gives back to
 * it, or takes its rest, carries the exchange's; a merchant's refund the merchant's.
 * Source: protocol/endpoints.md B4; recorded entries: test/vectors/http
 */

/** Amounts of what is spent include fees. Times are seconds since 1970; hashes and keys are base32. */
export type CoinHistoryEntry =
  | {
      readonly type: 'PURSE-DEPOSIT';
      readonly amount: Amount;
      readonly pursePub: string;
      /** True once the purse ended without a merge: an entry PURSE-REFUND stands beside it. */
      readonly refunded: boolean;
      readonly ageCommitmentHash?: string;
    }
  /** What came back out of a purse: `amount` and `refundFee` together are the whole contribution. */
  | { readonly type: 'PURSE-REFUND'; readonly amount: Amount; readonly refundFee: Amount; readonly pursePub: string }
  /** What was left, given back into a reserve. */
  | { readonly type: 'RECOUP'; readonly amount: Amount; readonly at: number; readonly reservePub: string }
  | { readonly type: 'RECOUP-REFRESH'; readonly amount: Amount; readonly at: number; readonly oldCoinPub: string }
  /** What a coin that was made from this one gave back to it. */
  | { readonly type: 'OLD-COIN-RECOUP'; readonly amount: Amount; readonly at: number; readonly coinPub: string }
  | {
      readonly type: 'DEPOSIT';
      readonly amount: Amount;
      readonly depositFee: Amount;
      readonly at: number;
      readonly merchantPub: string;
      readonly contractTermsHash: string;
    }
  | {
      readonly type: 'REFUND';
      /** Without the fee. */
      readonly amount: Amount;
      readonly refundFee: Amount;
      readonly merchantPub: string;
      readonly contractTermsHash: string;
    }
  | { readonly type: 'MELT'; readonly amount: Amount; readonly meltFee: Amount; readonly commitment: string }
  | { readonly type: 'RESERVE-OPEN-DEPOSIT'; readonly amount: Amount };

/** What entries are verified under. */
export interface CoinScope extends Voices {
  readonly coinPub: Uint8Array;
  /** The coin's denomination, 64 bytes. */
  readonly denominationHash: Uint8Array;
  readonly currency: string;
}

export interface VerifiedCoinEntry {
  readonly entry: CoinHistoryEntry;
  /** By how many units the residual value grew. */
  readonly change: bigint;
  /** What the coin pays for, or gets back, at most once. */
  readonly once: string;
}

type Reader = (json: ReplyObject, scope: CoinScope) => VerifiedCoinEntry;

/** By type. Each throws ExchangeMisbehaved when the entry is malformed or a signature does not verify. */
export const COIN_ENTRY_READERS: Readonly<Record<CoinHistoryEntry['type'], Reader>> = {
  'PURSE-DEPOSIT'(json, scope) {
    const amount = json.read('amount', amountIn(scope.currency));
    const purse = json.read('purse_pub', publicKey);
    const age = ageHash(json);
    const signed = message('PurseDeposit', {
      coinAmount: amount,
      hDenomPub: scope.denominationHash,
      hAgeCommitment: age,
      pursePub: purse,
      hExchangeBaseUrl: scope.checker.taler.hash.text(json.read('exchange_base_url', text)),
    });
    requireCoin(json, signed, scope);
    const pursePub = encodeBase32(purse);
    const refunded = json.read('refunded', flag);
    const restricted = age && { ageCommitmentHash: encodeBase32(age) };
    const entry = { type: 'PURSE-DEPOSIT', amount, pursePub, refunded, ...restricted } as const;
    return { entry, change: -amount.units, once: `payment into ${pursePub}` };
  },

  'PURSE-REFUND'(json, scope) {
    const amount = json.read('amount', amountIn(scope.currency));
    const refundFee = json.read('refund_fee', amountIn(scope.currency));
    const purse = json.read('purse_pub', publicKey);
    const { coinPub } = scope;
    const refunded = { pursePub: purse, coinPub, refundedAmount: amount, refundFee };
    requireExchangeSignature(json, message('CoinPurseRefundConfirmation', refunded), scope);
    const pursePub = encodeBase32(purse);
    const entry = { type: 'PURSE-REFUND', amount, refundFee, pursePub } as const;
    return { entry, change: amount.units + refundFee.units, once: `refund from ${pursePub}` };
  },

  RECOUP(json, scope) {
    const amount = json.read('amount', amountIn(scope.currency));
    const at = json.read('timestamp', timestamp);
    const reserve = json.read('reserve_pub', publicKey);
    const coinBlind = json.read('coin_blind', bytes(32));
    requireCoin(json, message('RecoupRequest', { hDenomPub: scope.denominationHash, coinBlind }), scope);
    const taken = { timestamp: at, recoupAmount: amount, coinPub: scope.coinPub, reservePub: reserve };
    const signed = message('RecoupConfirmation', taken);
    requireExchangeSignature(json, signed, scope);
    const entry = { type: 'RECOUP', amount, at, reservePub: encodeBase32(reserve) } as const;
    return { entry, change: -amount.units, once: `recoup ${encodeBase32(signed)}` };
  },

  'RECOUP-REFRESH'(json, scope) {
    const amount = json.read('amount', amountIn(scope.currency));
    const at = json.read('timestamp', timestamp);
    const oldCoin = json.read('old_coin_pub', publicKey);
    const coinBlind = json.read('coin_blind', bytes(32));
    requireCoin(json, message('RecoupRefreshRequest', { hDenomPub: scope.denominationHash, coinBlind }), scope);
    const taken = { timestamp: at, recoupAmount: amount, coinPub: scope.coinPub, oldCoinPub: oldCoin };
    const signed = message('RecoupRefreshConfirmation', taken);
    requireExchangeSignature(json, signed, scope);
    const entry = { type: 'RECOUP-REFRESH', amount, at, oldCoinPub: encodeBase32(oldCoin) } as const;
    return { entry, change: -amount.units, once: `recoup ${encodeBase32(signed)}` };
  },

  'OLD-COIN-RECOUP'(json, scope) {
    const amount = json.read('amount', amountIn(scope.currency));
    const at = json.read('timestamp', timestamp);
    const coin = json.read('coin_pub', publicKey);
    const given = { timestamp: at, recoupAmount: amount, coinPub: coin, oldCoinPub: scope.coinPub };
    const signed = message('RecoupRefreshConfirmation', given);
    requireExchangeSignature(json, signed, scope);
    const entry = { type: 'OLD-COIN-RECOUP', amount, at, coinPub: encodeBase32(coin) } as const;
    return { entry, change: amount.units, once: `recoup ${encodeBase32(signed)}` };
  },

  DEPOSIT(json, scope) {
    const amount = json.read('amount', amountIn(scope.currency));
    const depositFee = json.read('deposit_fee', amountIn(scope.currency));
    const at = json.read('timestamp', timestamp);
    const merchant = json.read('merchant_pub', publicKey);
    const hContractTerms = json.read('h_contract_terms', hash);
    const fields = {
      hContractTerms,
      hAgeCommitment: ageHash(json),
      hPolicy: json.optional('h_policy', hash),
      hWire: json.read('h_wire', hash),
      hDenomPub: scope.denominationHash,
      walletTimestamp: at,
      refundDeadline: json.optional('refund_deadline', timestamp) ?? 0,
      amountWithFee: amount,
      depositFee,
      merchant,
    };
    const walletDataHash = json.optional('wallet_data_hash', hash);
    // Wallets of 2023 sign no data of their own.
    const in2023 = message('DepositRequest2023', fields);
    const isOf2023 = walletDataHash === undefined && isCoin(json, in2023, scope);
    if (!isOf2023) requireCoin(json, message('DepositRequest', { ...fields, walletDataHash }), scope);
    const names = { merchantPub: encodeBase32(merchant), contractTermsHash: encodeBase32(hContractTerms) };
    const entry = { type: 'DEPOSIT', amount, depositFee, at, ...names } as const;
    return { entry, change: -amount.units, once: `deposit ${paymentOf(entry)}` };
  },

  REFUND(json, scope) {
    const amount = json.read('amount', amountIn(scope.currency));
    const refundFee = json.read('refund_fee', amountIn(scope.currency));
    const merchant = json.read('merchant_pub', publicKey);
    const hContractTerms = json.read('h_contract_terms', hash);
    const refundAmount = { currency: scope.currency, units: amount.units + refundFee.units };
    const rtransactionId = json.read('rtransaction_id', u64);
    const { coinPub } = scope;
    const signed = message('RefundRequest', { hContractTerms, coinPub, rtransactionId, refundAmount });
    const made = json.read('merchant_sig', signature);
    scope.checker.require(`${json.place}.merchant_sig`, { message: signed, signature: made, pub: merchant });
    const names = { merchantPub: encodeBase32(merchant), contractTermsHash: encodeBase32(hContractTerms) };
    const entry = { type: 'REFUND', amount, refundFee, ...names } as const;
    return { entry, change: amount.units, once: `refund ${paymentOf(entry)} ${rtransactionId}` };
  },

  MELT(json, scope) {
    const amount = json.read('amount', amountIn(scope.currency));
    const meltFee = json.read('melt_fee', amountIn(scope.currency));
    const rc = json.read('rc', hash);
    const { denominationHash: hDenomPub } = scope;
    const melted = { rc, hDenomPub, hAgeCommitment: ageHash(json), amountWithFee: amount, meltFee };
    requireCoin(json, message('RefreshMeltCoinAffirmation', melted), scope);
    const commitment = encodeBase32(rc);
    return { entry: { type: 'MELT', amount, meltFee, commitment }, change: -amount.units, once: `melt ${commitment}` };
  },

  'RESERVE-OPEN-DEPOSIT'(json, scope) {
    const amount = json.read('coin_contribution', amountIn(scope.currency));
    const reserveSig = json.read('reserve_sig', signature);
    requireCoin(json, message('ReserveOpenDeposit', { reserveSig, coinContribution: amount }), scope);
    const entry = { type: 'RESERVE-OPEN-DEPOSIT', amount } as const;
    return { entry, change: -amount.units, once: `opening ${encodeBase32(reserveSig)}` };
  },
};

/** Names what a merchant was paid for: refunds are set against it. */
export const paymentOf = ({ merchantPub, contractTermsHash }: { merchantPub: string; contractTermsHash: string }) =>
  `${contractTermsHash} ${merchantPub}`;

/** The exchange of 2023 writes zeros where there is no age commitment. */
function ageHash(json: ReplyObject): Uint8Array | undefined {
  const found = json.optional('h_age_commitment', bytes(32));
  return found?.some((byte) => byte !== 0) ? found : undefined;
}

function isCoin(json: ReplyObject, signed: Uint8Array, { checker, coinPub }: CoinScope): boolean {
  return checker.holds({ message: signed, signature: json.read('coin_sig', signature), pub: coinPub });
}

function requireCoin(json: ReplyObject, signed: Uint8Array, { checker, coinPub }: CoinScope): void {
  const made = json.read('coin_sig', signature);
  checker.require(`${json.place}.coin_sig`, { message: signed, signature: made, pub: coinPub });
}
