/** `admin ledger`: what happened, what it earned, copies of it and proofs about it. */
import type { CommandGroup } from '../cli.js';
import { backupCommands } from './backup.js';
import { evidenceCommands } from './evidence.js';
import { exportCommands } from './export.js';
import { feeCommands } from './fees.js';
import { showCommands } from './show.js';

const EXAMPLES = `
Examples:
  npm run admin -- ledger head
  npm run admin -- ledger tail --follow
  npm run admin -- ledger fees --by month
  npm run admin -- ledger show reserve RESERVE_PUB
  npm run admin -- ledger backup /backup/2026-01-31 --with-keys
  npm run admin -- ledger COMMAND --help           examples for each`;

export const ledgerCommands: CommandGroup = (cli) => {
  const group = cli.program
    .command('ledger')
    .description('the events: shown, added up, copied, proved; of the running exchange or of a folder that is free')
    .addHelpText('after', EXAMPLES);
  showCommands(cli, group);
  feeCommands(cli, group);
  backupCommands(cli, group);
  exportCommands(cli, group);
  evidenceCommands(cli, group);
};
