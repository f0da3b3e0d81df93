/** `admin account`: what is known about a customer's bank account, and forgetting it. */
import { taler } from '@florin/crypto';
import { serverPrimitives } from '@florin/crypto/server';
import { encodeBase32 } from '@florin/encoding';
import { type CommandGroup, orInvalid, publicKey } from './cli.js';
import { AdminError } from './running.js';

const EXAMPLES = `
Example:
  npm run admin -- account forget 'payto://iban/DE75512108001245126199?receiver-name=Alice' --reason 'asked for it'

The key under which the account's URIs are sealed is destroyed: the names are gone, for this exchange and its auditors.
Hashes, sums, signatures and proofs stay as they are. It is refused as long as something is owed to the account. Older
backups of the key folder still hold the key: destroy them as well.`;

export const accountCommands: CommandGroup = (cli) => {
  cli.program
    .command('account')
    .description("customers' bank accounts")
    .addHelpText('afterAll', EXAMPLES)
    .command('forget <account>')
    .description('destroy the key of an account, by its payto URI or its hash: its names are gone')
    .requiredOption('--reason <text>', 'why; logged')
    .action(async (account: string, { reason }: { reason: string }) => {
      const path = `accounts/${encodeURIComponent(hashOf(account))}/forget`;
      const answer = await cli.exchange.post<{ forgotten: boolean }>(path, { reason });
      cli.output.object({ ...answer });
      if (!answer.forgotten) throw new AdminError('the exchange has no key for this account');
    });
};

/** A payto URI as the hash that names it everywhere, 32 bytes. @throws InvalidArgumentError */
function hashOf(account: string): string {
  if (!account.startsWith('payto:')) return publicKey(account);
  return orInvalid(() => encodeBase32(taler(serverPrimitives).hash.normalizedPayto(account)));
}
