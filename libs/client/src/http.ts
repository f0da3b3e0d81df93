import { concat, EncodingError, fromUtf8, type JsonValue, kindOf, parseJson, utf8 } from '@florin/encoding';
import { ExchangeMisbehaved, ExchangeRefused, ExchangeUnreachable } from './errors.js';
import { ReplyObject, text, wholeNumber } from './reply.js';
import { type RetryPolicy, retryAfterMs, retrying } from './retry.js';

/*
 * HTTP as the protocol uses it. A request is turned into bytes once and sent as often as it takes; a reply is limited
 * in time and size, and is what was accepted, a refusal with the body of the protocol, or neither.
 */

/** `fetch` of the platform, or one that behaves like it. */
export type Fetch = (url: string, init: FetchInit) => Promise<Response>;

interface FetchInit {
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly body?: Uint8Array;
  readonly signal: AbortSignal;
  readonly redirect: 'error';
  readonly credentials: 'omit';
  readonly referrerPolicy: 'no-referrer';
  readonly cache: 'no-store';
}

export interface HttpOptions {
  /** http or https, ends in `/`. */
  readonly baseUrl: string;
  readonly fetch: Fetch;
  /** How long a try may take beyond what the exchange was asked to hold it. */
  readonly timeoutMs: number;
  readonly replyBytesMax: number;
  /** Tries nothing twice without. */
  readonly retry?: RetryPolicy | undefined;
  /** Milliseconds since 1970; only to read dates in Retry-After. */
  readonly nowMs: () => number;
}

export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** Below the base URL, query included. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly body?: object;
  /** How long the exchange is asked to hold the request. */
  readonly holdMs?: number;
  /** Ends the call, with the signal's own reason. */
  readonly signal?: AbortSignal | undefined;
  /** Statuses that answer the request. */
  readonly accept: readonly number[];
}

export interface HttpReply {
  /** What was asked for, for messages: `GET keys`. */
  readonly name: string;
  readonly status: number;
  readonly headers: Headers;
  readonly body: Uint8Array;
}

/** Requests to one exchange. */
export class HttpClient {
  constructor(private readonly options: HttpOptions) {
    if (!/^https?:\/\/[^?#\s]+\/$/.test(options.baseUrl)) {
      throw new EncodingError('an http(s) base URL that ends in /', kindOf(options.baseUrl));
    }
  }

  /**
   * @throws ExchangeRefused; ExchangeUnreachable; ExchangeMisbehaved on any other answer; the signal's reason
   */
  async send(request: HttpRequest): Promise<HttpReply> {
    const { retry } = this.options;
    const bytes = request.body === undefined ? undefined : utf8(JSON.stringify(request.body));
    const attempt = () => this.#attempt(request, bytes);
    return retry ? retrying(retry, attempt, request.signal) : attempt();
  }

  /** {@link send}, and the object that a reply with a body carries. @param name how messages call it */
  async sendForObject(request: HttpRequest, name: string): Promise<ReplyObject> {
    return new ReplyObject(jsonOf(await this.send(request)), name);
  }

  async #attempt(request: HttpRequest, bytes: Uint8Array | undefined): Promise<HttpReply> {
    const { baseUrl, replyBytesMax, timeoutMs } = this.options;
    const name = `${request.method} ${request.path}`;
    const limit = AbortSignal.timeout(timeoutMs + (request.holdMs ?? 0));
    const signal = request.signal ? AbortSignal.any([limit, request.signal]) : limit;
    try {
      const { fetch } = this.options; // called without a receiver: browsers refuse it any other way
      const response = await fetch(`${baseUrl}${request.path}`, {
        method: request.method,
        headers: {
          Accept: 'application/json',
          ...(bytes && { 'Content-Type': 'application/json' }),
          ...request.headers,
        },
        ...(bytes && { body: bytes }),
        signal,
        // What is signed for one exchange goes nowhere else, and nobody learns who asks or from where.
        redirect: 'error',
        credentials: 'omit',
        referrerPolicy: 'no-referrer',
        cache: 'no-store',
      });
      const { status, headers } = response;
      const reply = { name, status, headers, body: await readBody(response, name, replyBytesMax) };
      if (!request.accept.includes(status)) this.#refuse(reply);
      return reply;
    } catch (error) {
      request.signal?.throwIfAborted();
      if (error instanceof ExchangeMisbehaved || error instanceof ExchangeRefused) throw error;
      if (error instanceof ExchangeUnreachable) throw error;
      const reason = limit.aborted ? `none within ${timeoutMs + (request.holdMs ?? 0)} ms` : messageOf(error);
      throw new ExchangeUnreachable(name, reason, { cause: error });
    }
  }

  #refuse(reply: HttpReply): never {
    const { name, status, headers } = reply;
    const wait = retryAfterMs(headers.get('retry-after'), this.options.nowMs());
    const retryAfter = wait === undefined ? {} : { retryAfterMs: wait };
    if (status < 400) throw new ExchangeMisbehaved('malformed', name, `answered with status ${status}`);
    let body: ReplyObject;
    try {
      body = new ReplyObject(jsonOf(reply), name);
    } catch (error) {
      // A gateway in between does not speak the protocol; the exchange itself always does.
      if (status >= 500) throw new ExchangeUnreachable(name, `status ${status} without an error body`, retryAfter);
      throw error;
    }
    const code = body.read('code', wholeNumber(CODE_MAX));
    const hint = body.optional('hint', text) ?? '';
    throw new ExchangeRefused({ status, code, hint, body: body.json, request: name, ...retryAfter });
  }
}

/** The JSON value of a reply. @throws ExchangeMisbehaved */
export function jsonOf({ name, body }: HttpReply): JsonValue {
  try {
    return parseJson(fromUtf8(body));
  } catch (error) {
    if (!(error instanceof EncodingError)) throw error;
    throw new ExchangeMisbehaved('malformed', name, error.message);
  }
}

const CODE_MAX = 0xffff_ffff;

/** Reads no more than is allowed, whatever the headers announce. */
async function readBody(response: Response, name: string, sizeMax: number): Promise<Uint8Array> {
  const tooLarge = () => new ExchangeMisbehaved('malformed', name, `a reply of more than ${sizeMax} bytes`);
  const reader = response.body?.getReader();
  if (!reader) return new Uint8Array(0);
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    sizeBytes += value.length;
    if (sizeBytes > sizeMax) {
      // The reply is given up; that the connection may fail while doing so changes nothing.
      await reader.cancel().catch(() => undefined);
      throw tooLarge();
    }
    chunks.push(value);
  }
  return concat(...chunks);
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  return cause instanceof Error && cause.message !== '' ? `${error.message} (${cause.message})` : error.message;
}
