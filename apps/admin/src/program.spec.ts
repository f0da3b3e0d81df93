import type { Command } from 'commander';
import { expect, test } from 'vitest';
import { adminProgram } from './program.js';

/** As `--help` prints it. */
function helpOf(command: Command): string {
  let text = '';
  command.configureOutput({ writeOut: (part) => (text += part) });
  command.outputHelp();
  return text;
}

/** With the names of the groups it is in. */
const commandsBelow = (command: Command, path = ''): [string, Command][] =>
  command.commands.flatMap((one) => {
    const name = `${path} ${one.name()}`.trim();
    return [[name, one] as [string, Command], ...commandsBelow(one, name)];
  });

const COMMANDS = commandsBelow(adminProgram());

test('there are many', () => {
  const names = COMMANDS.map(([name]) => name);
  expect(names).toEqual(expect.arrayContaining(['status', 'fees global', 'ledger copy', 'transfer redirect']));
});

test.each(COMMANDS)('the help of %s has an example of it', (name, command) => {
  const help = helpOf(command);
  expect(help).toMatch(new RegExp(`npm run (--silent )?admin -- (--data [a-z]+ )?${name}\\b`));
  for (const option of ['--json', '--data']) expect(help).toContain(option);
});
