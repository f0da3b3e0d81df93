/** `npm run audit`: says whether every coin and every cent of an exchange is accounted for. */
import { writeFileSync } from 'node:fs';
import { Command } from 'commander';
import { type AuditOptions, audit } from './audit.js';
import { compare } from './compare.js';
import { prove } from './prove.js';
import type { SourceOptions } from './source/open.js';
import { SourceError } from './source/source.js';

const EXIT_FAILED = 2;

const program = new Command('audit')
  .description('Replays the events of an exchange, and says whether every coin and every cent is accounted for.')
  .enablePositionalOptions()
  .showHelpAfterError()
  .option('--data <folder>', 'data folder of an exchange on this machine, running or not')
  .option('--from <file|url>', 'an export, the feed of an exchange (token in FLORIN_FEED_TOKEN), or esdb://...')
  .option('--instance <name>', 'on EventStoreDB: what the names of streams begin with')
  .option('--checkpoint <file|url>', 'on EventStoreDB: the newest signed head, as /log/checkpoint of a node')
  .option('--master <key>', 'master public key of the exchange, base32; without it the ledger’s own word is taken')
  .option('--bank <[account=]url|file>', 'wire gateway, or a file of its history; repeat it for each account', list)
  .option('--account-keys <file>', 'keys that open sealed account URIs: a file, or a folder of files')
  .option('--memory <folder>', 'where this auditor keeps his key, the heads he saw and his checkpoint', 'audit')
  .option('--incremental', 'go on from the checkpoint of the last audit, or of one that was interrupted')
  .option('--follow', 'go on as the ledger grows, and report within a second what is wrong')
  .option('--json <file>', 'write the report for machines; - is standard output')
  .option('--html <file>', 'write the report for people')
  .option('--no-signatures', 'leave signatures out: only hashes, sums, order and rules')
  .option('--threads <count>', 'threads for signatures; one for each core by default', wholeNumber)
  .option('--quiet', 'say nothing about the progress')
  .addHelpText(
    'after',
    `
Without --data and --from it reads what an exchange uses that is started in the same environment: FLORIN_CONFIG,
FLORIN_DATA and FLORIN_STORE count.

Examples:
  npm run audit
  npm run audit -- --bank http://127.0.0.1:8083/accounts/exchange/taler-wire-gateway/ --html report.html
  npm run audit -- --from ledger.jsonl --master $MASTER_PUB --bank history.json --account-keys accounts.jsonl
  npm run audit -- --incremental --follow
  npm run audit -- compare audit/heads their-heads
  npm run audit -- prove 1000 2000 > proof.json

Exit codes: 0 nothing was found, 1 findings, 2 it could not be audited.`,
  )
  .action(async (options: AuditOptions) => {
    process.exitCode = await audit(options);
  });

program
  .command('compare <heads> <other_heads>')
  .description('whether two auditors were shown one history, by the files of heads in their memory')
  .option('--proof <file>', 'what `audit prove` wrote, where one saw more than the other')
  .action((one: string, other: string, { proof }: { proof?: string }) => {
    process.exitCode = compare(one, other, proof);
  });

program
  .command('prove <from> <to>')
  .description('print the proof that the first FROM events are the beginning of the first TO events')
  .option('--data <folder>', 'data folder of an exchange on this machine')
  .option('--from <file|url>', 'an export, the feed of an exchange, or esdb://...')
  .option('--instance <name>', 'on EventStoreDB: what the names of streams begin with')
  .option('--checkpoint <file|url>', 'on EventStoreDB: the newest signed head')
  .option('--out <file>', 'write it into a file')
  .action(async (from: string, to: string, options: SourceOptions & { readonly out?: string }) => {
    const proof = await prove(options, wholeNumber(from), wholeNumber(to));
    if (options.out === undefined) process.stdout.write(proof);
    else writeFileSync(options.out, proof);
  });

function list(value: string, earlier: readonly string[] | undefined): string[] {
  return [...(earlier ?? []), value];
}

function wholeNumber(text: string): number {
  if (!/^(0|[1-9][0-9]{0,14})$/.test(text)) program.error(`a whole number is expected, not ${text}`, { exitCode: 2 });
  return Number(text);
}

/** A file or folder that cannot be read or written: its message says which and why. */
function isSystemError(error: unknown): error is Error {
  return error instanceof Error && typeof (error as NodeJS.ErrnoException).syscall === 'string';
}

// Whoever reads only the beginning of what is said (`| head`) is no fault.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
});

program.exitOverride();
try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof SourceError || isSystemError(error)) {
    console.error(`audit: ${error.message}`);
    process.exitCode = EXIT_FAILED;
  } else if (error instanceof Error && error.name === 'CommanderError') {
    process.exitCode = (error as Error & { exitCode: number }).exitCode === 0 ? 0 : EXIT_FAILED;
  } else {
    console.error(error);
    process.exitCode = EXIT_FAILED;
  }
}
