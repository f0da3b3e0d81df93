import { describe, expect, test } from 'vitest';
import { accept, type Decision, refuse, repeat } from './decision.js';
import type { EddsaSignature, ReservePub } from './events/names.js';
import type { PurseEvent } from './events/purse.js';
import type { ReservePurseEvent } from './events/reserve.js';
import { purse } from './purse.js';
import {
  decideMerge,
  decidePurseRequest,
  earlierMerge,
  isEarlierPurseRequest,
  type MergeDemand,
  type MergePlan,
  mergePlan,
  type PurseRequest,
  type PurseRequestPlan,
} from './purse-merge.js';
import { type Reserve, reserve } from './reserve.js';
import {
  BASE_URL,
  confirmed,
  contract,
  created,
  createdByRequest,
  deleted,
  deposited,
  expired,
  mergeConfirmed,
  merged,
  mergedIntoReserve,
  mergeOf,
  mergeRequest,
  PURSE,
  requestDeleted,
  requested,
  SIGNED_TERMS,
  TERMS,
  WHEN,
} from './testing/purse-events.js';
import { purseAfter } from './testing/purse-requests.js';
import { funded } from './testing/reserve-events.js';
import { bytesOf, eur } from './testing/values.js';

const FULL = created({ a: '3.02', b: '1.02' }, '4');
const circumstances = { pursePub: PURSE, exchangeBaseUrl: BASE_URL, now: WHEN.at, keysRevision: WHEN.keysRevision };
const reserveAfter = (...history: Parameters<typeof reserve.evolve>[1][]): Reserve =>
  history.reduce(reserve.evolve, reserve.initial());

function planOf<Plan>(decision: Decision<Plan, unknown, unknown>): Plan {
  if (decision.kind !== 'accept') expect.unreachable('not accepted');
  return decision.value;
}

describe('merging a purse', () => {
  const delays = { closingDelayS: 10, legalDelayS: 1_000 };
  const demand = (over: Partial<MergeDemand> = {}): MergeDemand => ({
    ...circumstances,
    merge: mergeOf('a'),
    reserveSignature: bytesOf<EddsaSignature>('account merge', 64),
    receiver: { reserve: reserve.initial(), ...delays },
    ...over,
  });
  const merge = (history: readonly PurseEvent[], over: Partial<MergeDemand> = {}) =>
    decideMerge(purseAfter(...history), demand(over));

  test('credits its target, and says what else becomes of its money', () => {
    const plan: MergePlan = planOf(merge([FULL]));
    expect(plan.credited).toBe(eur('4'));
    expect(plan.purse).toStrictEqual(merged('0', '0.04', { at: WHEN.at }));
    const confirmation = mergeConfirmed();
    expect(plan.reserve({ confirmation })).toStrictEqual(
      mergedIntoReserve({ confirmation, at: WHEN.at, expiresAt: 2_000, collectableAt: 2_000 }),
    );
  });

  test('names what was paid above the target', () => {
    const plan = planOf(merge([FULL, deposited({ c: '1.5' }, '5.48')]));
    expect(plan.credited).toBe(eur('4'));
    expect(plan.purse).toStrictEqual(merged('1.48', '0.06', { at: WHEN.at }));
  });

  test('keeps a new reserve as long as records are, an old one as after any money', () => {
    const datesInto = (state: Reserve) => {
      const plan = planOf(merge([FULL], { receiver: { reserve: state, ...delays } }));
      const { expiresAt, collectableAt } = plan.reserve({ confirmation: mergeConfirmed() });
      return [expiresAt, collectableAt];
    };
    expect(datesInto(reserve.initial())).toStrictEqual([2_000, 2_000]);
    const old = reserveAfter({ ...funded(eur('1'), { at: 0, expiresAt: 500 }), collectableAt: 600 });
    expect(datesInto(old)).toStrictEqual([1_010, 2_000]);
    const far = reserveAfter({ ...funded(eur('1'), { at: 0, expiresAt: 5_000 }), collectableAt: 6_000 });
    expect(datesInto(far)).toStrictEqual([5_000, 6_000]);
  });

  test('waits until it is full', () => {
    expect(merge([created({ a: '4.01999999' }, '3.99999999')])).toStrictEqual(refuse({ code: 'PURSE_NOT_FULL' }));
    expect(merge([createdByRequest()])).toStrictEqual(refuse({ code: 'PURSE_NOT_FULL' }));
  });

  test('is planned for full purses only', () => {
    const facts = { ...demand(), paidFrom: 'merge', purseFee: 0n, by: 'merge' } as const;
    const partly = purseAfter(created({ a: '4.01999999' }, '3.99999999'));
    expect(() => mergePlan(partly, facts)).toThrow(/only a full purse is merged/);
    expect(() => mergePlan({ ...partly, terms: undefined }, facts)).toThrow(/only a full purse is merged/);
    expect(mergePlan(purseAfter(FULL), facts).credited).toBe(eur('4'));
  });

  test('is possible until the last second, then it has expired, full or not', () => {
    const gone = refuse({ code: 'PURSE_EXPIRED', expiresAt: 2_000 });
    expect(merge([FULL], { now: 1_999 }).kind).toBe('accept');
    expect(merge([FULL], { now: 2_000 })).toStrictEqual(gone);
    expect(merge([FULL, expired(2_000)], { now: 2_001 })).toStrictEqual(gone);
    expect(merge([created({ a: '1' }, '0.98')], { now: 2_000 })).toStrictEqual(gone);
  });

  test('is refused after it was deleted, and before it was made', () => {
    expect(merge([FULL, deleted(1_000)])).toStrictEqual(refuse({ code: 'PURSE_DELETED' }));
    expect(merge([])).toStrictEqual(refuse({ code: 'PURSE_UNKNOWN' }));
  });

  test('is repeated for ever by the same merge, for whoever asks', () => {
    const history = [FULL, merged('0', '0.04')];
    const other = bytesOf<EddsaSignature>('another signature of the reserve', 64);
    const again = repeat(mergeOf('a').reservePub);
    expect(merge(history)).toStrictEqual(again);
    expect(merge(history, { now: 9_999, reserveSignature: other })).toStrictEqual(again);
    expect(earlierMerge(purseAfter(...history), mergeOf('a'))).toBe(mergeOf('a').reservePub);
    const completed = [createdByRequest(), deposited({ a: '4.02' }, undefined), merged('0', '0.02')];
    expect(merge(completed)).toStrictEqual(again);
  });

  test.each([
    ['by another signature', mergeOf('b')],
    ['at another time', mergeOf('a', { mergeTimestamp: 1_501 })],
    ['into another reserve', mergeOf('a', { reservePub: bytesOf<ReservePub>('other reserve', 32) })],
  ])('%s is refused with the merge that happened', (_, other) => {
    const state = purseAfter(FULL, merged('0', '0.04'));
    const conflict = refuse({ code: 'PURSE_MERGE_CONFLICT', merge: mergeOf('a') });
    for (const now of [1_600, 9_999]) {
      expect(decideMerge(state, demand({ merge: other, now }))).toStrictEqual(conflict);
    }
    expect(earlierMerge(state, other)).toBeUndefined();
  });

  test('of a purse that a reserve requested is the one it agreed on, with its fee, or a conflict', () => {
    const request = mergeRequest({ paidFrom: 'fee', purseFee: eur('0.1') });
    const other = refuse({ code: 'PURSE_MERGE_CONFLICT', merge: mergeOf('a') });
    expect(merge([createdByRequest(request)], { merge: mergeOf('b') })).toStrictEqual(other);
    const free = createdByRequest(request, { target: 0n });
    expect(merge([free], { merge: mergeOf('b') })).toStrictEqual(other);
    const reserveSignature = bytesOf<EddsaSignature>('another signature of the reserve', 64);
    const plan = planOf(merge([free], { reserveSignature }));
    expect(plan.reserve({ confirmation: mergeConfirmed() })).toMatchObject({
      paidFrom: 'fee',
      purseFee: eur('0.1'),
      reserveSignature: request.reserveSignature,
      target: 0n,
    });
    expect(purse.evolve(purseAfter(free), plan.purse).end?.how).toBe('merged');
  });

  test('is none that was seen before while the purse stands, or has ended otherwise', () => {
    for (const history of [[], [FULL], [FULL, deleted(1_000)]]) {
      expect(earlierMerge(purseAfter(...history), mergeOf('a'))).toBeUndefined();
    }
  });
});

describe('requesting a purse', () => {
  const owner = funded(eur('1'), { at: 0, expiresAt: 500 });
  const fee = { paidFrom: 'fee', purseFee: eur('0.1') } as const;
  const demand = (over: Partial<PurseRequest> = {}): PurseRequest => ({
    ...circumstances,
    terms: TERMS,
    purseSignature: SIGNED_TERMS.purseSignature,
    contract: undefined,
    request: mergeRequest(),
    purseLimit: 1,
    ...over,
  });
  const ask = (
    history: readonly PurseEvent[],
    { state = reserveAfter(owner), ...over }: Partial<PurseRequest> & { state?: Reserve } = {},
  ) => decidePurseRequest(purseAfter(...history), state, demand(over));

  test('out of the quota makes an empty purse that knows where its money goes', () => {
    const plan: PurseRequestPlan = planOf(ask([]));
    expect(plan.purse).toStrictEqual(createdByRequest());
    expect(plan.reserve?.(confirmed('0'))).toStrictEqual(requested());
  });

  test('for a fee does so too, and takes the fee', () => {
    const request = mergeRequest(fee);
    const plan = planOf(ask([], { request, contract: contract('a') }));
    expect(plan.purse).toStrictEqual(createdByRequest(request, { contract: contract('a') }));
    expect(plan.reserve?.(confirmed('0'))).toStrictEqual(requested(fee));
  });

  test('needs the whole fee in the reserve, to the last unit', () => {
    const request = mergeRequest({ paidFrom: 'fee', purseFee: eur('1') });
    expect(ask([], { request }).kind).toBe('accept');
    expect(ask([], { request: { ...request, purseFee: eur('1.00000001') } })).toStrictEqual(
      refuse({ code: 'PURSE_REQUEST_UNPAID' }),
    );
  });

  test('for a fee does not look at the quota, nor the other way round', () => {
    expect(ask([], { request: mergeRequest(fee), purseLimit: 0 }).kind).toBe('accept');
    expect(ask([], { state: reserveAfter(funded(0n)) }).kind).toBe('accept');
  });

  const open = (label: string, over = {}) => requested({ pursePub: bytesOf(label, 32), ...over });
  const quotas: [string, ReservePurseEvent[], 'accept' | 'refuse'][] = [
    ['none is open', [], 'accept'],
    ['its last place is free', [open('x')], 'accept'],
    ['all are open', [open('x'), open('y')], 'refuse'],
    ['more are open than it has now', [open('x'), open('y'), open('z')], 'refuse'],
    ['one of all has expired', [open('x'), open('y', { purseExpiresAt: 1_000 })], 'accept'],
    ['one of all is about to expire', [open('x'), open('y', { purseExpiresAt: 1_001 })], 'refuse'],
    ['one was paid by a fee', [open('x'), open('y', fee)], 'accept'],
    ['one was merged', [open('x'), open('y'), mergedIntoReserve({ pursePub: bytesOf('y', 32) })], 'accept'],
    ['one was deleted', [open('x'), open('y'), requestDeleted(bytesOf('x', 32))], 'accept'],
  ];
  test.each(quotas)('with a quota of two: %s', (_, history, kind) => {
    const decision = ask([], { state: reserveAfter(owner, ...history), purseLimit: 2 });
    expect(decision.kind).toBe(kind);
    if (decision.kind === 'refuse') expect(decision.refusal).toStrictEqual({ code: 'PURSE_REQUEST_UNPAID' });
  });

  test('is too late from the expiration on, however long its checks took', () => {
    expect(ask([], { now: 2_000, purseLimit: 0 })).toStrictEqual(refuse({ code: 'PURSE_EXPIRED', expiresAt: 2_000 }));
    expect(ask([], { now: 1_999 }).kind).toBe('accept');
  });

  test('out of the quota never costs anything', () => {
    expect(() => ask([], { request: mergeRequest({ purseFee: 1n }) })).toThrow(/costs nothing/);
  });

  test('is for reserves that exist', () => {
    expect(ask([], { state: reserve.initial() })).toStrictEqual(refuse({ code: 'RESERVE_UNKNOWN' }));
  });

  describe('again', () => {
    const made = createdByRequest(mergeRequest(), { contract: contract('a') });
    const histories: [string, PurseEvent[]][] = [
      ['stands', [made]],
      ['was merged', [made, deposited({ a: '4.02' }, undefined), merged('0', '0.02')]],
      ['was deleted', [made, deleted(1_500)]],
      ['has expired', [made, expired(2_000)]],
    ];
    test.each(histories)('is answered as then, while the purse %s', (_, history) => {
      expect(ask(history, { now: 9_999, contract: contract('a') })).toStrictEqual(repeat(undefined));
      expect(ask(history, { now: 9_999, state: reserve.initial() })).toStrictEqual(repeat(undefined));
      expect(isEarlierPurseRequest(purseAfter(...history), demand())).toBe(true);
    });

    const others: [string, Partial<PurseRequest>, string][] = [
      ['other terms', { terms: { ...TERMS, minAge: 1 } }, 'PURSE_REQUEST_CONFLICT'],
      ['another merge', { request: mergeRequest(mergeOf('b')) }, 'PURSE_MERGE_CONFLICT'],
      ['another fee', { request: mergeRequest({ purseFee: 1n }) }, 'PURSE_MERGE_CONFLICT'],
      ['a fee instead of the quota', { request: mergeRequest({ paidFrom: 'fee' }) }, 'PURSE_MERGE_CONFLICT'],
      ['another contract', { contract: contract('b') }, 'PURSE_CONTRACT_CONFLICT'],
    ];
    test.each(others)('with %s is a conflict', (_, over, code) => {
      const proofs: Record<string, object> = {
        PURSE_REQUEST_CONFLICT: { stored: SIGNED_TERMS },
        PURSE_MERGE_CONFLICT: { merge: mergeOf('a') },
        PURSE_CONTRACT_CONFLICT: { stored: purseAfter(made).contract },
      };
      for (const [, history] of histories) {
        expect(ask(history, over)).toStrictEqual(refuse({ code, ...proofs[code] }));
        expect(isEarlierPurseRequest(purseAfter(...history), demand(over))).toBe(false);
      }
    });

    test('conflicts come before the reserve is looked at, all but that of the contract', () => {
      const state = reserve.initial();
      expect(ask([made], { state, terms: { ...TERMS, minAge: 1 } })).toMatchObject({
        refusal: { code: 'PURSE_REQUEST_CONFLICT' },
      });
      expect(ask([made], { state, request: mergeRequest(mergeOf('b')) })).toMatchObject({
        refusal: { code: 'PURSE_MERGE_CONFLICT' },
      });
      expect(ask([made], { state, contract: contract('b') })).toStrictEqual(refuse({ code: 'RESERVE_UNKNOWN' }));
    });

    test('adds a contract where there was none, without a place in the quota, until the purse ends', () => {
      const bare = createdByRequest();
      const demand = { contract: contract('a'), purseLimit: 0 };
      const added = { type: 'PurseContractAdded', ...contract('a'), at: WHEN.at };
      expect(ask([bare], demand)).toStrictEqual(accept({ purse: added, reserve: undefined }));
      expect(
        isEarlierPurseRequest(purseAfter(bare), { ...circumstances, terms: TERMS, request: mergeRequest(), ...demand }),
      ).toBe(false);
      const full = [bare, deposited({ a: '4.02' }, undefined), merged('0', '0.02')];
      expect(ask(full, demand)).toStrictEqual(refuse({ code: 'PURSE_MERGED' }));
      expect(ask([bare, deleted(1_500)], demand)).toStrictEqual(refuse({ code: 'PURSE_DELETED' }));
      const late = ask([bare], { ...demand, now: 2_000 });
      expect(late).toStrictEqual(refuse({ code: 'PURSE_EXPIRED', expiresAt: 2_000 }));
    });
  });

  test('of a purse that coins made is a conflict, even by the same terms', () => {
    const conflict = refuse({ code: 'PURSE_REQUEST_CONFLICT', stored: SIGNED_TERMS });
    expect(ask([FULL])).toStrictEqual(conflict);
    expect(ask([FULL, deleted(1_000)])).toStrictEqual(conflict);
    expect(ask([FULL], { terms: { ...TERMS, minAge: 1 } })).toStrictEqual(conflict);
  });

  test('of a purse that was merged is one with that merge', () => {
    const conflict = refuse({ code: 'PURSE_MERGE_CONFLICT', merge: mergeOf('a') });
    expect(ask([FULL, merged('0', '0.04')])).toStrictEqual(conflict);
    expect(ask([FULL, merged('0', '0.04')], { request: mergeRequest(mergeOf('b')) })).toStrictEqual(conflict);
  });
});
