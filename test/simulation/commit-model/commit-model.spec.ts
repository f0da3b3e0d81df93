import { describe, expect, test } from 'vitest';
import { NOTHING_PLANTED } from './plant.js';
import { PLANTS } from './plants.js';
import { KINDS, run } from './run.js';

// A schedule takes some 10 ms on an idle core. A failure names its seed: npm run simulate -- --model commit --seed S
describe('the commit protocol, simulated', () => {
  test('keeps all its properties in two thousand schedules, in which everything happens', async () => {
    const { found, tally } = await run({ first: 1, count: 2_000, plant: NOTHING_PLANTED });
    expect(found && `seed ${found.seed}: ${found.broken.message}`).toBeUndefined();
    expect(tally.missing(KINDS)).toEqual([]);
  });

  test('gives the same history for the same seed', async () => {
    const stories = [1, 2].map(() => run({ first: 4_711, count: 3, plant: NOTHING_PLANTED }));
    const [one, two] = await Promise.all(stories);
    expect(one?.tally.toString()).toBe(two?.tally.toString());
  });

  for (const plant of PLANTS.values()) {
    if (plant.harmless) {
      test(`${plant.name} costs progress at most: ${plant.mistake}`, async () => {
        const { found } = await run({ first: 1, count: 200, plant });
        expect(found && `seed ${found.seed}: ${found.broken.message}`).toBeUndefined();
      });
    } else if (plant !== NOTHING_PLANTED) {
      test(`${plant.name} is found: ${plant.mistake}`, async () => {
        const { found } = await run({ first: 1, count: 1_000, plant });
        expect(found?.broken.property).toBeDefined();
        const again = await run({ first: found?.seed ?? 0, count: 1, plant });
        expect(again.found?.broken.message).toBe(found?.broken.message);
      });
    }
  }
});
