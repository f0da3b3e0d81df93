/** The ledger through the admin tool: shown, added up, proved, backed up, restored, exported and imported. */
import {
  appendFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { newPlanchets, type Reserve, withdraw } from '../e2e/support/coins.js';
import { expectOk, send } from '../e2e/support/http.js';
import { readOffers } from '../e2e/support/offers.js';
import { close, fundedReserve } from '../e2e/support/reserves.js';
import { headCaughtUp, TEST_SERVER } from '../support/configured-store.js';
import { type RunningExchange, smallKeys, startExchange } from '../support/exchange.js';
import { copyPrivately } from '../support/folders.js';
import { type Run, runAdmin } from './support/cli.js';

let exchange: RunningExchange;
let reserve: Reserve;
let masterPub: string;
const folder = mkdtempSync(join(tmpdir(), 'florin-ledger-'));
const file = (name: string): string => join(folder, name);
const admin = (...args: string[]): Promise<Run> => runAdmin(exchange.data, 'ledger', ...args, '--json');
const inFolder = (data: string, ...args: string[]): Promise<Run> => runAdmin(data, 'ledger', ...args, '--json');

/** What a command printed that must have worked. */
async function done(run: Promise<Run>): Promise<Run['json']> {
  const { code, stderr, stdout } = await run;
  expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout);
}

const linesOf = ({ stdout }: Run): Record<string, string>[] =>
  stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, string>);

beforeAll(async () => {
  exchange = await startExchange({
    onTestServer: true,
    configure: (settings) => {
      smallKeys(settings);
      settings.denominations = settings.denominations.filter(({ value }: { value: string }) => value === 'KUDOS:1');
    },
  });
  reserve = await fundedReserve(exchange, '5');
  const offers = await readOffers(exchange.baseUrl);
  expectOk(await withdraw(exchange.baseUrl, reserve, newPlanchets(offers, '1', '1')));
  expectOk(await close(exchange.baseUrl, reserve));
  await headCaughtUp(exchange);
  masterPub = (await send(`${exchange.baseUrl}keys`)).json.master_public_key as string;
});

afterAll(async () => {
  await exchange?.stop();
  exchange?.remove();
  rmSync(folder, { recursive: true, force: true });
});

test('a reserve is told as its events, and a denomination with its sums', async () => {
  const shown = (await done(admin('show', 'reserve', reserve.pub))) as { events: Record<string, string>[] };
  const told = shown.events.map(({ type, words }) => [type, words]);
  expect(told).toEqual([
    ['ReserveFunded', expect.stringMatching(/^KUDOS:5 came from the bank/)],
    ['CoinsWithdrawn', '2 coins withdrawn for KUDOS:2.02, fees included'],
    [
      'ReserveClosed',
      expect.stringMatching(/^closed \(request\): KUDOS:2.98 left, KUDOS:2.93 to be wired, fee KUDOS:0.05/),
    ],
  ]);
  const offers = await readOffers(exchange.baseUrl);
  const [planchet] = newPlanchets(offers, '1');
  const hash = planchet?.offer.hash ?? '';
  const denomination = await done(admin('show', 'denomination', hash));
  expect(denomination.events[0].type).toBe('DenominationOffered');
  expect(denomination.sums).toMatchObject({ issued_count: 2, value: expect.anything() });
  const people = await runAdmin(exchange.data, 'ledger', 'show', 'denomination', hash.toLowerCase());
  expect(people.stdout).toContain('issued: 2 coins, KUDOS:2\n');
  expect((await admin('show', 'coin', reserve.pub)).code).toBe(1);
  expect((await admin('show', 'coin', 'nonsense')).code).toBe(2);
});

test('the tail is the newest events', async () => {
  const { size } = await done(admin('head'));
  const tail = linesOf(await admin('tail', '-n', '3'));
  expect(tail.map(({ index }) => Number(index))).toEqual([size - 3, size - 2, size - 1]);
});

test('fee income is what customers paid', async () => {
  expect(await done(admin('fees', '--by', 'all'))).toEqual([
    { period: 'all', kind: 'closing fees', income: 'KUDOS:0.05' },
    { period: 'all', kind: 'withdraw fees', income: 'KUDOS:0.02' },
  ]);
  const [month] = await done(admin('fees'));
  expect(month.period).toBe(new Date().toISOString().slice(0, 7));
  expect(await done(admin('fees', '--until', '2020-01-01'))).toEqual([]);
});

function withoutSecondEvent(text: string): string {
  const evidence = JSON.parse(text) as { events: object[] };
  return JSON.stringify({ ...evidence, events: evidence.events.toSpliced(1, 1) });
}

describe('evidence', () => {
  test('is verified without the exchange, up to the master key', async () => {
    const written = await done(admin('evidence', 'reserve', reserve.pub, '--to', file('evidence.json')));
    expect(written).toMatchObject({ file: file('evidence.json'), about: `reserve ${reserve.pub}`, events: 3 });
    const again = await admin('evidence', 'reserve', reserve.pub, '--to', file('evidence.json'));
    expect(again.json).toEqual({ error: expect.stringContaining('is not overwritten'), exit_code: 1 });
    const verified = await done(
      inFolder('/nowhere', 'verify-evidence', file('evidence.json'), '--master-pub', masterPub.toLowerCase()),
    );
    expect(verified).toMatchObject({ verified: true, about: `reserve ${reserve.pub}`, master_pub: masterPub });
    expect(verified.events).toHaveLength(3);
  });

  test.each([
    ['an event', (text: string) => text.replace('KUDOS:5', 'KUDOS:6'), /is not in the ledger/],
    [
      'the head',
      (text: string) => text.replace(/(florin\/[a-z0-9]+\/[^\\]*\\n)([0-9])/, '$1$2$2'),
      /not signed by a log key/,
    ],
    [
      'a proof',
      (text: string) =>
        text.replace(/("proof": \[\s*")(..)/, (_, before, two) => `${before}${two === 'ee' ? 'ff' : 'ee'}`),
      /not in the ledger/,
    ],
    ['the master key', (text: string) => text.replaceAll(masterPub, reserve.pub), /not signed by the master key/],
    ['the format', (text: string) => text.replace('florin-evidence', 'evidence'), /is no florin-evidence/],
    [
      'what it is about',
      (text: string) => text.replace(/"about": "reserve .{8}/, '"about": "reserve 00000000'),
      /is nothing about/,
    ],
    ['the kind', (text: string) => text.replace('"about": "reserve', '"about": "purse'), /is nothing about/],
    ['what is told of it, by leaving an event out', withoutSecondEvent, /event 1 of .* was left out/],
  ])('is refused when %s was changed', async (what, change, reason) => {
    const before = readFileSync(file('evidence.json'), 'utf8');
    const after = change(before);
    expect(after).not.toBe(before);
    writeFileSync(file('forged.json'), after);
    const refused = await inFolder('/nowhere', 'verify-evidence', file('forged.json'));
    expect({ what, code: refused.code }).toEqual({ what, code: 1 });
    expect(refused.stderr).toMatch(reason);
  });
});

// Of the embedded store: a server has backups of its own.
describe.skipIf(TEST_SERVER !== undefined)('backup', () => {
  test('is taken while the exchange runs, and restored up to its head', async () => {
    const backup = await done(admin('backup', file('backup'), '--with-keys'));
    const head = await done(admin('head'));
    expect(backup.note).toBe(head.note);
    // As npm writes it, unless it is told to be silent.
    writeFileSync(file('head.json'), `\n> florin@0.1.0 admin\n> exec node main.js\n\n${JSON.stringify(head)}\n`);
    const restored = await done(
      inFolder(file('restored'), 'restore', file('backup'), '--head', file('head.json'), '--master-pub', masterPub),
    );
    expect(restored).toMatchObject({ events: head.size, note: head.note, keys: true });
    expect((await done(inFolder(file('restored'), 'head'))).note).toBe(head.note);
    expect((await inFolder(file('restored'), 'restore', file('backup'))).stderr).toContain('is not overwritten');
    const stopped = await done(inFolder(file('restored'), 'backup', file('second')));
    expect(stopped).toMatchObject({ size: head.size, note: head.note });
    expect((await admin('backup', file('backup'))).code).toBe(1);
    const nowhere = /^the backup to \/proc\/none\/backup failed: (ENOENT|EACCES)/;
    expect((await admin('backup', '/proc/none/backup')).json.error).toMatch(nowhere);
  });

  test('that is older than a head that was kept, of another master key, or damaged is refused', async () => {
    await fundedReserve(exchange, '1');
    writeFileSync(file('newer.json'), JSON.stringify(await done(admin('head'))));
    const old = await inFolder(file('other'), 'restore', file('backup'), '--head', file('newer.json'));
    expect(old.code).toBe(1);
    expect(old.stderr).toMatch(/the backup ends [0-9]+ events before the head/);
    writeFileSync(file('no-head.json'), '{}');
    const headless = await inFolder(file('other'), 'restore', file('backup'), '--head', file('no-head.json'));
    expect(headless.json).toEqual({ error: expect.stringContaining('holds no head'), exit_code: 1 });
    const foreign = await inFolder(file('other'), 'restore', file('backup'), '--master-pub', reserve.pub);
    expect(foreign.stderr).toContain('the ledger belongs to the master key');

    copyPrivately(file('backup'), file('damaged'));
    const database = new Database(join(file('damaged'), 'events.db'));
    database.exec(`UPDATE events SET data = replace(data, 'KUDOS:5', 'KUDOS:6') WHERE type = 'ReserveFunded'`);
    database.close();
    const damaged = await inFolder(file('other'), 'restore', file('damaged'));
    expect(damaged.code).toBe(1);
    expect(damaged.stderr).toMatch(/event [0-9]+ is not what was committed/);
  });
});

describe('export', () => {
  test('is verified, goes on where it ended or broke off, and imports to the same tree', async () => {
    const first = await done(admin('export', file('ledger.jsonl')));
    expect(first.added).toBe(first.events);
    await fundedReserve(exchange, '1');
    await headCaughtUp(exchange);
    const second = await done(admin('export', file('ledger.jsonl')));
    expect(second.events).toBeGreaterThan(first.events);
    expect(second.added).toBe(second.events - first.events);

    const whole = readFileSync(file('ledger.jsonl'));
    truncateSync(file('ledger.jsonl'), Math.floor(whole.length * 0.6));
    const third = await done(admin('export', file('ledger.jsonl')));
    expect(third.root).toBe(second.root);
    expect(third.added).toBeGreaterThan(0);
    expect(third.added).toBeLessThan(third.events);

    mkdirSync(file('imported'));
    copyPrivately(join(exchange.data, 'keys'), file('keys'));
    const imported = await done(inFolder(file('imported'), 'import', file('ledger.jsonl'), '--keys', file('keys')));
    expect(imported).toMatchObject({ events: third.events, copied: third.events, root: third.root });
    const again = await done(inFolder(file('imported'), 'import', file('ledger.jsonl'), '--keys', file('keys')));
    expect(again).toMatchObject({ copied: 0, root: third.root });
    const { events } = await done(inFolder(file('imported'), 'show', 'reserve', reserve.pub));
    expect(events).toMatchObject([{ type: 'ReserveFunded' }, { type: 'CoinsWithdrawn' }, { type: 'ReserveClosed' }]);
  });

  test('that was changed, cut off, or signed by another key is not imported', async () => {
    const text = readFileSync(file('ledger.jsonl'), 'utf8');
    const refused = async (changed: string, keys = file('keys')): Promise<Run> => {
      expect(changed).not.toBe(keys === file('keys') ? text : '');
      writeFileSync(file('changed.jsonl'), changed);
      const run = await inFolder(mkdtempSync(join(folder, 'target-')), 'import', file('changed.jsonl'), '--keys', keys);
      expect(run.code).toBe(1);
      return run;
    };
    await refused(text.replace('"KUDOS:5"', '"KUDOS:6"'));
    const cut = await refused(text.slice(0, text.indexOf('{"head"')));
    expect(cut.stderr).toContain('cut off before its signed head');
    copyPrivately(file('keys'), file('other-keys'));
    const log = JSON.parse(readFileSync(join(file('keys'), 'officer.json'), 'utf8')) as object;
    writeFileSync(join(file('other-keys'), 'log.json'), JSON.stringify({ ...log, kind: 'log' }));
    expect((await refused(text, file('other-keys'))).stderr).toContain('not signed by the log key');
  });

  test('a file of something else is not written to', async () => {
    appendFileSync(file('notes.txt'), 'of an operator\n');
    expect((await admin('export', file('notes.txt'))).code).toBe(1);
    expect(readFileSync(file('notes.txt'), 'utf8')).toBe('of an operator\n');
  });
});

test('a folder that is in use without an exchange that answers is not opened', async () => {
  const data = file('in-use');
  mkdirSync(data);
  cpSync(join(file('imported'), 'events.db'), join(data, 'events.db'));
  cpSync(join(file('imported'), 'heads'), join(data, 'heads'));
  const lock = new Database(join(data, 'lock.db'));
  lock.exec('BEGIN EXCLUSIVE');
  expect((await inFolder(data, 'head')).code).toBe(3);
  lock.close();
  expect((await inFolder(data, 'head')).code).toBe(0);
});
