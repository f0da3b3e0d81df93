/** Opens the event store that the configuration names; what cannot work is told apart from what is away for now. */
import { encodeBase32 } from '@florin/encoding';
import {
  type EsdbStore,
  type Leases,
  openEsdbStore,
  openSqliteStore,
  type SqliteStore,
  START,
  StoreMisconfigured,
  type StoreReport,
  soleHolder,
} from '@florin/event-store';
import type { Settings } from './config/config.js';
import { ConfigError } from './config/reader.js';
import type { SystemClock } from './runtime/clock.js';
import type { Log } from './runtime/tokens.js';

export interface OpenedStore {
  readonly store: SqliteStore | EsdbStore;
  /** Names the log in its signed heads. */
  readonly origin: string;
  readonly leases: Leases;
}

export interface StoreSurroundings {
  readonly log: Log;
  readonly clock: SystemClock;
  /** The log key, 32 bytes. */
  readonly logPub: Uint8Array;
  readonly signHead: (head: Uint8Array) => Promise<Uint8Array>;
  /** Told how many units were made durable together. */
  readonly onGroup: (units: number) => void;
  /** Called when the process must not go on. */
  readonly stop: (reason: string) => void;
}

/** Whether a server holds a ledger already, before anything is made for it. @throws ConfigError, StoreUnavailable */
export async function isBegunElsewhere({ store: configured, instance }: Settings): Promise<boolean> {
  if (configured === 'embedded') return false;
  const looking = await told(
    openEsdbStore(configured, { instance, readOnly: true, now: () => 0, onDamage: () => undefined }),
  );
  try {
    return (await looking.lastPosition()) !== START;
  } finally {
    await looking.close();
  }
}

/** @throws ConfigError if somebody has to change something; StoreUnavailable, DamagedStore, FolderInUse */
export async function openStore(
  { store: configured, instance, data: folder }: Settings,
  { log, clock, logPub, signHead, onGroup, stop }: StoreSurroundings,
): Promise<OpenedStore> {
  const origin = `florin/${instance}/${encodeBase32(logPub).slice(0, 16)}`;
  const now = (): number => clock.nowUs();
  const onReport = (report: StoreReport): void => {
    log[report.kind === 'scrubbed' ? 'info' : 'warn']({ report }, 'the event store reports');
    if (report.kind === 'damaged') stop('the ledger is damaged');
  };
  const heads = { folder, origin, logPub, signHead, onReport };
  if (configured === 'embedded') {
    return { store: await openSqliteStore({ ...heads, now, onGroup }), origin, leases: soleHolder };
  }
  const opened = openEsdbStore(configured, {
    instance,
    now,
    heads,
    onDamage: ({ message }) => onReport({ kind: 'damaged', message }),
    // What other nodes wrote: a clock that lies before it is suspect.
    onUnit: ({ events }) => clock.observeEvent(events.at(-1)?.writtenAtUs ?? 0),
  });
  const store = await told(opened);
  const { version, isSecure } = store.server;
  log[isSecure ? 'info' : 'warn']({ version, isSecure, instance }, 'the ledger is kept on EventStoreDB');
  return { store, origin, leases: store.leases() };
}

/** What somebody has to change, as ConfigError. */
function told<Opened>(opening: Promise<Opened>): Promise<Opened> {
  return opening.catch((error: unknown) => {
    if (error instanceof StoreMisconfigured) throw new ConfigError(`store: ${error.message}`);
    if (error instanceof RangeError) throw new ConfigError(error.message);
    throw error;
  });
}
