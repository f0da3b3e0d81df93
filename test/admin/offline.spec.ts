/** The walk of the keys in production: made on the exchange, signed on another machine, imported, offered. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { send } from '../e2e/support/http.js';
import { newKey } from '../e2e/support/oracle.js';
import { fundReserve, type RunningExchange, type Settings } from '../support/exchange.js';
import { type Run, runAdmin } from './support/cli.js';
import { BASE_URL, type ProductionSite, productionSite } from './support/production.js';

let site: ProductionSite;
let exchange: RunningExchange;
let url: string;
let masterPub: string;

const file = (name: string): string => join(site.folder, name);
const admin = (...args: string[]): Promise<Run> => runAdmin(exchange.data, ...args);
const nowhere = (...args: string[]): Promise<Run> => runAdmin(file('nowhere'), ...args);

beforeAll(async () => {
  site = await productionSite();
  const made = await nowhere('offline', 'generate', file('master.json'), '--json');
  expect(made.code).toBe(0);
  ({ masterPub } = made.json);
  exchange = await site.start({ masterPub });
  url = `http://127.0.0.1:${exchange.ports.exchange}/`;
});

afterAll(async () => {
  await exchange?.stop();
  exchange?.remove();
  await site?.stop();
});

test('without a signature the exchange runs, offers nothing, and says what is missing', async () => {
  const keys = await send(`${url}keys`);
  expect(keys.status).toBe(503);
  expect(keys.json.hint).toMatch(/has not signed yet: /);
  for (const what of [
    '1 log-key',
    '1 wire-account',
    '1 wire-fees',
    '1 global-fees',
    '1 signing-key',
    '2 denomination',
  ]) {
    expect(keys.json.hint).toContain(what);
  }
  expect((await admin('status', '--json')).json.unsigned).toContain('2 denomination');
  expect(exchange.log()).toContain('the master key has not signed everything');
  expect((await send(`${url}config`)).status).toBe(200);
  expect((await send(`${url}wire`)).status).toBe(503);

  const future = (await send(`${url}management/keys`)).json as Record<string, Record<string, unknown>[]>;
  expect(future.master_pub).toBe(masterPub);
  expect(future.future_denoms?.map(({ value }) => value)).toEqual(['KUDOS:1', 'KUDOS:1']);
  expect(future.future_signkeys).toHaveLength(1);
});

test('only the master key can sign what was exported', async () => {
  expect((await admin('offline', 'export', '--to', file('request.json'))).code).toBe(0);
  expect((await nowhere('offline', 'show', file('request.json'))).stdout).toContain('enable the bank account payto://');

  await nowhere('offline', 'generate', file('other.json'));
  const other = await nowhere('offline', 'sign', file('request.json'), '--key', file('other.json'));
  expect(other.code).toBe(1);
  expect(other.stderr).toContain(`the request is for the master key ${masterPub}`);

  // Whoever forges the header of the request is stopped by the exchange.
  const forged = readFileSync(file('request.json'), 'utf8').replace(masterPub, await pubOf('other.json'));
  writeFileSync(file('forged.json'), forged);
  await nowhere(
    'offline',
    'sign',
    file('forged.json'),
    '--key',
    file('other.json'),
    '--to',
    file('forged-signed.json'),
  );
  const refused = await admin('offline', 'import', file('forged-signed.json'), '--json');
  expect(refused.code).toBe(1);
  expect(refused.json.every(({ done }: { done: boolean }) => !done)).toBe(true);
  expect((await send(`${url}keys`)).status).toBe(503);
});

test('what the master key signed is offered', async () => {
  const signed = await nowhere(
    ...['offline', 'sign', file('request.json'), '--key', file('master.json'), '--to', file('signed.json')],
  );
  expect(signed.code).toBe(0);
  const imported = await admin('offline', 'import', file('signed.json'), '--json');
  expect(imported.stderr).toBe('');
  expect(imported.code).toBe(0);

  const keys = (await send(`${url}keys`)).json as Record<string, unknown[]>;
  expect(keys).toMatchObject({ base_url: BASE_URL, master_public_key: masterPub });
  expect(keys.denoms).toHaveLength(2);
  expect(keys.signkeys).toHaveLength(1);
  expect(keys.accounts).toHaveLength(1);
  expect(keys.global_fees).toHaveLength(1);
  expect((await send(`${url}wire`)).status).toBe(200);

  const reserve = newKey();
  await fundReserve(site.bank, reserve.pub, 'KUDOS:7');
  const status = await send(`${url}reserves/${reserve.pub}?timeout_ms=60000`);
  expect(status.json.balance).toBe('KUDOS:7');
  expect(site.lastAuthorization()).toMatch(/^Basic /);
});

test('the same signatures again change nothing, and nothing waits any more', async () => {
  const before = (await send(`${url}keys`)).text;
  expect((await admin('offline', 'import', file('signed.json'))).code).toBe(0);
  expect((await send(`${url}keys`)).text).toBe(before);
  const again = await admin('offline', 'export');
  expect(JSON.parse(again.stdout).orders).toEqual([]);
  expect((await admin('status', '--json')).json.unsigned).toBe('nothing');
});

test('a single decision is signed with the key file, or elsewhere; the development key does not exist', async () => {
  const [account] = ((await send(`${url}keys`)).json.accounts as { payto_uri: string }[]) ?? [];
  const payto = account?.payto_uri ?? '';
  const withoutKey = await admin('wire', 'disable', payto);
  expect(withoutKey.code).toBe(1);
  expect(withoutKey.stderr).toContain('production keeps its master key offline');

  const revocation = await admin('denomination', 'revoke', '0'.repeat(103), '--reason', 'a test');
  expect(revocation.code).toBe(1);
  expect(revocation.stderr).toContain('production keeps its master key offline');

  expect((await admin('wire', 'disable', payto, '--key', file('master.json'))).code).toBe(0);
  expect((await send(`${url}keys`)).json.accounts).toEqual([]);

  const [signkey] = ((await send(`${url}keys`)).json.signkeys as { key: string }[]) ?? [];
  expect((await admin('signkey', 'revoke', signkey?.key ?? '', '--to', file('revoke.json'))).code).toBe(0);
  await nowhere('offline', 'sign', file('revoke.json'), '--key', file('master.json'), '--to', file('revoked.json'));
  expect((await admin('offline', 'import', file('revoked.json'))).code).toBe(0);
  const gone = await send(`${url}keys`);
  expect(gone.status).toBe(503);
});

test('fees are set for times to come, and those that are signed stay', async () => {
  const period = ['--from', '2040-01-01', '--until', '2041-01-01', '--key', file('master.json')];
  const wire = (fee: string): Promise<Run> =>
    admin('fees', 'wire', 'iban', '--wire-fee', fee, '--closing-fee', 'KUDOS:0.05', ...period);
  expect((await wire('KUDOS:0.02')).code).toBe(0);
  const other = await wire('KUDOS:0.03');
  expect(other.code).toBe(1);
  expect(other.stderr).toContain('code 1813');
  expect((await wire('2')).code).toBe(2);

  const amounts = ['--history-fee', 'KUDOS:0', '--account-fee', 'KUDOS:1', '--purse-fee', 'KUDOS:0.1'];
  const terms = ['--purse-timeout', '3600', '--history-expiration', '31536000', '--purse-account-limit', '3'];
  expect((await admin('fees', 'global', ...amounts, ...terms, ...period)).code).toBe(0);
  const told = (await admin('ledger', 'tail', '-n', '2')).stdout;
  expect(told).toContain('fees of iban: KUDOS:0.02 a transfer, KUDOS:0.05 a closing, until 2041-01-01');
  expect(told).toContain('global fees until 2041-01-01');
});

test('after a restart the ledger keeps its master key', async () => {
  await exchange.stop();
  await expect(site.start({ masterPub: await pubOf('other.json'), data: exchange.data })).rejects.toThrow(
    `the ledger belongs to the master key ${masterPub}`,
  );
  const change = (settings: Settings): void => {
    settings.wireFees[0].closingFee = 'KUDOS:0.09';
  };
  exchange = await site.start({ masterPub, data: exchange.data, change });
  url = `http://127.0.0.1:${exchange.ports.exchange}/`;
  const future = (await send(`${url}management/keys`)).json as Record<string, unknown[]>;
  expect(future.future_signkeys).toHaveLength(1);

  // Fees of a time that is signed stay: they are not asked for again, and the doctor says so.
  const { stdout } = await admin('offline', 'export');
  expect(JSON.parse(stdout).orders.map(({ order }: { order: string }) => order)).toEqual(['signing-key']);
  const findings = (await admin('doctor', '--json')).json.checks as { name: string; state: string; found: string }[];
  const state = (name: string): string | undefined => findings.find((check) => check.name === name)?.state;
  expect(['fees', 'signing keys', 'denominations', 'bank exchange-account-1', 'officers'].map(state)).toEqual(
    ['look', 'bad', 'good', 'good', 'look'], // the signing key was revoked, and the next one waits
  );
});

async function pubOf(name: string): Promise<string> {
  return (JSON.parse(readFileSync(file(name), 'utf8')) as { pub: string }).pub;
}
