import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { encodeBlindSignature, parseBlindedPlanchet } from '@florin/crypto';
import { type Amount, decodeBase32, encodeBase32, formatAmount, message } from '@florin/encoding';
import {
  CLOSING_FEE,
  CRYPTO,
  CURRENCY,
  DENOMINATIONS,
  exchangeSignature,
  hashOf,
  type KeysJson,
  keysJson,
  NOW,
  nameOf,
  signingPub,
  type TestDenomination,
  wireJson,
} from './signed-keys.js';
import { SmallCoins } from './small-coins.js';
import { SmallPurses } from './small-purses.js';

/*
 * Test support: an exchange that keeps its reserves in memory and knows just what a wallet asks of it, over real HTTP
 * and with real signatures; written from spec/*.txt and protocol/endpoints.md, from no code of ours. A test may spoil
 * what it answers, to see that the client notices.
 */

/** A request as it came. */
export interface Seen {
  readonly name: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export interface Answer {
  status: number;
  // biome-ignore lint/suspicious/noExplicitAny: tests change members of every depth
  json?: any;
  /** Instead of JSON. */
  text?: string;
  headers?: Record<string, string>;
}

export interface Reserve {
  credited: bigint;
  readonly withdrawn: { readonly json: KeysJson; readonly units: bigint; readonly signature: object }[];
  closed: bigint;
  readonly history: object[];
  /** Envelope hashes of each withdrawal, in its order. */
  readonly batches: string[][];
  summary(): { readonly balance: string };
}

const SENDER = 'payto://x-taler-bank/127.0.0.1:8083/alice?receiver-name=Alice';
const amount = (units: bigint): string => formatAmount({ currency: CURRENCY, units });

export class SmallExchange {
  readonly seen: Seen[] = [];
  /** Sees each answer before it is sent and may change it, or give another. */
  spoil: (name: string, answer: Answer) => Answer | undefined = () => undefined;
  readonly coins = new SmallCoins({ reserves: () => this.#reserves });
  readonly purses = new SmallPurses(
    { baseUrl: () => this.#baseUrl, reserve: (name) => this.#reserve(name) },
    this.coins,
  );
  readonly #reserves = new Map<string, Reserve>();
  readonly #server: Server;
  #baseUrl = '';

  private constructor() {
    this.#server = createServer((request, response) => {
      void readBody(request).then((body) => {
        const name = `${request.method} ${request.url}`;
        this.seen.push({ name, headers: request.headers, body });
        const answer = this.#answer(name, request.headers, body);
        const { status, json, text, headers } = this.spoil(name, answer) ?? answer;
        response.writeHead(status, { 'Content-Type': 'application/json', ...headers });
        response.end(text ?? (json === undefined ? undefined : JSON.stringify(json)));
      });
    });
  }

  static async start(): Promise<SmallExchange> {
    const exchange = new SmallExchange();
    await new Promise<void>((resolve) => exchange.#server.listen(0, '127.0.0.1', resolve));
    exchange.#baseUrl = `http://127.0.0.1:${(exchange.#server.address() as AddressInfo).port}/`;
    return exchange;
  }

  get baseUrl(): string {
    return this.#baseUrl;
  }

  stop(): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  /** A transfer from Alice has arrived. */
  credit(reservePub: Uint8Array, { units }: Amount): void {
    const reserve = this.#reserve(encodeBase32(reservePub));
    reserve.credited += units;
    reserve.history.push({
      type: 'CREDIT',
      amount: amount(units),
      sender_account_url: SENDER,
      wire_reference: reserve.history.length + 1,
      timestamp: { t_s: NOW },
    });
  }

  #reserve(name: string): Reserve {
    const known = this.#reserves.get(name);
    if (known) return known;
    const summary = () => ({ balance: amount(balanceOf(made)) });
    const made: Reserve = { credited: 0n, withdrawn: [], closed: 0n, history: [], batches: [], summary };
    this.#reserves.set(name, made);
    return made;
  }

  /** Requests to a path, by its first words. */
  requests(start: string): Seen[] {
    return this.seen.filter(({ name }) => name.startsWith(start));
  }

  #answer(name: string, headers: IncomingMessage['headers'], body: string): Answer {
    const [method, url = ''] = name.split(' ');
    const [path = '', query = ''] = url.split('?');
    const [, first, key = '', operation] = path.split('/');
    if (first === 'keys') return this.#keys(headers['if-none-match']);
    if (first === 'wire') return { status: 200, json: wireJson() };
    if (first === 'config') {
      return { status: 200, json: { name: 'taler-exchange', version: '24:0:12', currency: CURRENCY, recoup: [] } };
    }
    if (first === 'terms') {
      return { status: 200, text: 'Be honest.\n', headers: { 'Content-Type': 'text/plain', ETag: '"1"' } };
    }
    if (first === 'csr-withdraw') return csrWithdraw(JSON.parse(body));
    if (first === 'kyc-check') return operation === '1' ? { status: 204 } : kycPending(path);
    if (first === 'contracts') return this.purses.contract(key);
    if (first === 'purses') return this.purses.answer(method ?? '', [key, operation ?? ''], headers, body);
    if (first === 'recoup-withdraw') return this.coins.recoup(JSON.parse(body));
    if (first === 'coins' && operation === 'recoup') return this.coins.recoupOne(key, JSON.parse(body));
    const start = Number(/start=(\d+)/.exec(query)?.[1] ?? 0);
    if (first === 'coins') return this.coins.history(key, headers['taler-coin-history-signature'] as string, start);
    if (first === 'reserves' && operation === 'purse') return this.purses.request(key, JSON.parse(body));
    const reserve = this.#reserves.get(key);
    if (first !== 'reserves' || !reserve) return refusal(404, 1027);
    if (operation === 'history') return this.#history(key, reserve, headers, start);
    if (operation === 'batch-withdraw') return batchWithdraw(key, reserve, JSON.parse(body));
    if (operation === 'close') return close(key, reserve, JSON.parse(body));
    if (method !== 'GET') return refusal(405, 20);
    return { status: 200, json: { ...reserve.summary(), last_origin: SENDER, reserve_expiration: { t_s: NOW + 100 } } };
  }

  #keys(known: string | undefined): Answer {
    const headers = { ETag: '"keys-1"', 'Cache-Control': 'public, max-age=60' };
    return known === '"keys-1"' ? { status: 304, headers } : { status: 200, json: keysJson(this.#baseUrl), headers };
  }

  #history(key: string, reserve: Reserve, headers: IncomingMessage['headers'], start: number): Answer {
    const signed = message('ReserveHistoryRequest', { startOff: BigInt(start) });
    if (!verifies(signed, headers['taler-reserve-history-signature'] as string, key)) return refusal(403, 1252);
    const history = reserve.history.slice(start);
    return history.length === 0
      ? { status: 204 }
      : { status: 200, json: { balance: amount(balanceOf(reserve)), history } };
  }
}

function balanceOf({ credited, withdrawn, closed }: Reserve): bigint {
  return credited - closed - withdrawn.reduce((sum, { units }) => sum + units, 0n);
}

function batchWithdraw(key: string, reserve: Reserve, { planchets }: KeysJson): Answer {
  const coins = planchets.map((planchet: KeysJson) => priced(key, planchet));
  if (coins.includes(undefined)) return refusal(403, 1154);
  const earlier = coins.map(({ entry }: KeysJson) =>
    reserve.withdrawn.find(({ json }) => json.h_coin_envelope === entry.h_coin_envelope),
  );
  if (earlier.every((coin: object | undefined) => coin !== undefined)) {
    return { status: 200, json: { ev_sigs: earlier.map(({ signature }: KeysJson) => ({ ev_sig: signature })) } };
  }
  const cost = coins.reduce((sum: bigint, { units }: { units: bigint }) => sum + units, 0n);
  if (cost > balanceOf(reserve)) {
    const proof = { balance: amount(balanceOf(reserve)), requested_amount: amount(cost), history: reserve.history };
    return refusal(409, 1150, proof);
  }
  reserve.batches.push(coins.map(({ entry }: KeysJson) => entry.h_coin_envelope));
  for (const { entry, units, signature } of coins) {
    reserve.withdrawn.push({ json: entry, units, signature });
    reserve.history.push(entry);
  }
  return { status: 200, json: { ev_sigs: coins.map(({ signature }: KeysJson) => ({ ev_sig: signature })) } };
}

/** A planchet with its price and signature; undefined when the reserve did not sign for it. */
function priced(reserveName: string, { denom_pub_hash, coin_ev, reserve_sig }: KeysJson) {
  const denomination = DENOMINATIONS.find((candidate) => nameOf(candidate) === denom_pub_hash) as TestDenomination;
  const planchet = parseBlindedPlanchet(coin_ev);
  const hCoinEnvelope = CRYPTO.hash.envelope(hashOf(denomination), planchet);
  const units = denomination.value.units + denomination.fees.withdraw.units;
  const amountWithFee = { currency: CURRENCY, units };
  const signed = message('WithdrawRequest', { amountWithFee, hDenominationPub: hashOf(denomination), hCoinEnvelope });
  if (!verifies(signed, reserve_sig, reserveName)) return undefined;
  const entry = {
    type: 'WITHDRAW',
    amount: amount(units),
    withdraw_fee: amount(denomination.fees.withdraw.units),
    h_denom_pub: denom_pub_hash,
    h_coin_envelope: encodeBase32(hCoinEnvelope),
    reserve_sig,
  };
  const signature = encodeBlindSignature(
    planchet.cipher === 'RSA'
      ? { cipher: 'RSA', blindSignature: denomination.rsa?.sign(planchet.blindedPlanchet) as Uint8Array }
      : { cipher: 'CS', ...CRYPTO.cs.sign(denomination.csPriv as Uint8Array, planchet, 'withdraw') },
  );
  return { entry, units, signature };
}

function csrWithdraw({ nonce, denom_pub_hash }: KeysJson): Answer {
  const denomination = DENOMINATIONS.find((candidate) => nameOf(candidate) === denom_pub_hash);
  const { rPub0, rPub1 } = CRYPTO.cs.deriveR(denomination?.csPriv as Uint8Array, decodeBase32(nonce), 'withdraw');
  return { status: 200, json: { ewv: { cipher: 'CS', r_pub_0: encodeBase32(rPub0), r_pub_1: encodeBase32(rPub1) } } };
}

function close(key: string, reserve: Reserve, { request_timestamp, payto_uri, reserve_sig }: KeysJson): Answer {
  const hPayto = payto_uri === undefined ? undefined : CRYPTO.hash.fullPayto(payto_uri);
  const signed = message('ReserveClose', { requestTimestamp: request_timestamp.t_s, targetAccountHPayto: hPayto });
  if (!verifies(signed, reserve_sig, key)) return refusal(403, 1786);
  const debited = balanceOf(reserve);
  const wired = debited > CLOSING_FEE.units ? debited - CLOSING_FEE.units : 0n;
  if (wired > 0n) closed(key, reserve, debited, payto_uri ?? SENDER);
  return { status: 200, json: { wire_amount: amount(wired) } };
}

function closed(key: string, reserve: Reserve, debited: bigint, receiver: string): void {
  reserve.closed += debited;
  const wtid = CRYPTO.hash.sha512(decodeBase32(key)).slice(0, 32);
  const signed = message('ReserveCloseConfirmation', {
    timestamp: NOW,
    closingAmount: { currency: CURRENCY, units: debited },
    closingFee: CLOSING_FEE,
    reservePub: decodeBase32(key),
    hPayto: CRYPTO.hash.fullPayto(receiver),
    wtid,
  });
  reserve.history.push({
    type: 'CLOSING',
    amount: amount(debited),
    closing_fee: amount(CLOSING_FEE.units),
    wtid: encodeBase32(wtid),
    receiver_account_details: receiver,
    timestamp: { t_s: NOW },
    exchange_pub: encodeBase32(signingPub),
    exchange_sig: exchangeSignature(signed),
  });
}

function kycPending(path: string): Answer {
  return { status: 202, json: { kyc_url: `https://kyc.example${path}` } };
}

export function refusal(status: number, code: number, proof: object = {}): Answer {
  return { status, json: { code, hint: `says the small exchange: ${code}`, ...proof } };
}

export function verifies(signed: Uint8Array, signature: string, pub: string): boolean {
  return CRYPTO.eddsa.verify(signed, decodeBase32(signature), decodeBase32(pub));
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
