import { expect, test } from 'vitest';
import { killRounds } from './testing/kill-rounds.js';

const KILLS = 500;

test(`kill -9 at any moment under load loses nothing acknowledged and shows no half unit (${KILLS} kills)`, async () => {
  const counts = await killRounds({ rounds: KILLS, seed: 1_000 }, expect);
  console.log(`${KILLS} kills:`, JSON.stringify(counts));
  expect(counts.acknowledged).toBeGreaterThan(20 * KILLS);
  expect(counts.cut).toBeGreaterThan(0);
  expect(counts.early).toBeGreaterThan(0);
});
