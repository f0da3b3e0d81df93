import { parseDenominationSignature } from '@florin/crypto';
import { decodeBase32, encodeBase32, formatAmount, message, parseAmount } from '@florin/encoding';
import {
  CRYPTO,
  CURRENCY,
  DENOMINATIONS,
  exchangeSignature,
  hashOf,
  type KeysJson,
  NOW,
  nameOf,
  signingPub,
  type TestDenomination,
} from './signed-keys.js';
import { type Answer, type Reserve, refusal, verifies } from './small-exchange.js';

/*
 * Test support: what the small exchange knows of coins, and how it takes them back; written from
 * spec/recoup-withdraw.txt and protocol/endpoints.md A3, B4, from no code of ours.
 */

interface KnownCoin {
  readonly denomination: TestDenomination;
  readonly denominationSignature: KeysJson;
  readonly ageHash: string | undefined;
  /** Units. */
  residual: bigint;
  readonly history: KeysJson[];
}

const amount = (units: bigint): string => formatAmount({ currency: CURRENCY, units });
const bytes = (text: string): Uint8Array => decodeBase32(text);
export const signedBy = (signed: Uint8Array) => ({
  exchange_pub: encodeBase32(signingPub),
  exchange_sig: exchangeSignature(signed),
});

export class SmallCoins {
  readonly #coins = new Map<string, KnownCoin>();

  constructor(private readonly exchange: { reserves(): Iterable<readonly [string, Reserve]> }) {}

  denominationOf({ denom_pub_hash }: KeysJson): TestDenomination {
    return DENOMINATIONS.find((candidate) => nameOf(candidate) === denom_pub_hash) as TestDenomination;
  }

  /** Takes a payment into a purse, or says why not. */
  spend(deposit: KeysJson, pursePub: string, exchangeBaseUrl: string): Answer | undefined {
    const { coin_pub, coin_sig, ub_sig, age_commitment } = deposit;
    const ageHash = age_commitment && encodeBase32(CRYPTO.age.commitmentHash(age_commitment.map(bytes)));
    const known = this.#known(coin_pub, { denomination: this.denominationOf(deposit), signature: ub_sig, ageHash });
    if (!('history' in known)) return known;
    const { units } = parseAmount(deposit.amount);
    if (units > known.residual) return this.#conflict(1012, coin_pub, known);
    this.#coins.set(coin_pub, known);
    known.residual -= units;
    known.history.push({
      type: 'PURSE-DEPOSIT',
      amount: deposit.amount,
      exchange_base_url: exchangeBaseUrl,
      ...(ageHash && { h_age_commitment: ageHash }),
      purse_pub: pursePub,
      refunded: false,
      coin_sig,
    });
    return undefined;
  }

  /** A purse ended without a merge. */
  refund(coinPub: string, pursePub: string, paid: string): void {
    const coin = this.#coins.get(coinPub) as KnownCoin;
    const refundedAmount = parseAmount(paid);
    const refundFee = { currency: CURRENCY, units: 0n };
    const refunded = { pursePub: bytes(pursePub), coinPub: bytes(coinPub), refundedAmount, refundFee };
    coin.residual += refundedAmount.units;
    const payment = coin.history.find(({ type, purse_pub }) => type === 'PURSE-DEPOSIT' && purse_pub === pursePub);
    payment.refunded = true;
    const signed = signedBy(message('CoinPurseRefundConfirmation', refunded));
    coin.history.push({ type: 'PURSE-REFUND', amount: paid, refund_fee: amount(0n), purse_pub: pursePub, ...signed });
  }

  history(coinPub: string, signature: string, start: number): Answer {
    if (!verifies(message('CoinHistoryRequest', { startOff: BigInt(start) }), signature, coinPub))
      return refusal(403, 1251);
    const coin = this.#coins.get(coinPub);
    if (!coin) return refusal(404, 1019);
    const history = coin.history.slice(start);
    if (history.length === 0) return { status: 204 };
    return { status: 200, json: { h_denom_pub: nameOf(coin.denomination), balance: amount(coin.residual), history } };
  }

  /** `POST /recoup-withdraw`, once every denomination is revoked. */
  recoup({ reserve_pub, coin_data }: KeysJson): Answer {
    const reserve = [...this.exchange.reserves()].find(([name]) => name === reserve_pub)?.[1];
    const envelopes: string[] = [];
    for (const entry of coin_data) {
      const envelope = entry.type === 'non_recouped_coin' ? entry.coin_ev : this.#envelopeOf(entry);
      if (typeof envelope !== 'string') return envelope;
      envelopes.push(envelope);
    }
    if (!reserve?.batches.some((batch) => batch.join() === envelopes.join())) return refusal(404, 1161);
    const disclosed: KeysJson[] = coin_data.filter(({ type }: KeysJson) => type === 'recoup_coin_details');
    const taken = disclosed.map((entry) => ({ entry, known: this.#known(entry.coin_pub, seen(entry, this)) }));
    for (const { entry, known } of taken) {
      if (!('history' in known)) return known;
      const isRecouped = known.history.some(({ type }) => type === 'RECOUP');
      if (known.residual === 0n && !isRecouped) return this.#conflict(1012, entry.coin_pub, known);
    }
    for (const { entry, known } of taken) this.#take(entry, known as KnownCoin, reserve_pub, reserve);
    return { status: 200, json: { ...reserve.summary(), reserve_expiration: { t_s: NOW + 100 } } };
  }

  /** `POST /coins/$C/recoup` */
  recoupOne(coinPub: string, body: KeysJson): Answer {
    const { denom_pub_hash, denom_sig, ewv, coin_blind_key_secret, coin_sig, h_age_commitment, nonce } = body;
    const entry = {
      coin_pub: coinPub,
      denom_pub_h: denom_pub_hash,
      denom_pub_sig: denom_sig,
      coin_blinding_key_secret: coin_blind_key_secret,
      coin_sig,
      age_commitment_h: h_age_commitment,
      ...(nonce && { cs_session_nonce: nonce, cs_r_pubs: ewv }),
    };
    const envelope = this.#envelopeOf(entry);
    if (typeof envelope !== 'string') return envelope;
    const found = [...this.exchange.reserves()].find(([, { batches }]) => batches.flat().includes(envelope));
    if (!found) return refusal(404, 1551);
    const known = this.#known(coinPub, seen(entry, this));
    if (!('history' in known)) return known;
    this.#take(entry, known, ...found);
    return { status: 200, json: { reserve_pub: found[0] } };
  }

  #take(entry: KeysJson, coin: KnownCoin, reserveName: string, reserve: Reserve): void {
    const units = coin.residual;
    this.#coins.set(entry.coin_pub, coin);
    if (units === 0n) return;
    coin.residual = 0n;
    reserve.credited += units;
    const recouped = { recoupAmount: { currency: CURRENCY, units }, coinPub: bytes(entry.coin_pub) };
    const signed = message('RecoupConfirmation', { timestamp: NOW, reservePub: bytes(reserveName), ...recouped });
    const shown = { type: 'RECOUP', amount: amount(units), timestamp: { t_s: NOW }, ...signedBy(signed) };
    reserve.history.push({ ...shown, coin_pub: entry.coin_pub });
    const { coin_sig, coin_blinding_key_secret: coin_blind } = entry;
    coin.history.push({ ...shown, reserve_pub: reserveName, coin_sig, coin_blind });
  }

  /** The envelope of a disclosed coin, rebuilt; or why its signatures are refused. */
  #envelopeOf(entry: KeysJson): string | Answer {
    const { coin_pub, coin_sig, coin_blinding_key_secret, denom_pub_h, denom_pub_sig } = entry;
    const { pub, cipher, ageMask } = this.denominationOf({ denom_pub_hash: denom_pub_h });
    const key = CRYPTO.denomination(
      cipher === 'RSA' ? { cipher, ageMask, rsaPub: pub } : { cipher, ageMask, csPub: pub },
    );
    const coinPubHash = CRYPTO.hash.coinPub(bytes(coin_pub), entry.age_commitment_h && bytes(entry.age_commitment_h));
    if (!key.verify(coinPubHash, parseDenominationSignature(denom_pub_sig))) return refusal(403, 1006);
    const blindingSecret = bytes(coin_blinding_key_secret);
    const signed = message('RecoupRequest', { hDenomPub: bytes(denom_pub_h), coinBlind: blindingSecret });
    if (!verifies(signed, coin_sig, coin_pub)) return refusal(403, 1550);
    const { cs_session_nonce: nonce, cs_r_pubs: r } = entry;
    const session = nonce && { nonce: bytes(nonce), rPub0: bytes(r.r_pub_0), rPub1: bytes(r.r_pub_1) };
    return encodeBase32(key.envelopeHash(key.blind({ coinPubHash, blindingSecret, ...(session && { session }) })));
  }

  /** The coin as it was seen first, or as it comes now. */
  #known(
    coinPub: string,
    {
      denomination,
      signature,
      ageHash,
    }: { denomination: TestDenomination; signature: KeysJson; ageHash: string | undefined },
  ): KnownCoin | Answer {
    const known = this.#coins.get(coinPub);
    const fresh = { denomination, denominationSignature: signature, ageHash, residual: denomination.value.units };
    if (!known) return { ...fresh, history: [] };
    if (known.denomination !== denomination) return this.#conflict(1003, coinPub, known);
    return known.ageHash === ageHash ? known : this.#conflict(1015, coinPub, known);
  }

  #conflict(
    code: number,
    coinPub: string,
    { denomination, denominationSignature, ageHash, history }: KnownCoin,
  ): Answer {
    const { cipher, ageMask, pub } = denomination;
    const more = {
      1003: {
        prev_denom_pub: { cipher, age_mask: ageMask, [cipher === 'RSA' ? 'rsa_pub' : 'cs_pub']: encodeBase32(pub) },
        prev_denom_sig: denominationSignature,
      },
      1015: { expected_age_commitment_hash: ageHash ?? null, conflict_detail: 'another one' },
    }[code];
    return refusal(409, code, { coin_pub: coinPub, h_denom_pub: encodeBase32(hashOf(denomination)), history, ...more });
  }
}

const seen = ({ denom_pub_h, denom_pub_sig, age_commitment_h }: KeysJson, coins: SmallCoins) => ({
  denomination: coins.denominationOf({ denom_pub_hash: denom_pub_h }),
  signature: denom_pub_sig as KeysJson,
  ageHash: age_commitment_h as string | undefined,
});
