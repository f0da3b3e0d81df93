/** `npm run admin`: keys, decisions, read models and the ledger of an exchange. */
import { CommanderError, InvalidArgumentError } from 'commander';
import { told } from './ledger/copy.js';
import { Output } from './output.js';
import { adminProgram } from './program.js';
import { AdminError, EXIT } from './running.js';

// Whoever reads the output may have seen enough.
process.stdout.on('error', (error: NodeJS.ErrnoException) =>
  process.exit(error.code === 'EPIPE' ? EXIT.done : EXIT.refused),
);
process.umask(0o077); // what the tool writes is its owner's alone

process.on('uncaughtException', (error) => {
  fail(error);
  process.exit();
});
try {
  await adminProgram().parseAsync();
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
