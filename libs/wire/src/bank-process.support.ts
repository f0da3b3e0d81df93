import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseAmount } from '@florin/encoding';
import Database from 'better-sqlite3';
import { expect, onTestFinished } from 'vitest';
import { ALICE, freshFolder, keyBytes, keyNumber } from './bank.support.js';
import { WireGateway } from './gateway-client.js';
import { GatewayUnavailable } from './gateway-errors.js';
import { executeTransfer, prepareTransfer } from './transfer.js';

/** The bank as a process of its own, killed without warning while it works. */

export const MAIN = fileURLToPath(new URL('./development-bank-main.js', import.meta.url));

export interface BankProcess {
  readonly child: ChildProcess;
  readonly gateway: WireGateway;
  readonly gatewayUrl: string;
}

/** Starts the bank, killed with the test if it still runs. */
export async function spawnBank(folder: string): Promise<BankProcess> {
  const env = { PATH: process.env.PATH, FLORIN_DATA: folder, FLORIN_BANK_PORT: '0', FLORIN_BANK_CURRENCY: 'EUR' };
  const child = spawn(process.execPath, [MAIN], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  for await (const line of createInterface({ input: child.stdout })) {
    const gatewayUrl = /^wire gateway (\S+)$/.exec(line)?.[1];
    if (gatewayUrl) return { child, gatewayUrl, gateway: new WireGateway({ baseUrl: gatewayUrl, currency: 'EUR' }) };
  }
  throw new Error('the bank did not start');
}

async function kill({ child }: BankProcess): Promise<void> {
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

/** Order number n. */
const order = (number: number) =>
  prepareTransfer({
    requestUid: keyBytes(number, 64),
    amount: parseAmount('EUR:0.25'),
    exchangeBaseUrl: 'https://exchange.example/',
    wtid: keyBytes(number),
    creditAccount: ALICE,
  });

async function credit(gatewayUrl: string, number: number): Promise<number | undefined> {
  const body = JSON.stringify({ amount: 'EUR:1', reserve_pub: keyNumber(number), debit_account: ALICE });
  const response = await fetch(`${gatewayUrl}admin/add-incoming`, { method: 'POST', body }).catch(() => undefined);
  return response && ((await response.json().catch(() => ({}))) as { row_id?: number }).row_id;
}

/**
 * Kills the bank that many times while orders and credits are on their way, and checks afterwards that it keeps what it
 * acknowledged, once, and that its books balance.
 */
export async function killAtWork(kills: number): Promise<void> {
  const folder = freshFolder();
  const credited = new Map<number, number>();
  const confirmed = new Map<number, bigint>();
  let number = 0;
  let open: number | undefined;

  for (let life = 0; life < kills; life++) {
    const bank = await spawnBank(folder);
    // The order whose answer the last kill swallowed is sent again first: same bytes, one payment.
    if (open !== undefined) {
      const outcome = await executeTransfer(bank.gateway, order(open));
      if (outcome.kind !== 'confirmed') throw new Error(`order ${open}: ${outcome.reason}`);
      confirmed.set(open, outcome.rowId);
    }
    const work = (async () => {
      for (;;) {
        open = ++number;
        const outcome = await executeTransfer(bank.gateway, order(open));
        if (outcome.kind !== 'confirmed') return outcome;
        confirmed.set(open, outcome.rowId);
        open = undefined;
        const row = await credit(bank.gatewayUrl, number);
        if (row === undefined) return undefined;
        credited.set(number, row);
      }
    })();
    // However busy the machine is, something was done before the kill.
    const before = confirmed.size;
    let isOver = false;
    void work.then(() => {
      isOver = true;
    });
    while (!isOver && confirmed.size === before) await sleep(5);
    await sleep(20 + 37 * (life % 7));
    await kill(bank);
    const end = await work;
    if (end) expect(end).toMatchObject({ kind: 'retry', fault: 'unavailable' });
    await expect(bank.gateway.config()).rejects.toThrow(GatewayUnavailable);
  }

  const bank = await spawnBank(folder);
  if (open !== undefined) await executeTransfer(bank.gateway, order(open));
  const debits = [];
  for (let start = 0n; ; start = debits.at(-1)?.rowId ?? 0n) {
    const { rows } = await bank.gateway.historyOutgoing({ start, limit: 1024 });
    if (rows.length === 0) break;
    debits.push(...rows);
  }
  const credits = [];
  for (let start = 0n; ; start = credits.at(-1)?.rowId ?? 0n) {
    const { rows } = await bank.gateway.historyIncoming({ start, limit: 1024 });
    if (rows.length === 0) break;
    credits.push(...rows);
  }

  // Every order that was ever sent was paid, once; every credit that was acknowledged is there under its row.
  expect(debits.map(({ wtid }) => Buffer.from(wtid).readUInt32BE(0)).sort((a, b) => a - b)).toEqual(
    Array.from({ length: number }, (_, i) => i + 1),
  );
  const byRow = new Map(credits.map((row) => [Number(row.rowId), row]));
  for (const [reserve, row] of credited) expect(byRow.get(row)).toMatchObject({ reservePub: keyBytes(reserve) });
  expect(credits.length - credited.size).toBeLessThanOrEqual(kills);
  expect(confirmed.size).toBeGreaterThan(kills);

  await kill(bank);
  const database = new Database(join(folder, 'bank.db'));
  const balances = database.prepare('SELECT key, units FROM accounts').all() as { key: string; units: string }[];
  const rowIds = database.prepare('SELECT row_id FROM transactions UNION ALL SELECT row_id FROM orders').pluck().all();
  const last = database.prepare('SELECT last_row FROM bank').pluck().get();
  database.close();
  const paid = BigInt(debits.length) * 25_000_000n;
  const received = BigInt(credits.length) * 100_000_000n;
  expect(balances.map(({ key, units }) => [key, BigInt(units)])).toEqual(
    expect.arrayContaining([
      ['exchange', received - paid],
      ['alice', paid - received],
    ]),
  );
  expect(balances.reduce((sum, { units }) => sum + BigInt(units), 0n)).toBe(0n);
  expect(new Set(rowIds).size).toBe(rowIds.length);
  expect(Math.max(...(rowIds as number[]))).toBe(last);
}
