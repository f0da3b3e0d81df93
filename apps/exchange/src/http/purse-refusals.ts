/** The rows of the table of refusals that are about coins and purses. */

import { encodeDenominationPub } from '@florin/crypto';
import type {
  CoinRefusal,
  CreateRefusal,
  DeleteRefusal,
  DepositRefusal,
  Merge,
  MergeRefusal,
  PurseContract,
  PurseRequestRefusal,
  RecoupRefusal,
  SignedTerms,
} from '@florin/domain';
import { ErrorCode, encodeBase32, formatAmount, type SentErrorCode, timestampJson } from '@florin/encoding';
import { Injectable } from '@nestjs/common';
import type { CoinCheckRefusal } from '../coins/coin.checks.js';
import type { Proven } from '../coins/history.js';
import type { RecoupCheckRefusal } from '../coins/recoup.checks.js';
import { denominationPub } from '../runtime/cryptography.js';
import { KeyRing } from '../runtime/key-ring.js';
import { Config } from '../runtime/tokens.js';
import { malformedParameter, TalerError } from './taler-error.js';
import { coinSignatureJson } from './wire-crypto.js';

/** What stands in a signed deposit for the age commitment that the coin does not have: clients parse the member. */
const NO_AGE_COMMITMENT = encodeBase32(new Uint8Array(32));

/** Every refusal of the endpoints of coins and purses, but for those that other endpoints have too. */
export type PurseRefusal =
  | Exclude<CoinCheckRefusal | RecoupCheckRefusal, { readonly oper: string }>
  | Proven<RecoupRefusal | CreateRefusal | DepositRefusal>
  | MergeRefusal
  | DeleteRefusal
  | Exclude<PurseRequestRefusal, { readonly code: 'RESERVE_UNKNOWN' }>
  | { readonly code: 'EXPIRATION_BEFORE_NOW' | 'EXPIRATION_IS_NEVER' }
  | { readonly code: 'REQUEST_EXPIRATION_BEFORE_NOW' | 'REQUEST_EXPIRATION_IS_NEVER' }
  | { readonly code: 'REQUEST_MERGE_SIGNATURE_INVALID' | 'REQUEST_RESERVE_SIGNATURE_INVALID' }
  | { readonly code: 'PURSE_FEE_TOO_LOW' }
  | { readonly code: 'DEPOSITS_MALFORMED' }
  | { readonly code: 'GLOBAL_FEES_MISSING' }
  | { readonly code: 'PURSE_BELOW_FEE' }
  | { readonly code: 'PURSE_SIGNATURE_INVALID' }
  | { readonly code: 'CONTRACT_SIGNATURE_INVALID' }
  | { readonly code: 'MERGE_SIGNATURE_INVALID' }
  | { readonly code: 'MERGE_RESERVE_SIGNATURE_INVALID' }
  | { readonly code: 'MERGE_TARGET_MALFORMED' }
  | { readonly code: 'PARTNER_UNKNOWN'; readonly exchangeBaseUrl: string };

type Of<Code extends PurseRefusal['code']> = Extract<PurseRefusal, { code: Code }>;
export type PurseTable = {
  readonly [Code in PurseRefusal['code']]: (refusal: Of<Code>) => TalerError | Promise<TalerError>;
};

@Injectable()
export class PurseRefusals {
  constructor(
    private readonly keys: KeyRing,
    private readonly config: Config,
  ) {}

  readonly table: PurseTable = {
    COIN_AMOUNT_ABOVE_VALUE: () => new TalerError(ErrorCode.EXCHANGE_GENERIC_AMOUNT_EXCEEDS_DENOMINATION_VALUE),
    COIN_CIPHER_MISMATCH: () =>
      new TalerError(ErrorCode.EXCHANGE_GENERIC_CIPHER_MISMATCH, {
        hint: 'the signature of the denomination has another cipher than its key',
      }),
    DEPOSIT_BELOW_FEE: () => new TalerError(ErrorCode.EXCHANGE_DEPOSIT_NEGATIVE_VALUE_AFTER_FEE),
    COIN_DENOMINATION_SIGNATURE_INVALID: ({ place }) =>
      new TalerError(ErrorCode.EXCHANGE_DENOMINATION_SIGNATURE_INVALID, { detail: `coin ${place}` }),
    COIN_DEPOSIT_SIGNATURE_INVALID: () =>
      new TalerError(ErrorCode.EXCHANGE_PURSE_DEPOSIT_COIN_SIGNATURE_INVALID, { detail: this.config.baseUrl }),
    AGE_PROOF_INCOMPLETE: () =>
      new TalerError(ErrorCode.EXCHANGE_PURSE_DEPOSIT_COIN_CONFLICTING_ATTEST_VS_AGE_COMMITMENT),
    AGE_PROOF_INVALID: () => new TalerError(ErrorCode.EXCHANGE_PURSE_DEPOSIT_COIN_AGE_ATTESTATION_FAILURE),
    DEPOSITS_OVERFLOW: () => new TalerError(ErrorCode.GENERIC_FAILED_COMPUTE_AMOUNT),

    COIN_VALUE_INSUFFICIENT: (refusal) =>
      doubleSpend(ErrorCode.EXCHANGE_GENERIC_INSUFFICIENT_FUNDS, refusal, { h_denom_pub: refusal.denominationHash }),
    COIN_DENOMINATION_CONFLICT: (refusal) => {
      const { known } = refusal;
      const offered = this.keys.shownBook()?.denominations.get(known.denominationHash);
      return doubleSpend(ErrorCode.EXCHANGE_GENERIC_COIN_CONFLICTING_DENOMINATION_KEY, refusal, {
        h_denom_pub: known.denominationHash,
        ...(offered && { prev_denom_pub: encodeDenominationPub(denominationPub(offered)) }),
        prev_denom_sig: coinSignatureJson(known.denominationSignature),
      });
    },
    COIN_AGE_CONFLICT: (refusal) => {
      const { denominationHash, expected } = refusal;
      return doubleSpend(ErrorCode.EXCHANGE_GENERIC_COIN_CONFLICTING_AGE_HASH, refusal, {
        h_denom_pub: denominationHash,
        expected_age_commitment_hash: expected ?? null,
        conflict_detail: expected === undefined ? 'the coin came without an age commitment' : 'another age commitment',
      });
    },

    EXPIRATION_BEFORE_NOW: () => new TalerError(ErrorCode.EXCHANGE_PURSE_CREATE_EXPIRATION_BEFORE_NOW),
    EXPIRATION_IS_NEVER: () => new TalerError(ErrorCode.EXCHANGE_PURSE_CREATE_EXPIRATION_IS_NEVER),
    DEPOSITS_MALFORMED: () =>
      malformedParameter('deposits', `a request pays with 1 to ${this.config.purses.maxDeposits} coins, no coin twice`),
    GLOBAL_FEES_MISSING: () => new TalerError(ErrorCode.EXCHANGE_GENERIC_GLOBAL_FEES_MISSING),
    PURSE_BELOW_FEE: () => new TalerError(ErrorCode.EXCHANGE_CREATE_PURSE_NEGATIVE_VALUE_AFTER_FEE),
    PURSE_SIGNATURE_INVALID: () => new TalerError(ErrorCode.EXCHANGE_PURSE_CREATE_SIGNATURE_INVALID),
    CONTRACT_SIGNATURE_INVALID: () => new TalerError(ErrorCode.EXCHANGE_PURSE_ECONTRACT_SIGNATURE_INVALID),
    PURSE_TERMS_CONFLICT: ({ stored }) =>
      new TalerError(ErrorCode.EXCHANGE_PURSE_CREATE_CONFLICTING_META_DATA, { body: this.termsJson(stored) }),
    PURSE_DEPOSIT_CONFLICT: ({ coinPub, earlier }) =>
      new TalerError(ErrorCode.EXCHANGE_PURSE_DEPOSIT_CONFLICTING_META_DATA, {
        body: {
          coin_pub: coinPub,
          coin_sig: earlier.coinSignature,
          h_denom_pub: earlier.denominationHash,
          h_age_restrictions: earlier.ageCommitmentHash ?? NO_AGE_COMMITMENT,
          amount: this.amount(earlier.amount),
        },
      }),
    PURSE_CONTRACT_CONFLICT: ({ stored }) => contractConflict(stored),
    PURSE_UNKNOWN: () => new TalerError(ErrorCode.EXCHANGE_GENERIC_PURSE_UNKNOWN),
    PURSE_EXPIRED: () => new TalerError(ErrorCode.EXCHANGE_GENERIC_PURSE_EXPIRED),
    PURSE_DELETED: () => new TalerError(ErrorCode.EXCHANGE_GENERIC_PURSE_DELETED),
    PURSE_MERGED: () => new TalerError(ErrorCode.EXCHANGE_PURSE_DEPOSIT_DECIDED_ALREADY),
    PURSE_ALREADY_DECIDED: () => new TalerError(ErrorCode.EXCHANGE_PURSE_DELETE_ALREADY_DECIDED),

    REQUEST_MERGE_SIGNATURE_INVALID: () => new TalerError(ErrorCode.EXCHANGE_RESERVES_PURSE_MERGE_SIGNATURE_INVALID),
    REQUEST_RESERVE_SIGNATURE_INVALID: () =>
      new TalerError(ErrorCode.EXCHANGE_RESERVES_RESERVE_MERGE_SIGNATURE_INVALID),
    REQUEST_EXPIRATION_BEFORE_NOW: () => new TalerError(ErrorCode.EXCHANGE_RESERVES_PURSE_EXPIRATION_BEFORE_NOW),
    REQUEST_EXPIRATION_IS_NEVER: () => new TalerError(ErrorCode.EXCHANGE_RESERVES_PURSE_EXPIRATION_IS_NEVER),
    PURSE_FEE_TOO_LOW: () => new TalerError(ErrorCode.EXCHANGE_RESERVES_PURSE_FEE_TOO_LOW),
    PURSE_REQUEST_UNPAID: () => new TalerError(ErrorCode.EXCHANGE_RESERVES_PURSE_CREATE_INSUFFICIENT_FUNDS),
    PURSE_REQUEST_CONFLICT: ({ stored }) =>
      new TalerError(ErrorCode.EXCHANGE_RESERVES_PURSE_CREATE_CONFLICTING_META_DATA, { body: this.termsJson(stored) }),

    RECOUP_COINS_MALFORMED: () => malformedParameter('coin_data', 'at least one coin is disclosed, and none is twice'),
    RECOUP_SESSION_MALFORMED: ({ place }) =>
      malformedParameter(
        `coin_data[${place}]`,
        'cs_session_nonce and cs_r_pubs belong to Clause-Schnorr coins, and are as in the withdrawal',
      ),
    COIN_SESSION_MALFORMED: () =>
      malformedParameter('ewv', 'nonce and ewv belong to Clause-Schnorr coins, and are as in the withdrawal'),
    RECOUP_SIGNATURE_INVALID: ({ place }) =>
      new TalerError(ErrorCode.EXCHANGE_RECOUP_SIGNATURE_INVALID, { detail: `coin ${place}` }),
    RECOUP_BLINDING_FAILED: () => new TalerError(ErrorCode.EXCHANGE_RECOUP_BLINDING_FAILED),
    WITHDRAWAL_UNKNOWN: () => new TalerError(ErrorCode.EXCHANGE_WITHDRAW_COMMITMENT_UNKNOWN),
    ENVELOPE_UNKNOWN: ({ place }) =>
      new TalerError(ErrorCode.EXCHANGE_RECOUP_WITHDRAW_NOT_FOUND, { detail: String(place) }),

    MERGE_SIGNATURE_INVALID: () => new TalerError(ErrorCode.EXCHANGE_PURSE_MERGE_INVALID_MERGE_SIGNATURE),
    MERGE_RESERVE_SIGNATURE_INVALID: () => new TalerError(ErrorCode.EXCHANGE_PURSE_MERGE_INVALID_RESERVE_SIGNATURE),
    MERGE_TARGET_MALFORMED: () => malformedParameter('payto_uri', 'a purse is merged into payto://taler-reserve/...'),
    PARTNER_UNKNOWN: ({ exchangeBaseUrl }) =>
      new TalerError(ErrorCode.EXCHANGE_MERGE_PURSE_PARTNER_UNKNOWN, { detail: exchangeBaseUrl }),
    PURSE_NOT_FULL: () => new TalerError(ErrorCode.EXCHANGE_PURSE_NOT_FULL),
    PURSE_MERGE_CONFLICT: ({ merge }) => mergeConflict(merge),
  };

  private readonly amount = (units: bigint): string => formatAmount({ currency: this.config.currency, units });

  /** What the purse's key signed first. */
  private termsJson(stored: SignedTerms): Record<string, unknown> {
    return {
      amount: this.amount(stored.target),
      min_age: stored.minAge,
      purse_expiration: timestampJson(stored.expiresAt),
      purse_sig: stored.purseSignature,
      h_contract_terms: stored.contractTermsHash,
      merge_pub: stored.mergePub,
    };
  }
}

/** DepositDoubleSpendError: what the coin's stream shows of its spending is the proof. */
async function doubleSpend(
  code: SentErrorCode,
  { coinPub, history }: Proven<CoinRefusal>,
  more: object,
): Promise<TalerError> {
  return new TalerError(code, { body: { coin_pub: coinPub, ...more, history: (await history?.entries()) ?? [] } });
}

const contractConflict = ({ econtractHash, econtractSignature, contractPub }: PurseContract): TalerError =>
  new TalerError(ErrorCode.EXCHANGE_PURSE_ECONTRACT_CONFLICTING_META_DATA, {
    body: { h_econtract: econtractHash, econtract_sig: econtractSignature, contract_pub: contractPub },
  });

const mergeConflict = ({ reservePub, mergeTimestamp, mergeSignature }: Merge): TalerError =>
  new TalerError(ErrorCode.EXCHANGE_RESERVES_PURSE_MERGE_CONFLICTING_META_DATA, {
    body: { reserve_pub: reservePub, merge_timestamp: timestampJson(mergeTimestamp), merge_sig: mergeSignature },
  });
