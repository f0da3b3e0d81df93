/** Runs the exchange as it ships, in a process of its own, on free ports and a data folder of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse, stringify } from 'yaml';
import { type ConfiguredStore, configuredStore, TEST_SERVER } from './configured-store.js';
import { lastingPort } from './ports.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const PROGRAM = join(ROOT, 'apps/exchange/dist/main.js');
const DEVELOPMENT_CONFIG = join(ROOT, 'apps/exchange/config/development.yaml');
/** As `npm start` has them: a small nursery, few arenas of the allocator. */
const START_ARGUMENTS = ['--max-semi-space-size=4'];
const START_ENVIRONMENT = { MALLOC_ARENA_MAX: '2' };
/** Also on a busy machine with the store of others on it. */
const START_MS = 300_000;

/** The development configuration as YAML reads it; tests change whatever they need. */
// biome-ignore lint/suspicious/noExplicitAny: its shape is what the exchange itself checks
export type Settings = Record<string, any>;

export interface ExchangeOptions {
  /** Changes the development configuration before the start. */
  readonly configure?: (settings: Settings) => void;
  /** A data folder of an earlier run, which goes on with its store; a new one by default. */
  readonly data?: string;
  /** Keeps its ledger on the server that FLORIN_TEST_EVENTSTORE names, where it names one. */
  readonly onTestServer?: boolean;
  /** Ports of an earlier run, so that URLs stay the same. */
  readonly ports?: { readonly exchange: number; readonly bank: number };
  readonly env?: Readonly<Record<string, string>>;
  /** Hears what it logs, also before it is ready. */
  readonly onLog?: (text: string) => unknown;
  /** For Node itself, as `--cpu-prof`. */
  readonly nodeArguments?: readonly string[];
}

/** What a running exchange writes into `run.json`. */
interface RunFile {
  readonly exchange: string;
  readonly admin: string;
  readonly adminCredential: string;
  readonly auditorCredential: string;
  readonly metricsCredential: string;
  readonly bank?: string;
  readonly ports: { readonly exchange: number; readonly admin: number; readonly bank?: number };
}

export interface RunningExchange {
  /** Each ends in `/`. */
  readonly baseUrl: string;
  /** Empty without a development bank. */
  readonly bankUrl: string;
  readonly adminUrl: string;
  readonly adminCredential: string;
  readonly auditorCredential: string;
  readonly metricsCredential: string;
  readonly data: string;
  /** What the names of its streams begin with, before the dot. */
  readonly instance: string;
  readonly ports: { readonly exchange: number; readonly bank: number };
  readonly process: ChildProcess;
  /** What it logged so far. */
  log(): string;
  /** SIGTERM, and waits for the end. @returns the exit code */
  stop(): Promise<number | null>;
  /** kill -9, and waits for the end. */
  kill(): Promise<void>;
  /** Removes the data folder. */
  remove(): void;
}

/** Small keys and few of them, so that tests start quickly; the shape of the configuration is the shipped one. */
export function smallKeys(settings: Settings): void {
  settings.denominations = settings.denominations.map((denomination: Record<string, unknown>) => ({
    ...denomination,
    ...(denomination.cipher === 'RSA' ? { bits: 1024 } : {}),
  }));
  settings.keySchedule.lookahead = '1 day';
}

/** @throws Error with the log when it does not become ready */
export async function startExchange(options: ExchangeOptions = {}): Promise<RunningExchange> {
  const data = options.data ?? mkdtempSync(join(tmpdir(), 'florin-test-'));
  const settings = parse(readFileSync(DEVELOPMENT_CONFIG, 'utf8'), { merge: true }) as Settings;
  (options.configure ?? smallKeys)(settings);
  const configFile = join(data, 'config.yaml');
  Object.assign(settings, storeOf(data, options));
  writeFileSync(configFile, stringify(settings));

  const child = spawn(process.execPath, [...START_ARGUMENTS, ...(options.nodeArguments ?? []), PROGRAM], {
    env: {
      ...process.env,
      ...START_ENVIRONMENT,
      FLORIN_CONFIG: configFile,
      FLORIN_DATA: data,
      FLORIN_PORT: String(options.ports?.exchange ?? (await lastingPort())),
      FLORIN_ADMIN_PORT: String(await lastingPort()),
      FLORIN_BANK_PORT: String(options.ports?.bank ?? (await lastingPort())),
      ...options.env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  let logged = '';
  child.stderr.on('data', (chunk: Buffer) => {
    logged += chunk.toString();
    options.onLog?.(chunk.toString());
  });
  // Its signers write to the same pipe: once that is closed they have ended, too, and all that was logged is read.
  const ended = new Promise<number | null>((resolve) => child.on('close', (code) => resolve(code)));
  await new Promise<void>((resolve, reject) => {
    const failed = (why: string): void => reject(new Error(`the exchange ${why}:\n${output}${logged}`));
    const timer = setTimeout(() => failed('did not become ready'), START_MS);
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      if (/^ready /m.test(output)) resolve();
    });
    void ended.then((code) => failed(`ended with ${code}`)).finally(() => clearTimeout(timer));
  }).catch((error: unknown) => {
    child.kill('SIGKILL'); // whoever gave up on it has no means to end it
    throw error;
  });

  const run = JSON.parse(readFileSync(join(data, 'run.json'), 'utf8')) as RunFile;
  return {
    baseUrl: run.exchange,
    bankUrl: run.bank ?? '',
    adminUrl: run.admin,
    adminCredential: readFileSync(run.adminCredential, 'utf8').trim(),
    auditorCredential: readFileSync(run.auditorCredential, 'utf8').trim(),
    metricsCredential: readFileSync(run.metricsCredential, 'utf8').trim(),
    data,
    instance: settings.instance,
    ports: { exchange: run.ports.exchange, bank: run.ports.bank ?? 0 },
    process: child,
    log: () => logged,
    stop: async () => {
      child.kill('SIGTERM');
      return ended;
    },
    kill: async () => {
      child.kill('SIGKILL');
      await ended;
    },
    remove: () => rmSync(data, { recursive: true, force: true }),
  };
}

/** Of an earlier run, or where tests may have a ledger of their own; nothing is the embedded store. */
function storeOf(data: string, { onTestServer }: ExchangeOptions): ConfiguredStore | object {
  if (existsSync(join(data, 'config.yaml'))) {
    const configured = configuredStore(data);
    return configured.store === undefined ? {} : configured;
  }
  const store = onTestServer ? TEST_SERVER : undefined;
  return store === undefined ? {} : { store, instance: `t${randomBytes(8).toString('hex')}` };
}

/** An ordinary bank transfer to a reserve at the development bank. */
export async function fundReserve(
  { bankUrl }: { readonly bankUrl: string },
  reservePub: string,
  amount: string,
  debitAccount = 'payto://x-taler-bank/localhost/alice?receiver-name=Alice',
): Promise<void> {
  const reply = await fetch(`${bankUrl}accounts/exchange/taler-wire-gateway/admin/add-incoming`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ amount, reserve_pub: reservePub, debit_account: debitAccount }),
  });
  if (reply.status !== 200) throw new Error(`the bank answered ${reply.status}: ${await reply.text()}`);
}
