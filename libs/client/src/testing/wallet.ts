import { randomBytes } from 'node:crypto';
import { serverPrimitives } from '@florin/crypto/server';
import { ExchangeClient } from '../exchange-client.js';
import type { ReserveKeys } from '../reserve.js';
import type { Coin } from '../withdraw.js';
import { kudos, NOW } from './signed-keys.js';
import type { Answer, SmallExchange } from './small-exchange.js';

/* Test support: people with a client of the small exchange, and money in it. */

export const draw = (sizeBytes: number): Uint8Array => new Uint8Array(randomBytes(sizeBytes));

export const newClient = ({ baseUrl }: SmallExchange, options: object = {}): ExchangeClient =>
  new ExchangeClient({ baseUrl, randomBytes: draw, primitives: serverPrimitives, now: () => NOW, ...options });

export interface Withdrawn {
  readonly reserve: ReserveKeys;
  readonly coins: readonly Coin[];
}

/** Coins that cost this much with their fees, out of a reserve of their own. */
export async function withdrawn(
  exchange: SmallExchange,
  client: ExchangeClient,
  amount: string,
  options: { readonly maxAge?: number; readonly cipher?: 'RSA' | 'CS' } = {},
): Promise<Withdrawn> {
  const reserve = client.newReserve();
  exchange.credit(reserve.reservePub, kudos(amount));
  const { coins } = await client.withdraw(reserve.reservePriv, kudos(amount), options);
  return { reserve, coins };
}

/** Every payment that coins can make with all they have. */
export const whole = (coins: readonly Coin[]) => coins.map((coin) => ({ coin, amount: coin.value }));

/** Changes the JSON of answers to requests that begin so. */
export function spoilJson(exchange: SmallExchange, start: string, change: (json: Answer['json']) => void): void {
  exchange.spoil = (name, answer) => {
    if (name.startsWith(start)) change(answer.json);
    return undefined;
  };
}
