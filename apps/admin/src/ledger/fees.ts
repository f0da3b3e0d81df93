/** `admin ledger fees`: what the exchange earned, by kind and period, added up from the events. */
import { type AnyEvent, EventFormatError } from '@florin/domain';
import { formatAmount } from '@florin/encoding';
import { type Command, Option } from 'commander';
import { type Cli, instant } from '../cli.js';
import { narratorOf } from './show.js';
import { withLedger } from './source.js';

/** Which part of a date names a period. */
const PERIODS = { day: 10, month: 7, year: 4, all: 0 } as const;
type Period = keyof typeof PERIODS;

const EXAMPLES = `
Examples:
  npm run admin -- ledger fees
  npm run admin -- ledger fees --by day --from 2026-01-01 --until 2026-02-01 --json`;

export function feeCommands(cli: Cli, group: Command): void {
  group
    .command('fees')
    .description('fee income by kind and period')
    .addOption(new Option('--by <period>', 'length of a period').choices(Object.keys(PERIODS)).default('month'))
    .option('--from <date>', 'from when on; from the beginning by default', instant)
    .option('--until <date>', 'until when; until now by default', instant)
    .addHelpText('after', EXAMPLES)
    .action(({ by, from = 0, until = Number.POSITIVE_INFINITY }: { by: Period; from?: number; until?: number }) =>
      withLedger(cli.data, async (ledger) => {
        const narrator = await narratorOf(ledger);
        const { size } = await ledger.head();
        const sums = new Map<string, bigint>();
        let currency = '';
        for await (const event of ledger.events(0)) {
          if (event.index % 10_000 === 0) cli.output.progress({ done: event.index, total: size });
          if (typeof event.data.currency === 'string') currency ||= event.data.currency;
          let decoded: AnyEvent;
          try {
            decoded = narrator.decode(event);
          } catch (error) {
            if (error instanceof EventFormatError) continue; // of a newer Florin, which knows what it earned
            throw error;
          }
          if (decoded.at < from || decoded.at >= until) continue;
          for (const [kind, units] of incomeOf(decoded)) {
            if (units === 0n) continue;
            const name = `${periodOf(decoded.at, by)} ${kind}`;
            sums.set(name, (sums.get(name) ?? 0n) + units);
          }
        }
        cli.output.progress({ done: size, total: size });
        const rows = [...sums].sort(([a], [b]) => (a < b ? -1 : 1));
        cli.output.table(
          rows.map(([name, units]) => {
            const [period = '', ...kind] = name.split(' ');
            return { period, kind: kind.join(' '), income: formatAmount({ currency, units }) };
          }),
          'nothing was earned',
        );
      }),
    );
}

const periodOf = (seconds: number, by: Period): string =>
  by === 'all' ? 'all' : new Date(seconds * 1000).toISOString().slice(0, PERIODS[by]);

/** Income is counted once, where it leaves the customer for good: deposit fees when the purse is merged. */
function incomeOf(event: AnyEvent): [string, bigint][] {
  switch (event.type) {
    case 'CoinsWithdrawn':
      return [['withdraw fees', event.coins.reduce((sum, { fee }) => sum + fee, 0n)]];
    case 'ReserveClosed':
      return [
        ['closing fees', event.closingFee],
        ['rounding of closings', event.dust],
      ];
    case 'PurseRequested':
      return [['purse fees', event.purseFee]];
    case 'PurseMerged':
      return [
        ['deposit fees', event.depositFees],
        ['purses paid too much', event.excess],
      ];
    default:
      return [];
  }
}
