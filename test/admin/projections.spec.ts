/** Read models through the admin tool: lag, rebuild, verify, and the past. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { send } from '../e2e/support/http.js';
import { newKey } from '../e2e/support/oracle.js';
import { TEST_SERVER } from '../support/configured-store.js';
import { fundReserve, type RunningExchange, startExchange } from '../support/exchange.js';
import { type Run, runAdmin } from './support/cli.js';

let exchange: RunningExchange;
const reserve = newKey().pub;
const admin = (...args: string[]): Promise<Run> => runAdmin(exchange.data, ...args, '--json');

/** Few keys: nothing here is about them. */
const configure = (settings: Record<string, unknown> & { denominations: Record<string, unknown>[] }): void => {
  settings.denominations = settings.denominations.filter(({ cipher }) => cipher === 'CS');
};

async function fund(amount: string, expected: string): Promise<{ store_position: string; last_event: string }> {
  await fundReserve(exchange, reserve, amount);
  for (;;) {
    const { json } = await send(`${exchange.baseUrl}reserves/${reserve}?timeout_ms=5000`);
    if (json.balance === expected) break;
  }
  return (await admin('projection', 'list')).json[0];
}

const balanceAt = async (...moment: string[]): Promise<string | undefined> => {
  const shown = await admin('projection', 'show', 'reserve-summary', '--key', reserve, ...moment);
  expect(shown).toMatchObject({ code: 0, stderr: '' });
  const [rows] = Object.values(shown.json.tables) as { balance: string }[][];
  return rows?.[0]?.balance;
};

beforeAll(async () => {
  exchange = await startExchange({ onTestServer: true, configure: configure as never });
});

afterAll(async () => {
  await exchange?.stop();
  exchange?.remove();
});

test('every read model is listed with its lag', async () => {
  const { code, json } = await admin('projection', 'list');
  expect(code).toBe(0);
  expect(json.map(({ name }: { name: string }) => name)).toContain('coin-history');
  expect(json.every((view: { caught_up: boolean }) => view.caught_up)).toBe(true);
  expect(json[0]).toMatchObject({ lag: 0, last_event: expect.any(String) });
});

test('a read model is shown as it was at a position or a time, and as it is', async () => {
  const first = await fund('KUDOS:3', 'KUDOS:3');
  await fund('KUDOS:4', 'KUDOS:7');
  const now = await balanceAt();
  const then = await balanceAt('--at', first.store_position);
  expect([then, now]).toEqual(['KUDOS:3', 'KUDOS:7']);
  expect(await balanceAt('--at', first.last_event)).toBe(then);
  expect(await balanceAt('--at', '2026-01-01')).toBeUndefined();
  expect((await admin('projection', 'show', 'nonsense')).code).toBe(2);
});

test.each([
  ['99999999', 1, /the ledger ends at position [0-9]+/],
  ['12345678901234567890123', 2, /expected is a position, or a time/],
  ['2026-02-31', 2, /expected is a position, or a time/],
  ['2026-11-21 12:00', 2, /expected is a position, or a time/],
  ['yesterday', 2, /expected is a position, or a time/],
])('no read model is shown at the moment %s', async (moment, code, reason) => {
  const shown = await admin('projection', 'show', 'reserve-summary', '--at', moment);
  expect(shown.code).toBe(code);
  expect(shown.stderr).toMatch(reason);
  expect(shown.json).toEqual({ error: expect.stringMatching(reason), exit_code: code });
});

test('what does not follow from the events is found, and gone after a rebuild', async () => {
  expect((await admin('projection', 'verify')).json.differences).toEqual([]);
  await exchange.stop();
  const views = new Database(join(exchange.data, 'views.db'));
  const table = views.prepare("SELECT name FROM sqlite_schema WHERE sql LIKE '%reserve_pub TEXT PRIMARY KEY%'").pluck();
  views.prepare(`UPDATE ${String(table.get())} SET balance = '999' WHERE reserve_pub = ?`).run(reserve);
  views.close();
  exchange = await startExchange({ configure: configure as never, data: exchange.data, ports: exchange.ports });

  const damaged = await admin('projection', 'verify', 'reserve-summary');
  expect(damaged.code).toBe(1);
  expect(damaged.json.differences).toMatchObject([{ view: 'reserve-summary', found: { balance: '999' } }]);
  expect((await admin('projection', 'verify', 'coin-history')).code).toBe(0);

  expect((await admin('projection', 'rebuild', 'reserve-summary')).code).toBe(0);
  expect((await admin('projection', 'verify')).code).toBe(0);
  expect((await send(`${exchange.baseUrl}reserves/${reserve}`)).json.balance).toBe('KUDOS:7');
});

test('without an exchange the tool says so', async () => {
  const nobody = await runAdmin(join(exchange.data, 'nothing'), 'projection', 'list');
  expect(nobody.code).toBe(3);
  expect(nobody.stderr).toContain('holds no ledger');
});

// On EventStoreDB they are asked of an exchange that runs.
test.skipIf(TEST_SERVER !== undefined)(
  'the read models of a stopped exchange are verified, rebuilt and shown from its folder',
  async () => {
    const running = await balanceAt();
    const listed = await admin('wire', 'list');
    await exchange.stop();
    expect(await admin('wire', 'list')).toMatchObject({ code: 0, stdout: listed.stdout });
    expect(await balanceAt()).toBe(running);
    expect(await balanceAt('--at', '2026-01-01')).toBeUndefined();
    expect((await admin('projection', 'verify')).json.differences).toEqual([]);
    rmSync(join(exchange.data, 'views.db'));
    expect((await admin('projection', 'rebuild')).code).toBe(0);
    expect((await admin('projection', 'list')).json[0]).toMatchObject({ caught_up: true, lag: 0, last_event: null });
    expect((await admin('projection', 'show', 'nonsense')).code).toBe(2);
    expect(await balanceAt()).toBe(running);
  },
);
