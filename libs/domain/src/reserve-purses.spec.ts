import { describe, expect, test } from 'vitest';
import { extendedByMerge, openPurses, type Reserve, reserve, withdrawalOf } from './reserve.js';
import { mergedIntoReserve, PURSE, requestDeleted, requested } from './testing/purse-events.js';
import { envelope, funded, withdrawn } from './testing/reserve-events.js';
import { specification } from './testing/specification.js';
import { bytesOf, eur } from './testing/values.js';

const given = specification(reserve);
const other = bytesOf<typeof PURSE>('other purse', 32);
const owner = funded(eur('5'), { at: 0, expiresAt: 500 });
describe('a merged purse', () => {
  test('credits its target and moves the dates', () => {
    const { balance, expiresAt, collectableAt } = given(owner, mergedIntoReserve()).ask((state) => state);
    expect([balance, expiresAt, collectableAt]).toStrictEqual([eur('9'), 9_000, 99_000]);
  });

  test('makes a reserve without a bank', () => {
    const { balance, origin, receivedFromPurse } = given(mergedIntoReserve()).ask((state) => state);
    expect([balance, origin, receivedFromPurse]).toStrictEqual([eur('4'), undefined, true]);
    expect(given(owner).ask((state) => state.receivedFromPurse)).toBe(false);
  });

  test('is found by its key, and so is its request', () => {
    const history = [owner, requested(), mergedIntoReserve(), mergedIntoReserve({ pursePub: other })];
    const { requestedPurses, mergedPurses } = given(...history).ask((state) => state);
    expect([...requestedPurses]).toStrictEqual([[PURSE, 1]]);
    expect([...mergedPurses]).toStrictEqual([
      [PURSE, 2],
      [other, 3],
    ]);
  });
});

describe('a requested purse', () => {
  test('costs its fee, or nothing', () => {
    const fee = requested({ paidFrom: 'fee', purseFee: eur('0.1') });
    expect(given(owner, fee).ask(({ balance }) => balance)).toBe(eur('4.9'));
    expect(given(owner, requested()).ask(({ balance }) => balance)).toBe(eur('5'));
  });

  test('leaves the dates alone', () => {
    const { expiresAt, collectableAt } = given(owner, requested(), requestDeleted()).ask((state) => state);
    expect([expiresAt, collectableAt]).toStrictEqual([500, owner.collectableAt]);
  });

  test('is forgotten by the quota after its time, when the next one comes', () => {
    const old = [requested({ purseExpiresAt: 1_500 }), requested({ pursePub: other, purseExpiresAt: 1_501 })];
    const third = requested({ pursePub: bytesOf('third', 32), at: 1_500 });
    const state = given(owner, ...old, third).ask((it) => it);
    expect([...state.quotaPurses.keys()]).toStrictEqual([other, bytesOf('third', 32)]);
    expect([1_499, 1_500, 1_501, 2_000].map((now) => openPurses(state, now))).toStrictEqual([2, 2, 1, 0]);
  });
});

describe('the dates after a merge', () => {
  const delays = { now: 1_000, closingDelayS: 10, legalDelayS: 100 };
  const state: Reserve = { ...reserve.initial(), events: 1, expiresAt: 500, collectableAt: 2_000 };

  test.each([
    ['of a new reserve', 'merge', reserve.initial(), { expiresAt: 1_100, collectableAt: 1_100 }],
    ['of an old one', 'merge', state, { expiresAt: 1_010, collectableAt: 2_000 }],
    ['of one that expires later', 'merge', { ...state, expiresAt: 1_011 }, { expiresAt: 1_011, collectableAt: 2_000 }],
    ['by a deposit', 'deposit', state, { expiresAt: 1_100, collectableAt: 2_000 }],
    ['by a deposit, later', 'deposit', { ...state, expiresAt: 1_101 }, { expiresAt: 1_101, collectableAt: 2_000 }],
  ] as const)('%s', (_, by, before, dates) => {
    expect(extendedByMerge(before, { by, ...delays })).toStrictEqual(dates);
  });
});

describe('a withdrawal is found by its envelopes', () => {
  const history = [funded(eur('9')), withdrawn(['a', 'b', 'c']), withdrawn(['d'])];
  const of = (...labels: string[]) => given(...history).ask((state) => withdrawalOf(state, labels.map(envelope)));

  test('by all of them in their order', () => {
    expect(of('a', 'b', 'c')).toBe(withdrawn(['a', 'b', 'c']).commitment);
    expect(of('d')).toBe(withdrawn(['d']).commitment);
  });

  test.each([
    ['another order', ['a', 'c', 'b']],
    ['one less', ['a', 'b']],
    ['one less at the start', ['b', 'c']],
    ['one more', ['a', 'b', 'c', 'd']],
    ['one twice', ['a', 'a', 'c']],
    ['one instead of another', ['a', 'b', 'd']],
    ['an unknown one', ['a', 'b', 'x']],
    ['an unknown one at first', ['x', 'b', 'c']],
    ['only unknown ones', ['x', 'y']],
    ['none', []],
  ])('not by %s', (_, labels) => {
    expect(of(...labels)).toBeUndefined();
  });

  test('not by the places of another one of the same size', () => {
    const twins = [funded(eur('9')), withdrawn(['a', 'b']), withdrawn(['c', 'd'])];
    const of = (...labels: string[]) => given(...twins).ask((state) => withdrawalOf(state, labels.map(envelope)));
    expect(of('c', 'd')).toBe(withdrawn(['c', 'd']).commitment);
    expect([of('a', 'd'), of('c', 'b')]).toStrictEqual([undefined, undefined]);
  });

  test('nowhere in a reserve without any', () => {
    expect(withdrawalOf(reserve.initial(), [envelope('a')])).toBeUndefined();
  });
});

describe('a damaged stream', () => {
  const fee = requested({ paidFrom: 'fee', purseFee: eur('5.00000001') });
  test.each([
    ['merges a purse twice', [mergedIntoReserve(), mergedIntoReserve()], /merged twice/],
    ['requests a purse twice', [owner, requested(), requested()], /requested twice/],
    ['pays a fee it does not have', [owner, fee], /exceeds the balance/],
    ['pays for the quota', [owner, requested({ purseFee: 1n })], /costs nothing/],
    ['frees what it never had', [owner, requestDeleted()], /never requested here/],
  ])('that %s is not folded', (_, history, message) => {
    given(...history).thenImpossible(message);
  });
});
