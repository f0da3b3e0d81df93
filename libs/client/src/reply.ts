import {
  type Amount,
  decodeBase32,
  EncodingError,
  type JsonObject,
  JsonReal,
  type JsonValue,
  kindOf,
  parseAmount,
  parseDuration,
  parseTimestamp,
} from '@florin/encoding';
import { ExchangeMisbehaved } from './errors.js';

/*
 * Replies, read strictly: a member is read by the parser of its form, and what is missing or malformed is the
 * exchange's misbehaviour, named by its path. Members that nobody asks for are ignored, as everywhere in the protocol.
 */

/** Reads one value. @throws EncodingError when it has another form; a missing member is `undefined` */
export type Parser<Value> = (json: JsonValue | undefined) => Value;

export class ReplyObject {
  readonly json: JsonObject;

  /**
   * @param place how messages call the object: `keys`, `keys.denominations[3]`
   * @throws ExchangeMisbehaved unless it is an object
   */
  constructor(
    json: JsonValue | undefined,
    readonly place: string,
  ) {
    if (!isObject(json)) throw malformed(place, `an object is expected, not ${kindOf(json)}`);
    this.json = json;
  }

  has(name: string): boolean {
    return Object.hasOwn(this.json, name);
  }

  /** @throws ExchangeMisbehaved naming the member */
  read<Value>(name: string, parse: Parser<Value>): Value {
    try {
      return parse(this.has(name) ? this.json[name] : undefined);
    } catch (error) {
      if (!(error instanceof EncodingError)) throw error;
      throw malformed(`${this.place}.${name}`, error.message);
    }
  }

  /** `undefined` for a missing member; null is malformed, for a member that has nothing to say is left out. */
  optional<Value>(name: string, parse: Parser<Value>): Value | undefined {
    return this.has(name) ? this.read(name, parse) : undefined;
  }

  object(name: string): ReplyObject {
    return new ReplyObject(this.has(name) ? this.json[name] : undefined, `${this.place}.${name}`);
  }

  /** The objects of an array, in order; each knows its place. */
  objects(name: string): ReplyObject[] {
    return this.read(name, list).map((json, index) => new ReplyObject(json, `${this.place}.${name}[${index}]`));
  }

  /** {@link objects}, none when the member is missing. */
  optionalObjects(name: string): ReplyObject[] {
    return this.has(name) ? this.objects(name) : [];
  }
}

/** Text of at most 16,384 characters. */
export const text: Parser<string> = (json) => {
  if (typeof json !== 'string' || json.length > TEXT_LENGTH_MAX) throw new EncodingError('a text', kindOf(json));
  return json;
};

/** Base32 of exactly `sizeBytes`. */
export const bytes =
  (sizeBytes: number): Parser<Uint8Array> =>
  (json) =>
    decodeBase32(json as string, sizeBytes); // refuses what is not a string

/** Base32 of any length. */
export const base32Text: Parser<Uint8Array> = (json) => decodeBase32(json as string);

export const hash = bytes(64);
export const signature = bytes(64);
export const publicKey = bytes(32);

export const amountIn =
  (currency: string): Parser<Amount> =>
  (json) =>
    parseAmount(json as string, currency); // refuses what is not a string

/** Whole seconds since 1970, or NEVER. */
export const timestamp: Parser<number> = (json) => parseTimestamp(json);

/** Whole seconds since 1970. */
export const instant: Parser<number> = (json) => finite(parseTimestamp(json), 'an instant');

/** Microseconds. */
export const duration: Parser<number> = (json) => finite(parseDuration(json), 'a duration');

export const wholeNumber =
  (max: number): Parser<number> =>
  (json) => {
    if (typeof json !== 'number' || !Number.isInteger(json) || json < 0 || json > max) {
      throw new EncodingError(`a whole number from 0 to ${max}`, typeof json === 'number' ? `${json}` : kindOf(json));
    }
    return json;
  };

export const u32 = wholeNumber(0xffff_ffff);

/** Row numbers, and what else may go beyond 2^53. */
export const u64: Parser<bigint> = (json) => {
  const number = typeof json === 'number' && Number.isInteger(json) ? BigInt(json) : json;
  if (typeof number !== 'bigint' || number < 0n || number >= 2n ** 64n) {
    throw new EncodingError('a whole number of at most 64 bits', kindOf(json));
  }
  return number;
};

export const flag: Parser<boolean> = (json) => {
  if (typeof json !== 'boolean') throw new EncodingError('true or false', kindOf(json));
  return json;
};

export const list: Parser<readonly JsonValue[]> = (json) => {
  if (!Array.isArray(json)) throw new EncodingError('an array', kindOf(json));
  return json;
};

/** Any value that is there. */
export const anything: Parser<JsonValue> = (json) => {
  if (json === undefined) throw new EncodingError('a value', 'nothing');
  return json;
};

/** For what is read by parsers of other rooms, which name a member inside by themselves. */
export function readingAt<Value>(place: string, read: () => Value): Value {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof EncodingError)) throw error;
    throw malformed(place, error.message);
  }
}

const TEXT_LENGTH_MAX = 16_384;

function isObject(json: JsonValue | undefined): json is JsonObject {
  return typeof json === 'object' && json !== null && !Array.isArray(json) && !(json instanceof JsonReal);
}

function finite(value: number, what: string): number {
  if (!Number.isFinite(value)) throw new EncodingError(what, 'one that never comes');
  return value;
}

function malformed(place: string, problem: string): ExchangeMisbehaved {
  return new ExchangeMisbehaved('malformed', place, problem);
}
