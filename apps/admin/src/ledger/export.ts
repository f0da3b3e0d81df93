/** `admin ledger export | import`: all streams as one file, verified against the signed head, and back. */
import { createReadStream, existsSync, openSync, statSync, truncateSync, writeSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { encodeBase32 } from '@florin/encoding';
import {
  type CommittedUnit,
  type CopySource,
  copyLedger,
  type ExportedEvent,
  exportEventLine,
  exportHeaderLine,
  exportTailLine,
  Frontier,
  NoteVerifier,
  openSqliteStore,
  type Position,
  parseCheckpoint,
  readExport,
  type StoreReport,
  storedLeaf,
} from '@florin/event-store';
import type { Command } from 'commander';
import type { Cli } from '../cli.js';
import { AdminError, EXIT } from '../running.js';
import { logKeyOf } from './copy.js';
import { withLedger } from './source.js';

const EXAMPLES = `
The same command goes on where an export or import broke off. The head that the exchange signed is checked at the end:
what arrives has the same tree. Sealed names stay sealed: the key folder travels separately.
Examples:
  npm run admin -- ledger export ledger.jsonl
  npm run admin -- --data other ledger import ledger.jsonl --keys /mnt/keys`;

const BATCH_CHARS = 1 << 20;
const UNITS_AT_A_TIME = 512;

export function exportCommands(cli: Cli, group: Command): void {
  group
    .command('export <file>')
    .description('all events as lines of JSON with the signed head; goes on with a file that is there')
    .addHelpText('after', EXAMPLES)
    .action((file: string) => exportTo(cli, resolve(file)));

  group
    .command('import <file>')
    .description('fill the empty data folder of a stopped exchange from an export')
    .option('--keys <folder>', 'the key folder, with the log key; by default that in the data folder')
    .addHelpText('after', EXAMPLES)
    .action((file: string, { keys }: { keys?: string }) => importFrom(cli, { file: resolve(file), keys }));
}

export const leafOf = (event: ExportedEvent): Uint8Array => storedLeaf({ ...event, text: JSON.stringify(event.data) });

/** What an export holds that can be gone on with. */
interface Begun {
  readonly tree: Frontier;
  readonly bytes: number;
  /** Whether it ends with a head, so that another header follows. */
  readonly isComplete: boolean;
}

function exportTo(cli: Cli, file: string): Promise<void> {
  return withLedger(cli.data, async (ledger) => {
    const { origin, size, root, note } = await ledger.head();
    const begun = existsSync(file) && statSync(file).size > 0 ? await readBegun(file, origin) : undefined;
    const tree = begun?.tree ?? Frontier.empty();
    const already = tree.size;
    if (already > size) throw new AdminError(`${file} holds ${already} events, the ledger only ${size}`);
    if (begun) truncateSync(file, begun.bytes);
    const output = openSync(file, 'a', 0o600);
    let lines =
      begun?.isComplete === false
        ? ''
        : exportHeaderLine({ origin, first: already, exportedAt: Math.floor(Date.now() / 1000) });
    if (already < size) {
      for await (const event of ledger.events(already)) {
        if (event.index < tree.size) continue;
        if (event.index >= size) break;
        if (event.index !== tree.size) throw new AdminError(`event ${tree.size} is missing`);
        tree.append(leafOf(event));
        lines += exportEventLine(event);
        if (lines.length > BATCH_CHARS) {
          writeSync(output, lines);
          lines = '';
          cli.output.progress({ done: tree.size, total: size });
        }
      }
    }
    if (tree.size !== size || Buffer.compare(tree.root(), root) !== 0) {
      throw new AdminError(`what was exported is not what the signed head covers; ${file} is of no use`);
    }
    writeSync(output, lines + exportTailLine({ head: note, next: size }));
    cli.output.progress({ done: size, total: size });
    cli.output.object({ file, events: size, added: size - already, root: Buffer.from(root).toString('base64') });
  });
}

/** Reads what is there, up to the last whole unit. @throws AdminError if it is no export of this ledger */
async function readBegun(file: string, origin: string): Promise<Begun> {
  let [bytes, isComplete] = [0, false];
  const tree = Frontier.empty();
  let whole: Begun = { tree: Frontier.empty(), bytes: 0, isComplete: true };
  for await (const line of readExport(createReadStream(file))) {
    if (line.kind === 'damaged') break; // it broke off here
    if (line.kind === 'header') {
      if (line.header.origin !== origin) throw new AdminError(`${file} is of the ledger ${line.header.origin}`);
      bytes += Buffer.byteLength(exportHeaderLine(line.header));
      isComplete = false;
    } else if (line.kind === 'tail') {
      bytes += Buffer.byteLength(exportTailLine(line.tail));
      isComplete = true;
      whole = { tree: tree.clone(), bytes, isComplete };
    } else {
      const { event } = line;
      if (event.unitFirst === event.index) whole = { tree: tree.clone(), bytes, isComplete };
      if (event.index !== tree.size) throw new AdminError(`${file}: event ${tree.size} is missing`);
      tree.append(leafOf(event));
      bytes += Buffer.byteLength(exportEventLine(event));
    }
  }
  if (bytes === 0) throw new AdminError(`${file} is no export`);
  return whole;
}

async function importFrom(cli: Cli, { file, keys }: { file: string; keys: string | undefined }): Promise<void> {
  const data = resolve(cli.data);
  const newest = await newestHead(file);
  const { signers, logPub } = await logKeyOf(keys ?? join(data, 'keys'));
  try {
    const { origin, note, size, root } = parseCheckpoint(newest);
    checkSignature(file, { origin, note, logPub });
    const target = await openSqliteStore({
      folder: data,
      origin,
      logPub,
      signHead: (text) => signers.signHead(text),
      now: () => Date.now() * 1_000,
      onReport: (report: StoreReport) => cli.output.note(JSON.stringify(report)),
    });
    try {
      const { events, copied } = await copyLedger(exportedUnits(file, size), target, {
        atATime: UNITS_AT_A_TIME,
        progress: (_, done) => cli.output.progress({ done, total: size }),
      });
      if (events !== size || Buffer.compare(target.head().root, root) !== 0) {
        throw new AdminError('what was imported is not what the signed head of the export covers');
      }
      cli.output.object({ data, events, copied, root: Buffer.from(root).toString('base64') });
    } finally {
      await target.close();
    }
  } finally {
    await signers.close();
  }
}

async function newestHead(file: string): Promise<string> {
  if (!existsSync(file)) throw new AdminError(`there is no file ${file}`, EXIT.usage);
  let head: string | undefined;
  for await (const line of readExport(createReadStream(file))) if (line.kind === 'tail') head = line.tail.head;
  if (head === undefined) throw new AdminError(`${file} was cut off before its signed head: export it again`);
  return head;
}

function checkSignature(
  file: string,
  { origin, note, logPub }: { origin: string; note: string; logPub: Uint8Array },
): void {
  try {
    new NoteVerifier(origin, logPub).open(note);
  } catch (error) {
    const whose = `the log key of the key folder, ${encodeBase32(logPub)}`;
    throw new AdminError(`${file}: its head is not signed by ${whose}: ${(error as Error).message}`);
  }
}

/** The units of an export, as far as its newest head covers them. */
const exportedUnits = (file: string, size: number): CopySource => ({
  async *readAll(): AsyncGenerator<CommittedUnit> {
    let unit: ExportedEvent[] = [];
    for await (const line of readExport(createReadStream(file))) {
      if (line.kind === 'damaged') throw new AdminError(`${file}: line ${line.line}: ${line.reason}`);
      if (line.kind !== 'event' || line.event.index >= size) continue;
      if (line.event.unitFirst === line.event.index && unit.length > 0) {
        yield committed(unit);
        unit = [];
      }
      unit.push(line.event);
    }
    if (unit.length > 0) yield committed(unit);
  },
});

function committed(unit: readonly ExportedEvent[]): CommittedUnit {
  const position = BigInt(unit.at(-1)?.index ?? -1) as Position;
  return { position, events: unit.map(({ unitFirst: _, ...event }) => ({ ...event, position })) };
}
