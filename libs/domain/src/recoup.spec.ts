import { describe, expect, test } from 'vitest';
import { type Coin, coin } from './coin.js';
import { type Decision, refuse, repeat } from './decision.js';
import type { CoinEvent } from './events/coin.js';
import type {
  AgeCommitmentHash,
  BlindingSecret,
  CoinSignature,
  DenominationHash,
  EddsaSignature,
  ReservePub,
} from './events/names.js';
import {
  type DisclosedCoin,
  decideCoinRecoup,
  decideRecoup,
  earlierCoinRecoup,
  isEarlierRecoup,
  type RecoupClaim,
  type RecoupPlan,
} from './recoup.js';
import { type Reserve, reserve } from './reserve.js';
import { coinPub, firstSight, type OnCoin, PURSE, presented, RESERVE, WHEN } from './testing/purse-events.js';
import { coinsAfter, seen } from './testing/purse-requests.js';
import { DELAYS, envelope, funded, recouped, withdrawn } from './testing/reserve-events.js';
import { bytesOf, eur } from './testing/values.js';

/** Four coins in two withdrawals. */
const OWNER = [funded(eur('9')), withdrawn(['a', 'b', 'c']), withdrawn(['d'])].reduce(
  reserve.evolve,
  reserve.initial(),
);
const { commitment } = withdrawn(['a', 'b', 'c']);
const OTHER: ReservePub = bytesOf('other reserve', 32);
const session = { nonce: bytesOf('nonce', 32), rPub0: bytesOf('r0', 32), rPub1: bytesOf('r1', 32) } as NonNullable<
  DisclosedCoin['session']
>;

const disclosed = (label: string, over: Partial<DisclosedCoin> = {}): DisclosedCoin => ({
  ...presented(label),
  envelopeHash: envelope(label),
  blindingSecret: bytesOf(`blinding secret ${label}`, 32),
  coinSignature: bytesOf(`recoup signature ${label}`, 64),
  ...over,
});

const gone = (label: string, amount: string, over: Partial<OnCoin<'CoinRecouped'>> = {}): OnCoin<'CoinRecouped'> => {
  const { envelopeHash, blindingSecret, coinSignature } = disclosed(label);
  const shown = { reservePub: RESERVE, envelopeHash, blindingSecret, coinSignature };
  return { type: 'CoinRecouped', ...shown, amount: eur(amount), ...WHEN, ...over };
};
/** Recouped before anything else, with its whole value. */
const unspent = (label: string, over: Partial<OnCoin<'CoinRecouped'>> = {}) =>
  gone(label, '5', { firstSight: firstSight(label), ...over });
const refundedTo = (amount: string): CoinEvent => {
  return { type: 'CoinRefundedFromPurse', pursePub: PURSE, amount: eur(amount), at: 1 };
};

const circumstances = { reservePub: RESERVE, now: WHEN.at, keysRevision: WHEN.keysRevision, ...DELAYS };
type Entries = Parameters<typeof decideRecoup>[2]['entries'];
const recoup = (
  entries: Entries,
  { coins = {}, state = OWNER }: { coins?: Record<string, CoinEvent[]>; state?: Reserve } = {},
) => decideRecoup(state, coinsAfter(coins), { ...circumstances, entries });

function planOf(decision: Decision<RecoupPlan, unknown, unknown>): RecoupPlan {
  if (decision.kind !== 'accept') expect.unreachable('not accepted');
  return decision.value;
}

const credited = (coins: Record<string, string>, amount: string) => ({
  ...recouped(eur(amount), []),
  commitment,
  coins: Object.entries(coins).map(([label, units]) => {
    return { coinPub: coinPub(label), envelopeHash: envelope(label), amount: eur(units) };
  }),
  at: WHEN.at,
  keysRevision: WHEN.keysRevision,
  expiresAt: WHEN.at + DELAYS.closingDelayS,
  collectableAt: 2_000 + DELAYS.legalDelayS, // of the withdrawal, which was later
});

describe('recouping coins of a withdrawal', () => {
  test('brings the whole residual value of every disclosed coin back', () => {
    const coins = { b: [seen('b', '2')] };
    const plan = planOf(recoup([disclosed('a'), disclosed('b'), envelope('c')], { coins }));
    expect(plan.coins).toStrictEqual([
      { coinPub: coinPub('a'), event: unspent('a') },
      { coinPub: coinPub('b'), event: gone('b', '3') },
    ]);
    expect(plan.reserve).toStrictEqual(credited({ a: '5', b: '3' }, '8'));
  });

  test.each([
    ['the first', [disclosed('a'), envelope('b'), envelope('c')], 'a'],
    ['one between', [envelope('a'), disclosed('b'), envelope('c')], 'b'],
    ['the last', [envelope('a'), envelope('b'), disclosed('c')], 'c'],
  ])('takes any of them alone: %s', (_, entries, label) => {
    const plan = planOf(recoup(entries));
    expect(plan.reserve).toStrictEqual(credited({ [label]: '5' }, '5'));
  });

  test('takes the last unit', () => {
    const plan = planOf(recoup([disclosed('d')], { coins: { d: [seen('d', '4.99999999')] } }));
    expect(plan.reserve).toMatchObject({ amount: 1n, commitment: withdrawn(['d']).commitment });
  });

  test('writes down how a Clause-Schnorr coin was withdrawn', () => {
    const plan = planOf(recoup([disclosed('d', { session })]));
    expect(plan.coins[0]?.event).toStrictEqual(unspent('d', { session }));
  });

  test('moves the dates of the reserve on', () => {
    const state = { ...OWNER, expiresAt: 0, collectableAt: 0 };
    expect(planOf(recoup([disclosed('d')], { state })).reserve).toMatchObject({
      expiresAt: WHEN.at + DELAYS.closingDelayS,
      collectableAt: WHEN.at + DELAYS.legalDelayS,
    });
  });

  test('may be folded by every stream it touches', () => {
    const plan = planOf(recoup([disclosed('a'), disclosed('b'), envelope('c')]));
    for (const { event } of plan.coins) expect(coin.evolve(coin.initial(), event).residual).toBe(0n);
    const history = [funded(eur('9')), withdrawn(['a', 'b', 'c']), plan.reserve];
    expect(history.reduce(reserve.evolve, reserve.initial()).balance).toBe(eur('9') - eur('3.03') + eur('10'));
  });
});

describe('a withdrawal that is not one', () => {
  const unknown = refuse({ code: 'WITHDRAWAL_UNKNOWN' });
  test.each<[string, Entries]>([
    ['in another order', [disclosed('b'), disclosed('a'), envelope('c')]],
    ['without one of its envelopes', [disclosed('a'), envelope('b')]],
    ['with one of another withdrawal', [disclosed('a'), envelope('b'), envelope('d')]],
    ['with an unknown envelope that is not disclosed', [disclosed('a'), envelope('x'), envelope('c')]],
    ['of coins of several', [disclosed('a'), disclosed('d')]],
  ])('is unknown: %s', (_, entries) => {
    expect(recoup(entries)).toStrictEqual(unknown);
  });

  test('is one of a coin never withdrawn, if such a one is disclosed', () => {
    expect(recoup([disclosed('x')])).toStrictEqual(refuse({ code: 'ENVELOPE_UNKNOWN', place: 0 }));
    expect(recoup([envelope('a'), disclosed('b'), disclosed('x')])).toStrictEqual(
      refuse({ code: 'ENVELOPE_UNKNOWN', place: 2 }),
    );
    const mistaken = disclosed('a', { envelopeHash: envelope('y') });
    expect(recoup([mistaken, envelope('b'), envelope('c')])).toStrictEqual(
      refuse({ code: 'ENVELOPE_UNKNOWN', place: 0 }),
    );
  });

  test('is unknown when the reserve is', () => {
    expect(recoup([disclosed('a')], { state: reserve.initial() })).toStrictEqual(unknown);
  });

  test('is looked up before the coins are looked at', () => {
    const coins = { a: [seen('a', '5')] };
    expect(recoup([disclosed('a'), envelope('b')], { coins })).toStrictEqual(unknown);
  });
});

describe('coins that give nothing', () => {
  const entries = [disclosed('a'), disclosed('b'), envelope('c')];
  const spentUp = (label: string) => ({
    code: 'COIN_VALUE_INSUFFICIENT',
    coinPub: coinPub(label),
    denominationHash: presented(label).denominationHash,
    residual: 0n,
  });

  test('are refused when they were spent, and with them the whole request', () => {
    expect(recoup(entries, { coins: { b: [seen('b', '5')] } })).toStrictEqual(refuse(spentUp('b')));
    const both = { a: [seen('a', '5')], b: [seen('b', '5')] };
    expect(recoup(entries, { coins: both })).toStrictEqual(refuse(spentUp('a')));
  });

  test('are refused when they were recouped into another reserve, or by another envelope', () => {
    expect(recoup(entries, { coins: { a: [unspent('a', { reservePub: OTHER })] } })).toStrictEqual(
      refuse(spentUp('a')),
    );
    expect(recoup(entries, { coins: { a: [unspent('a', { envelopeHash: envelope('d') })] } })).toStrictEqual(
      refuse(spentUp('a')),
    );
  });

  test('are refused under another denomination or age, before their value is looked at', () => {
    const coins = { a: [seen('a', '5')] };
    const denominationHash: DenominationHash = bytesOf('other', 64);
    const ageCommitmentHash: AgeCommitmentHash = bytesOf('age', 32);
    const known = firstSight('a');
    expect(recoup([disclosed('a', { denominationHash }), ...entries.slice(1)], { coins })).toStrictEqual(
      refuse({ code: 'COIN_DENOMINATION_CONFLICT', coinPub: coinPub('a'), known }),
    );
    expect(recoup([disclosed('a', { ageCommitmentHash }), ...entries.slice(1)], { coins })).toStrictEqual(
      refuse({
        code: 'COIN_AGE_CONFLICT',
        coinPub: coinPub('a'),
        denominationHash: known.denominationHash,
        expected: undefined,
      }),
    );
  });

  test('add nothing when they were recouped from this reserve', () => {
    const plan = planOf(recoup(entries, { coins: { a: [unspent('a')] } }));
    expect(plan.coins.map(({ coinPub }) => coinPub)).toStrictEqual([coinPub('b')]);
    expect(plan.reserve).toStrictEqual(credited({ b: '5' }, '5'));
  });

  test('make a repeat when all were', () => {
    expect(recoup(entries, { coins: { a: [unspent('a')], b: [unspent('b')] } })).toStrictEqual(repeat(undefined));
  });

  test('until money comes back: then they are recouped again', () => {
    const coins = { a: [seen('a', '2'), gone('a', '3'), refundedTo('2')], b: [unspent('b')] };
    const plan = planOf(recoup(entries, { coins }));
    expect(plan.coins).toStrictEqual([{ coinPub: coinPub('a'), event: gone('a', '2') }]);
    expect(plan.reserve).toStrictEqual(credited({ a: '2' }, '2'));
  });

  test('never come twice in one request', () => {
    const twice = [disclosed('a'), disclosed('b', { coinPub: coinPub('a') }), envelope('c')];
    expect(() => recoup(twice)).toThrow(/twice in one request/);
  });
});

const rsa = (label: string): CoinSignature => ({ cipher: 'RSA', signature: bytesOf(label, 128) });
const cs = (r: string, s: string): CoinSignature => ({ cipher: 'CS', r: bytesOf(r, 32), s: bytesOf(s, 32) });

describe('a recoup seen before', () => {
  const claim = (label: string, over: Partial<RecoupClaim> = {}): RecoupClaim => {
    const { value: _, envelopeHash, ...shown } = disclosed(label);
    return { ...shown, ...over };
  };
  const coins = { a: [unspent('a')], b: [seen('b', '2'), gone('b', '3')], d: [unspent('d', { session })] };
  const ask = (
    entries: Parameters<typeof isEarlierRecoup>[2]['entries'],
    { state = OWNER, reservePub = RESERVE, histories = coins as Record<string, CoinEvent[]> } = {},
  ) => isEarlierRecoup(state, coinsAfter(histories), { reservePub, entries });
  const entries = [claim('a'), claim('b'), envelope('c')];

  test('is known by its withdrawal and by the signature of every coin', () => {
    expect(ask(entries)).toBe(true);
    expect(ask([claim('a'), envelope('b'), envelope('c')])).toBe(true);
    expect(ask([claim('d', { session })])).toBe(true);
  });

  test.each<[string, (RecoupClaim | ReturnType<typeof envelope>)[]]>([
    ['another signature', [claim('a', { coinSignature: bytesOf<EddsaSignature>('x', 64) }), ...entries.slice(1)]],
    ['another secret', [claim('a', { blindingSecret: bytesOf<BlindingSecret>('x', 32) }), ...entries.slice(1)]],
    ['another denomination', [claim('a', { denominationHash: bytesOf('x', 64) }), ...entries.slice(1)]],
    ['another age', [claim('a', { ageCommitmentHash: bytesOf('x', 32) }), ...entries.slice(1)]],
    ['another denomination signature', [claim('a', { denominationSignature: rsa('x') }), ...entries.slice(1)]],
    ['one of another cipher', [claim('a', { denominationSignature: cs('a', 'a') }), ...entries.slice(1)]],
    ['a nonce', [claim('a', { session }), ...entries.slice(1)]],
    ['no nonce', [claim('d')]],
    ['another nonce', [claim('d', { session: { ...session, nonce: bytesOf('x', 32) } })]],
    ['another first value', [claim('d', { session: { ...session, rPub0: bytesOf('x', 32) } })]],
    ['another second value', [claim('d', { session: { ...session, rPub1: bytesOf('x', 32) } })]],
    ['a nonce alone', [claim('d', { session: { nonce: session.nonce } })]],
    ['a coin more', [claim('a'), claim('b'), claim('c')]],
    ['an envelope less', entries.slice(0, 2)],
    ['another order', [claim('b'), claim('a'), envelope('c')]],
    ['an envelope of another withdrawal', [claim('a'), claim('b'), envelope('d')]],
  ])('is another one with %s', (_, other) => {
    expect(ask(other)).toBe(false);
  });

  test('of a Clause-Schnorr coin is known by both parts of its signature', () => {
    const known = { ...firstSight('d'), denominationSignature: cs('r', 's') };
    const histories = { d: [unspent('d', { session, firstSight: known })] };
    const by = (denominationSignature: CoinSignature) =>
      ask([claim('d', { session, denominationSignature })], { histories });
    expect([by(cs('r', 's')), by(cs('r', 'x')), by(cs('x', 's')), by(rsa('d'))]).toEqual([true, false, false, false]);
  });

  test('is another one into another reserve', () => {
    expect(ask(entries, { reservePub: OTHER })).toBe(false);
    expect(ask(entries, { state: reserve.initial() })).toBe(false);
    expect(
      ask([claim('a'), envelope('b'), envelope('c')], { histories: { a: [unspent('a', { reservePub: OTHER })] } }),
    ).toBe(false);
  });

  test('is found among several recoups of a coin', () => {
    const elsewhereFirst = [seen('a', '2'), gone('a', '3', { reservePub: OTHER }), refundedTo('2'), gone('a', '2')];
    const hereFirst = [seen('a', '2'), gone('a', '3'), refundedTo('2'), gone('a', '2', { reservePub: OTHER })];
    for (const a of [elsewhereFirst, hereFirst]) {
      expect(ask([claim('a'), envelope('b'), envelope('c')], { histories: { a } })).toBe(true);
    }
  });

  test('is no longer one when a coin has a value again', () => {
    const histories = { ...coins, b: [...coins.b, refundedTo('2')] };
    expect(ask(entries, { histories })).toBe(false);
    expect(ask([claim('a'), envelope('b'), envelope('c')], { histories })).toBe(true);
  });
});

describe('the older recoup of one coin', () => {
  const ask = (coin: Coin, { of = disclosed('b'), state = OWNER }: { of?: DisclosedCoin; state?: Reserve } = {}) =>
    decideCoinRecoup(state, coin, { ...circumstances, disclosed: of });
  const coinAfter = (...history: CoinEvent[]): Coin => history.reduce(coin.evolve, coin.initial());

  test('brings its residual value to the reserve of its envelope, naming no withdrawal', () => {
    const plan = planOf(ask(coinAfter(seen('b', '2'))));
    const { commitment: _, ...event } = credited({ b: '3' }, '3');
    expect(plan).toStrictEqual({ coins: [{ coinPub: coinPub('b'), event: gone('b', '3') }], reserve: event });
  });

  test('is refused for an envelope that was never withdrawn', () => {
    const unknown = refuse({ code: 'ENVELOPE_UNKNOWN', place: 0 });
    expect(ask(coinAfter(), { of: disclosed('x') })).toStrictEqual(unknown);
    expect(ask(coinAfter(), { state: reserve.initial() })).toStrictEqual(unknown);
  });

  test('is refused for a coin without value, repeated for one that was recouped', () => {
    expect(ask(coinAfter(seen('b', '5')))).toMatchObject({ refusal: { code: 'COIN_VALUE_INSUFFICIENT' } });
    expect(ask(coinAfter(unspent('b')))).toStrictEqual(repeat(undefined));
  });

  test('seen before names the reserve, while the coin has no value', () => {
    const { value: _, envelopeHash, ...claim } = disclosed('b');
    expect(earlierCoinRecoup(coinAfter(unspent('b')), claim)).toBe(RESERVE);
    expect(earlierCoinRecoup(coinAfter(unspent('b', { reservePub: OTHER })), claim)).toBe(OTHER);
    expect(earlierCoinRecoup(coinAfter(seen('b', '2'), gone('b', '3'), refundedTo('2')), claim)).toBeUndefined();
    expect(earlierCoinRecoup(coinAfter(), claim)).toBeUndefined();
    const other = { ...claim, coinSignature: bytesOf<EddsaSignature>('x', 64) };
    expect(earlierCoinRecoup(coinAfter(unspent('b')), other)).toBeUndefined();
  });
});
