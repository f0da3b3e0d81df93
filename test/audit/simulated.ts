/** Audits what a simulation of wallets left. */
import { spawn } from 'node:child_process';
import { createReadStream, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compareBank, Replay, readBank, type SourceItem } from '@florin/auditor';
import { readExport } from '@florin/event-store';
import { expect } from 'vitest';
import { CURRENCY } from '../simulation/wallets/settings.js';

const PROGRAM = fileURLToPath(new URL('./simulated-history.js', import.meta.url));

export interface Simulation {
  readonly seed: number;
  readonly wallets: number;
  /** Of each wallet. */
  readonly steps: number;
}

/** An honest history of many wallets gives no finding, and is in step with its bank. @returns how many events it had */
export async function expectClean({ seed, wallets, steps }: Simulation): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'florin-simulated-'));
  try {
    const file = join(folder, 'events.jsonl');
    const args = [PROGRAM, `${seed}`, `${wallets}`, `${steps}`, file];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] });
    expect(await new Promise((resolve) => child.on('close', resolve)), `the simulation of seed ${seed}`).toBe(0);
    const replay = new Replay({ threads: 0 });
    await replay.take({ items: await itemsOf(file) });
    await replay.settle(replay.lastAt);
    replay.conclude();
    const history = await readBank(`${file}.bank`, CURRENCY);
    compareBank(replay, [{ ...history, askedAt: replay.lastAt + 3600 }], replay.lastAt);
    expect(replay.findings.sorted(), `seed ${seed}`).toEqual([]);
    return replay.log.next;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function itemsOf(file: string): Promise<SourceItem[]> {
  const items: SourceItem[] = [];
  for await (const line of readExport(createReadStream(file))) {
    if (line.kind === 'event') items.push({ ...line.event, text: JSON.stringify(line.event.data) });
  }
  return items;
}
