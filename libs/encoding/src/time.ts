import { writeU64 } from './bytes.js';
import { EncodingError, kindOf } from './errors.js';

/*
 * Instants are whole seconds since 1970 and durations are microseconds, both as numbers; Infinity stands for "never"
 * and "forever". Signed structures carry microseconds in 8 bytes for either.
 * Source: protocol/encoding.md section 3; vectors: test/vectors/time.json
 */

/** The instant that does not come. */
export const NEVER = Number.POSITIVE_INFINITY;
/** The duration that does not end. */
export const FOREVER = Number.POSITIVE_INFINITY;
/** Last second whose microseconds fit into 8 bytes. */
export const MAX_TIMESTAMP = 18_446_744_073_709;
/** Size of an instant or a duration in a signed structure. */
export const TIME_SIZE = 8;

const MAX_DURATION = Number.MAX_SAFE_INTEGER;
const ALL_ONES = 0xffff_ffff_ffff_ffffn;
const MICROSECONDS_PER_SECOND = 1_000_000n;

/** An instant as it stands in JSON. */
export interface TimestampJson {
  /** Whole seconds since 1970. */
  readonly t_s: number | 'never';
}

/** A duration as it stands in JSON. */
export interface DurationJson {
  /** Microseconds. */
  readonly d_us: number | 'forever';
}

/**
 * Reads `{"t_s": N}`; other members are ignored. A value that JSON.parse already turned into a number cannot be told
 * from the same value written with an exponent or `.0`, so those forms pass here though C refuses them.
 * @returns seconds since 1970, or NEVER
 * @throws EncodingError on a fraction, a negative number, seconds whose microseconds exceed 64 bits, or another shape
 */
export function parseTimestamp(json: unknown): number {
  return parseMember(json, { member: 't_s', infinite: 'never', max: MAX_TIMESTAMP });
}

/** @param seconds whole seconds since 1970, or NEVER. @throws EncodingError on any other number */
export function timestampJson(seconds: number): TimestampJson {
  checkNumber(seconds, MAX_TIMESTAMP, 'whole seconds since 1970');
  return { t_s: seconds === NEVER ? 'never' : seconds };
}

/** @returns 8 bytes: microseconds since 1970, all ones for NEVER. @throws EncodingError as {@link timestampJson} */
export function encodeTimestamp(seconds: number): Uint8Array {
  const bytes = new Uint8Array(TIME_SIZE);
  writeTimestamp(bytes, 0, seconds);
  return bytes;
}

/** Writes the 8 bytes of {@link encodeTimestamp} at `offset`. */
export function writeTimestamp(target: Uint8Array, offset: number, seconds: number): void {
  checkNumber(seconds, MAX_TIMESTAMP, 'whole seconds since 1970');
  writeU64(target, offset, seconds === NEVER ? ALL_ONES : BigInt(seconds) * MICROSECONDS_PER_SECOND);
}

/**
 * Reads `{"d_us": N}`; other members are ignored.
 * @returns microseconds, or FOREVER
 * @throws EncodingError on a fraction, a negative number, 2^53 or more, or another shape
 */
export function parseDuration(json: unknown): number {
  return parseMember(json, { member: 'd_us', infinite: 'forever', max: MAX_DURATION });
}

/** @param microseconds below 2^53, or FOREVER. @throws EncodingError on any other number */
export function durationJson(microseconds: number): DurationJson {
  checkNumber(microseconds, MAX_DURATION, 'microseconds');
  return { d_us: microseconds === FOREVER ? 'forever' : microseconds };
}

/** @returns 8 bytes: microseconds, all ones for FOREVER. @throws EncodingError as {@link durationJson} */
export function encodeDuration(microseconds: number): Uint8Array {
  const bytes = new Uint8Array(TIME_SIZE);
  writeDuration(bytes, 0, microseconds);
  return bytes;
}

/** Writes the 8 bytes of {@link encodeDuration} at `offset`. */
export function writeDuration(target: Uint8Array, offset: number, microseconds: number): void {
  checkNumber(microseconds, MAX_DURATION, 'microseconds');
  writeU64(target, offset, microseconds === FOREVER ? ALL_ONES : BigInt(microseconds));
}

/**
 * Whether two instants lie at most `toleranceSeconds` apart, in either direction. NEVER is close to nothing, itself
 * included: no clock shows it.
 */
export function withinTolerance(a: number, b: number, toleranceSeconds: number): boolean {
  return Math.abs(a - b) <= toleranceSeconds;
}

interface MemberRule {
  readonly member: 't_s' | 'd_us';
  readonly infinite: string;
  readonly max: number;
}

function parseMember(json: unknown, { member, infinite, max }: MemberRule): number {
  const expected = `{"${member}": integer from 0 to ${max} or "${infinite}"}`;
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw new EncodingError(expected, kindOf(json));
  if (!Object.hasOwn(json, member)) throw new EncodingError(expected, `no member ${member}`);
  const value: unknown = (json as Record<string, unknown>)[member];
  if (value === infinite) return Number.POSITIVE_INFINITY;
  if (typeof value !== 'number') throw new EncodingError(expected, kindOf(value));
  if (!Number.isInteger(value) || value < 0 || value > max) throw new EncodingError(expected, String(value));
  return value + 0; // turns the -0 of a JSON "-0" into 0
}

function checkNumber(value: number, max: number, unit: string): void {
  if (value === Number.POSITIVE_INFINITY || (Number.isInteger(value) && value >= 0 && value <= max)) return;
  throw new EncodingError(
    `${unit} from 0 to ${max}, or Infinity`,
    typeof value === 'number' ? `${value}` : kindOf(value),
  );
}
