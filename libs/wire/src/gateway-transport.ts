import { TextDecoder } from 'node:util';
import { EncodingError, type JsonValue, parseJson } from '@florin/encoding';
import {
  BadAccount,
  GatewayMisconfigured,
  GatewayRefusal,
  GatewayUnavailable,
  MalformedReply,
  RequestUidReused,
  WtidReused,
} from './gateway-errors.js';

/*
 * HTTP as the gateway client needs it: one request, one reply, sorted by what its status means. Time and size of every
 * reply are limited, credentials go nowhere but to the configured address, and no message repeats them.
 */

export type GatewayCredentials =
  | { readonly kind: 'basic'; readonly user: string; readonly password: string }
  | { readonly kind: 'bearer'; readonly token: string };

export interface GatewayTransportOptions {
  /** http or https, ends in `/`: `BANK/accounts/NAME/taler-wire-gateway/`. */
  readonly baseUrl: string;
  readonly auth?: GatewayCredentials;
  readonly fetch?: typeof fetch;
  /** How long a call may take beyond its long poll; 20 s by default. */
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 20_000;
/** 1024 rows of several kilobytes each. */
const REPLY_SIZE_MAX = 8 * 1024 * 1024;
const ERROR_SIZE_MAX = 64 * 1024;
const WORDS_LENGTH_MAX = 200;
/** 4xx that ask to come again: request timeout, too early, too many requests. */
const LATER = new Set([408, 425, 429]);
/** Refusals that decide what becomes of a transfer, by status and Taler code. Source: protocol/wire.md */
const REFUSALS = new Map<string, typeof GatewayRefusal>([
  ['409/5112', RequestUidReused],
  ['409/5154', WtidReused],
  ['400/24', BadAccount],
]);

export interface GatewayCall {
  readonly path: string;
  readonly query?: URLSearchParams;
  readonly body?: string;
  readonly longPollMs?: number;
  readonly signal?: AbortSignal | undefined;
}

/** `json` is what a 200 carries. */
export interface GatewayReply {
  readonly status: number;
  readonly json: unknown;
}

/** Requests to one gateway. */
export class GatewayTransport {
  readonly #baseUrl: string;
  readonly #fetch: typeof fetch;
  readonly #timeoutMs: number;
  readonly #authorization: string | undefined;
  /** What no message may repeat. */
  readonly #secrets: readonly string[];

  /** @throws GatewayMisconfigured on a base URL that is none, or holds credentials, query or fragment */
  constructor({ baseUrl, auth, fetch = globalThis.fetch, timeoutMs = TIMEOUT_MS }: GatewayTransportOptions) {
    this.#baseUrl = checkBaseUrl(baseUrl);
    this.#fetch = fetch;
    this.#timeoutMs = timeoutMs;
    this.#authorization = auth && authorizationHeader(auth);
    this.#secrets = auth ? secretsOf(auth) : [];
  }

  /** One request and its reply: 200 with JSON, or 204, 404, 501, which mean something else for each caller. */
  async call(call: GatewayCall): Promise<GatewayReply> {
    const { signal, longPollMs = 0 } = call;
    signal?.throwIfAborted();
    const stop = new AbortController();
    const abort = () => stop.abort();
    // A listener that is taken off again: AbortSignal.any keeps one per call on a signal that lives for months.
    signal?.addEventListener('abort', abort, { once: true });
    const timer = setTimeout(abort, longPollMs + this.#timeoutMs);
    try {
      return await this.#exchange(call, stop.signal);
    } catch (error) {
      signal?.throwIfAborted();
      if (stop.signal.aborted) throw new GatewayUnavailable(`${call.path}: no reply in time`);
      throw error;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
    }
  }

  async #exchange({ path, query, body }: GatewayCall, signal: AbortSignal): Promise<GatewayReply> {
    const headers = new Headers({ accept: 'application/json' });
    if (this.#authorization !== undefined) headers.set('authorization', this.#authorization);
    if (body !== undefined) headers.set('content-type', 'application/json');
    const url = `${this.#baseUrl}${path}${query ? `?${query}` : ''}`;
    const response = await this.#fetch(url, {
      method: body === undefined ? 'GET' : 'POST',
      headers,
      ...(body === undefined ? {} : { body }),
      signal,
      // A redirect would carry the credentials to where nobody configured them to go.
      redirect: 'manual',
    }).catch((error: unknown) => {
      throw new GatewayUnavailable(`${path}: ${causeOf(error)}`);
    });
    const { status } = response;
    const ok = status === 200;
    const text = await readText(response, ok ? REPLY_SIZE_MAX : ERROR_SIZE_MAX).catch((error: unknown) => {
      if (error instanceof MalformedReply && ok) throw new MalformedReply(`${path}: ${error.message}`);
      if (ok) throw new GatewayUnavailable(`${path}: ${causeOf(error)}`);
      return ''; // The status says enough.
    });
    if (status === 204) return { status, json: undefined };
    if (ok) return { status, json: parseReply(path, text) };
    return this.#notOk(path, status, text);
  }

  /** Sorts everything that is neither 200 nor 204. */
  #notOk(path: string, status: number, text: string): GatewayReply {
    if (status === 404 || status === 501) return { status, json: undefined };
    const { code, bankSaid } = this.#readProblem(text);
    const message = `${path}: status ${status}${code === undefined ? '' : `, code ${code}`}`;
    if (status === 401 || status === 403) throw new GatewayMisconfigured(`${message}: wrong credentials`, bankSaid);
    if (status >= 300 && status < 400) throw new GatewayMisconfigured(`${message}: redirects are not followed`);
    if (status >= 500 || LATER.has(status)) throw new GatewayUnavailable(message, bankSaid);
    if (status < 400) throw new MalformedReply(message);
    const Refusal = REFUSALS.get(`${status}/${code}`) ?? GatewayRefusal;
    throw new Refusal(message, { status, code, bankSaid });
  }

  /** Code and words of an error body, if it is one. The words are cut, and left out where they repeat a credential. */
  #readProblem(text: string): { readonly code: number | undefined; readonly bankSaid: string | undefined } {
    const body = parseProblem(text);
    const code = Number.isSafeInteger(body.code) ? (body.code as number) : undefined;
    const words = [body.hint, body.detail].filter((word) => typeof word === 'string' && word !== '').join(': ');
    const leaks = this.#secrets.some((secret) => secret !== '' && words.includes(secret));
    if (words === '' || leaks) return { code, bankSaid: undefined };
    return { code, bankSaid: words.replace(/[^\x20-\x7e]/g, '?').slice(0, WORDS_LENGTH_MAX) };
  }
}

function checkBaseUrl(baseUrl: string): string {
  const url = URL.canParse(baseUrl) ? new URL(baseUrl) : undefined;
  // The URL itself is not repeated: one that is refused may hold a password.
  if (!url || !/^https?:$/.test(url.protocol) || !url.pathname.endsWith('/')) {
    throw new GatewayMisconfigured('the address of a wire gateway is an http(s) URL that ends in /');
  }
  if (url.username !== '' || url.password !== '' || /[?#]/.test(baseUrl)) {
    throw new GatewayMisconfigured('the address of a wire gateway has no credentials, query or fragment in it');
  }
  return url.href;
}

/** The value of `Authorization`. @throws GatewayMisconfigured on credentials that no HTTP header can carry */
export function authorizationHeader(auth: GatewayCredentials): string {
  const value = auth.kind === 'basic' ? `Basic ${basicToken(auth)}` : `Bearer ${auth.token}`;
  if (/[^\x20-\x7e]/.test(value)) throw new GatewayMisconfigured('credentials that no HTTP header can carry');
  return value;
}

function basicToken({ user, password }: { readonly user: string; readonly password: string }): string {
  return Buffer.from(`${user}:${password}`).toString('base64');
}

function secretsOf(auth: GatewayCredentials): string[] {
  return auth.kind === 'basic' ? [auth.password, basicToken(auth)] : [auth.token];
}

/** Reads a body up to a limit, which holds for what comes out of a decompression too. */
async function readText(response: Response, sizeMax: number): Promise<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let [text, size] = ['', 0];
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength;
    if (size > sizeMax) throw new MalformedReply(`a reply of more than ${sizeMax} bytes`);
    text += decode(decoder, chunk);
  }
  return text + decode(decoder);
}

function decode(decoder: TextDecoder, chunk?: Uint8Array): string {
  try {
    return chunk ? decoder.decode(chunk, { stream: true }) : decoder.decode();
  } catch {
    throw new MalformedReply('a reply that is not UTF-8');
  }
}

function parseReply(path: string, text: string): JsonValue {
  try {
    return parseJson(text);
  } catch (error) {
    if (error instanceof EncodingError) throw new MalformedReply(`${path}: no JSON: ${error.message}`);
    throw error;
  }
}

/** What an error body says; nothing if it is none, as from a proxy. */
function parseProblem(text: string): Readonly<Record<string, unknown>> {
  try {
    const json = parseJson(text);
    return typeof json === 'object' ? { ...json } : {};
  } catch (error) {
    if (error instanceof EncodingError) return {};
    throw error;
  }
}

/** The system's code of a network error: its message could repeat what was sent. */
function causeOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const { code, name } = cause as { code?: unknown; name?: unknown };
  return `no connection to the bank (${String(code ?? name ?? 'unknown cause')})`;
}
