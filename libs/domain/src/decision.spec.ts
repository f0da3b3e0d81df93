import { describe, expect, test } from 'vitest';
import { account } from './account.js';
import { assert, InvariantError, unreachable } from './assert.js';
import { coin } from './coin.js';
import { accept, type Decider, refuse, repeat } from './decision.js';
import { keyBook } from './keys.js';
import { purse } from './purse.js';
import { reserve } from './reserve.js';
import { sessionNonce } from './streams.js';
import { created, PURSE } from './testing/purse-events.js';
import { transfer, wireAccount } from './wire.js';

const EMPTY_RESERVE = {
  events: 0,
  balance: 0n,
  expiresAt: 0,
  collectableAt: 0,
  origin: undefined,
  withdrawn: new Map(),
  withdrawals: new Map(),
  closes: new Map(),
  closings: 0,
  receivedFromPurse: false,
  requestedPurses: new Map(),
  mergedPurses: new Map(),
  quotaPurses: new Map(),
};
const EMPTY_PURSE = {
  events: 0,
  terms: undefined,
  contract: undefined,
  request: undefined,
  coins: new Map(),
  confirmations: new Map(),
  balance: 0n,
  depositFees: 0n,
  end: undefined,
};
const EMPTY_ACCOUNT = { requirements: [], counted: [], received: [], maximumAges: [], ownerPub: undefined };
const EMPTY_KEY_BOOK = {
  revision: 0,
  terms: undefined,
  denominations: new Map(),
  revoked: new Map(),
  signingKeys: new Map(),
  revokedSigningKeys: new Set<never>(),
  logKeys: [],
  accounts: new Map(),
  accountChanges: new Map(),
  wireFees: [],
  globalFees: [],
  extensions: undefined,
  officers: new Map(),
  changedAt: 0,
};

test('there are three answers', () => {
  expect([accept(1), repeat(2), refuse(3)]).toStrictEqual([
    { kind: 'accept', value: 1 },
    { kind: 'repeat', earlier: 2 },
    { kind: 'refuse', refusal: 3 },
  ]);
});

test('a broken promise is an InvariantError that says which', () => {
  expect(() => assert(true, 'all is well')).not.toThrow();
  expect(() => assert(false, 'money is missing')).toThrow(new InvariantError('money is missing'));
  expect(() => assert(false, 'x')).toThrow(expect.objectContaining({ name: 'InvariantError' }));
});

/** How a decider begins, and that it folds no event of another Florin. */
const begins =
  <State, Event>({ initial, evolve }: Decider<State, Event>, state: State, ...before: Event[]) =>
  () => {
    expect(initial()).toStrictEqual(state);
    expect(initial()).not.toBe(initial());
    const forgotten = { type: 'Forgotten', at: 1_000, pursePub: PURSE } as Event;
    expect(() => evolve(before.reduce(evolve, initial()), forgotten)).toThrow(
      new InvariantError('unexpected "Forgotten"'),
    );
  };

describe('a decider begins with nothing and refuses events that it does not know', () => {
  test('reserve', begins(reserve, EMPTY_RESERVE));
  test('coin', begins(coin, { known: undefined, residual: 0n, purses: new Map(), recoups: [] }));
  test('purse', begins(purse, EMPTY_PURSE, created({ a: '1' }, '0.98')));
  test('account', begins(account, EMPTY_ACCOUNT));
  test('key book', begins(keyBook, EMPTY_KEY_BOOK));
  test('transfer', begins(transfer, { order: undefined, status: 'none', decision: undefined }));
  test('session nonce', () => expect(sessionNonce.initial()).toStrictEqual({ usedBy: undefined }));
  test('wire account', () => expect(wireAccount.initial()).toStrictEqual({ lastRow: 0n }));
});

test('what cannot be is named by its type', () => {
  expect(() => unreachable({ type: 'CoinsVanished' } as never)).toThrow(
    new InvariantError('unexpected "CoinsVanished"'),
  );
  expect(() => unreachable(undefined as never)).toThrow(new InvariantError('unexpected undefined'));
});
