import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { KINDS } from './kinds.js';
import { NOTHING_PLANTED, PLANTS } from './plants.js';

const PROGRAM = fileURLToPath(new URL('../main.js', import.meta.url));
const SMALL = ['--wallets', '8', '--steps', '40'];

// The program runs each seed twice, in processes with nothing else in common, and compares what they tell; with a
// mistake once.
const simulate = (...args: string[]) => promisify(execFile)(process.execPath, [PROGRAM, ...args]);

test('a few wallets: the books balance, and the seed tells the same history here and elsewhere', async () => {
  const { stdout } = await simulate('--seed', '1', ...SMALL);
  expect(stdout).toMatch(/crash: \d+; .*purse expired: \d+.*\n/);
  expect(stdout).toMatch(/history [0-9a-f]{64}/);
  expect(stdout).toMatch(/nothing found\n$/);
});

test('what has to happen in a run of full size is named, each once', () => {
  expect(KINDS.length).toBeGreaterThan(60);
  expect(new Set(KINDS).size).toBe(KINDS.length);
});

describe('a mistake that is planted is found', () => {
  for (const { name, mistake } of PLANTS.values()) {
    if (name === NOTHING_PLANTED.name) continue;
    test(`${name}: ${mistake}`, async () => {
      const { code, stdout } = await simulate('--seeds', '4', ...SMALL, '--plant', name).catch((error) => error);
      expect(stdout).toMatch(/\nbroken with seed \d+: [^\n]+\n$/);
      expect(code).toBe(1);
    });
  }

  test('one that nobody knows cannot be run', async () => {
    await expect(simulate('--plant', 'nonsense')).rejects.toMatchObject({ code: 2 });
  });
});
