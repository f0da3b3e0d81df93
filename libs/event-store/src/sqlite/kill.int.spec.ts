import { expect, test } from 'vitest';
import { killRounds } from './testing/kill-rounds.js';

test('kill -9 at any moment under load loses nothing acknowledged and shows no half unit (20 kills)', async () => {
  const counts = await killRounds(20, 1, expect);
  console.log('kills: 20,', JSON.stringify(counts));
  expect(counts.acknowledged).toBeGreaterThan(1_000);
});
