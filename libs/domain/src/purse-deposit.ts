/**
 * Coins pay into a purse: when it is made (push payment), or later. The coin's stream decides what it may pay, the
 * purse's whether it may still be paid into; one unit commits both, and the reserve that a completed purse goes to.
 *
 * Source: specification of purse creation; endpoints A2 and B3 (POST /purses/$P/deposit).
 */
import { assert } from './assert.js';
import { type Coin, type CoinRefusal, insufficient, type PresentedCoin, recognizeCoin } from './coin.js';
import { accept, type Decision, refuse, repeat } from './decision.js';
import type { CoinEvent, FirstSight } from './events/coin.js';
import type { CoinPub, DepositConfirmation, EddsaSignature, ReservePub } from './events/names.js';
import type { PurseDeposit, PurseEvent } from './events/purse.js';
import {
  addedContract,
  type Circumstances,
  type Contract,
  type ContractConflict,
  contractConflict,
  isFull,
  isSameTerms,
  type Purse,
  type PurseCoin,
  type PurseDecided,
  type PurseTerms,
  type SignedTerms,
  standingPurse,
  undecidedPurse,
} from './purse.js';
import { type MergePlan, mergePlan, type Receiver, termsOfRequest } from './purse-merge.js';

/** A coin of a request and what it pays: the denomination's and the coin's signatures are verified. */
export type OfferedDeposit = PresentedCoin & PurseDeposit;
/** What is known of a coin's payment before anything is verified. */
export type DepositClaim = Pick<PurseDeposit, 'coinPub' | 'amount' | 'coinSignature'>;

/** Where the answer given earlier is found: here, or with PurseMergedIntoReserve on the stream of a reserve. */
export type EarlierDeposit =
  | { readonly confirmation: DepositConfirmation; readonly mergedInto: undefined }
  | { readonly confirmation: undefined; readonly mergedInto: ReservePub };

export interface DepositRequest extends Circumstances {
  /** No coin twice. */
  readonly deposits: readonly OfferedDeposit[];
  /** The reserve that requested the purse, if one did. */
  readonly receiver: Receiver | undefined;
}

export interface CreateRequest extends DepositRequest {
  readonly terms: PurseTerms;
  readonly purseSignature: EddsaSignature;
  readonly contract: Contract | undefined;
}

/** What this coin paid into this purse earlier, by another signature. */
export type DepositConflict = {
  readonly code: 'PURSE_DEPOSIT_CONFLICT';
  readonly coinPub: CoinPub;
  readonly earlier: PurseCoin;
};
export type DepositRefusal = PurseDecided | CoinRefusal | DepositConflict;
export type CreateRefusal =
  /** What the purse's key signed first is the proof. */
  { readonly code: 'PURSE_TERMS_CONFLICT'; readonly stored: SignedTerms } | DepositRefusal | ContractConflict;

/** What a deposit appends. The last stream of the unit carries the signatures: the reserve's if there is a merge. */
export interface DepositPlan {
  /** In the purse afterwards, without fees: what is to be confirmed. */
  readonly total: bigint;
  readonly coins: readonly {
    readonly coinPub: CoinPub;
    readonly event: Extract<CoinEvent, { type: 'CoinSpentIntoPurse' }>;
  }[];
  /** @param confirmation what is answered; none where the reserve's event or an earlier one carries it */
  readonly purse: (confirmation?: DepositConfirmation) => PurseEvent[];
  /** If the deposit completes a purse that a reserve requested. Its event on the purse is in `purse` already. */
  readonly merge: MergePlan | undefined;
  /** The answer, if nothing is paid and only a contract is added. */
  readonly earlier: EarlierDeposit | undefined;
}

/**
 * Asked first, before any check that depends on time or keys. A request whose coins are all in the purse, by the same
 * signatures, is answered as the event was that brought the last of them: so the same request has the same answer for
 * ever, and no coin is charged twice.
 */
export function earlierDeposit(state: Purse, claims: readonly DepositClaim[]): EarlierDeposit | undefined {
  let last = -1;
  for (const claim of claims) {
    const earlier = state.coins.get(claim.coinPub);
    if (!earlier || !isSameDeposit(earlier, claim)) return undefined;
    last = Math.max(last, earlier.event);
  }
  if (last < 0) return undefined;
  const confirmation = state.confirmations.get(last);
  if (confirmation) return { confirmation, mergedInto: undefined };
  assert(state.end?.how === 'merged', 'a deposit was neither confirmed nor did it complete the purse');
  return { confirmation, mergedInto: state.end.merge.reservePub };
}

/**
 * The same for a creation. A purse that exists by the same terms and has ended refuses here, before the checks of the
 * request itself: its expiration, for one, may lie in the past by now.
 */
export function earlierCreation(
  state: Purse,
  request: {
    readonly terms: PurseTerms;
    readonly contract: Contract | undefined;
    readonly deposits: readonly DepositClaim[];
    readonly now: number;
  },
): Decision<PurseTerms, PurseDecided, EarlierDeposit> {
  const { terms, contract, deposits, now } = request;
  if (!state.terms || !isSameTerms(state.terms, terms)) return accept(terms);
  const saysMore = addedContract(state, contract) ?? contractConflict(state, contract);
  const earlier = saysMore ? undefined : earlierDeposit(state, deposits);
  return earlier ? repeat(earlier) : undecidedPurse(state, now);
}

/** More coins for a purse that exists. @param coinOf the loaded state of each coin of the request */
export function decideDeposit(
  state: Purse,
  coinOf: (coinPub: CoinPub) => Coin,
  request: DepositRequest,
): Decision<DepositPlan, DepositRefusal, EarlierDeposit> {
  const earlier = earlierDeposit(state, request.deposits);
  if (earlier) return repeat(earlier);
  const standing = standingPurse(state, request.now);
  if (standing.kind === 'refuse') return standing;
  const charged = chargedCoins(state, coinOf, request.deposits);
  if (charged.kind === 'refuse') return charged;
  const undecided = undecidedPurse(state, request.now);
  if (undecided.kind === 'refuse') return undecided;
  return accept(depositPlan(state, charged.value, request));
}

/**
 * A purse is made with its first coins; one that exists by the same terms gets more of them.
 * Precondition: the signatures of the purse's key are verified.
 */
export function decideCreate(
  state: Purse,
  coinOf: (coinPub: CoinPub) => Coin,
  request: CreateRequest,
): Decision<DepositPlan, CreateRefusal, EarlierDeposit> {
  const { terms, contract, deposits } = request;
  const earlier = earlierCreation(state, request);
  if (earlier.kind !== 'accept') return earlier;
  const { terms: stored } = state;
  if (stored && !isSameTerms(stored, terms)) return refuse({ code: 'PURSE_TERMS_CONFLICT', stored });
  const { expiresAt } = terms;
  if (expiresAt <= request.now) return refuse({ code: 'PURSE_EXPIRED', expiresAt }); // while it was checked or retried
  const charged = chargedCoins(state, coinOf, deposits);
  if (charged.kind === 'refuse') return charged;
  const conflict = contractConflict(state, contract);
  if (conflict) return refuse(conflict);
  return accept(stored ? depositPlan(state, charged.value, request) : creationPlan(charged.value, request));
}

/** A coin that pays now; those that paid before are not charged again. */
interface ChargedCoin {
  readonly offered: OfferedDeposit;
  readonly firstSight: FirstSight | undefined;
}

/** The first coin that cannot pay, in the order of the request, decides about all. */
function chargedCoins(
  state: Purse,
  coinOf: (coinPub: CoinPub) => Coin,
  deposits: readonly OfferedDeposit[],
): Decision<ChargedCoin[], CoinRefusal | DepositConflict> {
  const charged: ChargedCoin[] = [];
  for (const offered of deposits) {
    const { coinPub, amount, depositFee } = offered;
    assert(depositFee <= amount, 'a coin pays less than its fee');
    const recognized = recognizeCoin(coinOf(coinPub), offered);
    if (recognized.kind === 'refuse') return recognized;
    const earlier = state.coins.get(coinPub);
    if (earlier && isSameDeposit(earlier, offered)) continue;
    if (earlier) return refuse({ code: 'PURSE_DEPOSIT_CONFLICT', coinPub, earlier });
    const { residual, firstSight } = recognized.value;
    if (amount > residual) return refuse(insufficient(offered, residual));
    charged.push({ offered, firstSight });
  }
  const coins = new Set(charged.map(({ offered }) => offered.coinPub));
  assert(coins.size === charged.length, 'a coin is twice in one request');
  return accept(charged);
}

const isSameDeposit = (earlier: PurseCoin, claim: DepositClaim): boolean =>
  earlier.coinSignature === claim.coinSignature && earlier.amount === claim.amount;

function creationPlan(charged: readonly ChargedCoin[], request: CreateRequest): DepositPlan {
  const { terms, purseSignature, contract } = request;
  const made = { ...termsOf(terms), purseSignature, ...(contract && { contract }), ...paid(charged, request) };
  const total = netSum(charged);
  return {
    total,
    coins: coinEvents(charged, request),
    purse: (confirmation) => [{ type: 'PurseCreated', ...made, ...confirming(total, confirmation) }],
    merge: undefined,
    earlier: undefined,
  };
}

function depositPlan(
  state: Purse,
  charged: readonly ChargedCoin[],
  request: DepositRequest & { readonly contract?: Contract | undefined },
): DepositPlan {
  const total = state.balance + netSum(charged);
  const merge = completed(state, { total, charged, request });
  const contract = addedContract(state, request.contract);
  const rest: PurseEvent[] = [];
  if (contract) rest.push({ type: 'PurseContractAdded', ...contract, at: request.now });
  if (merge) rest.push(merge.purse);
  const isPaid = charged.length > 0;
  const deposited = { type: 'PurseDeposited', ...paid(charged, request) } as const;
  return {
    total,
    coins: coinEvents(charged, request),
    purse: (confirmation) => {
      if (!isPaid) return rest;
      return [{ ...deposited, ...(!merge && confirming(total, confirmation)) }, ...rest];
    },
    merge,
    earlier: isPaid ? undefined : earlierDeposit(state, request.deposits),
  };
}

/** What is answered is what is written. */
function confirming(total: bigint, confirmation: DepositConfirmation | undefined) {
  assert(confirmation?.totalDeposited === total, `a deposit that brings ${total} must be confirmed so`);
  return { confirmation };
}

const paid = (charged: readonly ChargedCoin[], { exchangeBaseUrl, now: at, keysRevision }: Circumstances) => {
  return { deposits: charged.map(({ offered }) => depositOf(offered)), exchangeBaseUrl, at, keysRevision };
};

/** The merge of a purse that a reserve requested, if this deposit brings it to its target. */
function completed(
  state: Purse,
  { total, charged, request }: { total: bigint; charged: readonly ChargedCoin[]; request: DepositRequest },
): MergePlan | undefined {
  const { terms, request: merge } = state;
  if (!merge || !isFull({ terms, balance: total })) return undefined;
  const { receiver, ...circumstances } = request;
  assert(receiver !== undefined, 'the reserve that requested the purse was not loaded');
  const depositFees = charged.reduce((sum, { offered }) => sum + offered.depositFee, state.depositFees);
  const facts = { ...circumstances, merge, ...termsOfRequest(merge), receiver, by: 'deposit' } as const;
  return mergePlan({ terms, balance: total, depositFees }, facts);
}

const netSum = (charged: readonly ChargedCoin[]): bigint =>
  charged.reduce((sum, { offered }) => sum + offered.amount - offered.depositFee, 0n);

function coinEvents(
  charged: readonly ChargedCoin[],
  { pursePub, exchangeBaseUrl, now: at, keysRevision }: Circumstances,
): DepositPlan['coins'] {
  return charged.map(({ offered, firstSight }) => {
    const { coinPub, amount, depositFee, coinSignature } = offered;
    const paid = { pursePub, amount, depositFee, coinSignature, exchangeBaseUrl, at, keysRevision };
    return { coinPub, event: { type: 'CoinSpentIntoPurse', ...(firstSight && { firstSight }), ...paid } };
  });
}

const termsOf = ({ target, minAge, expiresAt, contractTermsHash, mergePub }: PurseTerms): PurseTerms => {
  return { target, minAge, expiresAt, contractTermsHash, mergePub };
};

function depositOf(offered: OfferedDeposit): PurseDeposit {
  const { coinPub, denominationHash, ageCommitmentHash, amount, depositFee, coinSignature, ageProof } = offered;
  return {
    coinPub,
    denominationHash,
    ...(ageCommitmentHash !== undefined && { ageCommitmentHash }),
    amount,
    depositFee,
    coinSignature,
    ...(ageProof && { ageProof }),
  };
}
