/** `npm run audit`: says whether every coin and every cent of an exchange is accounted for. */
import { Command } from 'commander';
import { type AuditOptions, audit } from './audit.js';
import { SourceError } from './source/source.js';

const EXIT_FAILED = 2;

const program = new Command('audit')
  .description('Replays the events of an exchange, and says whether every coin and every cent is accounted for.')
  .option('--data <folder>', 'data folder of an exchange, running or not', process.env.FLORIN_DATA || 'data')
  .option('--master <key>', 'master public key of the exchange, base32; without it the ledger’s first word is taken')
  .option('--no-signatures', 'leave signatures out: only sums, order and rules')
  .option('--threads <count>', 'threads for signatures; one for each core by default', wholeNumber)
  .showHelpAfterError()
  .addHelpText(
    'after',
    `
Exit codes: 0 nothing was found, 1 findings, 2 it could not be audited.`,
  );

function wholeNumber(text: string): number {
  if (!/^[1-9][0-9]{0,3}$/.test(text)) program.error(`a whole number is expected, not ${text}`, { exitCode: 2 });
  return Number(text);
}

program.action(async (options: AuditOptions) => {
  process.exitCode = await audit(options);
});

program.exitOverride();
try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof SourceError) {
    console.error(`audit: ${error.message}`);
    process.exitCode = EXIT_FAILED;
  } else if (error instanceof Error && error.name === 'CommanderError') {
    process.exitCode = (error as Error & { exitCode: number }).exitCode === 0 ? 0 : EXIT_FAILED;
  } else {
    console.error(error);
    process.exitCode = EXIT_FAILED;
  }
}
