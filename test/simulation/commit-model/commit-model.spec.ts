import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { NOTHING_PLANTED } from './plant.js';
import { PLANTS } from './plants.js';
import { PROPERTIES, type Property } from './properties.js';
import { KINDS, run } from './run.js';

// A schedule takes some 20 ms on an idle core. A failure names its seed: npm run simulate -- --model commit --seed S
describe('the commit protocol, simulated', { timeout: 900_000 }, () => {
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

  test('each property is the only one that some mistake breaks', () => {
    const alone = [...PLANTS.values()].flatMap(({ breaks }) => (breaks?.length === 1 ? breaks : []));
    expect(Object.keys(PROPERTIES).filter((property) => !alone.includes(property as Property))).toEqual([]);
  });

  test('the proof names every mistake, and no other', () => {
    const proof = readFileSync(new URL('../../../../docs/eventstoredb-commit.md', import.meta.url), 'utf8');
    const bracketed = [...proof.matchAll(/\[([^\]]*`[^\]]*)\]/g)].flatMap(
      ([, text = '']) => text.match(/`[a-z-]+`/g) ?? [],
    );
    const named = new Set(bracketed.map((name) => name.slice(1, -1)));
    expect([...named].filter((name) => !PLANTS.has(name))).toEqual([]);
    expect([...PLANTS.keys()].filter((name) => name !== NOTHING_PLANTED.name && !named.has(name))).toEqual([]);
  });

  for (const plant of PLANTS.values()) {
    const { breaks } = plant;
    if (plant === NOTHING_PLANTED) continue;
    if (!breaks) {
      test(`${plant.name} costs progress at most: ${plant.mistake}`, async () => {
        const { found } = await run({ first: 1, count: 200, plant });
        expect(found && `seed ${found.seed}: ${found.broken.message}`).toBeUndefined();
      });
    } else {
      test(`${plant.name} is found: ${plant.mistake}`, async () => {
        const { found } = await run({ first: 1, count: 1_000, plant });
        expect(breaks).toContain(found?.broken.property);
        const again = await run({ first: found?.seed ?? 0, count: 1, plant });
        expect(again.found?.broken.message).toBe(found?.broken.message);
      });
    }
  }
});
