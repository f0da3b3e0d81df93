/** `admin status`, `admin clock`: how the running exchange is. */
import type { CommandGroup } from './cli.js';

export const serviceCommands: CommandGroup = (cli) => {
  cli.program
    .command('status')
    .description('read models, signers, clock, and what the master key has not signed')
    .addHelpText('after', '\nExample:\n  npm run admin -- status --json')
    .action(async () => cli.output.object(await cli.exchange.get('status')));

  cli.program
    .command('clock')
    .description('the clock of the exchange')
    .addHelpText('afterAll', '\nExample:\n  npm run admin -- clock trust')
    .command('trust')
    .description('you looked at the clock and it is right: let things expire again')
    .action(async () => cli.output.object(await cli.exchange.post('clock/trust', {})));
};
