/** `admin ledger evidence | verify-evidence`: events with proofs that they are in the ledger, in one file. */
import { readFileSync } from 'node:fs';
import { EncodingError, fromHex, toHex } from '@florin/encoding';
import { type ExportedEvent, InvalidNote, type Json, parseExportLine, verifyInclusion } from '@florin/event-store';
import { Argument, type Command } from 'commander';
import { type Cli, dateText, publicKey } from '../cli.js';
import { writeText } from '../offline/files.js';
import { AdminError } from '../running.js';
import { checkChain } from './chain.js';
import { leafOf } from './export.js';
import { eventsOf, KIND_NAMES, type Kind, keyOf } from './show.js';
import { withLedger } from './source.js';
import { Narrator } from './words.js';

const FORMAT = 'florin-evidence';
const VERSION = 1;

const EXAMPLES = `
Examples:
  npm run admin -- ledger evidence reserve RESERVE_PUB --to reserve.json
  npm run admin -- ledger verify-evidence reserve.json --master-pub KEY      on any machine, without an exchange

The file holds the events as the ledger has them, a proof for each that the tree under the signed head contains it, and
the events that name log key and master key. Bank accounts in it are sealed.`;

/** An event and its audit path, in hexadecimal. */
interface Proved {
  readonly event: ExportedEvent;
  readonly proof: readonly string[];
}

interface Evidence {
  readonly format: typeof FORMAT;
  readonly version: typeof VERSION;
  readonly about: string;
  readonly head: string;
  /** Events of the `keys` stream that the head is checked by. */
  readonly keys: readonly Proved[];
  readonly events: readonly Proved[];
}

export function evidenceCommands(cli: Cli, group: Command): void {
  group
    .command('evidence')
    .addArgument(new Argument('<kind>', 'what').choices(KIND_NAMES))
    .argument('<key>', 'its public key or hash, in base32')
    .option('--to <file>', 'where to write it; - is standard output', '-')
    .description('what happened to one thing, with proofs')
    .addHelpText('after', EXAMPLES)
    .action((kind: Kind, text: string, { to }: { to: string }) =>
      withLedger(cli.data, async (ledger) => {
        const { note, size, origin } = await ledger.head();
        const prove = async (event: ExportedEvent): Promise<Proved> => ({
          event,
          proof: (await ledger.inclusionProof(event.index, size)).map(toHex),
        });
        const keys: Proved[] = [];
        for await (const event of ledger.stream(`${origin.split('/')[1] ?? ''}.keys`)) {
          const isLink = event.type === 'ExchangeConfigured' || event.type === 'LogKeyOffered';
          if (isLink && event.index < size) keys.push(await prove(event));
        }
        const events: Proved[] = [];
        for await (const event of eventsOf(ledger, kind, text)) if (event.index < size) events.push(await prove(event));
        if (events.length === 0) throw new AdminError(`the ledger knows no ${kind} of this key`);
        const about = `${kind} ${keyOf(kind, text)}`;
        const evidence: Evidence = { format: FORMAT, version: VERSION, about, head: note, keys, events };
        const what = { about, events: events.length, head_size: size };
        writeText(cli, { path: to, text: `${JSON.stringify(evidence, null, 1)}\n`, what });
      }),
    );

  group
    .command('verify-evidence <file>')
    .description('check a file of evidence; needs no exchange and no network')
    .option('--master-pub <key>', 'the master key that the ledger must belong to', publicKey)
    .addHelpText('after', EXAMPLES)
    .action((file: string, { masterPub }: { masterPub?: string }) => {
      const { about, head: note, keys, events } = readEvidence(file);
      const chain = checkOrSay(file, () =>
        checkChain(
          note,
          keys.map(({ event }) => event),
          masterPub,
        ),
      );
      for (const proved of [...keys, ...events]) checkProof(file, proved, chain.head);
      checkSubject(file, about, chain.head, events);
      const currency = keys.find(({ event }) => event.type === 'ExchangeConfigured')?.event.data.currency;
      const narrator = new Narrator(String(currency));
      const told = events.map(({ event }) => ({
        index: event.index,
        at: dateText(Math.floor(event.writtenAtUs / 1e6)),
        stream: event.stream,
        words: narrator.tell(event),
      }));
      const { size, origin } = chain.head;
      const verdict = { verified: true, about, origin, head_size: size, master_pub: chain.masterPub };
      if (cli.output.json) cli.output.object({ ...verdict, events: told });
      else {
        cli.output.object(verdict);
        for (const { index, at, words } of told)
          cli.output.line(`${cli.output.faint(`${at}  ${index}`)}  ${words}`, {});
        if (masterPub === undefined) cli.output.note('whose master key this is was not checked: --master-pub');
      }
    });
}

function checkProof(file: string, { event, proof }: Proved, head: { size: number; root: Uint8Array }): void {
  const path = checkOrSay(file, () => proof.map(fromHex));
  if (verifyInclusion(path, { leaf: leafOf(event), index: event.index, size: head.size, root: head.root })) return;
  throw new AdminError(
    `${file}: event ${event.index} (${event.type} of ${event.stream}) is not in the ledger as it is here`,
  );
}

/**
 * The events are those of what the file is said to be about, from the first one on without a gap. Whether there are
 * later ones, no file can show. @throws AdminError
 */
function checkSubject(file: string, about: string, { origin }: { origin: string }, events: readonly Proved[]): void {
  const instance = origin.split('/')[1] ?? '';
  const [kind = '', key = ''] = about.split(' ');
  events.forEach(({ event: { stream, number, data, index } }, i) => {
    const isOfIt =
      kind === 'denomination'
        ? stream === `${instance}.keys` && data.denominationHash === key
        : stream === `${instance}.${kind}-${key}`;
    if (!isOfIt) throw new AdminError(`${file}: event ${index} of ${stream} is nothing about the ${about}`);
    if (kind !== 'denomination' && number !== i) throw new AdminError(`${file}: event ${i} of ${stream} was left out`);
  });
}

/** What cannot be read is no evidence. */
function readEvidence(file: string): Evidence {
  let evidence: Evidence;
  try {
    evidence = JSON.parse(readFileSync(file, 'utf8')) as Evidence;
  } catch (error) {
    throw new AdminError(`${file} cannot be read: ${(error as Error).message}`);
  }
  const isProved = ({ event, proof }: Proved): boolean => isEvent(event) && Array.isArray(proof) && proof.every(isText);
  const isEvidence =
    evidence?.format === FORMAT &&
    evidence.version === VERSION &&
    isText(evidence.head) &&
    isText(evidence.about) &&
    [evidence.keys, evidence.events].every((list) => Array.isArray(list) && list.every(isProved));
  if (!isEvidence) throw new AdminError(`${file} is no ${FORMAT} file of version ${VERSION}`);
  return evidence;
}

function isEvent(event: ExportedEvent | undefined): boolean {
  const { index: i, unitFirst: u, stream: s, number: n, type: t, version: v, writtenAtUs: w, data: d } = event ?? {};
  return parseExportLine(JSON.stringify({ i, u, s, n, t, v, w, d } as Record<string, Json>), 1).kind === 'event';
}

const isText = (value: unknown): boolean => typeof value === 'string';

function checkOrSay<Value>(file: string, check: () => Value): Value {
  try {
    return check();
  } catch (error) {
    if (error instanceof EncodingError || error instanceof InvalidNote) {
      throw new AdminError(`${file}: ${error.message}`);
    }
    throw error;
  }
}
