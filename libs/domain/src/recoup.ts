/**
 * Recoup: the owner of coins of a revoked denomination shows that they were withdrawn from a reserve, and their
 * residual value goes back there. Withdraw fees do not.
 *
 *   wallet -> exchange   per coin: key, blinding secret, denomination signature, signature; of the others the envelope
 *   exchange             rebuilds the envelopes, and with them finds the withdrawal
 *
 * Source: specification of recoup-withdraw; endpoints A3, also for the older POST /coins/$C/recoup.
 */
import { assert } from './assert.js';
import {
  type Coin,
  type CoinRecoup,
  type CoinRefusal,
  insufficient,
  type PresentedCoin,
  recognizeCoin,
} from './coin.js';
import { accept, type Decision, refuse, repeat } from './decision.js';
import type { CoinEvent, FirstSight } from './events/coin.js';
import type {
  BlindingSecret,
  CoinPub,
  CoinSignature,
  EddsaSignature,
  EnvelopeHash,
  ReservePub,
  Session,
  WithdrawCommitment,
} from './events/names.js';
import type { ReserveEvent } from './events/reserve.js';
import { exists, extended, type Reserve, withdrawalOf } from './reserve.js';

/** What a request discloses of a coin, before anything is verified or rebuilt. */
export interface RecoupClaim extends Omit<PresentedCoin, 'value'> {
  readonly blindingSecret: BlindingSecret;
  /** Clause-Schnorr only. */
  readonly session?: Partial<Session>;
  readonly coinSignature: EddsaSignature;
}

/** A disclosed coin, its signatures verified and its envelope rebuilt. */
export interface DisclosedCoin extends PresentedCoin, RecoupClaim {
  readonly envelopeHash: EnvelopeHash;
  readonly session?: Session;
}

/** The coins of a withdrawal in its order: of those that are not recouped the envelope alone; no coin twice. */
export type RecoupEntries<Disclosed> = readonly (EnvelopeHash | Disclosed)[];

export interface RecoupCircumstances {
  readonly reservePub: ReservePub;
  readonly now: number;
  readonly keysRevision: number;
  readonly closingDelayS: number;
  readonly legalDelayS: number;
}

export type RecoupRefusal =
  /** The reserve never had this withdrawal. */
  | { readonly code: 'WITHDRAWAL_UNKNOWN' }
  /** The coin at this place of the request was never withdrawn from the reserve. */
  | { readonly code: 'ENVELOPE_UNKNOWN'; readonly place: number }
  | CoinRefusal;

export interface RecoupPlan {
  readonly coins: readonly {
    readonly coinPub: CoinPub;
    readonly event: Extract<CoinEvent, { type: 'CoinRecouped' }>;
  }[];
  readonly reserve: Extract<ReserveEvent, { type: 'CoinsRecouped' }>;
}

type CoinOf = (coinPub: CoinPub) => Coin;
const isDisclosed = <Disclosed>(entry: EnvelopeHash | Disclosed): entry is Disclosed => typeof entry !== 'string';

/**
 * Asked first, before any check that depends on keys: true if the entries are a withdrawal of the reserve, and every
 * coin was recouped from it by the same signature and has nothing left.
 */
export function isEarlierRecoup(
  reserve: Reserve,
  coinOf: CoinOf,
  { reservePub, entries }: { reservePub: ReservePub; entries: RecoupEntries<RecoupClaim> },
): boolean {
  const envelopes: EnvelopeHash[] = [];
  for (const entry of entries) {
    const envelope = isDisclosed(entry) ? exhausted(coinOf(entry.coinPub), entry, reservePub)?.envelopeHash : entry;
    if (envelope === undefined) return false;
    envelopes.push(envelope);
  }
  return withdrawalOf(reserve, envelopes) !== undefined;
}

/** The same for the older recoup of one coin: the reserve to which its value went. */
export const earlierCoinRecoup = (coin: Coin, claim: RecoupClaim): ReservePub | undefined =>
  exhausted(coin, claim)?.reservePub;

/** Seen by the same denomination, its signature and age commitment: what was verified then needs no proof now. */
function isPresentedAlike(known: FirstSight, claim: RecoupClaim): boolean {
  const { denominationHash, denominationSignature, ageCommitmentHash } = claim;
  const isCoin = known.denominationHash === denominationHash && known.ageCommitmentHash === ageCommitmentHash;
  return isCoin && isSameSignature(known.denominationSignature, denominationSignature);
}

const isSameSignature = (one: CoinSignature, other: CoinSignature): boolean =>
  one.cipher === 'RSA'
    ? other.cipher === 'RSA' && one.signature === other.signature
    : other.cipher === 'CS' && one.r === other.r && one.s === other.s;

const isSameSession = (one: Session | undefined, other: Partial<Session> | undefined): boolean =>
  one?.nonce === other?.nonce && one?.rPub0 === other?.rPub0 && one?.rPub1 === other?.rPub1;

/** What a coin without value gave back by the same signature. */
function exhausted(coin: Coin, claim: RecoupClaim, reservePub?: ReservePub): CoinRecoup | undefined {
  const { blindingSecret, session, coinSignature } = claim;
  if (coin.residual > 0n || !coin.known || !isPresentedAlike(coin.known, claim)) return undefined;
  return coin.recoups.find(
    (recoup) =>
      recoup.coinSignature === coinSignature &&
      recoup.blindingSecret === blindingSecret &&
      isSameSession(recoup.session, session) &&
      (reservePub === undefined || recoup.reservePub === reservePub),
  );
}

/**
 * Takes what is left of every disclosed coin; one that was recouped from this reserve already and has nothing left
 * adds nothing. Precondition: the denominations may be recouped, signatures are verified, envelopes rebuilt.
 */
export function decideRecoup(
  reserve: Reserve,
  coinOf: CoinOf,
  { entries, ...circumstances }: RecoupCircumstances & { readonly entries: RecoupEntries<DisclosedCoin> },
): Decision<RecoupPlan, RecoupRefusal, undefined> {
  const commitment = withdrawalOf(
    reserve,
    entries.map((entry) => (isDisclosed(entry) ? entry.envelopeHash : entry)),
  );
  if (commitment !== undefined) {
    const coins = entries.filter(isDisclosed<DisclosedCoin>);
    return takeResiduals(reserve, coinOf, { coins, commitment, ...circumstances });
  }
  const place = entries.findIndex((entry) => isDisclosed(entry) && !reserve.withdrawn.has(entry.envelopeHash));
  return exists(reserve) && place >= 0
    ? refuse({ code: 'ENVELOPE_UNKNOWN', place })
    : refuse({ code: 'WITHDRAWAL_UNKNOWN' });
}

/** The same for the older recoup of one coin, which shows no more than that its envelope was withdrawn. */
export function decideCoinRecoup(
  reserve: Reserve,
  coin: Coin,
  { disclosed, ...circumstances }: RecoupCircumstances & { readonly disclosed: DisclosedCoin },
): Decision<RecoupPlan, RecoupRefusal, undefined> {
  if (!reserve.withdrawn.has(disclosed.envelopeHash)) return refuse({ code: 'ENVELOPE_UNKNOWN', place: 0 });
  return takeResiduals(reserve, () => coin, { coins: [disclosed], commitment: undefined, ...circumstances });
}

/** The first coin that has nothing to give, in the order of the request, decides about all. */
function takeResiduals(
  reserve: Reserve,
  coinOf: CoinOf,
  request: RecoupCircumstances & {
    readonly coins: readonly DisclosedCoin[];
    readonly commitment: WithdrawCommitment | undefined;
  },
): Decision<RecoupPlan, RecoupRefusal, undefined> {
  const { reservePub, commitment, now: at, keysRevision } = request;
  const taken: RecoupPlan['coins'][number][] = [];
  for (const disclosed of request.coins) {
    const { coinPub, envelopeHash, blindingSecret, session, coinSignature } = disclosed;
    const coin = coinOf(coinPub);
    const recognized = recognizeCoin(coin, disclosed);
    if (recognized.kind === 'refuse') return recognized;
    const { residual: amount, firstSight } = recognized.value;
    if (amount > 0n) {
      const disclosure = { envelopeHash, blindingSecret, ...(session && { session }), coinSignature };
      const recouped = { reservePub, ...disclosure, amount, at, keysRevision };
      taken.push({ coinPub, event: { type: 'CoinRecouped', ...(firstSight && { firstSight }), ...recouped } });
    } else if (!coin.recoups.some((it) => it.reservePub === reservePub && it.envelopeHash === envelopeHash)) {
      return refuse(insufficient(disclosed, 0n));
    }
  }
  assert(new Set(taken.map(({ coinPub }) => coinPub)).size === taken.length, 'a coin is twice in one request');
  if (taken.length === 0) return repeat(undefined);
  return accept({
    coins: taken,
    reserve: {
      type: 'CoinsRecouped',
      ...(commitment !== undefined && { commitment }),
      coins: taken.map(({ coinPub, event: { envelopeHash, amount } }) => ({ coinPub, envelopeHash, amount })),
      amount: taken.reduce((sum, { event }) => sum + event.amount, 0n),
      at,
      keysRevision,
      ...extended(reserve, request),
    },
  });
}
