/** `admin legitimization`: cases where the law wants to know somebody. */
import { Option } from 'commander';
import { type CommandGroup, wholeNumber } from './cli.js';
import { AdminError, EXIT } from './running.js';

const EXAMPLES = `
Examples:
  npm run admin -- legitimization list
  npm run admin -- legitimization decide H_PAYTO 1 --approve --reason 'passport seen'
  npm run admin -- legitimization decide H_PAYTO 1 --approve --maximum-age 14 --reason 'a minor'
  npm run admin -- legitimization decide H_PAYTO 1 --refuse --reason 'on a sanctions list'`;

export const legitimizationCommands: CommandGroup = (cli) => {
  const group = cli.program
    .command('legitimization')
    .description('cases where the law wants to know somebody')
    .addHelpText('after', EXAMPLES);

  group
    .command('list')
    .description('open cases, oldest first')
    .action(async () => {
      const { cases } = await cli.exchange.get<{ cases: Record<string, unknown>[] }>('legitimizations');
      cli.output.rows(cases, 'no case is open');
    });

  group
    .command('decide <h_payto> <requirement_row>')
    .description('approve or refuse a case; signed by an enrolled officer key')
    .addOption(new Option('--approve', 'the operation may go on').conflicts('refuse'))
    .addOption(new Option('--refuse', 'the operation stays refused'))
    .requiredOption('--reason <text>', 'why; recorded and signed')
    .option('--maximum-age <years>', 'coins of this owner must be bound to at most this age', wholeNumber)
    .option('--officer-pub <key>', 'key of the officer who signed offline')
    .option('--officer-sig <signature>', 'AmlDecisionPS; without it the DEVELOPMENT officer key signs')
    .option('--decided-at <seconds>', 'the time that was signed', wholeNumber)
    .action(async (account: string, row: string, options: Record<string, string | number | boolean | undefined>) => {
      if (!options.approve && !options.refuse) throw new AdminError('say --approve or --refuse', EXIT.usage);
      cli.output.object(
        await cli.exchange.post(`legitimizations/${encodeURIComponent(account)}/${encodeURIComponent(row)}/decide`, {
          approved: options.approve === true,
          justification: options.reason,
          maximum_age: options.maximumAge,
          officer_pub: options.officerPub,
          officer_sig: options.officerSig,
          decided_at: options.decidedAt,
        }),
      );
    });
};
