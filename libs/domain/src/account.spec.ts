import { MAX_UNITS } from '@florin/encoding';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type Account,
  account,
  type LegitimizationLimit,
  legitimizationNeeded,
  maximumAgeAt,
  standingDecision,
  sumWithin,
} from './account.js';
import type { AccountEvent, LegitimizationRule } from './events/account.js';
import { specification } from './testing/specification.js';
import { bytesOf, eur } from './testing/values.js';

const given = specification(account);

const counted = (amount: bigint, at: number): AccountEvent => ({
  type: 'WithdrawalCounted',
  reservePub: bytesOf('reserve', 32),
  amount,
  at,
});

const required = (requirement: number, rule: LegitimizationRule = 'WITHDRAW'): AccountEvent => ({
  type: 'LegitimizationRequired',
  requirement,
  rule,
  amount: eur('26'),
  sealedUri: bytesOf('sealed', 40),
  at: 1,
});

const decided = (
  requirement: number,
  approved: boolean,
  maximumAges: readonly { from: number; age: number }[] = [],
): Extract<AccountEvent, { type: 'LegitimizationDecided' }> => ({
  type: 'LegitimizationDecided',
  requirement,
  approved,
  maximumAges,
  justification: 'papers seen',
  officerPub: bytesOf('officer', 32),
  officerSignature: bytesOf(`signature ${requirement} ${approved}`, 64),
  decidedAt: 2,
  at: 2,
});

const LIMIT: LegitimizationLimit = { rule: 'WITHDRAW', threshold: eur('25'), windowS: 100 };

describe('a limit', () => {
  const needed =
    (amount: string, { now = 1_000, limit = LIMIT } = {}) =>
    (state: Account) =>
      legitimizationNeeded(state, limit, { now, amount: eur(amount) });

  test('is free up to the threshold itself', () => {
    expect(given().ask(needed('25'))).toBeUndefined();
    expect(given(counted(eur('15'), 990)).ask(needed('10'))).toBeUndefined();
  });

  test('needs a legitimization one unit above, and says what sum would be reached', () => {
    expect(given().ask(needed('25.00000001'))).toStrictEqual({
      requirement: 1,
      isNew: true,
      amount: eur('25.00000001'),
    });
    expect(given(counted(eur('15'), 990)).ask(needed('10.00000001'))).toStrictEqual({
      requirement: 1,
      isNew: true,
      amount: eur('25.00000001'),
    });
  });

  test('names the largest amount where the sum is larger: the case is stated all the same', () => {
    const largest = MAX_UNITS;
    const more = { now: 1_000, amount: largest };
    expect(given(counted(eur('15'), 990)).ask((state) => legitimizationNeeded(state, LIMIT, more))).toStrictEqual({
      requirement: 1,
      isNew: true,
      amount: largest,
    });
  });

  test('below zero needs one for everything', () => {
    const limit = { ...LIMIT, threshold: -1n, windowS: 0 };
    expect(given().ask(needed('0', { limit }))).toStrictEqual({ requirement: 1, isNew: true, amount: 0n });
  });

  test('is stated once: the same case is shown until somebody decides', () => {
    const again = { requirement: 1, isNew: false, amount: eur('26') };
    expect(given(required(1)).ask(needed('26'))).toStrictEqual(again);
    expect(given(required(1), required(2, 'RESERVE_CLOSE')).ask(needed('26'))).toStrictEqual(again);
  });

  test('has a case of its own for every rule', () => {
    expect(given(required(1, 'RESERVE_CLOSE')).ask(needed('26'))).toMatchObject({ requirement: 2, isNew: true });
    const approved = [required(1, 'RESERVE_CLOSE'), decided(1, true)];
    expect(given(...approved).ask(needed('26'))).toMatchObject({ requirement: 2, isNew: true });
  });

  test('is free once its rule was approved, and closed again if that is taken back', () => {
    const history = [required(1), decided(1, true)];
    expect(given(...history).ask(needed('26'))).toBeUndefined();
    expect(given(...history, decided(1, false)).ask(needed('26'))).toMatchObject({ requirement: 1, isNew: false });
  });

  test('stays closed when the case was refused', () => {
    const answer = given(required(1), decided(1, false)).ask(needed('26'));
    expect(answer).toStrictEqual({ requirement: 1, isNew: false, amount: eur('26') });
  });
});

describe('the sum within a window', () => {
  const sum =
    (now: number, windowS = 100) =>
    (state: Account) =>
      sumWithin(state, { now, windowS });
  const history = [counted(1n, 100), counted(2n, 200), counted(4n, 200), counted(8n, 250)];

  test('is zero for an account without withdrawals', () => {
    expect(given().ask(sum(1_000))).toBe(0n);
  });

  test.each([
    [100, 15n], // what lies ahead of a clock that was set back counts
    [199, 15n],
    [200, 14n], // exactly the window ago is outside
    [299, 14n],
    [300, 8n],
    [349, 8n],
    [350, 0n],
    [10_000, 0n],
  ])('at %i is %i', (now, total) => {
    expect(given(...history).ask(sum(now))).toBe(total);
  });

  test('without an end counts everything', () => {
    expect(given(...history).ask(sum(1e12, Number.POSITIVE_INFINITY))).toBe(15n);
  });

  test('counts from the latest time seen when the clock was set back', () => {
    const back = [counted(1n, 200), counted(2n, 50), counted(4n, 210)];
    expect(given(...back).ask(sum(299))).toBe(7n);
    expect(given(...back).ask(sum(300))).toBe(4n);
    expect(given(...back).ask(sum(310))).toBe(0n);
  });

  test('is the plain sum, for any history', () => {
    const entries = fc.array(fc.tuple(fc.nat(50), fc.bigInt(0n, 9n)), { maxLength: 60 });
    fc.assert(
      fc.property(entries, fc.nat(2_000), fc.nat(500), (steps, now, windowS) => {
        let at = 0;
        const events = steps.map(([after, amount]) => {
          at += after;
          return { at, amount };
        });
        const expected = events.reduce((total, entry) => (entry.at > now - windowS ? total + entry.amount : total), 0n);
        const state = events.map(({ amount, at }) => counted(amount, at)).reduce(account.evolve, account.initial());
        expect(sumWithin(state, { now, windowS })).toBe(expected);
      }),
    );
  });
});

describe('what came from purses', () => {
  const received = (amount: bigint, at: number): AccountEvent => ({
    type: 'ReceiptCounted',
    reservePub: bytesOf('reserve', 32),
    pursePub: bytesOf('purse', 32),
    amount,
    at,
  });
  const needed = (rule: LegitimizationRule, amount: string) => (state: Account) =>
    legitimizationNeeded(state, { ...LIMIT, rule }, { now: 1_000, amount: eur(amount) })?.amount;

  test('counts for its own rule, and withdrawals for all others', () => {
    const history = [received(eur('20'), 990), counted(eur('10'), 990)];
    expect(given(...history).ask(needed('P2P_RECEIVE', '5'))).toBeUndefined();
    expect(given(...history).ask(needed('P2P_RECEIVE', '5.00000001'))).toBe(eur('25.00000001'));
    for (const rule of ['WITHDRAW', 'RESERVE_WITHDRAW', 'RESERVE_CLOSE'] as const) {
      expect(given(...history).ask(needed(rule, '15'))).toBeUndefined();
      expect(given(...history).ask(needed(rule, '15.00000001'))).toBe(eur('25.00000001'));
    }
  });

  test('is summed over the same window', () => {
    expect(given(received(eur('20'), 900)).ask(needed('P2P_RECEIVE', '25'))).toBeUndefined();
    expect(given(received(eur('20'), 901)).ask(needed('P2P_RECEIVE', '25'))).toBe(eur('45'));
  });
});

describe('the maximum age', () => {
  const ageAt = (now: number) => (state: Account) => maximumAgeAt(state, now);
  const history = [
    required(1),
    decided(1, true, [
      { from: 200, age: 16 },
      { from: 100, age: 14 },
    ]),
  ];

  test('is none before the first date, and the last that has begun', () => {
    const ages = [99, 100, 199, 200, 1_000].map((now) => given(...history).ask(ageAt(now)));
    expect(ages).toStrictEqual([undefined, 14, 14, 16, 16]);
  });

  test('is replaced by the next decision that names ages, and kept by one that does not', () => {
    expect(given(...history, decided(1, true)).ask(ageAt(100))).toBe(14);
    expect(given(...history, decided(1, true, [{ from: 0, age: 18 }])).ask(ageAt(250))).toBe(18);
  });

  test('is none for an account without decisions', () => {
    expect(given().ask(ageAt(1_000))).toBeUndefined();
  });
});

test('the owner of an account is the key that was bound last', () => {
  const bound = (label: string): AccountEvent => ({
    type: 'AccountOwnerBound',
    accountPub: bytesOf(label, 32),
    wireAccount: 'main',
    bankRow: 1n,
    at: 1,
  });
  expect(given().ask(({ ownerPub }) => ownerPub)).toBeUndefined();
  expect(given(bound('a'), bound('b')).ask(({ ownerPub }) => ownerPub)).toBe(bytesOf('b', 32));
});

test('the same decision again is the one that stands; any other one is none', () => {
  const first = decided(1, true, [{ from: 5, age: 14 }]);
  const standing = (asked: object) => (state: Account) =>
    standingDecision(state.requirements[0] ?? expect.fail(), { ...first, ...asked });
  const later = { decidedAt: 99, officerSignature: bytesOf('another', 64), at: 99 };
  expect(given(required(1)).ask(standing({}))).toBeUndefined();
  expect(given(required(1), first).ask(standing(later))).toStrictEqual(first);
  for (const other of [
    { approved: false },
    { justification: 'another' },
    { officerPub: bytesOf('another', 32) },
    { maximumAges: [] },
    { maximumAges: [{ from: 5, age: 15 }] },
    { maximumAges: [{ from: 6, age: 14 }] },
  ]) {
    expect(given(required(1), first).ask(standing({ ...later, ...other }))).toBeUndefined();
  }
  expect(given(required(1), first, decided(1, false)).ask(standing(later))).toBeUndefined();
});

test('a damaged stream is not folded', () => {
  given(required(2)).thenImpossible(/requirement 2 is out of order/);
  given(required(1), required(1, 'RESERVE_CLOSE')).thenImpossible(/requirement 1 is out of order/);
  given(required(1), decided(2, true)).thenImpossible(/requirement 2 was decided but never stated/);
});
