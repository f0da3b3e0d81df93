import { Broken } from './broken.js';
import { KINDS } from './kinds.js';
import { PLANTS, type Plant } from './plants.js';
import type { VirtualProcess } from './virtual-process.js';
import { type Size, World } from './world.js';

/** What one run says about itself, as JSON on its standard output. */
export interface Report {
  readonly broken?: string;
  /** Over every answer and every event. */
  readonly digest?: string;
  readonly events?: number;
  readonly answers?: number;
  /** How often each thing happened. */
  readonly counts?: readonly (readonly [string, number])[];
}

/** In so many steps everything has to happen. */
const WHOLE_STEPS = 10_000;

/** Runs one seed in this process, whose time and chance are virtual already. */
export async function runOnce(size: Size, process: VirtualProcess, planted: string): Promise<Report> {
  const world = new World(size, process, PLANTS.get(planted) as Plant);
  try {
    const { digest, events, answers, tally } = await world.run();
    const missing = size.wallets * size.steps < WHOLE_STEPS ? [] : tally.missing(KINDS);
    const counts = [...tally.counts].sort(([a], [b]) => (a < b ? -1 : 1));
    const broken = missing.length > 0 ? { broken: `never happened: ${missing.join('; ')}` } : {};
    return { ...broken, digest, events, answers, counts };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    // What is not foreseen is a fault too, for nothing in the simulation justifies it.
    if (!(error instanceof Broken)) return { broken: `${error.stack}`, counts: [...world.tally.counts] };
    const cause = error.cause instanceof Error ? `\n${error.cause.stack}` : '';
    return { broken: `${error.message}${cause}`, counts: [...world.tally.counts] };
  }
}
