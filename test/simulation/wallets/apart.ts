/** Runs of one seed in processes of their own that have nothing in common but the seed. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Report } from './once.js';

export type Sized = { readonly seed: number; readonly wallets: number; readonly steps: number; readonly plant: string };

/** What a history must not depend on. */
interface Surroundings {
  readonly checkout: string;
  readonly options: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

const CHECKOUT = fileURLToPath(new URL('../../../../', import.meta.url));
/** Much of what a run makes lives for one request: a larger nursery saves a tenth of its time. */
const HERE: Surroundings = { checkout: CHECKOUT, options: ['--max-semi-space-size=64'], cwd: process.cwd(), env: {} };

/** Two runs, of which the second finds itself elsewhere. @throws Error if one does not end as it should */
export async function runTwice(size: Sized): Promise<[Report, Report]> {
  const folder = mkdtempSync(join(tmpdir(), 'florin-elsewhere-'));
  try {
    return await Promise.all([runAlone(size), runAlone(size, elsewhere(folder))]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The same checkout under another and longer path, half a world away, and with another rhythm of its memory. */
function elsewhere(folder: string): Surroundings {
  const checkout = join(folder, 'another checkout, whose path is longer');
  symlinkSync(CHECKOUT, checkout);
  return {
    checkout,
    options: ['--max-semi-space-size=48', '--preserve-symlinks', '--preserve-symlinks-main'],
    cwd: folder,
    env: { TMPDIR: folder, TZ: 'Pacific/Chatham', LANG: 'tr_TR.UTF-8', LC_ALL: 'tr_TR.UTF-8' },
  };
}

/** One run in a process of its own. @throws Error if it does not end as it should */
export function runAlone({ seed, wallets, steps, plant }: Sized, surroundings = HERE): Promise<Report> {
  const { checkout, options, cwd, env } = surroundings;
  const numbers = ['--seed', `${seed}`, '--wallets', `${wallets}`, '--steps', `${steps}`, '--plant', plant];
  const program = join(checkout, 'test/dist/simulation/main.js');
  const child = spawn(process.execPath, [...options, program, '--model', 'wallets', '--once', ...numbers], {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const output: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve(JSON.parse(Buffer.concat(output).toString()) as Report);
      else reject(new Error(`the run of seed ${seed} ended with ${code}`));
    });
  });
}
