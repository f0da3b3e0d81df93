import { type Amount, addUnits } from '@florin/encoding';
import type { OfferedDenomination } from './denominations.js';
import type { ExchangeKeys } from './keys.js';

/** Which coins to withdraw. */
export interface WithdrawPlan {
  /** One per coin, the largest first. */
  readonly denominations: readonly OfferedDenomination[];
  /** What the coins will be worth. */
  readonly value: Amount;
  /** Withdraw fees. */
  readonly fees: Amount;
  /** Value and fees: what the reserve pays. */
  readonly cost: Amount;
  /** What of the amount stays in the reserve. */
  readonly rest: Amount;
}

export interface PlanOptions {
  /** Seconds since 1970: only denominations that sign at this time are taken. */
  readonly now: number;
  /** In years. Takes denominations with age restriction, and only them. */
  readonly maxAge?: number;
  /** Only denominations of this cipher. */
  readonly cipher?: 'RSA' | 'CS';
  /** At most this many coins, {@link COINS_MAX} without. */
  readonly coinsMax?: number;
}

/** Coins in one request: what one seed is good for; the exchange would take one more. */
export const COINS_MAX = 255;

/**
 * Takes as many of the most valuable coins as the amount pays for, fees included, then of the next, until not even the
 * smallest fits. May well return no coin at all.
 * @param amount what the reserve may be charged
 * @throws RangeError when the amount is in another currency
 */
export function planWithdraw(
  keys: Pick<ExchangeKeys, 'currency' | 'denominations' | 'revoked'>,
  amount: Amount,
  options: PlanOptions,
): WithdrawPlan {
  const { currency } = keys;
  if (amount.currency !== currency) throw new RangeError(`the exchange works in ${currency}, not ${amount.currency}`);
  const denominations: OfferedDenomination[] = [];
  let [rest, value, fees] = [amount.units, 0n, 0n];
  for (const offered of bestOfEachValue(keys, options)) {
    const cost = costOf(offered);
    while (cost <= rest && denominations.length < (options.coinsMax ?? COINS_MAX)) {
      denominations.push(offered);
      rest -= cost;
      value = addUnits(value, offered.value.units);
      fees = addUnits(fees, offered.fees.withdraw.units);
    }
  }
  const total = (units: bigint): Amount => ({ currency, units });
  return { denominations, value: total(value), fees: total(fees), cost: total(value + fees), rest: total(rest) };
}

/** What the reserve pays for one coin, in units. */
export function costOf({ value, fees }: OfferedDenomination): bigint {
  return addUnits(value.units, fees.withdraw.units);
}

/** One denomination for each value, the most valuable first. */
function bestOfEachValue(
  { denominations, revoked }: Pick<ExchangeKeys, 'denominations' | 'revoked'>,
  { now, maxAge, cipher }: PlanOptions,
): OfferedDenomination[] {
  const best = new Map<bigint, OfferedDenomination>();
  for (const offered of denominations.values()) {
    const signs = offered.start <= now && now < offered.expireWithdraw && !offered.lost && !revoked.has(offered.name);
    const wanted = (maxAge !== undefined) === (offered.ageMask !== 0) && (!cipher || cipher === offered.cipher);
    // A coin that is worth no more than its own deposit fee cannot be spent.
    if (!signs || !wanted || offered.value.units <= offered.fees.deposit.units) continue;
    const rival = best.get(offered.value.units);
    if (!rival || isBetter(offered, rival)) best.set(offered.value.units, offered);
  }
  return [...best.values()].sort((a, b) => (a.value.units > b.value.units ? -1 : 1));
}

/** Cheaper to withdraw, else cheaper to spend, else valid for longer. */
function isBetter(a: OfferedDenomination, b: OfferedDenomination): boolean {
  if (a.fees.withdraw.units !== b.fees.withdraw.units) return a.fees.withdraw.units < b.fees.withdraw.units;
  if (a.fees.deposit.units !== b.fees.deposit.units) return a.fees.deposit.units < b.fees.deposit.units;
  return a.expireDeposit > b.expireDeposit;
}
