import { expect, test } from 'vitest';
import { buildDisk, powerFailures } from './testing/disk.js';
import { temporaryFolder } from './testing/folder.js';
import { killRounds } from './testing/kill-rounds.js';

const KILLS = 500;

test(`kill -9 under load loses nothing acknowledged and shows no half unit (${KILLS} kills)`, async () => {
  const counts = await killRounds({ rounds: KILLS, seed: 1_000 }, expect);
  console.log(`${KILLS} kills:`, JSON.stringify(counts));
  expect(counts.acknowledged).toBeGreaterThan(20 * KILLS);
  expect(counts.cut).toBeGreaterThan(0);
  expect(counts.early).toBeGreaterThan(0);
});

test.runIf(process.platform === 'linux')(
  'a power failure that leaves only what was synced loses nothing acknowledged (100 failures)',
  async () => {
    const { folder, remove } = temporaryFolder();
    const surroundings = powerFailures(buildDisk(folder), folder);
    const counts = await killRounds({ rounds: 100, seed: 2_000, surroundings }, expect);
    console.log('100 power failures:', JSON.stringify(counts));
    expect(counts.acknowledged).toBeGreaterThan(2_000);
    remove();
  },
);
