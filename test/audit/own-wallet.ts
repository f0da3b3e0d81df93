/** An insider's own wallet: coins minted with the denomination's private key, and purses and reserves of his own. */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { importRsaPrivateKey, rsaSigner } from '@florin/crypto/server';
import { decodeBase32, encodeBase32, message, reservePayto } from '@florin/encoding';
import { type Key, newKey, oracle, wallet } from '../e2e/support/oracle.js';
import { CURRENCY, type Data, type Insider, textOf, unitsOf } from './insider.js';

export interface MintedCoin {
  readonly key: Key;
  readonly offer: Data;
  /** Of the first sight. */
  readonly signature: Data;
}

const money = (text: string) => ({ currency: CURRENCY, units: unitsOf(text) });
const bytes = (text: string, size: number) => decodeBase32(text, size);

/** A coin that nobody withdrew: well signed, for the insider has the key. */
export function mint(insider: Insider, offer: Data, key: Key = newKey()): MintedCoin {
  const path = join(insider.keysFolder, 'denominations', `${offer.denominationHash}.json`);
  const signer = rsaSigner(importRsaPrivateKey((JSON.parse(readFileSync(path, 'utf8')) as { priv: string }).priv));
  const denomination = wallet.denomination({ cipher: 'RSA', ageMask: 0, rsaPub: decodeBase32(offer.key.rsaPub) });
  const blinding = { coinPubHash: wallet.hash.coinPub(bytes(key.pub, 32)), blindingSecret: randomBytes(32) };
  const blinded = denomination.blind(blinding);
  if (blinded.cipher !== 'RSA') throw new Error('coins are minted with RSA');
  const blindSignature = signer.sign(blinded.blindedPlanchet);
  const signature = denomination.unblind(blinding, { cipher: 'RSA', blindSignature });
  if (signature.cipher !== 'RSA') throw new Error('coins are minted with RSA');
  return { key, offer, signature: { cipher: 'RSA', signature: encodeBase32(signature.signature) } };
}

export interface Payment {
  readonly coin: MintedCoin;
  readonly amount: string;
  /** False for a coin that was seen before. */
  readonly first?: boolean;
  /** The denomination's by default. */
  readonly depositFee?: string;
}

export interface OwnPurse {
  readonly keys: { readonly purse: Key; readonly merge: Key };
  readonly terms: { target: string; minAge: number; expiresAt: number; contractTermsHash: string; mergePub: string };
  /** Units, without fees. */
  readonly balance: bigint;
  readonly fees: bigint;
  /** The events, to be inserted as one unit. */
  readonly unit: { stream: string; type: string; data: Data }[];
}

interface PurseOptions {
  readonly target?: string;
  readonly expiresAt?: number;
}

/** Pays into a purse of the insider's own, all signed as it should be. */
export function ownPurse(insider: Insider, payments: readonly Payment[], options: PurseOptions = {}): OwnPurse {
  const at = Math.floor((insider.events.at(-1)?.writtenAtUs ?? 0) / 1e6);
  const keys = { purse: newKey(), merge: newKey() };
  const terms = {
    target: options.target ?? `${CURRENCY}:1`,
    minAge: 0,
    expiresAt: options.expiresAt ?? at + 3600,
    contractTermsHash: encodeBase32(randomBytes(64)),
    mergePub: keys.merge.pub,
  };
  const { baseUrl: exchangeBaseUrl } = insider.the('ExchangeConfigured').data;
  const when = { exchangeBaseUrl, at, keysRevision: insider.all('DenominationRevoked').length + offered(insider) };
  const deposits = payments.map(({ coin, amount, depositFee = coin.offer.feeDeposit }) => {
    const { denominationHash } = coin.offer;
    const signed = message('PurseDeposit', {
      coinAmount: money(amount),
      hDenomPub: bytes(denominationHash, 64),
      hAgeCommitment: undefined,
      pursePub: bytes(keys.purse.pub, 32),
      hExchangeBaseUrl: oracle.hash.text(exchangeBaseUrl),
    });
    return { coinPub: coin.key.pub, denominationHash, amount, depositFee, coinSignature: coin.key.sign(signed) };
  });
  const sum = (of: (deposit: (typeof deposits)[number]) => string): bigint =>
    deposits.reduce((total, deposit) => total + unitsOf(of(deposit)), 0n);
  const fees = sum(({ depositFee }) => depositFee);
  const balance = sum(({ amount }) => amount) - fees;
  const coins = payments.map(({ coin, first = true }, place) => {
    const { coinPub, denominationHash, amount, depositFee, coinSignature } = deposits[
      place
    ] as (typeof deposits)[number];
    const firstSight = { denominationHash, value: coin.offer.value, denominationSignature: coin.signature };
    const paid = { pursePub: keys.purse.pub, amount, depositFee, coinSignature };
    return {
      stream: `coin-${coinPub}`,
      type: 'CoinSpentIntoPurse',
      data: { ...(first && { firstSight }), ...paid, ...when },
    };
  });
  const created = {
    ...terms,
    purseSignature: keys.purse.sign(purseTerms(terms)),
    deposits,
    exchangeBaseUrl,
    confirmation: confirmation(insider, { pursePub: keys.purse.pub, ...terms }, balance, at),
    at,
    keysRevision: when.keysRevision,
  };
  const purse = { stream: `purse-${keys.purse.pub}`, type: 'PurseCreated', data: created };
  return { keys, terms, balance, fees, unit: [...coins, purse] };
}

/** Merges an own purse into an own reserve. @param changed what the events say otherwise */
export function ownMerge(
  insider: Insider,
  { keys, terms, balance, fees }: OwnPurse,
  changed: { purse?: Data; reserve?: Data; provider?: string } = {},
): { reserve: Key; unit: { stream: string; type: string; data: Data }[] } {
  const reserve = newKey();
  const { baseUrl: exchangeBaseUrl, legalDelayS } = insider.the('ExchangeConfigured').data;
  const at = Math.floor((insider.events.at(-1)?.writtenAtUs ?? 0) / 1e6);
  const paytoUri = reservePayto(changed.provider ?? exchangeBaseUrl, bytes(reserve.pub, 32));
  const pursePub = bytes(keys.purse.pub, 32);
  const merged = { mergeTimestamp: at, pursePub, hPayto: wallet.hash.normalizedPayto(paytoUri) };
  const mergeSignature = keys.merge.sign(message('PurseMerge', merged));
  const excess = balance - unitsOf(terms.target);
  const moved = { credited: terms.target, excess: textOf(excess > 0n ? excess : 0n), depositFees: textOf(fees) };
  const purse = { reservePub: reserve.pub, paytoUri, mergeTimestamp: at, mergeSignature, ...moved, at };
  const inReserve = {
    pursePub: keys.purse.pub,
    ...signedTerms(terms),
    mergeTimestamp: at,
    paidFrom: 'merge',
    purseFee: `${CURRENCY}:0`,
    exchangeBaseUrl,
    ...changed.reserve,
  };
  const agreed = accountMerge(inReserve, 1);
  const answered = message('PurseMergedConfirmation', {
    exchangeTime: at,
    purseExpiration: terms.expiresAt,
    amountWithoutFee: money(inReserve.target),
    pursePub,
    reservePub: bytes(reserve.pub, 32),
    hContractTerms: bytes(terms.contractTermsHash, 64),
    hProviderUrl: oracle.hash.text(inReserve.exchangeBaseUrl),
  });
  const data = {
    ...inReserve,
    reserveSignature: reserve.sign(agreed),
    confirmation: { exchangeTimestamp: at, ...insider.sign(answered) },
    at,
    keysRevision: insider.all('DenominationRevoked').length + offered(insider),
    expiresAt: at + legalDelayS,
    collectableAt: at + legalDelayS,
  };
  const unit = [
    { stream: `purse-${keys.purse.pub}`, type: 'PurseMerged', data: { ...purse, ...changed.purse } },
    { stream: `reserve-${reserve.pub}`, type: 'PurseMergedIntoReserve', data },
  ];
  return { reserve, unit };
}

/** Requests a purse out of the quota, for an own reserve. */
export function ownRequest(insider: Insider, reserve: Key): { stream: string; type: string; data: Data }[] {
  const { keys, terms, unit } = ownPurse(insider, []);
  const created = unit.at(-1)?.data;
  const { at, exchangeBaseUrl, keysRevision, confirmation: confirmed } = created;
  const paytoUri = reservePayto(exchangeBaseUrl, bytes(reserve.pub, 32));
  const merged = {
    mergeTimestamp: at,
    pursePub: bytes(keys.purse.pub, 32),
    hPayto: wallet.hash.normalizedPayto(paytoUri),
  };
  const paid = { paidFrom: 'quota', purseFee: `${CURRENCY}:0` };
  const asked = { pursePub: keys.purse.pub, ...signedTerms(terms), mergeTimestamp: at, ...paid };
  const reserveSignature = reserve.sign(accountMerge(asked, 2));
  const mergeSignature = keys.merge.sign(message('PurseMerge', merged));
  const request = { reservePub: reserve.pub, paytoUri, mergeTimestamp: at, mergeSignature, ...paid, reserveSignature };
  const { confirmation: _, ...rest } = created;
  return [
    { stream: `purse-${keys.purse.pub}`, type: 'PurseCreated', data: { ...rest, request } },
    {
      stream: `reserve-${reserve.pub}`,
      type: 'PurseRequested',
      data: { ...asked, reserveSignature, confirmation: confirmed, at, keysRevision },
    },
  ];
}

/** What the exchange answers to a deposit. @param total units */
export function confirmation(
  insider: Insider,
  purse: { pursePub: string; target: string; expiresAt: number; contractTermsHash: string },
  total: bigint,
  at: number,
): Data {
  const signed = message('PurseCreateDepositConfirmation', {
    exchangeTime: at,
    purseExpiration: purse.expiresAt,
    amountWithoutFee: money(purse.target),
    totalDeposited: { currency: CURRENCY, units: total },
    pursePub: bytes(purse.pursePub, 32),
    hContractTerms: bytes(purse.contractTermsHash, 64),
  });
  return { exchangeTimestamp: at, totalDeposited: textOf(total), ...insider.sign(signed) };
}

const purseTerms = (terms: OwnPurse['terms']): Uint8Array =>
  message('PurseCreate', {
    purseExpiration: terms.expiresAt,
    purseAmount: money(terms.target),
    hContractTerms: bytes(terms.contractTermsHash, 64),
    mergePub: bytes(terms.mergePub, 32),
    minAge: terms.minAge,
  });

const accountMerge = (event: Data, flags: number): Uint8Array =>
  message('AccountMerge', {
    purseExpiration: event.purseExpiresAt,
    purseAmount: money(event.target),
    purseFee: money(event.purseFee),
    hContractTerms: bytes(event.contractTermsHash, 64),
    pursePub: bytes(event.pursePub, 32),
    mergeTimestamp: event.mergeTimestamp,
    minAge: event.minAge,
    flags,
  });

const signedTerms = ({ target, minAge, expiresAt, contractTermsHash, mergePub }: OwnPurse['terms']) => {
  return { target, minAge, purseExpiresAt: expiresAt, contractTermsHash, mergePub };
};

/** How many events of `keys` there were before the first revocation. */
const offered = (insider: Insider): number =>
  insider.events.filter(({ stream, type }) => stream.endsWith('.keys') && type !== 'DenominationRevoked').length;
