/** What wallets and the clock may ask of the world, as data, and how random sequences of it are drawn. */
import fc from 'fast-check';
import { eur } from './values.js';

/** One coin's payment. `minAge` presents the coin with an age commitment, which is another coin in all but its key. */
export interface Pay {
  readonly coin: number;
  readonly amount: string;
  readonly minAge?: boolean;
}

export type Command =
  | { readonly do: 'fund'; readonly reserve: number; readonly units: bigint }
  | { readonly do: 'withdraw'; readonly reserve: number; readonly coins: readonly number[] }
  | { readonly do: 'close'; readonly reserve: number }
  | {
      readonly do: 'create';
      readonly purse: number;
      readonly pays: readonly Pay[];
      readonly contract: string | undefined;
      /** Part of the terms: two values make a conflict. */
      readonly minAge: number;
    }
  | { readonly do: 'deposit'; readonly purse: number; readonly pays: readonly Pay[] }
  | {
      readonly do: 'request';
      readonly purse: number;
      readonly reserve: number;
      readonly paidFrom: 'quota' | 'fee';
      readonly contract: string | undefined;
    }
  | { readonly do: 'merge'; readonly purse: number; readonly reserve: number }
  | { readonly do: 'delete' | 'expire'; readonly purse: number }
  | { readonly do: 'refund'; readonly purse: number; readonly coins: number }
  | {
      readonly do: 'recoup';
      readonly reserve: number;
      /** Of the withdrawal, in its order; those in `hidden` are not disclosed. */
      readonly coins: readonly number[];
      readonly hidden: readonly number[];
    }
  | { readonly do: 'recoupCoin'; readonly reserve: number; readonly coin: number }
  | { readonly do: 'wait'; readonly seconds: number };

/** Coins 0 to 2 are withdrawn in one batch, 3 and 4 in another; coin 5 never. */
export const BATCHES: readonly (readonly number[])[] = [
  [0, 1, 2],
  [3, 4],
];
const PURSES = 4;
const RESERVES = 3;

const purse = fc.nat(PURSES - 1);
const reserve = fc.nat(RESERVES - 1);
/** A coin is withdrawn from one reserve only: a second envelope of it would be money that its owner threw away. */
const withdrawal = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom({ reserve: 0, coins: BATCHES[0] }, { reserve: 1, coins: BATCHES[1] }) },
  { weight: 1, arbitrary: fc.constantFrom({ reserve: 0, coins: [0, 5] }, { reserve: 1, coins: [4, 3] }) },
) as fc.Arbitrary<{ reserve: number; coins: number[] }>;
const amount = fc.constantFrom('0.02', '1', '1.02', '2.02', '2.5', '4.98', '5', '5.01');
const pay: fc.Arbitrary<Pay> = fc.record({
  coin: fc.nat(4),
  amount,
  minAge: fc.nat(30).map((chance) => chance === 0),
});
const pays = fc.uniqueArray(pay, { minLength: 1, maxLength: 4, selector: ({ coin }) => coin });
const label = fc.oneof({ weight: 3, arbitrary: fc.constant(undefined) }, fc.constantFrom('a', 'b'));
const as = fc.constant;

const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: as('fund'), reserve, units: fc.bigInt(0n, eur('20')) }) },
  { weight: 6, arbitrary: withdrawal.map((batch) => ({ do: 'withdraw' as const, ...batch })) },
  { weight: 1, arbitrary: fc.record({ do: as('close'), reserve }) },
  {
    weight: 9,
    arbitrary: fc.record({
      do: as('create'),
      purse,
      pays,
      contract: label,
      minAge: fc.nat(12).map((chance) => (chance === 0 ? 1 : 0)),
    }),
  },
  { weight: 9, arbitrary: fc.record({ do: as('deposit'), purse, pays }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: as('request'),
      purse,
      reserve,
      paidFrom: fc.constantFrom('quota', 'fee'),
      contract: label,
    }),
  },
  { weight: 5, arbitrary: fc.record({ do: as('merge'), purse, reserve }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('delete', 'expire'), purse }) },
  { weight: 6, arbitrary: fc.record({ do: as('refund'), purse, coins: fc.integer({ min: 1, max: 3 }) }) },
  {
    weight: 3,
    arbitrary: fc
      .tuple(withdrawal, fc.subarray([0, 1, 2, 3]), fc.nat(9))
      .map(([{ reserve, coins }, hidden, chance]) => {
        return { do: 'recoup' as const, reserve: chance === 0 ? 2 : reserve, coins, hidden };
      }),
  },
  { weight: 2, arbitrary: fc.record({ do: as('recoupCoin'), reserve: fc.nat(1), coin: fc.nat(5) }) },
  { weight: 3, arbitrary: fc.record({ do: as('wait'), seconds: fc.nat(60) }) },
);

/** Money and coins first, so that there is something to pay with; then anything. */
export const anyCommands = (length: number): fc.Arbitrary<Command[]> =>
  fc
    .array(command, { minLength: length / 2, maxLength: length, size: 'max' })
    .map((commands) => [
      { do: 'fund', reserve: 0, units: eur('20') },
      { do: 'fund', reserve: 1, units: eur('11') },
      { do: 'withdraw', reserve: 0, coins: BATCHES[0] as number[] },
      ...commands,
    ]);
