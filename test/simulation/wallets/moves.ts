import { MOVES_AGAINST_THE_RULES } from './moves-against.js';
import { PURSE_MOVES } from './moves-purses.js';
import { RECOUP_MOVES } from './moves-recoup.js';
import { REQUEST_MOVES } from './moves-requests.js';
import { RESERVE_MOVES } from './moves-reserves.js';
import type { Wallet } from './wallet.js';

/** Something that a wallet may do in one step. */
export interface Move {
  readonly name: string;
  readonly weight: number;
  /** Whether the wallet has what it takes; always, if not given. */
  readonly isPossible?: (wallet: Wallet) => boolean;
  readonly make: (wallet: Wallet) => Promise<void>;
}

/** All that a wallet may do. */
export const MOVES: readonly Move[] = [
  ...RESERVE_MOVES,
  ...PURSE_MOVES,
  ...REQUEST_MOVES,
  ...MOVES_AGAINST_THE_RULES,
  ...RECOUP_MOVES,
];

/** How much likelier a move is that nobody made yet, late in a run. */
const URGENT = 25;

/** @param progress of the run, from 0 to 1 */
export function chooseMove(wallet: Wallet, progress: number): (wallet: Wallet) => Promise<void> {
  const { random, world } = wallet;
  if (wallet.open.length > 0 && random.chance(0.3)) return resumeOne;
  const possible = MOVES.filter(({ isPossible }) => !isPossible || isPossible(wallet));
  const weights = possible.map(({ name, weight }) => {
    const isMissing = progress > 0.4 && !world.tally.counts.has(`move: ${name}`);
    return weight * (isMissing ? URGENT : 1);
  });
  let at = random.unit() * weights.reduce((sum, weight) => sum + weight, 0);
  const chosen = possible.find((_, i) => {
    at -= weights[i] as number;
    return at < 0;
  });
  return async () => {
    if (!chosen) return;
    world.tally.count(`move: ${chosen.name}`);
    await chosen.make(wallet);
  };
}

/** A request whose answer was lost is sent again. */
async function resumeOne(wallet: Wallet): Promise<void> {
  wallet.world.tally.count('move: ask again after a lost answer');
  await wallet.open.shift()?.resume();
}
