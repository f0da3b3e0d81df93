import { expect, test } from 'vitest';
import { expectClean } from './simulated.js';

test('what a few wallets did in a simulation gives no finding', async () => {
  expect(await expectClean({ seed: 7, wallets: 8, steps: 60 })).toBeGreaterThan(300);
});
