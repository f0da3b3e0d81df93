import { describe, expect, test } from 'vitest';
import type { OfferedDenomination } from './denominations.js';
import { formatPayUri, parsePayUri } from './pay-uri.js';
import { PAYMENTS_MAX, planPayments, type SpendableCoin } from './payments.js';
import { AGE_MASK, CRYPTO, kudos } from './testing/signed-keys.js';
import { draw } from './testing/wallet.js';
import type { Coin } from './withdraw.js';

/* Which coins pay, and how a payment is named between wallets. */

describe('planPayments', () => {
  const FEE = kudos('0.02');
  const offered = { fees: { deposit: FEE } } as OfferedDenomination;
  const keys = { denominations: new Map([['0'.repeat(103), offered]]) };

  /** Only what planning looks at. */
  function spendable(residual: string, age?: number): SpendableCoin {
    const ageCommitment = age === undefined ? undefined : CRYPTO.age.commit(AGE_MASK, age, draw(64));
    const coin = { denominationHash: new Uint8Array(64), ...(ageCommitment && { ageCommitment }) } as Coin;
    return { coin, residual: kudos(residual) };
  }
  const amounts = (coins: readonly SpendableCoin[], target: string, minAge = 0) =>
    planPayments(keys, coins, kudos(target), minAge)?.map(({ amount }) => amount);

  test('pays with the coins that have most left, and the last one pays the rest', () => {
    const coins = [spendable('1'), spendable('5'), spendable('2')];
    expect(amounts(coins, '6')).toEqual([kudos('5'), kudos('1.04')]);
    expect(amounts(coins, '4.98')).toEqual([kudos('5')]);
    expect(amounts(coins, '4.97')).toEqual([kudos('4.99')]);
  });

  test('pays exactly what there is, and nothing when a unit is missing', () => {
    const coins = [spendable('1'), spendable('0.02'), spendable('2')];
    expect(amounts(coins, '2.96')).toEqual([kudos('2'), kudos('1')]);
    expect(amounts(coins, '2.96000001')).toBeUndefined();
    expect(amounts([], '1')).toBeUndefined();
    expect(amounts(coins, '0')).toEqual([]);
  });

  test('leaves out coins of denominations that are not offered any more', () => {
    const lost = { ...spendable('5'), coin: { denominationHash: new Uint8Array(64).fill(1) } as Coin };
    expect(amounts([lost, spendable('2')], '1')).toEqual([kudos('1.02')]);
  });

  test('leaves out coins that cannot prove the age', () => {
    const coins = [spendable('5', 13), spendable('2', 18), spendable('1')];
    expect(amounts(coins, '2.9', 18)).toEqual([kudos('2'), kudos('0.94')]);
    expect(amounts(coins, '2.9', 12)).toEqual([kudos('2.92')]);
    expect(amounts(coins, '4', 18)).toBeUndefined();
  });

  test('stops at what fits into one request', () => {
    const coins = Array.from({ length: PAYMENTS_MAX + 1 }, () => spendable('1.02'));
    expect(amounts(coins, `${PAYMENTS_MAX}`)).toHaveLength(PAYMENTS_MAX);
    expect(amounts(coins, `${PAYMENTS_MAX + 1}`)).toBeUndefined();
  });
});

describe('the URI of a payment', () => {
  const contractPriv = new Uint8Array(32).fill(7);
  const KEY = '0W3GE1R70W3GE1R70W3GE1R70W3GE1R70W3GE1R70W3GE1R70W3G';

  test.each([
    ['push', 'https://exchange.example/', `taler://pay-push/exchange.example/${KEY}`],
    ['pull', 'http://127.0.0.1:8081/', `taler+http://pay-pull/127.0.0.1:8081/${KEY}`],
    ['push', 'https://a.example/taler/x/', `taler://pay-push/a.example/taler/x/${KEY}`],
  ] as const)('%s at %s', (direction, exchangeBaseUrl, uri) => {
    expect(formatPayUri({ direction, exchangeBaseUrl, contractPriv })).toBe(uri);
    expect(parsePayUri(uri)).toEqual({ direction, exchangeBaseUrl, contractPriv });
  });

  test.each([
    `taler://pay/exchange.example/${KEY}`,
    `https://pay-push/exchange.example/${KEY}`,
    `taler://pay-push/${KEY}`,
    `taler://pay-push/exchange.example/${KEY}0`,
    `taler://pay-push/exchange.example/${KEY}?x`,
    'taler://pay-push/exchange.example/',
  ])('%s is none', (uri) => expect(() => parsePayUri(uri)).toThrow());

  test('needs a base URL', () => {
    expect(() => formatPayUri({ direction: 'push', exchangeBaseUrl: 'https://a.example', contractPriv })).toThrow();
  });
});
