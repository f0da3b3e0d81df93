import { parseDenominationPub, parseDenominationSignature } from '@florin/crypto';
import { type Amount, encodeBase32, equalBytes, message, reservePayto } from '@florin/encoding';
import { type CoinHistory, explainCoin, readCoinEntries, requireDenomination } from './coin-history.js';
import type { CoinHistoryEntry, CoinScope } from './coin-history-entries.js';
import { ExchangeMisbehaved } from './errors.js';
import { ageCommitmentHash, type Payment } from './payments.js';
import type { PeerContract } from './peer-contract.js';
import type { ProofScope, RefusedRequest } from './refusals.js';
import {
  amountIn,
  bytes,
  hash,
  publicKey,
  type ReplyObject,
  readingAt,
  signature,
  text,
  timestamp,
  u32,
} from './reply.js';
import type { Coin } from './withdraw.js';

/*
 * Refusals because something else was signed before: for a coin, its spending; for a purse, other terms, another
 * payment, another contract or another merge. Each shows the earlier signature, made with a key of the one who asks.
 * Source: spec/purse-create.txt (PurseConflict); protocol/endpoints.md, common bodies, A2, A3, B2, B3
 */

/** What these refusals prove. Keys and hashes are base32, times seconds since 1970. */
export type PurseProof =
  /** The coin's own signatures took so much that not enough is left. */
  | {
      readonly kind: 'coin-overspent';
      readonly coinPub: string;
      /** What the request wants of it; for a recoup nothing is named. */
      readonly requested?: Amount;
      /** Exchanges since 2024 show it elsewhere: then nothing is proved yet. */
      readonly history?: CoinHistory;
    }
  /** The coin's key is in use under another denomination. */
  | { readonly kind: 'coin-of-other-denomination'; readonly coinPub: string; readonly denominationHash: string }
  /** The coin's key is in use with another age commitment, or with none. */
  | {
      readonly kind: 'coin-of-other-age';
      readonly coinPub: string;
      readonly ageCommitmentHash?: string;
      /** Whether the coin's own signature shows it; those of recoups say nothing of an age. */
      readonly isShown: boolean;
    }
  /** The purse's key signed other terms. */
  | {
      readonly kind: 'purse-of-other-terms';
      readonly amount: Amount;
      readonly expiration: number;
      readonly minAge: number;
    }
  /** The coin pays another amount into this purse. */
  | { readonly kind: 'other-payment'; readonly coinPub: string; readonly amount: Amount }
  /** The purse's key signed another encrypted contract. */
  | { readonly kind: 'other-contract'; readonly econtractHash: string; readonly contractPub: string }
  /** The merge key gave the purse to another reserve, or at another time. */
  | { readonly kind: 'merged-elsewhere'; readonly reservePub: string; readonly at: number };

/** The purse that a request was about. */
export interface AskedPurse {
  readonly pursePub: Uint8Array;
  readonly contract: PeerContract;
  readonly mergePub?: Uint8Array;
}

type Verify = (body: ReplyObject, scope: ProofScope, request: RefusedRequest) => PurseProof;

export const coinOverspent: Verify = (body, scope, request) => {
  const { coin, payment } = namedCoin(body, request);
  requireDenomination(body, coin.denominationHash);
  const proof = {
    kind: 'coin-overspent',
    coinPub: encodeBase32(coin.coinPub),
    ...(payment && { requested: payment.amount }),
  } as const;
  if (!body.has('history')) return proof;
  const place = `${body.place}.history`;
  const history = explainCoin(place, body.objects('history'), coin.value, scopeOf(coin, coin.denominationHash, scope));
  const { units } = history.residual;
  if (payment ? units >= payment.amount.units : units > 0n) throw contradiction(body, 'enough is left of the coin');
  return { ...proof, history };
};

export const coinOfOtherDenomination: Verify = (body, scope, request) => {
  const { coin } = namedCoin(body, request);
  const earlier = body.read('h_denom_pub', hash);
  if (equalBytes(earlier, coin.denominationHash)) throw contradiction(body, 'it is the same denomination');
  const entries = body.has('history') ? entriesOf(body, coin, earlier, scope) : [];
  const isShown = entries.some(bindsDenomination) || isSignedBefore(body, coin, earlier, scope);
  if (!isShown) throw contradiction(body, 'nothing in it shows the other denomination');
  const denominationHash = encodeBase32(earlier);
  return { kind: 'coin-of-other-denomination', coinPub: encodeBase32(coin.coinPub), denominationHash };
};

export const coinOfOtherAge: Verify = (body, scope, request) => {
  const { coin } = namedCoin(body, request);
  requireDenomination(body, coin.denominationHash);
  const expected = body.json.expected_age_commitment_hash === null ? undefined : body.read(EXPECTED, bytes(32));
  const ours = ageCommitmentHash(scope.checker.taler, coin);
  if (isSame(expected, ours)) throw contradiction(body, 'it is the same age commitment');
  const entries = entriesOf(body, coin, coin.denominationHash, scope);
  const named = expected && encodeBase32(expected);
  const shown = entries.flatMap((entry) => (entry.type === 'PURSE-DEPOSIT' ? [entry.ageCommitmentHash] : []));
  if (shown.some((age) => age !== named)) throw contradiction(body, 'its history shows a different age commitment');
  const restricted = named === undefined ? {} : { ageCommitmentHash: named };
  const isShown = shown.length > 0;
  return { kind: 'coin-of-other-age', coinPub: encodeBase32(coin.coinPub), ...restricted, isShown };
};

const EXPECTED = 'expected_age_commitment_hash';

export const purseOfOtherTerms: Verify = (body, scope, request) => {
  const { pursePub, contract, mergePub } = purseOf(body, request);
  const terms = {
    purseExpiration: body.read('purse_expiration', timestamp),
    purseAmount: body.read('amount', amountIn(scope.currency)),
    hContractTerms: body.read('h_contract_terms', hash),
    mergePub: body.read('merge_pub', publicKey),
    minAge: body.read('min_age', u32),
  };
  const earlier = message('PurseCreate', terms);
  requireSignature(body, { member: 'purse_sig', signed: earlier, pub: pursePub }, scope);
  const { expiration, amount, hash: hContractTerms, minAge } = contract;
  const asked = { purseExpiration: expiration, purseAmount: amount, hContractTerms, minAge };
  const ours = message('PurseCreate', { ...asked, mergePub: mergePub ?? terms.mergePub });
  if (equalBytes(earlier, ours)) throw contradiction(body, 'these are the same terms');
  const { purseAmount, purseExpiration } = terms;
  return { kind: 'purse-of-other-terms', amount: purseAmount, expiration: purseExpiration, minAge: terms.minAge };
};

export const otherPayment: Verify = (body, scope, request) => {
  const { pursePub } = purseOf(body, request);
  const { coin, payment } = namedCoin(body, request);
  const amount = body.read('amount', amountIn(scope.currency));
  const { taler } = scope.checker;
  const ours = {
    coinAmount: payment?.amount ?? amount,
    hDenomPub: coin.denominationHash,
    hAgeCommitment: ageCommitmentHash(taler, coin),
    pursePub,
    hExchangeBaseUrl: taler.hash.text(scope.baseUrl),
  };
  const earlier = message('PurseDeposit', {
    ...ours,
    coinAmount: amount,
    hDenomPub: body.optional('h_denom_pub', hash) ?? coin.denominationHash,
    hAgeCommitment: body.has('h_denom_pub') ? body.optional('h_age_restrictions', bytes(32)) : ours.hAgeCommitment,
    hExchangeBaseUrl: taler.hash.text(body.optional('partner_url', text) ?? scope.baseUrl),
  });
  requireSignature(body, { member: 'coin_sig', signed: earlier, pub: coin.coinPub }, scope);
  if (payment && equalBytes(earlier, message('PurseDeposit', ours)))
    throw contradiction(body, 'it is the same payment');
  return { kind: 'other-payment', coinPub: encodeBase32(coin.coinPub), amount };
};

export const otherContract: Verify = (body, scope, request) => {
  const { pursePub } = purseOf(body, request);
  const hEcontract = body.read('h_econtract', hash);
  const contractPub = body.read('contract_pub', publicKey);
  const signed = message('PurseContract', { hEcontract, contractPub });
  requireSignature(body, { member: 'econtract_sig', signed, pub: pursePub }, scope);
  return {
    kind: 'other-contract',
    econtractHash: encodeBase32(hEcontract),
    contractPub: encodeBase32(contractPub),
  };
};

export const mergedElsewhere: Verify = (body, scope, request) => {
  const { pursePub, mergePub } = purseOf(body, request);
  if (!mergePub) throw new RangeError('a conflict of merges is verified under the merge key');
  const reservePub = body.read('reserve_pub', publicKey);
  const at = body.read('merge_timestamp', timestamp);
  const baseUrl = body.optional('partner_url', text) ?? scope.baseUrl;
  const account = readingAt(`${body.place}.partner_url`, () => reservePayto(baseUrl, reservePub));
  const hPayto = scope.checker.taler.hash.normalizedPayto(account);
  const signed = message('PurseMerge', { mergeTimestamp: at, pursePub, hPayto });
  requireSignature(body, { member: 'merge_sig', signed, pub: mergePub }, scope);
  return { kind: 'merged-elsewhere', reservePub: encodeBase32(reservePub), at };
};

/** The exchange may refuse only for a coin that the request named. */
function namedCoin(body: ReplyObject, { payments = [], recouped = [] }: RefusedRequest) {
  const coinPub = body.read('coin_pub', publicKey);
  const payment: Payment | undefined = payments.find(({ coin }) => equalBytes(coin.coinPub, coinPub));
  const coin = payment?.coin ?? recouped.find((each) => equalBytes(each.coinPub, coinPub));
  if (!coin) throw contradiction(body, 'it names a coin that was not in the request');
  return { coin, payment };
}

function purseOf(body: ReplyObject, { purse }: RefusedRequest): AskedPurse {
  if (!purse) throw contradiction(body, 'it speaks of a purse, and none was in the request');
  return purse;
}

const scopeOf = ({ coinPub }: Coin, denominationHash: Uint8Array, scope: ProofScope): CoinScope => ({
  ...scope,
  coinPub,
  denominationHash,
});

const entriesOf = (body: ReplyObject, coin: Coin, denominationHash: Uint8Array, scope: ProofScope) =>
  readCoinEntries(body.objects('history'), scopeOf(coin, denominationHash, scope)).map(({ entry }) => entry);

/** Entries under which the coin signed which denomination it is of. */
const bindsDenomination = ({ type }: CoinHistoryEntry): boolean =>
  ['PURSE-DEPOSIT', 'DEPOSIT', 'MELT', 'RECOUP', 'RECOUP-REFRESH'].includes(type);

/** Whether the earlier denomination's signature over the coin is there, under our age commitment or under none. */
function isSignedBefore(body: ReplyObject, coin: Coin, earlier: Uint8Array, { checker }: ProofScope): boolean {
  if (!body.has('prev_denom_pub') || !body.has('prev_denom_sig')) return false;
  const { taler } = checker;
  const read = <Value>(name: string, parse: () => Value) => readingAt(`${body.place}.${name}`, parse);
  const key = read('prev_denom_pub', () => taler.denomination(parseDenominationPub(body.json.prev_denom_pub)));
  const signed = read('prev_denom_sig', () => parseDenominationSignature(body.json.prev_denom_sig));
  if (!equalBytes(key.hash, earlier)) return false;
  const ages = [ageCommitmentHash(taler, coin), undefined];
  const holds = ages.some((age) => key.verify(taler.hash.coinPub(coin.coinPub, age), signed));
  if (holds) checker.counted();
  return holds;
}

function requireSignature(
  body: ReplyObject,
  { member, signed, pub }: { readonly member: string; readonly signed: Uint8Array; readonly pub: Uint8Array },
  { checker }: ProofScope,
): void {
  checker.require(`${body.place}.${member}`, { message: signed, signature: body.read(member, signature), pub });
}

const isSame = (a: Uint8Array | undefined, b: Uint8Array | undefined): boolean =>
  a === undefined || b === undefined ? a === b : equalBytes(a, b);

function contradiction(body: ReplyObject, problem: string): ExchangeMisbehaved {
  return new ExchangeMisbehaved('contradiction', body.place, problem);
}
