import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { readConfig } from './config.js';
import { ConfigError } from './reader.js';

// Every wrong setting is named, with its value and what is allowed.
const SHIPPED = readFileSync(new URL('../../config/development.yaml', import.meta.url), 'utf8');
const folder = mkdtempSync(join(tmpdir(), 'florin-config-'));
afterAll(() => rmSync(folder, { recursive: true }));

type Tree = { [name: string]: unknown };
type Change = (settings: Tree) => void;

function configured(change: Change = () => {}, environment: Record<string, string> = {}) {
  const settings = parse(SHIPPED, { merge: true }) as Tree;
  change(settings);
  const file = join(folder, 'config.yaml');
  writeFileSync(file, stringify(settings));
  return readConfig(file, environment);
}

/** Sets `a.b[0].c`; undefined takes it away. */
const set =
  (path: string, value: unknown): Change =>
  (settings) => {
    const names = path.split(/[.[\]]+/).filter((name) => name !== '');
    const last = names.pop() ?? '';
    const parent = names.reduce((tree, name) => tree[name] as Tree, settings);
    if (value === undefined) delete parent[last];
    else parent[last] = value;
  };

function refusalOf(change: Change, environment: Record<string, string> = {}): string {
  try {
    configured(change, environment);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as Error).message;
  }
  throw new Error('the configuration was accepted');
}

test('the shipped file is read whole, with amounts in units and durations in seconds', () => {
  const config = configured();
  expect(config).toMatchObject({ mode: 'development', currency: 'KUDOS', roundUnit: 1_000_000n, store: 'embedded' });
  expect(config).toMatchObject({ port: 8081, adminPort: 8082, developmentBank: { port: 8083 }, host: '127.0.0.1' });
  expect(config.reserves).toEqual({ closingDelay: 28 * 86_400, legalDelay: 7 * 365 * 86_400 });
  expect(config.denominations.map(({ value }) => value)).toContain(10_000_000n);
  expect(config.denominations.find(({ ageGroups }) => ageGroups > 0)?.ageGroups).toBe(0x00255501);
  expect(config.legitimization.reserveWithdraw?.window).toBe(Number.POSITIVE_INFINITY);
  expect(config.keys).toBe(join(config.data, 'keys'));
});

test('nobody is limited unless the file says so; the example of the documentation is one that is accepted', () => {
  const off = { bodyBytes: 16 * 1024 * 1024, requestsPerSecond: undefined, burst: undefined, trustedProxies: [] };
  expect(configured().limits).toEqual(off);
  const page = readFileSync(new URL('../../../../docs/deployment.md', import.meta.url), 'utf8');
  const [example = ''] = /^ {4}limits:\n(?: {6}.*\n)+/m.exec(page) ?? [];
  const { limits } = parse(example) as Tree;
  expect(configured(set('limits', limits)).limits).toEqual(limits);
});

test('the documentation names every setting', () => {
  const page = readFileSync(new URL('../../../../docs/configuration.md', import.meta.url), 'utf8');
  const named = new Set([...page.matchAll(/`[^`\n]*`/g)].flatMap(([code]) => code.match(/\w+/g) ?? []));
  const within = ['', 'reserves.', 'purses.', 'denominations[0].', 'keySchedule.', 'wireAccounts[0].', 'wireFees[0].'];
  within.push('globalFees[0].', 'legitimization.', 'legitimization.withdraw.', 'developmentBank.', 'limits.');
  const settings = within.flatMap((place) => {
    const refusal = refusalOf((tree) => {
      tree.limits = {};
      set(`${place}unheardOf`, 1)(tree);
    });
    return refusal.replace(/.*; allowed: only /, '').split(', ');
  });
  expect(settings.length).toBeGreaterThan(60);
  expect(settings.filter((name) => !named.has(name))).toEqual([]);
});

test('the environment says otherwise than the file, unless it is empty', () => {
  const environment = {
    FLORIN_DATA: '/x',
    FLORIN_PORT: '0',
    FLORIN_ADMIN_PORT: '7',
    FLORIN_BANK_PORT: '8',
    FLORIN_STORE: '',
  };
  const config = configured(undefined, environment);
  expect(config).toMatchObject({ data: '/x', keys: '/x/keys', port: 0, adminPort: 7, store: 'embedded' });
  expect(config.developmentBank?.port).toBe(8);
  expect(configured(set('developmentBank.port', 5), { FLORIN_BANK_PORT: '' }).developmentBank?.port).toBe(5);
});

const WRONG: [path: string, value: unknown, message: RegExp][] = [
  ['instance', 'My-Exchange', /^instance is "My-Exchange"; allowed: lower case letters and digits/],
  ['instance', undefined, /^instance is missing; allowed: /],
  ['mode', 'test', /^mode is "test"; allowed: development, production$/],
  ['currency', 'kudos', /^currency is "kudos"; allowed: 1 to 11 upper case letters/],
  ['currency', 'ABCDEFGHIJKL', /^currency is /],
  ['roundUnit', 'EUR:0.01', /^roundUnit is "EUR:0.01"; allowed: an amount, as KUDOS:1.50$/],
  ['roundUnit', 0.01, /^roundUnit is 0.01; allowed: /],
  ['roundUnit', 'KUDOS:0', /^roundUnit is "KUDOS:0"; allowed: an amount above zero/],
  ['roundUnit', 'KUDOS:1.5', /^roundUnit is "KUDOS:1.5"; allowed: .* whole units or of a fraction/],
  ['baseUrl', 'https://exchange.example.com', /^baseUrl is .*; allowed: an http or https URL that ends in \/$/],
  ['baseUrl', 'ftp://exchange.example.com/', /^baseUrl is /],
  ['port', 65_536, /^port is 65536; allowed: a whole number from 0 to 65535$/],
  ['port', '80x', /^port is "80x"; allowed: /],
  ['adminPort', -1, /^adminPort is -1; allowed: /],
  ['developmentBank.port', 1.5, /^developmentBank.port is 1.5; allowed: /],
  ['developmentBank.folder', 'x', /^developmentBank.folder is no setting; allowed: only port, account$/],
  ['store', 'postgres', /^store is "postgres"; allowed: embedded, or esdb:/],
  ['store', 'esbd://admin:secret@host:2113', /^store is "\(not shown\)"; allowed: embedded, or esdb:/],
  ['data', 5, /^data is 5; allowed: a folder$/],
  ['masterPub', 'abc', /^masterPub is "abc"; allowed: 52 characters of base32$/],
  ['signers', 0, /^signers is 0; allowed: a whole number from 1 to 64$/],
  ['reserves.closingDelay', '4 fortnights', /^reserves.closingDelay is "4 fortnights"; allowed: a number and a unit/],
  ['reserves.closingDelay', 3600, /^reserves.closingDelay is 3600; allowed: /],
  ['reserves', undefined, /^reserves is missing; allowed: settings by name$/],
  ['purses.maxDeposits', 129, /^purses.maxDeposits is 129; allowed: a whole number from 1 to 128$/],
  ['denominations', {}, /^denominations is {}; allowed: a list$/],
  ['denominations', [], /^denominations is \[\]; allowed: at least one$/],
  ['denominations[1].value', 'KUDOS:0', /^denominations\[1\].value is "KUDOS:0"; allowed: an amount above zero$/],
  ['denominations[1].value', 'KUDOS:0.1', /^denominations\[1\].value is "KUDOS:0.1"; allowed: each value once/],
  ['denominations[1].cipher', 'DSA', /^denominations\[1\].cipher is "DSA"; allowed: RSA, CS$/],
  ['denominations[1].bits', 1536, /^denominations\[1\].bits is 1536; allowed: 1024, 2048, 3072, 4096$/],
  ['denominations[1].feeDeposit', undefined, /^denominations\[1\].feeDeposit is missing; allowed: an amount/],
  [
    'denominations[1].withdrawFor',
    '1 day',
    /^keySchedule.overlap is "86400 seconds"; allowed: less than denominations\[1\]/,
  ],
  ['denominations[5].ageGroups', '8:10:9', /^denominations\[5\].ageGroups is "8:10:9"; allowed: rising ages below 32/],
  ['denominations[5].ageGroups', '8:32', /^denominations\[5\].ageGroups is "8:32"; allowed: /],
  ['keySchedule.signingKeyFor', '1 day', /^keySchedule.overlap is .*; allowed: less than keySchedule.signingKeyFor/],
  [
    'keySchedule.overlapp',
    '1 day',
    /^keySchedule.overlapp is no setting; overlap may be meant; allowed: only overlap, lookahead/,
  ],
  ['wireAccounts', [], /^wireAccounts is \[\]; allowed: at least one$/],
  ['wireAccounts[0].name', 'Main Account', /^wireAccounts\[0\].name is "Main Account"; allowed: letters, digits and -/],
  [
    'wireAccounts[0].payto',
    'payto://iban/XX00?receiver-name=x',
    /^wireAccounts\[0\].payto is .*; allowed: a payto URI/,
  ],
  ['wireAccounts[0].password', 12_345, /^wireAccounts\[0\].password is "\(not shown\)"; allowed: a text$/],
  ['wireAccounts[1]', { name: 'exchange-account-1' }, /^wireAccounts\[1\].name is .*; allowed: a name of its own/],
  ['wireFees[0].from', '2025-13-01', /^wireFees\[0\].from is "2025-13-01"; allowed: a date as 2026-01-31$/],
  ['wireFees[0].to', '2025-01-01', /^wireFees\[0\].to is "2025-01-01T.*"; allowed: a date after 2025-01-01/],
  ['globalFees[0].purseAccountLimit', -1, /^globalFees\[0\].purseAccountLimit is -1; allowed: /],
  ['legitimization.withdraw', '5', /^legitimization.withdraw is "5"; allowed: settings by name$/],
  ['legitimization.withdraw.threshold', 'EUR:5', /^legitimization.withdraw.threshold is "EUR:5"; allowed: an amount/],
  ['limits', { bodyBytes: 1000 }, /^limits.bodyBytes is 1000; allowed: a whole number from 65536 to 67108864$/],
  ['limits', { requestsPerSecond: 0 }, /^limits.requestsPerSecond is 0; allowed: a whole number from 1 to 100000$/],
  ['limits', { trustedProxies: ['proxy'] }, /^limits.trustedProxies\[0\] is "proxy"; allowed: an IP address, or a/],
  ['limits', { trustedProxies: ['10.0.0.0/33'] }, /^limits.trustedProxies\[0\] is "10.0.0.0\/33"; allowed: /],
  ['logLevel', 'loud', /^logLevel is "loud"; allowed: debug, info, warn, error, silent$/],
  ['denomination', [], /^denomination is no setting; denominations may be meant; allowed: only instance, mode, /],
  ['Port', 1, /^Port is no setting; port may be meant; /],
  ['constructor', 1, /^constructor is no setting; allowed: /],
  ['wireAccounts[0].pasword', 'hunter2', /^wireAccounts\[0\].pasword is no setting; password may be meant; [^2]*$/],
  ['wireAccounts[0].gateway', 'https://me:hunter2@x', /^wireAccounts\[0\].gateway is "https:\/\/\(not shown\)@x"; /],
  ['masterPub', '4Y7ANEYXW7M5ZHGJ91WX2W9F8HTJFFP9YJXY5VS288N2Z2NA43PG', /^masterPub is .*; allowed: nothing in devel/],
  ['terms', '/no/such/file', /^terms is "\/no\/such\/file"; allowed: a file that can be read$/],
];

test.each(WRONG)('%s: %j is refused', (path, value, message) => {
  expect(refusalOf(set(path, value))).toMatch(message);
});

test('a file that is none, and a variable that is wrong, are refused by their names', () => {
  expect(() => readConfig(join(folder, 'none.yaml'), {})).toThrow(/none.yaml cannot be read/);
  const file = join(folder, 'broken.yaml');
  for (const [content, message] of [
    ['a: [', /broken.yaml cannot be read/],
    ['', /holds no settings/],
    ['a: 1\na: 2', /broken.yaml cannot be read: Map keys must be unique at line 2, column 1:$/],
    ['password: "hunter2', /broken.yaml cannot be read: [^2]*line 1[^2]*$/],
  ] as const) {
    writeFileSync(file, content);
    expect(() => readConfig(file, {})).toThrow(message);
  }
  for (const name of ['FLORIN_PORT', 'FLORIN_ADMIN_PORT', 'FLORIN_BANK_PORT']) {
    const refusal = refusalOf(() => {}, { [name]: 'eighty' });
    expect(refusal).toBe(`${name} is "eighty"; allowed: a whole number from 0 to 65535`);
  }
});

test('two fees for one moment are refused, fees of another time or method are not', () => {
  const fees = {
    method: 'x-taler-bank',
    from: '2034-01-01',
    to: '2036-01-01',
    wireFee: 'KUDOS:1',
    closingFee: 'KUDOS:1',
  };
  expect(refusalOf(set('wireFees[1]', fees))).toMatch(
    /^wireFees\[1\].from is .*; allowed: periods that do not overlap$/,
  );
  expect(configured(set('wireFees[1]', { ...fees, from: '2035-01-01' })).wireFees).toHaveLength(2);
  expect(configured(set('wireFees[1]', { ...fees, method: 'iban' })).wireFees).toHaveLength(2);
});

describe('production', () => {
  const gateway = {
    payto: 'payto://iban/DE75512108001245126199?receiver-name=E',
    gateway: 'https://bank.example.com/g/',
  };
  const good: Change = (settings) => {
    delete settings.developmentBank;
    settings.mode = 'production';
    settings.baseUrl = 'https://exchange.example.com/';
    settings.masterPub = '4Y7ANEYXW7M5ZHGJ91WX2W9F8HTJFFP9YJXY5VS288N2Z2NA43PG';
    settings.wireAccounts = [{ name: 'main', ...gateway, username: 'exchange', password: 'a long enough one' }];
  };
  const but =
    (path: string, value: unknown): Change =>
    (settings) => {
      good(settings);
      set(path, value)(settings);
    };

  test('has what it needs', () => {
    expect(configured(good)).toMatchObject({ mode: 'production', baseUrl: 'https://exchange.example.com/' });
    expect(configured(but('wireAccounts[0]', { name: 'main', ...gateway, token: 'secret-token:abcdef' })).mode).toBe(
      'production',
    );
  });

  test.each([
    ['developmentBank', { port: 1, account: 'x' }, /^developmentBank is .*; allowed: nothing in production$/],
    ['baseUrl', 'http://exchange.example.com/', /^baseUrl is .*; allowed: an https URL in production$/],
    ['baseUrl', undefined, /^baseUrl is missing; allowed: an https URL in production$/],
    ['store', 'esdb://u:secret@host:2113?tls=false', /^store is "\(tls=false\)"; allowed: a server with TLS/],
    ['masterPub', undefined, /^masterPub is missing; allowed: .* offline master key/],
    ['denominations[0].bits', 1024, /^denominations\[0\].bits is 1024; allowed: at least 2048 in production$/],
    ['wireAccounts[0].payto', undefined, /^wireAccounts\[0\].payto is missing; allowed: a payto URI/],
    ['wireAccounts[0].gateway', undefined, /^wireAccounts\[0\].gateway is missing; allowed: a URL/],
    [
      'wireAccounts[0].gateway',
      'http://bank.example.com/g/',
      /^wireAccounts\[0\].gateway is .*; allowed: an https URL/,
    ],
    ['wireAccounts[0].username', undefined, /^wireAccounts\[0\].username is missing; allowed: a name in production$/],
    ['wireAccounts[0].password', undefined, /^wireAccounts\[0\].password is missing; allowed: at least 12 characters/],
    ['wireAccounts[0].password', 'password', /^wireAccounts\[0\].password is "\(not shown\)"; allowed: at least 12/],
    ['wireAccounts[0].token', 'short', /^wireAccounts\[0\].token is "\(not shown\)"; allowed: at least 12/],
  ])('%s: %j is refused', (path, value, message) => {
    expect(refusalOf(but(path, value))).toMatch(message);
  });
});
