import { expect, test } from 'vitest';
import { damageRounds } from './testing/damage-rounds.js';

// In three parts, for on a busy disk each trial takes its time.
test.each([1, 2, 3])(
  'a damaged small store is refused, or intact, or names the damage (100 trials, seed %i)',
  async (seed) => {
    const plan = { units: 250, checkAllMax: 100_000, trials: 100, seed, storeEvery: 15 };
    const counts = await damageRounds(plan, expect);
    console.log('damage to small stores:', JSON.stringify([...counts]));
    expect(counts.get('refused at start')).toBeGreaterThan(20);
    expect(counts.get('all intact')).toBeGreaterThan(5);
  },
);

test('a damaged large store is refused, or intact, or names the damage (40 trials)', async () => {
  const plan = { units: 1_400, checkAllMax: 1_000, trials: 40, seed: 2, storeEvery: 15 };
  const counts = await damageRounds(plan, expect);
  console.log('damage to large stores:', JSON.stringify([...counts]));
  expect(counts.get('refused at start')).toBeGreaterThan(10);
  expect(counts.get('found when read')).toBeGreaterThan(0);
});
