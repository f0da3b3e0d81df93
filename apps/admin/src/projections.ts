/** `admin projection`: read models, which are made from the events and from nothing else. */
import type { Position } from '@florin/event-store';
import { type Progress, VIEW_NAMES, type ViewName } from '@florin/projections';
import { InvalidArgumentError } from 'commander';
import { type Cli, type CommandGroup, instant, wholeNumber } from './cli.js';
import { oneNamed, viewNamed, withFreeViews } from './free-views.js';
import type { Shown } from './output.js';
import { AdminError, EXIT, RunningExchange } from './running.js';

const EXAMPLES = `
Examples:
  npm run admin -- projection list
  npm run admin -- projection rebuild                         all, beside those that serve
  npm run admin -- projection rebuild coin-history
  npm run admin -- projection verify                          exit code 1 if a row is not what the events make
  npm run admin -- projection show reserve-summary --key RESERVE_PUB
  npm run admin -- projection show reserve-summary --at 1234  after the unit at this position
  npm run admin -- projection show transfers --at 2026-01-31T12:00:00Z`;

/** What the exchange answers at most, of each table. */
const ROWS_MAX = 10_000;

export const projectionCommands: CommandGroup = (cli) => {
  const group = cli.program
    .command('projection')
    .description('read models: how far they are; rebuild, verify, look into the past')
    .addHelpText('afterAll', EXAMPLES);

  group
    .command('list')
    .description('the read models and how far behind they are')
    .action(async () => cli.output.table(await (await openProjections(cli)).list(), 'there are none'));

  group
    .command('rebuild [view]')
    .description('build one anew, or all, while the present ones serve; then the new ones serve')
    .action(async (view = 'all') => {
      const target = viewNamed(view);
      cli.output.object(await (await openProjections(cli)).rebuild(target));
    });

  group
    .command('verify [view]')
    .description('build one, or all, from the events and compare with what serves, row by row')
    .action(async (view = 'all') => {
      const target = viewNamed(view);
      const result = await (await openProjections(cli)).verify(target);
      cli.output.object({ ...result });
      if (result.differences.length > 0) throw new AdminError('the read models are not what the events make: rebuild');
    });

  group
    .command('show <view>')
    .description('the rows of a read model, now or at a moment of the past')
    .option('--at <moment>', 'a position, or a time as 2026-01-31T12:00:00Z', momentOf)
    .option('--key <key>', 'only what belongs to this key')
    .option('--limit <rows>', 'of each table', rowCount, 100)
    .action(async (view: string, { at, key, limit }: { at?: Moment; key?: string; limit: number }) => {
      const selected = { view: oneNamed(view), limit, key };
      const state = await (await openProjections(cli)).show({ ...selected, ...at });
      if (cli.output.json) return cli.output.object({ ...state });
      const { tables, ...reached } = state;
      cli.output.object(reached);
      for (const [name, rows] of Object.entries(tables)) {
        cli.output.line(`\n${name}`, {});
        cli.output.table(rows, '(no rows)');
      }
    });
};

interface Moment {
  readonly position?: string;
  readonly time_us?: number;
}

/** Which rows, and of when. */
interface Question extends Moment {
  readonly view: ViewName;
  readonly limit: number;
  readonly key?: string | undefined;
}

interface Verified extends Shown {
  readonly differences: readonly Shown[];
}

interface State {
  readonly tables: Readonly<Record<string, Shown[]>>;
}

type Target = ViewName | 'all';

interface Projections {
  list(): Promise<Shown[]>;
  rebuild(view: Target): Promise<Shown>;
  verify(view: Target): Promise<Verified>;
  show(question: Question): Promise<State>;
}

async function openProjections(cli: Cli): Promise<Projections> {
  const exchange = RunningExchange.announced(cli.data);
  return exchange && (await exchange.isAlive()) ? runningProjections(cli, exchange) : freeProjections(cli);
}

interface WorkLine<Result> {
  readonly notice?: string;
  readonly progress?: Progress;
  readonly result?: Result;
}

function runningProjections(cli: Cli, exchange: RunningExchange): Projections {
  const work = async <Result>(path: string, body: object): Promise<Result> => {
    for await (const line of exchange.lines<WorkLine<Result>>('POST', path, body)) {
      if (line.notice) cli.output.note(line.notice);
      if (line.progress) showProgress(cli, line.progress);
      if (line.result) return line.result;
    }
    throw new AdminError('the exchange ended before it was done', EXIT.unreachable);
  };
  return {
    list: async () => (await exchange.get<{ projections: Shown[] }>('projections')).projections,
    rebuild: (view) => work('projections/rebuild', { view }),
    verify: (view) => work('projections/verify', { view }),
    show: (question) => work('projections/state', question),
  };
}

/** The same, by the library itself, in a folder that nobody serves. */
function freeProjections(cli: Cli): Projections {
  const onProgress = (progress: Progress): void => showProgress(cli, progress);
  return {
    list: () =>
      withFreeViews(cli, async (views) => {
        const { position, events, storePosition } = await views.lag();
        const at = { position: String(position), store_position: String(storePosition) };
        const row = { ...at, caught_up: position === storePosition, events, lag: 0, last_event: null };
        return VIEW_NAMES.map((name) => ({ name, ...row }));
      }),
    rebuild: (view) =>
      withFreeViews(cli, async (views) => {
        await views.rebuild(view, { onProgress });
        return { rebuilt: view };
      }),
    verify: (view) =>
      withFreeViews(cli, async (views) => {
        const { events, differences } = await views.verify(view, { onProgress });
        return plain({ verified: view, events, differences }) as Verified;
      }),
    show: ({ view: name, limit, key, position, time_us }) =>
      withFreeViews(cli, async (views) => {
        const selection = { limit, ...(key === undefined ? {} : { key }) };
        const moment = position === undefined ? time_us : BigInt(position);
        if (moment === undefined) return plain({ tables: await views.rows(name, selection) }) as State;
        const past = await views.stateAt(
          name,
          typeof moment === 'number' ? { writtenAtUs: moment } : { position: moment as Position },
          onProgress,
        );
        try {
          const { position: reached, events } = past.at;
          return plain({ position: String(reached), events, tables: await past.rows(selection) }) as State;
        } finally {
          await past.close();
        }
      }),
  };
}

const showProgress = ({ output }: Cli, { events, total, perSecond }: Progress): void =>
  output.progress({ done: events, total, perSecond });

/** As the exchange sends it: large numbers as decimal text. */
const plain = (value: object): object =>
  JSON.parse(
    JSON.stringify(value, (_, member: unknown) =>
      typeof member === 'bigint' ? (Number.isSafeInteger(Number(member)) ? Number(member) : String(member)) : member,
    ),
  ) as object;

/** Digits are a position; a time without a fraction counts to the last microsecond of its second. */
function momentOf(at: string): Moment {
  if (/^[0-9]{1,19}$/.test(at)) return { position: at };
  try {
    const [, seconds, fraction] = /^(.*)\.([0-9]{1,6})Z$/.exec(at) ?? [];
    if (seconds === undefined) return { time_us: instant(at) * 1_000_000 + 999_999 };
    return { time_us: instant(`${seconds}Z`) * 1_000_000 + Number(fraction?.padEnd(6, '0')) };
  } catch {
    throw new InvalidArgumentError('expected is a position, or a time as 2026-01-31 or 2026-01-31T12:00:00.123456Z');
  }
}

function rowCount(text: string): number {
  const rows = wholeNumber(text);
  if (rows > ROWS_MAX) throw new InvalidArgumentError(`at most ${ROWS_MAX} rows are shown`);
  return rows;
}
