/** `admin doctor` finds what is wrong, and says what to do; `admin account forget` leaves sums and proofs alone. */
import {
  chmodSync,
  closeSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeBase32 } from '@florin/encoding';
import { NO_EVENTS, openSqliteStore } from '@florin/event-store';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { expectOk, send } from '../e2e/support/http.js';
import { newKey, normalizedHash } from '../e2e/support/oracle.js';
import { close, eventually, fundedReserve, newAccount } from '../e2e/support/reserves.js';
import { TEST_SERVER } from '../support/configured-store.js';
import { type RunningExchange, type Settings, startExchange } from '../support/exchange.js';
import { type Run, runAdmin, runAdminWith } from './support/cli.js';

interface Check {
  readonly name: string;
  readonly state: string;
  readonly found: string;
  readonly todo?: string;
}

let exchange: RunningExchange;
const admin = (...args: string[]): Promise<Run> => runAdmin(exchange.data, ...args, '--json');
const wrong = ({ json }: Run): Check[] => (json.checks as Check[]).filter(({ state }) => state === 'bad');
const of = ({ json }: Run, name: string): Check | undefined =>
  (json.checks as Check[]).find((check) => check.name.startsWith(name));

beforeAll(async () => {
  exchange = await startExchange({
    onTestServer: true,
    configure: (settings) => {
      settings.denominations = settings.denominations.filter(({ cipher }: Settings) => cipher === 'CS');
    },
  });
});

afterAll(async () => {
  await exchange?.stop();
  exchange?.remove();
});

test('a running exchange that is well has nothing bad', async () => {
  const run = await admin('doctor');
  expect(wrong(run)).toEqual([]);
  expect(run.code).toBe(0);
  expect(of(run, 'configuration')).toMatchObject({ state: 'look', found: expect.stringContaining('DEVELOPMENT') });
  for (const name of [
    'permissions',
    'clock',
    'signing keys',
    'denominations',
    'signers',
    'ledger',
    'bank',
    'transfers',
  ]) {
    expect({ name, check: of(run, name) }).toMatchObject({ check: { state: 'good' } });
  }
});

test('a file that others can read is found, with the command that helps', async () => {
  const path = join(exchange.data, 'views.db');
  chmodSync(path, 0o644);
  const run = await admin('doctor');
  expect(run.code).toBe(1);
  expect(wrong(run)).toMatchObject([{ name: 'permissions', found: expect.stringContaining(path) }]);
  expect(wrong(run)[0]?.todo).toContain('chmod -R go=');
  chmodSync(path, 0o600);
});

test('an account is forgotten once nothing is owed to it; what happened stays', async () => {
  const account = newAccount();
  const reserve = await fundedReserve(exchange, '2', account);
  const refused = await admin('account', 'forget', account, '--reason', 'asked for it');
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain(`the reserve ${reserve.pub} holds money from it`);

  expectOk(await close(exchange.baseUrl, reserve));
  const mine = async (): Promise<Record<string, unknown> | undefined> =>
    ((await admin('transfer', 'list', '--status', 'confirmed')).json as Record<string, unknown>[]).find(
      ({ reserve_pub }) => reserve_pub === reserve.pub,
    );
  expect((await eventually(mine)).payto_uri).toBe(account);
  const shown = (): Promise<Run> => admin('ledger', 'show', 'reserve', reserve.pub);
  const before = (await shown()).stdout;

  const forgotten = await admin('account', 'forget', account, '--reason', 'asked for it');
  expect(forgotten.code).toBe(0);
  expect(forgotten.json).toEqual({ h_payto: normalizedHash(account), forgotten: true });
  expect((await admin('account', 'forget', normalizedHash(account), '--reason', 'again')).code).toBe(1);
  const transfer = await eventually(async () => {
    const found = await mine();
    return found?.payto_uri === account ? undefined : found; // the key is kept in memory for seconds
  });
  expect(transfer).toMatchObject({ amount: 'KUDOS:1.95', reserve_pub: reserve.pub });
  expect((await shown()).stdout).toBe(before);
  expect((await send(`${exchange.baseUrl}reserves/${reserve.pub}`)).json.balance).toBe('KUDOS:0');
  expect((await admin('projection', 'verify')).code).toBe(0);
});

test('an exchange that does not run is looked at by its configuration', async () => {
  await exchange.stop();
  const config = join(exchange.data, 'config.yaml');
  const doctor = (FLORIN_CONFIG = config): Promise<Run> =>
    runAdminWith({ FLORIN_CONFIG }, exchange.data, 'doctor', '--json');
  const well = await doctor();
  expect({ code: well.code, wrong: wrong(well) }).toEqual({ code: 0, wrong: [] });
  expect(well.json.running).toBe(false);
  const whole = TEST_SERVER === undefined ? /^[0-9]+ events, each as its head says$/ : /^EventStoreDB [0-9.]+ is fit/;
  expect(of(well, 'ledger')?.found).toMatch(whole);

  const settings = parse(readFileSync(config, 'utf8')) as Settings;
  const other = join(exchange.data, 'other.yaml');
  writeFileSync(other, stringify({ ...settings, currency: 'kudos' }));
  expect(wrong(await doctor(other))).toMatchObject([
    { name: 'configuration', found: expect.stringContaining('currency') },
  ]);

  const { developmentBank: _, ...withoutBank } = settings;
  const wireAccounts = [
    { name: 'main', payto: 'payto://x-taler-bank/localhost/exchange?receiver-name=E', gateway: 'http://127.0.0.1:1/' },
  ];
  writeFileSync(other, stringify({ ...withoutBank, wireAccounts }));
  expect(wrong(await doctor(other))).toMatchObject([{ name: 'bank main' }]);
});

test.skipIf(TEST_SERVER !== undefined)(
  'a clock before the last event of a ledger that lies still is found',
  async () => {
    const data = mkdtempSync(join(tmpdir(), 'florin-clock-'));
    const log = newKey();
    const store = await openSqliteStore({
      folder: data,
      origin: `florin/florin/${log.pub.slice(0, 16)}`,
      logPub: decodeBase32(log.pub, 32),
      signHead: async (head) => decodeBase32(log.sign(head), 64),
      now: () => (Date.now() + 3_600_000) * 1000,
      onReport: () => undefined,
    });
    const event = { type: 'Anything', version: 1, data: {} };
    await store.commit([{ stream: 'florin.keys', expected: NO_EVENTS, events: [event], commitOnly: false }]);
    await store.close();
    const FLORIN_CONFIG = join(exchange.data, 'config.yaml');
    const found = await runAdminWith({ FLORIN_CONFIG }, data, 'doctor', '--json');
    expect(of(found, 'ledger')).toMatchObject({ state: 'good', found: '1 events, each as its head says' });
    expect(of(found, 'clock')).toMatchObject({
      state: 'bad',
      found: expect.stringMatching(
        /^the clock lies 3[0-9]{3} seconds before the last event; it is .*: nothing expires$/,
      ),
    });
    rmSync(data, { recursive: true });
  },
);

// The files of the embedded store; what doctor says of a server is in test/esdb/doctor.spec.ts.
test.skipIf(TEST_SERVER !== undefined)('a byte of the ledger that has changed is found', async () => {
  const events = join(exchange.data, 'events.db');
  const file = openSync(events, 'r+');
  const text = readFileSync(events).indexOf('ReserveFunded');
  writeSync(file, 'ReserveFundeX', text);
  closeSync(file);
  expect(statSync(events).size).toBeGreaterThan(text);
  const damaged = await runAdminWith(
    { FLORIN_CONFIG: join(exchange.data, 'config.yaml') },
    exchange.data,
    'doctor',
    '--json',
  );
  expect(damaged.code).toBe(1);
  expect(wrong(damaged)).toMatchObject([{ name: 'ledger', todo: expect.stringContaining('restore a backup') }]);
});
