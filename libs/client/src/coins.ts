import { encodeDenominationSignature, encodeWithdrawValues, type Taler } from '@florin/crypto';
import { type Amount, ErrorCode, encodeBase32, equalBytes, message } from '@florin/encoding';
import { type CoinHistory, readCoinEntries, readCoinHistory, requireDenomination } from './coin-history.js';
import type { CoinHistoryEntry, CoinScope } from './coin-history-entries.js';
import type { CallOptions, Connection } from './connection.js';
import { ExchangeMisbehaved, ExchangeRefused } from './errors.js';
import { jsonOf } from './http.js';
import type { ExchangeKeys } from './keys.js';
import { ageCommitmentHash } from './payments.js';
import { publicKey, ReplyObject } from './reply.js';
import { type ReserveSummary, readSummary } from './reserve.js';
import type { Coin } from './withdraw.js';

/*
 * What became of a coin, and its way back into the reserve once its denomination is revoked.
 * Source: protocol/endpoints.md A3, B4; spec/recoup-withdraw.txt
 */

/** A coin of a withdrawal that is to be recouped, or of one that is not the hash of its envelope, 64 bytes. */
export type RecoupEntry = Coin | Uint8Array;

const HISTORY_HEADER = 'Taler-Coin-History-Signature';

/** Every method throws as those of ExchangeClient do. */
export class Coins {
  constructor(private readonly connection: Connection) {}

  /**
   * What was taken from a coin and given back to it, every signature verified; undefined if the exchange never saw the
   * coin: then it is worth all its value.
   */
  async history(coin: Coin, { signal }: CallOptions = {}): Promise<CoinHistory | undefined> {
    const reply = await this.#history(coin, 0, signal);
    return reply && this.connection.withKeys((keys) => readCoinHistory(reply, coin.value, this.#scope(coin, keys)));
  }

  /** The entries after row number `start`, every signature verified; they do not explain the residual value. */
  async historySince(coin: Coin, start: number, { signal }: CallOptions = {}): Promise<readonly CoinHistoryEntry[]> {
    const reply = await this.#history(coin, start, signal);
    if (!reply) return [];
    return this.connection.withKeys((keys) => {
      requireDenomination(reply, coin.denominationHash);
      return readCoinEntries(reply.objects('history'), this.#scope(coin, keys)).map(({ entry }) => entry);
    });
  }

  /** What a coin may still spend. */
  async residual(coin: Coin, options: CallOptions = {}): Promise<Amount> {
    return (await this.history(coin, options))?.residual ?? coin.value;
  }

  /**
   * Has coins of revoked denominations taken back: what is left of them goes into the reserve that they came from, all
   * of it or nothing. Withdraw fees do not come back. A repeat changes nothing.
   * @param entries all coins of one withdrawal, in its order
   * @returns the reserve as it is then, not signed: its history shows each recoup with a signature
   */
  async recoup(
    reservePub: Uint8Array,
    entries: readonly RecoupEntry[],
    { signal }: CallOptions = {},
  ): Promise<ReserveSummary> {
    const { http, taler } = this.connection;
    const { currency } = await this.connection.keys();
    const body = {
      reserve_pub: encodeBase32(reservePub),
      coin_data: entries.map((entry) => recoupJson(taler, entry)),
    };
    const request = { method: 'POST', path: 'recoup-withdraw', body, signal, accept: [200] } as const;
    return readSummary(await http.sendForObject(request, 'recoup'), currency);
  }

  /**
   * Has one coin taken back by the older call, which does not ask for the rest of its withdrawal.
   * @throws ExchangeMisbehaved when its value went to another reserve
   */
  async recoupOne(reservePub: Uint8Array, coin: Coin, { signal }: CallOptions = {}): Promise<void> {
    const { http, taler } = this.connection;
    const { blindingSecret, coinPub, denominationHash, session, signature } = coin;
    const age = ageCommitmentHash(taler, coin);
    const body = {
      denom_pub_hash: encodeBase32(denominationHash),
      denom_sig: encodeDenominationSignature(signature),
      ewv: encodeWithdrawValues(session ? { cipher: 'CS', ...session } : { cipher: 'RSA' }),
      coin_blind_key_secret: encodeBase32(blindingSecret),
      coin_sig: recoupSignature(taler, coin),
      ...(age && { h_age_commitment: encodeBase32(age) }),
      ...(session && { nonce: encodeBase32(session.nonce) }),
    };
    const path = `coins/${encodeBase32(coinPub)}/recoup`;
    const reply = await http.sendForObject({ method: 'POST', path, body, signal, accept: [200] }, 'recoup');
    if (equalBytes(reply.read('reserve_pub', publicKey), reservePub)) return;
    throw new ExchangeMisbehaved('contradiction', `${reply.place}.reserve_pub`, 'is not where the coin came from');
  }

  #scope({ coinPub, denominationHash }: Coin, keys: ExchangeKeys): CoinScope {
    return { ...this.connection.voices(keys), coinPub, denominationHash };
  }

  /** Undefined for no entries, and for a coin that is not known. */
  async #history({ coinPriv }: Coin, start: number, signal: AbortSignal | undefined) {
    const { http, taler } = this.connection;
    const coin = taler.eddsa.keyPair(coinPriv);
    const signature = coin.sign(message('CoinHistoryRequest', { startOff: BigInt(start) }));
    const path = `coins/${encodeBase32(coin.publicKey)}/history${start > 0 ? `?start=${start}` : ''}`;
    const headers = { [HISTORY_HEADER]: encodeBase32(signature) };
    try {
      const reply = await http.send({ method: 'GET', path, headers, signal, accept: [200, 204, 304] });
      return reply.status !== 200 ? undefined : new ReplyObject(jsonOf(reply), 'history');
    } catch (error) {
      const isUnknown = error instanceof ExchangeRefused && error.code === ErrorCode.EXCHANGE_GENERIC_COIN_UNKNOWN;
      if (isUnknown) return undefined;
      throw error;
    }
  }
}

/** One element of `coin_data`. */
function recoupJson(taler: Taler, entry: RecoupEntry) {
  if (entry instanceof Uint8Array) return { type: 'non_recouped_coin', coin_ev: encodeBase32(entry) };
  const { coinPub, blindingSecret, denominationHash, session, signature } = entry;
  const age = ageCommitmentHash(taler, entry);
  return {
    type: 'recoup_coin_details',
    coin_pub: encodeBase32(coinPub),
    coin_blinding_key_secret: encodeBase32(blindingSecret),
    ...(age && { age_commitment_h: encodeBase32(age) }),
    ...(session && {
      cs_session_nonce: encodeBase32(session.nonce),
      cs_r_pubs: { r_pub_0: encodeBase32(session.rPub0), r_pub_1: encodeBase32(session.rPub1) },
    }),
    denom_pub_sig: encodeDenominationSignature(signature),
    denom_pub_h: encodeBase32(denominationHash),
    coin_sig: recoupSignature(taler, entry),
  };
}

const recoupSignature = ({ eddsa }: Taler, { coinPriv, denominationHash, blindingSecret }: Coin): string =>
  encodeBase32(
    eddsa.sign(message('RecoupRequest', { hDenomPub: denominationHash, coinBlind: blindingSecret }), coinPriv),
  );
