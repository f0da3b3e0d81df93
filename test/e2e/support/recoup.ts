/** Coins given back: requests of recoup-withdraw, and the revocation before them. */
import { decodeBase32, encodeBase32, message } from '@florin/encoding';
import { expect } from 'vitest';
import type { RunningExchange } from '../../support/exchange.js';
import { admin } from './admin.js';
import { type Json, type Reply, send } from './http.js';
import type { Offer } from './offers.js';
import type { Key } from './oracle.js';
import { wallet } from './oracle.js';
import type { Coin } from './purses.js';

/** By the master key beside the data. */
export async function revoke(exchange: RunningExchange, { hash }: Offer): Promise<void> {
  const reply = await admin(exchange, `denominations/${hash}/revoke`, { reason: 'a test' });
  expect({ status: reply.status, body: reply.text }).toMatchObject({ status: 200 });
}

export const withheld = ({ envelopeHash }: Coin): Json => ({ type: 'non_recouped_coin', coin_ev: envelopeHash });

export function disclosed({ key, offer, blinding, signature, age }: Coin): Json {
  const { blindingSecret, session } = blinding;
  const coinBlind = blindingSecret;
  return {
    type: 'recoup_coin_details',
    coin_pub: key.pub,
    coin_blinding_key_secret: encodeBase32(blindingSecret),
    denom_pub_sig: signature,
    denom_pub_h: offer.hash,
    coin_sig: key.sign(message('RecoupRequest', { hDenomPub: decodeBase32(offer.hash, 64), coinBlind })),
    ...(age && { age_commitment_h: encodeBase32(wallet.age.commitmentHash(age.publicKeys)) }),
    ...(session && {
      cs_session_nonce: encodeBase32(session.nonce),
      cs_r_pubs: { r_pub_0: encodeBase32(session.rPub0), r_pub_1: encodeBase32(session.rPub1) },
    }),
  };
}

export const recoup = (baseUrl: string, reserve: Key, coin_data: readonly Json[]): Promise<Reply> =>
  send(`${baseUrl}recoup-withdraw`, { json: { reserve_pub: reserve.pub, coin_data } });

/** The same for the older form, where each coin comes alone. */
export function disclosedAlone(coin: Coin): Json {
  const { denom_pub_h, denom_pub_sig, coin_sig, coin_blinding_key_secret, ...rest } = disclosed(coin);
  const { age_commitment_h, cs_session_nonce, cs_r_pubs } = rest;
  return {
    denom_pub_hash: denom_pub_h,
    denom_sig: denom_pub_sig,
    ewv: { cipher: coin.offer.cipher, ...(cs_r_pubs as object | undefined) },
    coin_blind_key_secret: coin_blinding_key_secret,
    coin_sig,
    ...(age_commitment_h === undefined ? {} : { h_age_commitment: age_commitment_h }),
    ...(cs_session_nonce === undefined ? {} : { nonce: cs_session_nonce }),
  };
}

export const recoupCoin = (baseUrl: string, coin: Coin, change: object = {}): Promise<Reply> =>
  send(`${baseUrl}coins/${coin.key.pub}/recoup`, { json: { ...disclosedAlone(coin), ...change } });
