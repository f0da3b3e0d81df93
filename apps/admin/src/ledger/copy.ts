/** `admin ledger copy`: moves the ledger of a stopped exchange between the embedded store and EventStoreDB. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { encodeBase32 } from '@florin/encoding';
import {
  type Copied,
  type CopyTarget,
  copyLedger,
  DamagedStore,
  FolderInUse,
  LedgersDiffer,
  openEsdbStore,
  openSqliteReader,
  openSqliteStore,
  StoreMisconfigured,
  type StoreReport,
  StoreUnavailable,
} from '@florin/event-store';
import { KeyFolder, KeyFolderRefused, LOG_KEY, Signers } from '@florin/signing';
import type { Cli, CommandGroup } from '../cli.js';
import { AdminError, EXIT } from '../running.js';

const EXAMPLES = `
All nodes of the exchange are stopped. A copy that breaks off is gone on with by the same command; at the end everything
is read back, and the tree must be the same.
  npm run admin -- ledger copy --to esdb://admin:PASSWORD@host:2113?tls=true
  npm run admin -- --data other ledger copy --from esdb://... --keys /mnt/keys
  FLORIN_STORE=esdb://... npm run admin -- ledger copy --to-store      without the password in the list of processes`;

/** The writer of the embedded store makes so many units durable together. */
const EMBEDDED_AT_A_TIME = 512;

interface CopyArguments {
  readonly to?: string;
  readonly from?: string;
  readonly toStore?: boolean;
  readonly fromStore?: boolean;
  readonly instance: string;
  readonly keys?: string;
}

export const ledgerCopyCommands: CommandGroup = (cli) => {
  const existing = cli.program.commands.find((command) => command.name() === 'ledger');
  const group = existing ?? cli.program.command('ledger').description('the events themselves');
  group
    .command('copy')
    .description('move the ledger of a stopped exchange between the data folder and EventStoreDB')
    .option('--to <connection string>', 'from the data folder to this server')
    .option('--from <connection string>', 'from this server to the data folder')
    .option('--to-store', 'as --to, with the connection string in FLORIN_STORE')
    .option('--from-store', 'as --from, with the connection string in FLORIN_STORE')
    .option('--instance <name>', 'the instance in the configuration', 'florin')
    .option('--keys <folder>', 'the key folder; by default that in the data folder')
    .addHelpText('after', EXAMPLES)
    .action((given: CopyArguments) => copy(cli, given));
};

async function copy(cli: Cli, given: CopyArguments): Promise<void> {
  const { FLORIN_STORE = '' } = process.env;
  const to = given.to ?? (given.toStore ? FLORIN_STORE : undefined);
  const from = given.from ?? (given.fromStore ? FLORIN_STORE : undefined);
  if ((to === undefined) === (from === undefined)) throw new AdminError('say either --to or --from', EXIT.usage);
  const data = resolve(cli.data);
  const stopping = new AbortController();
  const stop = (): void => stopping.abort(new AdminError('stopped; the same command goes on', EXIT.refused));
  process.once('SIGINT', stop).once('SIGTERM', stop);
  try {
    const signal = stopping.signal;
    const { root, events, copied } =
      to === undefined
        ? await toFolder(cli, { server: from as string, data, given, signal })
        : await toServer(cli, { server: to, data, given, signal });
    cli.output.object({ events, copied, root: Buffer.from(root).toString('base64') });
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop);
  }
}

interface Move {
  readonly server: string;
  readonly data: string;
  readonly given: CopyArguments;
  readonly signal: AbortSignal;
}

async function toServer(cli: Cli, { server, data, given, signal }: Move): Promise<Copied> {
  if (!existsSync(join(data, 'events.db'))) throw new AdminError(`${data} holds no embedded store`, EXIT.unreachable);
  const source = await openSqliteReader({ folder: data });
  try {
    const target = await openServer(server, given.instance);
    try {
      const { size, root } = source.head();
      const copied = await copyLedger(source, target, { signal, progress: shown(cli, size) });
      if (copied.events !== size || Buffer.compare(copied.root, root) !== 0) {
        throw new LedgersDiffer(`what was copied is not what the signed head of ${data} covers`);
      }
      return copied;
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
}

async function toFolder(cli: Cli, { server, data, given, signal }: Move): Promise<Copied> {
  const { signers, logPub } = await logKeyOf(given.keys ?? join(data, 'keys'));
  try {
    const source = await openServer(server, given.instance);
    try {
      const target = await openSqliteStore({
        folder: data,
        origin: `florin/${given.instance}/${encodeBase32(logPub).slice(0, 16)}`,
        logPub,
        signHead: (text) => signers.signHead(text),
        now: () => Date.now() * 1_000,
        onReport: (report: StoreReport) => cli.output.note(JSON.stringify(report)),
      });
      try {
        return await copyLedger(source, target satisfies CopyTarget, {
          atATime: EMBEDDED_AT_A_TIME,
          signal,
          progress: shown(cli, 0),
        });
      } finally {
        await target.close();
      }
    } finally {
      await source.close();
    }
  } finally {
    await signers.close();
  }
}

const openServer = (connectionString: string, instance: string) =>
  openEsdbStore(connectionString, { instance, now: () => Date.now() * 1_000, onDamage: () => undefined });

/** The embedded store signs its heads with the log key of the exchange, which must be there already. */
export async function logKeyOf(keys: string): Promise<{ signers: Signers; logPub: Uint8Array }> {
  if (!existsSync(join(keys, LOG_KEY))) {
    throw new AdminError(`${keys} is not the key folder of this exchange: it holds no log key`, EXIT.unreachable);
  }
  const folder = await KeyFolder.open(keys, { development: true });
  const signers = await Signers.start({ folder, processes: 1 });
  const { pub: logPub } = await signers.generate({ kind: 'log' });
  return { signers, logPub };
}

/** Of the source the embedded store knows how many events it has; the server does not. */
function shown({ output }: Cli, total: number) {
  let [step, begun, first] = ['', performance.now(), 0];
  return (now: string, done: number): void => {
    if (now !== step) {
      output.note(now);
      [step, begun, first] = [now, performance.now(), done];
    }
    const perSecond = Math.round((done - first) / ((performance.now() - begun + 1) / 1_000));
    output.progress({ done, total: Math.max(total, done + 1), perSecond });
  };
}

/** What an operator can mend is said without a stack. */
export function told(error: unknown): unknown {
  const refusals = [LedgersDiffer, DamagedStore, StoreMisconfigured, KeyFolderRefused];
  if (error instanceof Error && refusals.some((kind) => error instanceof kind)) return new AdminError(error.message);
  if (error instanceof FolderInUse || error instanceof StoreUnavailable) {
    return new AdminError(error.message, EXIT.unreachable);
  }
  return error;
}
