/** The one way to refuse a request: a status, a Taler error code and a hint that helps. */
import { ErrorCode, httpStatusOf, type SentErrorCode } from '@florin/encoding';

export interface TalerErrorOptions {
  /** Sent instead of the status that the code list names. */
  readonly status?: number;
  /** What exactly was wrong; the protocol fixes some of these texts. */
  readonly detail?: string;
  /** The hint, if the general one of the code would not help. */
  readonly hint?: string;
  /** Further members of the body: proofs, signatures. */
  readonly body?: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string>>;
}

/** An expected refusal on its way to the client; never logged as a fault. */
export class TalerError extends Error {
  override readonly name = 'TalerError';
  readonly status: number;
  readonly options: TalerErrorOptions;

  constructor(
    readonly code: SentErrorCode,
    options: TalerErrorOptions = {},
  ) {
    super(`${code}${options.detail === undefined ? '' : `: ${options.detail}`}`);
    this.status = options.status ?? httpStatusOf(code);
    this.options = options;
  }
}

/** 400/22: a member is missing or of the wrong form. `field` is its path, as `planchets[3].coin_ev`. */
export const malformedField = (field: string, hint: string): TalerError =>
  new TalerError(ErrorCode.GENERIC_JSON_INVALID, { hint, body: { field, line: 0 } });

/** 400/26: well-formed, but refused; `detail` names the parameter. */
export const malformedParameter = (detail: string, hint?: string): TalerError =>
  new TalerError(ErrorCode.GENERIC_PARAMETER_MALFORMED, { detail, ...(hint === undefined ? {} : { hint }) });

/** 503 with Retry-After: nothing is wrong with the request, and nothing is known to have come of it. */
export const retryLater = (code: SentErrorCode, hint: string, seconds = 1): TalerError =>
  new TalerError(code, { status: 503, hint, headers: { 'Retry-After': String(seconds) } });
