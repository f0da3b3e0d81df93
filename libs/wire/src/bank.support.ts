import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeBase32, parseJson } from '@florin/encoding';
import { onTestFinished } from 'vitest';
import { type DevelopmentBank, type DevelopmentBankOptions, startDevelopmentBank } from './development-bank.js';
import { WireGateway, type WireGatewayOptions } from './gateway-client.js';

/** What the specs of this room share: a running bank, a bank that answers nonsense, requests by hand. */

/** An empty folder that goes away with the test. */
export function freshFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'florin-bank-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A development bank that is closed with the test; with the system's clock, a free port and euros unless told. */
export async function runningBank(options: Partial<DevelopmentBankOptions> = {}): Promise<DevelopmentBank> {
  const bank = await startDevelopmentBank({
    folder: options.folder ?? freshFolder(),
    port: 0,
    currency: 'EUR',
    ...options,
  });
  onTestFinished(() => bank.close());
  return bank;
}

export function gatewayOf(bank: DevelopmentBank, options: Partial<WireGatewayOptions> = {}): WireGateway {
  return new WireGateway({ baseUrl: bank.gatewayUrl, currency: 'EUR', ...options });
}

/** A server whose every answer the test writes itself. @returns its base URL, ends in `/` */
export async function serverThat(
  answers: (request: IncomingMessage, response: ServerResponse) => unknown,
): Promise<string> {
  const server = createServer((request, response) => void answers(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

export interface Answer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: the shape of a reply is what the tests are about
  readonly json: any;
}

/** One request by hand. A body that is no string is sent as JSON. */
export async function call(url: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  const text = typeof body === 'string' || body === undefined ? body : JSON.stringify(body);
  const response = await fetch(url, text === undefined ? { headers } : { method: 'POST', body: text, headers });
  const reply = await response.text();
  return { status: response.status, json: reply === '' ? undefined : parseJson(reply) };
}

/** 32 bytes that are different for every number, as base32. */
export function keyNumber(number: number): string {
  return encodeBase32(keyBytes(number));
}

export function keyBytes(number: number, sizeBytes = 32): Uint8Array {
  const bytes = new Uint8Array(sizeBytes).fill(0xa5);
  new DataView(bytes.buffer).setUint32(0, number);
  return bytes;
}

export const ALICE = 'payto://x-taler-bank/localhost/alice?receiver-name=Alice';

/** Credits reserve `number` by the gateway's own endpoint. @returns the row */
export async function credit(bank: DevelopmentBank, number: number, amount = 'EUR:1'): Promise<bigint> {
  const body = { amount, reserve_pub: keyNumber(number), debit_account: ALICE };
  const { status, json } = await call(`${bank.gatewayUrl}admin/add-incoming`, body);
  if (status !== 200) throw new Error(`the bank answered ${status}`);
  return BigInt(json.row_id);
}

/** An order of the exchange to pay alice, as JSON. */
export function orderBody(number: number, changes: object = {}): object {
  return {
    request_uid: keyNumber(number) + keyNumber(number).slice(1),
    amount: 'EUR:2.5',
    exchange_base_url: 'https://exchange.example/',
    wtid: keyNumber(number),
    credit_account: ALICE,
    ...changes,
  };
}

/** A credit from alice for a reserve, as JSON. */
export const incomingBody = (number: number, changes: object = {}) => ({
  amount: 'EUR:1',
  reserve_pub: keyNumber(number),
  debit_account: ALICE,
  ...changes,
});
