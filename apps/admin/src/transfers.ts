/** `admin transfer`: wire transfers of the exchange, and what to do about those that the bank refused for good. */
import { Option } from 'commander';
import { base32, type CommandGroup, notAll, payto, publicKey } from './cli.js';

const EXAMPLES = `
Examples:
  npm run admin -- transfer list --status rejected
  npm run admin -- transfer retry REQUEST_UID --reason 'the account is open again'
  npm run admin -- transfer redirect REQUEST_UID 'payto://iban/DE75512108001245126199?receiver-name=X' --reason '...'`;

interface Decision {
  readonly reason: string;
  readonly officer?: string;
}

export const transferCommands: CommandGroup = (cli) => {
  const group = cli.program
    .command('transfer')
    .description('wire transfers of the exchange')
    .addHelpText('afterAll', EXAMPLES);

  group
    .command('list')
    .description('transfers in the order in which they were ordered')
    .addOption(
      new Option('--status <word>', 'which')
        .choices(['requested', 'confirmed', 'rejected', 'replaced'])
        .default('rejected'),
    )
    .action(async ({ status }: { status: string }) => {
      const { transfers } = await cli.exchange.get<{ transfers: Record<string, unknown>[] }>(
        `transfers?status=${status}`,
      );
      cli.output.rows(transfers, `no transfer is ${status}`);
      notAll(cli, transfers);
    });

  const decide = async (uid: string, word: 'retry' | 'redirect', body: object): Promise<void> =>
    cli.output.object(await cli.exchange.post(`transfers/${base32(64)(uid)}/${word}`, body));

  group
    .command('retry <request_uid>')
    .description('order a rejected transfer again, to the same account')
    .requiredOption('--reason <text>', 'why; recorded')
    .option('--officer <key>', 'the enrolled officer who decides; in development the one beside the data', publicKey)
    .action((uid: string, { reason, officer }: Decision) => decide(uid, 'retry', { reason, officer_pub: officer }));

  group
    .command('redirect <request_uid> <payto_uri>')
    .description('order a rejected transfer again, to another account')
    .requiredOption('--reason <text>', 'why; recorded')
    .option('--officer <key>', 'the enrolled officer who decides; in development the one beside the data', publicKey)
    .action((uid: string, payto_uri: string, { reason, officer }: Decision) =>
      decide(uid, 'redirect', { reason, payto_uri: payto(payto_uri), officer_pub: officer }),
    );
};
