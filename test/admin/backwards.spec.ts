/** An older copy of the ledger under newer keys: what was acknowledged since must not be forgotten unnoticed. */
import { copyFileSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { fundedReserve } from '../e2e/support/reserves.js';
import { type RunningExchange, type Settings, startExchange } from '../support/exchange.js';
import { copyPrivately } from '../support/folders.js';
import { type Run, runAdmin, runAdminWith } from './support/cli.js';

let exchange: RunningExchange;
const folder = mkdtempSync(join(tmpdir(), 'florin-backwards-'));
const backup = join(folder, 'backup');
const whole = join(folder, 'whole');
const admin = (data: string, ...args: string[]): Promise<Run> => runAdmin(data, 'ledger', ...args, '--json');

const configure = (settings: Settings): void => {
  settings.denominations = settings.denominations.filter(({ cipher }: Settings) => cipher === 'CS').slice(0, 1);
};
const start = (): Promise<RunningExchange> => startExchange({ configure, data: exchange.data, ports: exchange.ports });
const keptHead = (data: string): string => join(data, 'keys', 'head.json');
const older = /the ledger has gone back: it ends after [0-9]+ events.*[1-9][0-9]* events that were acknowledged are/;

/** The exchange is stopped; `backup` is from before its last credit, `whole` from after its end. */
beforeAll(async () => {
  exchange = await startExchange({ configure });
  await fundedReserve(exchange, '1');
  expect((await admin(exchange.data, 'backup', backup, '--with-keys')).code).toBe(0);
  await fundedReserve(exchange, '2');
  expect(await exchange.stop()).toBe(0);
  copyPrivately(exchange.data, whole);
});

afterAll(async () => {
  await exchange?.stop();
  exchange?.remove();
  rmSync(folder, { recursive: true, force: true });
});

test('at its end the exchange has kept its newest head beside the keys, and no backup of the keys has it', async () => {
  const { size, note } = (await admin(exchange.data, 'head')).json;
  expect(size).toBeGreaterThan((await admin(backup, 'head')).json.size);
  expect(JSON.parse(readFileSync(keptHead(exchange.data), 'utf8'))).toEqual({ note });
  expect(statSync(keptHead(exchange.data)).mode & 0o777).toBe(0o600);
  expect(() => statSync(keptHead(backup))).toThrow(/ENOENT/);
});

test('an older ledger does not start, and the doctor says why', async () => {
  for (const name of ['events.db', 'heads']) copyFileSync(join(backup, name), join(exchange.data, name));
  await expect(start()).rejects.toThrow(/ended with 78/);
  await expect(start()).rejects.toThrow(older);
  const config = { FLORIN_CONFIG: join(exchange.data, 'config.yaml') };
  const { code, json } = await runAdminWith(config, exchange.data, 'doctor', '--json');
  expect(code).toBe(1);
  expect(json.checks).toContainEqual(
    expect.objectContaining({ name: 'ledger', state: 'bad', found: expect.stringMatching(older) }),
  );
});

test('nor is it restored beside newer keys', async () => {
  const target = join(folder, 'target');
  copyPrivately(join(whole, 'keys'), join(target, 'keys'));
  const refused = await admin(target, 'restore', backup);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toMatch(/the backup ends [0-9]+ events before the head in .*head.json/);
  expect((await admin(join(folder, 'fresh'), 'restore', backup)).code).toBe(0);
});

test('the newer one that is put back starts, and the older one once the head was moved away', async () => {
  for (const name of ['events.db', 'heads']) copyFileSync(join(whole, name), join(exchange.data, name));
  exchange = await start();
  const before = (await admin(exchange.data, 'head')).json.size;
  expect(before).toBeGreaterThanOrEqual((await admin(whole, 'head')).json.size);
  await exchange.stop();
  for (const name of ['events.db', 'heads']) copyFileSync(join(backup, name), join(exchange.data, name));
  renameSync(keptHead(exchange.data), join(folder, 'kept-head.json'));
  exchange = await start();
  await fundedReserve(exchange, '3');
  await fundedReserve(exchange, '3');
  await fundedReserve(exchange, '3');
  await exchange.stop();
  renameSync(join(folder, 'kept-head.json'), keptHead(exchange.data));
  await expect(start()).rejects.toThrow(
    /the ledger went another way: its first [0-9]+ events are not those of the head/,
  );
});
