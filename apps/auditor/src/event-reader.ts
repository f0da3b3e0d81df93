/** What the columns of an event say: of which stream it is, and in which currency its amounts are. */
import { type AnyEvent, CATALOGUE, type Category, EventCodec, EventFormatError } from '@florin/domain';
import type { JsonObject } from '@florin/event-store';
import type { SourceEvent } from './source/source.js';

/** `<instance>.<category>-<key>`; the stream `keys` has no key. */
const STREAM_NAME = /^([a-z0-9]+)\.([a-z]+)(?:-(.*))?$/;
const KEY = /^[0-9A-HJKMNP-TV-Z]{51}[0G]$/;
const HASH = /^[0-9A-HJKMNP-TV-Z]{102}[08GR]$/;

/** What a stream may be called after: keys and hashes in base32, a section name. */
function isKey(category: Category, key: string | undefined): boolean {
  switch (category) {
    case 'keys':
      return key === undefined;
    case 'wire':
      return key !== undefined && /^[a-z0-9-]+$/.test(key);
    case 'transfer':
      return key !== undefined && HASH.test(key);
    case 'nonce': {
      const [denomination, nonce, ...others] = key?.split('.') ?? [];
      return HASH.test(denomination ?? '') && KEY.test(nonce ?? '') && others.length === 0;
    }
    default:
      return key !== undefined && KEY.test(key);
  }
}

/** The currency that the terms name; of a ledger whose terms cannot be read, that of the first amount. */
export function currencyOf(data: unknown): string | undefined {
  if (typeof data !== 'object' || data === null) return undefined;
  if ('currency' in data && typeof data.currency === 'string') return data.currency;
  const amount = Object.values(data).find((value) => typeof value === 'string' && /^[A-Z]{1,11}:[0-9]/.test(value));
  return typeof amount === 'string' ? amount.slice(0, amount.indexOf(':')) : undefined;
}

export class EventReader {
  /** The name before the dot in every stream; the first event says it. */
  instance: string | undefined;
  private codec: EventCodec | undefined;
  /** The stream that was looked at last: every event asks twice. */
  private named: { readonly stream: string; readonly category: Category } | undefined;

  /** The ledger's one currency; undefined as long as nothing named it. */
  get currency(): string | undefined {
    return this.codec?.currency;
  }

  /** The stream of the keys, with the terms of the ledger. */
  get keysStream(): string {
    return `${this.instance}.keys`;
  }

  /** @returns nothing before the terms of the ledger are known @throws EventFormatError, SyntaxError */
  decode(event: SourceEvent): AnyEvent | undefined {
    const category = this.categoryOf(event.stream);
    const data = event.data ?? (JSON.parse(event.text) as JsonObject);
    const currency = this.codec ? undefined : currencyOf(data);
    if (!this.codec && category !== 'keys') return undefined;
    if (currency !== undefined) this.codec = new EventCodec(currency);
    // Before the first amount there are keys without any.
    const codec = this.codec ?? new EventCodec('NONE');
    return codec.decode(category, { type: event.type, version: event.version, data });
  }

  /** @throws EventFormatError */
  categoryOf(stream: string): Category {
    if (stream === this.named?.stream) return this.named.category;
    const [, instance, category = '', key] = STREAM_NAME.exec(stream) ?? [];
    this.instance ??= instance;
    if (instance !== this.instance || !Object.hasOwn(CATALOGUE, category) || !isKey(category as Category, key)) {
      throw new EventFormatError(`no stream of this ledger is called ${stream.slice(0, 40)}`);
    }
    this.named = { stream, category: category as Category };
    return category as Category;
  }

  save(): { readonly instance: string | undefined; readonly currency: string | undefined } {
    return { instance: this.instance, currency: this.currency };
  }

  load({ instance, currency }: { readonly instance?: string; readonly currency?: string }): void {
    this.instance = instance;
    if (currency !== undefined) this.codec = new EventCodec(currency);
  }
}
