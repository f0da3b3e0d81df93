/** Single decisions of the master key: revoke, enable, disable, set fees, enrol. */
import { type Amount, parseAmount } from '@florin/encoding';
import { type ManagementRequest, MasterKey, type MasterOrder, OfficerKey, orderJson } from '@florin/signing';
import { type Command, InvalidArgumentError } from 'commander';
import {
  base32,
  type Cli,
  type CommandGroup,
  instant,
  orInvalid,
  orSay,
  payto,
  publicKey,
  wholeNumber,
} from '../cli.js';
import { requestText, sign, writeText } from './files.js';
import * as lists from './lists.js';
import { listCommand } from './lists.js';
import { type AboutMaster, requestHeader, submit } from './offline.js';
import { orderInWords } from './words.js';

const SIGNING_HELP = `
Who signs:
  --to request.json     nobody yet: the request is signed elsewhere, see offline --help
  --key master.json     the key file, here
  neither               in development, and there only, the DEVELOPMENT master key beside the data`;

/** After the name of the group. */
const EXAMPLES = {
  denomination: [
    'list',
    "revoke H_DENOM_PUB --reason 'the key leaked' --to request.json",
    "revoke H_DENOM_PUB --reason 'the key leaked' --key master.json",
  ],
  signkey: ['list', 'revoke EXCHANGE_PUB --to request.json'],
  wire: [
    'list',
    "enable 'payto://iban/DE75512108001245126199?receiver-name=Exchange' --to request.json",
    "disable 'payto://iban/DE75512108001245126199?receiver-name=Exchange' --to request.json",
  ],
  fees: [
    'list',
    'wire iban --from 2036-01-01 --until 2037-01-01 --wire-fee EUR:0.02 --closing-fee EUR:0.05 --to request.json',
    'global --from 2036-01-01 --until 2037-01-01 --history-fee EUR:0 --account-fee EUR:1 --purse-fee EUR:0.04 \\\n' +
      '    --purse-timeout 3600 --history-expiration 31536000 --purse-account-limit 5 --to request.json',
  ],
  officer: [
    'list',
    'generate officer.json',
    "enrol OFFICER_PUB 'Olga Officer' --to request.json",
    "dismiss OFFICER_PUB 'Olga Officer' --to request.json",
  ],
} as const;

interface Signing {
  readonly key?: string;
  readonly to?: string;
}

export const masterCommands: CommandGroup = (cli) => {
  const group = (name: keyof typeof EXAMPLES, description: string): Command => {
    const examples = EXAMPLES[name].map((line) => `\n  npm run admin -- ${name} ${line}`).join('');
    return cli.program
      .command(name)
      .description(description)
      .addHelpText('afterAll', `\nExamples:${examples}\n${SIGNING_HELP}`);
  };
  const signable = (command: Command): Command =>
    command
      .option('--key <file>', 'sign with the master key of this file')
      .option('--to <file>', 'write a request to be signed elsewhere');

  const denomination = group('denomination', 'denominations of the exchange');
  listCommand(cli, denomination, lists.denominations);
  signable(denomination.command('revoke <h_denom_pub>'))
    .description('take a denomination back for good: its coins buy nothing any more, and are recouped')
    .requiredOption('--reason <text>', 'why; logged')
    .option('--master-sig <signature>', 'a revocation that was signed offline', base32(64))
    .action(async (hash: string, options: Signing & { reason: string; masterSig?: string }) => {
      const denominationHash = base32(64)(hash);
      if (options.masterSig !== undefined || (options.key === undefined && options.to === undefined)) {
        const body = { reason: options.reason, master_sig: options.masterSig };
        if (options.masterSig === undefined) warnOfDevelopment(cli);
        cli.output.object(await cli.exchange.post(`denominations/${denominationHash}/revoke`, body));
      } else await decide(cli, { kind: 'denomination-revocation', denominationHash }, options);
    });

  const signkey = group('signkey', 'online keys that sign answers of the exchange');
  listCommand(cli, signkey, lists.signingKeys);
  signable(signkey.command('revoke <exchange_pub>'))
    .description('take a signing key back for good; another takes its place')
    .action((key: string, options: Signing) =>
      decide(cli, { kind: 'signing-key-revocation', exchangePub: publicKey(key) }, options),
    );

  const wire = group('wire', 'bank accounts of the exchange; the configuration names them and their gateways');
  listCommand(cli, wire, lists.wireAccounts);
  signable(wire.command('enable <payto_uri>'))
    .description('publish an account: customers may pay into it')
    .action(async (uri: string, options: Signing) =>
      decide(cli, { kind: 'wire-account', paytoUri: payto(uri), start: await now(cli) }, options),
    );
  signable(wire.command('disable <payto_uri>'))
    .description('publish an account no longer; what comes in is still booked')
    .action(async (uri: string, options: Signing) =>
      decide(cli, { kind: 'wire-account-end', paytoUri: payto(uri), end: await now(cli) }, options),
    );

  const fees = group('fees', 'wire fees and global fees; those of a time that is signed stay');
  listCommand(cli, fees, lists.fees);
  signable(fees.command('wire <method>'))
    .description('fees of a payto method')
    .requiredOption('--from <date>', 'from when on', instant)
    .requiredOption('--until <date>', 'until when', instant)
    .requiredOption('--wire-fee <amount>', 'for each transfer', amount)
    .requiredOption('--closing-fee <amount>', 'for each closing of a reserve', amount)
    .action((method: string, o: Signing & { from: number; until: number; wireFee: Amount; closingFee: Amount }) => {
      const { from: start, until: end, wireFee, closingFee } = o;
      return decide(cli, { kind: 'wire-fees', method: paytoMethod(method), start, end, wireFee, closingFee }, o);
    });
  signable(fees.command('global'))
    .description('fees that depend on no denomination')
    .requiredOption('--from <date>', 'from when on', instant)
    .requiredOption('--until <date>', 'until when', instant)
    .requiredOption('--history-fee <amount>', 'for a history', amount)
    .requiredOption('--account-fee <amount>', 'for an open account, each year', amount)
    .requiredOption('--purse-fee <amount>', 'for a purse', amount)
    .requiredOption('--purse-timeout <seconds>', 'how long purses last by default', upTo(SECONDS_MAX))
    .requiredOption('--history-expiration <seconds>', 'how long histories are kept', upTo(SECONDS_MAX))
    .requiredOption('--purse-account-limit <count>', 'purses that are free for an account', upTo(U32_MAX))
    .action((options: Signing & GlobalFeeOptions) => decide(cli, globalFees(options), options));

  const officer = group('officer', 'who may decide legitimizations');
  listCommand(cli, officer, lists.officers);
  officer
    .command('generate <file>')
    .description('make the key of an officer, on their own machine; the master key enrols its public part')
    .action(async (file: string) => {
      const { pub } = await orSay(OfficerKey.create(file));
      cli.output.object({ key_file: file, officer_pub: pub });
    });
  const officerAction =
    (active: boolean) =>
    async (key: string, name: string, options: Signing & { readOnly?: boolean }): Promise<void> => {
      if (name.trim() === '') throw new InvalidArgumentError('the officer needs a name');
      const who = { officerPub: publicKey(key), name, active, readOnly: options.readOnly === true };
      await decide(cli, { kind: 'officer', ...who, changedAt: await now(cli) }, options);
    };
  signable(officer.command('enrol <officer_pub> <name>'))
    .description('let an officer decide')
    .option('--read-only', 'to read, not to decide')
    .action(officerAction(true));
  signable(officer.command('dismiss <officer_pub> <name>'))
    .description('let an officer decide no longer')
    .action(officerAction(false));
};

interface GlobalFeeOptions {
  readonly from: number;
  readonly until: number;
  readonly historyFee: Amount;
  readonly accountFee: Amount;
  readonly purseFee: Amount;
  readonly purseTimeout: number;
  readonly historyExpiration: number;
  readonly purseAccountLimit: number;
}

function globalFees(options: GlobalFeeOptions): MasterOrder {
  const { from: start, until: end, historyFee, accountFee, purseFee, purseAccountLimit } = options;
  const terms = {
    purseTimeoutUs: options.purseTimeout * 1e6,
    historyExpirationUs: options.historyExpiration * 1e6,
    purseAccountLimit,
  };
  return { kind: 'global-fees', start, end, historyFee, accountFee, purseFee, ...terms };
}

/** Writes the request, or has it signed and hands it to the exchange. */
async function decide(cli: Cli, order: MasterOrder, { key: keyFile, to }: Signing): Promise<void> {
  cli.output.note(`- ${orderInWords(order)}`);
  const about = await cli.exchange.get<AboutMaster>('master');
  const request = { ...requestHeader(about), orders: [order] };
  if (to !== undefined) return writeText(cli, { path: to, text: requestText(request), what: { orders: 1 } });
  if (keyFile !== undefined) {
    return submit(cli, sign(request, await orSay(MasterKey.open(keyFile))).requests);
  }
  warnOfDevelopment(cli);
  const body = { orders: [orderJson(order)] };
  const signed = await cli.exchange.post<{ requests: ManagementRequest[] }>('master/sign-in-development', body);
  await submit(cli, signed.requests);
}

const warnOfDevelopment = (cli: Cli): void =>
  cli.output.loud('DEVELOPMENT: the master key beside the data signs. No real money!');

/** By the clock of the exchange, which checks the order of decisions. */
const now = async (cli: Cli): Promise<number> => (await cli.exchange.get<AboutMaster>('master')).now;

const amount = (text: string): Amount => orInvalid(() => parseAmount(text));

/** Durations are signed in whole microseconds. */
const SECONDS_MAX = Math.floor(Number.MAX_SAFE_INTEGER / 1e6);
const U32_MAX = 2 ** 32 - 1;

const upTo =
  (max: number) =>
  (text: string): number => {
    const value = wholeNumber(text);
    if (value > max) throw new InvalidArgumentError(`at most ${max} is possible`);
    return value;
  };

function paytoMethod(text: string): string {
  if (!/^[A-Za-z0-9.-]+$/.test(text)) throw new InvalidArgumentError('expected is a payto method, as iban');
  return text;
}
