/*
 * What can go wrong with a bank, by what to do about it. The messages name operation, HTTP status, Taler error code and
 * member, hold neither credentials nor personal data, and may be recorded. What the bank said in its own words may name
 * persons: it stands apart, for logs.
 */

/**
 * - `unavailable`: no reply, or one that says "later" (5xx, 429): try again with back-off
 * - `misconfigured`: address, credentials or currency are wrong: tell an operator, try again slowly
 * - `malformed`: a reply that is not what the protocol says, or too large: tell an operator, try again slowly
 * - `inconsistent`: well-formed replies that contradict each other or the order of rows: as before, more loudly
 * - `refused`: the bank understood and said no
 */
export type GatewayFault = 'unavailable' | 'misconfigured' | 'malformed' | 'inconsistent' | 'refused';

export abstract class GatewayError extends Error {
  abstract readonly fault: GatewayFault;

  constructor(
    message: string,
    /** The bank's own words, at most 200 printable characters. */
    readonly bankSaid?: string | undefined,
  ) {
    super(message);
  }
}

/** The bank gave no reply in time, or answered that it cannot answer now. */
export class GatewayUnavailable extends GatewayError {
  override readonly name = 'GatewayUnavailable';
  readonly fault = 'unavailable';
}

/** The configuration is wrong: address, credentials, currency, or an account the bank does not know. */
export class GatewayMisconfigured extends GatewayError {
  override readonly name = 'GatewayMisconfigured';
  readonly fault = 'misconfigured';
}

/** The reply is not what the protocol says. For a transfer this means that the outcome is not known. */
export class MalformedReply extends GatewayError {
  override readonly name = 'MalformedReply';
  readonly fault = 'malformed';
}

/** The bank contradicts itself: rows out of order or repeated, a status that belongs to another transfer. */
export class BankInconsistency extends GatewayError {
  override readonly name = 'BankInconsistency';
  readonly fault = 'inconsistent';
}

/** The bank refused the request with a 4xx status that has no class of its own. */
export class GatewayRefusal extends GatewayError {
  override readonly name: string = 'GatewayRefusal';
  readonly fault = 'refused';

  /** HTTP status. */
  readonly status: number;
  /** Taler error code, if the reply had one. */
  readonly code: number | undefined;

  constructor(message: string, { status, code, bankSaid }: RefusalDetails) {
    super(message, bankSaid);
    this.status = status;
    this.code = code;
  }
}

interface RefusalDetails {
  readonly status: number;
  readonly code: number | undefined;
  readonly bankSaid: string | undefined;
}

/** 409/5112: the bank knows this request_uid with another content. */
export class RequestUidReused extends GatewayRefusal {
  override readonly name = 'RequestUidReused';
}

/** 409/5154: the bank knows this wtid from another request_uid. */
export class WtidReused extends GatewayRefusal {
  override readonly name = 'WtidReused';
}

/** 400/24: the bank cannot pay to this account. */
export class BadAccount extends GatewayRefusal {
  override readonly name = 'BadAccount';
}
