import { EncodingError, kindOf } from './errors.js';

/*
 * A strict JSON reader that keeps what hashing must not lose: an integer beyond 2^53 becomes a bigint, a number written
 * with a point or an exponent stays a real (`1.0` is not `1`), a member named twice and a lone surrogate are refused.
 * It accepts what the reference's parser (jansson) accepts, apart from members named twice, which that one drops.
 */

/** A number that was written with a fraction or an exponent. */
export class JsonReal {
  constructor(readonly value: number) {}
}

/** An object as the reader makes it: without prototype, so that any member name is safe. */
export interface JsonObject {
  readonly [member: string]: JsonValue;
}

/** A JSON value that can be hashed. Numbers are integers when they have no fraction. */
export type JsonValue = null | boolean | string | number | bigint | JsonReal | readonly JsonValue[] | JsonObject;

/** Nesting that is still read; deeper input can only be an attack. */
const DEPTH_MAX = 2048;
const INTEGER_MIN = -(2n ** 63n);
const INTEGER_MAX = 2n ** 63n - 1n;
const NUMBER = /-?(?:0|[1-9][0-9]*)((?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)/y;
const BLANKS = /[ \t\n\r]*/y;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are exactly what JSON strings exclude
const PLAIN = /[^"\\\u0000-\u001f]*/y;
const UNICODE_ESCAPE = /[0-9a-fA-F]{4}/y;
const LONE_SURROGATE = /[\ud800-\udfff]/u;
const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
};
const WORDS: ReadonlyMap<string, null | boolean> = new Map([
  ['null', null],
  ['true', true],
  ['false', false],
]);

/**
 * Reads one JSON value and nothing after it but blanks.
 * @throws EncodingError naming the position; also on an integer beyond 64 bits, a real that overflows, NUL in a member
 *   name, a member named twice, a lone surrogate, and nesting deeper than 2048
 */
export function parseJson(text: string): JsonValue {
  if (typeof text !== 'string') throw new EncodingError('JSON text', kindOf(text));
  const reader = new Reader(text);
  const value = reader.value(0);
  reader.end();
  return value;
}

class Reader {
  private position = 0;

  constructor(private readonly text: string) {}

  value(depth: number): JsonValue {
    if (depth > DEPTH_MAX) throw this.fault(`at most ${DEPTH_MAX} levels`, 'deeper nesting');
    this.take(BLANKS);
    const first = this.text[this.position];
    let value: JsonValue | undefined;
    if (first === '{') value = this.object(depth);
    else if (first === '[') value = this.array(depth);
    else if (first === '"') value = this.string();
    else value = this.word();
    if (value === undefined) value = this.number();
    this.take(BLANKS);
    return value;
  }

  end(): void {
    if (this.position < this.text.length) throw this.fault('the end of the JSON text', 'more');
  }

  private object(depth: number): JsonObject {
    const object: Record<string, JsonValue> = Object.create(null);
    this.expect('{');
    this.take(BLANKS);
    if (this.skip('}')) return object;
    do {
      this.take(BLANKS);
      const name = this.string();
      if (name.includes('\0')) throw this.fault('a member name without NUL', 'a NUL character');
      if (Object.hasOwn(object, name)) throw this.fault('every member once', 'a member named twice');
      this.take(BLANKS);
      this.expect(':');
      object[name] = this.value(depth + 1);
    } while (this.skip(','));
    this.expect('}');
    return object;
  }

  private array(depth: number): JsonValue[] {
    const array: JsonValue[] = [];
    this.expect('[');
    this.take(BLANKS);
    if (this.skip(']')) return array;
    do array.push(this.value(depth + 1));
    while (this.skip(','));
    this.expect(']');
    return array;
  }

  private string(): string {
    this.expect('"');
    let string = this.take(PLAIN);
    while (this.skip('\\')) string += this.escape() + this.take(PLAIN);
    this.expect('"');
    if (LONE_SURROGATE.test(string)) throw this.fault('well-formed Unicode', 'a lone surrogate');
    return string;
  }

  private escape(): string {
    if (this.skip('u')) {
      const digits = this.take(UNICODE_ESCAPE);
      if (digits === '') throw this.fault('four hexadecimal digits', 'other characters');
      return String.fromCharCode(Number.parseInt(digits, 16));
    }
    const character = ESCAPES[this.text[this.position] ?? ''];
    if (character === undefined) throw this.fault('an escape of JSON', 'another one');
    this.position++;
    return character;
  }

  private word(): null | boolean | undefined {
    for (const [word, value] of WORDS) {
      if (!this.text.startsWith(word, this.position)) continue;
      this.position += word.length;
      return value;
    }
    return undefined;
  }

  private number(): number | bigint | JsonReal {
    NUMBER.lastIndex = this.position;
    const match = NUMBER.exec(this.text);
    if (match === null) throw this.fault('a JSON value', 'something else');
    const [digits, tail] = match;
    this.position += digits.length;
    if (tail !== '') {
      const value = Number(digits);
      if (!Number.isFinite(value)) throw this.fault('a real of 64 bits', 'a larger one');
      return new JsonReal(value);
    }
    const value = BigInt(digits);
    if (value < INTEGER_MIN || value > INTEGER_MAX) throw this.fault('an integer of 64 bits', 'a larger one');
    return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  }

  private take(pattern: RegExp): string {
    pattern.lastIndex = this.position;
    const [taken = ''] = pattern.exec(this.text) ?? [];
    this.position += taken.length;
    return taken;
  }

  private skip(character: string): boolean {
    if (this.text[this.position] !== character) return false;
    this.position++;
    return true;
  }

  private expect(character: string): void {
    if (!this.skip(character)) {
      const got = this.position < this.text.length ? 'another character' : 'the end';
      throw this.fault(character, got);
    }
  }

  private fault(expected: string, got: string): EncodingError {
    return new EncodingError(`${expected} at position ${this.position} of JSON`, got);
  }
}
