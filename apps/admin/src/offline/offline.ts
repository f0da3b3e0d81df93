/** `admin offline`: what the master key signs travels in files to the machine that has it, and back. */
import { encodeBase32 } from '@florin/encoding';
import { type ManagementRequest, MasterKey, type OrderJson, orderJson, parseOrder } from '@florin/signing';
import { InvalidArgumentError } from 'commander';
import { type Cli, type CommandGroup, orSay } from '../cli.js';
import { AdminError, EXIT, refusal } from '../running.js';
import { readRequest, readSigned, requestText, sign, signedText, writeText } from './files.js';
import { orderInWords } from './words.js';

const EXAMPLES = `
The master key never comes near the exchange:
  npm run admin -- offline generate master.json            once, on a machine without network; prints masterPub
                                                           for the configuration of the exchange
  npm run admin -- offline export --to request.json        on the exchange: what wants signing
  npm run admin -- offline show request.json               on the other machine: read what you sign
  npm run admin -- offline sign request.json --key master.json --to signed.json
  npm run admin -- offline import signed.json              on the exchange: what was signed is offered`;

/** What the exchange says about itself and its master key. */
export interface AboutMaster {
  readonly base_url: string;
  readonly listens_at: string;
  readonly currency: string;
  readonly master_pub: string;
  readonly mode: string;
  readonly now: number;
}

const TIMEOUT_MS = 60_000;

export const offlineCommands: CommandGroup = (cli) => {
  const group = cli.program
    .command('offline')
    .description('the offline master key: make it, export what wants signing, sign, import')
    .addHelpText('afterAll', EXAMPLES);

  group
    .command('generate <file>')
    .description('make a master key; needs no exchange and no network')
    .action(async (file: string) => {
      const { pub } = await orSay(MasterKey.create(file));
      cli.output.object({ key_file: file, masterPub: encodeBase32(pub) });
    });

  group
    .command('export')
    .description('everything that the configuration names and the master key has not signed')
    .option('--to <file>', 'where to write it; - is standard output', '-')
    .action(async ({ to }: { to: string }) => {
      const { orders, ...about } = await cli.exchange.get<AboutMaster & { orders: OrderJson[] }>('master/orders');
      const request = { ...requestHeader(about), orders: orders.map(parseOrder) };
      if (orders.length === 0) cli.output.note('nothing waits for the master key');
      writeText(cli, { path: to, text: requestText(request), what: { orders: orders.length } });
    });

  group
    .command('show <request>')
    .description('what a request asks for, in words; needs no exchange and no network')
    .action((file: string) => {
      const { orders, baseUrl, masterPub } = readRequest(file);
      if (cli.output.json) {
        const told = orders.map((order) => ({ ...orderJson(order), words: orderInWords(order) }));
        return cli.output.object({ base_url: baseUrl, master_pub: masterPub, orders: told });
      }
      cli.output.note(`for ${baseUrl}, to be signed by ${masterPub}:`);
      if (orders.length === 0) cli.output.note('it asks for nothing');
      for (const order of orders) cli.output.line(`- ${orderInWords(order)}`, {});
    });

  group
    .command('sign <request>')
    .description('sign a request; needs no exchange and no network')
    .requiredOption('--key <file>', 'the master key')
    .option('--to <file>', 'where to write it; - is standard output', '-')
    .action(async (file: string, { key: keyFile, to }: { key: string; to: string }) => {
      const request = readRequest(file);
      const key = await orSay(MasterKey.open(keyFile));
      const pub = encodeBase32(key.pub);
      if (pub !== request.masterPub) {
        throw new AdminError(`the request is for the master key ${request.masterPub}, and ${keyFile} holds ${pub}`);
      }
      for (const order of request.orders) cli.output.note(`- ${orderInWords(order)}`);
      const what = { signed: request.orders.length };
      writeText(cli, { path: to, text: signedText(sign(request, key)), what });
    });

  group
    .command('import <signed>')
    .description('hand what was signed to the exchange')
    .option('--url <base>', 'base URL of the exchange, if it does not run on this machine', baseUrl)
    .action(async (file: string, { url }: { url?: string }) => {
      const { requests } = readSigned(file);
      await submit(cli, requests, url);
    });
};

function baseUrl(text: string): string {
  if (!/^https?:/.test(text) || !URL.canParse(text)) throw new InvalidArgumentError('expected is a URL as https://...');
  return text.endsWith('/') ? text : `${text}/`;
}

export const requestHeader = ({ base_url, currency, master_pub }: AboutMaster) => ({
  baseUrl: base_url,
  currency,
  masterPub: master_pub,
});

/**
 * Posts management requests in their order, and says of each what came of it.
 * @throws AdminError after the last one if any was refused
 */
export async function submit(cli: Cli, requests: readonly ManagementRequest[], url?: string): Promise<void> {
  const base = url ?? (await cli.exchange.get<AboutMaster>('master')).listens_at;
  const results: { path: string; done: boolean; problem?: string }[] = [];
  for (const { path, body } of requests) {
    const problem = await post(new URL(path, base), body);
    results.push({ path, done: problem === undefined, ...(problem === undefined ? {} : { problem: problem.message }) });
  }
  const { output } = cli;
  if (output.json) output.rows(results, '');
  else {
    for (const { path, problem } of results) {
      output.line(problem === undefined ? `${output.good('done')}    ${path}` : `${output.bad('refused')} ${path}`, {});
      if (problem !== undefined) output.note(`        ${problem}`);
    }
  }
  const refused = results.filter(({ done }) => !done).length;
  if (refused > 0)
    throw new AdminError(
      `${refused} of ${results.length} requests were refused${refused < results.length ? '; the others hold' : ''}`,
    );
}

async function post(url: URL, body: object): Promise<AdminError | undefined> {
  let reply: Response;
  try {
    reply = await fetch(url, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  } catch {
    throw new AdminError(`the exchange does not answer at ${url.origin}; what was done holds`, EXIT.unreachable);
  }
  return reply.ok ? undefined : refusal(reply.status, await reply.text());
}
