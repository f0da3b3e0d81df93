import { readU32, readU64, writeU32, writeU64 } from './bytes.js';
import { AmountOverflow, CurrencyMismatch, EncodingError, kindOf, NegativeAmount } from './errors.js';

/*
 * Amounts: `EUR:1.5` in JSON and in stored events, 24 bytes in signed structures, currency and a bigint inside.
 * Source: protocol/encoding.md section 2; vectors: test/vectors/amounts.json
 */

/** An amount of one currency. One unit is 10^-8 of its value. */
export interface Amount {
  /** One to eleven capital letters. */
  readonly currency: string;
  /** From 0 to {@link MAX_UNITS}. */
  readonly units: bigint;
}

/** Units in one whole `EUR:1`. */
export const UNITS_PER_VALUE = 100_000_000n;
/** Largest part before the point, 2^52. */
export const MAX_VALUE = 4_503_599_627_370_496n;
/** Largest amount: the limit is on the value alone, so a fraction may follow it. */
export const MAX_UNITS = MAX_VALUE * UNITS_PER_VALUE + (UNITS_PER_VALUE - 1n);
/** Size of an amount in a signed structure. */
export const AMOUNT_SIZE = 24;

const CURRENCY_OFFSET = 12;
const CURRENCY = /^[A-Z]{1,11}$/;
/** Leading white space as C's isspace sees it; the value may be empty when a fraction follows. */
const TEXT = /^[\t-\r ]*([A-Z]{1,11}):([0-9]*)(?:\.([0-9]{1,8}))?$/;
const FRACTION_DIGITS = 8;
/** No legal amount has more digits once leading zeros are gone; keeps BigInt away from megabytes of digits. */
const DIGITS_MAX = MAX_UNITS.toString().length;
const U32_MAX = 0xffff_ffff;

/**
 * Reads `CUR:VALUE[.FRACTION]`. White space before it is skipped and `EUR:.5` is accepted, as in C.
 * @param currency when given, the only currency that is accepted
 * @throws EncodingError on another form or above the limit; CurrencyMismatch on another currency
 */
export function parseAmount(text: string, currency?: string): Amount {
  if (typeof text !== 'string') throw new EncodingError('an amount', kindOf(text));
  const parts = TEXT.exec(text);
  const [, found, value = '', fraction] = parts ?? [];
  if (found === undefined || (value === '' && fraction === undefined)) throw malformedAmount(text);
  const digits = (value + (fraction ?? '').padEnd(FRACTION_DIGITS, '0')).replace(/^0+/, '');
  const units = digits.length > DIGITS_MAX ? MAX_UNITS + 1n : BigInt(digits);
  if (units > MAX_UNITS) throw new EncodingError('an amount of at most 2^52', 'a larger one');
  if (currency !== undefined && found !== currency) throw new CurrencyMismatch(`an amount in ${currency}`, found);
  return { currency: found, units };
}

/** @returns `EUR:V` or `EUR:V.F` without trailing zeros. @throws EncodingError if `amount` is not a legal one */
export function formatAmount(amount: Amount): string {
  checkAmount(amount);
  const value = amount.units / UNITS_PER_VALUE;
  const fraction = amount.units % UNITS_PER_VALUE;
  if (fraction === 0n) return `${amount.currency}:${value}`;
  return `${amount.currency}:${value}.${fraction.toString().padStart(FRACTION_DIGITS, '0').replace(/0+$/, '')}`;
}

/** @throws AmountOverflow above the limit; CurrencyMismatch */
export function addAmounts(a: Amount, b: Amount): Amount {
  checkSameCurrency(a, b);
  return { currency: a.currency, units: addUnits(a.units, b.units) };
}

/** @throws NegativeAmount when `b` is larger; CurrencyMismatch */
export function subtractAmounts(a: Amount, b: Amount): Amount {
  checkSameCurrency(a, b);
  return { currency: a.currency, units: subtractUnits(a.units, b.units) };
}

/** @param factor integer from 0 to 2^32 - 1. @throws AmountOverflow above the limit */
export function multiplyAmount(amount: Amount, factor: number): Amount {
  return { currency: amount.currency, units: multiplyUnits(amount.units, factor) };
}

/** @returns -1, 0 or 1. @throws CurrencyMismatch */
export function compareAmounts(a: Amount, b: Amount): -1 | 0 | 1 {
  checkSameCurrency(a, b);
  if (a.units === b.units) return 0;
  return a.units < b.units ? -1 : 1;
}

/** Sum of two unit counts under the limit of the protocol. @throws AmountOverflow */
export function addUnits(a: bigint, b: bigint): bigint {
  return checkUnits(a + b);
}

/** @throws NegativeAmount when `b` is larger */
export function subtractUnits(a: bigint, b: bigint): bigint {
  if (b > a) throw new NegativeAmount(`at most ${a} units to subtract`, `${b}`);
  return a - b;
}

/** @param factor integer from 0 to 2^32 - 1. @throws AmountOverflow above the limit */
export function multiplyUnits(units: bigint, factor: number): bigint {
  if (!Number.isInteger(factor) || factor < 0 || factor > U32_MAX) {
    throw new EncodingError('an integer factor of 32 bits', String(factor));
  }
  return checkUnits(units * BigInt(factor));
}

/**
 * The largest multiple of `roundUnit` that is not above `units`; used for what is wired out.
 * @param roundUnit the configured round unit: whole values or a fraction of one, not a mixture, and not zero
 */
export function roundDown(units: bigint, roundUnit: bigint): bigint {
  const pure = roundUnit < UNITS_PER_VALUE || roundUnit % UNITS_PER_VALUE === 0n;
  if (roundUnit <= 0n || !pure) throw new EncodingError('a round unit of whole values or one fraction', `${roundUnit}`);
  return units - (units % roundUnit);
}

/** @returns 24 bytes: value u64, fraction u32, currency filled with zeros. @throws EncodingError if illegal */
export function encodeAmount(amount: Amount): Uint8Array {
  const bytes = new Uint8Array(AMOUNT_SIZE);
  writeAmount(bytes, 0, amount);
  return bytes;
}

/** Writes the 24 bytes of {@link encodeAmount} at `offset` of a zeroed target. */
export function writeAmount(target: Uint8Array, offset: number, amount: Amount): void {
  checkAmount(amount);
  writeU64(target, offset, amount.units / UNITS_PER_VALUE);
  writeU32(target, offset + 8, Number(amount.units % UNITS_PER_VALUE));
  for (let i = 0; i < amount.currency.length; i++) target[offset + CURRENCY_OFFSET + i] = amount.currency.charCodeAt(i);
}

/** @param bytes exactly 24. @throws EncodingError unless they are what {@link encodeAmount} gives for some amount */
export function decodeAmount(bytes: Uint8Array): Amount {
  if (bytes.length !== AMOUNT_SIZE) throw new EncodingError(`${AMOUNT_SIZE} bytes of an amount`, kindOf(bytes));
  const fraction = BigInt(readU32(bytes, 8));
  if (fraction >= UNITS_PER_VALUE) throw new EncodingError('a fraction below 10^8', `${fraction}`);
  const name = bytes.subarray(CURRENCY_OFFSET);
  const end = name.indexOf(0);
  const currency = String.fromCharCode(...(end < 0 ? name : name.subarray(0, end)));
  const filled = end >= 0 && name.subarray(end).every((byte) => byte === 0);
  if (!filled) throw new EncodingError('a currency filled up with zeros', 'other bytes');
  const amount = { currency, units: readU64(bytes, 0) * UNITS_PER_VALUE + fraction };
  checkAmount(amount);
  return amount;
}

function checkAmount(amount: Amount): void {
  if (typeof amount !== 'object' || amount === null) throw new EncodingError('an amount', kindOf(amount));
  const { currency, units } = amount;
  if (typeof currency !== 'string' || !CURRENCY.test(currency))
    throw new EncodingError('a currency of 1 to 11 capital letters', kindOf(currency));
  if (typeof units !== 'bigint') throw new EncodingError('units as a bigint', kindOf(units));
  if (units < 0n || units > MAX_UNITS) throw new EncodingError('units from 0 to the limit of an amount', `${units}`);
}

function checkUnits(units: bigint): bigint {
  if (units > MAX_UNITS) throw new AmountOverflow('a total of at most 2^52', 'a larger one');
  return units;
}

function checkSameCurrency(a: Amount, b: Amount): void {
  if (a.currency !== b.currency) throw new CurrencyMismatch(`two amounts in ${a.currency}`, b.currency);
}

function malformedAmount(text: string): EncodingError {
  const shown = text.length <= 40 ? JSON.stringify(text) : kindOf(text);
  return new EncodingError('an amount like EUR:1.50 (1 to 11 capital letters, at most 8 decimals)', shown);
}
