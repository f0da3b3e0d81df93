/** Carries out a case of the vectors with the cryptography and the deciders that the exchange is made of. */
import { type Blinding, parseDenominationPub, parseDenominationSignature, type Taler } from '@florin/crypto';
import {
  type Coin,
  type CoinEvent,
  type CoinPub,
  coin as coinDecider,
  type DenominationHash,
  type DisclosedCoin,
  decideRecoup,
  type EnvelopeHash,
  type FirstSight,
  isEarlierRecoup,
  type KeyBook,
  type KeysEvent,
  keyBook,
  type PursePub,
  type RecoupClaim,
  type Reserve,
  type ReserveEvent,
  type ReservePub,
  recoupableDenomination,
  reserve as reserveDecider,
} from '@florin/domain';
import { decodeBase32, encodeBase32, formatAmount, message, parseAmount } from '@florin/encoding';
import type { Case, Recoup, Spending } from './cases.js';
import { CURRENCY, type Json, type Material } from './material.js';

// biome-ignore lint/suspicious/noExplicitAny: members of requests and vectors, of any form
type Any = any;

/** As a step of a case says it. */
export type Answer = Pick<Recoup, 'status' | 'code' | 'recouped'>;

const CODES: Readonly<Record<string, readonly [status: number, code: number]>> = {
  DENOMINATION_UNKNOWN: [404, 1005],
  DENOMINATION_EXPIRED: [410, 1009],
  DENOMINATION_NOT_YET_VALID: [410, 1008],
  DENOMINATION_NOT_REVOKED: [410, 1555],
  WITHDRAWAL_UNKNOWN: [404, 1161],
  ENVELOPE_UNKNOWN: [404, 1551],
  COIN_DENOMINATION_CONFLICT: [409, 1003],
  COIN_AGE_CONFLICT: [409, 1015],
  COIN_VALUE_INSUFFICIENT: [409, 1012],
};
const COINS_MAX = 256;
const DELAYS = { closingDelayS: 28 * 86_400, legalDelayS: 7 * 365 * 86_400 };
const NEEDED = ['coin_pub', 'coin_blinding_key_secret', 'denom_pub_sig', 'denom_pub_h', 'coin_sig'];

const units = (text: string): bigint => parseAmount(text, CURRENCY).units;
const bytes = (text: string): Uint8Array => decodeBase32(text);
const refused = (status: number, code: number): Answer => ({ status, code });
const refusal = (code: string): Answer => refused(...(CODES[code] as readonly [number, number]));

/** An exchange in memory that had the withdrawals of the vectors. */
export class Checker {
  readonly #reserves = new Map<string, Reserve>();
  readonly #coins = new Map<string, Coin>();
  readonly #book: KeyBook;

  constructor(
    private readonly crypto: Taler,
    private readonly material: Material,
    { revoked, now }: Case,
  ) {
    this.#book = bookOf(material, revoked);
    for (const { reserve_pub, coins, commitment } of Object.values(material.withdrawals)) {
      const withdrawn = coins.map((name) => material.coins[name] as Any);
      const state = withdrawalEvents(withdrawn, commitment, now).reduce(
        reserveDecider.evolve,
        reserveDecider.initial(),
      );
      this.#reserves.set(reserve_pub, state);
    }
  }

  /** A coin pays into a purse, or gets back what it paid. */
  spend({ step, coin: coinPub, purse, amount }: Spending, at: number): void {
    const { known } = this.#coin(coinPub);
    const found = Object.values(this.material.coins).find(({ coin_pub }) => coin_pub === coinPub) as Any;
    const paid = { pursePub: purse as PursePub, amount: units(amount), at };
    const firstSight = known ? {} : { firstSight: this.#sightOf(found.disclosed) };
    const event =
      step === 'refund'
        ? { type: 'CoinRefundedFromPurse', ...paid }
        : {
            type: 'CoinSpentIntoPurse',
            ...firstSight,
            ...paid,
            depositFee: 0n,
            coinSignature: '',
            exchangeBaseUrl: '',
          };
    this.#coins.set(coinPub, coinDecider.evolve(this.#coin(coinPub), { ...event, keysRevision: 1 } as CoinEvent));
  }

  /** Checks in the order that docs/recoup-withdraw.md gives. */
  recoup({ reserve_pub, coin_data }: Any, now: number): Answer {
    for (const entry of coin_data) if (!isWellFormed(entry)) return refused(400, 22);
    const disclosed = coin_data.filter(({ type }: Any) => type === 'recoup_coin_details');
    const coinPubs = new Set(disclosed.map(({ coin_pub }: Any) => coin_pub));
    if (disclosed.length === 0 || coin_data.length > COINS_MAX || coinPubs.size < disclosed.length) {
      return refused(400, 26);
    }
    const reserve = this.#reserves.get(reserve_pub) ?? reserveDecider.initial();
    const coinOf = (coinPub: CoinPub): Coin => this.#coin(coinPub);
    const reservePub = reserve_pub as ReservePub;
    const claims = coin_data.map((entry: Any) => entry.coin_ev ?? this.#claimOf(entry));
    if (isEarlierRecoup(reserve, coinOf, { reservePub, entries: claims })) return { status: 200, recouped: {} };

    const entries: (EnvelopeHash | DisclosedCoin)[] = [];
    for (const entry of coin_data) {
      const verified = entry.coin_ev ?? this.#verified(entry, now);
      if (verified.status) return verified;
      entries.push(verified);
    }
    const envelopes = entries.map((entry) => (typeof entry === 'string' ? entry : entry.envelopeHash));
    if (new Set(envelopes).size < envelopes.length) return refused(400, 26);
    const decision = decideRecoup(reserve, coinOf, { reservePub, entries, now, keysRevision: 1, ...DELAYS });
    if (decision.kind === 'refuse') return refusal(decision.refusal.code);
    if (decision.kind === 'repeat') return { status: 200, recouped: {} };
    const { coins, reserve: event } = decision.value;
    for (const { coinPub, event } of coins) this.#coins.set(coinPub, coinDecider.evolve(coinOf(coinPub), event));
    this.#reserves.set(reserve_pub, reserveDecider.evolve(reserve, event));
    const given = coins.map(({ coinPub, event }) => [
      coinPub,
      formatAmount({ currency: CURRENCY, units: event.amount }),
    ]);
    return { status: 200, recouped: Object.fromEntries(given) };
  }

  /** What the reserve has beyond what it had after its withdrawal, in units. */
  gained(reservePub: string): bigint {
    return this.#reserves.get(reservePub)?.balance ?? 0n;
  }

  #coin(coinPub: string): Coin {
    return this.#coins.get(coinPub) ?? coinDecider.initial();
  }

  #sightOf(entry: Any): FirstSight {
    const { value } = this.#book.denominations.get(entry.denom_pub_h) ?? { value: 0n };
    const { denominationHash, denominationSignature, ageCommitmentHash } = this.#claimOf(entry);
    return { denominationHash, denominationSignature, value, ...(ageCommitmentHash && { ageCommitmentHash }) };
  }

  #claimOf(entry: Any): RecoupClaim {
    const { rsa_signature, cs_signature_r: r, cs_signature_s: s } = entry.denom_pub_sig;
    const { cs_session_nonce: nonce, cs_r_pubs: points } = entry;
    return {
      coinPub: entry.coin_pub,
      blindingSecret: entry.coin_blinding_key_secret,
      denominationHash: entry.denom_pub_h,
      denominationSignature: rsa_signature ? { cipher: 'RSA', signature: rsa_signature } : { cipher: 'CS', r, s },
      coinSignature: entry.coin_sig,
      ...(entry.age_commitment_h && { ageCommitmentHash: entry.age_commitment_h }),
      ...(nonce && { session: { nonce, rPub0: points?.r_pub_0, rPub1: points?.r_pub_1 } }),
    } as RecoupClaim;
  }

  /** Checks of one coin, in their order, and its envelope rebuilt. */
  #verified(entry: Any, now: number): DisclosedCoin | Answer {
    const found = recoupableDenomination(this.#book, entry.denom_pub_h as DenominationHash, now);
    if (found.kind === 'refuse') return refusal(found.refusal.code);
    const { denom_pub, cs_private } = Object.values(this.material.denominations).find(
      ({ h_denom_pub }) => h_denom_pub === entry.denom_pub_h,
    ) as Any;
    const { cs, denomination, eddsa, hash } = this.crypto;
    const key = denomination(parseDenominationPub(denom_pub));
    const signature = parseDenominationSignature(entry.denom_pub_sig);
    if (signature.cipher !== key.pub.cipher) return refused(400, 1017);
    const { cs_session_nonce: nonce, cs_r_pubs: points } = entry;
    if ((nonce !== undefined) !== (key.pub.cipher === 'CS') || (points !== undefined) !== (nonce !== undefined)) {
      return refused(400, 26);
    }
    const session = nonce && { nonce: bytes(nonce), ...cs.deriveR(bytes(cs_private), bytes(nonce), 'withdraw') };
    const isOwn = (name: 'r_pub_0' | 'r_pub_1', point: Uint8Array): boolean => points[name] === encodeBase32(point);
    if (session && !(isOwn('r_pub_0', session.rPub0) && isOwn('r_pub_1', session.rPub1))) return refused(400, 26);
    const age = entry.age_commitment_h && bytes(entry.age_commitment_h);
    const coinPubHash = hash.coinPub(bytes(entry.coin_pub), age);
    if (!key.verify(coinPubHash, signature)) return refused(403, 1006);
    const blindingSecret = bytes(entry.coin_blinding_key_secret);
    const signed = message('RecoupRequest', { hDenomPub: bytes(entry.denom_pub_h), coinBlind: blindingSecret });
    if (!eddsa.verify(signed, bytes(entry.coin_sig), bytes(entry.coin_pub))) return refused(403, 1550);
    const blinding: Blinding = { coinPubHash, blindingSecret, ...(session && { session }) };
    const envelopeHash = encodeBase32(key.envelopeHash(key.blind(blinding))) as EnvelopeHash;
    return { ...this.#claimOf(entry), ...this.#sightOf(entry), envelopeHash } as DisclosedCoin;
  }
}

function isWellFormed(entry: Any): boolean {
  if (entry.type === 'non_recouped_coin') return typeof entry.coin_ev === 'string';
  return entry.type === 'recoup_coin_details' && NEEDED.every((member) => entry[member] !== undefined);
}

/** Only what recoups look at; every member is there, for the deciders assert what they fold. */
function bookOf({ denominations }: Material, revoked: readonly string[]): KeyBook {
  const book = keyBook.initial();
  for (const [name, json] of Object.entries(denominations) as [string, Any][]) {
    const stamps = {
      start: json.stamp_start.t_s,
      expireWithdraw: json.stamp_expire_withdraw.t_s,
      expireDeposit: json.stamp_expire_deposit.t_s,
    };
    const denominationHash = json.h_denom_pub as DenominationHash;
    const offered = { type: 'DenominationOffered', denominationHash, value: units(json.value), ...stamps, at: 0 };
    keyBook.evolve(book, offered as unknown as KeysEvent);
    const taken = { type: 'DenominationRevoked', denominationHash, masterSignature: '', at: 0 };
    if (revoked.includes(name)) keyBook.evolve(book, taken as unknown as KeysEvent);
  }
  return book;
}

/** A reserve that was funded with just what its coins cost. */
function withdrawalEvents(coins: readonly Any[], commitment: string, at: number): ReserveEvent[] {
  const cost = units(`${CURRENCY}:1`) * BigInt(coins.length);
  const stamps = { at, expiresAt: at + DELAYS.closingDelayS, collectableAt: at + DELAYS.legalDelayS };
  const entries: Json[] = coins.map(({ coin_ev, disclosed }) => ({
    denominationHash: disclosed.denom_pub_h,
    envelopeHash: coin_ev,
    value: cost / BigInt(coins.length),
    fee: 0n,
    blindSignature: { cipher: 'RSA', signature: '' },
    reserveSignature: '',
  }));
  return [
    { type: 'ReserveFunded', amount: cost, ...stamps },
    { type: 'CoinsWithdrawn', coins: entries, cost, commitment, keysRevision: 1, ...stamps },
  ] as unknown as ReserveEvent[];
}
