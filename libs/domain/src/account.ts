/**
 * An account: whoever stands behind a bank account or a reserve, as far as the law is concerned. Limits on what one
 * person withdraws are decided on this stream, in the same unit as the withdrawal, never by summing over a read model.
 */
import { MAX_UNITS } from '@florin/encoding';
import { assert, unreachable } from './assert.js';
import type { Decider } from './decision.js';
import type { AccountEvent, LegitimizationRule } from './events/account.js';
import type { EddsaPub } from './events/names.js';

export interface Requirement {
  readonly requirement: number;
  readonly rule: LegitimizationRule;
  /** Undefined until an officer decided. */
  approved: boolean | undefined;
  /** The latest: the same one again changes nothing. */
  decision: LegitimizationDecision | undefined;
}

type LegitimizationDecision = Extract<AccountEvent, { type: 'LegitimizationDecided' }>;

interface Counted {
  readonly at: number;
  /** Sum of everything counted up to and including this entry. */
  readonly total: bigint;
}

export interface Account {
  readonly requirements: Requirement[];
  /** In order of time; sums over a window are differences of two totals, however long the history. */
  readonly counted: Counted[];
  /** The same of what came from purses. */
  readonly received: Counted[];
  /** In order of `from`. */
  maximumAges: readonly { readonly from: number; readonly age: number }[];
  ownerPub: EddsaPub | undefined;
}

export const account: Decider<Account, AccountEvent> = {
  initial: () => ({ requirements: [], counted: [], received: [], maximumAges: [], ownerPub: undefined }),
  evolve,
};

/** A limit of the configuration: more than `threshold` within `windowS` seconds needs a legitimization. */
export interface LegitimizationLimit {
  readonly rule: LegitimizationRule;
  /** Units; exactly the threshold is still free. */
  readonly threshold: bigint;
  /** Infinity: since ever. */
  readonly windowS: number;
}

/** `requirement` is the ordinal to show; `isNew` if LegitimizationRequired must be written with it. */
export interface LegitimizationNeeded {
  readonly requirement: number;
  readonly isNew: boolean;
  readonly amount: bigint;
}

/** What the operation would bring the sum within the window to. */
export function sumWithin(state: Pick<Account, 'counted'>, { now, windowS }: { now: number; windowS: number }): bigint {
  const last = state.counted.at(-1);
  if (!last) return 0n;
  let [low, high] = [0, state.counted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((state.counted[middle] as Counted).at > now - windowS) high = middle;
    else low = middle + 1;
  }
  return last.total - (state.counted[low - 1]?.total ?? 0n);
}

/** An event cannot say more: it names the largest amount for a sum beyond it. */
const shown = (sum: bigint): bigint => (sum > MAX_UNITS ? MAX_UNITS : sum);

/** Undefined if the operation is free or its rule was approved for this account; a refused case stays closed. */
export function legitimizationNeeded(
  state: Account,
  limit: LegitimizationLimit,
  { now, amount }: { now: number; amount: bigint },
): LegitimizationNeeded | undefined {
  const counted = limit.rule === 'P2P_RECEIVE' ? state.received : state.counted;
  const sum = sumWithin({ counted }, { now, windowS: limit.windowS }) + amount;
  if (sum <= limit.threshold) return undefined;
  const known = state.requirements.find(({ rule }) => rule === limit.rule);
  if (known?.approved) return undefined;
  return { requirement: known?.requirement ?? state.requirements.length + 1, isNew: !known, amount: shown(sum) };
}

/**
 * The decision that stands, if the same officer decided the same before: a reason that is signed anew, at another time,
 * is no other decision.
 */
export function standingDecision(
  { decision }: Requirement,
  asked: Pick<LegitimizationDecision, 'officerPub' | 'approved' | 'maximumAges' | 'justification'>,
): LegitimizationDecision | undefined {
  if (!decision || decision.officerPub !== asked.officerPub || decision.approved !== asked.approved) return undefined;
  if (decision.justification !== asked.justification) return undefined;
  const isSameAge = ({ from, age }: { from: number; age: number }, index: number): boolean =>
    from === decision.maximumAges[index]?.from && age === decision.maximumAges[index]?.age;
  const isSame = asked.maximumAges.length === decision.maximumAges.length && asked.maximumAges.every(isSameAge);
  return isSame ? decision : undefined;
}

/** The age to which the owner's coins must be bound now; undefined if there is none. */
export function maximumAgeAt(state: Account, now: number): number | undefined {
  return state.maximumAges.findLast(({ from }) => from <= now)?.age;
}

function evolve(state: Account, event: AccountEvent): Account {
  switch (event.type) {
    case 'LegitimizationRequired':
      assert(event.requirement === state.requirements.length + 1, `requirement ${event.requirement} is out of order`);
      state.requirements.push({
        requirement: event.requirement,
        rule: event.rule,
        approved: undefined,
        decision: undefined,
      });
      return state;
    case 'LegitimizationDecided': {
      const decided = state.requirements.find(({ requirement }) => requirement === event.requirement);
      assert(decided !== undefined, `requirement ${event.requirement} was decided but never stated`);
      decided.approved = event.approved;
      decided.decision = event;
      if (event.maximumAges.length > 0) {
        state.maximumAges = [...event.maximumAges].sort((a, b) => a.from - b.from);
      }
      return state;
    }
    case 'WithdrawalCounted':
      count(state.counted, event);
      return state;
    case 'ReceiptCounted':
      count(state.received, event);
      return state;
    case 'AccountOwnerBound':
      state.ownerPub = event.accountPub;
      return state;
    default:
      return unreachable(event);
  }
}

/** A clock set back must not take entries out of order: they count from the latest time seen. */
function count(counted: Counted[], event: { readonly at: number; readonly amount: bigint }): void {
  const last = counted.at(-1);
  counted.push({ at: Math.max(event.at, last?.at ?? 0), total: (last?.total ?? 0n) + event.amount });
}
