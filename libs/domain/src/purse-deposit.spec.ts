import { describe, expect, test } from 'vitest';
import { type Coin, coin } from './coin.js';
import { refuse, repeat } from './decision.js';
import type { CoinEvent } from './events/coin.js';
import type { CoinPub } from './events/names.js';
import type { PurseEvent } from './events/purse.js';
import { type CreateRequest, earlierCreation, earlierDeposit, type OfferedDeposit } from './purse-deposit.js';
import {
  coinPub,
  confirmed,
  contract,
  created,
  deleted,
  deposit,
  deposited,
  expired,
  firstSight,
  merged,
  offered,
  presented,
  RESERVE,
  refunded,
  SIGNED_TERMS,
  spent,
  TERMS,
  WHEN,
} from './testing/purse-events.js';
import { coinsAfter, create, elsewhere, planOf, purseAfter, put, request, seen } from './testing/purse-requests.js';
import { bytesOf, eur } from './testing/values.js';

const earlier = (total: string, at?: number) => ({ confirmation: confirmed(total, at), mergedInto: undefined });

describe('making a purse', () => {
  const plan = planOf(create(purseAfter(), [offered('a', '3.02'), offered('b', '0.5')]));

  test('charges its coins with their fees, and confirms what they bring without', () => {
    expect(plan.total).toBe(eur('3.48'));
    expect(plan.coins).toStrictEqual([
      { coinPub: coinPub('a'), event: seen('a', '3.02') },
      { coinPub: coinPub('b'), event: seen('b', '0.5') },
    ]);
    expect(plan.purse(confirmed('3.48'))).toStrictEqual([created({ a: '3.02', b: '0.5' }, '3.48')]);
    expect([plan.merge, plan.earlier]).toStrictEqual([undefined, undefined]);
  });

  test('writes the contract, if there is one', () => {
    const [event] = planOf(create(purseAfter(), [offered('a', '1')], { contract: contract('a') })).purse(
      confirmed('0.98'),
    );
    expect(event).toStrictEqual(created({ a: '1' }, '0.98', { contract: contract('a') }));
  });

  test('does not write a coin down twice that was seen before', () => {
    const coins = coinsAfter({ a: [seen('a', '1', elsewhere)] });
    expect(planOf(create(purseAfter(), [offered('a', '3.02')], { coins })).coins).toStrictEqual([
      { coinPub: coinPub('a'), event: spent('a', '3.02') },
    ]);
  });

  test('writes the age commitment and its proof', () => {
    const ageCommitmentHash = bytesOf<NonNullable<OfferedDeposit['ageCommitmentHash']>>('age', 32);
    const ageProof = { commitment: [bytesOf('group', 32)], attestation: bytesOf('attestation', 64) } as never;
    const plan = planOf(create(purseAfter(), [offered('a', '1', { ageCommitmentHash, ageProof })]));
    const [event] = plan.purse(confirmed('0.98'));
    expect(event).toMatchObject({ deposits: [deposit('a', '1', { ageCommitmentHash, ageProof })] });
    expect(plan.coins[0]?.event.firstSight).toStrictEqual(firstSight('a', { ageCommitmentHash }));
  });

  test('takes coins to their last unit, and one that pays no more than its fee', () => {
    const coins = coinsAfter({ a: [seen('a', '1.98', elsewhere)] });
    expect(planOf(create(purseAfter(), [offered('a', '3.02')], { coins })).total).toBe(eur('3'));
    expect(planOf(create(purseAfter(), [offered('a', '5')])).total).toBe(eur('4.98'));
    expect(planOf(create(purseAfter(), [offered('a', '0.02')])).total).toBe(0n);
  });

  test('is too late from its expiration on, however long its checks took', () => {
    const coins = coinsAfter({ a: [seen('a', '5', elsewhere)] });
    expect(create(purseAfter(), [offered('a', '1')], { coins, now: 2_000 })).toStrictEqual(
      refuse({ code: 'PURSE_EXPIRED', expiresAt: 2_000 }),
    );
    expect(create(purseAfter(), [offered('a', '1')], { now: 1_999 }).kind).toBe('accept');
  });

  test('writes what is answered, and nothing else', () => {
    expect(() => plan.purse()).toThrow(/must be confirmed so/);
    expect(() => plan.purse(confirmed('3.49'))).toThrow(/a deposit that brings 348000000 must be confirmed so/);
  });

  test('never gets a coin below its fee', () => {
    expect(() => create(purseAfter(), [offered('a', '0.01')])).toThrow(/less than its fee/);
  });

  test('may bring more than the target', () => {
    expect(planOf(create(purseAfter(), [offered('a', '5'), offered('b', '5')])).total).toBe(eur('9.96'));
  });
});

describe('coins that cannot pay', () => {
  const refusedCoin = (label: string, residual: string) => ({
    code: 'COIN_VALUE_INSUFFICIENT',
    coinPub: coinPub(label),
    denominationHash: presented(label).denominationHash,
    residual: eur(residual),
  });
  const standing = purseAfter(created({ z: '1' }, '0.98'));
  /** Refused alike in a new purse, in one that exists, and by either command. */
  const everywhere = (deposits: OfferedDeposit[], coins: (pub: CoinPub) => Coin) => [
    create(purseAfter(), deposits, { coins }),
    create(standing, deposits, { coins }),
    put(standing, deposits, { coins }),
  ];

  test('one unit above what is left is refused with the rest', () => {
    const coins = coinsAfter({ b: [seen('b', '1.98', elsewhere)] });
    for (const decision of everywhere([offered('a', '1'), offered('b', '3.02000001')], coins)) {
      expect(decision).toStrictEqual(refuse(refusedCoin('b', '3.02')));
    }
    for (const decision of everywhere([offered('a', '5.00000001')], coinsAfter({}))) {
      expect(decision).toStrictEqual(refuse(refusedCoin('a', '5')));
    }
  });

  test('one that was recouped has nothing left', () => {
    const recouped: CoinEvent = {
      type: 'CoinRecouped',
      firstSight: firstSight('a'),
      reservePub: RESERVE,
      envelopeHash: bytesOf('envelope', 64),
      blindingSecret: bytesOf('secret', 32),
      coinSignature: bytesOf('recoup', 64),
      amount: eur('5'),
      ...WHEN,
    };
    for (const decision of everywhere([offered('a', '0.02')], coinsAfter({ a: [recouped] }))) {
      expect(decision).toStrictEqual(refuse(refusedCoin('a', '0')));
    }
  });

  test('one of another denomination or age is refused before its value is looked at', () => {
    const coins = coinsAfter({ a: [seen('a', '5', elsewhere)] });
    const denominationHash = bytesOf<OfferedDeposit['denominationHash']>('other', 64);
    for (const decision of everywhere([offered('a', '1', { denominationHash })], coins)) {
      expect(decision).toStrictEqual(
        refuse({ code: 'COIN_DENOMINATION_CONFLICT', coinPub: coinPub('a'), known: firstSight('a') }),
      );
    }
    const ageCommitmentHash = bytesOf<NonNullable<OfferedDeposit['ageCommitmentHash']>>('age', 32);
    const { denominationHash: known } = presented('a');
    for (const decision of everywhere([offered('a', '1', { ageCommitmentHash })], coins)) {
      expect(decision).toStrictEqual(
        refuse({ code: 'COIN_AGE_CONFLICT', coinPub: coinPub('a'), denominationHash: known, expected: undefined }),
      );
    }
  });

  test('the first one in the order of the request is named', () => {
    const coins = coinsAfter({ a: [seen('a', '5', elsewhere)], b: [seen('b', '5', elsewhere)] });
    const denominationHash = bytesOf<OfferedDeposit['denominationHash']>('other', 64);
    const [a, b] = [offered('a', '1'), offered('b', '1', { denominationHash })];
    expect(put(standing, [a, b], { coins })).toStrictEqual(refuse(refusedCoin('a', '0')));
    expect(put(standing, [b, a], { coins })).toMatchObject({ refusal: { code: 'COIN_DENOMINATION_CONFLICT' } });
  });

  test('a coin that is twice in one request never gets here', () => {
    expect(() => create(purseAfter(), [offered('a', '1'), offered('a', '1')])).toThrow(/twice in one request/);
    expect(() => put(standing, [offered('a', '1'), offered('a', '2')])).toThrow(/twice in one request/);
  });
});

describe('a purse that exists', () => {
  const state = purseAfter(created({ a: '1', b: '1' }, '1.96'));
  const coins = coinsAfter({ a: [seen('a', '1')], b: [seen('b', '1')] });

  test('gets more coins, by a deposit or by creating it again', () => {
    for (const decision of [
      put(state, [offered('c', '2')], { coins }),
      create(state, [offered('c', '2')], { coins }),
    ]) {
      const plan = planOf(decision);
      expect(plan.total).toBe(eur('3.94'));
      expect(plan.coins).toStrictEqual([{ coinPub: coinPub('c'), event: seen('c', '2') }]);
      expect(plan.purse(confirmed('3.94'))).toStrictEqual([deposited({ c: '2' }, '3.94')]);
      expect([plan.merge, plan.earlier]).toStrictEqual([undefined, undefined]);
    }
  });

  test('writes what is answered, and nothing else', () => {
    const { purse } = planOf(put(state, [offered('c', '2')], { coins }));
    expect(() => purse()).toThrow(/must be confirmed so/);
    expect(() => purse(confirmed('1.98'))).toThrow(/must be confirmed so/);
  });

  test('does not charge a coin again that came by the same signature', () => {
    const plan = planOf(put(state, [offered('a', '1'), offered('c', '2'), offered('b', '1')], { coins }));
    expect(plan.total).toBe(eur('3.94'));
    expect(plan.coins.map(({ coinPub }) => coinPub)).toStrictEqual([coinPub('c')]);
    expect(plan.purse(confirmed('3.94'))).toStrictEqual([deposited({ c: '2' }, '3.94')]);
  });

  test('refuses a coin that came by another signature, with what it paid then', () => {
    const earlierCoin = state.coins.get(coinPub('b'));
    const conflict = refuse({ code: 'PURSE_DEPOSIT_CONFLICT', coinPub: coinPub('b'), earlier: earlierCoin });
    expect(put(state, [offered('c', '1'), offered('b', '2')], { coins })).toStrictEqual(conflict);
    expect(create(state, [offered('b', '2')], { coins })).toStrictEqual(conflict);
    const sameAmount = offered('b', '1', { coinSignature: offered('b', '2').coinSignature });
    expect(put(state, [sameAmount], { coins })).toStrictEqual(conflict);
    const sameSignature = offered('b', '2', { coinSignature: offered('b', '1').coinSignature });
    expect(put(state, [sameSignature], { coins })).toStrictEqual(conflict);
  });

  test('refuses such a coin before its value is looked at', () => {
    const spentUp = coinsAfter({ b: [seen('b', '1'), spent('b', '4', elsewhere)] });
    expect(put(state, [offered('b', '2')], { coins: spentUp })).toMatchObject({
      refusal: { code: 'PURSE_DEPOSIT_CONFLICT' },
    });
  });

  test('of other terms refuses to be made again, with what its key signed', () => {
    const others: Partial<CreateRequest['terms']>[] = [
      { target: eur('4.01') },
      { minAge: 18 },
      { expiresAt: 2_001 },
      { contractTermsHash: bytesOf('other', 64) },
      { mergePub: bytesOf('other', 32) },
    ];
    for (const other of others) {
      const decision = create(state, [offered('a', '1')], { coins, terms: { ...TERMS, ...other } });
      expect(decision).toStrictEqual(refuse({ code: 'PURSE_TERMS_CONFLICT', stored: SIGNED_TERMS }));
    }
  });

  test('refuses other terms also after its end, before the end itself', () => {
    const over = purseAfter(created({ a: '1' }, '0.98'), deleted(1_000));
    const terms = { ...TERMS, minAge: 1 };
    expect(create(over, [offered('a', '1')], { terms })).toMatchObject({ refusal: { code: 'PURSE_TERMS_CONFLICT' } });
  });
});

describe('the contract of a purse that exists', () => {
  const { econtract: _, ...stored } = contract('a');
  const without = created({ a: '1' }, '0.98');
  const state = purseAfter(created({ a: '1' }, '0.98', { contract: contract('a') }));
  const coins = coinsAfter({ a: [seen('a', '1')], b: [seen('b', '5', elsewhere)] });
  const conflict = refuse({ code: 'PURSE_CONTRACT_CONFLICT', stored });

  test('is the first one', () => {
    expect(create(state, [offered('c', '1')], { coins, contract: contract('b') })).toStrictEqual(conflict);
    expect(create(state, [offered('a', '1')], { coins, contract: contract('b') })).toStrictEqual(conflict);
  });

  test('is looked at after the coins', () => {
    const decision = create(state, [offered('b', '1')], { coins, contract: contract('b') });
    expect(decision).toMatchObject({ refusal: { code: 'COIN_VALUE_INSUFFICIENT' } });
  });

  test('may be sent again, or left out', () => {
    expect(planOf(create(state, [offered('c', '1')], { coins, contract: contract('a') })).total).toBe(eur('1.96'));
    expect(planOf(create(state, [offered('c', '1')], { coins })).purse(confirmed('1.96'))).toStrictEqual([
      deposited({ c: '1' }, '1.96'),
    ]);
  });

  test('may come later, with new coins', () => {
    const plan = planOf(create(purseAfter(without), [offered('c', '1')], { coins, contract: contract('a') }));
    const added = { type: 'PurseContractAdded', ...contract('a'), at: WHEN.at };
    expect(plan.purse(confirmed('1.96'))).toStrictEqual([deposited({ c: '1' }, '1.96'), added]);
    expect(plan.earlier).toBeUndefined();
  });

  test('or without, and then the answer is that of the coins', () => {
    const plan = planOf(create(purseAfter(without), [offered('a', '1')], { coins, contract: contract('a') }));
    expect(plan.purse()).toStrictEqual([{ type: 'PurseContractAdded', ...contract('a'), at: WHEN.at }]);
    expect(plan).toMatchObject({ total: eur('0.98'), coins: [], merge: undefined });
    expect(plan.earlier).toStrictEqual(earlier('0.98'));
  });
});

describe('a request seen before', () => {
  const first = created({ a: '1', b: '1' }, '1.96', { contract: contract('a') });
  const second = deposited({ c: '2.02' }, '3.96', 1_100);
  const third = deposited({ d: '1' }, '4.94', 1_200);
  const history = [first, second, third];
  const ends: [string, PurseEvent[]][] = [
    ['standing', []],
    ['merged', [merged('0.94', '0.08')]],
    ['deleted', [deleted(1_500), refunded({ a: '1' })]],
    ['expired', [expired(2_500), refunded({ a: '1', b: '1', c: '2.02', d: '1' })]],
  ];

  describe.each(ends)('and a purse that is %s', (_, end) => {
    const state = purseAfter(...history, ...end);

    test.each([
      ['exactly', ['a 1', 'b 1'], earlier('1.96')],
      ['reordered', ['b 1', 'a 1'], earlier('1.96')],
      ['in part', ['b 1'], earlier('1.96')],
      ['later', ['c 2.02'], earlier('3.96', 1_100)],
      ['from several requests: as the last of them', ['c 2.02', 'a 1'], earlier('3.96', 1_100)],
      ['from all', ['d 1', 'c 2.02', 'b 1', 'a 1'], earlier('4.94', 1_200)],
    ])('is answered as then: %s', (_, coins, answer) => {
      const deposits = coins.map((text) => offered(...(text.split(' ') as [string, string])));
      expect(earlierDeposit(state, deposits)).toStrictEqual(answer);
      expect(put(state, deposits, { now: 9_999 })).toStrictEqual(repeat(answer));
      expect(create(state, deposits, { now: 9_999 })).toStrictEqual(repeat(answer));
      expect(create(state, deposits, { now: 9_999, contract: contract('a') })).toStrictEqual(repeat(answer));
    });
  });

  const state = purseAfter(...history);
  test('is another one with a coin more, another amount or another signature', () => {
    expect(earlierDeposit(state, [offered('a', '1'), offered('x', '1')])).toBeUndefined();
    expect(earlierDeposit(state, [{ ...offered('a', '1'), amount: eur('1.01') }])).toBeUndefined();
    expect(earlierDeposit(state, [{ ...offered('a', '1'), coinSignature: offered('a', '2').coinSignature }])).toBe(
      undefined,
    );
    expect(earlierDeposit(state, [])).toBeUndefined();
    expect(earlierDeposit(purseAfter(...history, merged('0.94', '0.08')), [])).toBeUndefined();
    expect(earlierDeposit(purseAfter(), [offered('a', '1')])).toBeUndefined();
  });

  test('always has its answer somewhere', () => {
    const damaged = purseAfter(...history);
    damaged.confirmations.clear();
    expect(() => earlierDeposit(damaged, [offered('a', '1')])).toThrow(/neither confirmed nor/);
  });

  test('as a creation must have the same terms and no other contract', () => {
    const deposits = [offered('a', '1')];
    const ask = (over: Partial<CreateRequest>) => earlierCreation(state, request(deposits, over)).kind;
    expect(ask({})).toBe('repeat');
    expect(ask({ terms: { ...TERMS, minAge: 1 } })).toBe('accept');
    expect(ask({ contract: contract('b') })).toBe('accept');
    expect(earlierCreation(purseAfter(), request(deposits)).kind).toBe('accept');
    const bare = purseAfter(created({ a: '1' }, '0.98'));
    expect(earlierCreation(bare, request(deposits, { contract: contract('a') })).kind).toBe('accept');
  });
});

describe('a purse that has ended', () => {
  const made = created({ a: '3.02', b: '1.02' }, '4');
  const fresh = [offered('c', '1')];
  const gone = refuse({ code: 'PURSE_EXPIRED', expiresAt: 2_000 });

  test.each<[string, PurseEvent[], number, string]>([
    ['expired by the clock', [made], 2_000, 'PURSE_EXPIRED'],
    ['expired', [made, expired(2_000)], 2_100, 'PURSE_EXPIRED'],
    ['been deleted', [made, deleted(1_000)], 1_100, 'PURSE_DELETED'],
    ['been merged', [made, merged('0', '0.04')], 1_600, 'PURSE_MERGED'],
  ])('takes no coin: it has %s', (_, history, now, code) => {
    const state = purseAfter(...history);
    expect(put(state, fresh, { now })).toMatchObject({ kind: 'refuse', refusal: { code } });
    expect(create(state, fresh, { now })).toMatchObject({ kind: 'refuse', refusal: { code } });
    expect(create(state, [offered('a', '3.02')], { now, contract: contract('a') })).toMatchObject({
      kind: 'refuse',
      refusal: { code },
    });
    expect(earlierCreation(state, request(fresh, { now }))).toMatchObject({ kind: 'refuse', refusal: { code } });
  });

  test('takes one until the last second', () => {
    expect(planOf(put(purseAfter(made), fresh, { now: 1_999 })).total).toBe(eur('4.98'));
    expect(planOf(create(purseAfter(made), fresh, { now: 1_999 })).total).toBe(eur('4.98'));
  });

  test('says so before its coins are looked at; a merged one after them, when asked for a deposit', () => {
    const coins = coinsAfter({ c: [seen('c', '5', elsewhere)] });
    expect(put(purseAfter(made), fresh, { coins, now: 2_000 })).toStrictEqual(gone);
    const mergedState = purseAfter(made, merged('0', '0.04'));
    expect(put(mergedState, fresh, { coins })).toMatchObject({ refusal: { code: 'COIN_VALUE_INSUFFICIENT' } });
    expect(create(mergedState, fresh, { coins })).toMatchObject({ refusal: { code: 'PURSE_MERGED' } });
  });

  test('that never was takes no deposit', () => {
    expect(put(purseAfter(), fresh)).toStrictEqual(refuse({ code: 'PURSE_UNKNOWN' }));
  });
});

test('what an accepted plan appends can be folded by every stream it touches', () => {
  const plan = planOf(create(purseAfter(), [offered('a', '2'), offered('b', '3')]));
  expect(purseAfter(...plan.purse(confirmed('4.96'))).balance).toBe(plan.total);
  for (const { event } of plan.coins) expect(coin.evolve(coin.initial(), event).residual).toBe(eur('5') - event.amount);
});
