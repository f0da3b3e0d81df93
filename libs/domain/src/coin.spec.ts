import { describe, expect, test } from 'vitest';
import { type Coin, coin, insufficient, recognizeCoin } from './coin.js';
import type { AgeCommitmentHash, DenominationHash, PursePub } from './events/names.js';
import { firstSight, type OnCoin, PURSE, presented, RESERVE, spent, WHEN } from './testing/purse-events.js';
import { specification } from './testing/specification.js';
import { bytesOf, eur } from './testing/values.js';

const given = specification(coin);

const age: AgeCommitmentHash = bytesOf('age commitment', 32);
const otherAge: AgeCommitmentHash = bytesOf('other age commitment', 32);
const otherDenomination: DenominationHash = bytesOf('other denomination', 64);
const otherPurse: PursePub = bytesOf('other purse', 32);

const seen = (amount: string, over = {}) => spent('a', amount, { firstSight: firstSight('a', over) });
const back = (amount: string, pursePub = PURSE): OnCoin<'CoinRefundedFromPurse'> => {
  return { type: 'CoinRefundedFromPurse', pursePub, amount: eur(amount), at: 2_000 };
};
const recouped = (amount: string, over: Partial<OnCoin<'CoinRecouped'>> = {}): OnCoin<'CoinRecouped'> => ({
  type: 'CoinRecouped',
  reservePub: RESERVE,
  envelopeHash: bytesOf('envelope a', 64),
  blindingSecret: bytesOf('secret', 32),
  coinSignature: bytesOf('recoup signature', 64),
  amount: eur(amount),
  ...WHEN,
  ...over,
});

describe('recognizing a coin', () => {
  const recognize =
    (over: object = {}) =>
    (state: Coin) =>
      recognizeCoin(state, presented('a', over));

  test('one never seen has its whole value, and is to be written down', () => {
    given()
      .when(recognize())
      .thenAccepted({ residual: eur('5'), firstSight: firstSight('a') });
    given()
      .when(recognize({ ageCommitmentHash: age }))
      .thenAccepted({ residual: eur('5'), firstSight: firstSight('a', { ageCommitmentHash: age }) });
  });

  test('nothing but what the schema knows is written down', () => {
    given()
      .when((state) =>
        recognizeCoin(state, { ...presented('a'), depositFee: 1n, ageCommitmentHash: undefined } as never),
      )
      .thenAccepted({ residual: eur('5'), firstSight: firstSight('a') });
  });

  test('a known one has what is left', () => {
    given(seen('2'))
      .when(recognize())
      .thenAccepted({ residual: eur('3'), firstSight: undefined });
    given(seen('5')).when(recognize()).thenAccepted({ residual: 0n, firstSight: undefined });
  });

  test('its value is that of its first sight, whatever a request says', () => {
    given(seen('2'))
      .when(recognize({ value: eur('9') }))
      .thenAccepted({ residual: eur('3'), firstSight: undefined });
  });

  test('under another denomination is refused with the first one and its signature', () => {
    given(seen('2'))
      .when(recognize({ denominationHash: otherDenomination, ageCommitmentHash: age }))
      .thenRefused({ code: 'COIN_DENOMINATION_CONFLICT', coinPub: presented('a').coinPub, known: firstSight('a') });
  });

  test.each([
    ['with one where there was none', {}, age],
    ['without one where there was one', { ageCommitmentHash: age }, undefined],
    ['with another one', { ageCommitmentHash: age }, otherAge],
  ])('%s, its age commitment is refused', (_, first, then) => {
    const { coinPub, denominationHash } = presented('a');
    given(seen('2', first))
      .when(recognize(then === undefined ? {} : { ageCommitmentHash: then }))
      .thenRefused({
        code: 'COIN_AGE_CONFLICT',
        coinPub,
        denominationHash,
        expected: 'ageCommitmentHash' in first ? age : undefined,
      });
  });

  test('with the same age commitment is known', () => {
    given(seen('2', { ageCommitmentHash: age }))
      .when(recognize({ ageCommitmentHash: age }))
      .thenAccepted({ residual: eur('3'), firstSight: undefined });
  });
});

describe('what a coin still has', () => {
  const residual = (state: Coin) => state.residual;

  test('falls with what it pays, fee included, into several purses', () => {
    expect(given(seen('2'), spent('a', '1.5', { pursePub: otherPurse })).ask(residual)).toBe(eur('1.5'));
  });

  test('rises by all that comes back', () => {
    const history = [seen('2'), spent('a', '1.5', { pursePub: otherPurse })];
    expect(given(...history, back('2')).ask(residual)).toBe(eur('3.5'));
    expect(given(...history, back('1.5', otherPurse), back('2')).ask(residual)).toBe(eur('5'));
  });

  test('is nothing after a recoup, until a refund', () => {
    expect(given(seen('2'), recouped('3')).ask(residual)).toBe(0n);
    expect(given(seen('2'), recouped('3'), back('2')).ask(residual)).toBe(eur('2'));
    expect(given(seen('2'), recouped('3'), back('2'), recouped('2')).ask(residual)).toBe(0n);
  });

  test('may be recouped at first sight', () => {
    const state = given(recouped('5', { firstSight: firstSight('a') })).ask((it) => it);
    expect([state.residual, state.known]).toStrictEqual([0n, firstSight('a')]);
  });

  test('too little is refused with what it is', () => {
    const { coinPub, denominationHash } = presented('a');
    expect(insufficient(presented('a'), 7n)).toStrictEqual({
      code: 'COIN_VALUE_INSUFFICIENT',
      coinPub,
      denominationHash,
      residual: 7n,
    });
  });
});

test('recoups are remembered with what identifies them', () => {
  const session = { nonce: bytesOf('nonce', 32), rPub0: bytesOf('r0', 32), rPub1: bytesOf('r1', 32) } as const;
  const other = { reservePub: bytesOf('other reserve', 32), session } as unknown as OnCoin<'CoinRecouped'>;
  const { recoups } = given(seen('2'), recouped('3'), back('2'), recouped('2', other)).ask((state) => state);
  const { envelopeHash, blindingSecret, coinSignature } = recouped('3');
  const shown = { envelopeHash, blindingSecret, coinSignature };
  expect(recoups).toStrictEqual([
    { reservePub: RESERVE, ...shown, session: undefined },
    { reservePub: bytesOf('other reserve', 32), ...shown, session },
  ]);
});

describe('a damaged stream', () => {
  test.each([
    ['spends more than there is', [seen('5.00000001')], /paid 500000001 out of 500000000/],
    ['spends more than is left', [seen('4'), spent('a', '1.5', { pursePub: otherPurse })], /out of/],
    ['pays into one purse twice', [seen('1'), spent('a', '1')], /into purse .* twice/],
    ['pays less than the fee', [seen('0.01')], /deposit fee exceeds/],
    ['gets back what it never paid', [seen('1'), back('1', otherPurse)], /nothing to get back/],
    ['gets back twice', [seen('1'), back('1'), back('1')], /nothing to get back/],
    ['gets back too little', [seen('1'), back('0.99')], /got back 99000000 instead of 100000000/],
    ['gets back too much', [seen('1'), back('1.01')], /got back/],
    ['is recouped in part', [seen('1'), recouped('3.9')], /took 390000000 of 400000000/],
    ['is recouped beyond its value', [seen('1'), recouped('4.1')], /took/],
    ['is recouped without value', [seen('5'), recouped('0')], /without value/],
    ['begins unseen', [spent('a', '1')], /first time once/],
    ['is seen twice', [seen('1'), spent('a', '1', { pursePub: otherPurse, firstSight: firstSight('a') })], /once/],
    ['begins with a refund', [back('1')], /nothing to get back/],
  ])('that %s is not folded', (_, history, message) => {
    given(...history).thenImpossible(message);
  });

  test('a fee of all that is paid is none', () => {
    expect(given(seen('0.02')).ask(({ residual }) => residual)).toBe(eur('4.98'));
  });
});
