/** Makes what the HTTP service stands on, in the order that the architecture gives, and takes it down again. */
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { DamagedStore, type EsdbStore, type EventStore, Ledger, type SqliteStore, START } from '@florin/event-store';
import { Views } from '@florin/projections';
import { AccountVault, KeyFolder, LOG_KEY, Signers, Verifiers } from '@florin/signing';
import { type DevelopmentBank, OtherCurrency, startDevelopmentBank } from '@florin/wire';
import type { Settings } from './config/config.js';
import { ConfigError } from './config/reader.js';
import type { Foundation } from './exchange.module.js';
import { type BeginningOfLedger, checkTerms } from './keys/master-terms.js';
import { isBegunElsewhere, openStore } from './open-store.js';
import { Metrics } from './operating/metrics.js';
import { SystemClock } from './runtime/clock.js';
import type { StorePatience } from './runtime/store-patience.js';
import type { Config, Log } from './runtime/tokens.js';
import { goneBack, keepHeads } from './transparency/kept-head.js';
import { publishLog } from './transparency/publish-log.js';

export interface RunningFoundation extends Foundation {
  readonly store: SqliteStore | EsdbStore;
  readonly bank: DevelopmentBank | undefined;
  /** Ties the key folder to this ledger; called once the ledger holds its first events. */
  markLedger(): Promise<void>;
  /** Looks over the whole ledger for rot, gently, now and every day. Damage ends the service. */
  scrubRegularly(): void;
  close(): Promise<void>;
}

/**
 * @param settings with the ports that are really used
 * @param patience with a store that is away
 * @param stop called when the process must not go on: the disk failed, the views stand still, the ledger is damaged
 */
export async function layFoundation(
  settings: Settings & { readonly baseUrl: string; readonly keys: string },
  log: Log,
  patience: StorePatience,
  stop: (reason: string) => void,
): Promise<RunningFoundation> {
  const undo: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (const step of undo.reverse()) await step();
  };
  try {
    const bank = settings.developmentBank && (await startBank(settings));
    if (bank) undo.push(() => bank.close());
    const config = bank ? withBank(settings, bank) : settings;

    const onTrouble = (what: string): void => log.warn({ what }, 'a helper process ended and was replaced');
    const folder = await KeyFolder.open(config.keys, { development: config.mode === 'development' });
    const signers = await Signers.start({ folder, processes: config.signers ?? availableParallelism(), onTrouble });
    undo.push(() => signers.close());
    await signers.load(await folder.keyNames());
    const verifiers = new Verifiers({ onTrouble, inlineMax: INLINE_VERIFICATIONS_MAX });
    undo.push(async () => verifiers.close());

    await patience.until(() => checkKeysOfLedger(config, folder));
    const clock = new SystemClock();
    const metrics = new Metrics();
    metrics.observeProcess();
    const { pub: logPub } = await signers.generate({ kind: 'log' });
    const { store, origin, leases } = await patience.until(() =>
      openStore(config, {
        log,
        clock,
        logPub,
        signHead: (head) => signers.signHead(head),
        onGroup: (units) => metrics.groupUnits.observe(units),
        stop,
      }),
    );
    undo.push(() => store.close());
    await patience.until(() => checkOwnership(folder, store, origin));
    await patience.until(() => checkBeginning(config, store));
    if ('consistencyProof' in store) {
      const backwards = await goneBack(folder, store);
      if (backwards !== undefined) throw new ConfigError(backwards);
      undo.push(keepHeads(folder, store, log));
    }
    await patience.until(() => observeLastEvent(clock, store));
    const views = await patience.until(() =>
      Views.start(store, {
        path: join(config.data, 'views.db'),
        currency: config.currency,
        onFault: (error) => stop(error.message),
        onNotice: (notice) => log.warn({ notice }, 'the read models report'),
      }),
    );
    undo.push(() => views.close());
    const vault = new AccountVault(folder);
    const ledger = new Ledger(store, {
      since: await patience.until(() => store.lastPosition()),
      onCommit: (outcome, ms) => metrics.committed(outcome, ms),
      patienceMs: QUEUE_PATIENCE_MS,
    });
    const publishedLog = publishLog(store, {
      origin,
      logPub,
      data: config.data,
      onFault: ({ message }) => log.error({ reason: message }, 'the tree of this node does not follow the ledger'),
    });
    undo.push(() => publishedLog.close());
    const markLedger = (): Promise<void> => folder.markLedger(origin);
    const scrubbing = new AbortController();
    undo.push(async () => scrubbing.abort());
    const scrubRegularly = (): void => {
      const { signal } = scrubbing;
      const round = (): void => {
        store.scrub({ signal }).catch((error: Error) => {
          const what = error instanceof DamagedStore ? 'the scrub found damage' : 'the scrub could not be finished';
          log.error({ reason: error.message }, what);
        });
      };
      round();
      const daily = setInterval(round, DAY_MS);
      daily.unref();
      signal.addEventListener('abort', () => clearInterval(daily));
    };
    return {
      config,
      log,
      clock,
      store,
      views,
      signers,
      verifiers,
      vault,
      ledger,
      leases,
      publishedLog,
      metrics,
      bank,
      markLedger,
      scrubRegularly,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** A usual batch is verified in less time than it takes to hand it over twice. */
const INLINE_VERIFICATIONS_MAX = 8;

/** As long as a commit waits: while the store is away, those who queue for one stream are told so together. */
const QUEUE_PATIENCE_MS = 15_000;

const DAY_MS = 86_400_000;

/** A node whose key folder is not mounted would make keys of its own for a ledger that has others. */
async function checkKeysOfLedger(settings: Settings, folder: KeyFolder): Promise<void> {
  const hasLogKey = async (): Promise<boolean> => (await folder.keyNames()).includes(LOG_KEY);
  // Looked at once more behind the ledger: another node may begin both meanwhile, the key first.
  if ((await hasLogKey()) || !(await isBegunElsewhere(settings)) || (await hasLogKey())) return;
  throw new ConfigError(
    `the key folder ${folder.path} has no log key, but the event store holds a ledger of the instance ` +
      `${settings.instance}; mount the key folder that all its nodes share`,
  );
}

/** Keys that served another ledger must not begin a new one: its coins could be spent in both. */
async function checkOwnership(folder: KeyFolder, store: EventStore, origin: string): Promise<void> {
  const owner = await folder.ledgerOf();
  if (owner === undefined) return;
  if ((await store.lastPosition()) === START) {
    throw new ConfigError(
      `the key folder ${folder.path} belongs to the ledger ${owner}, but the event store holds none of it; ` +
        'restore the ledger, or begin anew with an empty key folder',
    );
  }
  if (owner !== origin) {
    throw new ConfigError(`the key folder ${folder.path} belongs to the ledger ${owner}, not to ${origin}`);
  }
}

/** Every node has to be of the ledger's currency, not only the one that writes what the configuration says. */
async function checkBeginning({ instance, ...config }: Config, store: EventStore): Promise<void> {
  const { events } = await store.readStream(`${instance}.keys`, { limit: 1 });
  const terms = events[0]?.data as BeginningOfLedger | undefined;
  if (terms) checkTerms(terms, config);
}

/** A clock that lies before the last event is suspect from the start. */
async function observeLastEvent(clock: SystemClock, store: SqliteStore | EsdbStore): Promise<void> {
  const lastUs = await store.lastWrittenAtUs();
  if (lastUs !== undefined) clock.observeEvent(lastUs);
}

function startBank(settings: Settings): Promise<DevelopmentBank> {
  const { developmentBank, currency, data } = settings;
  return startDevelopmentBank({
    folder: join(data, 'bank'),
    port: developmentBank?.port ?? 0,
    currency,
    exchangeAccount: developmentBank?.account ?? 'exchange',
  }).catch((error: unknown) => {
    if (error instanceof OtherCurrency) throw new ConfigError(`currency: ${error.message}`);
    throw error;
  });
}

/** Wire accounts without a bank of their own are accounts of the development bank. */
const withBank = <S extends Config>(settings: S, bank: DevelopmentBank): S => ({
  ...settings,
  wireAccounts: settings.wireAccounts.map((account) => ({
    ...account,
    payto: account.payto ?? bank.exchangePayto,
    gateway: account.gateway ?? bank.gatewayUrl,
  })),
});
