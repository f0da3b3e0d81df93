import { describe, expect, test } from 'vitest';
import { repeat } from './decision.js';
import { reserve } from './reserve.js';
import {
  confirmed,
  contract,
  createdByRequest,
  deposited,
  mergeConfirmed,
  merged,
  mergedIntoReserve,
  mergeOf,
  mergeRequest,
  offered,
  requested,
  TERMS,
  WHEN,
} from './testing/purse-events.js';
import { coinsAfter, create, planOf, purseAfter, put, seen } from './testing/purse-requests.js';
import { funded } from './testing/reserve-events.js';
import { eur } from './testing/values.js';

const earlier = (total: string, at?: number) => ({ confirmation: confirmed(total, at), mergedInto: undefined });

describe('a purse that a reserve requested', () => {
  const merge = mergeRequest({ paidFrom: 'fee', purseFee: eur('0.1') });
  const made = createdByRequest(merge);
  const owner = [funded(eur('9'), { at: 0, expiresAt: 500 }), requested({ paidFrom: 'fee', purseFee: eur('0.1') })];
  const receiver = {
    reserve: owner.reduce(reserve.evolve, reserve.initial()),
    closingDelayS: 10,
    legalDelayS: 1_000_000_000,
  };

  test('is only paid into until it is full', () => {
    const plan = planOf(put(purseAfter(made), [offered('a', '4.01999999')], { receiver }));
    expect(plan.merge).toBeUndefined();
    expect(plan.purse(confirmed('3.99999999'))).toStrictEqual([deposited({ a: '4.01999999' }, '3.99999999')]);
  });

  test.each([
    ['exactly', ['4.02'], '4', '0', '0.02'],
    ['with an excess', ['4.02', '1'], '4.98', '0.98', '0.04'],
  ])('is merged by the deposit that completes it %s', (_, amounts, total, excess, fees) => {
    const deposits = amounts.map((amount, place) => offered(`${place}`, amount));
    const coins = Object.fromEntries(amounts.map((amount, place) => [`${place}`, amount]));
    for (const decision of [
      put(purseAfter(made), deposits, { receiver }),
      create(purseAfter(made), deposits, { receiver }),
    ]) {
      const plan = planOf(decision);
      expect(plan.total).toBe(eur(total));
      expect(plan.purse()).toStrictEqual([deposited(coins, undefined), merged(excess, fees, { at: WHEN.at })]);
      expect(plan.merge?.credited).toBe(eur('4'));
      const answers = { confirmation: mergeConfirmed(), depositConfirmation: confirmed(total) };
      expect(plan.merge?.reserve(answers)).toStrictEqual(
        mergedIntoReserve({
          paidFrom: 'fee',
          purseFee: eur('0.1'),
          ...answers,
          at: WHEN.at,
          expiresAt: WHEN.at + 1_000_000_000,
          collectableAt: WHEN.at + 1_000_000_000,
        }),
      );
    }
  });

  test('counts the fees and the money of earlier deposits', () => {
    const state = purseAfter(made, deposited({ a: '2.02' }, '2'));
    const plan = planOf(put(state, [offered('b', '3')], { receiver, coins: coinsAfter({ a: [seen('a', '2.02')] }) }));
    expect(plan.purse()[1]).toStrictEqual(merged('0.98', '0.04', { at: WHEN.at }));
  });

  test('is not merged by coins that are in it, nor by a contract', () => {
    const state = purseAfter(made, deposited({ a: '2.02' }, '2'));
    const coins = coinsAfter({ a: [seen('a', '2.02')] });
    const plan = planOf(create(state, [offered('a', '2.02')], { receiver, coins, contract: contract('a') }));
    expect([plan.merge, plan.purse().length]).toStrictEqual([undefined, 1]);
  });

  test('that holds nothing yet and wants nothing is merged by its first coin', () => {
    const nothing = { ...createdByRequest(merge), target: 0n };
    const plan = planOf(put(purseAfter(nothing), [offered('a', '0.02')], { receiver }));
    expect(plan.purse()[1]).toStrictEqual(merged('0', '0.02', { credited: 0n, at: WHEN.at }));
    const terms = { ...TERMS, target: 0n };
    const bare = create(purseAfter(nothing), [offered('a', '0.02')], { receiver, terms, contract: contract('a') });
    expect(
      planOf(bare)
        .purse()
        .map(({ type }) => type),
    ).toStrictEqual(['PurseDeposited', 'PurseContractAdded', 'PurseMerged']);
  });

  test('answers the deposit that completed it from the reserve, for ever', () => {
    const history = [made, deposited({ a: '1' }, '0.98'), deposited({ b: '4' }, undefined), merged('0.96', '0.04')];
    const state = purseAfter(...history);
    const onReserve = repeat({ confirmation: undefined, mergedInto: mergeOf('a').reservePub });
    expect(put(state, [offered('b', '4')], { now: 9_999 })).toStrictEqual(onReserve);
    expect(put(state, [offered('b', '4'), offered('a', '1')], { now: 9_999 })).toStrictEqual(onReserve);
    expect(create(state, [offered('b', '4')], { now: 9_999 })).toStrictEqual(onReserve);
    expect(put(state, [offered('a', '1')], { now: 9_999 })).toStrictEqual(repeat(earlier('0.98')));
  });

  test('cannot be completed without its reserve', () => {
    expect(() => put(purseAfter(made), [offered('a', '4.02')])).toThrow(/was not loaded/);
  });
});
