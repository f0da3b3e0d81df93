import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const PROGRAM = fileURLToPath(new URL('../main.js', import.meta.url));

// The program runs each seed twice, in processes of their own, and compares what they tell.
const simulate = (...args: string[]) => promisify(execFile)(process.execPath, [PROGRAM, ...args]);

test('a few wallets: the books balance, and the seed tells the same history twice', async () => {
  const { stdout } = await simulate('--seed', '1', '--wallets', '8', '--steps', '40');
  expect(stdout).toMatch(/crash: \d+; .*purse expired: \d+.*\n/);
  expect(stdout).toMatch(/history [0-9a-f]{64}/);
  expect(stdout).toMatch(/nothing found\n$/);
});

test('what has to happen in a run of full size is named, each once', async () => {
  const { KINDS } = await import('./kinds.js');
  expect(KINDS.length).toBeGreaterThan(60);
  expect(new Set(KINDS).size).toBe(KINDS.length);
});
