/** Where the money is in a world, and playing commands while somebody looks on. */
import { expect } from 'vitest';
import type { AnyEvent } from '../events/catalogue.js';
import { BATCHES, type Command } from './commands.js';
import { envelope } from './reserve-events.js';
import { eur } from './values.js';
import { coinAt, type Outcome, reserveAt, World } from './world.js';

/** Where all the money is, from what is stored, by arithmetic of its own. */
export function whereabouts(world: World) {
  const sum = { funded: 0n, wired: 0n, income: 0n, reserves: 0n, coins: 0n, purses: 0n };
  const inPurse = new Map<string, bigint>();
  const put = (stream: string, units: bigint) => inPurse.set(stream, (inPurse.get(stream) ?? 0n) + units);
  for (const { stream, event } of world.history as { stream: string; event: AnyEvent }[]) {
    switch (event.type) {
      case 'ReserveFunded':
        sum.funded += event.amount;
        sum.reserves += event.amount;
        break;
      case 'CoinsWithdrawn':
        sum.reserves -= event.cost;
        for (const { value, fee } of event.coins) {
          sum.coins += value;
          sum.income += fee;
        }
        break;
      case 'ReserveClosed':
        sum.reserves -= event.debited;
        sum.wired += event.wireAmount;
        sum.income += event.closingFee + event.dust;
        break;
      case 'PurseRequested':
        sum.reserves -= event.purseFee;
        sum.income += event.purseFee;
        break;
      case 'PurseMergedIntoReserve':
        sum.reserves += event.target;
        break;
      case 'CoinsRecouped':
        sum.reserves += event.amount;
        break;
      case 'CoinSpentIntoPurse':
      case 'CoinRecouped':
        sum.coins -= event.amount;
        break;
      case 'CoinRefundedFromPurse':
        sum.coins += event.amount;
        break;
      case 'PurseCreated':
      case 'PurseDeposited':
        for (const { amount } of event.deposits) put(stream, amount);
        break;
      case 'PurseCoinsRefunded':
        for (const { amount } of event.coins) put(stream, -amount);
        break;
      case 'PurseMerged':
        put(stream, -event.credited - event.excess - event.depositFees);
        sum.income += event.excess + event.depositFees;
        break;
      default:
        break; // moves no money
    }
  }
  for (const units of inPurse.values()) {
    expect(units).toBeGreaterThanOrEqual(0n);
    sum.purses += units;
  }
  return sum;
}

export function expectConserved(world: World): void {
  const { funded, wired, income, reserves, coins, purses } = whereabouts(world);
  expect(reserves + coins + purses + income + wired).toBe(funded);
  const balances = [0, 1, 2].map((place) => world.state(world.streams.reserve(reserveAt(place))).balance);
  expect(balances.reduce((sum, balance) => sum + balance, 0n)).toBe(reserves);
  const withdrawn = new Set(
    (world.history as { event: AnyEvent }[]).flatMap(({ event }) =>
      event.type === 'CoinsWithdrawn' ? event.coins.map(({ envelopeHash }) => envelopeHash) : [],
    ),
  ).size;
  const seen = [0, 1, 2, 3, 4, 5].map((place) => world.state(world.streams.coin(coinAt(place)))).filter(isKnown);
  const residuals = seen.reduce((sum, { residual }) => sum + residual, 0n);
  expect(residuals + eur('5') * BigInt(withdrawn - seen.length)).toBe(coins);
}

const isKnown = ({ known }: { known: unknown }): boolean => known !== undefined;

/** Wallets hold only coins that were withdrawn: what pays with another one is left out. */
function isPossible(world: World, command: Command): boolean {
  if (command.do !== 'create' && command.do !== 'deposit') return true;
  const envelopes = [0, 1].flatMap((place) => [
    ...world.state(world.streams.reserve(reserveAt(place))).withdrawn.keys(),
  ]);
  const held = new Set(envelopes);
  return command.pays.every(({ coin }) =>
    BATCHES.some((batch) => batch.includes(coin) && held.has(envelope(`${coin}`))),
  );
}

export function play(
  commands: readonly Command[],
  check: (world: World, outcome: Outcome, command: Command) => void,
): World {
  const world = new World();
  for (const command of commands) {
    if (isPossible(world, command)) check(world, world.perform(command), command);
  }
  return world;
}
