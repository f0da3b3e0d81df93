/** `npm run admin`: decisions that need a person, on the running exchange. */
import { Command, Option } from 'commander';
import { AdminError, RunningExchange } from './running.js';

type Shown = Record<string, unknown>;

const program = new Command('admin')
  .description('Decisions about a running exchange that need a person.')
  .option('--data <folder>', 'data folder of the exchange', process.env.FLORIN_DATA || 'data')
  .option('--json', 'print JSON for machines')
  .showHelpAfterError()
  .addHelpText(
    'after',
    `
Examples:
  npm run admin -- legitimization list
  npm run admin -- legitimization decide H_PAYTO 1 --approve --reason 'passport seen'
  npm run admin -- legitimization decide H_PAYTO 1 --approve --maximum-age 14 --reason 'a minor'
  npm run admin -- transfer list --status rejected
  npm run admin -- transfer redirect REQUEST_UID 'payto://iban/DE75512108001245126199?receiver-name=X' --reason '...'
  npm run admin -- denomination revoke H_DENOM_PUB --reason 'the key leaked'
  npm run admin -- clock trust

Exit codes: 0 done, 1 refused or no exchange runs, 2 wrong usage.`,
  );

const exchange = (): RunningExchange => RunningExchange.find(program.opts<{ data: string }>().data);

program
  .command('status')
  .description('read models, signers and clock')
  .action(async () => print(await exchange().get('status')));

const legitimization = program.command('legitimization').description('cases where the law wants to know somebody');

legitimization
  .command('list')
  .description('open cases, oldest first')
  .action(async () => printRows((await exchange().get('legitimizations')).cases, 'no case is open'));

legitimization
  .command('decide <h_payto> <requirement_row>')
  .description('approve or refuse a case; signed by an enrolled officer key')
  .addOption(new Option('--approve', 'the operation may go on').conflicts('refuse'))
  .addOption(new Option('--refuse', 'the operation stays refused'))
  .requiredOption('--reason <text>', 'why; recorded and signed')
  .option('--maximum-age <years>', 'coins of this owner must be bound to at most this age', wholeNumber)
  .option('--officer-pub <key>', 'key of the officer who signed offline')
  .option('--officer-sig <signature>', 'AmlDecisionPS; without it the development officer key signs')
  .option('--decided-at <seconds>', 'the time that was signed', wholeNumber)
  .action(async (account: string, row: string, options: Record<string, string | number | boolean | undefined>) => {
    if (!options.approve && !options.refuse) program.error('say --approve or --refuse', { exitCode: 2 });
    print(
      await exchange().post(`legitimizations/${encodeURIComponent(account)}/${encodeURIComponent(row)}/decide`, {
        approved: options.approve === true,
        justification: options.reason,
        maximum_age: options.maximumAge,
        officer_pub: options.officerPub,
        officer_sig: options.officerSig,
        decided_at: options.decidedAt,
      }),
    );
  });

const transfer = program.command('transfer').description('wire transfers of the exchange');

transfer
  .command('list')
  .description('transfers in the order in which they were ordered')
  .addOption(
    new Option('--status <word>', 'which')
      .choices(['requested', 'confirmed', 'rejected', 'replaced'])
      .default('rejected'),
  )
  .action(async ({ status }: { status: string }) =>
    printRows((await exchange().get(`transfers?status=${status}`)).transfers, `no transfer is ${status}`),
  );

transfer
  .command('retry <request_uid>')
  .description('order a rejected transfer again, to the same account')
  .requiredOption('--reason <text>', 'why; recorded')
  .action(async (uid: string, { reason }: { reason: string }) =>
    print(await exchange().post(`transfers/${encodeURIComponent(uid)}/retry`, { reason })),
  );

transfer
  .command('redirect <request_uid> <payto_uri>')
  .description('order a rejected transfer again, to another account')
  .requiredOption('--reason <text>', 'why; recorded')
  .action(async (uid: string, payto_uri: string, { reason }: { reason: string }) =>
    print(await exchange().post(`transfers/${encodeURIComponent(uid)}/redirect`, { reason, payto_uri })),
  );

program
  .command('denomination')
  .description('denominations of the exchange')
  .command('revoke <h_denom_pub>')
  .description('take a denomination back for good: its coins buy nothing any more, and are recouped')
  .requiredOption('--reason <text>', 'why; logged')
  .option('--master-sig <signature>', 'revocation signed offline; without it the development master key signs')
  .action(async (hash: string, { reason, masterSig }: { reason: string; masterSig?: string }) =>
    print(await exchange().post(`denominations/${encodeURIComponent(hash)}/revoke`, { reason, master_sig: masterSig })),
  );

program
  .command('clock')
  .description('the clock of the exchange')
  .command('trust')
  .description('you looked at the clock and it is right: let things expire again')
  .action(async () => print(await exchange().post('clock/trust', {})));

function print(value: Shown): void {
  if (program.opts<{ json?: boolean }>().json) console.log(JSON.stringify(value, null, 2));
  else for (const [name, text] of Object.entries(value)) console.log(`${name}: ${shown(text)}`);
}

function printRows(rows: unknown, none: string): void {
  const list = rows as Shown[];
  if (program.opts<{ json?: boolean }>().json) console.log(JSON.stringify(list, null, 2));
  else if (list.length === 0) console.log(none);
  for (const row of program.opts<{ json?: boolean }>().json ? [] : list) {
    print(row);
    console.log('');
  }
}

const shown = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

function wholeNumber(text: string): number {
  if (!/^[0-9]{1,15}$/.test(text)) program.error(`a whole number is expected, not ${text}`, { exitCode: 2 });
  return Number(text);
}

program.exitOverride();
try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof AdminError) {
    console.error(`admin: ${error.message}`);
    process.exitCode = 1;
  } else if (error instanceof Error && error.name === 'CommanderError') {
    process.exitCode = (error as Error & { exitCode: number }).exitCode === 0 ? 0 : 2;
  } else throw error;
}
