/** `admin projection`: read models, which are made from the events and from nothing else. */
import { type Cli, type CommandGroup, instant, wholeNumber } from './cli.js';
import type { Progress, Shown } from './output.js';
import { AdminError, type RunningExchange } from './running.js';

const EXAMPLES = `
Examples:
  npm run admin -- projection list
  npm run admin -- projection rebuild                         all, beside those that serve
  npm run admin -- projection rebuild coin-history
  npm run admin -- projection verify                          exit code 1 if a row is not what the events make
  npm run admin -- projection show reserve-summary --key RESERVE_PUB
  npm run admin -- projection show reserve-summary --at 1234  after the unit at this position
  npm run admin -- projection show transfers --at 2026-01-31T12:00:00Z`;

interface RunningProgress {
  readonly events: number;
  readonly total: number;
  readonly perSecond: number;
}

export const projectionCommands: CommandGroup = (cli) => {
  const group = cli.program
    .command('projection')
    .description('read models: how far they are; rebuild, verify, look into the past')
    .addHelpText('after', EXAMPLES);

  group
    .command('list')
    .description('the read models and how far behind they are')
    .action(async () => {
      const { projections } = await cli.exchange.get<{ projections: Shown[] }>('projections');
      cli.output.table(projections, 'there are none');
    });

  group
    .command('rebuild [view]')
    .description('build one anew, or all, while the present ones serve; then the new ones serve')
    .action(async (view = 'all') => cli.output.object(await work(cli, 'projections/rebuild', { view })));

  group
    .command('verify [view]')
    .description('build one, or all, from the events and compare with what serves, row by row')
    .action(async (view = 'all') => {
      const result = await work<{ events: number; differences: Shown[] }>(cli, 'projections/verify', { view });
      cli.output.object(result);
      if (result.differences.length > 0) throw new AdminError('the read models are not what the events make: rebuild');
    });

  group
    .command('show <view>')
    .description('the rows of a read model, now or at a moment of the past')
    .option('--at <moment>', 'a position, or a time as 2026-01-31T12:00:00Z')
    .option('--key <key>', 'only what belongs to this key')
    .option('--limit <rows>', 'of each table', wholeNumber, 100)
    .action(async (view: string, { at, key, limit }: { at?: string; key?: string; limit: number }) => {
      const state = await work<{ tables: Record<string, Shown[]> }>(cli, 'projections/state', {
        view,
        limit,
        key,
        ...momentOf(at),
      });
      if (cli.output.json) return cli.output.object(state);
      const { tables, ...reached } = state;
      cli.output.object(reached);
      for (const [name, rows] of Object.entries(tables)) {
        cli.output.line(`\n${name}`, {});
        cli.output.table(rows, '(no rows)');
      }
    });
};

/** Digits are a position; a time without a fraction counts to the last microsecond of its second. */
function momentOf(at: string | undefined): object {
  if (at === undefined) return {};
  if (/^[0-9]+$/.test(at)) return { position: at };
  const [, seconds, fraction] = /^(.*)\.([0-9]{1,6})Z$/.exec(at) ?? [];
  if (seconds !== undefined) return { time_us: instant(`${seconds}Z`) * 1_000_000 + Number(fraction?.padEnd(6, '0')) };
  return { time_us: instant(at) * 1_000_000 + 999_999 };
}

/** Work that says how far it is. */
async function work<Result extends Shown>(cli: Cli, path: string, body: object): Promise<Result> {
  const exchange: RunningExchange = cli.exchange;
  for await (const line of exchange.lines<{ progress?: RunningProgress; result?: Result }>('POST', path, body)) {
    if (line.progress) cli.output.progress(shownProgress(line.progress));
    if (line.result) return line.result;
  }
  throw new AdminError('the exchange ended before it was done');
}

const shownProgress = ({ events, total, perSecond }: RunningProgress): Progress => ({ done: events, total, perSecond });
