/** Requests about purses as specs make them. */
import { expect } from 'vitest';
import { type Coin, coin } from '../coin.js';
import type { Decision } from '../decision.js';
import type { CoinEvent } from '../events/coin.js';
import type { CoinPub } from '../events/names.js';
import type { PurseEvent } from '../events/purse.js';
import { type Purse, purse } from '../purse.js';
import {
  type CreateRequest,
  type DepositPlan,
  type DepositRequest,
  decideCreate,
  decideDeposit,
  type OfferedDeposit,
} from '../purse-deposit.js';
import { BASE_URL, coinPub, firstSight, PURSE, SIGNED_TERMS, spent, TERMS, WHEN } from './purse-events.js';
import { bytesOf } from './values.js';

export const purseAfter = (...history: PurseEvent[]): Purse => history.reduce(purse.evolve, purse.initial());

/** The state of every coin: those of `histories`, and fresh ones. */
export function coinsAfter(histories: Readonly<Record<string, readonly CoinEvent[]>>): (pub: CoinPub) => Coin {
  const states = new Map(
    Object.entries(histories).map(([label, history]) => [coinPub(label), history.reduce(coin.evolve, coin.initial())]),
  );
  return (pub) => states.get(pub) ?? coin.initial();
}

export const seen = (label: string, amount: string, over = {}) =>
  spent(label, amount, { firstSight: firstSight(label), ...over });
export const elsewhere = { pursePub: bytesOf<typeof PURSE>('other purse', 32) };

export const request = (deposits: readonly OfferedDeposit[], over: Partial<CreateRequest> = {}): CreateRequest => ({
  pursePub: PURSE,
  exchangeBaseUrl: BASE_URL,
  now: WHEN.at,
  keysRevision: WHEN.keysRevision,
  deposits,
  receiver: undefined,
  terms: TERMS,
  purseSignature: SIGNED_TERMS.purseSignature,
  contract: undefined,
  ...over,
});

export const create = (
  state: Purse,
  deposits: readonly OfferedDeposit[],
  { coins = coinsAfter({}), ...over }: Partial<CreateRequest> & { coins?: (pub: CoinPub) => Coin } = {},
) => decideCreate(state, coins, request(deposits, over));

export const put = (
  state: Purse,
  deposits: readonly OfferedDeposit[],
  { coins = coinsAfter({}), ...over }: Partial<DepositRequest> & { coins?: (pub: CoinPub) => Coin } = {},
) => decideDeposit(state, coins, request(deposits, over));

/** What an accepted plan appends, with its confirmation. */
export function planOf(decision: Decision<DepositPlan, unknown, unknown>): DepositPlan {
  if (decision.kind !== 'accept') expect.unreachable(`not accepted: ${JSON.stringify(decision.kind)}`);
  return decision.value;
}
