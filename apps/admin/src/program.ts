/** The commands of `npm run admin`, from their groups. */
import { Command } from 'commander';
import { accountCommands } from './accounts.js';
import { Cli, type CommandGroup } from './cli.js';
import { doctorCommands } from './doctor.js';
import { ledgerCopyCommands } from './ledger/copy.js';
import { ledgerCommands } from './ledger/ledger.js';
import { legitimizationCommands } from './legitimization.js';
import { masterCommands } from './offline/master.js';
import { offlineCommands } from './offline/offline.js';
import { projectionCommands } from './projections.js';
import { serviceCommands } from './service.js';
import { transferCommands } from './transfers.js';

const HELP = `
Examples:
  npm run admin -- doctor
  npm run admin -- offline export --to request.json
  npm run admin -- legitimization list
  npm run admin -- transfer list --status rejected
  npm run admin -- COMMAND --help                  examples for each command

The tool talks to the exchange that runs on the data folder, or opens the folder when it is free.
Exit codes: 0 done, 1 refused or found wrong, 2 wrong usage, 3 nobody to ask (no exchange runs, the folder is in use).
With --json also a failure is JSON on standard output, {"error": ..., "exit_code": ...}, unless findings stand there;
npm run --silent admin -- keeps npm's own lines away from it.`;

const GROUPS: readonly CommandGroup[] = [
  serviceCommands,
  doctorCommands,
  offlineCommands,
  masterCommands,
  projectionCommands,
  ledgerCommands,
  legitimizationCommands,
  transferCommands,
  accountCommands,
  ledgerCopyCommands,
];

/** Every command of the tool, ready to parse. */
export function adminProgram(): Command {
  const program = new Command('admin')
    .description('Keys, decisions, read models and the ledger of an exchange.')
    .option(
      '--data <folder>',
      'data folder of the exchange; without: as FLORIN_DATA or the settings of FLORIN_CONFIG say',
    )
    .option('--json', 'print JSON for machines')
    .showHelpAfterError()
    .addHelpText('after', HELP)
    .exitOverride()
    .configureHelp({ showGlobalOptions: true });
  const cli = new Cli(program);
  for (const group of GROUPS) group(cli);
  return program;
}
