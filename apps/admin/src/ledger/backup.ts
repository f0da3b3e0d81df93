/** `admin ledger backup | restore`: a copy while the exchange runs, and a restore that believes nothing. */
import { chmodSync, constants, copyFileSync, cpSync, existsSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import {
  DamagedStore,
  type ExportedEvent,
  type Head,
  makeFolder,
  parseCheckpoint,
  verifyConsistency,
} from '@florin/event-store';
import { KEPT_HEAD } from '@florin/signing';
import type { Command } from 'commander';
import { type Cli, publicKey } from '../cli.js';
import { AdminError, EXIT, RunningExchange } from '../running.js';
import { checkChain } from './chain.js';
import { type FolderLedger, openFolder } from './source.js';

const FILES = ['events.db', 'heads'];
const KEYS = 'keys';
const LEFT_OUT = new RegExp(`/(\\.[^/]+\\.(new|gone)|${KEPT_HEAD})$`);

const EXAMPLES = `
Examples:
  npm run admin -- ledger backup /backup/2026-01-31 --with-keys
  npm run --silent admin -- ledger head --json > newest-head.json     keep it elsewhere: it says what must be there
  npm run admin -- --data restored ledger restore /backup/2026-01-31 --head newest-head.json --master-pub KEY

Never start an older copy of the ledger beside newer keys: what was acknowledged since would be forgotten. A head that
was kept elsewhere shows whether the copy is old enough to lack something.`;

export function backupCommands(cli: Cli, group: Command): void {
  group
    .command('backup <folder>')
    .description('copy the ledger with the head that covers it into an empty folder, while the exchange runs')
    .option(
      '--with-keys',
      'also the private keys and the keys of sealed accounts: keep that copy as safe as the folder',
    )
    .option('--keys <folder>', 'the key folder; by default that in the data folder')
    .addHelpText('after', EXAMPLES)
    .action((folder: string, options: { withKeys?: boolean; keys?: string }) => backup(cli, resolve(folder), options));

  group
    .command('restore <backup>')
    .description('verify a backup up to its signed head, and put it into an empty data folder')
    .option('--head <file>', 'a head that was kept elsewhere, which the backup has to contain')
    .option('--master-pub <key>', 'the master key that the ledger must belong to', publicKey)
    .addHelpText('after', EXAMPLES)
    .action((from: string, options: { head?: string; masterPub?: string }) => restore(cli, resolve(from), options));
}

async function backup(cli: Cli, folder: string, options: { withKeys?: boolean; keys?: string }): Promise<void> {
  const running = RunningExchange.announced(cli.data);
  const copied =
    running && (await running.isAlive()) ? await backUpRunning(running, folder) : await copyFree(cli, folder);
  // After the ledger: a key is in its folder before an event needs it.
  if (options.withKeys) copyKeys(options.keys ?? join(resolve(cli.data), KEYS), join(folder, KEYS));
  else cli.output.note('the key folder is not in it: without the keys of accounts, names stay sealed (--with-keys)');
  cli.output.object({ folder, ...copied, keys: options.withKeys === true });
}

async function backUpRunning(exchange: RunningExchange, folder: string): Promise<{ size: number; note: string }> {
  const lines = exchange.lines<{ result?: { size: number; note: string } }>('POST', 'ledger/backup', { folder });
  for await (const { result } of lines) if (result) return { size: result.size, note: result.note };
  throw new AdminError('the exchange ended before it was done', EXIT.unreachable);
}

/** A folder that nobody serves is copied as it is, while it is locked. */
async function copyFree(cli: Cli, folder: string): Promise<{ size: number; note: string }> {
  const ledger = await openFolder(cli.data);
  try {
    const log = join(resolve(cli.data), 'events.db-wal');
    // An empty one is left by whoever only looked.
    if (existsSync(log) && statSync(log).size > 0) {
      throw new AdminError('the exchange did not stop in order: start and stop it once, then copy');
    }
    copyLedgerFiles(resolve(cli.data), folder);
    const { size, note } = await ledger.head();
    return { size, note };
  } finally {
    await ledger.close();
  }
}

async function restore(cli: Cli, from: string, options: { head?: string; masterPub?: string }): Promise<void> {
  const target = resolve(cli.data);
  if (existsSync(join(target, 'events.db'))) throw new AdminError(`${target} holds a ledger: it is not overwritten`);
  const copy = await openFolder(from);
  let verified: Head;
  try {
    verified = await verify(cli, copy, { ...options, kept: keptHeads(target, options.head) });
  } finally {
    await copy.close();
  }
  copyLedgerFiles(from, target);
  const withKeys = existsSync(join(from, KEYS)) && !existsSync(join(target, KEYS));
  if (withKeys) copyKeys(join(from, KEYS), join(target, KEYS));
  const restored = await openFolder(target);
  try {
    const { size, root } = await restored.head();
    if (size !== verified.size || Buffer.compare(root, verified.root) !== 0) {
      throw new AdminError('the restored ledger is not the one that was verified');
    }
    await scrub(cli, restored);
  } finally {
    await restored.close();
  }
  cli.output.object({ data: target, events: verified.size, note: verified.note, keys: withKeys });
}

/** Heads that the copy has to contain: the one that was named, and the one that was kept beside the keys. */
function keptHeads(target: string, named: string | undefined): string[] {
  const besideKeys = join(target, KEYS, KEPT_HEAD);
  return [...(named === undefined ? [] : [named]), ...(existsSync(besideKeys) ? [besideKeys] : [])];
}

/** Every event against the tree, the tree against the head, the head against the keys. */
async function verify(
  cli: Cli,
  copy: FolderLedger,
  { kept, masterPub }: { kept: readonly string[]; masterPub?: string },
): Promise<Head> {
  const keptNotes = kept.map((file) => [file, readNote(file)] as const);
  await scrub(cli, copy);
  const { note, origin } = await copy.head();
  const keysEvents: ExportedEvent[] = [];
  for await (const event of copy.stream(`${origin.split('/')[1] ?? ''}.keys`)) keysEvents.push(event);
  const { head } = checkChain(note, keysEvents, masterPub);
  for (const [file, keptNote] of keptNotes) {
    const { head: earlier } = checkChain(keptNote, keysEvents, masterPub);
    if (earlier.size > head.size) {
      const missing = earlier.size - head.size;
      throw new AdminError(`the backup ends ${missing} events before the head in ${file}: they were acknowledged`);
    }
    const proof = await copy.reader.consistencyProof(earlier.size, head.size);
    const sizes = { from: earlier.size, fromRoot: earlier.root, to: head.size, toRoot: head.root };
    if (!verifyConsistency(proof, sizes)) {
      throw new AdminError(`the backup is not a continuation of the ledger with the head in ${file}`);
    }
  }
  return head;
}

async function scrub(cli: Cli, { reader, place }: FolderLedger): Promise<void> {
  cli.output.note(`checking every event in ${place}`);
  try {
    await reader.scrub();
  } catch (error) {
    if (error instanceof DamagedStore) throw new AdminError(`${place} is damaged: ${error.message}`);
    throw error;
  }
}

/** A signed note, or what `ledger head --json` printed. */
function readNote(file: string): string {
  try {
    const text = readFileSync(file, 'utf8');
    const json = text.indexOf('{'); // npm writes lines of its own before it unless told not to
    const note = json < 0 ? text : (JSON.parse(text.slice(json)) as { note: string }).note;
    parseCheckpoint(note);
    return note;
  } catch (error) {
    const why = (error as Error).message;
    throw new AdminError(`${file} holds no head as \`ledger head --json\` prints it: ${why}`);
  }
}

function copyLedgerFiles(from: string, to: string): void {
  makeFolder(to);
  for (const name of FILES) {
    copyFileSync(join(from, name), join(to, name), constants.COPYFILE_EXCL);
    chmodSync(join(to, name), 0o600);
  }
}

/**
 * Modes travel with the files; what a process was just creating or destroying does not, nor the newest head: it is of
 * the ledger that goes on, and the copy has its own.
 */
function copyKeys(from: string, to: string): void {
  if (!existsSync(from)) throw new AdminError(`there is no key folder ${from}: name it with --keys`, EXIT.usage);
  rmSync(to, { recursive: true, force: true });
  cpSync(from, to, { recursive: true, filter: (source) => !LEFT_OUT.test(source) });
  chmodSync(to, 0o700);
}
