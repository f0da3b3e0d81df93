import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type Amount,
  AmountOverflow,
  addAmounts,
  addUnits,
  CurrencyMismatch,
  compareAmounts,
  decodeAmount,
  EncodingError,
  encodeAmount,
  formatAmount,
  MAX_UNITS,
  MAX_VALUE,
  multiplyAmount,
  multiplyUnits,
  NegativeAmount,
  parseAmount,
  roundDown,
  subtractAmounts,
  subtractUnits,
  UNITS_PER_VALUE,
} from './index.js';

const anyUnits = () => fc.bigInt({ min: 0n, max: MAX_UNITS });
const anyCurrency = () => fc.stringMatching(/^[A-Z]{1,11}$/);
const anyAmount = (): fc.Arbitrary<Amount> => fc.record({ currency: anyCurrency(), units: anyUnits() });
const eur = (units: bigint): Amount => ({ currency: 'EUR', units });

describe('text', () => {
  test('round trip', () => {
    fc.assert(
      fc.property(anyAmount(), (amount) => {
        expect(parseAmount(formatAmount(amount))).toEqual(amount);
      }),
    );
  });

  test('the canonical text has no superfluous zero', () => {
    fc.assert(
      fc.property(anyAmount(), (amount) => {
        expect(formatAmount(amount)).toMatch(/^[A-Z]{1,11}:(0|[1-9][0-9]*)(\.[0-9]{0,7}[1-9])?$/);
      }),
    );
  });

  test('zeros around the digits do not count', () => {
    fc.assert(
      fc.property(anyUnits(), fc.nat(30), (units, zeros) => {
        const [value, fraction = ''] = formatAmount(eur(units)).slice(4).split('.');
        const text = `EUR:${'0'.repeat(zeros)}${value}.${fraction.padEnd(8, '0')}`;
        expect(parseAmount(text)).toEqual(eur(units));
      }),
    );
  });

  test('the limit is on the value alone', () => {
    expect(parseAmount(`EUR:${MAX_VALUE}.99999999`).units).toBe(MAX_UNITS);
    expect(() => parseAmount(`EUR:${MAX_VALUE + 1n}`)).toThrow('at most 2^52');
    expect(() => parseAmount(`EUR:${'9'.repeat(1_000_000)}`)).toThrow('at most 2^52');
    expect(parseAmount(`EUR:${'0'.repeat(1_000_000)}1`)).toEqual(eur(UNITS_PER_VALUE));
  });

  test('leading white space is skipped, all six kinds of C, and no other', () => {
    expect(parseAmount(' \t\n\v\f\rEUR:1')).toEqual(eur(UNITS_PER_VALUE));
    for (const blank of ['\u00a0', '\u2003', '\ufeff', '\0']) {
      expect(() => parseAmount(`${blank}EUR:1`)).toThrow(EncodingError);
    }
  });

  test.each(
    [
      ['', ':', 'EUR', 'EUR:', ':1', 'EUR:.', 'EUR:1.', 'EUR:-1', 'EUR:+1', 'EUR:1e3', 'EUR:1,5', 'EUR: 1', 'EUR:1 '],
      ['EUR:1\n', 'eur:1', 'EURO€:1', 'ABCDEFGHIJKL:1', 'EUR:1.123456789', 'EUR:٣', 'EUR:1.٣', 'EUR::1', 'E:UR:1', '1'],
    ].flat(),
  )('refuses %j', (text) => {
    expect(() => parseAmount(text)).toThrow(EncodingError);
  });

  test('what is no text is refused', () => {
    for (const value of [undefined, null, 1, 1n, ['EUR:1'], { value: 1 }]) {
      expect(() => parseAmount(value as never)).toThrow(EncodingError);
    }
  });

  test('another currency than the one asked for is refused and named', () => {
    expect(parseAmount('EUR:1', 'EUR')).toEqual(eur(UNITS_PER_VALUE));
    expect(() => parseAmount('CHF:1', 'EUR')).toThrow(CurrencyMismatch);
    expect(() => parseAmount('CHF:1', 'EUR')).toThrow('expected an amount in EUR, got CHF');
  });

  test('amounts that none can be are not written', () => {
    const wrong = [eur(-1n), eur(MAX_UNITS + 1n), { currency: 'eur', units: 1n }, { currency: '', units: 1n }];
    const untyped = [undefined, 'EUR:1', { currency: 'EUR', units: 1 }, { currency: ['EUR'], units: 1n }] as never[];
    for (const amount of [...wrong, ...untyped]) {
      expect(() => formatAmount(amount)).toThrow(EncodingError);
      expect(() => encodeAmount(amount)).toThrow(EncodingError);
    }
  });
});

describe('24 bytes', () => {
  test('round trip', () => {
    fc.assert(
      fc.property(anyAmount(), (amount) => {
        expect(decodeAmount(encodeAmount(amount))).toEqual(amount);
      }),
    );
  });

  test('value, fraction and currency stand where they belong', () => {
    const bytes = encodeAmount({ currency: 'ABCDEFGHIJK', units: 0x0102030405n * UNITS_PER_VALUE + 0x05060708n });
    expect([...bytes]).toEqual([0, 0, 0, 1, 2, 3, 4, 5, 5, 6, 7, 8, ...'ABCDEFGHIJK'].map(codeOf).concat(0));
  });

  test('bytes that no amount has are refused', () => {
    const good = encodeAmount(eur(150_000_000n));
    const changed = (offset: number, ...values: number[]) => {
      const bytes = good.slice();
      bytes.set(values, offset);
      return () => decodeAmount(bytes);
    };
    expect(changed(0, 0, 0x10, 0, 0, 0, 0, 0, 0)).not.toThrow();
    expect(changed(0, 0, 0x10, 0, 0, 0, 0, 0, 1)).toThrow('limit of an amount');
    expect(changed(8, 0x05, 0xf5, 0xe0, 0xff)).not.toThrow();
    expect(changed(8, 0x05, 0xf5, 0xe1, 0x00)).toThrow('a fraction below 10^8');
    expect(changed(12, 0)).toThrow(EncodingError);
    expect(changed(12, 0x65)).toThrow('capital letters');
    expect(changed(16, 0x41)).toThrow('filled up with zeros');
    expect(changed(12, ...new Array(12).fill(0x41))).toThrow('filled up with zeros');
    for (const size of [0, 23, 25]) expect(() => decodeAmount(new Uint8Array(size))).toThrow(EncodingError);
  });
});

describe('arithmetic', () => {
  test('addition and subtraction undo each other, up to the limit', () => {
    fc.assert(
      fc.property(anyUnits(), anyUnits(), (a, b) => {
        if (a + b > MAX_UNITS) expect(() => addAmounts(eur(a), eur(b))).toThrow(AmountOverflow);
        else expect(subtractAmounts(addAmounts(eur(a), eur(b)), eur(b))).toEqual(eur(a));
        if (b > a) expect(() => subtractAmounts(eur(a), eur(b))).toThrow(NegativeAmount);
        else expect(addUnits(subtractUnits(a, b), b)).toBe(a);
      }),
    );
  });

  test('the limit is exact', () => {
    expect(addUnits(MAX_UNITS - 1n, 1n)).toBe(MAX_UNITS);
    expect(() => addUnits(MAX_UNITS, 1n)).toThrow(AmountOverflow);
    expect(subtractUnits(5n, 5n)).toBe(0n);
    expect(() => subtractUnits(5n, 6n)).toThrow(NegativeAmount);
    expect(multiplyUnits(1n, 0xffff_ffff)).toBe(0xffff_ffffn);
    expect(() => multiplyUnits(MAX_UNITS / 2n + 1n, 2)).toThrow(AmountOverflow);
    expect(multiplyUnits(MAX_UNITS / 2n, 2)).toBeLessThanOrEqual(MAX_UNITS);
  });

  test('multiplication is repeated addition', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 10n ** 15n }), fc.nat(20), (units, factor) => {
        let sum = eur(0n);
        for (let i = 0; i < factor; i++) sum = addAmounts(sum, eur(units));
        expect(multiplyAmount(eur(units), factor)).toEqual(sum);
      }),
    );
  });

  test.each([-1, 1.5, 2 ** 32, Number.NaN, Number.POSITIVE_INFINITY])('%d is no factor', (factor) => {
    expect(() => multiplyAmount(eur(1n), factor)).toThrow(EncodingError);
  });

  test('comparison is the order of the units', () => {
    fc.assert(
      fc.property(anyUnits(), anyUnits(), (a, b) => {
        expect(compareAmounts(eur(a), eur(b))).toBe(a < b ? -1 : Number(a > b));
      }),
    );
  });

  test('two currencies do not mix', () => {
    const chf: Amount = { currency: 'CHF', units: 1n };
    for (const operation of [addAmounts, subtractAmounts, compareAmounts]) {
      expect(() => operation(eur(1n), chf)).toThrow(CurrencyMismatch);
    }
  });

  test('rounding down gives the nearest multiple below', () => {
    const anyUnit = fc.oneof(
      fc.bigInt({ min: 1n, max: UNITS_PER_VALUE - 1n }),
      fc.bigInt({ min: 1n, max: 1000n }).map((value) => value * UNITS_PER_VALUE),
    );
    fc.assert(
      fc.property(anyUnits(), anyUnit, (units, unit) => {
        const rounded = roundDown(units, unit);
        expect(rounded % unit).toBe(0n);
        expect(units - rounded).toBeGreaterThanOrEqual(0n);
        expect(units - rounded).toBeLessThan(unit);
      }),
    );
  });

  test.each([0n, -1n, UNITS_PER_VALUE + 1n])('%d units are no round unit', (unit) => {
    expect(() => roundDown(10n, unit)).toThrow(EncodingError);
  });
});

function codeOf(part: number | string): number {
  return typeof part === 'string' ? part.charCodeAt(0) : part;
}
