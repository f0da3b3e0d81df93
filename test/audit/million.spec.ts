import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Replay } from '@florin/auditor';
import { expect, onTestFinished, test } from 'vitest';
import { Endless } from './endless.js';
import { writeFolder } from './endless-main.js';
import { auditor } from './tools.js';

test('twenty thousand events of an honest history give no finding, and settled things are small', async () => {
  const replay = new Replay({ signatures: false });
  for await (const stretch of new Endless().stretches(20_000)) await replay.take(stretch);
  await replay.settle(replay.lastAt);
  expect(replay.findings.kept).toEqual([]);
  expect(replay.log.next).toBeGreaterThanOrEqual(20_000);
  expect(replay.purses.size).toBe(0);
  expect(replay.totals.difference).toBe(0n);
});

test.each([
  ['signatures', true, []],
  ['noise', false, ['--no-signatures']],
])('a long history with %s is written into a folder that can be audited', async (_, signed, args) => {
  const folder = mkdtempSync(join(tmpdir(), 'florin-long-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const events = await writeFolder(folder, 500, new Endless({ signed }));
  const ended = await auditor('--data', folder, '--memory', join(folder, 'memory'), '--json', '-', ...args);
  expect(ended).toMatchObject({ code: 0 });
  const report = JSON.parse(ended.out) as { log: { events: number }; checked: { signatures: number } };
  expect(report.log.events).toBe(events);
  if (signed) expect(report.checked.signatures).toBeGreaterThan(events);
  await expect(writeFolder(folder, 500, new Endless())).rejects.toThrow();
});
