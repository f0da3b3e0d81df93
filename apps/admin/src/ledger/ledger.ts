/** `admin ledger`: what happened, what it earned, copies of it and proofs about it. */
import type { CommandGroup } from '../cli.js';
import { backupCommands } from './backup.js';
import { evidenceCommands } from './evidence.js';
import { exportCommands } from './export.js';
import { feeCommands } from './fees.js';
import { showCommands } from './show.js';

export const ledgerCommands: CommandGroup = (cli) => {
  const group = cli.program
    .command('ledger')
    .description('the events: shown, added up, copied, proved; of the running exchange or of a folder that is free');
  showCommands(cli, group);
  feeCommands(cli, group);
  backupCommands(cli, group);
  exportCommands(cli, group);
  evidenceCommands(cli, group);
};
