import { encodeBase32 } from './base32.js';
import { utf8, utf8z } from './bytes.js';
import { EncodingError, kindOf } from './errors.js';
import { type JsonObject, JsonReal, type JsonValue } from './json.js';

/*
 * The texts behind the hashes of JSON values. Two forms exist, and they differ in two points only: contracts write a
 * control character as lower-case `\u001f` and have no reals.
 *
 *   canonicalJson  no blanks, members in byte order of their UTF-8 names, `\u001F`, reals kept apart from integers.
 *                  Hashed as it is: attest requests and details, KYC objects. No vector shows it for wire restrictions,
 *                  AML properties and rules, and deposit policies; C uses it there.
 *   contractJson   the same after the string escapes of RFC 8785, forgettable members replaced by their hashes.
 *                  Hashed with one NUL byte behind it.
 *
 * Source: protocol/encoding.md section 5; vectors: test/vectors/contract_hash.json
 */

/**
 * Hashes the value of a forgettable member: kdf(64, salt, ikm = value, no info), 64 bytes.
 * @param salt UTF-8 of the salt string
 * @param value UTF-8 of the member's contract text and NUL
 */
export type HashForgotten = (salt: Uint8Array, value: Uint8Array) => Uint8Array;

const INTEGER_MIN = -(2n ** 63n);
const INTEGER_MAX = 2n ** 63n - 1n;
const FORGETTABLE = '$forgettable';
const FORGOTTEN = '$forgotten';
const SIGNIFICANT_DIGITS = 17;
/** As many as JavaScript gives: enough to see whether a value lies exactly between two of 17 digits. */
const DIGITS_MAX = 100;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what has to be escaped
const ESCAPED = /["\\\u0000-\u001f]/g;
const LONE_SURROGATE = /[\ud800-\udfff]/u;
const SHORT_ESCAPES: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
};

interface Style {
  /** The four digits behind `\u`. */
  digits(code: number): string;
  real(value: number): string;
}

const JANSSON: Style = { digits: (code) => hex4(code).toUpperCase(), real: formatReal };
const CONTRACT: Style = {
  digits: hex4,
  real: () => {
    throw new EncodingError('integers only in a contract', 'a real number');
  },
};

/**
 * The compact, sorted text of a value. Values from `JSON.parse` have lost the difference between `1.0` and `1`, and
 * integers beyond 2^53: read the text with parseJson where that may matter.
 * @throws EncodingError on what JSON cannot say (undefined, NaN, a lone surrogate, an integer beyond 64 bits)
 */
export function canonicalJson(value: JsonValue): string {
  return write(value, JANSSON);
}

/**
 * The text of contract terms, without the NUL that is hashed behind it.
 * @param hashForgotten called for every member that a `$forgettable` names, at any level, inner ones first
 * @throws EncodingError on a real number, on a `$forgettable` that is not an object of strings, and as canonicalJson
 */
export function contractJson(terms: JsonValue, hashForgotten: HashForgotten): string {
  return write(forget(terms, hashForgotten), CONTRACT);
}

function forget(value: JsonValue, hashForgotten: HashForgotten): JsonValue {
  if (isArray(value)) return value.map((element) => forget(element, hashForgotten));
  if (!isObject(value)) return value;
  const salts = membersOf(value, FORGETTABLE);
  const forgotten: Record<string, JsonValue> = Object.assign(Object.create(null), membersOf(value, FORGOTTEN));
  const kept: Record<string, JsonValue> = Object.create(null);
  for (const [name, member] of Object.entries(value)) {
    if (name === FORGETTABLE || name === FORGOTTEN) continue;
    const scrubbed = forget(member, hashForgotten);
    const salt = Object.hasOwn(salts, name) ? salts[name] : undefined;
    if (salt === undefined) {
      kept[name] = scrubbed;
      continue;
    }
    if (typeof salt !== 'string') throw new EncodingError(`a salt string in ${FORGETTABLE}`, kindOf(salt));
    if (Object.hasOwn(forgotten, name)) throw new EncodingError(`a member or its ${FORGOTTEN} hash`, 'both');
    forgotten[name] = encodeBase32(hashForgotten(utf8(salt), utf8z(write(scrubbed, CONTRACT))));
  }
  if (Object.keys(forgotten).length > 0) kept[FORGOTTEN] = forgotten;
  return kept;
}

function membersOf(value: JsonObject, name: string): JsonObject {
  const members = Object.hasOwn(value, name) ? value[name] : {};
  if (members === undefined || !isObject(members)) throw new EncodingError(`an object as ${name}`, kindOf(members));
  return members;
}

function write(value: JsonValue, style: Style): string {
  if (value === null || typeof value === 'boolean') return String(value);
  if (typeof value === 'string') return writeString(value, style);
  if (typeof value === 'number') return writeNumber(value, style);
  if (typeof value === 'bigint') return writeBigint(value);
  if (value instanceof JsonReal) return style.real(value.value);
  if (isArray(value)) return `[${value.map((element) => write(element, style)).join(',')}]`;
  if (isObject(value)) return writeObject(value, style);
  throw new EncodingError('a JSON value', kindOf(value));
}

function writeNumber(value: number, style: Style): string {
  if (Number.isSafeInteger(value)) return String(value);
  if (Number.isInteger(value)) throw new EncodingError('an integer above 2^53 as a bigint', 'a number');
  return style.real(value);
}

function writeBigint(value: bigint): string {
  if (value < INTEGER_MIN || value > INTEGER_MAX) throw new EncodingError('an integer of 64 bits', 'a larger one');
  return String(value);
}

function writeObject(object: JsonObject, style: Style): string {
  const members = Object.entries(object).sort(([a], [b]) => compareByteOrder(a, b));
  return `{${members.map(([name, value]) => `${writeString(name, style)}:${write(value, style)}`).join(',')}}`;
}

function writeString(text: string, style: Style): string {
  if (LONE_SURROGATE.test(text)) throw new EncodingError('well-formed Unicode', 'a lone surrogate');
  const escaped = (character: string) => SHORT_ESCAPES[character] ?? `\\u${style.digits(character.charCodeAt(0))}`;
  return `"${text.replace(ESCAPED, escaped)}"`;
}

/** Byte order of the UTF-8 forms: order of code points, so surrogates come after all other UTF-16 units. */
function compareByteOrder(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const [x, y] = [a.charCodeAt(i), b.charCodeAt(i)];
    if (x !== y) return afterAllPlanes(x) - afterAllPlanes(y);
  }
  return a.length - b.length;
}

function afterAllPlanes(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x1_0000 : unit;
}

function hex4(code: number): string {
  return code.toString(16).padStart(4, '0');
}

/**
 * A real as jansson up to 2.14 writes it (C's `%.17g`, always with a point or an exponent). The vectors show only 1.0
 * and 1.5, which later releases with their shortest digits write alike; others are uncertain, and none is ever signed.
 */
function formatReal(value: number): string {
  if (!Number.isFinite(value)) throw new EncodingError('a finite number', String(value));
  const sign = value < 0 || Object.is(value, -0) ? '-' : '';
  const [mantissa = '', exponentText = '0'] = roundedHalfEven(Math.abs(value)).split('e');
  const exponent = Number(exponentText);
  const digits = mantissa.replace('.', '').replace(/0+$/, '') || '0';
  if (exponent < -4 || exponent >= SIGNIFICANT_DIGITS) {
    const fraction = digits.slice(1);
    return `${sign}${digits[0]}${fraction && `.${fraction}`}e${exponent}`;
  }
  const whole = exponent < 0 ? '0' : digits.slice(0, exponent + 1).padEnd(exponent + 1, '0');
  const fraction = exponent < 0 ? digits.padStart(digits.length - exponent - 1, '0') : digits.slice(exponent + 1);
  return `${sign}${whole}.${fraction || '0'}`;
}

/** 17 digits with exponent; JavaScript rounds a tie up, C to the even digit. */
function roundedHalfEven(value: number): string {
  const [, kept, exponent] = /^(\d\.\d{15}[02468])50*(e.*)$/.exec(value.toExponential(DIGITS_MAX)) ?? [];
  return kept === undefined ? value.toExponential(SIGNIFICANT_DIGITS - 1) : `${kept}${exponent}`;
}

function isArray(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value);
}

function isObject(value: JsonValue): value is JsonObject {
  return typeof value === 'object' && value !== null && !isArray(value) && !(value instanceof JsonReal);
}
