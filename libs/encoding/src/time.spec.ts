import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  durationJson,
  EncodingError,
  encodeDuration,
  encodeTimestamp,
  FOREVER,
  MAX_TIMESTAMP,
  NEVER,
  parseDuration,
  parseTimestamp,
  readU64,
  timestampJson,
  toHex,
  withinTolerance,
} from './index.js';

const anySeconds = () =>
  fc.oneof(
    fc.nat(),
    fc.maxSafeNat().map((n) => n % (MAX_TIMESTAMP + 1)),
    fc.constant(NEVER),
  );
const anyMicroseconds = () => fc.oneof(fc.nat(), fc.maxSafeNat(), fc.constant(FOREVER));

describe('instants', () => {
  test('JSON round trip', () => {
    fc.assert(
      fc.property(anySeconds(), (seconds) => {
        expect(parseTimestamp(JSON.parse(JSON.stringify(timestampJson(seconds))))).toBe(seconds);
      }),
    );
  });

  test('eight bytes of microseconds, exact to the last', () => {
    fc.assert(
      fc.property(anySeconds(), (seconds) => {
        const expected = seconds === NEVER ? 2n ** 64n - 1n : BigInt(seconds) * 1_000_000n;
        expect(readU64(encodeTimestamp(seconds), 0)).toBe(expected);
      }),
    );
    expect(toHex(encodeTimestamp(MAX_TIMESTAMP))).toBe('fffffffffff79540');
  });

  test.each([-1, 1.5, MAX_TIMESTAMP + 1, 2 ** 53, Number.NaN, Number.NEGATIVE_INFINITY])('%d is no instant', (n) => {
    expect(() => encodeTimestamp(n)).toThrow(EncodingError);
    expect(() => timestampJson(n)).toThrow(EncodingError);
    expect(() => parseTimestamp({ t_s: n })).toThrow(EncodingError);
  });

  test.each(
    [
      [null, undefined, 5, 'never', [], [{ t_s: 1 }], {}, { t_s: null }, { t_s: '1' }, { t_s: 'Never' }, { t_s: true }],
      [{ t_s: 'forever' }, { t_ms: 1000 }, { d_us: 1 }, { t_s: { t_s: 1 } }, { t_s: Number.POSITIVE_INFINITY }],
      [Object.create({ t_s: 1 })],
    ].flat(),
  )('%j is not the JSON of an instant', (json) => {
    expect(() => parseTimestamp(json)).toThrow(EncodingError);
  });

  test('minus zero is zero', () => {
    expect(Object.is(parseTimestamp(JSON.parse('{"t_s":-0}')), 0)).toBe(true);
  });
});

describe('durations', () => {
  test('JSON and bytes', () => {
    fc.assert(
      fc.property(anyMicroseconds(), (microseconds) => {
        expect(parseDuration(JSON.parse(JSON.stringify(durationJson(microseconds))))).toBe(microseconds);
        const expected = microseconds === FOREVER ? 2n ** 64n - 1n : BigInt(microseconds);
        expect(readU64(encodeDuration(microseconds), 0)).toBe(expected);
      }),
    );
  });

  test.each([-1, 0.5, 2 ** 53, Number.NaN, Number.NEGATIVE_INFINITY])('%d is no duration', (n) => {
    expect(() => encodeDuration(n)).toThrow(EncodingError);
    expect(() => durationJson(n)).toThrow(EncodingError);
    expect(() => parseDuration({ d_us: n })).toThrow(EncodingError);
  });

  test.each([[{ d_us: 'never' }, { d_us: '5' }, { d_ms: 1 }, { t_s: 1 }, null, 5, 'forever']].flat())(
    '%j is not the JSON of a duration',
    (json) => {
      expect(() => parseDuration(json)).toThrow(EncodingError);
    },
  );
});

test('the clock skew test includes its bound, in both directions', () => {
  expect(withinTolerance(1000, 1900, 900)).toBe(true);
  expect(withinTolerance(1900, 1000, 900)).toBe(true);
  expect(withinTolerance(1000, 1901, 900)).toBe(false);
  expect(withinTolerance(1901, 1000, 900)).toBe(false);
  expect(withinTolerance(NEVER, 1000, 900)).toBe(false);
  expect(withinTolerance(NEVER, NEVER, 900)).toBe(false);
});
