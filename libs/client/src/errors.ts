import { errorNameOf, type JsonObject } from '@florin/encoding';

/*
 * How a call can fail. Three questions matter to a wallet: may I repeat it (unreachable: always, with the same bytes),
 * what did the exchange say (refused), and can it still be trusted (misbehaved: keep the evidence, stop using it).
 */

/** What a refusal of the exchange consists of. */
export interface Refusal {
  readonly status: number;
  /** Taler error code. */
  readonly code: number;
  readonly hint: string;
  /** The whole error body, with its proof. */
  readonly body: JsonObject;
  /** What was asked for: `POST reserves/.../batch-withdraw`. */
  readonly request: string;
  /** How long the exchange asks to wait before the same request is sent again. */
  readonly retryAfterMs?: number;
}

/** The exchange answered, and the answer is no: a status above 299 with the error body of the protocol. */
export class ExchangeRefused extends Error implements Refusal {
  override readonly name = 'ExchangeRefused';
  readonly status: number;
  readonly code: number;
  readonly hint: string;
  readonly body: JsonObject;
  readonly request: string;
  readonly retryAfterMs?: number;

  constructor({ status, code, hint, body, request, retryAfterMs }: Refusal) {
    const name = errorNameOf(code) ?? 'unknown code';
    super(`${request} was refused with ${status}/${code} (${name})${hint === '' ? '' : `: ${hint}`}`);
    this.status = status;
    this.code = code;
    this.hint = hint;
    this.body = body;
    this.request = request;
    if (retryAfterMs !== undefined) this.retryAfterMs = retryAfterMs;
  }

  /** Whether nothing is wrong with the request and the same one may succeed a little later. */
  get isTemporary(): boolean {
    return this.status === 503 || this.status === 429 || this.retryAfterMs !== undefined;
  }
}

/**
 * No answer of the exchange arrived, or only one of a machine in between. Whether the request had an effect is unknown:
 * send the very same bytes again.
 */
export class ExchangeUnreachable extends Error {
  override readonly name = 'ExchangeUnreachable';
  readonly retryAfterMs?: number;

  constructor(request: string, reason: string, options: { readonly cause?: unknown; readonly retryAfterMs?: number }) {
    super(`${request} got no answer: ${reason}`, options.cause === undefined ? {} : { cause: options.cause });
    if (options.retryAfterMs !== undefined) this.retryAfterMs = options.retryAfterMs;
  }
}

/**
 * - `malformed`: a reply is not what the protocol says;
 * - `signature`: a signature does not verify, or none of a known key is there;
 * - `contradiction`: what the exchange says does not fit what it or its master key said elsewhere.
 */
export type Misbehaviour = 'malformed' | 'signature' | 'contradiction';

/** A reply that no honest exchange sends. `subject` names what is wrong, such as `keys.denominations[0].value`. */
export class ExchangeMisbehaved extends Error {
  override readonly name = 'ExchangeMisbehaved';

  constructor(
    readonly kind: Misbehaviour,
    readonly subject: string,
    problem: string,
  ) {
    super(`${subject}: ${problem}`);
  }
}

/** The exchange speaks a version of the protocol that this client does not. */
export class ExchangeIncompatible extends Error {
  override readonly name = 'ExchangeIncompatible';

  constructor(
    /** `current:revision:age`, as the exchange announces it. */
    readonly version: string,
    readonly supported: string,
  ) {
    super(`the exchange speaks version ${version} of the protocol, this client ${supported}`);
  }
}

/** What another wallet wrote is no contract that this one understands: do not pay, and do not take it. */
export class BadContract extends Error {
  override readonly name = 'BadContract';
}
