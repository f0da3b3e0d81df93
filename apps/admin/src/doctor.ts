/** `admin doctor`: looks at everything that can be wrong, and says what to do. */
import { spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Cli, CommandGroup } from './cli.js';
import { AdminError, EXIT, RunningExchange } from './running.js';

/** The exchange's own program knows its configuration; it is run, not imported. */
const EXCHANGE = fileURLToPath(new URL('../../exchange/dist/main.js', import.meta.url));

const EXAMPLES = `
Examples:
  npm run admin -- doctor
  npm run admin -- doctor --deep                   check every event of a large ledger
  FLORIN_CONFIG=/etc/florin.yaml npm run admin -- --data /var/lib/florin doctor --json

While the exchange runs it is asked; else its configuration (FLORIN_CONFIG), folders, ledger and bank are looked at.
Exit code 1 if something is bad; what is only to be looked at does not count.`;

interface Check {
  readonly name: string;
  readonly state: 'good' | 'look' | 'bad';
  readonly found: string;
  readonly todo?: string;
}

interface Findings {
  readonly running: boolean;
  readonly checks: readonly Check[];
}

export const doctorCommands: CommandGroup = (cli) => {
  cli.program
    .command('doctor')
    .description('check configuration, keys, permissions, clock, ledger and bank, and say what to do')
    .option('--deep', 'check every event, however many there are')
    .addHelpText('after', EXAMPLES)
    .action(async ({ deep }: { deep?: boolean }) => {
      const exchange = RunningExchange.announced(cli.data);
      const running = exchange && (await exchange.isAlive()) ? exchange : undefined;
      const findings = running
        ? await running.get<Findings>(deep ? 'doctor?deep=1' : 'doctor')
        : await lookAtStopped(resolve(cli.data));
      show(cli, findings);
      const wrong = findings.checks.filter(({ state }) => state === 'bad').length;
      if (wrong > 0) throw new AdminError(`${wrong} of ${findings.checks.length} checks found something bad`);
    });
};

function show({ output }: Cli, findings: Findings): void {
  if (output.json) {
    output.object({ ...findings });
    return;
  }
  output.note(findings.running ? 'the exchange runs' : 'the exchange does not run');
  const marks = { good: output.good('good'), look: 'LOOK', bad: output.bad('BAD ') };
  for (const { name, state, found, todo } of findings.checks) {
    output.line(`${marks[state]}  ${name}: ${found}`, {});
    if (todo !== undefined) output.line(`      -> ${todo}`, {});
  }
}

function lookAtStopped(data: string): Promise<Findings> {
  const child = spawn(process.execPath, [EXCHANGE, '--check'], {
    env: { ...process.env, FLORIN_DATA: data },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
  return new Promise((done, failed) => {
    child.on('error', failed);
    child.on('close', (code) => {
      if (code === 0) done(JSON.parse(text) as Findings);
      else failed(new AdminError('the program of the exchange could not be run', EXIT.unreachable));
    });
  });
}
