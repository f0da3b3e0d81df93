/** Events of `coin-<coin_pub>`: what a coin paid for, and what it got back. The proofs in a 409 are made of them. */
import { amount, count, defineEvent, type EventOf, type Field, instant, object, optional, text } from './fields.js';
import * as f from './names.js';

/** What the exchange learned of a coin when it first saw it; only on the first event of its stream. */
const firstSight = () =>
  object({
    denominationHash: f.denominationHash(),
    /** The value of the denomination: what the coin may spend in all. */
    value: amount(),
    /** Over the hash of the coin's key and its age commitment, if it has one. */
    denominationSignature: f.coinSignature(),
    ageCommitmentHash: optional(f.ageCommitmentHash()),
  });
export type FirstSight = ReturnType<typeof firstSight> extends Field<infer Value> ? Value : never;

/** The coin paid into a purse. In one unit with PurseCreated or PurseDeposited. */
export const CoinSpentIntoPurse = defineEvent('CoinSpentIntoPurse', {
  firstSight: optional(firstSight()),
  pursePub: f.pursePub(),
  /** With the deposit fee: by so much the coin's residual value falls. */
  amount: amount(),
  depositFee: amount(),
  /** PurseDepositPS, which covers amount, denomination, age commitment, purse and base URL. */
  coinSignature: f.eddsaSignature(),
  exchangeBaseUrl: text(),
  at: instant(),
  keysRevision: count(),
});

/** A purse ended without a merge, and gave back all that the coin had paid, its fee included. */
export const CoinRefundedFromPurse = defineEvent('CoinRefundedFromPurse', {
  pursePub: f.pursePub(),
  amount: amount(),
  at: instant(),
});

/** The coin's residual value went back to the reserve it was withdrawn from. In one unit with CoinsRecouped. */
export const CoinRecouped = defineEvent('CoinRecouped', {
  firstSight: optional(firstSight()),
  reservePub: f.reservePub(),
  ...f.disclosure(),
  /** The whole residual value. */
  amount: amount(),
  at: instant(),
  keysRevision: count(),
});

export const COIN_EVENTS = [CoinSpentIntoPurse, CoinRefundedFromPurse, CoinRecouped] as const;
export type CoinEvent = EventOf<(typeof COIN_EVENTS)[number]>;
