/** `npm run admin`: keys, decisions, read models and the ledger of an exchange. */
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { accountCommands } from './accounts.js';
import { Cli, type CommandGroup } from './cli.js';
import { doctorCommands } from './doctor.js';
import { ledgerCopyCommands, told } from './ledger/copy.js';
import { ledgerCommands } from './ledger/ledger.js';
import { legitimizationCommands } from './legitimization.js';
import { masterCommands } from './offline/master.js';
import { offlineCommands } from './offline/offline.js';
import { projectionCommands } from './projections.js';
import { AdminError, EXIT } from './running.js';
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
Exit codes: 0 done, 1 refused or found wrong, 2 wrong usage, 3 nobody to ask (no exchange runs, the folder is in use).`;

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

const program = new Command('admin')
  .description('Keys, decisions, read models and the ledger of an exchange.')
  .option('--data <folder>', 'data folder of the exchange', process.env.FLORIN_DATA || 'data')
  .option('--json', 'print JSON for machines')
  .showHelpAfterError()
  .addHelpText('after', HELP)
  .exitOverride();
// Whoever reads the output may have seen enough.
process.stdout.on('error', (error: NodeJS.ErrnoException) =>
  process.exit(error.code === 'EPIPE' ? EXIT.done : EXIT.refused),
);
process.umask(0o077); // what the tool writes is its owner's alone
const cli = new Cli(program);
for (const group of GROUPS) group(cli);

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = exitCodeOf(error);
}

/** @throws what is nobody's mistake but ours */
function exitCodeOf(thrown: unknown): number {
  const error = told(thrown);
  if (error instanceof AdminError) {
    console.error(`admin: ${error.message}`);
    return error.exitCode;
  }
  if (error instanceof InvalidArgumentError) {
    console.error(`admin: ${error.message}`);
    return EXIT.usage;
  }
  if (error instanceof CommanderError) {
    return error.exitCode === 0 ? EXIT.done : EXIT.usage;
  }
  throw error;
}
