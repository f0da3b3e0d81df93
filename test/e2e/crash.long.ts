import { expect, test } from 'vitest';
import { crashRounds } from './support/crash-rounds.js';

test('a hundred times kill -9 under load', async () => {
  const { withdrawals, closings } = await crashRounds(100);
  console.log(`kill -9 of the exchange: 100 times, ${withdrawals} withdrawals and ${closings} closings as answered`);
  expect(withdrawals).toBeGreaterThanOrEqual(2_000);
  expect(closings).toBeGreaterThanOrEqual(100);
});
