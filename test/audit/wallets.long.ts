import { expect, test } from 'vitest';
import { expectClean } from './simulated.js';

test.each([1, 2, 3])('a long simulation gives no finding: seed %i', async (seed) => {
  expect(await expectClean({ seed, wallets: 50, steps: 200 })).toBeGreaterThan(5_000);
});
