/** Test support: what may happen to a ledger, as data, and how a random sequence of it is drawn. */
import { MAX_UNITS, UNITS_PER_VALUE } from '@florin/encoding';
import fc from 'fast-check';
import { PURSE_STEPS, type PurseStep } from './purse-steps.js';

export const RESERVES = 5;
export const DENOMINATIONS = 4;

export type Step =
  | PurseStep
  | { readonly do: 'fund'; readonly reserve: number; readonly units: bigint }
  | { readonly do: 'withdraw'; readonly reserve: number; readonly denominations: readonly number[] }
  | { readonly do: 'close'; readonly reserve: number; readonly elsewhere: boolean }
  | { readonly do: 'expire'; readonly reserve: number }
  | { readonly do: 'recoup'; readonly reserve: number; readonly coins: number }
  | { readonly do: 'settle'; readonly transfer: number; readonly how: 'confirm' | 'reject' | 'retry' | 'redirect' }
  | { readonly do: 'decide'; readonly reserve: number; readonly approved: boolean; readonly ages: readonly number[] }
  | { readonly do: 'own'; readonly reserve: number }
  | { readonly do: 'book'; readonly kind: 'kyc-auth' | 'unusable'; readonly units: bigint | undefined }
  | { readonly do: 'revoke'; readonly denomination: number }
  | { readonly do: 'wait'; readonly seconds: number };
export type StepOf<D extends Step['do']> = Extract<Step, { do: D }>;

const reserve = fc.nat(RESERVES - 1);
const denomination = fc.nat(DENOMINATIONS - 1);
/** Everyday amounts, odd ones, and some that no 64 bit column would hold. */
const units = fc.oneof(
  { weight: 6, arbitrary: fc.bigInt(1n, 60n).map((whole) => whole * UNITS_PER_VALUE) },
  { weight: 2, arbitrary: fc.bigInt(1n, 30n * UNITS_PER_VALUE) },
  { weight: 3, arbitrary: fc.bigInt(1n, UNITS_PER_VALUE / 4n) },
  { weight: 1, arbitrary: fc.bigInt(MAX_UNITS / 64n, MAX_UNITS / 32n) },
);
const as = fc.constant;

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: as('fund'), reserve, units }) },
  {
    weight: 12,
    arbitrary: fc.record({
      do: as('withdraw'),
      reserve,
      denominations: fc.array(denomination, { minLength: 1, maxLength: 6 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: as('close'), reserve, elsewhere: fc.boolean() }) },
  { weight: 4, arbitrary: fc.record({ do: as('expire'), reserve }) },
  { weight: 1, arbitrary: fc.record({ do: as('recoup'), reserve, coins: fc.integer({ min: 1, max: 3 }) }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: as('settle'),
      transfer: fc.nat(20),
      how: fc.constantFrom('confirm', 'reject', 'retry', 'redirect'),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: as('decide'),
      reserve,
      approved: fc.boolean(),
      ages: fc.array(fc.integer({ min: 8, max: 21 }), { maxLength: 7 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: as('own'), reserve }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: as('book'),
      kind: fc.constantFrom('kyc-auth', 'unusable'),
      units: fc.option(units, { nil: undefined }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: as('revoke'), denomination }) },
  ...PURSE_STEPS,
  { weight: 2, arbitrary: fc.record({ do: as('wait'), seconds: fc.nat(40 * 86_400) }) },
);

/** @param length of the longest sequence */
export const anySteps = (length: number): fc.Arbitrary<Step[]> =>
  fc.array(step, { minLength: length / 4, maxLength: length, size: 'max' });
