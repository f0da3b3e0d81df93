import { NEVER } from '@florin/encoding';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { accept, refuse } from './decision.js';
import type { EnvelopeHash, FullPaytoHash } from './events/names.js';
import type { ReserveEvent } from './events/reserve.js';
import {
  type Closing,
  decideClose,
  decideExpire,
  decideWithdraw,
  earlierClose,
  earlierWithdrawal,
  exists,
  extended,
  isOverdue,
  type Reserve,
  reserve,
} from './reserve.js';
import {
  closed,
  closeRequested,
  DAY,
  DELAYS,
  envelope,
  FEES,
  funded,
  recouped,
  target,
  withdrawn,
} from './testing/reserve-events.js';
import { specification } from './testing/specification.js';
import { bytesOf, eur } from './testing/values.js';

const given = specification(reserve);
const request = (requestTimestamp: number, designatedHash?: FullPaytoHash) => ({ requestTimestamp, designatedHash });

describe('withdrawing', () => {
  const withdraw = (cost: string, maximumAge?: number) => (state: Reserve) =>
    decideWithdraw(state, { cost: eur(cost), maximumAge });

  test('takes what is there, to the last unit', () => {
    given(funded(eur('5')))
      .when(withdraw('5'))
      .thenAccepted(undefined);
    given(funded(eur('5')))
      .when(withdraw('4.99999999'))
      .thenAccepted(undefined);
  });

  test('one unit above the balance is refused with both amounts', () => {
    given(funded(eur('5')))
      .when(withdraw('5.00000001'))
      .thenRefused({ code: 'BALANCE_INSUFFICIENT', balance: eur('5'), requested: eur('5.00000001') });
  });

  test('counts what was withdrawn before, with its fees', () => {
    const history = [funded(eur('5')), withdrawn(['a', 'b'])];
    given(...history)
      .when(withdraw('2.98'))
      .thenAccepted(undefined);
    given(...history)
      .when(withdraw('2.98000001'))
      .thenRefused({ code: 'BALANCE_INSUFFICIENT', balance: eur('2.98'), requested: eur('2.98000001') });
  });

  test('every credit counts', () => {
    given(funded(eur('5')), funded(eur('1')))
      .when(withdraw('6'))
      .thenAccepted(undefined);
    given(funded(eur('5')), withdrawn(['a']), recouped(eur('1'), [eur('0.4'), eur('0.6')]))
      .when(withdraw('4.99'))
      .thenAccepted(undefined);
  });

  test('from nothing is refused as unknown, whatever else is wrong', () => {
    given().when(withdraw('1', 14)).thenRefused({ code: 'RESERVE_UNKNOWN' });
  });

  test('is refused to owners whose coins must be bound to an age, before the balance is looked at', () => {
    given(funded(eur('5')))
      .when(withdraw('6', 14))
      .thenRefused({ code: 'AGE_RESTRICTED', maximumAge: 14 });
    given(funded(eur('5')))
      .when(withdraw('1', 0))
      .thenRefused({ code: 'AGE_RESTRICTED', maximumAge: 0 });
  });
});

describe('a withdrawal seen before', () => {
  const history = [funded(eur('9')), withdrawn(['a', 'b']), withdrawn(['c'])];
  const ask =
    (...labels: string[]) =>
    (state: Reserve) =>
      earlierWithdrawal(state, labels.map(envelope));
  const at = (event: number, place: number) => ({ event, place });

  test.each([
    ['exactly', ['a', 'b'], [at(1, 0), at(1, 1)]],
    ['reordered', ['b', 'a'], [at(1, 1), at(1, 0)]],
    ['in part', ['b'], [at(1, 1)]],
    ['from several batches', ['c', 'a'], [at(2, 0), at(1, 0)]],
  ])('is repeated %s, in the order of the request', (_, labels, found) => {
    given(...history)
      .when(ask(...labels))
      .thenRepeated(found);
  });

  test('is repeated for ever: when the money is gone, after closings and recoups', () => {
    const gone = { closing: 1, debited: eur('5.97'), closingFee: eur('5.97'), dust: 0n, wireAmount: 0n };
    given(...history, closed(gone), recouped(eur('1'), [eur('1')]))
      .when(ask('a', 'b'))
      .thenRepeated([at(1, 0), at(1, 1)]);
  });

  test('is refused when some envelopes are known and some are new', () => {
    given(...history)
      .when(ask('a', 'x'))
      .thenRefused({ code: 'PARTLY_WITHDRAWN' });
    given(...history)
      .when(ask('x', 'a'))
      .thenRefused({ code: 'PARTLY_WITHDRAWN' });
  });

  test('is none when no envelope is known', () => {
    given(...history)
      .when(ask('x', 'y'))
      .thenAccepted(undefined);
    given().when(ask('a')).thenAccepted(undefined);
  });
});

describe('closing by request', () => {
  const close = (state: Reserve) => decideClose(state, FEES);

  test.each([
    // balance, wired, dust
    ['5', '4.9', '0'],
    ['5.009', '4.9', '0.009'],
    ['0.11', '0.01', '0'],
    ['0.10999999', '0', '0.00999999'],
    ['0.10000001', '0', '0.00000001'],
  ])('%s leaves as %s, a fee of 0.1 and dust of %s', (balance, wireAmount, dust) => {
    const debited = eur(balance);
    const closing = { closing: 1, debited, closingFee: FEES.closingFee, dust: eur(dust), wireAmount: eur(wireAmount) };
    expect(given(funded(debited)).ask(close)).toStrictEqual(closing);
  });

  test.each(['0.1', '0.09999999', '0'])('a balance of %s does not exceed the fee and stays', (balance) => {
    expect(given(funded(eur(balance))).ask(close)).toBeUndefined();
  });

  test('closings are counted', () => {
    const first = given(funded(eur('5'))).ask(close) as Closing;
    const second = given(funded(eur('5')), closed(first), funded(eur('1'))).ask(close);
    expect(second).toMatchObject({ closing: 2, debited: eur('1') });
  });

  test('leaves nothing, and the reserve goes on', () => {
    const first = given(funded(eur('5'))).ask(close) as Closing;
    const state = given(funded(eur('5')), closed(first)).ask((it) => it);
    expect([state.balance, state.closings, exists(state)]).toStrictEqual([0n, 1, true]);
    expect(state.origin?.hash).toBe(target('bank'));
  });
});

describe('a close seen before', () => {
  const wired = { closing: 1, debited: eur('5'), closingFee: eur('0.1'), dust: 0n, wireAmount: eur('4.9') };
  const ask = (time: number, designated?: FullPaytoHash) => (state: Reserve) =>
    earlierClose(state, request(time, designated));

  test('is answered with what was wired, whatever came after', () => {
    const history = [funded(eur('5')), closed(wired), funded(eur('7'))];
    expect(given(...history).ask(ask(3_000))).toStrictEqual({ wireAmount: eur('4.9') });
  });

  test('is another one with another time, another account or none', () => {
    const plain = given(funded(eur('5')), closed(wired));
    expect(plain.ask(ask(3_001))).toBeUndefined();
    expect(plain.ask(ask(3_000, target('other')))).toBeUndefined();
    const designated = given(funded(eur('5')), closed(wired, { designatedHash: target('other') }));
    expect(designated.ask(ask(3_000))).toBeUndefined();
    expect(designated.ask(ask(3_000, target('third')))).toBeUndefined();
    expect(designated.ask(ask(3_000, target('other')))).toStrictEqual({ wireAmount: eur('4.9') });
  });

  test('is answered with zero for ever when there was nothing to wire, also after new money', () => {
    const history = [funded(eur('0.1')), closeRequested, funded(eur('7'))];
    expect(given(...history).ask(ask(3_000, target('other')))).toStrictEqual({ wireAmount: 0n });
    expect(given(...history).ask((it) => it.balance)).toBe(eur('7.1'));
  });

  test('is none when the reserve closed by itself', () => {
    const { requestTimestamp: _, ...expired } = closed(wired, { cause: 'expiration' });
    expect(given(funded(eur('5')), expired).ask(ask(NEVER))).toBeUndefined();
    expect(given(funded(eur('5')), expired).ask(ask(3_000))).toBeUndefined();
  });
});

describe('a reserve whose time is over', () => {
  const history = [funded(eur('5'), { at: 0, expiresAt: 100 })];
  const expire = (now: number) => (state: Reserve) => decideExpire(state, { now, ...FEES });

  test('is overdue from its expiration on, not before', () => {
    expect(given(...history).ask((state) => isOverdue(state, 99))).toBe(false);
    expect(given(...history).ask((state) => isOverdue(state, 100))).toBe(true);
    expect(given(...history).ask((state) => isOverdue(state, 101))).toBe(true);
    expect(given(...history).ask(expire(99))).toBeUndefined();
  });

  test('is closed with the fee', () => {
    const closing = { closing: 1, debited: eur('5'), closingFee: eur('0.1'), dust: 0n, wireAmount: eur('4.9') };
    expect(given(...history).ask(expire(100))).toStrictEqual(closing);
  });

  test.each(['0.1', '0.09', '0.00000001'])('a balance of %s becomes the fee, and nothing is wired', (balance) => {
    const debited = eur(balance);
    expect(given(funded(debited, { at: 0, expiresAt: 100 })).ask(expire(100))).toStrictEqual({
      closing: 1,
      debited,
      closingFee: debited,
      dust: 0n,
      wireAmount: 0n,
    });
  });

  test('holding nothing, or unknown, or without a bank, is left alone', () => {
    expect(given(funded(0n, { at: 0, expiresAt: 100 })).ask(expire(100))).toBeUndefined();
    expect(given().ask(expire(100))).toBeUndefined();
    const { origin: _, ...withoutBank } = given(...history).ask((state) => state);
    expect(decideExpire({ ...withoutBank, origin: undefined }, { now: 100, ...FEES })).toBeUndefined();
  });
});

describe('the dates of a reserve', () => {
  const dates = (state: Reserve) => ({ expiresAt: state.expiresAt, collectableAt: state.collectableAt });

  test('are moved on by money, never back', () => {
    const delays = { now: 500, closingDelayS: 10, legalDelayS: 100 };
    expect(extended(reserve.initial(), delays)).toStrictEqual({ expiresAt: 510, collectableAt: 600 });
    expect(extended({ ...reserve.initial(), expiresAt: 511, collectableAt: 601 }, delays)).toStrictEqual({
      expiresAt: 511,
      collectableAt: 601,
    });
  });

  test('a withdrawal moves only the collection', () => {
    const after = given(funded(eur('5')), withdrawn(['a'], { collectableAt: 999 })).ask(dates);
    expect(after).toStrictEqual({ expiresAt: 1_000 + 28 * DAY, collectableAt: 999 });
  });

  test('a recoup moves both, a close neither', () => {
    const history = [funded(eur('5')), withdrawn(['a']), recouped(eur('1'), [eur('1')])];
    const moved = { expiresAt: 4_000 + 28 * DAY, collectableAt: 4_000 + DELAYS.legalDelayS };
    expect(given(...history).ask(dates)).toStrictEqual(moved);
    const gone = { closing: 1, debited: eur('4.99'), closingFee: eur('4.99'), dust: 0n, wireAmount: 0n };
    expect(given(...history, closeRequested, closed(gone)).ask(dates)).toStrictEqual(moved);
  });

  test('the latest bank account is the origin', () => {
    const history = [funded(eur('1')), funded(eur('1'), { account: 'second' })];
    expect(given(...history).ask(({ origin }) => origin)).toStrictEqual({
      hash: target('second'),
      account: bytesOf('account second', 32),
      sealed: bytesOf('sealed second', 40),
    });
  });
});

describe('a damaged stream', () => {
  const sound = { closing: 1, debited: eur('5'), closingFee: eur('0.1'), dust: 0n, wireAmount: eur('4.9') };
  test.each<[string, ReserveEvent[], RegExp]>([
    ['overdraws', [funded(eur('1')), withdrawn(['a'])], /exceeds the balance/],
    ['withdraws an envelope twice', [funded(eur('9')), withdrawn(['a']), withdrawn(['a'])], /withdrawn twice/],
    ['withdraws for another price', [funded(eur('9')), withdrawn(['a'], { cost: eur('1') })], /cost more/],
    ['recoups another sum', [funded(eur('9')), withdrawn(['a']), recouped(eur('1'), [eur('0.9')])], /another amount/],
    ['recoups what is foreign', [funded(eur('9')), recouped(eur('1'), [eur('1')])], /never withdrawn here/],
    ['closes with a hole', [funded(eur('5')), closed({ ...sound, dust: 1n })], /does not add up/],
    ['closes above the balance', [funded(eur('4')), closed(sound)], /exceeds the balance/],
    [
      'closes with a debt',
      [funded(eur('5')), closed({ ...sound, debited: -1n, closingFee: 0n, wireAmount: -1n })],
      /exceeds/,
    ],
    ['skips a closing', [funded(eur('5')), closed({ ...sound, closing: 2 })], /closing 2 follows 0/],
    ['repeats a closing', [funded(eur('5')), closed({ ...sound, closing: 0 })], /closing 0 follows 0/],
  ])('that %s is not folded', (_, history, message) => {
    given(...history).thenImpossible(message);
  });

  test('that closes by request at no time is not folded', () => {
    const { requestTimestamp: _, ...untimed } = closed(sound);
    given(funded(eur('5')), untimed).thenImpossible(/has its time/);
  });
});

type Step =
  | { readonly do: 'fund' | 'withdraw'; readonly units: bigint }
  | { readonly do: 'close' }
  | { readonly do: 'expire'; readonly after: number }
  | { readonly do: 'recoup'; readonly units: bigint };

const anyUnits = fc.bigInt(0n, eur('3'));
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constantFrom('fund' as const, 'withdraw' as const), units: anyUnits }),
  fc.record({ do: fc.constant('close' as const) }),
  fc.record({ do: fc.constant('expire' as const), after: fc.nat(40 * DAY) }),
  fc.record({ do: fc.constant('recoup' as const), units: anyUnits }),
);

/** One event that the deciders allow in `state`, if they do. */
function next(state: Reserve, step: Step, now: number): ReserveEvent | undefined {
  switch (step.do) {
    case 'fund':
      return { ...funded(step.units, { at: now }), ...extended(state, { now, ...DELAYS }) };
    case 'withdraw': {
      const decision = decideWithdraw(state, { cost: step.units, maximumAge: undefined });
      const [coin] = withdrawn([`${now}`]).coins;
      if (decision.kind !== 'accept' || !coin) return undefined;
      return withdrawn([`${now}`], { coins: [{ ...coin, value: step.units, fee: 0n }], cost: step.units });
    }
    case 'close': {
      const closing = decideClose(state, FEES);
      return closing && closed(closing, { requestTimestamp: now });
    }
    case 'expire': {
      const closing = decideExpire(state, { now, ...FEES });
      return closing && closed(closing, { cause: 'expiration' });
    }
    case 'recoup': {
      const [envelopeHash] = state.withdrawn.keys();
      const event = recouped(step.units, [step.units]);
      const coins = event.coins.map((coin) => ({ ...coin, envelopeHash: envelopeHash as EnvelopeHash }));
      return envelopeHash && { ...event, coins, ...extended(state, { now, ...DELAYS }) };
    }
  }
}

const flowOf = (event: ReserveEvent): bigint => {
  switch (event.type) {
    case 'ReserveFunded':
    case 'CoinsRecouped':
      return event.amount;
    case 'CoinsWithdrawn':
      return -event.cost;
    case 'ReserveClosed':
      return -(event.wireAmount + event.closingFee + event.dust);
    default:
      return 0n;
  }
};

test('no sequence of commands creates or loses money, closes twice, or moves the expiration back', () => {
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 60, size: 'max' }), (steps) => {
      const history: ReserveEvent[] = [];
      let state = reserve.initial();
      let now = 1_000;
      for (const step of steps) {
        now += step.do === 'expire' ? step.after : 1;
        const event = next(state, step, now);
        if (!event) continue;
        const { expiresAt } = state;
        history.push(event);
        state = reserve.evolve(state, event);
        expect(state.expiresAt).toBeGreaterThanOrEqual(expiresAt);
      }
      expect(state.balance).toBe(history.reduce((sum, event) => sum + flowOf(event), 0n));
      expect(state.events).toBe(history.length);
      expect(history.reduce(reserve.evolve, reserve.initial())).toStrictEqual(state);
    }),
    { numRuns: 300 },
  );
});

test('the answers of earlierWithdrawal and decideWithdraw are decisions', () => {
  expect(earlierWithdrawal(reserve.initial(), [])).toStrictEqual(accept(undefined));
  expect(decideWithdraw(reserve.initial(), { cost: 0n, maximumAge: undefined })).toStrictEqual(
    refuse({ code: 'RESERVE_UNKNOWN' }),
  );
});
