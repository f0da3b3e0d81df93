/** What every command of the admin tool keeps to: exit codes, JSON for machines, words for people, never a stack. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { newKey } from '../e2e/support/oracle.js';
import { runAdmin, runAdminWith } from './support/cli.js';

const folder = mkdtempSync(join(tmpdir(), 'florin-usage-'));
const empty = join(folder, 'empty');
const KEY = newKey().pub;
const GLOBAL_FEES = 'fees global --from 2036-01-01 --until 2037-01-01 --history-fee EUR:0 --account-fee EUR:0'.split(
  ' ',
);

/** Where an exchange was until it was killed. */
const dead = join(folder, 'dead');

beforeAll(() => {
  mkdirSync(empty);
  mkdirSync(dead);
  const adminCredential = join(dead, 'admin-credential');
  writeFileSync(adminCredential, 'X\n');
  writeFileSync(join(dead, 'run.json'), JSON.stringify({ admin: 'http://127.0.0.1:1/', adminCredential }));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('without --data the folder is that of the exchange: as FLORIN_DATA, then FLORIN_CONFIG says', async () => {
  const FLORIN_CONFIG = join(folder, 'settings.yaml');
  writeFileSync(FLORIN_CONFIG, JSON.stringify({ data: dead }));
  const status = (environment: Readonly<Record<string, string>>) => runAdminWith(environment, undefined, 'status');
  expect((await status({ FLORIN_CONFIG, FLORIN_DATA: '' })).stderr).toContain('http://127.0.0.1:1/');
  expect((await status({ FLORIN_CONFIG, FLORIN_DATA: empty })).stderr).toContain(`no exchange runs on ${empty}`);
  const lost = await status({ FLORIN_CONFIG: join(folder, 'none.yaml'), FLORIN_DATA: '' });
  expect(lost).toMatchObject({ code: 1, stderr: expect.stringMatching(/none\.yaml cannot be read: ENOENT/) });
});

test.each<[string, number, RegExp, string[]]>([
  ['no exchange', 3, /no exchange runs on .*--data/, ['status']],
  ['nothing there', 3, /holds no ledger: is it the right folder/, ['ledger', 'head']],
  ['no command', 2, /see --help/, ['clock']],
  ['an unknown command', 2, /unknown command/, ['nonsense']],
  ['an unknown option', 2, /unknown option/, ['status', '--nonsense']],
  ['a missing file', 1, /cannot be read/, ['offline', 'show', join(folder, 'nothing.json')]],
  ['a missing folder', 1, /no such folder/, ['offline', 'generate', join(folder, 'nowhere', 'master.json')]],
  ['no account', 2, /payto:\/\/iban\//, ['wire', 'enable', 'nonsense']],
  ['no account to forget', 2, /52 characters of base32/, ['account', 'forget', 'nonsense', '--reason', 'r']],
  ['no key', 2, /52 characters of base32/, ['signkey', 'revoke', 'X']],
  ['no URL', 2, /a URL as https/, ['offline', 'import', 'signed.json', '--url', 'nonsense']],
  ['no name', 2, /needs a name/, ['officer', 'enrol', KEY, ' ']],
  ['a currency alone', 2, /an amount like EUR:1.50/, [...GLOBAL_FEES, '--purse-fee', 'EUR:']],
  ['endless purses', 2, /at most [0-9]+ is possible/, [...GLOBAL_FEES, '--purse-timeout', '999999999999999']],
  ['a day that is none', 2, /a date as 2026-01-31/, ['ledger', 'fees', '--from', '2026-02-30']],
])('%s: exit code %i, with a hint for people and JSON for machines', async (_what, code, hint, args) => {
  const people = await runAdmin(empty, ...args);
  expect({ code: people.code, stdout: people.stdout }).toEqual({ code, stdout: '' });
  const machines = await runAdmin(empty, ...args, '--json');
  expect(machines.json).toEqual({ error: expect.stringMatching(hint), exit_code: code });
  expect(people.stderr + machines.stderr).not.toMatch(/^ +at |node:internal/m);
  expect(people.stderr).not.toContain(String.fromCharCode(27)); // colours are for terminals
  expect(readdirSync(empty)).toEqual([]);
});

test('whoever else listens where the exchange was is not taken for it', async () => {
  const strangers = createServer((_request, reply) => reply.writeHead(401).end('{"code":40}'));
  await new Promise<void>((listening) => strangers.listen(0, '127.0.0.1', listening));
  const { port } = strangers.address() as AddressInfo;
  const adminCredential = join(dead, 'admin-credential');
  const taken = join(folder, 'taken');
  mkdirSync(taken);
  writeFileSync(join(taken, 'run.json'), JSON.stringify({ admin: `http://127.0.0.1:${port}/`, adminCredential }));
  const status = await runAdmin(taken, 'status');
  expect(status).toMatchObject({ code: 3, stderr: expect.stringMatching(/does not know the credential/) });
  const head = await runAdmin(taken, 'ledger', 'head');
  expect(head).toMatchObject({ code: 3, stderr: expect.stringMatching(/holds no ledger/) });
  await new Promise((closed) => strangers.close(closed));
});

test('an exchange that was killed is told from one that never ran', async () => {
  const run = await runAdmin(dead, 'status');
  expect(run.code).toBe(3);
  expect(run.stderr).toMatch(/does not answer at http:\/\/127\.0\.0\.1:1\/.*is it running/);
});

test('the help of every command names the options that all have', async () => {
  for (const args of [
    ['ledger', 'tail'],
    ['offline', 'sign'],
    ['transfer', 'retry'],
  ]) {
    const { code, stdout } = await runAdmin(empty, ...args, '--help');
    expect(code).toBe(0);
    for (const part of ['--json', '--data', 'npm run admin -- ']) expect(stdout).toContain(part);
  }
});
