import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { freshFolder } from './bank.support.js';
import { killAtWork, MAIN, spawnBank } from './bank-process.support.js';

test('killed at work, the bank keeps what it acknowledged, once, and its books balance', async () => {
  await killAtWork(6);
});

test('SIGTERM ends the process after its long polls were answered', async () => {
  const bank = await spawnBank(freshFolder());
  const poll = bank.gateway.historyIncoming({ limit: 1, longPollMs: 200_000 });
  for (let round = 0; round < 3; round += 1) await bank.gateway.config(); // by now the poll has been read
  const exited = once(bank.child, 'exit');
  bank.child.kill('SIGTERM');
  expect(await poll).toEqual({ creditAccount: undefined, rows: [] });
  expect(await exited).toEqual([0, null]);
});

test('a port that is none stops the start with its name and what is allowed', async () => {
  const env = { PATH: process.env.PATH, FLORIN_DATA: freshFolder(), FLORIN_BANK_PORT: '70000' };
  const child = spawn(process.execPath, [MAIN], { env, stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (chunk) => {
    said += String(chunk);
  });
  expect(await once(child, 'close')).toEqual([1, null]);
  expect(said).toContain('FLORIN_BANK_PORT is "70000"; allowed is a port from 0 to 65535');
});
