/**
 * A reserve: money from the bank that waits to be withdrawn as coins, and what the exchange owes its owner.
 *
 *   bank -> ReserveFunded -> CoinsWithdrawn ... -> ReserveClosed -> bank
 *
 * Source: specifications of batch-withdraw, close and GET reserve; ledger rules 1 to 3 in docs/ledger.md.
 */
import { roundDown } from '@florin/encoding';
import { assert, unreachable } from './assert.js';
import { accept, type Decider, type Decision, refuse, repeat } from './decision.js';
import type {
  AccountHash,
  EnvelopeHash,
  FullPaytoHash,
  PursePub,
  SealedUri,
  WithdrawCommitment,
} from './events/names.js';
import type { ReserveEvent, ReservePurseEvent } from './events/reserve.js';

/** Where a withdrawn coin is found again: the event's number in the stream, and the place in its batch. */
export interface WithdrawnAt {
  readonly event: number;
  readonly place: number;
}

/** The answer of a close, kept for ever under (timestamp, target). */
export interface EarlierClose {
  readonly wireAmount: bigint;
}

/** The bank account of the most recent credit. */
export interface Origin {
  readonly hash: FullPaytoHash;
  readonly account: AccountHash;
  readonly sealed: SealedUri;
}

export interface Reserve {
  /** Events folded so far; 0 means that the reserve does not exist. */
  events: number;
  balance: bigint;
  expiresAt: number;
  collectableAt: number;
  origin: Origin | undefined;
  readonly withdrawn: Map<EnvelopeHash, WithdrawnAt>;
  /** Of each withdrawal, by the number of its event. */
  readonly withdrawals: Map<number, { readonly commitment: WithdrawCommitment; readonly size: number }>;
  readonly closes: Map<string, EarlierClose>;
  closings: number;
  /** True once a purse was merged into it: then withdrawing has a rule of its own. */
  receivedFromPurse: boolean;
  /** The event that carries the answer to the request for a purse, and to its merge. */
  readonly requestedPurses: Map<PursePub, number>;
  readonly mergedPurses: Map<PursePub, number>;
  /** Purses out of the quota that neither merged nor were deleted, and when they expire. */
  readonly quotaPurses: Map<PursePub, number>;
}

export const reserve: Decider<Reserve, ReserveEvent | ReservePurseEvent> = {
  initial: () => ({
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
  }),
  evolve,
};

export const exists = (state: Reserve): boolean => state.events > 0;

/** Asked first, before any check that depends on time or keys: a repeat is answered for ever. */
export function earlierWithdrawal(
  state: Reserve,
  envelopes: readonly EnvelopeHash[],
): Decision<undefined, { code: 'PARTLY_WITHDRAWN' }, WithdrawnAt[]> {
  const found = envelopes.map((envelope) => state.withdrawn.get(envelope)).filter((at) => at !== undefined);
  if (found.length === 0) return accept(undefined);
  return found.length === envelopes.length ? repeat(found) : refuse({ code: 'PARTLY_WITHDRAWN' });
}

export type WithdrawRefusal =
  | { readonly code: 'RESERVE_UNKNOWN' }
  | { readonly code: 'AGE_RESTRICTED'; readonly maximumAge: number }
  | { readonly code: 'BALANCE_INSUFFICIENT'; readonly balance: bigint; readonly requested: bigint };

/**
 * May `cost` (values and fees) leave the reserve for coins? Signatures, denominations and limits are checked before.
 * @param maximumAge set if the owner's coins must be bound to an age, which this kind of withdrawal cannot do
 */
export function decideWithdraw(
  state: Reserve,
  { cost, maximumAge }: { cost: bigint; maximumAge: number | undefined },
): Decision<undefined, WithdrawRefusal> {
  if (!exists(state)) return refuse({ code: 'RESERVE_UNKNOWN' });
  if (maximumAge !== undefined) return refuse({ code: 'AGE_RESTRICTED', maximumAge });
  if (cost > state.balance) {
    return refuse({ code: 'BALANCE_INSUFFICIENT', balance: state.balance, requested: cost });
  }
  return accept(undefined);
}

export interface CloseRequest {
  /** Seconds; with the designated account it names the request for ever. */
  readonly requestTimestamp: number;
  /** Hash of the designated account, absent if none was named. */
  readonly designatedHash: FullPaytoHash | undefined;
}

const closeKey = ({ requestTimestamp, designatedHash }: CloseRequest): string =>
  `${requestTimestamp} ${designatedHash ?? '-'}`;

/** Asked before the clock check: wallets repeat for days. */
export const earlierClose = (state: Reserve, request: CloseRequest): EarlierClose | undefined =>
  state.closes.get(closeKey(request));

/** What leaves the reserve: `debited = wireAmount + closingFee + dust`. */
export interface Closing {
  readonly closing: number;
  readonly debited: bigint;
  readonly closingFee: bigint;
  readonly dust: bigint;
  readonly wireAmount: bigint;
}

/**
 * A close that the owner asked for: debited when it is answered, so that the answer is what arrives. A balance that
 * does not exceed the fee stays where it is (`undefined`).
 */
export function decideClose(
  state: Reserve,
  { closingFee, roundUnit }: { closingFee: bigint; roundUnit: bigint },
): Closing | undefined {
  if (state.balance <= closingFee) return undefined;
  return closing(state, closingFee, roundUnit);
}

/** True when the reserve must be closed by itself: its time is over, it holds money and came from a bank. */
export const isOverdue = (state: Reserve, now: number): boolean =>
  exists(state) && state.expiresAt <= now && state.balance > 0n && state.origin !== undefined;

/** The closing of an overdue reserve: a balance below the fee becomes the fee, and nothing is wired. */
export function decideExpire(
  state: Reserve,
  { now, closingFee, roundUnit }: { now: number; closingFee: bigint; roundUnit: bigint },
): Closing | undefined {
  if (!isOverdue(state, now)) return undefined;
  return closing(state, closingFee < state.balance ? closingFee : state.balance, roundUnit);
}

function closing(state: Reserve, closingFee: bigint, roundUnit: bigint): Closing {
  const wireAmount = roundDown(state.balance - closingFee, roundUnit);
  const dust = state.balance - closingFee - wireAmount;
  return { closing: state.closings + 1, debited: state.balance, closingFee, dust, wireAmount };
}

/** Expiration and collection dates after money came in (ledger rules 2). */
export function extended(
  state: Reserve,
  { now, closingDelayS, legalDelayS }: { now: number; closingDelayS: number; legalDelayS: number },
): { expiresAt: number; collectableAt: number } {
  return {
    expiresAt: Math.max(state.expiresAt, now + closingDelayS),
    collectableAt: Math.max(state.collectableAt, now + legalDelayS),
  };
}

/**
 * The same after a purse was merged. A reserve that this creates, and one whose requested purse a coin completed, is
 * kept as long as records are: its owner may learn of the money late.
 */
export function extendedByMerge(
  state: Reserve,
  { by, ...delays }: { by: 'merge' | 'deposit'; now: number; closingDelayS: number; legalDelayS: number },
): { expiresAt: number; collectableAt: number } {
  if (by === 'merge' && exists(state)) return extended(state, delays);
  return extended(state, { ...delays, closingDelayS: delays.legalDelayS });
}

/** How many purses out of the quota are open: neither ended nor, by the clock, expired. */
export const openPurses = (state: Reserve, now: number): number =>
  [...state.quotaPurses.values()].filter((expiresAt) => expiresAt > now).length;

/** The withdrawal that consisted of exactly these envelopes in this order; equal lists have equal commitments. */
export function withdrawalOf(state: Reserve, envelopes: readonly EnvelopeHash[]): WithdrawCommitment | undefined {
  const places = envelopes.map((envelope) => state.withdrawn.get(envelope));
  const event = places[0]?.event;
  const withdrawal = event === undefined ? undefined : state.withdrawals.get(event);
  const isSame = places.every((at, place) => at?.event === event && at?.place === place);
  return isSame && withdrawal?.size === envelopes.length ? withdrawal.commitment : undefined;
}

function evolve(state: Reserve, event: ReserveEvent | ReservePurseEvent): Reserve {
  const number = state.events;
  state.events += 1;
  switch (event.type) {
    case 'ReserveFunded':
      credit(state, event);
      state.origin = { hash: event.originHash, account: event.originAccount, sealed: event.sealedOrigin };
      return state;
    case 'CoinsWithdrawn':
      assert(event.cost === sum(event.coins, ({ value, fee }) => value + fee), 'the coins of a withdrawal cost more');
      debit(state, event.cost);
      event.coins.forEach(({ envelopeHash }, place) => {
        assert(!state.withdrawn.has(envelopeHash), `envelope ${envelopeHash} was withdrawn twice`);
        state.withdrawn.set(envelopeHash, { event: number, place });
      });
      state.withdrawals.set(number, { commitment: event.commitment, size: event.coins.length });
      state.collectableAt = event.collectableAt;
      return state;
    case 'CloseRequested':
      state.closes.set(closeKey({ ...event, designatedHash: event.designatedHash }), { wireAmount: 0n });
      return state;
    case 'ReserveClosed':
      assert(event.debited === event.wireAmount + event.closingFee + event.dust, 'a closing does not add up');
      assert(event.closing === state.closings + 1, `closing ${event.closing} follows ${state.closings}`);
      debit(state, event.debited);
      state.closings = event.closing;
      if (event.cause === 'request') {
        const { requestTimestamp, designatedHash, wireAmount } = event;
        assert(requestTimestamp !== undefined, 'a closing by request has its time');
        state.closes.set(closeKey({ requestTimestamp, designatedHash }), { wireAmount });
      }
      return state;
    case 'CoinsRecouped':
      assert(event.amount === sum(event.coins, ({ amount }) => amount), 'the coins of a recoup give another amount');
      for (const { envelopeHash } of event.coins) {
        assert(state.withdrawn.has(envelopeHash), `envelope ${envelopeHash} was never withdrawn here`);
      }
      credit(state, event);
      return state;
    case 'PurseRequested':
      assert(!state.requestedPurses.has(event.pursePub), `purse ${event.pursePub} was requested twice`);
      assert(event.paidFrom === 'fee' || event.purseFee === 0n, 'a purse out of the quota costs nothing');
      debit(state, event.purseFee);
      state.requestedPurses.set(event.pursePub, number);
      if (event.paidFrom === 'quota') openQuotaPurse(state, event);
      return state;
    case 'RequestedPurseDeleted':
      assert(state.requestedPurses.has(event.pursePub), `purse ${event.pursePub} was never requested here`);
      state.quotaPurses.delete(event.pursePub);
      return state;
    case 'PurseMergedIntoReserve':
      assert(!state.mergedPurses.has(event.pursePub), `purse ${event.pursePub} was merged twice`);
      credit(state, { ...event, amount: event.target });
      state.receivedFromPurse = true;
      state.mergedPurses.set(event.pursePub, number);
      state.quotaPurses.delete(event.pursePub);
      return state;
    default:
      return unreachable(event);
  }
}

/** Expired ones are forgotten on the way, so that the quota is counted in the time of the quota. */
function openQuotaPurse(state: Reserve, event: { pursePub: PursePub; purseExpiresAt: number; at: number }): void {
  for (const [pursePub, expiresAt] of state.quotaPurses) {
    if (expiresAt <= event.at) state.quotaPurses.delete(pursePub);
  }
  state.quotaPurses.set(event.pursePub, event.purseExpiresAt);
}

const sum = <Item>(items: readonly Item[], unitsOf: (item: Item) => bigint): bigint =>
  items.reduce((total, item) => total + unitsOf(item), 0n);

function credit(state: Reserve, event: { amount: bigint; expiresAt: number; collectableAt: number }): void {
  state.balance += event.amount;
  state.expiresAt = event.expiresAt;
  state.collectableAt = event.collectableAt;
}

function debit(state: Reserve, amount: bigint): void {
  assert(amount >= 0n && amount <= state.balance, `a debit of ${amount} exceeds the balance ${state.balance}`);
  state.balance -= amount;
}
