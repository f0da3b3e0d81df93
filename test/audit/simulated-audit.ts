/** What a simulation of wallets left, and what the auditor says of it. */
import { spawn } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { compareBank, Replay, readBank, type SourceItem } from '@florin/auditor';
import { readExport } from '@florin/event-store';
import { CURRENCY } from '../simulation/wallets/settings.js';

const PROGRAM = fileURLToPath(new URL('./simulated-history.js', import.meta.url));

export interface Simulation {
  readonly seed: number;
  readonly wallets: number;
  /** Of each wallet. */
  readonly steps: number;
}

/** Lives through it; `file` has its events then, and `file.bank` what its bank did. @throws Error if it breaks off */
export async function simulate({ seed, wallets, steps }: Simulation, file: string): Promise<void> {
  const args = [PROGRAM, `${seed}`, `${wallets}`, `${steps}`, file];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  if (code !== 0) throw new Error(`the simulation of seed ${seed} ended with ${code}`);
}

/** The events of an export. */
export async function itemsOf(file: string): Promise<SourceItem[]> {
  const items: SourceItem[] = [];
  for await (const line of readExport(createReadStream(file))) {
    if (line.kind === 'event') items.push({ ...line.event, text: JSON.stringify(line.event.data) });
  }
  return items;
}

/** A whole audit at the time of the newest event, with what the bank did. */
export async function auditOf(items: readonly SourceItem[], bankFile: string): Promise<Replay> {
  const replay = new Replay({ threads: 0 });
  await replay.take({ items });
  await replay.settle(replay.lastAt);
  replay.conclude();
  const history = await readBank(bankFile, CURRENCY);
  compareBank(replay, [{ ...history, askedAt: replay.lastAt + 3600 }], replay.lastAt);
  return replay;
}
