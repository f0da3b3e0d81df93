/** The one table from a decider's refusal to status, Taler error code and proof. */
import type { DenominationHash, DenominationRefusal, RecoupDenominationRefusal, ReservePub } from '@florin/domain';
import { decodeBase32, ErrorCode, formatAmount, message, type SentErrorCode, timestampJson } from '@florin/encoding';
import { Injectable } from '@nestjs/common';
import type { LegitimizationRefusal } from '../kyc/legitimization.js';
import { type ManagementRefusal, managementRefusals } from '../management/refusals.js';
import type { ReadHistory } from '../reserves/history.js';
import type { WithdrawCheckRefusal } from '../reserves/withdraw.checks.js';
import { Clock } from '../runtime/clock.js';
import { KeyRing, type KeysMissing } from '../runtime/key-ring.js';
import { ExchangeSigners } from '../runtime/signers.js';
import { Config } from '../runtime/tokens.js';
import { type PurseRefusal, PurseRefusals } from './purse-refusals.js';
import { malformedParameter, TalerError } from './taler-error.js';

/** Every refusal that a handler can answer. */
export type Refusal =
  | KeysMissing
  | LegitimizationRefusal
  | WithdrawCheckRefusal
  | PurseRefusal
  | ManagementRefusal
  | ((DenominationRefusal | RecoupDenominationRefusal) & { readonly oper: string })
  | { readonly code: 'RESERVE_UNKNOWN'; readonly reservePub: ReservePub }
  | { readonly code: 'AGE_RESTRICTED'; readonly maximumAge: number }
  | {
      readonly code: 'BALANCE_INSUFFICIENT';
      readonly balance: bigint;
      readonly requested: bigint;
      /** The reserve as the decision saw it. */
      readonly history: ReadHistory;
    }
  | { readonly code: 'PARTLY_WITHDRAWN' }
  | { readonly code: 'NONCE_REUSED' }
  | { readonly code: 'NOT_CLAUSE_SCHNORR'; readonly denominationHash: DenominationHash }
  | { readonly code: 'CLOCK_SKEW'; readonly now: number }
  | { readonly code: 'CLOSE_SIGNATURE_INVALID' }
  | { readonly code: 'CLOSE_WITHOUT_TARGET' }
  | { readonly code: 'WIRE_METHOD_UNSUPPORTED' }
  | { readonly code: 'WIRE_FEES_MISSING'; readonly method: string };

type RefusalOf<Code extends Refusal['code']> = Extract<Refusal, { code: Code }>;
type Code = Refusal['code'];
type TableOf<Codes extends Code> = {
  readonly [C in Codes]: (refusal: RefusalOf<C>) => TalerError | Promise<TalerError>;
};

@Injectable()
export class Refusals {
  constructor(
    private readonly keys: KeyRing,
    private readonly signers: ExchangeSigners,
    private readonly purses: PurseRefusals,
    private readonly clock: Clock,
    private readonly config: Config,
  ) {}

  /** The rows of here and there, put together once. */
  private whole: TableOf<Code> | undefined;

  /** The error to throw for `refusal`, with its proof. */
  async toError<C extends Code>(refusal: RefusalOf<C>): Promise<TalerError> {
    this.whole ??= { ...this.table, ...this.purses.table, ...managementRefusals };
    const row = this.whole[refusal.code] as (refusal: RefusalOf<C>) => TalerError | Promise<TalerError>;
    return row(refusal);
  }

  private readonly table: TableOf<Exclude<Code, (PurseRefusal | ManagementRefusal)['code']>> = {
    // A node that has lost sight of the keys is to be passed by for now, whatever it was asked.
    KEYS_MISSING: ({ status }) =>
      new TalerError(ErrorCode.EXCHANGE_GENERIC_KEYS_MISSING, {
        status: this.keys.shownBook()?.terms ? 503 : status,
        headers: { 'Retry-After': '1' },
      }),
    DENOMINATION_UNKNOWN: ({ denominationHash }) => this.denominationUnknown(denominationHash),
    DENOMINATION_EXPIRED: (refusal) => this.denominationGone(ErrorCode.EXCHANGE_GENERIC_DENOMINATION_EXPIRED, refusal),
    DENOMINATION_NOT_YET_VALID: (refusal) =>
      this.denominationGone(ErrorCode.EXCHANGE_GENERIC_DENOMINATION_VALIDITY_IN_FUTURE, refusal),
    DENOMINATION_REVOKED: (refusal) => this.denominationGone(ErrorCode.EXCHANGE_GENERIC_DENOMINATION_REVOKED, refusal),
    DENOMINATION_NOT_REVOKED: (refusal) => this.denominationGone(ErrorCode.EXCHANGE_RECOUP_NOT_ELIGIBLE, refusal),
    CIPHER_MISMATCH: () => new TalerError(ErrorCode.EXCHANGE_GENERIC_CIPHER_MISMATCH),
    PLANCHET_REFUSED: ({ place }) =>
      malformedParameter(
        'coin_ev',
        `planchets[${place}]: the blinded value is not one that this denomination can sign`,
      ),
    WITHDRAW_OVERFLOW: () => new TalerError(ErrorCode.EXCHANGE_WITHDRAW_AMOUNT_FEE_OVERFLOW),
    WITHDRAW_SIGNATURE_INVALID: () => new TalerError(ErrorCode.EXCHANGE_WITHDRAW_RESERVE_SIGNATURE_INVALID),
    LEGITIMIZATION_NEEDED: ({ accountHash, requirement }) =>
      new TalerError(ErrorCode.EXCHANGE_GENERIC_KYC_REQUIRED, {
        body: { h_payto: accountHash, requirement_row: requirement },
      }),
    RESERVE_UNKNOWN: ({ reservePub }) =>
      new TalerError(ErrorCode.EXCHANGE_GENERIC_RESERVE_UNKNOWN, { detail: reservePub }),
    AGE_RESTRICTED: ({ maximumAge }) =>
      new TalerError(ErrorCode.EXCHANGE_RESERVES_AGE_RESTRICTION_REQUIRED, {
        body: { maximum_allowed_age: this.keys.lowestAgeOfGroup(maximumAge) },
      }),
    BALANCE_INSUFFICIENT: async ({ balance, requested, history }) =>
      new TalerError(ErrorCode.EXCHANGE_WITHDRAW_INSUFFICIENT_FUNDS, {
        body: {
          balance: this.amount(balance),
          requested_amount: this.amount(requested),
          history: (await history.entries(0)).map(({ json }) => json),
        },
      }),
    PARTLY_WITHDRAWN: () => new TalerError(ErrorCode.EXCHANGE_WITHDRAW_IDEMPOTENT_PLANCHET),
    NONCE_REUSED: () => new TalerError(ErrorCode.EXCHANGE_WITHDRAW_NONCE_REUSE, { status: 400 }),
    NOT_CLAUSE_SCHNORR: ({ denominationHash }) =>
      this.denominationUnknown(denominationHash, ErrorCode.EXCHANGE_GENERIC_INVALID_DENOMINATION_CIPHER_FOR_OPERATION),
    CLOCK_SKEW: ({ now }) =>
      new TalerError(ErrorCode.EXCHANGE_GENERIC_CLOCK_SKEW, {
        hint: `request_timestamp must lie within 15 minutes of the exchange's time, which is ${now}`,
      }),
    CLOSE_SIGNATURE_INVALID: () => new TalerError(ErrorCode.EXCHANGE_RESERVES_CLOSE_BAD_SIGNATURE),
    CLOSE_WITHOUT_TARGET: () => new TalerError(ErrorCode.EXCHANGE_RESERVES_CLOSE_NO_TARGET_ACCOUNT),
    WIRE_METHOD_UNSUPPORTED: () =>
      malformedParameter('payto_uri', 'this exchange has no account that pays with this payto method; see /keys'),
    WIRE_FEES_MISSING: ({ method }) => new TalerError(ErrorCode.EXCHANGE_WIRE_FEES_NOT_CONFIGURED, { detail: method }),
  };

  private readonly amount = (units: bigint): string => formatAmount({ currency: this.config.currency, units });

  /** DenominationUnknownMessage: signed, for the wallet believes that the key exists. */
  private async denominationUnknown(
    denominationHash: DenominationHash,
    code: SentErrorCode = ErrorCode.EXCHANGE_GENERIC_DENOMINATION_KEY_UNKNOWN,
  ): Promise<TalerError> {
    const timestamp = this.clock.now();
    const hDenomPub = decodeBase32(denominationHash, 64);
    const signed = await this.signers.sign(message('DenominationUnknownAffirmation', { timestamp, hDenomPub }));
    const body = { timestamp: timestampJson(timestamp), ...signed, h_denom_pub: denominationHash };
    return new TalerError(code, { status: 404, body });
  }

  /** DenominationGoneMessage: the signed operation is the first 8 bytes of `oper`. */
  private async denominationGone(
    code: SentErrorCode,
    { denominationHash, oper }: { denominationHash: DenominationHash; oper: string },
  ): Promise<TalerError> {
    const timestamp = this.clock.now();
    const operation = oper.slice(0, 8);
    const hDenomPub = decodeBase32(denominationHash, 64);
    const signed = await this.signers.sign(
      message('DenominationExpiredAffirmation', { timestamp, operation, hDenomPub }),
    );
    const body = { oper, timestamp: timestampJson(timestamp), ...signed, h_denom_pub: denominationHash };
    return new TalerError(code, { status: 410, body });
  }
}
