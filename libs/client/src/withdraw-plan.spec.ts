import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { OfferedDenomination } from './denominations.js';
import { COINS_MAX, costOf, planWithdraw } from './withdraw-plan.js';

const CURRENCY = 'KUDOS';
const NOW = 1_800_000_000;
const units = (amount: number) => ({ currency: CURRENCY, units: BigInt(amount) });

interface Terms {
  readonly name?: string;
  readonly value?: number;
  readonly withdraw?: number;
  readonly deposit?: number;
  readonly ageMask?: number;
  readonly cipher?: 'RSA' | 'CS';
  readonly start?: number;
  readonly expireWithdraw?: number;
  readonly expireDeposit?: number;
  readonly lost?: boolean;
}

let count = 0;

/** Only what planning looks at: a key is not among it. */
function offer({ value = 100, withdraw = 1, deposit = 1, ...rest }: Terms = {}): OfferedDenomination {
  count += 1;
  return {
    name: `D${count}`,
    key: {} as OfferedDenomination['key'],
    cipher: 'RSA',
    value: units(value),
    fees: { withdraw: units(withdraw), deposit: units(deposit), refresh: units(0), refund: units(0) },
    ageMask: 0,
    start: NOW,
    expireWithdraw: NOW + 1,
    expireDeposit: NOW + 2,
    expireLegal: NOW + 3,
    lost: false,
    masterSignature: new Uint8Array(64),
    ...rest,
  };
}

const keysOf = (...offers: OfferedDenomination[]) => ({
  currency: CURRENCY,
  denominations: new Map(offers.map((offered) => [offered.name, offered])),
  revoked: new Set<string>(),
});

const namesOf = (offers: readonly OfferedDenomination[]) => offers.map(({ name }) => name);

describe('planWithdraw', () => {
  const [five, two, one] = [
    offer({ name: 'five', value: 500 }),
    offer({ name: 'two', value: 200 }),
    offer({ name: 'one', value: 100 }),
  ];

  test('takes the most valuable coins first, fees included', () => {
    const plan = planWithdraw(keysOf(one, five, two), units(1000), { now: NOW });
    expect(namesOf(plan.denominations)).toEqual(['five', 'two', 'two']);
    expect(plan).toMatchObject({ value: units(900), fees: units(3), cost: units(903), rest: units(97) });
  });

  test('takes a coin that fits exactly, and none that is one unit too dear', () => {
    expect(namesOf(planWithdraw(keysOf(five), units(501), { now: NOW }).denominations)).toEqual(['five']);
    expect(planWithdraw(keysOf(five), units(500), { now: NOW }).denominations).toEqual([]);
  });

  test('stops at the number of coins that fits into a request', () => {
    expect(planWithdraw(keysOf(one), units(101_000), { now: NOW }).denominations).toHaveLength(COINS_MAX);
    expect(planWithdraw(keysOf(one), units(101_000), { now: NOW, coinsMax: 3 }).rest).toEqual(units(100_697));
  });

  test.each<[string, Terms]>([
    ['not valid yet', { start: NOW + 1 }],
    ['valid no longer', { expireWithdraw: NOW }],
    ['lost', { lost: true }],
    ['of restricted age', { ageMask: 3 }],
    ['worth no more than its deposit fee', { value: 100, deposit: 100 }],
  ])('leaves out what is %s', (_name, terms) => {
    expect(planWithdraw(keysOf(offer(terms)), units(1000), { now: NOW }).denominations).toEqual([]);
  });

  test('leaves out what is revoked', () => {
    const keys = { ...keysOf(one), revoked: new Set([one.name]) };
    expect(planWithdraw(keys, units(1000), { now: NOW }).denominations).toEqual([]);
  });

  test('takes restricted denominations for an age, and only them', () => {
    const restricted = offer({ name: 'restricted', ageMask: 3 });
    const plan = planWithdraw(keysOf(one, restricted), units(101), { now: NOW, maxAge: 0 });
    expect(namesOf(plan.denominations)).toEqual(['restricted']);
  });

  test('takes one cipher only when asked', () => {
    const cs = offer({ name: 'cs', value: 50, cipher: 'CS' });
    const plan = planWithdraw(keysOf(one, cs), units(152), { now: NOW, cipher: 'CS' });
    expect(namesOf(plan.denominations)).toEqual(['cs', 'cs']);
  });

  test.each<[string, Terms, Terms]>([
    ['is cheaper to withdraw', { withdraw: 1, deposit: 9, expireDeposit: NOW + 2 }, { withdraw: 2 }],
    ['is cheaper to spend', { deposit: 1 }, { deposit: 2, expireDeposit: NOW + 9 }],
    ['is valid for longer', { expireDeposit: NOW + 9 }, { expireDeposit: NOW + 8 }],
  ])('of two with one value takes the one that %s', (_name, better, worse) => {
    const [good, bad] = [offer({ ...better, name: 'good' }), offer({ ...worse, name: 'bad' })];
    for (const keys of [keysOf(good, bad), keysOf(bad, good)]) {
      expect(namesOf(planWithdraw(keys, units(102), { now: NOW }).denominations)).toEqual(['good']);
    }
  });

  test('refuses another currency', () => {
    expect(() => planWithdraw(keysOf(one), { currency: 'EUR', units: 1n }, { now: NOW })).toThrow(RangeError);
  });

  test('never costs more than the amount, and leaves no coin that would still fit', () => {
    const terms = fc.record({
      value: fc.integer({ min: 1, max: 2000 }),
      withdraw: fc.integer({ min: 0, max: 20 }),
      deposit: fc.integer({ min: 0, max: 20 }),
    });
    const property = fc.property(
      fc.array(terms, { maxLength: 8 }),
      fc.integer({ min: 0, max: 50_000 }),
      (all, amount) => {
        const keys = keysOf(...all.map((each) => offer(each)));
        const { denominations, value, fees, cost, rest } = planWithdraw(keys, units(amount), { now: NOW });
        expect(cost.units + rest.units).toBe(BigInt(amount));
        expect(value.units + fees.units).toBe(cost.units);
        expect(denominations.reduce((sum, offered) => sum + costOf(offered), 0n)).toBe(cost.units);
        const spendable = [...keys.denominations.values()].filter(
          (offered) => offered.value.units > offered.fees.deposit.units,
        );
        if (denominations.length === COINS_MAX) return;
        const cheapestOf = (worth: bigint) =>
          spendable
            .filter((other) => other.value.units === worth)
            .reduce((min, other) => {
              return costOf(other) < min ? costOf(other) : min;
            }, 2n ** 64n);
        for (const offered of spendable) expect(cheapestOf(offered.value.units)).toBeGreaterThan(rest.units);
      },
    );
    fc.assert(property, { numRuns: 300 });
  });
});
