/**
 * The types of event fields: how a value of the domain stands in a stored event. Amounts are bigint units (1e-8) here
 * and `"CUR:1.5"` there; keys, hashes and signatures are canonical base32 text in both, so that a stream is readable in
 * any event browser; instants are whole seconds since 1970, or `"never"`.
 */
import { formatAmount, NEVER, parseAmount } from '@florin/encoding';

export type Json = string | number | boolean | null | Json[] | { [member: string]: Json };
export type JsonObject = { [member: string]: Json };

/** A stored event that is not what its schema says: the stream is damaged, or a newer Florin wrote it. */
export class EventFormatError extends Error {
  override readonly name = 'EventFormatError';
}

/** What a field holds, as data: tests draw values from it, and documentation is written from it. */
export type Shape =
  | { readonly kind: 'blob' | 'text' | 'amount' | 'instant' | 'count' | 'u64' | 'flag' }
  | { readonly kind: 'bytes'; readonly sizeBytes: number }
  | { readonly kind: 'words'; readonly words: readonly string[] }
  | { readonly kind: 'list'; readonly item: Shape }
  | { readonly kind: 'object'; readonly members: readonly Member[] }
  | { readonly kind: 'variants'; readonly variants: readonly Shape[] };

export interface Member {
  readonly name: string;
  readonly shape: Shape;
  readonly optional: boolean;
}

export interface Field<Value> {
  readonly shape: Shape;
  encode(value: Value, currency: string): Json;
  /** @throws EventFormatError naming `path` if `json` is not what `encode` writes */
  decode(json: Json, currency: string, path: string): Value;
}

/** A field that may be absent; it is left out of the stored object, never null. */
export interface OptionalField<Value> extends Field<Value> {
  readonly optional: true;
}

type Fields = { readonly [name: string]: Field<unknown> | OptionalField<unknown> };
type ValueOf<F> = F extends Field<infer Value> ? Value : never;
type OptionalNames<F extends Fields> = { [K in keyof F]: F[K] extends OptionalField<unknown> ? K : never }[keyof F];
export type ObjectOf<F extends Fields> = { readonly [K in Exclude<keyof F, OptionalNames<F>>]: ValueOf<F[K]> } & {
  readonly [K in OptionalNames<F>]?: ValueOf<F[K]>;
};

/** Text of base32 bytes that must not be mixed up with others, e.g. `Base32<'ReservePub'>`. */
export type Base32<Name extends string> = string & { readonly bytesOf: Name };

function fail(path: string, expected: string, json: Json | undefined): never {
  const shown = typeof json === 'string' || json === undefined ? typeof json : JSON.stringify(json)?.slice(0, 40);
  throw new EventFormatError(`${path}: expected ${expected}, got ${shown}`);
}

function textField<Value extends string>(
  shape: Shape,
  expected: string,
  accepts: (text: string) => boolean,
): Field<Value> {
  return {
    shape,
    encode: (value) => value,
    decode: (json, _currency, path) =>
      typeof json === 'string' && accepts(json) ? (json as Value) : fail(path, expected, json),
  };
}

const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/** Without decoding, for every event that is read passes here: right letters, right length, filler bits zero. */
function isCanonicalBase32(text: string, sizeBytes = Math.floor((text.length * 5) / 8)): boolean {
  if (text.length !== Math.ceil((sizeBytes * 8) / 5) || !/^[0-9A-HJKMNP-TV-Z]*$/.test(text)) return false;
  const filler = text.length * 5 - sizeBytes * 8;
  return filler === 0 || ALPHABET.indexOf(text.at(-1) ?? '0') % 2 ** filler === 0;
}

/** Exactly `sizeBytes` bytes as canonical base32. */
export const bytes = <Name extends string>(sizeBytes: number): Field<Base32<Name>> =>
  textField({ kind: 'bytes', sizeBytes }, `${sizeBytes} bytes in base32`, (text) => isCanonicalBase32(text, sizeBytes));

/** Any number of bytes as canonical base32. */
export const blob = <Name extends string = 'Blob'>(): Field<Base32<Name>> =>
  textField({ kind: 'blob' }, 'base32', (text) => isCanonicalBase32(text));

export const text = (): Field<string> => textField({ kind: 'text' }, 'text', () => true);

export const oneOf = <const Word extends string>(...words: Word[]): Field<Word> =>
  textField({ kind: 'words', words }, words.join(' or '), (word) => (words as string[]).includes(word));

/** As `formatAmount` writes it; wallets may send other forms of the same amount. */
const CANONICAL_AMOUNT = /^[A-Z]+:(0|[1-9][0-9]*)(\.[0-9]*[1-9])?$/;

/** Units of 1e-8 of the ledger's one currency. */
export const amount = (): Field<bigint> => ({
  shape: { kind: 'amount' },
  encode: (units, currency) => formatAmount({ currency, units }),
  decode: (json, currency, path) => {
    if (typeof json !== 'string' || !CANONICAL_AMOUNT.test(json)) return fail(path, 'an amount', json);
    try {
      return parseAmount(json, currency).units;
    } catch {
      return fail(path, `an amount in ${currency}`, json);
    }
  },
});

/** Whole seconds since 1970, or NEVER. */
export const instant = (): Field<number> => ({
  shape: { kind: 'instant' },
  encode: (seconds) => (seconds === NEVER ? 'never' : seconds),
  decode: (json, _currency, path) => {
    if (json === 'never') return NEVER;
    return typeof json === 'number' && Number.isSafeInteger(json) && json >= 0 ? json : fail(path, 'seconds', json);
  },
});

/** A whole number from 0 to 2^53 - 1: counts, ordinals, ages, durations in the unit that the name says. */
export const count = (): Field<number> => ({
  shape: { kind: 'count' },
  encode: (value) => value,
  decode: (json, _currency, path) =>
    typeof json === 'number' && Number.isSafeInteger(json) && json >= 0 ? json : fail(path, 'a count', json),
});

const U64_MAX = 2n ** 64n - 1n;

/** An unsigned 64 bit number, as decimal text: JSON numbers end at 2^53. */
export const u64 = (): Field<bigint> => ({
  shape: { kind: 'u64' },
  encode: (value) => value.toString(),
  decode: (json, _currency, path) => {
    const value = typeof json === 'string' && /^(0|[1-9][0-9]{0,19})$/.test(json) ? BigInt(json) : -1n;
    return value >= 0n && value <= U64_MAX ? value : fail(path, 'a u64', json);
  },
});

export const flag = (): Field<boolean> => ({
  shape: { kind: 'flag' },
  encode: (value) => value,
  decode: (json, _currency, path) => (typeof json === 'boolean' ? json : fail(path, 'true or false', json)),
});

export const optional = <Value>(field: Field<Value>): OptionalField<Value> => ({ ...field, optional: true });

export const list = <Value>(item: Field<Value>): Field<readonly Value[]> => ({
  shape: { kind: 'list', item: item.shape },
  encode: (values, currency) => values.map((value) => item.encode(value, currency)),
  decode: (json, currency, path) =>
    Array.isArray(json)
      ? json.map((element, index) => item.decode(element, currency, `${path}[${index}]`))
      : fail(path, 'a list', json),
});

/** An object with exactly these members. */
export function object<F extends Fields>(fields: F): Field<ObjectOf<F>> {
  const entries = Object.entries(fields) as [string, Field<unknown> & { optional?: true }][];
  const members = entries.map(([name, { shape, optional = false }]) => ({ name, shape, optional }));
  return {
    shape: { kind: 'object', members },
    encode: (value, currency) => {
      const json: JsonObject = {};
      for (const [name, field] of entries) {
        const member = (value as Record<string, unknown>)[name];
        if (member !== undefined) json[name] = field.encode(member, currency);
        else if (!field.optional) throw new EventFormatError(`${name} is missing`);
      }
      return json;
    },
    decode: (json, currency, path) => {
      if (typeof json !== 'object' || json === null || Array.isArray(json)) return fail(path, 'an object', json);
      const value: Record<string, unknown> = {};
      let found = 0;
      for (const [name, field] of entries) {
        const member = json[name];
        if (member !== undefined) {
          value[name] = field.decode(member, currency, `${path}.${name}`);
          found += 1;
        } else if (!field.optional) fail(`${path}.${name}`, 'a value', undefined);
      }
      if (found !== Object.keys(json).length) fail(path, `only ${Object.keys(fields).join(', ')}`, json);
      return value as ObjectOf<F>;
    },
  };
}

type Variant<Cipher extends string, F extends Fields> = { readonly cipher: Cipher } & ObjectOf<F>;

/** One of two objects, told apart by their member `cipher`. */
export function byCipher<R extends Fields, C extends Fields>(
  rsa: R,
  cs: C,
): Field<Variant<'RSA', R> | Variant<'CS', C>> {
  const variants = new Map<unknown, Field<unknown>>([
    ['RSA', object({ cipher: oneOf('RSA'), ...rsa })],
    ['CS', object({ cipher: oneOf('CS'), ...cs })],
  ]);
  const variantOf = (value: unknown, path: string): Field<unknown> => {
    const cipher = typeof value === 'object' && value !== null && 'cipher' in value ? value.cipher : undefined;
    return variants.get(cipher) ?? fail(`${path}.cipher`, 'RSA or CS', cipher as Json | undefined);
  };
  return {
    shape: { kind: 'variants', variants: [...variants.values()].map(({ shape }) => shape) },
    encode: (value, currency) => variantOf(value, '').encode(value, currency),
    decode: (json, currency, path) =>
      variantOf(json, path).decode(json, currency, path) as Variant<'RSA', R> | Variant<'CS', C>,
  };
}

/** The name, version and fields of one kind of event. */
export interface EventDefinition<Type extends string, Data> {
  readonly type: Type;
  readonly version: number;
  readonly data: Field<Data>;
  /** Turns the stored data of version `key` into that of version `key + 1`. */
  readonly upcasts: { readonly [version: number]: (data: JsonObject) => JsonObject };
}

export type EventOf<D> = D extends EventDefinition<infer Type, infer Data> ? { readonly type: Type } & Data : never;

export function defineEvent<const Type extends string, F extends Fields>(
  type: Type,
  fields: F,
): EventDefinition<Type, ObjectOf<F>> {
  return { type, version: 1, data: object(fields), upcasts: {} };
}
