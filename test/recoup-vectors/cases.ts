/** What is asked, in which state, and what has to be answered. Every expectation is written down here by hand. */

import { encodeBase32 } from '@florin/encoding';
import { type CoinVector, CURRENCY, type Json, type Material, NOW } from './material.js';
import { secret } from './secrets.js';

/** What a coin did outside of recoups. Amounts include the deposit fee; a refund gives back all of it. */
export interface Spending {
  readonly step: 'pay' | 'refund';
  readonly coin: string;
  /** Names the purse. */
  readonly purse: string;
  readonly amount: string;
}

export interface Recoup {
  readonly step: 'recoup';
  readonly request: Json;
  readonly status: number;
  /** Seconds since 1970; that of the case if it is not said. */
  readonly now?: number;
  /** Taler error code; absent in a 200. */
  readonly code?: number;
  /** By `coin_pub`, what each coin gives back in this step; absent in a refusal. */
  readonly recouped?: Readonly<Record<string, string>>;
}

export interface Case {
  readonly name: string;
  readonly now: number;
  /** Denominations that the master key revoked, by name. */
  readonly revoked: readonly string[];
  readonly steps: readonly (Spending | Recoup)[];
}

const REVOKED = ['rsa', 'rsa aged', 'rsa expired', 'rsa future', 'cs', 'cs aged'];

export function makeCases(material: Material): Case[] {
  const { coins, withdrawals } = material;
  const coinOf = (name: string): CoinVector => coins[name] as CoinVector;
  const reserveOf = (withdrawal: string): string => withdrawals[withdrawal]?.reserve_pub ?? '';
  const open = (name: string, change: Json = {}): Json => ({ ...coinOf(name).disclosed, ...change });
  const closed = (name: string): Json => ({ type: 'non_recouped_coin', coin_ev: coinOf(name).coin_ev });
  const without = (json: Json, ...members: string[]): Json =>
    Object.fromEntries(Object.entries(json).filter(([member]) => !members.includes(member)));

  const ask = (withdrawal: string, ...coin_data: Json[]): Json => ({ reserve_pub: reserveOf(withdrawal), coin_data });
  const granted = (request: Json, recouped: Readonly<Record<string, string>>): Recoup => ({
    step: 'recoup',
    request,
    status: 200,
    recouped: Object.fromEntries(
      Object.entries(recouped).map(([name, amount]) => [coinOf(name).coin_pub, `${CURRENCY}:${amount}`]),
    ),
  });
  const refused = (request: Json, status: number, code: number): Recoup => ({ step: 'recoup', request, status, code });
  const spending = (step: 'pay' | 'refund', coin: string, amount: string): Spending => ({
    step,
    coin: coinOf(coin).coin_pub,
    purse: encodeBase32(secret(`purse ${coin} ${amount}`)),
    amount: `${CURRENCY}:${amount}`,
  });
  const made = (name: string, steps: Case['steps'], more: Partial<Case> = {}): Case => {
    return { name, now: NOW, revoked: REVOKED, steps, ...more };
  };

  /** The mixed withdrawal with these coins disclosed, and of the others the envelopes. */
  const mixed = (disclosed: Readonly<Record<string, Json>>): Json =>
    ask('mixed', ...['a', 'b', 'c', 'd', 'e', 'f'].map((name) => disclosed[name] ?? closed(name)));
  const whole = mixed({ a: open('a'), b: open('b'), d: open('d'), e: open('e'), f: open('f') });
  const stamps = (disclosed: Readonly<Record<string, Json>>): Json =>
    ask('stamps', ...['old', 'new', 'standing'].map((name) => disclosed[name] ?? closed(name)));
  const one = ask('one', open('single'));
  const stranger = encodeBase32(secret('nobody', 64));

  return [
    made('a whole withdrawal of one RSA coin', [granted(one, { single: '1' })]),
    made('both ciphers, with age commitments and without; the coin of a valid denomination stays closed', [
      granted(whole, { a: '1', b: '5', d: '1', e: '5', f: '1' }),
    ]),
    made('one coin, then two others, of one withdrawal', [
      granted(mixed({ b: open('b') }), { b: '5' }),
      granted(mixed({ a: open('a'), e: open('e') }), { a: '1', e: '5' }),
    ]),
    made('an RSA coin whose blinded planchet is a byte short', [granted(mixed({ f: open('f') }), { f: '1' })]),
    made('the residual value, not the value, comes back', [
      spending('pay', 'a', '0.4'),
      granted(mixed({ a: open('a'), b: open('b') }), { a: '0.6', b: '5' }),
    ]),
    made('the same request again', [granted(one, { single: '1' }), granted(one, {}), granted(one, {})]),
    made('the same request again, after its denomination expired', [
      granted(one, { single: '1' }),
      { ...granted(one, {}), now: NOW + 10 * 365 * 86_400 },
    ]),
    made('coins that were recouped add nothing beside others', [
      granted(mixed({ a: open('a') }), { a: '1' }),
      granted(mixed({ a: open('a'), b: open('b') }), { b: '5' }),
    ]),
    made('a coin that was refunded since is recouped again, by the same bytes', [
      spending('pay', 'a', '0.4'),
      granted(mixed({ a: open('a') }), { a: '0.6' }),
      spending('refund', 'a', '0.4'),
      granted(mixed({ a: open('a') }), { a: '0.4' }),
      granted(mixed({ a: open('a') }), {}),
    ]),
    made('nothing but envelopes is no request', [refused(mixed({}), 400, 26)]),
    made('no coin is no request', [refused(ask('one'), 400, 26)]),
    made('a coin twice', [refused(ask('one', open('single'), open('single')), 400, 26)]),
    made('a coin, and its envelope once more', [refused(ask('one', open('single'), closed('single')), 400, 26)]),
    made('another type', [refused(ask('one', open('single', { type: 'coin' })), 400, 22)]),
    made('a member is missing', [refused(ask('one', without(open('single'), 'coin_sig')), 400, 22)]),
    made('an unknown denomination', [refused(mixed({ a: open('a', { denom_pub_h: stranger }) }), 404, 1005)]),
    made('a denomination whose deposits are over', [refused(stamps({ old: open('old') }), 410, 1009)]),
    made('a denomination that has not begun', [refused(stamps({ new: open('new') }), 410, 1008)]),
    made('a denomination that is not revoked', [refused(stamps({ standing: open('standing') }), 410, 1555)]),
    made('one of two denominations is not revoked: nothing is recouped', [
      refused(mixed({ a: open('a'), c: open('c') }), 410, 1555),
      granted(mixed({ a: open('a') }), { a: '1' }),
    ]),
    made('a signature of the other cipher', [
      refused(mixed({ a: open('a', { denom_pub_sig: open('b').denom_pub_sig }) }), 400, 1017),
    ]),
    made('Clause-Schnorr members for an RSA coin', [
      refused(mixed({ a: open('a', { cs_session_nonce: open('b').cs_session_nonce }) }), 400, 26),
    ]),
    made('a Clause-Schnorr coin without its nonce', [
      refused(mixed({ b: without(open('b'), 'cs_session_nonce') }), 400, 26),
    ]),
    made('a Clause-Schnorr coin without its points', [refused(mixed({ b: without(open('b'), 'cs_r_pubs') }), 400, 26)]),
    made('points that do not belong to the nonce', [
      refused(mixed({ b: open('b', { cs_r_pubs: open('e').cs_r_pubs }) }), 400, 26),
    ]),
    made('a denomination signature over another coin', [
      refused(mixed({ a: open('a', { denom_pub_sig: open('f').denom_pub_sig }) }), 403, 1006),
    ]),
    made('a coin that leaves out its age commitment', [
      refused(mixed({ d: without(open('d'), 'age_commitment_h') }), 403, 1006),
    ]),
    made('a coin signature over another secret', [
      refused(mixed({ a: open('a', { coin_sig: open('f').coin_sig }) }), 403, 1550),
    ]),
    made('another blinding secret than the signed one', [
      refused(mixed({ a: open('a', { coin_blinding_key_secret: open('f').coin_blinding_key_secret }) }), 403, 1550),
    ]),
    made('the first coin that fails decides', [
      refused(
        mixed({ a: open('a', { coin_sig: open('f').coin_sig }), b: open('b', { denom_pub_h: stranger }) }),
        403,
        1550,
      ),
      refused(
        mixed({ a: open('a', { denom_pub_h: stranger }), b: open('b', { coin_sig: open('f').coin_sig }) }),
        404,
        1005,
      ),
    ]),
    made('some of the withdrawal is left out', [refused(ask('mixed', open('a')), 404, 1161)]),
    made('the coins in another order', [
      refused(ask('mixed', open('b'), open('a'), ...['c', 'd', 'e', 'f'].map(closed)), 404, 1161),
    ]),
    made('another envelope in place of one that is not recouped', [
      refused(ask('mixed', open('a'), ...['b', 'c', 'd', 'e'].map(closed), closed('single')), 404, 1161),
    ]),
    made('a coin of another reserve', [
      refused(ask('mixed', open('single'), ...['b', 'c', 'd', 'e', 'f'].map(closed)), 404, 1551),
    ]),
    made('a reserve that does not exist', [
      refused({ reserve_pub: encodeBase32(secret('no reserve')), coin_data: [open('single')] }, 404, 1161),
    ]),
    made('a coin whose key another denomination signed', [
      granted(one, { single: '1' }),
      refused(ask('twins', open('single twin'), closed('d twin')), 409, 1003),
    ]),
    made('a coin whose key came with another age commitment', [
      granted(mixed({ d: open('d') }), { d: '1' }),
      refused(ask('twins', closed('single twin'), open('d twin')), 409, 1015),
    ]),
    made('a coin that was spent: nothing of the request is recouped', [
      spending('pay', 'b', '5'),
      refused(mixed({ a: open('a'), b: open('b') }), 409, 1012),
      granted(mixed({ a: open('a') }), { a: '1' }),
    ]),
  ];
}
