/**
 * Decorators for the wire classes (DTOs). A member is parsed once, by the codec that knows its form; the validated
 * class then holds values of the domain (bytes, seconds, amounts), not text. Only declared members are looked at:
 * unknown ones are dropped, as the protocol asks, however large they are.
 */
import {
  type Amount,
  decodeBase32,
  encodeBase32,
  NEVER,
  parseAmount,
  parseTimestamp,
  validatePayto,
} from '@florin/encoding';
import { IsArray, IsOptional, ValidateBy, ValidateNested } from 'class-validator';

/** What a parser threw, in the place of the value, until validation reports it. */
class Malformed {
  constructor(readonly reason: string) {}
}

export type Parser<Value> = (json: unknown) => Value;
export type WireClass<Body extends object = object> = new () => Body;

/** A JSON Schema (2020-12); a wire class inside stands for its own. */
export type Schema = { readonly [keyword: string]: unknown };

/** What a description of the interface says of a member. */
export interface WireMember {
  readonly schema: Schema;
  readonly isOptional: boolean;
}

/** Stands for what is no object; the nested validation passes null and undefined over. */
const NO_OBJECT = 'no object';

/** How the members of each wire class are read, and described. */
const MEMBERS = new Map<unknown, Map<string, WireMember & { readonly parse: Parser<unknown> }>>();

const SCHEMAS = new WeakMap<Parser<unknown>, Schema>();

/** Says what a parser takes; every parser of a wire class has to. */
export function described<Value>(schema: Schema, parse: Parser<Value>): Parser<Value> {
  SCHEMAS.set(parse, schema);
  return parse;
}

/** What was said of a parser; nothing restricts what is undescribed. */
export const schemaOf = (parse: Parser<unknown>): Schema => SCHEMAS.get(parse) ?? {};

/** The members of a wire class by name, in the order of their declaration. */
export const membersOf = (type: WireClass): ReadonlyMap<string, WireMember> => MEMBERS.get(type) ?? new Map();

function readWith(parse: Parser<unknown>, member: WireMember): PropertyDecorator {
  return (target, property) => {
    const members = MEMBERS.get(target.constructor) ?? new Map();
    MEMBERS.set(target.constructor, members.set(String(property), { parse, ...member }));
  };
}

const together =
  (...decorators: PropertyDecorator[]): PropertyDecorator =>
  (target, property) => {
    for (const decorate of decorators) decorate(target, property);
  };

/** An instance with the declared members of `json`, not validated yet; undefined if that is no object. */
export function readWire<Body extends object>(type: WireClass<Body>, json: unknown): Body | undefined {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return undefined;
  const body = new type() as Record<string, unknown>;
  for (const [name, { parse }] of MEMBERS.get(type) ?? []) {
    if (Object.hasOwn(json, name)) body[name] = parse((json as Record<string, unknown>)[name]);
  }
  return body as Body;
}

/** The member must be there and `parse` must accept it. */
export const Wire = (parse: Parser<unknown>): PropertyDecorator =>
  wire(parse, { schema: schemaOf(parse), isOptional: false });

function wire(parse: Parser<unknown>, member: WireMember): PropertyDecorator {
  const orMalformed = (json: unknown): unknown => {
    try {
      return parse(json);
    } catch (error) {
      return new Malformed(error instanceof Error ? error.message : 'malformed');
    }
  };
  const validate = ValidateBy({
    name: 'wire',
    validator: {
      validate: (value) => value !== undefined && !(value instanceof Malformed),
      defaultMessage: (args) => (args?.value instanceof Malformed ? args.value.reason : 'this member is missing'),
    },
  });
  return together(readWith(orMalformed, member), validate);
}

/** The member may be absent; null counts as absent for wallets that send it so. */
export const OptionalWire = (parse: Parser<unknown>): PropertyDecorator =>
  together(
    wire((json) => (json === null ? null : parse(json)), { schema: schemaOf(parse), isOptional: true }),
    IsOptional(),
  );

/**
 * The member is an array of objects of another wire class.
 * @param limit how many are read at most, and what is thrown before any is read when there are more
 */
export function WireList(
  type: () => WireClass,
  limit: { readonly max: number; readonly exceeded: () => Error },
): PropertyDecorator {
  const read = (json: unknown): unknown => {
    if (!Array.isArray(json)) return json;
    if (json.length > limit.max) throw limit.exceeded();
    return json.map((element) => readWire(type(), element) ?? NO_OBJECT);
  };
  return together(
    readWith(read, { schema: { type: 'array', items: type, maxItems: limit.max }, isOptional: false }),
    IsArray({ message: 'an array is expected' }),
    ValidateNested({ each: true, message: 'an object is expected' }),
  );
}

/** The member may be absent, else it is an object of another wire class. */
export const OptionalWireObject = (type: () => WireClass): PropertyDecorator =>
  together(
    readWith((json) => (json === null ? null : (readWire(type(), json) ?? NO_OBJECT)), {
      schema: { allOf: [type] },
      isOptional: true,
    }),
    IsOptional(),
    ValidateNested({ message: 'an object is expected' }),
  );

function textOf(json: unknown): string {
  if (typeof json !== 'string') throw new TypeError(`text is expected, not ${json === null ? 'null' : typeof json}`);
  return json;
}

/** Characters of base32 for so many bytes. */
const base32Length = (sizeBytes: number): number => Math.ceil((sizeBytes * 8) / 5);

/** Bytes of a fixed size as canonical base32 text: two spellings of one value must not look different. */
export const base32 = <Name extends string>(sizeBytes: number): Parser<Name> =>
  described(
    { type: 'string', pattern: `^[0-9A-Za-z]{${base32Length(sizeBytes)}}$`, description: `${sizeBytes} bytes, base32` },
    (json) => encodeBase32(decodeBase32(textOf(json), sizeBytes)) as Name,
  );

/** Bytes of any size up to `maxBytes`, as canonical base32 text. */
export const base32Blob = (maxBytes: number): Parser<string> =>
  described({ type: 'string', pattern: '^[0-9A-Za-z]*$', maxLength: base32Length(maxBytes) }, (json) => {
    const bytes = decodeBase32(textOf(json));
    if (bytes.length > maxBytes) throw new RangeError(`at most ${maxBytes} bytes are accepted here`);
    return encodeBase32(bytes);
  });

export const text = (maxLength: number): Parser<string> =>
  described({ type: 'string', maxLength }, (json) => {
    const value = textOf(json);
    if (value.length > maxLength) throw new RangeError(`at most ${maxLength} characters are accepted here`);
    return value;
  });

const PAYTO_LENGTH_MAX = 4096;

/** A full payto URI. */
export const payto: Parser<string> = described(
  { type: 'string', pattern: '^payto://', maxLength: PAYTO_LENGTH_MAX },
  (json) => {
    const uri = text(PAYTO_LENGTH_MAX)(json);
    const fault = validatePayto(uri);
    if (fault !== undefined) throw new TypeError(`a payto URI is expected: ${fault}`);
    return uri;
  },
);

/** Whole seconds since 1970, or NEVER. */
export const timestamp: Parser<number> = described(
  {
    type: 'object',
    properties: { t_s: { oneOf: [{ type: 'integer', minimum: 0 }, { const: 'never' }] } },
    required: ['t_s'],
  },
  (json) => parseTimestamp(json),
);

/** Whole seconds since 1970, of what happens once: NEVER is what says that it did not. */
export const instant: Parser<number> = described(
  { type: 'object', properties: { t_s: { type: 'integer', minimum: 0 } }, required: ['t_s'] },
  (json) => {
    const time = parseTimestamp(json);
    if (time === NEVER) throw new RangeError('a time is expected');
    return time;
  },
);

/** An amount of any currency: which one is right, the configuration says. */
export const amount: Parser<Amount> = described(
  { type: 'string', pattern: '^[A-Za-z]{1,11}:[0-9]{1,16}(\\.[0-9]{1,8})?$' },
  (json) => parseAmount(textOf(json)),
);

/** At most `max` of what `parse` reads. */
export const listOf = <Value>(parse: Parser<Value>, max: number): Parser<Value[]> =>
  described({ type: 'array', items: schemaOf(parse), maxItems: max }, (json) => {
    if (!Array.isArray(json)) throw new TypeError('an array is expected');
    if (json.length > max) throw new RangeError(`at most ${max} elements are accepted here`);
    return json.map(parse);
  });

export const integer = (max: number): Parser<number> =>
  described({ type: 'integer', minimum: 0, maximum: max }, (json) => {
    if (typeof json !== 'number' || !Number.isSafeInteger(json) || json < 0 || json > max) {
      throw new RangeError(`a whole number from 0 to ${max} is expected`);
    }
    return json;
  });
