/** `admin legitimization`: cases where the law wants to know somebody. */

import { type LegitimizationVerdict, OfficerKey } from '@florin/signing';
import { Option } from 'commander';
import { type Cli, type CommandGroup, notAll, orSay, publicKey, wholeNumber } from './cli.js';
import type { AboutMaster } from './offline/offline.js';
import { AdminError, EXIT } from './running.js';

const EXAMPLES = `
Examples:
  npm run admin -- legitimization list
  npm run admin -- legitimization decide H_PAYTO 1 --approve --reason 'passport seen'
  npm run admin -- legitimization decide H_PAYTO 1 --approve --maximum-age 14 --reason 'a minor'
  npm run admin -- legitimization decide H_PAYTO 1 --refuse --reason 'on a sanctions list'`;

export const legitimizationCommands: CommandGroup = (cli) => {
  const group = cli.program
    .command('legitimization')
    .description('cases where the law wants to know somebody')
    .addHelpText('afterAll', EXAMPLES);

  group
    .command('list')
    .description('open cases, oldest first')
    .action(async () => {
      const { cases } = await cli.exchange.get<{ cases: Record<string, unknown>[] }>('legitimizations');
      cli.output.rows(cases, 'no case is open');
      notAll(cli, cases);
    });

  group
    .command('decide <h_payto> <requirement_row>')
    .description('approve or refuse a case; signed by an enrolled officer key')
    .addOption(new Option('--approve', 'the operation may go on').conflicts('refuse'))
    .addOption(new Option('--refuse', 'the operation stays refused'))
    .requiredOption('--reason <text>', 'why; recorded and signed')
    .option('--maximum-age <years>', 'coins of this owner must be bound to at most this age', wholeNumber)
    .option('--officer-key <file>', 'sign with the key of this officer, here')
    .option('--officer-pub <key>', 'key of the officer who signed elsewhere')
    .option(
      '--officer-sig <signature>',
      'AmlDecisionPS, signed elsewhere; with neither, the DEVELOPMENT officer key signs',
    )
    .option('--decided-at <seconds>', 'the time that was signed', wholeNumber)
    .action(async (given: string, row: string, options: Decision) => {
      const account = publicKey(given);
      wholeNumber(row);
      if (!options.approve && !options.refuse) throw new AdminError('say --approve or --refuse', EXIT.usage);
      const elsewhere = [options.officerPub, options.officerSig, options.decidedAt];
      if (elsewhere.some((one) => one !== undefined) && elsewhere.includes(undefined)) {
        const hint = '--officer-pub, --officer-sig and --decided-at belong together, for what was signed elsewhere';
        throw new AdminError(hint, EXIT.usage);
      }
      if (options.officerKey !== undefined && options.officerSig !== undefined) {
        throw new AdminError('sign here with --officer-key, or elsewhere, not both', EXIT.usage);
      }
      const signed =
        options.officerKey === undefined
          ? { officer_pub: options.officerPub, officer_sig: options.officerSig, decided_at: options.decidedAt }
          : await sign(cli, { account, requirement: wholeNumber(row) }, { ...options, officerKey: options.officerKey });
      if (signed.officer_sig === undefined) cli.output.loud('without an officer only the DEVELOPMENT key can sign');
      cli.output.object(
        await cli.exchange.post(`legitimizations/${encodeURIComponent(account)}/${encodeURIComponent(row)}/decide`, {
          approved: options.approve === true,
          justification: options.reason,
          maximum_age: options.maximumAge,
          ...signed,
        }),
      );
    });
};

interface Decision {
  readonly approve?: boolean;
  readonly refuse?: boolean;
  readonly reason: string;
  readonly maximumAge?: number;
  readonly officerKey?: string;
  readonly officerPub?: string;
  readonly officerSig?: string;
  readonly decidedAt?: number;
}

/** The officer's signature, at the time of the exchange. */
async function sign(
  cli: Cli,
  { account, requirement }: { account: string; requirement: number },
  { approve, reason, maximumAge, officerKey }: Decision & { readonly officerKey: string },
): Promise<{ officer_pub: string; officer_sig: string; decided_at: number }> {
  const key = await orSay(OfficerKey.open(officerKey));
  const { now: decidedAt } = await cli.exchange.get<AboutMaster>('master');
  const maximumAges = maximumAge === undefined ? [] : [{ from: 0, age: maximumAge }];
  const verdict = { requirement, approved: approve === true, maximumAges, justification: reason, decidedAt };
  return { officer_pub: key.pub, officer_sig: await orSay(signed(key, account, verdict)), decided_at: decidedAt };
}

const signed = async (key: OfficerKey, account: string, verdict: LegitimizationVerdict): Promise<string> =>
  key.sign(account, verdict);
