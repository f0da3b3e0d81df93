/**
 * A purse: coins pooled for one payment between people, until a reserve takes its target or every coin gets its money
 * back. It ends once, and this stream decides how.
 *
 *   PurseCreated -> PurseDeposited ... -> PurseMerged
 *                                      -> PurseExpired | PurseDeleted -> PurseCoinsRefunded ...
 *
 * Source: specification of purse creation; ledger rules 6.
 */
import { NEVER } from '@florin/encoding';
import { assert, unreachable } from './assert.js';
import { accept, type Decider, type Decision, refuse, repeat } from './decision.js';
import type { CoinEvent } from './events/coin.js';
import type { CoinPub, DepositConfirmation, EddsaSignature, PursePub } from './events/names.js';
import type { MergeRequest, PurseDeposit, PurseEvent } from './events/purse.js';
import type { ReservePurseEvent } from './events/reserve.js';

type Of<Type extends PurseEvent['type']> = Extract<PurseEvent, { type: Type }>;

/** What a purse key stands for, for ever. */
export type PurseTerms = Pick<Of<'PurseCreated'>, 'target' | 'minAge' | 'expiresAt' | 'contractTermsHash' | 'mergePub'>;
export type Contract = Omit<Of<'PurseContractAdded'>, 'type' | 'at'>;
/** A contract without the encrypted text, which only the event holds. */
export type PurseContract = Omit<Contract, 'econtract'>;
/** To which reserve a purse went or is to go, and who said so. */
export type Merge = Pick<MergeRequest, 'reservePub' | 'paytoUri' | 'mergeTimestamp' | 'mergeSignature'>;

/** A coin in the purse: the proof in a conflict over it. */
export interface PurseCoin extends Pick<PurseDeposit, 'denominationHash' | 'amount' | 'depositFee' | 'coinSignature'> {
  readonly ageCommitmentHash: PurseDeposit['ageCommitmentHash'] | undefined;
  /** Number of the event that brought it. */
  readonly event: number;
  refunded: boolean;
}

export type PurseEnd =
  | { readonly how: 'merged'; readonly merge: Merge }
  | { readonly how: 'expired' }
  | { readonly how: 'deleted' };

export type SignedTerms = PurseTerms & { readonly purseSignature: EddsaSignature };

export interface Purse {
  /** Events folded so far; 0 means that the purse does not exist. */
  events: number;
  terms: SignedTerms | undefined;
  contract: PurseContract | undefined;
  /** Present if a reserve requested the purse. */
  request: MergeRequest | undefined;
  /** In the order in which they came. */
  readonly coins: Map<CoinPub, PurseCoin>;
  /** What was answered, by the number of the event; missing where PurseMergedIntoReserve carries it. */
  readonly confirmations: Map<number, DepositConfirmation>;
  /** All that was ever paid in, without deposit fees. */
  balance: bigint;
  depositFees: bigint;
  end: PurseEnd | undefined;
}

export const purse: Decider<Purse, PurseEvent> = {
  initial: () => ({
    events: 0,
    terms: undefined,
    contract: undefined,
    request: undefined,
    coins: new Map(),
    confirmations: new Map(),
    balance: 0n,
    depositFees: 0n,
    end: undefined,
  }),
  evolve,
};

export type PurseGone =
  | { readonly code: 'PURSE_UNKNOWN' }
  | { readonly code: 'PURSE_EXPIRED'; readonly expiresAt: number }
  | { readonly code: 'PURSE_DELETED' };

/**
 * The terms of a purse that has neither expired nor been deleted; merged ones are among them. Time alone expires a
 * purse, whether the event is written or not.
 */
export function standingPurse(state: Purse, now: number): Decision<PurseTerms, PurseGone> {
  const { terms, end } = state;
  if (!terms) return refuse({ code: 'PURSE_UNKNOWN' });
  if (end?.how === 'deleted') return refuse({ code: 'PURSE_DELETED' });
  if (end?.how === 'expired' || isPurseOverdue(state, now)) {
    return refuse({ code: 'PURSE_EXPIRED', expiresAt: terms.expiresAt });
  }
  return accept(terms);
}

export type PurseDecided = PurseGone | { readonly code: 'PURSE_MERGED' };

/** The terms of a purse that may still be paid into: it has not ended in any way. */
export function undecidedPurse(state: Purse, now: number): Decision<PurseTerms, PurseDecided> {
  return state.end?.how === 'merged' ? refuse({ code: 'PURSE_MERGED' }) : standingPurse(state, now);
}

export const isSameTerms = (one: PurseTerms, other: PurseTerms): boolean =>
  one.target === other.target &&
  one.minAge === other.minAge &&
  one.expiresAt === other.expiresAt &&
  one.contractTermsHash === other.contractTermsHash &&
  one.mergePub === other.mergePub;

export interface ContractConflict {
  readonly code: 'PURSE_CONTRACT_CONFLICT';
  readonly stored: PurseContract;
}

/** A purse has one contract: the first. */
export function contractConflict(
  { contract: stored }: Purse,
  contract: Contract | undefined,
): ContractConflict | undefined {
  if (!stored || !contract) return undefined;
  const isSame = stored.econtractHash === contract.econtractHash && stored.contractPub === contract.contractPub;
  return isSame ? undefined : { code: 'PURSE_CONTRACT_CONFLICT', stored };
}

/** The contract of a request, if the purse has none yet. */
export const addedContract = (state: Purse, contract: Contract | undefined): Contract | undefined =>
  state.contract ? undefined : contract;

/** True when the purse must be ended because its time is over. */
export const isPurseOverdue = ({ terms, end }: Purse, now: number): boolean =>
  terms !== undefined && end === undefined && terms.expiresAt <= now;

/** The purse holds its target: it may be merged. */
export const isFull = ({ terms, balance }: Pick<Purse, 'terms' | 'balance'>): boolean =>
  terms !== undefined && balance >= terms.target;

/** What a request is about, and what the decision knows besides. */
export interface Circumstances {
  readonly pursePub: PursePub;
  readonly exchangeBaseUrl: string;
  readonly now: number;
  /** How many events of `keys` the decision knows. */
  readonly keysRevision: number;
}

/** The expiration of a purse that is to be made, checked before everything that needs stored facts. */
export function expirationFault(
  expiresAt: number,
  now: number,
): 'EXPIRATION_BEFORE_NOW' | 'EXPIRATION_IS_NEVER' | undefined {
  if (expiresAt <= now) return 'EXPIRATION_BEFORE_NOW';
  return expiresAt === NEVER ? 'EXPIRATION_IS_NEVER' : undefined;
}

/** What the clock asks for, if it does. */
export function decidePurseExpire(state: Purse, now: number): Of<'PurseExpired'> | undefined {
  return isPurseOverdue(state, now) ? { type: 'PurseExpired', at: now } : undefined;
}

export type DeleteRefusal = { readonly code: 'PURSE_UNKNOWN' } | { readonly code: 'PURSE_ALREADY_DECIDED' };

export interface DeletedPurse {
  readonly purse: Of<'PurseDeleted'>;
  /** For the reserve that requested the purse, in the same unit: its quota has a place again. */
  readonly reserve: Extract<ReservePurseEvent, { type: 'RequestedPurseDeleted' }> | undefined;
}

/** The purse's owner wants an end of it. Precondition: the signature of the purse's key is verified. */
export function decidePurseDelete(
  state: Purse,
  { pursePub, purseSignature, now }: { pursePub: PursePub; purseSignature: EddsaSignature; now: number },
): Decision<DeletedPurse, DeleteRefusal, undefined> {
  if (!state.terms) return refuse({ code: 'PURSE_UNKNOWN' });
  if (state.end?.how === 'deleted') return repeat(undefined);
  if (state.end || isPurseOverdue(state, now)) return refuse({ code: 'PURSE_ALREADY_DECIDED' });
  return accept({
    purse: { type: 'PurseDeleted', purseSignature, at: now },
    reserve: state.request && { type: 'RequestedPurseDeleted', pursePub, purseSignature, at: now },
  });
}

/** A unit of refunds touches at most this many coins. */
export const REFUND_COINS_MAX = 128;

export interface PurseRefund {
  readonly purse: Of<'PurseCoinsRefunded'>;
  readonly coins: readonly {
    readonly coinPub: CoinPub;
    readonly event: Extract<CoinEvent, { type: 'CoinRefundedFromPurse' }>;
  }[];
}

/**
 * The next coins of an expired or deleted purse that get their money back, all of it; undefined when none is left.
 * Every unit leaves a state from which the next one goes on.
 */
export function nextRefund(
  state: Purse,
  { pursePub, now, coinsMax = REFUND_COINS_MAX }: { pursePub: PursePub; now: number; coinsMax?: number },
): PurseRefund | undefined {
  if (!owesRefunds(state)) return undefined;
  const coins: { coinPub: CoinPub; amount: bigint }[] = [];
  for (const [coinPub, { amount, refunded }] of state.coins) {
    if (!refunded) coins.push({ coinPub, amount });
    if (coins.length === coinsMax) break;
  }
  if (coins.length === 0) return undefined;
  return {
    purse: { type: 'PurseCoinsRefunded', coins, at: now },
    coins: coins.map(({ coinPub, amount }) => {
      return { coinPub, event: { type: 'CoinRefundedFromPurse', pursePub, amount, at: now } };
    }),
  };
}

/** The purse ended without a merge: what is in it belongs to its coins. */
const owesRefunds = ({ end }: Purse): boolean => end !== undefined && end.how !== 'merged';

function evolve(state: Purse, event: PurseEvent): Purse {
  const number = state.events;
  state.events += 1;
  assert((number === 0) === (event.type === 'PurseCreated'), `a purse goes on with ${event.type}`);
  switch (event.type) {
    case 'PurseCreated': {
      const { target, minAge, expiresAt, contractTermsHash, mergePub, purseSignature } = event;
      assert(expiresAt > event.at, 'a purse was made after its time');
      state.terms = { target, minAge, expiresAt, contractTermsHash, mergePub, purseSignature };
      state.contract = event.contract && contractOf(event.contract);
      state.request = event.request;
      putIn(state, event, number);
      return state;
    }
    case 'PurseDeposited':
      assertStanding(state, event.at);
      putIn(state, event, number);
      return state;
    case 'PurseContractAdded':
      assertStanding(state, event.at);
      assert(state.contract === undefined, 'a purse has one contract');
      state.contract = contractOf(event);
      return state;
    case 'PurseMerged':
      assertStanding(state, event.at);
      assertMerge(state, event);
      state.end = { how: 'merged', merge: mergeOf(event) };
      return state;
    case 'PurseExpired':
      assert(isPurseOverdue(state, event.at), 'a purse expired before its time');
      state.end = { how: 'expired' };
      return state;
    case 'PurseDeleted':
      assertStanding(state, event.at);
      state.end = { how: 'deleted' };
      return state;
    case 'PurseCoinsRefunded':
      assert(owesRefunds(state), 'a purse that keeps its coins refunded some');
      for (const { coinPub, amount } of event.coins) {
        const coin = state.coins.get(coinPub);
        assert(coin !== undefined && !coin.refunded, `a purse owes nothing to coin ${coinPub}`);
        assert(coin.amount === amount, `a purse refunded ${amount} instead of ${coin.amount}`);
        coin.refunded = true;
      }
      return state;
    default:
      return unreachable(event);
  }
}

function putIn(state: Purse, event: Of<'PurseCreated' | 'PurseDeposited'>, number: number): void {
  for (const { coinPub, denominationHash, ageCommitmentHash, amount, depositFee, coinSignature } of event.deposits) {
    assert(!state.coins.has(coinPub), `coin ${coinPub} paid into a purse twice`);
    assert(depositFee <= amount, 'a deposit fee exceeds what was paid');
    const paid = { denominationHash, ageCommitmentHash, amount, depositFee, coinSignature };
    state.coins.set(coinPub, { ...paid, event: number, refunded: false });
    state.balance += amount - depositFee;
    state.depositFees += depositFee;
  }
  const { confirmation } = event;
  if (!confirmation) {
    const carriedByReserve = state.request !== undefined && (event.type === 'PurseCreated' || isFull(state));
    assert(carriedByReserve, 'a deposit was not confirmed');
    return;
  }
  assert(confirmation.totalDeposited === state.balance, `${confirmation.totalDeposited} was confirmed of a purse`);
  state.confirmations.set(number, confirmation);
}

function assertStanding(state: Purse, at: number): void {
  assert(state.end === undefined, `a purse went on after it was ${state.end?.how}`);
  assert(!isPurseOverdue(state, at), 'a purse went on after its time');
}

function assertMerge({ terms, request, balance, depositFees }: Purse, event: Of<'PurseMerged'>): void {
  assert(!request || isSameMerge(request, event), 'a purse was merged elsewhere than requested');
  assert(event.credited === terms?.target, 'a merge credits the target');
  assert(event.credited + event.excess === balance, `a merge of ${event.credited} and ${event.excess} from ${balance}`);
  assert(event.depositFees === depositFees, 'a merge earns the deposit fees');
}

/** Who holds the merge key said the same thing. */
export const isSameMerge = (one: Merge, other: Merge): boolean =>
  one.reservePub === other.reservePub &&
  one.mergeTimestamp === other.mergeTimestamp &&
  one.mergeSignature === other.mergeSignature;

const contractOf = ({ econtractHash, contractPub, econtractSignature }: PurseContract): PurseContract => {
  return { econtractHash, contractPub, econtractSignature };
};

/** The members of a merge alone, of whatever holds them. */
export const mergeOf = ({ reservePub, paytoUri, mergeTimestamp, mergeSignature }: Merge): Merge => {
  return { reservePub, paytoUri, mergeTimestamp, mergeSignature };
};
