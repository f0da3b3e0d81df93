/**
 * The types of event fields: how a value of the domain stands in a stored event. Amounts are bigint units (1e-8) here
 * and `"CUR:1.5"` there; keys, hashes and signatures are canonical base32 text in both, so that a stream is readable in
 * any event browser; instants are whole seconds since 1970, or `"never"`.
 */
import { formatAmount, NEVER, parseAmount } from '@florin/encoding';

export type Json = string | number | boolean | null | Json[] | { [member: string]: Json };
export type JsonObject = { [member: string]: Json };

/** A stored event that is not what its schema says. Never a client's fault: the stream is damaged or of a newer Florin. */
export class EventFormatError extends Error {
  override readonly name = 'EventFormatError';
}

export interface Field<Value> {
  readonly encode: (value: Value, currency: string) => Json;
  /** @throws EventFormatError naming `path` if `json` is not what `encode` writes */
  readonly decode: (json: Json, currency: string, path: string) => Value;
}

/** A field that may be absent; it is left out of the stored object, never null. */
export interface OptionalField<Value> extends Field<Value> {
  readonly optional: true;
}

type Fields = { readonly [name: string]: Field<any> | OptionalField<any> };
type ValueOf<F> = F extends Field<infer Value> ? Value : never;
type OptionalNames<F extends Fields> = { [K in keyof F]: F[K] extends OptionalField<any> ? K : never }[keyof F];
export type ObjectOf<F extends Fields> = { readonly [K in Exclude<keyof F, OptionalNames<F>>]: ValueOf<F[K]> } & {
  readonly [K in OptionalNames<F>]?: ValueOf<F[K]>;
};

/** Text of base32 bytes that must not be mixed up with others, e.g. `Base32<'ReservePub'>`. */
export type Base32<Name extends string> = string & { readonly bytesOf: Name };

function fail(path: string, expected: string, json: Json | undefined): never {
  const shown = typeof json === 'string' || json === undefined ? typeof json : JSON.stringify(json)?.slice(0, 40);
  throw new EventFormatError(`${path}: expected ${expected}, got ${shown}`);
}

function textField<Value extends string>(expected: string, accepts: (text: string) => boolean): Field<Value> {
  return {
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
  textField(`${sizeBytes} bytes in base32`, (text) => isCanonicalBase32(text, sizeBytes));

/** Any number of bytes as canonical base32. */
export const blob = <Name extends string = 'Blob'>(): Field<Base32<Name>> =>
  textField('base32', (text) => isCanonicalBase32(text));

export const text = (): Field<string> => textField('text', () => true);

export const oneOf = <const Word extends string>(...words: Word[]): Field<Word> =>
  textField(words.join(' or '), (word) => (words as string[]).includes(word));

/** Units of 1e-8 of the ledger's one currency. */
export const amount = (): Field<bigint> => ({
  encode: (units, currency) => formatAmount({ currency, units }),
  decode: (json, currency, path) => {
    if (typeof json !== 'string') return fail(path, 'an amount', json);
    try {
      return parseAmount(json, currency).units;
    } catch {
      return fail(path, `an amount in ${currency}`, json);
    }
  },
});

/** Whole seconds since 1970, or NEVER. */
export const instant = (): Field<number> => ({
  encode: (seconds) => (seconds === NEVER ? 'never' : seconds),
  decode: (json, _currency, path) => {
    if (json === 'never') return NEVER;
    return typeof json === 'number' && Number.isSafeInteger(json) && json >= 0 ? json : fail(path, 'seconds', json);
  },
});

/** A whole number from 0 to 2^53 - 1: counts, ordinals, ages, durations in the unit that the name says. */
export const count = (): Field<number> => ({
  encode: (value) => value,
  decode: (json, _currency, path) =>
    typeof json === 'number' && Number.isSafeInteger(json) && json >= 0 ? json : fail(path, 'a count', json),
});

/** An unsigned 64 bit number, as decimal text: JSON numbers end at 2^53. */
export const u64 = (): Field<bigint> => ({
  encode: (value) => value.toString(),
  decode: (json, _currency, path) =>
    typeof json === 'string' && /^(0|[1-9][0-9]{0,19})$/.test(json) ? BigInt(json) : fail(path, 'a u64', json),
});

export const flag = (): Field<boolean> => ({
  encode: (value) => value,
  decode: (json, _currency, path) => (typeof json === 'boolean' ? json : fail(path, 'true or false', json)),
});

export const optional = <Value>(field: Field<Value>): OptionalField<Value> => ({ ...field, optional: true });

export const list = <Value>(item: Field<Value>): Field<readonly Value[]> => ({
  encode: (values, currency) => values.map((value) => item.encode(value, currency)),
  decode: (json, currency, path) =>
    Array.isArray(json)
      ? json.map((element, index) => item.decode(element, currency, `${path}[${index}]`))
      : fail(path, 'a list', json),
});

/** An object with exactly these members. */
export function object<F extends Fields>(fields: F): Field<ObjectOf<F>> {
  const entries = Object.entries(fields) as [string, Field<unknown> & { optional?: true }][];
  return {
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
      let members = 0;
      for (const [name, field] of entries) {
        const member = json[name];
        if (member !== undefined) {
          value[name] = field.decode(member, currency, `${path}.${name}`);
          members += 1;
        } else if (!field.optional) fail(`${path}.${name}`, 'a value', undefined);
      }
      if (members !== Object.keys(json).length) fail(path, `only ${Object.keys(fields).join(', ')}`, json);
      return value as ObjectOf<F>;
    },
  };
}

/** One of several objects, told apart by their member `cipher`. */
export function byCipher<R extends Fields, C extends Fields>(
  rsa: R,
  cs: C,
): Field<({ readonly cipher: 'RSA' } & ObjectOf<R>) | ({ readonly cipher: 'CS' } & ObjectOf<C>)> {
  const variants: Record<string, Field<any>> = {
    RSA: object({ cipher: oneOf('RSA'), ...rsa }),
    CS: object({ cipher: oneOf('CS'), ...cs }),
  };
  return {
    encode: (value, currency) => (variants[value.cipher] as Field<any>).encode(value, currency),
    decode: (json, currency, path) => {
      const cipher = typeof json === 'object' && json !== null && !Array.isArray(json) ? json.cipher : undefined;
      const variant = typeof cipher === 'string' ? variants[cipher] : undefined;
      return variant ? variant.decode(json, currency, path) : fail(`${path}.cipher`, 'RSA or CS', cipher);
    },
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
