import { type HttpClient, jsonOf } from './http.js';
import { type ExchangeKeys, readKeys } from './keys.js';
import { ReplyObject } from './reply.js';
import type { SignatureChecker } from './signatures.js';

export interface KeysCacheOptions {
  readonly checker: SignatureChecker;
  /** Seconds since 1970. */
  readonly now: () => number;
  /** The master key to believe; without, the first one that is seen. */
  readonly masterPub: Uint8Array | undefined;
  /** What the exchange has to call itself. */
  readonly baseUrl: string | undefined;
}

/** No reply is believed to be fresh for longer, whatever it says; in seconds. */
const FRESH_MAX_S = 3600;

/** The verified `/keys` of one exchange: fetched when needed, asked for again when old, verified when changed. */
export class KeysCache {
  #known: { readonly keys: ExchangeKeys; readonly etag: string | null; readonly freshUntil: number } | undefined;
  #pending: Promise<ExchangeKeys> | undefined;

  constructor(
    private readonly http: HttpClient,
    private readonly options: KeysCacheOptions,
  ) {}

  /** @param refresh asks the exchange even if what is known is fresh. An unchanged reply gives the same object */
  get(refresh: boolean): Promise<ExchangeKeys> {
    if (this.#known && !refresh && this.options.now() < this.#known.freshUntil)
      return Promise.resolve(this.#known.keys);
    this.#pending ??= this.#fetch().finally(() => {
      this.#pending = undefined;
    });
    return this.#pending;
  }

  async #fetch(): Promise<ExchangeKeys> {
    const known = this.#known;
    const headers = known?.etag ? { 'If-None-Match': known.etag } : {};
    const accept = known?.etag ? [200, 304] : [200];
    const reply = await this.http.send({ method: 'GET', path: 'keys', headers, accept });
    const { checker, now, baseUrl, masterPub } = this.options;
    const freshUntil = now() + freshFor(reply.headers.get('cache-control'));
    if (reply.status === 304 && known) {
      this.#known = { ...known, freshUntil };
      return known.keys;
    }
    const keys = readKeys(new ReplyObject(jsonOf(reply), 'keys'), {
      checker,
      now: now(),
      baseUrl,
      masterPub: masterPub ?? known?.keys.masterPub,
    });
    this.#known = { keys, etag: reply.headers.get('etag'), freshUntil };
    return keys;
  }
}

function freshFor(cacheControl: string | null): number {
  const seconds = /(?:^|[\s,])max-age=([0-9]{1,9})/.exec(cacheControl ?? '')?.[1];
  return seconds === undefined ? 0 : Math.min(Number(seconds), FRESH_MAX_S);
}
