/** `admin ledger head | tail | show`: what happened, in words. */
import { decodeBase32, EncodingError, encodeBase32 } from '@florin/encoding';
import type { ExportedEvent } from '@florin/event-store';
import { Argument, type Command } from 'commander';
import { type Cli, dateText, wholeNumber } from '../cli.js';
import type { Shown } from '../output.js';
import { AdminError, EXIT } from '../running.js';
import { type LedgerSource, withLedger } from './source.js';
import { Narrator, short } from './words.js';

const KINDS = { reserve: 32, purse: 32, coin: 32, account: 32, transfer: 64, denomination: 64 } as const;
export type Kind = keyof typeof KINDS;
export const KIND_NAMES = Object.keys(KINDS);

const EXAMPLES = `
Examples:
  npm run admin -- ledger show reserve RESERVE_PUB
  npm run admin -- ledger show denomination H_DENOM_PUB
  npm run admin -- ledger show coin COIN_PUB --json`;

export function showCommands(cli: Cli, group: Command): void {
  group
    .command('head')
    .description('the newest signed head: size and root of the tree over all events')
    .addHelpText('after', '\nExample:\n  npm run --silent admin -- ledger head --json > newest-head.json')
    .action(() =>
      withLedger(cli.data, async (ledger) => {
        const { origin, size, note } = await ledger.head();
        cli.output.object({ origin, size, note });
      }),
    );

  group
    .command('tail')
    .description('the newest events, in words')
    .option('-n, --lines <count>', 'how many', wholeNumber, 20)
    .option('-f, --follow', 'go on with what is committed later')
    .addHelpText('after', '\nExample:\n  npm run admin -- ledger tail -n 5 --follow')
    .action(({ lines, follow }: { lines: number; follow?: boolean }) =>
      withLedger(cli.data, async (ledger) => {
        const { size } = await ledger.head();
        const first = Math.max(0, size - lines);
        const narrator = await narratorOf(ledger);
        for await (const event of ledger.events(first, { follow: follow === true })) {
          if (event.index >= first) tell(cli, told(event, narrator));
        }
      }),
    );

  group
    .command('show')
    .addArgument(new Argument('<kind>', 'what').choices(KIND_NAMES))
    .argument('<key>', 'its public key or hash, in base32')
    .description('the events of a reserve, a purse, a coin, an account, a transfer or a denomination, in words')
    .addHelpText('after', EXAMPLES)
    .action((kind: Kind, text: string) =>
      withLedger(cli.data, async (ledger) => {
        const narrator = await narratorOf(ledger);
        const key = keyOf(kind, text);
        const events: Told[] = [];
        for await (const event of eventsOf(ledger, kind, text)) events.push(told(event, narrator));
        if (events.length === 0) throw new AdminError(`the ledger knows no ${kind} ${short(key)}`);
        const sums = kind === 'denomination' ? await sumsOf(cli, key) : undefined;
        if (cli.output.json) return cli.output.object({ kind, key, events, ...(sums && { sums }) });
        for (const event of events) tell(cli, event);
        if (sums) for (const line of sumsInWords(sums)) cli.output.line(line, {});
      }),
    );
}

/** All events of one thing, oldest first; those of a denomination stand among all of the keys. @throws AdminError */
export async function* eventsOf(ledger: LedgerSource, kind: Kind, text: string): AsyncGenerator<ExportedEvent> {
  const key = keyOf(kind, text);
  const instance = (await ledger.head()).origin.split('/')[1] ?? '';
  const name = kind === 'denomination' ? `${instance}.keys` : `${instance}.${kind}-${key}`;
  for await (const event of ledger.stream(name)) {
    if (kind !== 'denomination' || event.data.denominationHash === key) yield event;
  }
}

/** Words in the currency of the ledger, which its first event names. */
export async function narratorOf(ledger: LedgerSource): Promise<Narrator> {
  for await (const { data } of ledger.events(0)) {
    if (typeof data.currency === 'string') return new Narrator(data.currency);
  }
  throw new AdminError('the ledger is empty');
}

/** An event as machines get it. */
interface Told extends Shown {
  readonly index: number;
  readonly stream: string;
  readonly at: string;
  readonly words: string;
}

function told(event: ExportedEvent, narrator: Narrator): Told {
  const { index, stream, number, type, writtenAtUs, data } = event;
  const at = dateText(Math.floor(writtenAtUs / 1e6));
  return { index, stream, number, type, at, words: narrator.tell(event), data };
}

function tell({ output }: Cli, event: Told): void {
  const { index, stream, at, words } = event;
  output.line(`${output.faint(`${at}  ${index}  ${placeOf(stream)}`)}  ${words}`, event);
}

/** `reserve 4Y7ANEYXW7M5…`, without the instance. */
function placeOf(stream: string): string {
  const [, category = '', key] = /^[^.]*\.([^-]*)(?:-(.*))?$/.exec(stream) ?? [];
  return key === undefined ? category : `${category} ${short(key)}`;
}

/** Issued, spent, recouped, outstanding: sums of a read model, so only while the exchange runs. */
async function sumsOf(cli: Cli, key: string): Promise<Shown | undefined> {
  const question = { view: 'denominations', key, limit: 1 };
  try {
    const lines = cli.exchange.lines<{ result?: { tables: { denominations?: Shown[] } } }>(
      'POST',
      'projections/state',
      question,
    );
    for await (const { result } of lines) if (result) return result.tables.denominations?.[0];
  } catch (error) {
    if (!(error instanceof AdminError) || error.exitCode !== EXIT.unreachable) throw error;
    cli.output.note('how much of it was issued and spent is shown while the exchange runs');
  }
  return undefined;
}

const SUMS = {
  issued: ['issued_count', 'issued_value'],
  'first seen': ['seen_count', 'spent_value'],
  recouped: ['recouped_count', 'recouped_value'],
} as const;

function sumsInWords(sums: Shown): string[] {
  const lines = Object.entries(SUMS).map(
    ([what, [count, value]]) => `  ${what}: ${String(sums[count])} coins, ${String(sums[value])}`,
  );
  return [...lines, `  withdraw fees: ${String(sums.withdraw_fees)}`];
}

/** Canonical base32. @throws AdminError */
export function keyOf(kind: Kind, text: string): string {
  try {
    return encodeBase32(decodeBase32(text, KINDS[kind]));
  } catch (error) {
    if (error instanceof EncodingError) throw new AdminError(`the ${kind} is not ${error.expected}`, EXIT.usage);
    throw error;
  }
}
