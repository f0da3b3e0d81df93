/**
 * A coin: what its owner may still pay with it. Its residual value is decided here and nowhere else, so that a double
 * spend is a race on one stream, and the stream is the proof of the one that lost.
 *
 *   (value) -> CoinSpentIntoPurse -> CoinRefundedFromPurse -> ... -> CoinRecouped -> (0)
 *
 * Source: ledger rules 5 and 8.
 */
import { assert, unreachable } from './assert.js';
import { accept, type Decider, type Decision, refuse } from './decision.js';
import type { CoinEvent, FirstSight } from './events/coin.js';
import type {
  AgeCommitmentHash,
  BlindingSecret,
  CoinPub,
  DenominationHash,
  EddsaSignature,
  EnvelopeHash,
  PursePub,
  ReservePub,
  Session,
} from './events/names.js';

export interface CoinRecoup {
  readonly reservePub: ReservePub;
  readonly envelopeHash: EnvelopeHash;
  readonly blindingSecret: BlindingSecret;
  /** Clause-Schnorr only. */
  readonly session: Session | undefined;
  readonly coinSignature: EddsaSignature;
}

export interface Coin {
  /** Undefined until the exchange has seen it. */
  known: FirstSight | undefined;
  /** Units that a known coin may still spend. */
  residual: bigint;
  /** What it paid into each purse, and whether that came back. */
  readonly purses: Map<PursePub, { readonly amount: bigint; refunded: boolean }>;
  readonly recoups: CoinRecoup[];
}

export const coin: Decider<Coin, CoinEvent> = {
  initial: () => ({ known: undefined, residual: 0n, purses: new Map(), recoups: [] }),
  evolve,
};

/** A coin as a request presents it: its denomination's signature is verified, whatever became of the coin. */
export interface PresentedCoin extends FirstSight {
  readonly coinPub: CoinPub;
}

export type CoinRefusal =
  /** One key, two denominations: the signature of the first is the proof. */
  | { readonly code: 'COIN_DENOMINATION_CONFLICT'; readonly coinPub: CoinPub; readonly known: FirstSight }
  | {
      readonly code: 'COIN_AGE_CONFLICT';
      readonly coinPub: CoinPub;
      readonly denominationHash: DenominationHash;
      /** Undefined if the coin came without an age commitment at first. */
      readonly expected: AgeCommitmentHash | undefined;
    }
  /** What the coin's stream shows of its spending is the proof. */
  | {
      readonly code: 'COIN_VALUE_INSUFFICIENT';
      readonly coinPub: CoinPub;
      readonly denominationHash: DenominationHash;
      readonly residual: bigint;
    };

/** A coin that is what it says: what it still has, and what its first event must say of it. */
export interface RecognizedCoin {
  readonly residual: bigint;
  /** Undefined for a coin that is known already. */
  readonly firstSight: FirstSight | undefined;
}

/** Is this the coin that was seen under this key before? */
export function recognizeCoin(state: Coin, presented: PresentedCoin): Decision<RecognizedCoin, CoinRefusal> {
  const { coinPub, denominationHash, value, denominationSignature, ageCommitmentHash } = presented;
  const { known } = state;
  if (!known) {
    const age = ageCommitmentHash === undefined ? {} : { ageCommitmentHash };
    return accept({ residual: value, firstSight: { denominationHash, value, denominationSignature, ...age } });
  }
  if (known.denominationHash !== denominationHash) {
    return refuse({ code: 'COIN_DENOMINATION_CONFLICT', coinPub, known });
  }
  const { ageCommitmentHash: expected } = known;
  if (expected !== ageCommitmentHash) return refuse({ code: 'COIN_AGE_CONFLICT', coinPub, denominationHash, expected });
  return accept({ residual: state.residual, firstSight: undefined });
}

/** The coin has less than is asked of it. */
export function insufficient({ coinPub, denominationHash }: PresentedCoin, residual: bigint): CoinRefusal {
  return { code: 'COIN_VALUE_INSUFFICIENT', coinPub, denominationHash, residual };
}

function evolve(state: Coin, event: CoinEvent): Coin {
  switch (event.type) {
    case 'CoinSpentIntoPurse':
      see(state, event.firstSight);
      assert(!state.purses.has(event.pursePub), `a coin paid into purse ${event.pursePub} twice`);
      assert(event.depositFee <= event.amount, 'a deposit fee exceeds what was paid');
      assert(event.amount <= state.residual, `a coin paid ${event.amount} out of ${state.residual}`);
      state.residual -= event.amount;
      state.purses.set(event.pursePub, { amount: event.amount, refunded: false });
      return state;
    case 'CoinRefundedFromPurse': {
      const paid = state.purses.get(event.pursePub);
      assert(paid !== undefined && !paid.refunded, `a coin has nothing to get back from purse ${event.pursePub}`);
      assert(event.amount === paid.amount, `a coin got back ${event.amount} instead of ${paid.amount}`);
      state.residual += event.amount;
      paid.refunded = true;
      return state;
    }
    case 'CoinRecouped': {
      see(state, event.firstSight);
      const { reservePub, envelopeHash, blindingSecret, session, coinSignature } = event;
      assert(event.amount > 0n, 'a coin without value was recouped');
      assert(event.amount === state.residual, `a recoup took ${event.amount} of ${state.residual}`);
      state.residual = 0n;
      state.recoups.push({ reservePub, envelopeHash, blindingSecret, session, coinSignature });
      return state;
    }
    default:
      return unreachable(event);
  }
}

function see(state: Coin, firstSight: FirstSight | undefined): void {
  assert((state.known === undefined) === (firstSight !== undefined), 'a coin is seen for the first time once');
  if (!firstSight) return;
  state.known = firstSight;
  state.residual = firstSight.value;
}
