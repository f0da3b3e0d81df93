/** Coins in a wallet, and purses paid with them: requests signed as wallets sign them, answers judged by the oracle. */
import { randomBytes } from 'node:crypto';
import {
  type AgeCommitment,
  type Blinding,
  type CsSession,
  encodeDenominationSignature,
  parseBlindSignature,
} from '@florin/crypto';
import { decodeBase32, encodeBase32, message, reservePayto, timestampJson } from '@florin/encoding';
import { expect } from 'vitest';
import type { RunningExchange } from '../../support/exchange.js';
import { expectCoins, newSession, type Planchet, planchetOf, type Reserve, withdraw } from './coins.js';
import { expectOk, type Json, type Reply, send } from './http.js';
import { CURRENCY, now, type Offer, type Offers, units } from './offers.js';
import { isSigned, type Key, newKey, oracle, wallet } from './oracle.js';
import { formatUnits, fundedReserve } from './reserves.js';

/** What every denomination of the development configuration charges for a deposit. */
export const DEPOSIT_FEE = units('0.01');
/** Until a purse expires that a test waits for: time for a few requests before that, on a busy machine too. */
export const SOON_S = 15;

export interface Coin {
  readonly key: Key;
  readonly offer: Offer;
  readonly blinding: Blinding;
  readonly envelopeHash: string;
  readonly reserve: Reserve;
  readonly signature: Json;
  readonly age: AgeCommitment | undefined;
}

interface Fresh extends Planchet {
  readonly key: Key;
  readonly age: AgeCommitment | undefined;
}

/** Of what a coin is made; at random where it is not said. */
interface Making {
  readonly years?: number;
  /** Of the coin's key: two coins of one seed cannot both be spent. */
  readonly seed?: Uint8Array;
}

function freshCoin(offer: Offer, { years = 40, seed = randomBytes(32) }: Making, session?: CsSession): Fresh {
  const key = newKey(seed);
  const age = offer.ageMask === 0 ? undefined : wallet.age.commit(offer.ageMask, years, randomBytes(64));
  const hash = age && wallet.age.commitmentHash(age.publicKeys);
  const coinPubHash = wallet.hash.coinPub(decodeBase32(key.pub, 32), hash);
  const blinding = { coinPubHash, blindingSecret: randomBytes(32), ...(session && { session }) };
  return { ...planchetOf(offer, blinding, offer.denomination.blind(blinding)), key, age };
}

/** Coins of these denominations, withdrawn in one batch from a new reserve that they empty to 0. */
export async function coinsOf(
  exchange: RunningExchange,
  offers: readonly Offer[],
  making: Making = {},
): Promise<Coin[]> {
  const { baseUrl } = exchange;
  const fresh: Fresh[] = [];
  for (const offer of offers) {
    const session = offer.cipher === 'CS' ? await newSession(baseUrl, offer) : undefined;
    fresh.push(freshCoin(offer, making, session));
  }
  const cost = offers.reduce((sum, { value, fee }) => sum + value + fee, 0n);
  const reserve = await fundedReserve(exchange, formatUnits(cost).slice(CURRENCY.length + 1));
  const signatures = expectCoins(await withdraw(baseUrl, reserve, fresh), fresh);
  return fresh.map((planchet, place) => {
    const { key, offer, blinding, envelopeHash, age } = planchet;
    const signature = offer.denomination.unblind(blinding, parseBlindSignature(signatures[place]?.ev_sig));
    return {
      key,
      offer,
      blinding,
      envelopeHash,
      age,
      reserve,
      signature: encodeDenominationSignature(signature) as Json,
    };
  });
}

export const newCoins = (exchange: RunningExchange, offers: Offers, ...values: string[]): Promise<Coin[]> =>
  coinsOf(
    exchange,
    values.map((value) => offers.of(value)),
  );

export interface PurseKeys {
  readonly purse: Key;
  readonly merge: Key;
}
export const newPurse = (): PurseKeys => ({ purse: newKey(), merge: newKey() });

/** One entry of `deposits`. @param amount units, with the fee; the coin's value if not given */
export function depositItem(
  baseUrl: string,
  { purse }: PurseKeys,
  coin: Coin,
  { amount = coin.offer.value, minAge = 0 } = {},
) {
  const hash = coin.age && wallet.age.commitmentHash(coin.age.publicKeys);
  const attestation = coin.age && minAge > 0 ? wallet.age.attest(coin.age, minAge) : undefined;
  const signed = message('PurseDeposit', {
    coinAmount: { currency: CURRENCY, units: amount },
    hDenomPub: decodeBase32(coin.offer.hash, 64),
    hAgeCommitment: hash,
    pursePub: decodeBase32(purse.pub, 32),
    hExchangeBaseUrl: oracle.hash.text(baseUrl),
  });
  return {
    amount: formatUnits(amount),
    denom_pub_hash: coin.offer.hash,
    ub_sig: coin.signature,
    coin_pub: coin.key.pub,
    coin_sig: coin.key.sign(signed),
    ...(coin.age && { age_commitment: coin.age.publicKeys.map(encodeBase32) }),
    ...(attestation && { attest: encodeBase32(attestation) }),
  };
}

export interface Terms {
  /** Units. */
  readonly target: bigint;
  /** Seconds. */
  readonly expiration: number;
  readonly minAge: number;
  readonly contractHash: Uint8Array;
}

export const termsOf = (target: string, more: Partial<Terms> = {}): Terms => ({
  target: units(target),
  expiration: now() + 3600,
  minAge: 0,
  contractHash: randomBytes(64),
  ...more,
});

export function createBody(keys: PurseKeys, terms: Terms, deposits: readonly Json[], contract?: Json) {
  const signed = message('PurseCreate', {
    purseExpiration: terms.expiration,
    purseAmount: { currency: CURRENCY, units: terms.target },
    hContractTerms: terms.contractHash,
    mergePub: decodeBase32(keys.merge.pub, 32),
    minAge: terms.minAge,
  });
  return {
    amount: formatUnits(terms.target),
    min_age: terms.minAge,
    merge_pub: keys.merge.pub,
    purse_sig: keys.purse.sign(signed),
    h_contract_terms: encodeBase32(terms.contractHash),
    deposits,
    purse_expiration: timestampJson(terms.expiration),
    ...(contract && { econtract: contract }),
  };
}

/** Some encrypted contract, signed by the purse. */
export function contractOf(
  { purse }: PurseKeys,
  econtract: Uint8Array = randomBytes(100),
  contractPub = randomBytes(32),
) {
  const signed = message('PurseContract', { hEcontract: oracle.hash.sha512(econtract), contractPub });
  return {
    econtract: encodeBase32(econtract),
    econtract_sig: purse.sign(signed),
    contract_pub: encodeBase32(contractPub),
  };
}

export const postPurse = (baseUrl: string, { purse }: PurseKeys, operation: string, json: unknown): Promise<Reply> =>
  send(`${baseUrl}purses/${purse.pub}/${operation}`, { json });

/** Makes a purse of coins that pay all they have. */
export function create(baseUrl: string, keys: PurseKeys, terms: Terms, coins: readonly Coin[]): Promise<Reply> {
  const deposits = coins.map((coin) => depositItem(baseUrl, keys, coin, { minAge: terms.minAge }));
  return postPurse(baseUrl, keys, 'create', createBody(keys, terms, deposits));
}

export function mergeBody(baseUrl: string, keys: PurseKeys, terms: Terms, reserve: Key, mergeTimestamp = now()) {
  const payto_uri = reservePayto(baseUrl, decodeBase32(reserve.pub, 32));
  const pursePub = decodeBase32(keys.purse.pub, 32);
  const agreed = message('AccountMerge', {
    purseExpiration: terms.expiration,
    purseAmount: { currency: CURRENCY, units: terms.target },
    purseFee: { currency: CURRENCY, units: 0n },
    hContractTerms: terms.contractHash,
    pursePub,
    mergeTimestamp,
    minAge: terms.minAge,
    flags: 1,
  });
  const merged = message('PurseMerge', { mergeTimestamp, pursePub, hPayto: oracle.hash.normalizedPayto(payto_uri) });
  return {
    payto_uri,
    reserve_sig: reserve.sign(agreed),
    merge_sig: keys.merge.sign(merged),
    merge_timestamp: timestampJson(mergeTimestamp),
  };
}

export const deletePurse = (baseUrl: string, { purse }: PurseKeys, key: Key = purse): Promise<Reply> =>
  send(`${baseUrl}purses/${purse.pub}`, {
    method: 'DELETE',
    headers: { 'Taler-Purse-Signature': key.sign(message('PurseDelete', {})) },
  });

const seconds = (json: unknown): number => (json as { t_s: number }).t_s;
const money = (text: unknown) => ({ currency: CURRENCY, units: units(String(text)) });

/** 200 with a confirmation by a key of `/keys` over what the purse holds. */
export function expectConfirmed(reply: Reply, keys: PurseKeys, terms: Terms, offers: Offers, total: bigint): void {
  const body = expectOk(reply);
  const signed = message('PurseCreateDepositConfirmation', {
    exchangeTime: seconds(body.exchange_timestamp),
    purseExpiration: terms.expiration,
    amountWithoutFee: { currency: CURRENCY, units: terms.target },
    totalDeposited: money(body.total_deposited),
    pursePub: decodeBase32(keys.purse.pub, 32),
    hContractTerms: terms.contractHash,
  });
  expect(units(String(body.total_deposited))).toBe(total);
  expect([...offers.signingKeys]).toContain(body.exchange_pub);
  expect(isSigned(signed, body.exchange_sig, body.exchange_pub)).toBe(true);
}

export function expectMerged(reply: Reply, baseUrl: string, keys: PurseKeys, terms: Terms, reserve: Key): void {
  const body = expectOk(reply);
  expect(Object.keys(body).sort()).toEqual(['exchange_pub', 'exchange_sig', 'exchange_timestamp', 'merge_amount']);
  expect(units(String(body.merge_amount))).toBe(terms.target);
  const signed = message('PurseMergedConfirmation', {
    exchangeTime: seconds(body.exchange_timestamp),
    purseExpiration: terms.expiration,
    amountWithoutFee: { currency: CURRENCY, units: terms.target },
    pursePub: decodeBase32(keys.purse.pub, 32),
    reservePub: decodeBase32(reserve.pub, 32),
    hContractTerms: terms.contractHash,
    hProviderUrl: oracle.hash.text(baseUrl),
  });
  expect(isSigned(signed, body.exchange_sig, body.exchange_pub)).toBe(true);
}

/** The coin's history as its owner gets it. */
export const coinHistory = (baseUrl: string, { key }: Coin, start = 0, headers = {}): Promise<Reply> =>
  send(`${baseUrl}coins/${key.pub}/history${start === 0 ? '' : `?start=${start}`}`, {
    headers: {
      'Taler-Coin-History-Signature': key.sign(message('CoinHistoryRequest', { startOff: BigInt(start) })),
      ...headers,
    },
  });

export const reserveHistory = (baseUrl: string, reserve: Key, start = 0, headers = {}): Promise<Reply> => {
  const signature = reserve.sign(message('ReserveHistoryRequest', { startOff: BigInt(start) }));
  return send(`${baseUrl}reserves/${reserve.pub}/history${start === 0 ? '' : `?start=${start}`}`, {
    headers: { 'Taler-Reserve-History-Signature': signature, ...headers },
  });
};

/**
 * Checks every entry of a coin's history by the signature under it.
 * @returns units that the coin has left, by its entries
 */
export function leftByHistory(coin: Coin, history: unknown, offers: Offers): bigint {
  let left = coin.offer.value;
  for (const entry of history as Json[]) {
    const { units: amount } = money(entry.amount);
    switch (entry.type) {
      case 'PURSE-DEPOSIT': {
        const signed = message('PurseDeposit', {
          coinAmount: money(entry.amount),
          hDenomPub: decodeBase32(coin.offer.hash, 64),
          hAgeCommitment:
            entry.h_age_commitment === undefined ? undefined : decodeBase32(String(entry.h_age_commitment), 32),
          pursePub: decodeBase32(String(entry.purse_pub), 32),
          hExchangeBaseUrl: oracle.hash.text(String(entry.exchange_base_url)),
        });
        expect(isSigned(signed, entry.coin_sig, coin.key.pub)).toBe(true);
        left -= amount;
        break;
      }
      case 'PURSE-REFUND': {
        const signed = message('CoinPurseRefundConfirmation', {
          pursePub: decodeBase32(String(entry.purse_pub), 32),
          coinPub: decodeBase32(coin.key.pub, 32),
          refundedAmount: money(entry.amount),
          refundFee: money(entry.refund_fee),
        });
        expect([...offers.signingKeys]).toContain(entry.exchange_pub);
        expect(isSigned(signed, entry.exchange_sig, entry.exchange_pub)).toBe(true);
        left += amount;
        break;
      }
      case 'RECOUP': {
        const recouped = message('RecoupRequest', {
          hDenomPub: decodeBase32(coin.offer.hash, 64),
          coinBlind: decodeBase32(String(entry.coin_blind), 32),
        });
        expect(isSigned(recouped, entry.coin_sig, coin.key.pub)).toBe(true);
        const signed = message('RecoupConfirmation', {
          timestamp: seconds(entry.timestamp),
          recoupAmount: money(entry.amount),
          coinPub: decodeBase32(coin.key.pub, 32),
          reservePub: decodeBase32(String(entry.reserve_pub), 32),
        });
        expect(isSigned(signed, entry.exchange_sig, entry.exchange_pub)).toBe(true);
        left -= amount;
        break;
      }
      default:
        throw new Error(`an entry of type ${String(entry.type)}`);
    }
  }
  return left;
}
