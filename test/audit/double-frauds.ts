/** One half of a pair that stands twice in its unit: the other half must not vouch for both. */
import { type Fraud, fraud } from './frauds.js';
import type { Insider, Written } from './insider.js';
import { mint, ownMerge, ownPurse } from './own-wallet.js';

const own = (insider: Insider, amount = 'KUDOS:10') => ({ coin: mint(insider, insider.offer('KUDOS:10')), amount });

/** An event once more, at the end of its unit. */
function twice(insider: Insider, event: Written): void {
  const last = insider.unitOf(event).at(-1) as Written;
  const copy = { ...event, data: structuredClone(event.data) };
  insider.events.splice(insider.events.indexOf(last) + 1, 0, copy);
}

export const DOUBLE_FRAUDS: readonly Fraud[] = [
  fraud(['merge-invented', 'count-mismatch'], 'a reserve gets the same purse twice', (insider) => {
    twice(
      insider,
      insider.the('PurseMergedIntoReserve', ({ data }) => data.paidFrom === 'merge'),
    );
  }),
  fraud('merge-invented', 'two reserves get the same purse', (insider) => {
    const purse = ownPurse(insider, [own(insider)]);
    insider.insert(purse.unit);
    const [one, other] = [ownMerge(insider, purse), ownMerge(insider, purse)];
    insider.insert([...one.unit, ...other.unit.slice(1)]);
  }),
  fraud('deposit-withheld', 'a coin pays twice and the purse gets it once', (insider) => {
    const { unit } = ownPurse(insider, [own(insider, 'KUDOS:2')]);
    const [spent, created] = unit as [(typeof unit)[number], (typeof unit)[number]];
    const { firstSight: _, ...again } = spent.data;
    insider.insert([spent, { ...spent, data: again }, created]);
  }),
  fraud(['request-mismatch', 'count-mismatch'], 'the fee of a purse is taken twice', (insider) => {
    twice(
      insider,
      insider.the('PurseRequested', ({ data }) => data.paidFrom === 'fee'),
    );
  }),
  fraud('credit-invented', 'a bank row funds a reserve twice', (insider) => {
    twice(insider, insider.all('ReserveFunded').at(-1) as Written);
  }),
  fraud(['purse-refund-invented', 'coin-restored-above-value'], 'a coin gets a refund twice', (insider) => {
    twice(insider, insider.the('CoinRefundedFromPurse'));
  }),
  fraud('request-mismatch', 'a place in the quota is given back twice', (insider) => {
    twice(insider, insider.the('RequestedPurseDeleted'));
  }),
  fraud('count-mismatch', 'a withdrawal that counts twice', (insider) => {
    twice(insider, insider.the('WithdrawalCounted'));
  }),
  fraud('owner-mismatch', 'an account that is bound twice', (insider) => {
    twice(insider, insider.the('AccountOwnerBound'));
  }),
];
