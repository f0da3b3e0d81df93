import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildDisk, failing, powerFailures } from './testing/disk.js';
import { seeded, temporaryFolder } from './testing/folder.js';
import { acknowledgements, checkFolder, killRounds, startBusy } from './testing/kill-rounds.js';

test('kill -9 at any moment under load loses nothing acknowledged and shows no half unit (20 kills)', async () => {
  const counts = await killRounds({ rounds: 20, seed: 1 }, expect);
  console.log('20 kills:', JSON.stringify(counts));
  expect(counts.acknowledged).toBeGreaterThan(500);
});

/** The disk is watched by a library that Linux's loader puts in front of the C library. */
describe.runIf(process.platform === 'linux')('the disk', () => {
  const { folder, remove } = temporaryFolder();
  let library = '';
  beforeAll(() => {
    library = buildDisk(folder);
  });
  afterAll(remove);

  test('a power failure that leaves only what was synced loses nothing acknowledged (10 failures)', async () => {
    const counts = await killRounds({ rounds: 10, seed: 3, surroundings: powerFailures(library, folder) }, expect);
    console.log('10 power failures:', JSON.stringify(counts));
    expect(counts.acknowledged).toBeGreaterThan(200);
  });

  test('a failed sync ends the process before anything else is acknowledged (10 failures)', async () => {
    const random = seeded(4);
    for (let round = 0; round < 10; round++) {
      const served = join(folder, `failing${round}`);
      const fromSync = 20 + Math.floor(random() * 100);
      const busy = startBusy([served, `${round}`, `${round}`], failing(library, served, fromSync));
      expect(await busy.ended).toEqual({ code: 70, signal: null });
      expect(busy.lines.at(-1)).toMatch(/^report \{"kind":"failed"/);
      const acknowledged = acknowledgements(busy.lines);
      expect(acknowledged.size).toBeGreaterThan(0);
      await checkFolder(served, `sync ${fromSync} failed`, acknowledged, expect);
    }
  });
});
