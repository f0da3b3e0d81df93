import { parseArgs } from 'node:util';
import { runAlone, runTwice, type Sized } from './apart.js';
import type { runOnStore } from './on-store.js';
import { VirtualProcess } from './virtual-process.js';

export const help = `npm run simulate -- [options]

Runs the whole exchange in one process of virtual time, with fixed keys, a bank, and people with wallets who pay,
double-spend, repeat, race, recoup and let purses expire, while it crashes and opens what was committed again.
Each seed runs twice, in two processes at a time, which must tell the same history byte for byte although the second
has another path, time zone, language and folder for temporary files.

  --seeds N      seeds to run; default 4
  --from S       the first one; default 1
  --seed S       replays one
  --wallets N    people; default 50
  --steps N      steps of each; default 200
  --plant NAME   with a mistake in the exchange, which has to be found; each seed runs once
  --store S      S is esdb://...: what the people of each seed did is committed there as well, unit by unit, under an
                 instance of its own, read back and audited; they race and crash on the store of the simulation
  --help         this text

Exit code 0: nothing was found. 1: a property is broken; the last line names it and the seed. 2: it could not be run.

Mistakes:
`;

/** @returns the exit code @throws on arguments that make no sense */
export async function simulate(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seeds: { type: 'string', default: '4' },
      from: { type: 'string', default: '1' },
      seed: { type: 'string' },
      wallets: { type: 'string', default: '50' },
      steps: { type: 'string', default: '200' },
      plant: { type: 'string', default: 'none' },
      store: { type: 'string' },
      once: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const size = { wallets: numberOf('wallets', values.wallets), steps: numberOf('steps', values.steps) };
  const { plant } = values;
  if (values.once) return printOne({ seed: numberOf('seed', values.seed ?? ''), ...size, plant });
  const { PLANTS } = await import('./plants.js');
  if (values.help) {
    console.log(help + [...PLANTS.values()].map(({ name, mistake }) => `  ${name}\n      ${mistake}`).join('\n'));
    return 0;
  }
  const planted = PLANTS.get(plant);
  if (!planted) throw new RangeError(`there is no mistake called ${plant}; see --help`);
  const isHonest = plant === 'none';
  if (values.store !== undefined && (!isHonest || !/^esdb(\+discover)?:/.test(values.store))) {
    throw new RangeError('--store takes esdb://..., and goes without --plant');
  }
  if (!isHonest) console.log(`planted: ${plant} (${planted.mistake})`);
  const first = numberOf('seed', values.seed ?? values.from);
  const count = values.seed === undefined ? numberOf('seeds', values.seeds) : 1;
  for (let seed = first; seed < first + count; seed += 1) {
    const begun = performance.now();
    const sized = { seed, ...size, plant };
    const [one, other = one] = isHonest ? await runTwice(sized) : ([await runAlone(sized)] as const);
    console.log(`seed ${seed}: ${(one.counts ?? []).map(([what, often]) => `${what}: ${often}`).join('; ')}`);
    const broken = one.broken ?? other.broken ?? (one.digest === other.digest ? undefined : OTHER_HISTORY);
    if (broken !== undefined) {
      console.log(`replay with --seed ${seed}`);
      console.log(`broken with seed ${seed}: ${broken.replaceAll('\n', ' | ')}`);
      return 1;
    }
    const took = ((performance.now() - begun) / 1000).toFixed(1);
    console.log(`seed ${seed}: ${one.events} events, ${one.answers} answers, history ${one.digest}, ${took} s`);
    if (values.store !== undefined && !(await isCleanOn(values.store, { seed, ...size }))) return 1;
  }
  console.log(`${count} seeds, nothing found`);
  return 0;
}

/** Whether the auditor finds nothing in what the server gives back. */
async function isCleanOn(store: string, simulation: Parameters<typeof runOnStore>[0]): Promise<boolean> {
  const { runOnStore } = await import('./on-store.js');
  const { events, units, version, instance, findings } = await runOnStore(simulation, store);
  const { seed } = simulation;
  const place = `EventStoreDB ${version}, instance ${instance}`;
  if (findings.length === 0) {
    console.log(`seed ${seed}: ${events} events in ${units} units on ${place}: the auditor found nothing`);
    return true;
  }
  console.log(findings.join('\n'));
  console.log(`broken with seed ${seed}: the auditor found ${findings.length} faults on ${place}`);
  return false;
}

const OTHER_HISTORY = 'two runs of the seed told different histories';

/** One run in this process; nothing that takes time or chance may be loaded before they are virtual. */
async function printOne(size: Sized): Promise<number> {
  const process = new VirtualProcess(size.seed);
  process.install();
  const { runOnce } = await import('./once.js');
  console.log(JSON.stringify(await runOnce(size, process, size.plant)));
  return 0;
}

function numberOf(option: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new RangeError(`--${option} takes a whole number, not ${text}`);
  return Number(text);
}
