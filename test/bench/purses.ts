/**
 * What payments between people cost: purses of one coin, of as many coins as fit into a request, and merges. Each coin
 * is a real one, withdrawn before, and pays once.
 */
import { randomBytes } from 'node:crypto';
import { type Coin, ExchangeClient, PAYMENTS_MAX } from '@florin/client';
import { encodeDenominationSignature, type Taler, taler } from '@florin/crypto';
import { serverPrimitives } from '@florin/crypto/server';
import {
  type Amount,
  encodeBase32,
  formatAmount,
  message,
  parseAmount,
  reservePayto,
  timestampJson,
} from '@florin/encoding';
import { fundReserve, type RunningExchange } from '../support/exchange.js';
import type { BareCost } from './bare-cost.js';
import { type PreparedRequest, run } from './load.js';
import { CONNECTIONS, measured, perSecond, type Row } from './rows.js';

/** Requests of each kind, after those that only warm the exchange up. */
const SINGLE = { warm: 250, measured: 1000 };
const LARGE = { warm: 2, measured: 10 };
const HOUR_S = 3600;
const COINS_PER_BATCH = 250;
const { eddsa, hash }: Taler = taler(serverPrimitives);

/** The figures by themselves, for `--json`. */
export interface PurseFigures {
  readonly createsPerSecond: number;
  readonly createCpuMs: number;
  /** Of a coin in a request with as many as fit; and what its two signatures cost alone. */
  readonly coinCpuMs: number;
  readonly coinBareMs: number;
  readonly mergesPerSecond: number;
  readonly mergeCpuMs: number;
}

interface Purse {
  readonly pub: Uint8Array;
  readonly mergePriv: Uint8Array;
  readonly target: Amount;
  readonly contractHash: Uint8Array;
  readonly create: PreparedRequest;
}

export async function benchPurses(
  exchange: RunningExchange,
  { rsaVerifyMs, ed25519VerifyMs, ed25519SignMs }: BareCost,
): Promise<{ rows: Row[]; figures: PurseFigures }> {
  const { baseUrl } = exchange;
  const total = SINGLE.warm + SINGLE.measured + PAYMENTS_MAX * (LARGE.warm + LARGE.measured);
  const client = new ExchangeClient({ baseUrl, randomBytes: draw, primitives: serverPrimitives });
  const coins = await withdrawCoins(exchange, client, total);
  const fee = [...(await client.keys()).denominations.values()][0]?.fees.deposit as Amount;
  const expiration = Math.floor(Date.now() / 1000) + HOUR_S;
  const take = (count: number): Purse => preparePurse(baseUrl, coins.splice(0, count), { fee, expiration });
  const warmAndMeasured = async (counts: typeof SINGLE, size: number, bareMs: number) => {
    const purses = Array.from({ length: counts.warm + counts.measured }, () => take(size));
    const requests = purses.map(({ create }) => create);
    await run(baseUrl, requests.slice(0, counts.warm), CONNECTIONS);
    const kind = { name: `purse of ${size === 1 ? 'one coin' : `${size} coins`}`, coins: size, bareMs };
    return { purses, row: await measured(exchange, kind, requests.slice(counts.warm)) };
  };

  // A purse costs a verification of its own signature and a confirmation, and each coin two verifications.
  const coinBareMs = rsaVerifyMs + ed25519VerifyMs;
  const purseBareMs = ed25519VerifyMs + ed25519SignMs;
  const single = await warmAndMeasured(SINGLE, 1, purseBareMs + coinBareMs);
  const large = await warmAndMeasured(LARGE, PAYMENTS_MAX, purseBareMs + PAYMENTS_MAX * coinBareMs);
  const merges = single.purses.map((purse) => mergeRequest(baseUrl, purse, expiration));
  await run(baseUrl, merges.slice(0, SINGLE.warm), CONNECTIONS);
  const mergeKind = { name: 'merge', coins: 0, bareMs: 2 * ed25519VerifyMs + ed25519SignMs };
  const merge = await measured(exchange, mergeKind, merges.slice(SINGLE.warm));
  const figures = {
    createsPerSecond: perSecond(single.row),
    createCpuMs: single.row.serverCpuMsPerRequest,
    coinCpuMs: large.row.serverCpuMsPerRequest / PAYMENTS_MAX,
    coinBareMs,
    mergesPerSecond: perSecond(merge),
    mergeCpuMs: merge.serverCpuMsPerRequest,
  };
  return { rows: [single.row, large.row, merge], figures };
}

const draw = (sizeBytes: number): Uint8Array => new Uint8Array(randomBytes(sizeBytes));

/** Of the one denomination that the benchmark offers. */
async function withdrawCoins(exchange: RunningExchange, client: ExchangeClient, count: number): Promise<Coin[]> {
  const { denominations } = await client.plan(parseAmount('KUDOS:1'), { coinsMax: 1 });
  const [denomination] = denominations;
  if (!denomination) throw new Error('no denomination is valid now');
  const { reservePriv, reservePub } = client.newReserve();
  const account = 'payto://x-taler-bank/localhost/payer?receiver-name=P';
  await fundReserve(exchange, encodeBase32(reservePub), 'KUDOS:10000', account);
  await client.reserve(reservePub, { timeoutMs: 30_000 });
  const coins: Coin[] = [];
  while (coins.length < count) {
    const batch = Array(Math.min(COINS_PER_BATCH, count - coins.length)).fill(denomination);
    coins.push(...(await client.batchWithdraw(reservePriv, await client.preparePlanchets(draw(32), batch))));
  }
  return coins;
}

function preparePurse(
  baseUrl: string,
  coins: readonly Coin[],
  { fee, expiration }: { fee: Amount; expiration: number },
): Purse {
  const [purse, mergePriv, contractHash] = [eddsa.keyPair(draw(32)), draw(32), draw(64)];
  const units = coins.reduce((sum, { value }) => sum + value.units - fee.units, 0n);
  const target = { currency: fee.currency, units };
  const mergePub = eddsa.publicKey(mergePriv);
  const terms = { purseExpiration: expiration, purseAmount: target, hContractTerms: contractHash, mergePub, minAge: 0 };
  const hExchangeBaseUrl = hash.text(baseUrl);
  const body = {
    amount: formatAmount(target),
    min_age: 0,
    merge_pub: encodeBase32(mergePub),
    purse_sig: encodeBase32(purse.sign(message('PurseCreate', terms))),
    h_contract_terms: encodeBase32(contractHash),
    purse_expiration: timestampJson(expiration),
    deposits: coins.map(({ coinPriv, coinPub, denominationHash, signature, value }) => {
      const paid = { coinAmount: value, hDenomPub: denominationHash, pursePub: purse.publicKey, hExchangeBaseUrl };
      const signed = message('PurseDeposit', { ...paid, hAgeCommitment: undefined });
      return {
        amount: formatAmount(value),
        denom_pub_hash: encodeBase32(denominationHash),
        ub_sig: encodeDenominationSignature(signature),
        coin_pub: encodeBase32(coinPub),
        coin_sig: encodeBase32(eddsa.sign(signed, coinPriv)),
      };
    }),
  };
  const path = `purses/${encodeBase32(purse.publicKey)}/create`;
  const create = { method: 'POST', path, body: JSON.stringify(body) } as const;
  return { pub: purse.publicKey, mergePriv, target, contractHash, create };
}

/** Into a reserve that does not exist yet, as when somebody is paid for the first time. */
function mergeRequest(baseUrl: string, purse: Purse, expiration: number): PreparedRequest {
  const { pub: pursePub, mergePriv, target, contractHash } = purse;
  const reserve = eddsa.keyPair(draw(32));
  const payto_uri = reservePayto(baseUrl, reserve.publicKey);
  const mergeTimestamp = expiration - HOUR_S;
  const agreed = message('AccountMerge', {
    purseExpiration: expiration,
    purseAmount: target,
    purseFee: { currency: target.currency, units: 0n },
    hContractTerms: contractHash,
    pursePub,
    mergeTimestamp,
    minAge: 0,
    flags: 1,
  });
  const moved = message('PurseMerge', { mergeTimestamp, pursePub, hPayto: hash.normalizedPayto(payto_uri) });
  const body = {
    payto_uri,
    merge_timestamp: timestampJson(mergeTimestamp),
    merge_sig: encodeBase32(eddsa.sign(moved, mergePriv)),
    reserve_sig: encodeBase32(reserve.sign(agreed)),
  };
  return { method: 'POST', path: `purses/${encodeBase32(pursePub)}/merge`, body: JSON.stringify(body) };
}
