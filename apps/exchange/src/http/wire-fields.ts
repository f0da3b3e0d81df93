/**
 * Decorators for the wire classes (DTOs). A member is parsed once, by the codec that knows its form; the validated class
 * then holds values of the domain (bytes, seconds, amounts), not text. Unknown members are dropped, as the protocol asks.
 */
import { parseTimestamp } from '@florin/encoding';
import { decodeBase32, encodeBase32, parseAmount } from '@florin/encoding';
import { Transform, Type } from 'class-transformer';
import { IsArray, IsOptional, ValidateBy, ValidateNested } from 'class-validator';

/** What a parser threw, in the place of the value, until validation reports it. */
class Malformed {
  constructor(readonly reason: string) {}
}

export type Parser<Value> = (json: unknown) => Value;

/** The member must be there and `parse` must accept it. */
export function Wire(parse: Parser<unknown>): PropertyDecorator {
  const transform = Transform(({ value }) => {
    if (value === undefined) return undefined;
    try {
      return parse(value);
    } catch (error) {
      return new Malformed(error instanceof Error ? error.message : 'malformed');
    }
  });
  const validate = ValidateBy({
    name: 'wire',
    validator: {
      validate: (value) => value !== undefined && !(value instanceof Malformed),
      defaultMessage: (args) => (args?.value instanceof Malformed ? args.value.reason : 'this member is missing'),
    },
  });
  return (target, property) => {
    transform(target, property);
    validate(target, property);
  };
}

/** The member may be absent; null counts as absent for wallets that send it so. */
export function OptionalWire(parse: Parser<unknown>): PropertyDecorator {
  const wire = Wire((json) => (json === null ? null : parse(json)));
  const optional = IsOptional();
  return (target, property) => {
    wire(target, property);
    optional(target, property);
  };
}

/** The member is an array of objects of another wire class. */
export function WireList(type: () => new () => object): PropertyDecorator {
  const decorators = [
    IsArray({ message: 'an array is expected' }),
    ValidateNested({ each: true, message: 'an object is expected' }),
    Type(type),
  ];
  return (target, property) => {
    for (const decorate of decorators) decorate(target, property);
  };
}

/** The member may be absent, else it is an object of another wire class. */
export function OptionalWireObject(type: () => new () => object): PropertyDecorator {
  const decorators = [IsOptional(), ValidateNested({ message: 'an object is expected' }), Type(type)];
  return (target, property) => {
    for (const decorate of decorators) decorate(target, property);
  };
}

function textOf(json: unknown): string {
  if (typeof json !== 'string') throw new TypeError(`text is expected, not ${json === null ? 'null' : typeof json}`);
  return json;
}

/** Bytes of a fixed size as canonical base32 text: two spellings of one value must not look different. */
export const base32 =
  <Name extends string>(sizeBytes: number): Parser<Name> =>
  (json) =>
    encodeBase32(decodeBase32(textOf(json), sizeBytes)) as Name;

/** Bytes of any size up to `maxBytes`, as canonical base32 text. */
export const base32Blob =
  (maxBytes: number): Parser<string> =>
  (json) => {
    const bytes = decodeBase32(textOf(json));
    if (bytes.length > maxBytes) throw new RangeError(`at most ${maxBytes} bytes are accepted here`);
    return encodeBase32(bytes);
  };

export const text =
  (maxLength: number): Parser<string> =>
  (json) => {
    const value = textOf(json);
    if (value.length > maxLength) throw new RangeError(`at most ${maxLength} characters are accepted here`);
    return value;
  };

/** Whole seconds since 1970, or NEVER. */
export const timestamp: Parser<number> = (json) => parseTimestamp(json);

export const amountIn =
  (currency: () => string): Parser<bigint> =>
  (json) =>
    parseAmount(textOf(json), currency()).units;

export const integer =
  (max: number): Parser<number> =>
  (json) => {
    if (typeof json !== 'number' || !Number.isSafeInteger(json) || json < 0 || json > max) {
      throw new RangeError(`a whole number from 0 to ${max} is expected`);
    }
    return json;
  };
