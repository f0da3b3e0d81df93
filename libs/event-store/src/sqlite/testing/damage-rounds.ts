import { join } from 'node:path';
import type { expect } from 'vitest';
import { copyFolder, damage, type Outcome, type Prepared, prepare, tryFolder, tryReader, tryStore } from './damage.js';
import { seeded, temporaryFolder } from './folder.js';

export interface DamagePlan {
  /** Units in the prepared folders; two or three events each. */
  readonly units: number;
  /** Larger stores than this are checked at their end only when they are opened. */
  readonly checkAllMax: number;
  readonly trials: number;
  readonly seed: number;
  /** Every so many trials the store itself is opened, with its threads. */
  readonly storeEvery: number;
}

/**
 * Damages copies of prepared folders. A copy must be refused, or serve all that was acknowledged, or name the damage
 * when it is read or scrubbed.
 * @returns how often which outcome was seen
 */
export async function damageRounds(plan: DamagePlan, check: typeof expect): Promise<Map<Outcome, number>> {
  const { folder, remove } = temporaryFolder();
  const random = seeded(plan.seed);
  const counts = new Map<Outcome, number>();
  const folders = await prepare(folder, plan.units);
  const copy = join(folder, 'copy');
  for (const intact of folders) {
    copyFolder(intact.folder, copy);
    await tryReader(copy, intact);
    check(await tryFolder(copy, intact, plan.checkAllMax), intact.name).toBe('all intact');
    copyFolder(intact.folder, copy);
    check(await tryStore(copy, intact, plan.checkAllMax), intact.name).toBe('all intact');
  }
  for (let trial = 0; trial < plan.trials; trial++) {
    const known = folders[trial % folders.length] as Prepared;
    copyFolder(known.folder, copy);
    const done = damage(copy, random);
    const attempt = trial % plan.storeEvery === 0 ? tryStore : tryFolder;
    const outcome = await attempt(copy, known, plan.checkAllMax).catch((error: Error) => {
      throw new Error(`seed ${plan.seed}, trial ${trial}, ${known.name}, ${done}: ${error.message}`);
    });
    counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  }
  remove();
  return counts;
}
