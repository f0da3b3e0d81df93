import { Replay } from '@florin/auditor';
import { expect, test } from 'vitest';
import { Endless } from './endless.js';

test('twenty thousand events of an honest history give no finding, and settled things are small', async () => {
  const replay = new Replay({ signatures: false });
  for await (const stretch of new Endless().stretches(20_000)) await replay.take(stretch);
  await replay.settle(replay.lastAt);
  expect(replay.findings.kept).toEqual([]);
  expect(replay.log.next).toBeGreaterThanOrEqual(20_000);
  expect(replay.purses.size).toBe(0);
  expect(replay.totals.difference).toBe(0n);
});
