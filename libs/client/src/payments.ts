import { ageGroup, encodeDenominationSignature, type Taler } from '@florin/crypto';
import { type Amount, encodeBase32, formatAmount, message } from '@florin/encoding';
import type { ExchangeKeys } from './keys.js';
import type { Coin } from './withdraw.js';

/*
 * Coins that pay into a purse: which ones, how much each, and what each of them signs.
 * Source: protocol/endpoints.md A2, signatures.md (PurseDepositPS, AgeAttestationPS)
 */

/** What one coin pays. */
export interface Payment {
  readonly coin: Coin;
  /** With the deposit fee; at most what the coin has left. */
  readonly amount: Amount;
}

/** A coin, and what it may still spend: its value unless it was used. */
export interface SpendableCoin {
  readonly coin: Coin;
  readonly residual: Amount;
}

/** Coins in one request. */
export const PAYMENTS_MAX = 128;

/**
 * Chooses coins that bring exactly `target` into a purse, fees not counted; those with the most left come first, and
 * the last one pays what is missing.
 * @param minAge leaves out coins whose owner cannot prove this age
 * @returns undefined when the coins do not suffice
 */
export function planPayments(
  { denominations }: Pick<ExchangeKeys, 'denominations'>,
  coins: readonly SpendableCoin[],
  { units: target, currency }: Amount,
  minAge = 0,
): Payment[] | undefined {
  const payments: Payment[] = [];
  let missing = target;
  const usable = coins.filter(({ coin }) => canProve(coin, minAge));
  for (const { coin, residual } of usable.sort((a, b) => (a.residual.units < b.residual.units ? 1 : -1))) {
    const fee = denominations.get(encodeBase32(coin.denominationHash))?.fees.deposit.units;
    if (missing === 0n || fee === undefined || residual.units <= fee) continue;
    const units = residual.units < missing + fee ? residual.units : missing + fee;
    payments.push({ coin, amount: { currency, units } });
    missing -= units - fee;
  }
  return missing === 0n && payments.length <= PAYMENTS_MAX ? payments : undefined;
}

/** A coin without age restriction proves any age. */
function canProve({ ageCommitment }: Coin, minAge: number): boolean {
  if (!ageCommitment || minAge === 0) return true;
  return ageGroup(ageCommitment.mask, minAge) <= ageCommitment.privateKeys.length;
}

/** What payments bring into a purse, in units; those of denominations that are not offered any more count nothing. */
export function withoutFees(
  { denominations }: Pick<ExchangeKeys, 'denominations'>,
  payments: readonly Payment[],
): bigint {
  return payments.reduce((sum, { coin, amount }) => {
    const fee = denominations.get(encodeBase32(coin.denominationHash))?.fees.deposit.units;
    return fee === undefined ? sum : sum + amount.units - fee;
  }, 0n);
}

/** 32 bytes; nothing for a coin without age restriction. */
export const ageCommitmentHash = ({ age }: Taler, { ageCommitment }: Coin): Uint8Array | undefined =>
  ageCommitment && age.commitmentHash(ageCommitment.publicKeys);

/**
 * One entry of `deposits`.
 * @throws RangeError when the coin's owner cannot prove the minimum age
 */
export function depositJson(
  taler: Taler,
  { coin, amount }: Payment,
  { pursePub, minAge, baseUrl }: { readonly pursePub: Uint8Array; readonly minAge: number; readonly baseUrl: string },
) {
  const { ageCommitment, coinPriv, coinPub, denominationHash, signature } = coin;
  const signed = message('PurseDeposit', {
    coinAmount: amount,
    hDenomPub: denominationHash,
    hAgeCommitment: ageCommitmentHash(taler, coin),
    pursePub,
    hExchangeBaseUrl: taler.hash.text(baseUrl),
  });
  const attestation = ageCommitment && minAge > 0 ? taler.age.attest(ageCommitment, minAge) : undefined;
  if (ageCommitment && minAge > 0 && !attestation) throw new RangeError(`this coin cannot prove an age of ${minAge}`);
  return {
    amount: formatAmount(amount),
    denom_pub_hash: encodeBase32(denominationHash),
    ub_sig: encodeDenominationSignature(signature),
    coin_pub: encodeBase32(coinPub),
    coin_sig: encodeBase32(taler.eddsa.sign(signed, coinPriv)),
    ...(ageCommitment && { age_commitment: ageCommitment.publicKeys.map((key) => encodeBase32(key)) }),
    ...(attestation && { attest: encodeBase32(attestation) }),
  };
}
