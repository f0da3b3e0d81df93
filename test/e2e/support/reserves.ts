/** What surrounds a withdrawal: money from the bank, the summary, closing, and what the bank says about it. */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { decodeBase32, formatAmount, message, timestampJson } from '@florin/encoding';
import { expect } from 'vitest';
import { fundReserve, type RunningExchange } from '../../support/exchange.js';
import { newReserve, type Reserve } from './coins.js';
import { expectOk, type Json, patiently, type Reply, send } from './http.js';
import { CURRENCY, now, units } from './offers.js';
import { oracle } from './oracle.js';

export const formatUnits = (value: bigint): string => formatAmount({ currency: CURRENCY, units: value });

/** A bank account that nobody else uses. */
export const newAccount = (): string => {
  const name = `u${randomBytes(6).toString('hex')}`;
  return `payto://x-taler-bank/localhost/${name}?receiver-name=${name}`;
};

/** Waits, as long as the test may take, for what happens by itself. */
export async function eventually<T>(look: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const seen = await look();
    if (seen !== undefined) return seen;
    await sleep(50);
  }
}

/** A new reserve with this much money in it. */
export async function fundedReserve(
  exchange: RunningExchange,
  amount: string,
  account: string = newAccount(),
): Promise<Reserve> {
  const reserve = newReserve();
  await fundReserve(exchange, reserve.pub, `${CURRENCY}:${amount}`, account);
  expectOk(await patiently(() => send(`${exchange.baseUrl}reserves/${reserve.pub}?timeout_ms=60000`)));
  return reserve;
}

/** Adds to a reserve that is there already. */
export async function addFunds(exchange: RunningExchange, reserve: Reserve, amount: string, account: string) {
  const before = await balanceOf(exchange.baseUrl, reserve);
  await fundReserve(exchange, reserve.pub, `${CURRENCY}:${amount}`, account);
  await eventually(async () => ((await balanceOf(exchange.baseUrl, reserve)) > before ? true : undefined));
}

export const summaryOf = async (baseUrl: string, { pub }: { readonly pub: string }): Promise<Json> =>
  expectOk(await patiently(() => send(`${baseUrl}reserves/${pub}`)));

/** Units. */
export const balanceOf = async (baseUrl: string, reserve: { readonly pub: string }): Promise<bigint> =>
  units((await summaryOf(baseUrl, reserve)).balance as string);

/** The body of a close, signed. @param timestamp seconds */
export function closeBody(
  reserve: Reserve,
  { timestamp = now(), target }: { timestamp?: number; target?: string } = {},
) {
  const signed = message('ReserveClose', {
    requestTimestamp: timestamp,
    targetAccountHPayto: target === undefined ? undefined : oracle.hash.fullPayto(target),
  });
  return {
    request_timestamp: timestampJson(timestamp),
    reserve_sig: reserve.sign(signed),
    ...(target === undefined ? {} : { payto_uri: target }),
  };
}

export const postClose = (baseUrl: string, reservePub: string, json: unknown): Promise<Reply> =>
  send(`${baseUrl}reserves/${reservePub}/close`, { json });

export const close = (baseUrl: string, reserve: Reserve, how = {}): Promise<Reply> =>
  postClose(baseUrl, reserve.pub, closeBody(reserve, how));

/** What the exchange's bank account paid, newest last. */
export interface Payment {
  readonly row_id: number;
  readonly amount: string;
  readonly credit_account: string;
  readonly wtid: string;
  readonly exchange_base_url: string;
}

export async function paymentsOf({ bankUrl }: { readonly bankUrl: string }): Promise<Payment[]> {
  const payments: Payment[] = [];
  for (;;) {
    const start = payments.at(-1)?.row_id ?? 0;
    const url = `${bankUrl}accounts/exchange/taler-wire-gateway/history/outgoing?delta=500&start=${start}`;
    const reply = await send(url);
    if (reply.status === 204) return payments;
    expect(reply.status).toBe(200);
    payments.push(...(reply.json.outgoing_transactions as Payment[]));
  }
}

/** The payments to one account, once there are at least `count`. */
export const paymentsTo = (exchange: { readonly bankUrl: string }, account: string, count = 1): Promise<Payment[]> =>
  eventually(async () => {
    const found = (await paymentsOf(exchange)).filter(({ credit_account }) => credit_account === account);
    return found.length >= count ? found : undefined;
  });

/** The next `count` attempts to pay `name` fail. */
export async function failTransfers(
  { bankUrl }: { readonly bankUrl: string },
  name: string,
  status: 'transient_failure' | 'permanent_failure' | 'pending',
  count: number,
): Promise<void> {
  const url = `${bankUrl}accounts/${name}/development/fail-transfers`;
  expect((await send(url, { json: { status, count } })).status).toBe(200);
}

/** The name of an `x-taler-bank` account. */
export const accountName = (uri: string): string =>
  new URL(uri.replace('payto:', 'http:')).pathname.split('/').at(-1) ?? '';

export const reserveBytes = ({ pub }: { readonly pub: string }): Uint8Array => decodeBase32(pub, 32);
