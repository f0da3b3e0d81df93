import { expect, test } from 'vitest';
import { damageRounds } from './testing/damage-rounds.js';

test('a damaged small store is refused, or intact, or names the damage (6,000 trials)', async () => {
  const plan = { units: 250, checkAllMax: 100_000, trials: 6_000, seed: 1_001, storeEvery: 20 };
  const counts = await damageRounds(plan, expect);
  console.log('damage to small stores:', JSON.stringify([...counts]));
  expect(counts.get('refused at start')).toBeGreaterThan(1_000);
  expect(counts.get('all intact')).toBeGreaterThan(300);
});

test('a damaged large store is refused, or intact, or names the damage (1,000 trials)', async () => {
  const plan = { units: 1_400, checkAllMax: 1_000, trials: 1_000, seed: 1_002, storeEvery: 20 };
  const counts = await damageRounds(plan, expect);
  console.log('damage to large stores:', JSON.stringify([...counts]));
  expect(counts.get('refused at start')).toBeGreaterThan(300);
  expect(counts.get('found when read')).toBeGreaterThan(20);
  expect(counts.get('all intact')).toBeGreaterThan(100);
});
