import { type Amount, ErrorCode, encodeBase32, message } from '@florin/encoding';
import type { OfferedDenomination } from './denominations.js';
import { ExchangeMisbehaved, type Refusal } from './errors.js';
import { type ReserveHistory, readHistory } from './history.js';
import type { Payment } from './payments.js';
import {
  type AskedPurse,
  coinOfOtherAge,
  coinOfOtherDenomination,
  coinOverspent,
  mergedElsewhere,
  otherContract,
  otherPayment,
  type PurseProof,
  purseOfOtherTerms,
} from './purse-refusals.js';
import { amountIn, hash, publicKey, ReplyObject, text, timestamp, u32, wholeNumber } from './reply.js';
import { requireExchangeSignature, type Voices } from './signing-keys.js';
import type { Coin } from './withdraw.js';

/*
 * Refusals that have to be proved. An exchange may say no only for a reason that it can show: that it signed, or that
 * others did. A refusal without its proof, or with one that does not hold, is misbehaviour.
 * Source: protocol/endpoints.md, common bodies
 */

/** What a refusal proves. Hashes are base32, times seconds since 1970. */
export type RefusalProof =
  /** The exchange signed that it does not know the denomination. */
  | { readonly kind: 'denomination-unknown'; readonly denominationHash: string; readonly at: number }
  /** It signed that the denomination cannot be used for this operation: not yet, no longer, or revoked. */
  | {
      readonly kind: 'denomination-gone';
      readonly reason: 'not-yet-valid' | 'expired' | 'revoked' | 'not-revoked';
      readonly denominationHash: string;
      /** Word for the operation, as signed: its first eight characters count. */
      readonly operation: string;
      readonly at: number;
    }
  /** It signed that the denomination is not Clause-Schnorr. */
  | { readonly kind: 'denomination-not-cs'; readonly denominationHash: string; readonly at: number }
  /** The reserve's history explains a balance below what was asked for. */
  | {
      readonly kind: 'reserve-overdrawn';
      readonly balance: Amount;
      readonly requested: Amount;
      /** Exchanges since 2024 show it elsewhere: then nothing is proved yet. */
      readonly history?: ReserveHistory;
    }
  /** The law wants to know who it is; see kycCheck. */
  | { readonly kind: 'legitimization-needed'; readonly hPayto: string; readonly requirementRow: number }
  /** Coins have to be restricted to this age. */
  | { readonly kind: 'age-restriction-required'; readonly maximumAge: number }
  /** Something else was signed before, for a coin or a purse. */
  | PurseProof;

/** What a proof is verified under. */
export interface ProofScope extends Voices {
  readonly currency: string;
  /** As the exchange calls itself. */
  readonly baseUrl: string;
  readonly denominations: ReadonlyMap<string, OfferedDenomination>;
}

/** What was asked for, as far as the refusal has to do with it. */
export interface RefusedRequest {
  readonly reservePub?: Uint8Array;
  /** Denominations that the request named, in base32. */
  readonly denominationHashes?: readonly string[];
  /** What the request would have cost. */
  readonly requested?: Amount;
  /** Coins that were to pay. */
  readonly payments?: readonly Payment[];
  /** Coins that were to be recouped. */
  readonly recouped?: readonly Coin[];
  readonly purse?: AskedPurse;
}

type Verifier = (body: ReplyObject, scope: ProofScope, request: RefusedRequest) => RefusalProof;

const CODE = ErrorCode;

/** Codes whose refusal has something to prove or to tell. */
const VERIFIERS: ReadonlyMap<number, Verifier> = new Map<number, Verifier>([
  [CODE.EXCHANGE_GENERIC_DENOMINATION_KEY_UNKNOWN, denominationUnknown],
  [CODE.EXCHANGE_GENERIC_INVALID_DENOMINATION_CIPHER_FOR_OPERATION, denominationNotCs],
  [CODE.EXCHANGE_GENERIC_DENOMINATION_VALIDITY_IN_FUTURE, denominationGone('not-yet-valid')],
  [CODE.EXCHANGE_GENERIC_DENOMINATION_EXPIRED, denominationGone('expired')],
  [CODE.EXCHANGE_GENERIC_DENOMINATION_REVOKED, denominationGone('revoked')],
  [CODE.EXCHANGE_RECOUP_NOT_ELIGIBLE, denominationGone('not-revoked')],
  [CODE.EXCHANGE_WITHDRAW_INSUFFICIENT_FUNDS, reserveOverdrawn],
  [CODE.EXCHANGE_GENERIC_KYC_REQUIRED, legitimizationNeeded],
  [CODE.EXCHANGE_RESERVES_AGE_RESTRICTION_REQUIRED, ageRestrictionRequired],
  [CODE.EXCHANGE_GENERIC_INSUFFICIENT_FUNDS, coinOverspent],
  [CODE.EXCHANGE_GENERIC_COIN_CONFLICTING_DENOMINATION_KEY, coinOfOtherDenomination],
  [CODE.EXCHANGE_GENERIC_COIN_CONFLICTING_AGE_HASH, coinOfOtherAge],
  [CODE.EXCHANGE_PURSE_CREATE_CONFLICTING_META_DATA, purseOfOtherTerms],
  [CODE.EXCHANGE_RESERVES_PURSE_CREATE_CONFLICTING_META_DATA, purseOfOtherTerms],
  [CODE.EXCHANGE_PURSE_DEPOSIT_CONFLICTING_META_DATA, otherPayment],
  [CODE.EXCHANGE_PURSE_ECONTRACT_CONFLICTING_META_DATA, otherContract],
  [CODE.EXCHANGE_RESERVES_PURSE_MERGE_CONFLICTING_META_DATA, mergedElsewhere],
]);

/**
 * @returns what the refusal proves; undefined for codes that prove nothing
 * @throws ExchangeMisbehaved when the proof is missing, does not hold, or is about something else
 */
export function verifyRefusal(refusal: Refusal, scope: ProofScope, request: RefusedRequest): RefusalProof | undefined {
  return VERIFIERS.get(refusal.code)?.(new ReplyObject(refusal.body, `refusal ${refusal.code}`), scope, request);
}

function denominationUnknown(body: ReplyObject, scope: ProofScope, request: RefusedRequest): RefusalProof {
  const { denominationHash, at } = affirmedUnknown(body, scope, request);
  const offered = scope.denominations.get(denominationHash);
  if (offered && at < offered.expireLegal) throw contradiction(body, 'the exchange offers this denomination in /keys');
  return { kind: 'denomination-unknown', denominationHash, at };
}

function denominationNotCs(body: ReplyObject, scope: ProofScope, request: RefusedRequest): RefusalProof {
  const { denominationHash, at } = affirmedUnknown(body, scope, request);
  if (scope.denominations.get(denominationHash)?.cipher === 'CS') throw contradiction(body, 'it is Clause-Schnorr');
  return { kind: 'denomination-not-cs', denominationHash, at };
}

function affirmedUnknown(body: ReplyObject, scope: ProofScope, request: RefusedRequest) {
  const { hDenomPub, denominationHash } = namedDenomination(body, request);
  const at = body.read('timestamp', timestamp);
  requireExchangeSignature(body, message('DenominationUnknownAffirmation', { timestamp: at, hDenomPub }), scope);
  return { denominationHash, at };
}

function denominationGone(reason: (RefusalProof & { kind: 'denomination-gone' })['reason']): Verifier {
  return (body, scope, request) => {
    const { hDenomPub, denominationHash } = namedDenomination(body, request);
    const at = body.read('timestamp', timestamp);
    const operation = body.read('oper', text);
    const signed = message('DenominationExpiredAffirmation', { timestamp: at, operation, hDenomPub });
    requireExchangeSignature(body, signed, scope);
    const offered = scope.denominations.get(denominationHash);
    if (offered && reason === 'not-yet-valid' && at >= offered.start) throw contradiction(body, 'it was valid already');
    if (offered && reason === 'expired' && at < offered.expireWithdraw) throw contradiction(body, 'it was valid still');
    return { kind: 'denomination-gone', reason, denominationHash, operation, at };
  };
}

function reserveOverdrawn(body: ReplyObject, scope: ProofScope, { reservePub, requested: asked }: RefusedRequest) {
  const balance = body.read('balance', amountIn(scope.currency));
  const requested = body.read('requested_amount', amountIn(scope.currency));
  if (asked && asked.units !== requested.units) throw contradiction(body, 'requested_amount is not what was asked for');
  if (requested.units <= balance.units) throw contradiction(body, 'the balance would have been enough');
  const proof = { kind: 'reserve-overdrawn', balance, requested } as const;
  return body.has('history') && reservePub ? { ...proof, history: readHistory(body, { ...scope, reservePub }) } : proof;
}

function legitimizationNeeded(body: ReplyObject): RefusalProof {
  const hPayto = encodeBase32(body.read('h_payto', publicKey));
  const requirementRow = body.read('requirement_row', wholeNumber(Number.MAX_SAFE_INTEGER));
  return { kind: 'legitimization-needed', hPayto, requirementRow };
}

function ageRestrictionRequired(body: ReplyObject): RefusalProof {
  return { kind: 'age-restriction-required', maximumAge: body.read('maximum_allowed_age', u32) };
}

/** The exchange may refuse only for a denomination that the request named. */
function namedDenomination(body: ReplyObject, { denominationHashes }: RefusedRequest) {
  const hDenomPub = body.read('h_denom_pub', hash);
  const denominationHash = encodeBase32(hDenomPub);
  if (denominationHashes && !denominationHashes.includes(denominationHash)) {
    throw contradiction(body, 'it names a denomination that was not asked for');
  }
  return { hDenomPub, denominationHash };
}

function contradiction(body: ReplyObject, problem: string): ExchangeMisbehaved {
  return new ExchangeMisbehaved('contradiction', body.place, problem);
}
