/** `admin ledger head | tail | show`: what happened, in words. */
import { decodeBase32, EncodingError, encodeBase32 } from '@florin/encoding';
import type { ExportedEvent } from '@florin/event-store';
import { Argument, type Command } from 'commander';
import { type Cli, dateText, wholeNumber } from '../cli.js';
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
          if (event.index >= first) tell(cli, event, narrator);
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
        let found = 0;
        for await (const event of eventsOf(ledger, kind, text)) {
          tell(cli, event, narrator);
          found += 1;
        }
        if (found === 0) throw new AdminError(`the ledger knows no ${kind} ${short(text)}`);
        if (kind === 'denomination') await showSums(cli, keyOf(kind, text));
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

function tell(cli: Cli, event: ExportedEvent, narrator: Narrator): void {
  const { index, stream, number, type, writtenAtUs } = event;
  const words = narrator.tell(event);
  const at = dateText(Math.floor(writtenAtUs / 1e6));
  const place = cli.output.faint(`${at}  ${index}  ${placeOf(stream)}`);
  cli.output.line(`${place}  ${words}`, { index, stream, number, type, at, words, data: event.data });
}

/** `reserve 4Y7ANEYXW7M5…`, without the instance. */
function placeOf(stream: string): string {
  const [, category = '', key] = /^[^.]*\.([^-]*)(?:-(.*))?$/.exec(stream) ?? [];
  return key === undefined ? category : `${category} ${short(key)}`;
}

/** Issued, spent, recouped, outstanding: sums of a read model, so only while the exchange runs. */
async function showSums(cli: Cli, key: string): Promise<void> {
  const body = { view: 'denominations', key, limit: 1 };
  try {
    const lines = cli.exchange.lines<{ result?: { tables: { denominations?: object[] } } }>(
      'POST',
      'projections/state',
      body,
    );
    for await (const { result } of lines) {
      const [sums] = result?.tables.denominations ?? [];
      if (sums)
        cli.output.line(
          Object.entries(sums)
            .map(([name, sum]) => `  ${name}: ${String(sum)}`)
            .join('\n'),
          sums as Record<string, unknown>,
        );
    }
  } catch (error) {
    if (error instanceof AdminError && error.exitCode === EXIT.unreachable) {
      cli.output.note('how much of it was issued and spent is shown while the exchange runs');
    } else throw error;
  }
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
