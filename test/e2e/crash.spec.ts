import { expect, test } from 'vitest';
import { crashRounds } from './support/crash-rounds.js';

test('five times kill -9 under load: what was acknowledged stays, credits and closings count once', async () => {
  const { withdrawals, closings } = await crashRounds(5);
  expect(withdrawals).toBeGreaterThanOrEqual(100);
  expect(closings).toBeGreaterThanOrEqual(5);
});
