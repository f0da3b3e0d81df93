/** A reserve's owner: keys, planchets, requests to withdraw, and the check that what came back is money. */
import { randomBytes } from 'node:crypto';
import {
  type BlindedPlanchet,
  type Blinding,
  type CsSession,
  encodeBlindedPlanchet,
  parseBlindSignature,
  parseWithdrawValues,
} from '@florin/crypto';
import { decodeBase32, encodeBase32, message } from '@florin/encoding';
import { expect } from 'vitest';
import { expectOk, type Json, type Reply, send } from './http.js';
import { CURRENCY, type Offer } from './offers.js';
import { type Key, newKey, oracle, wallet } from './oracle.js';

export type Reserve = Key;
export const newReserve = newKey;

/** A coin before it is signed. */
export interface Planchet {
  readonly offer: Offer;
  readonly blinding: Blinding;
  readonly blinded: BlindedPlanchet;
  /** Base32. */
  readonly envelopeHash: string;
}

/** One entry of `planchets`: what is sent for one coin. */
export interface WithdrawItem {
  readonly denom_pub_hash: string;
  readonly coin_ev: Json;
  readonly reserve_sig: string;
}

export function newPlanchet(offer: Offer, session?: CsSession): Planchet {
  const secret = randomBytes(32);
  const values = session && ({ cipher: 'CS', rPub0: session.rPub0, rPub1: session.rPub1 } as const);
  const { coinPriv, blindingSecret } = wallet.planchet.coinSecrets(secret, values ?? { cipher: 'RSA' });
  const coinPub = wallet.eddsa.publicKey(coinPriv);
  const commitment =
    offer.ageMask === 0 ? undefined : wallet.age.commitFromSecret(offer.ageMask, 14, randomBytes(32)).publicKeys;
  const coinPubHash = wallet.hash.coinPub(coinPub, commitment && wallet.age.commitmentHash(commitment));
  const blinding = { coinPubHash, blindingSecret, ...(session && { session }) };
  return planchetOf(offer, blinding, offer.denomination.blind(blinding));
}

/** A planchet of these very blinded bytes, whatever the denomination can do with them. */
export function planchetOf(offer: Offer, blinding: Blinding, blinded: BlindedPlanchet): Planchet {
  const envelopeHash = encodeBase32(oracle.hash.envelope(decodeBase32(offer.hash, 64), blinded));
  return { offer, blinding, blinded, envelopeHash };
}

/** As many planchets as values are named, of RSA denominations. */
export const newPlanchets = (offers: { of(value: string): Offer }, ...values: string[]): Planchet[] =>
  values.map((value) => newPlanchet(offers.of(value)));

/** Asks for the exchange's part of a Clause-Schnorr coin. */
export async function newSession(
  baseUrl: string,
  { hash }: Offer,
  nonce: Uint8Array = randomBytes(32),
): Promise<CsSession> {
  const asked = { nonce: encodeBase32(nonce), denom_pub_hash: hash };
  const { ewv } = expectOk(await send(`${baseUrl}csr-withdraw`, { json: asked }));
  const values = parseWithdrawValues(ewv);
  if (values.cipher !== 'CS') throw new Error('values of another cipher');
  return { nonce, rPub0: values.rPub0, rPub1: values.rPub1 };
}

/** What is sent for one coin, signed by the reserve. @param claimed signed instead of the true price, for forgeries */
export function withdrawItem(reserve: Reserve, planchet: Planchet, claimed = {}): WithdrawItem {
  const { offer, blinded, envelopeHash } = planchet;
  const signed = {
    amountWithFee: { currency: CURRENCY, units: offer.value + offer.fee },
    hDenominationPub: decodeBase32(offer.hash, 64),
    hCoinEnvelope: decodeBase32(envelopeHash, 64),
    ...claimed,
  };
  return {
    denom_pub_hash: offer.hash,
    coin_ev: encodeBlindedPlanchet(blinded) as Json,
    reserve_sig: reserve.sign(message('WithdrawRequest', signed)),
  };
}

export const withdrawBody = (reserve: Reserve, planchets: readonly Planchet[]): { planchets: WithdrawItem[] } => ({
  planchets: planchets.map((planchet) => withdrawItem(reserve, planchet)),
});

export const postWithdraw = (baseUrl: string, reservePub: string, json: unknown): Promise<Reply> =>
  send(`${baseUrl}reserves/${reservePub}/batch-withdraw`, { json });

export const withdraw = (baseUrl: string, reserve: Reserve, planchets: readonly Planchet[]): Promise<Reply> =>
  postWithdraw(baseUrl, reserve.pub, withdrawBody(reserve, planchets));

/** 200 with one signature for each planchet, in order, each of which makes a valid coin. @returns the `ev_sigs` */
export function expectCoins(reply: Reply, planchets: readonly Planchet[]): Json[] {
  const body = expectOk(reply);
  expect(Object.keys(body)).toEqual(['ev_sigs']);
  const signatures = body.ev_sigs as { ev_sig: Json }[];
  expect(signatures).toHaveLength(planchets.length);
  for (const [index, planchet] of planchets.entries()) expectCoin(signatures[index]?.ev_sig, planchet);
  return signatures;
}

/** Unblinds and verifies by the oracle. */
export function expectCoin(evSig: unknown, { offer, blinding }: Planchet): void {
  const denomination = oracle.denomination(offer.denomination.pub);
  const signature = denomination.unblind(blinding, parseBlindSignature(evSig));
  expect(denomination.verify(blinding.coinPubHash, signature)).toBe(true);
}

/** What the planchets cost together, in units. */
export const costOf = (planchets: readonly Planchet[]): bigint =>
  planchets.reduce((total, { offer }) => total + offer.value + offer.fee, 0n);
