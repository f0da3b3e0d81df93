import { NEVER } from '@florin/encoding';
import { describe, expect, test } from 'vitest';
import type { PurseEvent } from './events/purse.js';
import {
  addedContract,
  contractConflict,
  decidePurseDelete,
  decidePurseExpire,
  expirationFault,
  isFull,
  isPurseOverdue,
  isSameMerge,
  isSameTerms,
  nextRefund,
  type Purse,
  type PurseRefund,
  purse,
  standingPurse,
  undecidedPurse,
} from './purse.js';
import {
  coinPub,
  confirmed,
  contract,
  created,
  createdByRequest,
  deleted,
  deposit,
  deposited,
  expired,
  merged,
  mergeOf,
  mergeRequest,
  type OnPurse,
  PURSE,
  refunded,
  SIGNED_TERMS,
  TERMS,
} from './testing/purse-events.js';
import { specification } from './testing/specification.js';
import { bytesOf, eur } from './testing/values.js';

const given = specification(purse);
const FULL = created({ a: '3.02', b: '1.02' }, '4');
const PARTLY = created({ a: '3.02' }, '3');
const added = (label: string, at = 1_000): OnPurse<'PurseContractAdded'> => {
  return { type: 'PurseContractAdded', ...contract(label), at };
};

describe('a purse', () => {
  test('holds what its coins paid without the fees', () => {
    const { balance, depositFees, coins } = given(FULL, deposited({ c: '0.5' }, '4.48')).ask((state) => state);
    expect([balance, depositFees, [...coins.keys()]]).toStrictEqual([
      eur('4.48'),
      eur('0.06'),
      [coinPub('a'), coinPub('b'), coinPub('c')],
    ]);
  });

  test('knows every coin with what proves its payment', () => {
    const ageCommitmentHash = bytesOf<NonNullable<OnPurse<'PurseCreated'>['deposits'][0]['ageCommitmentHash']>>(
      'x',
      32,
    );
    const deposits = [deposit('a', '3.02', { ageCommitmentHash })];
    const { coins } = given(created({}, '3', { deposits }), deposited({ b: '1.02' }, '4')).ask((state) => state);
    const { denominationHash } = deposit('a', '1');
    expect([...coins.values()]).toStrictEqual([
      {
        denominationHash,
        ageCommitmentHash,
        amount: eur('3.02'),
        depositFee: eur('0.02'),
        coinSignature: deposit('a', '3.02').coinSignature,
        event: 0,
        refunded: false,
      },
      {
        denominationHash,
        ageCommitmentHash: undefined,
        amount: eur('1.02'),
        depositFee: eur('0.02'),
        coinSignature: deposit('b', '1.02').coinSignature,
        event: 1,
        refunded: false,
      },
    ]);
  });

  test('is full from its target on', () => {
    expect(given().ask(isFull)).toBe(false);
    expect(given(created({ a: '4.01999999' }, '3.99999999')).ask(isFull)).toBe(false);
    expect(given(FULL).ask(isFull)).toBe(true);
    expect(given(created({ a: '4.03' }, '4.01')).ask(isFull)).toBe(true);
  });

  test('has the contract it was made with, or the first that was added, without the text', () => {
    const { econtract: _, ...stored } = contract('a');
    expect(given(created({}, '0', { contract: contract('a') })).ask((it) => it.contract)).toStrictEqual(stored);
    expect(given(PARTLY, added('a')).ask((it) => it.contract)).toStrictEqual(stored);
    expect(given(PARTLY).ask((it) => it.contract)).toBeUndefined();
  });

  test('remembers its answers by the events that carry them', () => {
    const { confirmations } = given(PARTLY, added('a'), deposited({ b: '1.02' }, '4', 1_100)).ask((it) => it);
    expect([...confirmations]).toStrictEqual([
      [0, confirmed('3')],
      [2, confirmed('4', 1_100)],
    ]);
  });
});

describe('a purse stands', () => {
  const standing = (now: number) => (state: Purse) => standingPurse(state, now);
  const undecided = (now: number) => (state: Purse) => undecidedPurse(state, now);
  const gone = { code: 'PURSE_EXPIRED', expiresAt: 2_000 } as const;

  test('until just before its expiration', () => {
    given(FULL).when(standing(1_999)).thenAccepted(SIGNED_TERMS);
    given(FULL).when(undecided(1_999)).thenAccepted(SIGNED_TERMS);
  });

  test('not from its expiration on, whether that is written or not', () => {
    given(FULL).when(standing(2_000)).thenRefused(gone);
    given(FULL).when(undecided(2_000)).thenRefused(gone);
    given(FULL, expired(2_000)).when(standing(2_001)).thenRefused(gone);
    given(FULL, expired(2_000)).when(undecided(1)).thenRefused(gone); // a clock that was set back revives nothing
  });

  test('not after it was deleted, also when its time is over', () => {
    given(FULL, deleted(1_000)).when(standing(1_001)).thenRefused({ code: 'PURSE_DELETED' });
    given(FULL, deleted(1_000)).when(undecided(2_000)).thenRefused({ code: 'PURSE_DELETED' });
  });

  test('for ever after it was merged, but takes no more coins', () => {
    given(FULL, merged('0', '0.04')).when(standing(9_999)).thenAccepted(SIGNED_TERMS);
    given(FULL, merged('0', '0.04')).when(undecided(1_600)).thenRefused({ code: 'PURSE_MERGED' });
    given(FULL, merged('0', '0.04')).when(undecided(9_999)).thenRefused({ code: 'PURSE_MERGED' });
  });

  test('not before it was made', () => {
    given().when(standing(1)).thenRefused({ code: 'PURSE_UNKNOWN' });
    given().when(undecided(1)).thenRefused({ code: 'PURSE_UNKNOWN' });
  });
});

describe('the expiration of a purse', () => {
  test('lies in the future and is a date', () => {
    expect([999, 1_000, 1_001, NEVER].map((expiresAt) => expirationFault(expiresAt, 1_000))).toStrictEqual([
      'EXPIRATION_BEFORE_NOW',
      'EXPIRATION_BEFORE_NOW',
      undefined,
      'EXPIRATION_IS_NEVER',
    ]);
  });

  test('is written once it is due', () => {
    expect(given(FULL).ask((state) => decidePurseExpire(state, 1_999))).toBeUndefined();
    expect(given(FULL).ask((state) => decidePurseExpire(state, 2_000))).toStrictEqual(expired(2_000));
    expect(given(FULL).ask((state) => decidePurseExpire(state, 2_001))).toStrictEqual(expired(2_001));
  });

  test.each<[string, PurseEvent[]]>([
    ['unknown', []],
    ['expired', [FULL, expired(2_000)]],
    ['deleted', [FULL, deleted(1_000)]],
    ['merged', [FULL, merged('0', '0.04')]],
  ])('does not come to a purse that is %s', (_, history) => {
    expect(given(...history).ask((state) => decidePurseExpire(state, 5_000))).toBeUndefined();
    expect(given(...history).ask((state) => isPurseOverdue(state, 5_000))).toBe(false);
  });
});

describe('deleting a purse', () => {
  const { purseSignature } = deleted(0);
  const erase = (now: number) => (state: Purse) => decidePurseDelete(state, { pursePub: PURSE, purseSignature, now });

  test('ends it', () => {
    given(FULL)
      .when(erase(1_999))
      .thenAccepted({ purse: deleted(1_999), reserve: undefined });
  });

  test('gives a reserve that requested it its place in the quota back', () => {
    given(createdByRequest())
      .when(erase(1_500))
      .thenAccepted({
        purse: deleted(1_500),
        reserve: { type: 'RequestedPurseDeleted', pursePub: PURSE, purseSignature, at: 1_500 },
      });
  });

  test('is repeated for ever', () => {
    given(FULL, deleted(1_000)).when(erase(1_001)).thenRepeated(undefined);
    given(FULL, deleted(1_000), refunded({ a: '3.02' }))
      .when(erase(9_999))
      .thenRepeated(undefined);
  });

  test('is refused when the purse has ended otherwise, by the clock or in writing', () => {
    const refusal = { code: 'PURSE_ALREADY_DECIDED' } as const;
    given(FULL).when(erase(2_000)).thenRefused(refusal);
    given(FULL, expired(2_000)).when(erase(1_000)).thenRefused(refusal);
    given(FULL, merged('0', '0.04')).when(erase(1_600)).thenRefused(refusal);
  });

  test('is refused when there is none', () => {
    given().when(erase(1)).thenRefused({ code: 'PURSE_UNKNOWN' });
  });
});

describe('refunds', () => {
  const THREE = created({ a: '3.02', b: '1.02', c: '0.02' }, '4');
  const next =
    (coinsMax?: number) =>
    (state: Purse): PurseRefund | undefined =>
      nextRefund(state, { pursePub: PURSE, now: 3_000, ...(coinsMax !== undefined && { coinsMax }) });
  const coinBack = (label: string, amount: string) => {
    const event = { type: 'CoinRefundedFromPurse', pursePub: PURSE, amount: eur(amount), at: 3_000 };
    return { coinPub: coinPub(label), event };
  };

  test.each([
    ['expired', expired(2_000)],
    ['deleted', deleted(1_500)],
  ])('give every coin of an %s purse all that it paid, its fee included', (_, end) => {
    expect(given(THREE, end).ask(next())).toStrictEqual({
      purse: refunded({ a: '3.02', b: '1.02', c: '0.02' }),
      coins: [coinBack('a', '3.02'), coinBack('b', '1.02'), coinBack('c', '0.02')],
    });
  });

  test('go on where they stopped, with at most so many coins at once', () => {
    const first = given(THREE, expired(2_000)).ask(next(2));
    expect(first).toStrictEqual({
      purse: refunded({ a: '3.02', b: '1.02' }),
      coins: [coinBack('a', '3.02'), coinBack('b', '1.02')],
    });
    const second = given(THREE, expired(2_000), refunded({ a: '3.02', b: '1.02' })).ask(next(2));
    expect(second).toStrictEqual({ purse: refunded({ c: '0.02' }), coins: [coinBack('c', '0.02')] });
    const gaps = given(THREE, expired(2_000), refunded({ b: '1.02' })).ask(next(1));
    expect(gaps?.coins).toStrictEqual([coinBack('a', '3.02')]);
  });

  test('take 128 coins at a time unless told otherwise', () => {
    const coins = Object.fromEntries(Array.from({ length: 129 }, (_, place) => [`${place}`, '1']));
    const many = [created(coins, '126.42'), expired(2_000)];
    expect(given(...many).ask(next())?.coins).toHaveLength(128);
    const rest = given(...many, refunded(Object.fromEntries(Object.entries(coins).slice(0, 128)))).ask(next());
    expect(rest?.coins.map(({ coinPub }) => coinPub)).toStrictEqual([coinPub('128')]);
  });

  test('end when every coin has its money', () => {
    const all = refunded({ a: '3.02', b: '1.02', c: '0.02' });
    expect(given(THREE, expired(2_000), all).ask(next())).toBeUndefined();
    expect(given(createdByRequest(), deleted(1_000)).ask(next())).toBeUndefined();
  });

  test.each<[string, PurseEvent[]]>([
    ['unknown', []],
    ['not ended', [THREE]],
    ['merged', [THREE, merged('0', '0.06')]],
  ])('are not owed by a purse that is %s', (_, history) => {
    expect(given(...history).ask(next())).toBeUndefined();
  });
});

describe('what makes two requests the same', () => {
  test('terms are the same in all five parts', () => {
    expect(isSameTerms(TERMS, { ...TERMS })).toBe(true);
    const others = [
      { target: TERMS.target + 1n },
      { minAge: 1 },
      { expiresAt: 2_001 },
      { contractTermsHash: bytesOf<typeof TERMS.contractTermsHash>('other', 64) },
      { mergePub: bytesOf<typeof TERMS.mergePub>('other', 32) },
    ];
    for (const other of others) expect(isSameTerms(TERMS, { ...TERMS, ...other })).toBe(false);
  });

  test('merges are the same by reserve, time and signature', () => {
    expect(isSameMerge(mergeOf('a'), mergeOf('a', { paytoUri: 'payto://other' }))).toBe(true);
    expect(isSameMerge(mergeOf('a'), mergeOf('b'))).toBe(false);
    expect(isSameMerge(mergeOf('a'), mergeOf('a', { mergeTimestamp: 1_501 }))).toBe(false);
    const elsewhere = { reservePub: bytesOf<ReturnType<typeof mergeOf>['reservePub']>('other', 32) };
    expect(isSameMerge(mergeOf('a'), mergeOf('a', elsewhere))).toBe(false);
  });

  test('contracts conflict with the first one by their text or their key', () => {
    const with_ = given(PARTLY, added('a'));
    const { econtract: _, ...stored } = contract('a');
    const conflict = { code: 'PURSE_CONTRACT_CONFLICT', stored };
    const ask = (other: ReturnType<typeof contract> | undefined) =>
      with_.ask((state) => [contractConflict(state, other), addedContract(state, other)]);
    expect(ask(undefined)).toStrictEqual([undefined, undefined]);
    expect(ask(contract('a'))).toStrictEqual([undefined, undefined]);
    expect(ask({ ...contract('a'), econtractSignature: contract('b').econtractSignature })).toStrictEqual([
      undefined,
      undefined,
    ]);
    expect(ask({ ...contract('a'), econtractHash: contract('b').econtractHash })).toStrictEqual([conflict, undefined]);
    expect(ask({ ...contract('a'), contractPub: contract('b').contractPub })).toStrictEqual([conflict, undefined]);
  });

  test('a contract is new where there was none', () => {
    const ask = (other?: ReturnType<typeof contract>) =>
      given(PARTLY).ask((state) => [contractConflict(state, other), addedContract(state, other)]);
    expect(ask()).toStrictEqual([undefined, undefined]);
    expect(ask(contract('a'))).toStrictEqual([undefined, contract('a')]);
  });
});

describe('a damaged stream', () => {
  const request = mergeRequest();
  const { confirmation: _, ...withoutAnswer } = FULL;
  test.each<[string, PurseEvent[], RegExp]>([
    ['begins in the middle', [deposited({ a: '1' }, '0.98')], /goes on with PurseDeposited/],
    ['begins twice', [PARTLY, PARTLY], /goes on with PurseCreated/],
    ['is made after its time', [created({ a: '1' }, '0.98', { at: 2_000 })], /made after its time/],
    ['confirms another total', [created({ a: '3.02' }, '3.01')], /301000000 was confirmed/],
    ['confirms another total later', [PARTLY, deposited({ b: '1' }, '0.98')], /98000000 was confirmed/],
    ['takes a coin twice', [PARTLY, deposited({ a: '1' }, '3.98')], /paid into a purse twice/],
    ['takes a coin below the fee', [created({ a: '0.01' }, '0')], /deposit fee exceeds/],
    ['answers nothing', [PARTLY, deposited({ b: '1' }, undefined)], /was not confirmed/],
    ['answers nothing at first', [createdByRequest(), deposited({ b: '1' }, undefined)], /was not confirmed/],
    ['answers nothing though it is full', [FULL, deposited({ c: '1' }, undefined)], /was not confirmed/],
    ['answers nothing to its maker', [withoutAnswer], /was not confirmed/],
    ['takes a coin after its time', [PARTLY, deposited({ b: '1' }, '3.98', 2_000)], /went on after its time/],
    ['takes a coin after a merge', [FULL, merged('0', '0.04'), deposited({ c: '1' }, '4.98')], /after it was merged/],
    ['takes a coin after deletion', [PARTLY, deleted(1_000), deposited({ b: '1' }, '3.98')], /after it was deleted/],
    ['has two contracts', [created({}, '0', { contract: contract('a') }), added('b')], /one contract/],
    ['gets a contract too late', [PARTLY, expired(2_000), added('b')], /after it was expired/],
    ['is merged before it is full', [PARTLY, merged('0', '0.02')], /a merge of 400000000 and 0 from 300000000/],
    ['is merged with too little excess', [created({ a: '5' }, '4.98'), merged('0.97', '0.02')], /a merge of/],
    ['is merged with too much excess', [created({ a: '5' }, '4.98'), merged('0.99', '0.02')], /a merge of/],
    ['credits more than the target', [FULL, merged('0', '0.04', { credited: eur('4.01') })], /credits the target/],
    ['credits less than the target', [FULL, merged('0.01', '0.04', { credited: eur('3.99') })], /credits the target/],
    ['earns other fees', [FULL, merged('0', '0.05')], /earns the deposit fees/],
    ['is merged twice', [FULL, merged('0', '0.04'), merged('0', '0.04')], /after it was merged/],
    ['is merged after its time', [FULL, merged('0', '0.04', { at: 2_000 })], /went on after its time/],
    [
      'is merged elsewhere than requested',
      [createdByRequest(request), deposited({ a: '4.02' }, undefined), merged('0', '0.02', mergeOf('b'))],
      /elsewhere than requested/,
    ],
    ['expires too early', [PARTLY, expired(1_999)], /before its time/],
    ['expires twice', [PARTLY, expired(2_000), expired(2_000)], /before its time/],
    ['expires after a merge', [FULL, merged('0', '0.04'), expired(2_000)], /before its time/],
    ['is deleted after its time', [PARTLY, deleted(2_000)], /went on after its time/],
    ['is deleted twice', [PARTLY, deleted(1_000), deleted(1_000)], /after it was deleted/],
    ['refunds while it stands', [PARTLY, refunded({ a: '3.02' })], /keeps its coins/],
    ['refunds what was merged', [FULL, merged('0', '0.04'), refunded({ a: '3.02' })], /keeps its coins/],
    ['refunds a stranger', [PARTLY, expired(2_000), refunded({ b: '3.02' })], /owes nothing/],
    ['refunds twice', [PARTLY, expired(2_000), refunded({ a: '3.02' }), refunded({ a: '3.02' })], /owes nothing/],
    ['refunds without the fee', [PARTLY, expired(2_000), refunded({ a: '3' })], /refunded 300000000 instead of/],
  ])('that %s is not folded', (_, history, message) => {
    given(...history).thenImpossible(message);
  });

  test('but one that is sound to the last moment is', () => {
    const history = [
      createdByRequest(request),
      deposited({ a: '4.02' }, undefined),
      merged('0', '0.02', { at: 1_999 }),
    ];
    expect(given(...history).ask(({ end }) => end)).toStrictEqual({ how: 'merged', merge: mergeOf('a') });
    expect(given(created({ a: '0.02' }, '0', { at: 1_999 })).ask(({ balance }) => balance)).toBe(0n);
  });
});
