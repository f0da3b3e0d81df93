/** What needs a person, through the admin tool: a case is decided by an officer with a key of their own. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { expectOk } from '../e2e/support/http.js';
import { normalizedHash } from '../e2e/support/oracle.js';
import { close, fundedReserve, newAccount, paymentsTo } from '../e2e/support/reserves.js';
import { type RunningExchange, type Settings, startExchange } from '../support/exchange.js';
import { type Run, runAdmin } from './support/cli.js';

let exchange: RunningExchange;
const folder = mkdtempSync(join(tmpdir(), 'florin-officer-'));
const keyFile = join(folder, 'officer.json');
const admin = (...args: string[]): Promise<Run> => runAdmin(exchange.data, ...args, '--json');

const configure = (settings: Settings): void => {
  settings.denominations = settings.denominations.filter(({ cipher }: Settings) => cipher === 'CS');
};

beforeAll(async () => {
  exchange = await startExchange({ onTestServer: true, configure });
});

afterAll(async () => {
  expect(await exchange.stop()).toBe(0);
  exchange.remove();
  rmSync(folder, { recursive: true, force: true });
});

test('an officer who was enrolled decides a case, and the payment goes on', async () => {
  const reserve = await fundedReserve(exchange, '2');
  const target = newAccount();
  expect((await close(exchange.baseUrl, reserve, { target })).status).toBe(451);
  const [open] = (await admin('legitimization', 'list')).json as { h_payto: string; requirement_row: number }[];
  expect(open).toMatchObject({ h_payto: normalizedHash(target), requirement_row: 1, payto_uri: target });

  const { officer_pub } = (await runAdmin('/nowhere', 'officer', 'generate', keyFile, '--json')).json;
  const decide = (...how: string[]): Promise<Run> =>
    admin(
      'legitimization',
      'decide',
      open?.h_payto ?? '',
      '1',
      ...how,
      '--reason',
      'passport seen',
      '--officer-key',
      keyFile,
    );
  const stranger = await decide('--approve');
  expect(stranger.code).toBe(1);
  expect(stranger.stderr).toContain('code 1034');

  const enrolled = await admin('officer', 'enrol', officer_pub, 'Olga Officer');
  expect(enrolled.code).toBe(0);
  expect(enrolled.stderr).toContain('DEVELOPMENT: the master key beside the data signs');
  expect((await decide()).code).toBe(2);
  const elsewhere = ['decide', open?.h_payto ?? '', '1', '--approve', '--reason', 'r', '--officer-pub', officer_pub];
  expect((await admin('legitimization', ...elsewhere)).json.error).toMatch(/belong together/);
  const unsigned = { approved: true, justification: 'r', officer_pub };
  expect((await asked(`legitimizations/${open?.h_payto}/1/decide`, unsigned)).status).toBe(400);
  expect((await admin('legitimization', 'list')).json).toHaveLength(1); // no other key signed in the officer's place
  const approved = await decide('--approve');
  expect(approved.json).toEqual({ decided: true, decided_at: expect.any(Number) });
  expect((await admin('legitimization', 'list')).json).toEqual([]);
  const { size } = (await admin('ledger', 'head')).json;
  expect((await decide('--approve')).json).toEqual(approved.json);
  expect((await admin('ledger', 'head')).json.size).toBe(size);
  const told = await runAdmin(exchange.data, 'ledger', 'show', 'account', normalizedHash(target));
  expect(told.stdout).toMatch(/case 1 approved by .*: passport seen/);

  expectOk(await close(exchange.baseUrl, reserve, { target }));
  expect((await paymentsTo(exchange, target)).map(({ amount }) => amount)).toEqual(['KUDOS:1.95']);
  expect((await admin('transfer', 'list')).json).toEqual([]);
});

test('what the master key signed is listed, of a running exchange and of its folder', async () => {
  const lists = ['denomination', 'signkey', 'wire', 'fees', 'officer'];
  const [denominations, signkeys, accounts, fees, officers] = await listed(lists);
  const [first] = denominations ?? [];
  expect(first).toMatchObject({ value: 'KUDOS:1', cipher: 'CS', age_groups: null, state: 'withdrawn' });
  expect(signkeys).toMatchObject([{ state: 'signs' }]);
  expect(accounts).toMatchObject([{ account: 'exchange-account-1', state: 'enabled' }]);
  expect(fees).toMatchObject([
    { fees: 'wire x-taler-bank', state: 'holds', wire_fee: 'KUDOS:0.02', purse_fee: null },
    { fees: 'global', state: 'holds', wire_fee: null, purse_fee: 'KUDOS:0.04', purse_account_limit: 5 },
  ]);
  expect(officers).toContainEqual(expect.objectContaining({ name: 'Olga Officer', state: 'decides' }));

  await admin('officer', 'dismiss', officers?.at(-1)?.officer_pub, 'Olga Officer');
  await admin('denomination', 'revoke', first?.h_denom_pub, '--reason', 'r');
  const later = await listed(lists);
  expect(later[0]?.[0]).toEqual({ ...first, state: 'revoked' });
  expect(later[4]?.at(-1)).toMatchObject({ name: 'Olga Officer', state: 'dismissed' });
});

const listed = (groups: string[]): Promise<Run['json'][][]> =>
  Promise.all(groups.map(async (group) => (await admin(group, 'list')).json));

/** What a tool of somebody else's asks the admin port. */
function asked(path: string, body: object): Promise<Response> {
  const run = JSON.parse(readFileSync(join(exchange.data, 'run.json'), 'utf8')) as Record<string, string>;
  const credential = readFileSync(run.adminCredential ?? '', 'utf8').trim();
  return fetch(new URL(path, run.admin), {
    method: 'POST',
    headers: { Authorization: `Bearer ${credential}`, 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  });
}

test('what is asked wrongly is refused with the exit code of usage, and help has examples', async () => {
  for (const wrong of [
    ['legitimization', 'decide'],
    ['legitimization', 'decide', 'X', '1', '--approve', '--reason', 'r'],
    ['nonsense'],
    ['transfer', 'list', '--status', 'x'],
    ['transfer', 'retry', 'X', '--reason', 'r'],
  ]) {
    expect({ wrong, code: (await admin(...wrong)).code }).toEqual({ wrong, code: 2 });
  }
  const groups = ['offline', 'projection', 'legitimization', 'transfer', 'doctor', 'status'];
  for (const group of groups) {
    const help = await runAdmin('/nowhere', group, '--help');
    expect(help.code).toBe(0);
    expect(help.stdout).toContain(`npm run admin -- ${group}`);
    expect(help.stdout).not.toContain('\u001b[');
  }
});
