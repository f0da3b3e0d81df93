import { formatAmount } from '@florin/encoding';
import type { StepTeller } from './narrator.js';

/** Where the money went, in units. */
export interface Books {
  readonly currency: string;
  /** What left the bank account. */
  readonly funded: bigint;
  /** What the coins are worth. */
  readonly coins: bigint;
  readonly withdrawFees: bigint;
  readonly closingFee: bigint;
  /** What arrived back at the bank account. */
  readonly wired: bigint;
  /** What rounding to the bank's smallest unit left with the exchange. */
  readonly dust: bigint;
}

/** No currency rounds to more than a hundredth. */
const DUST_MAX = 1_000_000n;

/**
 * @param bankBalance of an account that had nothing before, in units
 * @throws CheckFailed when a unit is missing or was made
 */
export function checkBooks(books: Books, bankBalance: bigint, step: StepTeller): void {
  const { currency, funded, coins, withdrawFees, closingFee, wired, dust } = books;
  const shown = (units: bigint) => formatAmount({ currency, units });
  step.fact('paid in', shown(funded));
  step.fact('coins', shown(coins));
  step.fact('withdraw fees', shown(withdrawFees));
  step.fact('wired back', shown(wired));
  step.fact('closing fee', shown(closingFee));
  step.fact('rounding dust', shown(dust));
  step.check(dust >= 0n && dust < DUST_MAX, 'rounding took less than a cent');
  const parts = coins + withdrawFees + wired + closingFee + dust;
  step.check(parts === funded, 'paid in = coins + withdraw fees + wired back + closing fee + dust');
  step.check(bankBalance === wired - funded, 'the bank account says the same');
}

/** For machines: decimal texts, no floating point. */
export function booksJson({ currency, ...units }: Books | SharedBooks): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(units).map(([name, each]) => [name, formatAmount({ currency, units: each })]),
  );
}

/** What two people paid in, and what became of it, in units. */
export interface SharedBooks {
  readonly currency: string;
  readonly funded: bigint;
  /** For withdrawals, deposits and purses. */
  readonly fees: bigint;
  readonly reserves: bigint;
  /** Residual values. */
  readonly coins: bigint;
}

/** @throws CheckFailed when a unit is missing or was made */
export function checkSharedBooks({ currency, funded, fees, reserves, coins }: SharedBooks, step: StepTeller): void {
  const shown = (units: bigint) => formatAmount({ currency, units });
  step.fact('paid in', shown(funded));
  step.fact('in reserves', shown(reserves));
  step.fact('left of coins', shown(coins));
  step.fact('fees', shown(fees));
  step.check(funded === reserves + coins + fees, 'paid in = in reserves + left of coins + fees');
}
