/**
 * Where a purse's money goes: a reserve merges a full purse (push payment), or requests a purse that is merged when it
 * is full (pull payment). The reserve gets exactly the target; what is above it is income.
 *
 * Source: endpoints B2 (POST /reserves/$R/purse) and B3 (POST /purses/$P/merge); ledger rules 2 and 6.
 */
import { assert } from './assert.js';
import { accept, type Decision, refuse, repeat } from './decision.js';
import type { DepositConfirmation, EddsaSignature, ReservePub } from './events/names.js';
import type { MergeRequest, PurseEvent } from './events/purse.js';
import type { ReservePurseEvent } from './events/reserve.js';
import {
  addedContract,
  type Circumstances,
  type Contract,
  type ContractConflict,
  contractConflict,
  isFull,
  isSameMerge,
  isSameTerms,
  type Merge,
  mergeOf,
  type Purse,
  type PurseDecided,
  type PurseGone,
  type PurseTerms,
  type SignedTerms,
  standingPurse,
  undecidedPurse,
} from './purse.js';
import { exists, extendedByMerge, openPurses, type Reserve } from './reserve.js';

type OnReserve<Type extends ReservePurseEvent['type']> = Extract<ReservePurseEvent, { type: Type }>;
type OnPurse<Type extends PurseEvent['type']> = Extract<PurseEvent, { type: Type }>;

/** What the exchange signs for the answer of a merge (PurseMergedConfirmationPS). */
export type MergeConfirmation = OnReserve<'PurseMergedIntoReserve'>['confirmation'];

/** A reserve that money from a purse comes into. */
export interface Receiver {
  readonly reserve: Reserve;
  readonly closingDelayS: number;
  readonly legalDelayS: number;
}

/** The events that merge a purse; the reserve's carries the signatures of the answer. */
export interface MergePlan {
  /** What the reserve gets. */
  readonly credited: bigint;
  readonly purse: OnPurse<'PurseMerged'>;
  readonly reserve: (signed: {
    readonly confirmation: MergeConfirmation;
    readonly depositConfirmation?: DepositConfirmation;
  }) => OnReserve<'PurseMergedIntoReserve'>;
}

export type MergeConflict = { readonly code: 'PURSE_MERGE_CONFLICT'; readonly merge: Merge };
export type MergeRefusal = PurseGone | { readonly code: 'PURSE_NOT_FULL' } | MergeConflict;

/** Who answers a merge seen before: PurseMergedIntoReserve on this reserve's stream carries the answer. */
export function earlierMerge({ end }: Purse, merge: Merge): ReservePub | undefined {
  return end?.how === 'merged' && isSameMerge(end.merge, merge) ? end.merge.reservePub : undefined;
}

export interface MergeDemand extends Circumstances {
  readonly merge: Merge;
  /** AccountMergePS with flags 1 and no fee. */
  readonly reserveSignature: EddsaSignature;
  readonly receiver: Receiver;
}

/** Precondition: both signatures are verified, and the receiver is the reserve that `merge` names. */
export function decideMerge(state: Purse, demand: MergeDemand): Decision<MergePlan, MergeRefusal, ReservePub> {
  const { merge, reserveSignature, now } = demand;
  const earlier = earlierMerge(state, merge);
  if (earlier !== undefined) return repeat(earlier);
  const standing = standingPurse(state, now);
  if (standing.kind === 'refuse') return standing;
  const agreed = state.end?.how === 'merged' ? state.end.merge : state.request;
  if (agreed && !isSameMerge(agreed, merge)) return refuse(mergeConflict(agreed));
  if (!isFull(state)) return refuse({ code: 'PURSE_NOT_FULL' });
  const terms = state.request
    ? termsOfRequest(state.request)
    : ({ paidFrom: 'merge', purseFee: 0n, reserveSignature } as const);
  return accept(mergePlan(state, { ...demand, ...terms, by: 'merge' }));
}

/** How the reserve that requested a purse pays for it, and its word for that. */
export const termsOfRequest = ({ paidFrom, purseFee, reserveSignature }: MergeRequest) => {
  return { paidFrom, purseFee, reserveSignature };
};

/**
 * The merge of a purse that has just become full, or has been for long.
 * @param facts.by `deposit` if a coin completed a requested purse: that keeps the reserve open longer (ledger rules 2)
 */
export function mergePlan(
  { terms, balance, depositFees }: Pick<Purse, 'terms' | 'balance' | 'depositFees'>,
  facts: Circumstances & {
    readonly merge: Merge;
    readonly paidFrom: OnReserve<'PurseMergedIntoReserve'>['paidFrom'];
    readonly purseFee: bigint;
    readonly reserveSignature: EddsaSignature;
    readonly receiver: Receiver;
    readonly by: 'merge' | 'deposit';
  },
): MergePlan {
  assert(terms !== undefined && balance >= terms.target, 'only a full purse is merged');
  const { pursePub, exchangeBaseUrl, now, keysRevision, merge, paidFrom, purseFee, reserveSignature, receiver } = facts;
  const { reserve, ...delays } = receiver;
  const dates = extendedByMerge(reserve, { now, by: facts.by, ...delays });
  const moved = { credited: terms.target, excess: balance - terms.target, depositFees };
  return {
    credited: terms.target,
    purse: { type: 'PurseMerged', ...mergeOf(merge), ...moved, at: now },
    reserve: ({ confirmation, depositConfirmation }) => ({
      type: 'PurseMergedIntoReserve',
      pursePub,
      ...signedTerms(terms, merge),
      paidFrom,
      purseFee,
      reserveSignature,
      exchangeBaseUrl,
      confirmation,
      ...(depositConfirmation && { depositConfirmation }),
      at: now,
      keysRevision,
      ...dates,
    }),
  };
}

export interface PurseRequest extends Circumstances {
  readonly terms: PurseTerms;
  readonly purseSignature: EddsaSignature;
  readonly contract: Contract | undefined;
  readonly request: MergeRequest;
  /** How many purses out of its quota a reserve may have open at a time. */
  readonly purseLimit: number;
}

export type PurseRequestRefusal =
  /** What the purse's key signed first is the proof. */
  | { readonly code: 'PURSE_REQUEST_CONFLICT'; readonly stored: SignedTerms }
  | MergeConflict
  | { readonly code: 'RESERVE_UNKNOWN' }
  /** No place in the quota, or no money for the fee. */
  | { readonly code: 'PURSE_REQUEST_UNPAID' }
  | ContractConflict
  | PurseDecided;

/** The reserve's event carries the answer; without one, the answer is that of the earlier PurseRequested. */
export interface PurseRequestPlan {
  readonly purse: PurseEvent;
  readonly reserve: ((confirmation: DepositConfirmation) => OnReserve<'PurseRequested'>) | undefined;
}

/** True for a request seen before: PurseRequested on the reserve's stream carries its answer, for ever. */
export function isEarlierPurseRequest(
  state: Purse,
  { terms, contract, request }: Pick<PurseRequest, 'terms' | 'contract' | 'request'>,
): boolean {
  const isKnown = state.terms !== undefined && isSameTerms(state.terms, terms) && isSameRequest(state.request, request);
  return isKnown && !addedContract(state, contract) && !contractConflict(state, contract);
}

/** Precondition: all four signatures are verified, and a fee is high enough. */
export function decidePurseRequest(
  state: Purse,
  reserve: Reserve,
  demand: PurseRequest,
): Decision<PurseRequestPlan, PurseRequestRefusal, undefined> {
  if (isEarlierPurseRequest(state, demand)) return repeat(undefined);
  const { terms, purseSignature, contract, request, now, pursePub, exchangeBaseUrl, keysRevision } = demand;
  const conflict = requestConflict(state, demand);
  if (conflict) return refuse(conflict);
  if (!exists(reserve)) return refuse({ code: 'RESERVE_UNKNOWN' });
  if (state.terms) return addContract(state, { contract, now });
  const { expiresAt } = terms;
  if (expiresAt <= now) return refuse({ code: 'PURSE_EXPIRED', expiresAt }); // while it was checked or retried
  const { paidFrom, purseFee, reserveSignature } = request;
  assert(paidFrom === 'fee' || purseFee === 0n, 'a purse out of the quota costs nothing');
  const isPaid = paidFrom === 'quota' ? openPurses(reserve, now) < demand.purseLimit : purseFee <= reserve.balance;
  if (!isPaid) return refuse({ code: 'PURSE_REQUEST_UNPAID' });
  const when = { at: now, keysRevision };
  return accept({
    purse: {
      type: 'PurseCreated',
      ...terms,
      purseSignature,
      ...(contract && { contract }),
      request,
      deposits: [],
      exchangeBaseUrl,
      ...when,
    },
    reserve: (confirmation) => ({
      type: 'PurseRequested',
      pursePub,
      ...signedTerms(terms, request),
      paidFrom,
      purseFee,
      reserveSignature,
      confirmation,
      ...when,
    }),
  });
}

/**
 * A purse key stands for one payment: other terms, or a purse that coins made, are a conflict with what its key signed
 * then; another merge is one with what the merge key signed.
 */
function requestConflict(state: Purse, { terms, request }: PurseRequest): PurseRequestRefusal | undefined {
  const { terms: stored, end } = state;
  if (!stored) return undefined;
  if (!isSameTerms(stored, terms)) return { code: 'PURSE_REQUEST_CONFLICT', stored };
  if (state.request) return isSameRequest(state.request, request) ? undefined : mergeConflict(state.request);
  return end?.how === 'merged' ? mergeConflict(end.merge) : { code: 'PURSE_REQUEST_CONFLICT', stored };
}

/** All is as it was, but for a contract that was not there. */
function addContract(
  state: Purse,
  { contract, now }: { contract: Contract | undefined; now: number },
): Decision<PurseRequestPlan, PurseRequestRefusal> {
  const conflict = contractConflict(state, contract);
  if (conflict) return refuse(conflict);
  const undecided = undecidedPurse(state, now);
  if (undecided.kind === 'refuse') return undecided;
  const added = addedContract(state, contract);
  assert(added !== undefined, 'a request that says nothing new is a repeat');
  return accept({ purse: { type: 'PurseContractAdded', ...added, at: now }, reserve: undefined });
}

const isSameRequest = (stored: MergeRequest | undefined, request: MergeRequest): boolean =>
  stored !== undefined &&
  isSameMerge(stored, request) &&
  stored.paidFrom === request.paidFrom &&
  stored.purseFee === request.purseFee;

const mergeConflict = (merge: Merge): MergeConflict => ({ code: 'PURSE_MERGE_CONFLICT', merge: mergeOf(merge) });

/** What AccountMergePS covers of the purse, as the reserve's events hold it. */
const signedTerms = (
  { target, minAge, expiresAt, contractTermsHash, mergePub }: PurseTerms,
  { mergeTimestamp }: Merge,
) => ({ target, minAge, purseExpiresAt: expiresAt, contractTermsHash, mergePub, mergeTimestamp });
