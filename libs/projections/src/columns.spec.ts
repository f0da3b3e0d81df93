import { MAX_UNITS, NEVER } from '@florin/encoding';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { detailsColumn, detailsOf, instantColumn, instantOf, present, shownColumn, u64Column } from './columns.js';

const U64_MAX = 2n ** 64n - 1n;

test('details come back as they were', () => {
  const value = fc.oneof(fc.string(), fc.nat(), fc.constant(NEVER), fc.bigInt(0n, MAX_UNITS));
  const details = fc.dictionary(
    fc.string().filter((member) => member !== '__proto__'),
    value,
    { noNullPrototype: true },
  );
  fc.assert(
    fc.property(details, (each) => {
      expect(detailsOf(detailsColumn(each))).toEqual(each);
    }),
  );
  expect(detailsColumn({ n: 5n, never: NEVER, text: '{"n":"1"}' })).toBe(
    '{"n":{"n":"5"},"never":{"n":"never"},"text":"{\\"n\\":\\"1\\"}"}',
  );
});

test('u64 columns sort as numbers do', () => {
  fc.assert(
    fc.property(fc.bigInt(0n, U64_MAX), fc.bigInt(0n, U64_MAX), (a, b) => {
      expect(u64Column(a) < u64Column(b)).toBe(a < b);
      expect(BigInt(u64Column(a))).toBe(a);
    }),
  );
  expect(u64Column(U64_MAX)).toHaveLength(20);
});

test('never is later than every instant', () => {
  expect(instantOf(instantColumn(NEVER))).toBe(NEVER);
  expect(instantOf(instantColumn(1_700_000_000))).toBe(1_700_000_000);
  expect(instantColumn(NEVER)).toBeGreaterThan(instantColumn(18_446_744_073_709));
  expect(Number.isSafeInteger(instantColumn(NEVER))).toBe(true);
});

test('NULL columns are absent members', () => {
  expect(Object.keys(present({ a: null, b: 0, c: '', d: 0n }))).toEqual(['b', 'c', 'd']);
});

test('amounts and details are shown in the currency, and what was changed by other hands as it stands', () => {
  expect(shownColumn('150000000', 'amount', 'EUR')).toBe('EUR:1.5');
  expect(shownColumn('00000000000000000042', 'number', 'EUR')).toBe('42');
  const details = detailsColumn({ amount: 5n, bankRow: 2n ** 63n, at: 7, expiresAt: NEVER, merged: true, wtid: 'X' });
  const shown = { amount: 'EUR:0.00000005', bankRow: '9223372036854775808', at: 7, expiresAt: 'never' };
  expect(shownColumn(details, 'details', 'EUR')).toEqual({ ...shown, merged: true, wtid: 'X' });
  expect(shownColumn(null, 'amount', 'EUR')).toBeNull();
  for (const strange of ['-1', 'x', '1.5', `${MAX_UNITS + 1n}`])
    expect(shownColumn(strange, 'amount', 'EUR')).toBe(strange);
  expect(shownColumn('{', 'details', 'EUR')).toBe('{');
});
