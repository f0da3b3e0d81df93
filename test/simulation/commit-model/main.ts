import { parseArgs } from 'node:util';
import { NOTHING_PLANTED } from './plant.js';
import { PLANTS } from './plants.js';
import { PROPERTIES } from './properties.js';
import { KINDS, run } from './run.js';

const LONG_ENOUGH = 500;

export const help = `npm run simulate -- --model commit [options]

Runs the commit protocol of the EventStoreDB adapter against a simulated server: several writers and readers, crashes,
lost replies, appends that are written twice or much later, stale reads, clocks that have nothing to do with each other.

  --seeds N      schedules to run; default 2000
  --from S       seed of the first one; default 1
  --seed S       replays the schedule of one seed and prints what the server wrote
  --plant NAME   with a mistake in the protocol, which has to be found
  --help         this text

Exit code 0: nothing was found. 1: a property is broken; the last line names it and the seed. 2: it could not be run.

Properties, and under each the mistakes by the property that they break first:
${Object.entries(PROPERTIES)
  .map(([property, text]) => `\n  ${property}: ${text}\n${lines(property)}`)
  .join('\n')}

Mistakes that cost progress at most, so that nothing must be found:
${lines(undefined)}
`;

function lines(property: string | undefined): string {
  return [...PLANTS.values()]
    .filter(({ name, breaks }) => breaks?.[0] === property && name !== NOTHING_PLANTED.name)
    .map(({ name, mistake }) => `    ${name}\n        ${mistake}`)
    .join('\n');
}

/** @returns the exit code @throws on arguments that make no sense */
export async function simulate(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seeds: { type: 'string', default: '2000' },
      from: { type: 'string', default: '1' },
      seed: { type: 'string' },
      plant: { type: 'string', default: NOTHING_PLANTED.name },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(help);
    return 0;
  }
  const plant = PLANTS.get(values.plant);
  if (!plant) throw new RangeError(`there is no mistake called ${values.plant}; see --help`);
  const count = values.seed === undefined ? numberOf('seeds', values.seeds) : 1;
  const first = numberOf('seed', values.seed ?? values.from);
  if (plant !== NOTHING_PLANTED) console.log(`planted: ${plant.name} (${plant.mistake})`);
  const { schedules, tally, found } = await run({ first, count, plant }, (done) => {
    if (done % 500 === 0) console.log(`${done} of ${count} schedules`);
  });
  if (found) {
    if (values.seed !== undefined) console.log(found.story.join('\n'));
    console.log(`${schedules} schedules; replay the last one with --seed ${found.seed}`);
    console.log(`broken with seed ${found.seed}: ${found.broken.message.replaceAll('\n', ' | ')}`);
    return 1;
  }
  console.log(tally.toString());
  const missing = count < LONG_ENOUGH ? [] : tally.missing(KINDS);
  if (missing.length > 0) {
    console.log(`broken with seed ${first}: coverage: in ${count} schedules there was no ${missing.join(', no ')}`);
    return 1;
  }
  console.log(`${schedules} schedules, nothing found`);
  return 0;
}

function numberOf(option: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new RangeError(`--${option} takes a whole number, not ${text}`);
  return Number(text);
}
