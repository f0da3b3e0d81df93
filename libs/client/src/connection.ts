import { type Primitives, type Taler, taler } from '@florin/crypto';
import { portablePrimitives } from '@florin/crypto/portable';
import { EncodingError, kindOf } from '@florin/encoding';
import { ExchangeMisbehaved } from './errors.js';
import { type Fetch, HttpClient } from './http.js';
import type { ExchangeKeys } from './keys.js';
import { KeysCache } from './keys-cache.js';
import type { RetryPolicy } from './retry.js';
import { SignatureChecker } from './signatures.js';

export interface ExchangeClientOptions {
  /** http or https, ends in `/`. */
  readonly baseUrl: string;
  /** Draws secrets: `sizeBytes` bytes that nobody can guess. */
  readonly randomBytes: (sizeBytes: number) => Uint8Array;
  /** The master key to believe; without, the first one that is seen. */
  readonly masterPub?: Uint8Array;
  /** In JavaScript alone unless said otherwise. */
  readonly primitives?: Primitives;
  /** The platform's without. */
  readonly fetch?: Fetch;
  /** Seconds since 1970; the system's clock without. */
  readonly now?: () => number;
  /** Repeats what got no answer or is to be tried later; without, nothing is sent twice. */
  readonly retry?: RetryPolicy;
  /** How long a call may take beyond its long poll; 30 s without. */
  readonly timeoutMs?: number;
  /** Largest reply that is read; 32 MiB without. */
  readonly replyBytesMax?: number;
  /** Lets the exchange call itself otherwise than `baseUrl`: behind a tunnel, or in a test. */
  readonly anyBaseUrl?: boolean;
}

export interface CallOptions {
  /** Ends the call, with the signal's own reason. */
  readonly signal?: AbortSignal;
}

export interface LongPollOptions extends CallOptions {
  /** How long the exchange may hold the request; it may answer sooner. */
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 30_000;
const REPLY_BYTES_MAX = 32 * 1024 * 1024;

/** What every call to one exchange goes through: transport, keys, cryptography, clock and randomness. */
export class Connection {
  readonly http: HttpClient;
  readonly taler: Taler;
  readonly checker: SignatureChecker;
  /** Seconds since 1970. */
  readonly now: () => number;
  readonly #keys: KeysCache;
  readonly #randomBytes: (sizeBytes: number) => Uint8Array;

  constructor(options: ExchangeClientOptions) {
    const { baseUrl, primitives = portablePrimitives, masterPub, retry, randomBytes } = options;
    this.taler = taler(primitives);
    this.checker = new SignatureChecker(this.taler);
    this.now = options.now ?? (() => Math.floor(Date.now() / 1000));
    this.http = new HttpClient({
      baseUrl,
      fetch: options.fetch ?? ((url, init) => fetch(url, init)),
      timeoutMs: options.timeoutMs ?? TIMEOUT_MS,
      replyBytesMax: options.replyBytesMax ?? REPLY_BYTES_MAX,
      retry,
      nowMs: () => this.now() * 1000,
    });
    this.#keys = new KeysCache(this.http, {
      checker: this.checker,
      now: this.now,
      masterPub,
      baseUrl: options.anyBaseUrl ? undefined : baseUrl,
    });
    this.#randomBytes = randomBytes;
  }

  keys(options: { readonly refresh?: boolean } = {}): Promise<ExchangeKeys> {
    return this.#keys.get(options.refresh ?? false);
  }

  /** Reads under the keys at hand and, if that fails, once more under newer ones: keys change while we hold some. */
  async withKeys<Value>(read: (keys: ExchangeKeys) => Value): Promise<Value> {
    const keys = await this.keys();
    try {
      return read(keys);
    } catch (error) {
      if (!(error instanceof ExchangeMisbehaved)) throw error;
      const fresh = await this.keys({ refresh: true });
      if (fresh === keys) throw error;
      return read(fresh);
    }
  }

  /** What signatures of the exchange are verified under, now. */
  voices({ signingKeys, denominations, currency, baseUrl }: ExchangeKeys) {
    return { checker: this.checker, signingKeys, denominations, currency, baseUrl, now: this.now() };
  }

  draw(sizeBytes: number): Uint8Array {
    const drawn = this.#randomBytes(sizeBytes);
    if (drawn.length !== sizeBytes) throw new EncodingError(`${sizeBytes} random bytes`, kindOf(drawn));
    return drawn;
  }
}
