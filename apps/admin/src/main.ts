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
import { Output } from './output.js';
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
program.configureHelp({ showGlobalOptions: true });
for (const group of GROUPS) group(cli);

process.on('uncaughtException', (error) => {
  fail(error);
  process.exit();
});
try {
  await program.parseAsync();
} catch (error) {
  fail(error);
}

/** Says what went wrong, to people on stderr and to machines on stdout, and what the exit code is. */
function fail(thrown: unknown): void {
  const { message, exitCode, isSaid } = failureOf(told(thrown));
  process.exitCode = exitCode;
  if (exitCode === EXIT.done) return;
  if (!isSaid) console.error(`admin: ${message}`);
  if (process.argv.includes('--json')) Output.failure({ error: message, exit_code: exitCode });
}

interface Failure {
  readonly message: string;
  readonly exitCode: number;
  /** Whether commander has told people already. */
  readonly isSaid?: boolean;
}

function failureOf(error: unknown): Failure {
  if (error instanceof AdminError) return error;
  if (error instanceof CommanderError && !(error instanceof InvalidArgumentError)) {
    const message = error.code === 'commander.help' ? 'name a command: see --help' : error.message;
    return { message: message.replace(/^error: /, ''), exitCode: error.exitCode === 0 ? 0 : EXIT.usage, isSaid: true };
  }
  if (error instanceof InvalidArgumentError) return { message: error.message, exitCode: EXIT.usage };
  const thrown: NodeJS.ErrnoException = error instanceof Error ? error : new Error(String(error));
  const { message, code, stack } = thrown;
  // The system's own words name the file and what is wrong with it.
  if (code !== undefined && /^E[A-Z]+$/.test(code)) return { message, exitCode: EXIT.refused };
  const where = process.env.FLORIN_STACK ? `\n${stack}` : '; FLORIN_STACK=1 shows where, for a report';
  return { message: `a fault of the tool: ${message}${where}`, exitCode: EXIT.refused };
}
