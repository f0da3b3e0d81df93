import {
  type Coin,
  ExchangeClient,
  type ExchangeKeys,
  ExchangeRefused,
  ExchangeUnreachable,
  type Fetch,
  type MergeableContract,
  type OpenedContract,
  type Payment,
  type PeerContract,
  type PurseKeys,
  type RefusedRequest,
  type ReserveKeys,
} from '@florin/client';
import { serverPrimitives } from '@florin/crypto/server';
import { type Amount, encodeBase32, errorNameOf } from '@florin/encoding';
import type { Random } from '../random.js';
import { Broken } from './broken.js';
import type { Answer, Call } from './exchange.js';
import { BASE_URL, CURRENCY } from './settings.js';
import type { World } from './world.js';

export interface OwnReserve extends ReserveKeys {
  /** The bank account it is funded from; none for one that only merges purses. */
  readonly account: string | undefined;
  /** What its owner thinks is in it, in units; money on its way from the bank included. */
  holds: bigint;
}

/** Coins of one withdrawal, in its order. */
export interface Batch {
  readonly reserve: OwnReserve;
  readonly coins: readonly OwnCoin[];
}

export interface OwnCoin {
  readonly coin: Coin;
  batch: Batch;
  /** What its owner thinks that it may still spend, in units. */
  left: bigint;
}

export interface OwnPurse {
  readonly keys: PurseKeys;
  readonly contract: PeerContract;
  readonly payments: readonly Payment[];
  /** The reserve that it goes to once it is full; none where its keys are handed over. */
  readonly askedBy: OwnReserve | undefined;
  isFull: boolean;
  isOver: boolean;
}

/** What a wallet may be told: refusals that are no news to it, and what it asked for, to judge their proofs. */
export interface Expected {
  readonly codes: readonly number[];
  readonly asked?: RefusedRequest;
}

/** A request whose outcome the wallet does not know: the answer was lost. */
export interface OpenRequest {
  readonly resume: () => Promise<unknown>;
}

const REMEMBERED = 40;

/** One person with a wallet: what it holds, and how it asks until it knows. */
export class Wallet {
  readonly client: ExchangeClient;
  readonly reserves: OwnReserve[] = [];
  readonly coins: OwnCoin[] = [];
  readonly purses: OwnPurse[] = [];
  /** Push payments to it, and requests that it pays. */
  readonly inbox: MergeableContract[] = [];
  readonly invoices: OpenedContract[] = [];
  /** Purses that it merged or may have merged. */
  readonly merged: MergeableContract[] = [];
  open: OpenRequest[] = [];
  readonly sent: { readonly call: Call; readonly answer: Answer }[] = [];
  steps = 0;

  constructor(
    readonly world: World,
    readonly name: string,
    readonly random: Random,
  ) {
    this.client = new ExchangeClient({
      baseUrl: BASE_URL,
      randomBytes: (sizeBytes) => random.bytes(sizeBytes),
      primitives: serverPrimitives,
      masterPub: world.masterPub,
      fetch: this.fetch,
    });
  }

  /** Seconds since 1970. */
  get now(): number {
    return Math.floor(Date.now() / 1000);
  }

  keys(): Promise<ExchangeKeys> {
    return this.client.keys();
  }

  /** Sends a request and remembers both sides of it. @returns undefined if the exchange crashed before it answered */
  async send(call: Call): Promise<Answer | undefined> {
    const answer = await this.world.exchange.send(call);
    this.world.history.told(this.name, call, answer);
    if (answer && call.method !== 'GET' && call.path !== '/csr-withdraw') {
      this.sent.push({ call, answer });
      if (this.sent.length > REMEMBERED) this.sent.splice(this.random.below(REMEMBERED), 1);
    }
    return answer;
  }

  /**
   * Does something until its outcome is known, or leaves it for later if the answer was lost.
   * @param operation sends the same bytes each time
   * @returns undefined if it was refused, or is left for later
   */
  async attempt<T>(what: string, operation: () => Promise<T>, expected: Expected): Promise<T | undefined> {
    this.world.tally.count(`try to ${what}`);
    return this.resume(what, operation, expected);
  }

  /** What somebody does with a doubtful outcome at the end: asks again until there is none. */
  async settle(): Promise<void> {
    while (this.open.length > 0) {
      const { resume } = this.open.shift() as OpenRequest;
      await resume();
    }
  }

  private async resume<T>(what: string, operation: () => Promise<T>, expected: Expected): Promise<T | undefined> {
    const { tally } = this.world;
    for (;;) {
      try {
        return await operation();
      } catch (error) {
        if (error instanceof ExchangeUnreachable) {
          tally.count('answer lost');
          if (this.world.isEnding || this.random.chance(0.4)) continue;
          this.open.push({ resume: () => this.resume(what, operation, expected) });
          return undefined;
        }
        if (!(error instanceof ExchangeRefused)) throw new Broken(`${this.name} tries to ${what}: ${error}`, error);
        if (error.isTemporary) {
          tally.count('told to come again');
          await this.world.pause();
          continue;
        }
        await this.judge(what, error, expected);
        return undefined;
      }
    }
  }

  /** A refusal must be one that can be, and prove what it says. */
  private async judge(what: string, refusal: ExchangeRefused, { codes, asked = {} }: Expected): Promise<void> {
    const { status, code, body } = refusal;
    const name = errorNameOf(code) ?? String(code);
    if (status >= 500 || !codes.includes(code)) throw new Broken(`${this.name} tries to ${what}: ${refusal.message}`);
    this.world.tally.count(`refused ${status} ${name}`);
    for (;;) {
      try {
        const proof = await this.client.verifyRefusal(refusal, asked);
        if (proof) this.world.tally.count(`proof verified: ${proof.kind}`);
        if (proof?.kind === 'legitimization-needed') this.world.officer.told(proof);
        if (proof?.kind === 'denomination-gone' && proof.reason === 'revoked')
          await this.client.keys({ refresh: true });
        return;
      } catch (error) {
        const isGone = error instanceof ExchangeUnreachable || (error instanceof ExchangeRefused && error.isTemporary);
        if (isGone) {
          await this.world.pause();
          continue;
        }
        throw new Broken(
          `${this.name} tries to ${what}: the proof of ${code} is bad: ${error} ${JSON.stringify(body)}`,
        );
      }
    }
  }

  private readonly fetch: Fetch = async (url, { method, headers, body }) => {
    const path = url.slice(BASE_URL.length - 1);
    const text = body && new TextDecoder().decode(body);
    const answer = await this.send({
      method: method as Call['method'],
      path,
      headers,
      ...(text === undefined ? {} : { body: text }),
    });
    if (!answer) throw new Error('the connection is gone');
    const { status } = answer;
    return replyOf(status, answer);
  };
}

/** What the client reads of a `Response`; a real one costs as much as the rest of the request. */
function replyOf(status: number, { headers, text }: Answer): Response {
  const chunks = [new TextEncoder().encode(text)];
  const read = async () => ({ done: chunks.length === 0, value: chunks.pop() });
  const body = { getReader: () => ({ read, cancel: async () => undefined }) };
  return { status, headers: new Headers(headers), body } as unknown as Response;
}

export const money = (units: bigint): Amount => ({ currency: CURRENCY, units });
export const nameOf = (pub: Uint8Array): string => encodeBase32(pub);
