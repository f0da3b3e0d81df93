import { parseDenominationSignature } from '@florin/crypto';
import { decodeBase32, encodeBase32, formatAmount, message, NEVER, parseAmount, reservePayto } from '@florin/encoding';
import { CRYPTO, CURRENCY, type KeysJson, NOW } from './signed-keys.js';
import { type SmallCoins, signedBy } from './small-coins.js';
import { type Answer, type Reserve, refusal, verifies } from './small-exchange.js';

/*
 * Test support: the purses of the small exchange; written from spec/purse-create.txt and protocol/endpoints.md A2, B2,
 * B3, from no code of ours. Checks every signature that a wallet makes.
 */

interface Purse {
  readonly terms: KeysJson;
  readonly deposits: KeysJson[];
  readonly econtract: KeysJson;
  /** Units, without fees. */
  total: bigint;
  /** What `/reserves/$R/purse` or `/merge` agreed on. */
  merge?: { readonly reserve: string; readonly json: KeysJson; readonly flags: number; done: boolean };
  end?: 1026 | 1031;
}

const amount = (units: bigint): string => formatAmount({ currency: CURRENCY, units });
const bytes = (text: string): Uint8Array => decodeBase32(text);

export class SmallPurses {
  readonly #purses = new Map<string, Purse>();

  constructor(
    private readonly exchange: { baseUrl(): string; reserve(name: string): Reserve },
    private readonly coins: SmallCoins,
  ) {}

  answer(method: string, path: readonly string[], headers: Record<string, unknown>, body: string): Answer {
    const [key = '', operation] = path;
    if (method === 'DELETE') return this.#remove(key, headers['taler-purse-signature'] as string);
    if (method === 'GET') return this.#status(key);
    if (operation === 'create') return this.#create(key, JSON.parse(body));
    if (operation === 'deposit') return this.#deposit(key, JSON.parse(body).deposits);
    return this.#merge(key, JSON.parse(body));
  }

  /** Time passes. */
  expire(pursePub: Uint8Array): void {
    this.#finish(this.#purses.get(encodeBase32(pursePub)) as Purse, encodeBase32(pursePub), 1026);
  }

  contract(contractPub: string): Answer {
    for (const [purse_pub, { econtract, end }] of this.#purses) {
      if (econtract?.contract_pub !== contractPub || end) continue;
      return {
        status: 200,
        json: { purse_pub, econtract: econtract.econtract, econtract_sig: econtract.econtract_sig },
      };
    }
    return refusal(404, 1950);
  }

  /** `POST /reserves/$R/purse` */
  request(reserve: string, body: KeysJson): Answer {
    const { purse_pub, purse_value, econtract, deposits: _none, ...rest } = body;
    const terms = { ...rest, amount: purse_value };
    const fault = this.#faultOf(purse_pub, terms, econtract);
    if (fault) return fault;
    const flags = body.purse_fee === undefined ? 2 : 3;
    const merge = { reserve, json: body, flags, done: false };
    if (!this.#isAgreed(purse_pub, terms, merge)) return refusal(403, 1778);
    const purse = this.#purses.get(purse_pub) ?? { terms, deposits: [], econtract, total: 0n, merge };
    this.#purses.set(purse_pub, purse);
    return { status: 200, json: this.#confirmation(purse_pub, purse) };
  }

  #create(key: string, { deposits, econtract, ...terms }: KeysJson): Answer {
    const fault = this.#faultOf(key, terms, econtract);
    if (fault) return fault;
    const known = this.#purses.get(key);
    const purse = known ?? { terms, deposits: [], econtract, total: 0n };
    if (known && known.econtract.econtract !== econtract.econtract) {
      const { econtract_sig, contract_pub } = known.econtract;
      const h_econtract = encodeBase32(CRYPTO.hash.sha512(bytes(known.econtract.econtract)));
      return refusal(409, 1859, { h_econtract, econtract_sig, contract_pub });
    }
    this.#purses.set(key, purse);
    return this.#pay(key, purse, deposits);
  }

  #deposit(key: string, deposits: KeysJson[]): Answer {
    const purse = this.#purses.get(key);
    if (!purse) return refusal(404, 1025);
    const answer = purse.end ? refusal(410, purse.end) : this.#pay(key, purse, deposits);
    const { h_contract_terms, purse_expiration, amount: purse_value_after_fees } = purse.terms;
    if (answer.status === 200)
      Object.assign(answer.json, { h_contract_terms, purse_expiration, purse_value_after_fees });
    return answer;
  }

  #pay(key: string, purse: Purse, deposits: KeysJson[]): Answer {
    for (const deposit of deposits) {
      const earlier = purse.deposits.find(({ coin_pub }) => coin_pub === deposit.coin_pub);
      if (earlier?.coin_sig === deposit.coin_sig) continue;
      const fault = this.#faultOfCoin(key, purse, deposit);
      if (fault) return fault;
      if (earlier) {
        const { coin_pub, coin_sig, denom_pub_hash: h_denom_pub, amount: paid } = earlier;
        return refusal(409, 1858, { coin_pub, coin_sig, h_denom_pub, amount: paid });
      }
      const conflict = this.coins.spend(deposit, key, this.exchange.baseUrl());
      if (conflict) return conflict;
      purse.deposits.push(deposit);
      purse.total += parseAmount(deposit.amount).units - this.coins.denominationOf(deposit).fees.deposit.units;
    }
    const isFull = purse.total >= parseAmount(purse.terms.amount).units;
    if (purse.merge && !purse.merge.done && isFull) this.#credit(key, purse);
    return { status: 200, json: this.#confirmation(key, purse) };
  }

  #merge(key: string, json: KeysJson): Answer {
    const purse = this.#purses.get(key);
    if (!purse) return refusal(404, 1025);
    if (purse.end) return refusal(410, purse.end);
    const reserve = json.payto_uri.split('/').at(-1);
    const merge = { reserve, json, flags: 1, done: false };
    if (!this.#isAgreed(key, purse.terms, merge)) return refusal(403, 1877);
    if (purse.total < parseAmount(purse.terms.amount).units) return refusal(402, 1878);
    if (purse.merge && purse.merge.json.merge_sig !== json.merge_sig) {
      const { merge_timestamp, merge_sig } = purse.merge.json;
      return refusal(409, 1676, { merge_timestamp, merge_sig, reserve_pub: purse.merge.reserve });
    }
    if (!purse.merge) {
      purse.merge = merge;
      this.#credit(key, purse);
    }
    const signed = message('PurseMergedConfirmation', {
      ...this.#agreed(key, purse.terms),
      exchangeTime: NOW,
      amountWithoutFee: parseAmount(purse.terms.amount),
      reservePub: bytes(reserve),
      hProviderUrl: CRYPTO.hash.text(this.exchange.baseUrl()),
    });
    const answer = { merge_amount: purse.terms.amount, exchange_timestamp: { t_s: NOW }, ...signedBy(signed) };
    return { status: 200, json: answer };
  }

  #credit(key: string, purse: Purse): void {
    const { reserve: name, json, flags } = purse.merge as NonNullable<Purse['merge']>;
    const reserve = this.exchange.reserve(name);
    const { amount: value, h_contract_terms, purse_expiration, min_age, merge_pub } = purse.terms;
    reserve.credited += parseAmount(value).units;
    const { reserve_sig, merge_timestamp } = json;
    const agreed = { h_contract_terms, purse_expiration, min_age, merge_pub, reserve_sig, merge_timestamp, flags };
    reserve.history.push({
      type: 'MERGE',
      amount: value,
      purse_fee: amount(0n),
      purse_pub: key,
      merged: true,
      ...agreed,
    });
    (purse.merge as { done: boolean }).done = true;
  }

  #status(key: string): Answer {
    const purse = this.#purses.get(key);
    if (!purse) return refusal(404, 1025);
    if (purse.end) return refusal(410, purse.end);
    const isFull = purse.total >= parseAmount(purse.terms.amount).units;
    const mergedAt = purse.merge?.done ? purse.merge.json.merge_timestamp.t_s : undefined;
    const signed = message('PurseStatus', {
      mergeTimestamp: mergedAt ?? NEVER,
      depositTimestamp: isFull ? NOW : 0,
      balance: { currency: CURRENCY, units: purse.total },
    });
    const json = {
      balance: amount(purse.total),
      purse_expiration: purse.terms.purse_expiration,
      ...(mergedAt === undefined ? {} : { merge_timestamp: { t_s: mergedAt } }),
      ...(isFull ? { deposit_timestamp: { t_s: NOW } } : {}),
      ...signedBy(signed),
    };
    return { status: 200, json };
  }

  #remove(key: string, signature: string): Answer {
    const purse = this.#purses.get(key);
    if (!verifies(message('PurseDelete', {}), signature, key)) return refusal(403, 1680);
    if (!purse) return refusal(404, 1025);
    if (purse.merge?.done || purse.end === 1026) return refusal(409, 1679);
    this.#finish(purse, key, 1031);
    return { status: 204 };
  }

  #finish(purse: Purse, key: string, end: 1026 | 1031): void {
    purse.end = end;
    for (const { coin_pub, amount: paid } of purse.deposits) this.coins.refund(coin_pub, key, paid);
  }

  /** Signatures of purse and contract, and whether the purse has other terms. */
  #faultOf(key: string, terms: KeysJson, econtract: KeysJson): Answer | undefined {
    const created = message('PurseCreate', {
      purseExpiration: terms.purse_expiration.t_s,
      purseAmount: parseAmount(terms.amount),
      hContractTerms: bytes(terms.h_contract_terms),
      mergePub: bytes(terms.merge_pub),
      minAge: terms.min_age,
    });
    if (!verifies(created, terms.purse_sig, key)) return refusal(403, 1855);
    const hEcontract = CRYPTO.hash.sha512(bytes(econtract.econtract));
    const written = message('PurseContract', { hEcontract, contractPub: bytes(econtract.contract_pub) });
    if (!verifies(written, econtract.econtract_sig, key)) return refusal(403, 1856);
    const known = this.#purses.get(key);
    if (!known || known.terms.purse_sig === terms.purse_sig) return undefined;
    const { amount: value, min_age, purse_expiration, purse_sig, h_contract_terms, merge_pub } = known.terms;
    return refusal(409, 1850, { amount: value, min_age, purse_expiration, purse_sig, h_contract_terms, merge_pub });
  }

  #faultOfCoin(key: string, { terms }: Purse, deposit: KeysJson): Answer | undefined {
    const { age_commitment, attest, coin_pub, coin_sig, ub_sig } = deposit;
    const { pub, ageMask: mask, cipher } = this.coins.denominationOf(deposit);
    const publicKeys = age_commitment?.map(bytes);
    const hAgeCommitment = publicKeys && CRYPTO.age.commitmentHash(publicKeys);
    const ageMask = mask;
    const denomination = CRYPTO.denomination(
      cipher === 'RSA' ? { cipher, ageMask, rsaPub: pub } : { cipher, ageMask, csPub: pub },
    );
    const coinPubHash = CRYPTO.hash.coinPub(bytes(coin_pub), hAgeCommitment);
    if (!denomination.verify(coinPubHash, parseDenominationSignature(ub_sig))) return refusal(403, 1006);
    const signed = message('PurseDeposit', {
      coinAmount: parseAmount(deposit.amount),
      hDenomPub: bytes(deposit.denom_pub_hash),
      hAgeCommitment,
      pursePub: bytes(key),
      hExchangeBaseUrl: CRYPTO.hash.text(this.exchange.baseUrl()),
    });
    if (!verifies(signed, coin_sig, coin_pub)) return refusal(403, 1975);
    if (terms.min_age === 0 || !publicKeys) return undefined;
    const isOldEnough = CRYPTO.age.verify({ mask, publicKeys }, terms.min_age, attest && bytes(attest));
    return isOldEnough ? undefined : refusal(400, 1030);
  }

  #agreed = (key: string, terms: KeysJson) => ({
    purseExpiration: terms.purse_expiration.t_s,
    hContractTerms: bytes(terms.h_contract_terms),
    pursePub: bytes(key),
  });

  /** Whether the merge key and the reserve signed. */
  #isAgreed(key: string, terms: KeysJson, { reserve, json, flags }: NonNullable<Purse['merge']>): boolean {
    const mergeTimestamp = json.merge_timestamp.t_s;
    const hPayto = CRYPTO.hash.normalizedPayto(reservePayto(this.exchange.baseUrl(), bytes(reserve)));
    const moved = message('PurseMerge', { mergeTimestamp, pursePub: bytes(key), hPayto });
    const agreed = message('AccountMerge', {
      ...this.#agreed(key, terms),
      purseAmount: parseAmount(terms.amount),
      purseFee: parseAmount(json.purse_fee ?? amount(0n)),
      mergeTimestamp,
      minAge: terms.min_age,
      flags,
    });
    return verifies(moved, json.merge_sig, terms.merge_pub) && verifies(agreed, json.reserve_sig, reserve);
  }

  #confirmation(key: string, { terms, total }: Purse) {
    const signed = message('PurseCreateDepositConfirmation', {
      ...this.#agreed(key, terms),
      exchangeTime: NOW,
      amountWithoutFee: parseAmount(terms.amount),
      totalDeposited: { currency: CURRENCY, units: total },
    });
    return { total_deposited: amount(total), exchange_timestamp: { t_s: NOW }, ...signedBy(signed) };
  }
}
