import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const PROGRAM = fileURLToPath(new URL('../main.js', import.meta.url));
const SEEDS = 40;

test(`${SEEDS} seeds of full size`, async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [PROGRAM, '--seeds', `${SEEDS}`, '--from', '1000'], {
    maxBuffer: 64 * 1024 * 1024,
  });
  expect(stdout).toMatch(new RegExp(`${SEEDS} seeds, nothing found\n$`));
});
