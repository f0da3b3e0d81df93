/** Audits what a simulation of wallets left. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { auditOf, itemsOf, type Simulation, simulate } from './simulated-audit.js';

/** An honest history of many wallets gives no finding, and is in step with its bank. @returns how many events it had */
export async function expectClean(simulation: Simulation): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'florin-simulated-'));
  try {
    const file = join(folder, 'events.jsonl');
    await simulate(simulation, file);
    const replay = await auditOf(await itemsOf(file), `${file}.bank`);
    expect(replay.findings.sorted(), `seed ${simulation.seed}`).toEqual([]);
    return replay.log.next;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
