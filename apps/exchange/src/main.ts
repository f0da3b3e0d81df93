/** Starts the exchange: configuration, foundation, HTTP, jobs; and stops it in the opposite order. */
import 'reflect-metadata';
import { chmodSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { makeFolder } from '@florin/event-store';
import { pino } from 'pino';
import { startAdmin } from './admin/admin.server.js';
import { checkStopped } from './admin/stopped.js';
import { readConfig, type Settings } from './config/config.js';
import { layFoundation, type RunningFoundation } from './foundation.js';
import { createHttpService } from './http/service.js';
import { Jobs } from './runtime/jobs.js';
import { KeyRing } from './runtime/key-ring.js';
import { StorePatience } from './runtime/store-patience.js';
import { EXIT_FAULT, startFailure } from './start-failure.js';

const DEVELOPMENT_CONFIG = join(dirname(fileURLToPath(import.meta.url)), '../config/development.yaml');
/** For the commands to try: a key whose owner nobody is. */
const SAMPLE_RESERVE = '4Y7ANEYXW7M5ZHGJ91WX2W9F8HTJFFP9YJXY5VS288N2Z2NA43PG';
const SAMPLE_ACCOUNT = 'payto://x-taler-bank/localhost/alice?receiver-name=Alice';
/**
 * Memory is collected when it has grown by this much since the last time. The engine's own choice is to let a small
 * heap grow several times over, which is a good bargain for a program alone on its machine, not for one of several.
 */
const HEAP_GROWING_PERCENT = 20;
const CLOSE_GRACE_MS = 10_000;

/** Once it is known: what fails at the start may name it. */
let dataFolder: string | undefined;

async function main(): Promise<void> {
  setFlagsFromString(`--heap-growing-percent=${HEAP_GROWING_PERCENT}`);
  process.umask(0o077); // ledger, views and keys are the owner's alone, wherever the data folder lies
  const configured = () => readConfig(resolve(process.env.FLORIN_CONFIG || DEVELOPMENT_CONFIG), process.env);
  if (process.argv.includes('--check')) {
    process.stdout.write(`${JSON.stringify(await checkStopped(configured))}\n`, () => process.exit());
    return;
  }
  const settings = configured();
  dataFolder = settings.data;
  const destination = pino.destination({ fd: 2, sync: false });
  destination.on('error', () => undefined); // a log that lies on a full disk must not end what goes on without it
  const log = pino({ level: settings.logLevel }, destination);
  makeFolder(settings.data);
  const runFile = join(settings.data, 'run.json');

  const held = settings.port ? undefined : await holdPort(settings.host);
  const heldForAdmin = settings.adminPort ? undefined : await holdPort(settings.adminHost);
  const port = held?.port ?? settings.port;
  const adminPort = heldForAdmin?.port ?? settings.adminPort;
  const baseUrl = settings.baseUrl ?? `http://${settings.host}:${port}/`;
  let closing: Promise<void> | undefined;
  const stops: (readonly [string, () => Promise<unknown>])[] = [];
  const shutDown = (code: number): Promise<void> => {
    closing ??= (async () => {
      for (const [name, stop] of stops.reverse()) {
        log.debug({ name }, 'stopping');
        await stop();
      }
      process.exit(code);
    })();
    return closing;
  };
  const fail = (reason: string): void => {
    log.fatal({ reason }, 'the exchange stops');
    void shutDown(EXIT_FAULT);
    setTimeout(() => process.exit(EXIT_FAULT), 10_000).unref();
  };

  const patience = new StorePatience(log, settings.storePatience);
  const foundation = await layFoundation({ ...settings, baseUrl, port, adminPort }, log, patience, fail);
  stops.push(['foundation', () => foundation.close()]);
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void shutDown(0));
  process.on('unhandledRejection', (error) => log.error({ error }, 'a promise failed and nobody looked'));

  const app = await createHttpService(foundation);
  await app.init();
  stops.push([
    'http service',
    async () => {
      // What is being answered is finished; a connection on which nothing comes must not hold up the end.
      const grace = setTimeout(() => app.getHttpServer().closeAllConnections(), CLOSE_GRACE_MS);
      await app.close();
      clearTimeout(grace);
    },
  ]);
  await patience.until(() => app.get(KeyRing).start());
  await app.get(Jobs).startKeys(patience);
  await foundation.markLedger();
  app.get(Jobs).start();
  foundation.scrubRegularly();
  await heldForAdmin?.letGo();
  const admin = await startAdmin(app, foundation);
  stops.push(['admin port', () => admin.close()]);
  await held?.letGo();
  await app.listen(port, settings.host);

  const { bank } = foundation;
  const run = {
    pid: process.pid,
    exchange: baseUrl,
    admin: `http://${settings.adminHost}:${adminPort}/`,
    adminCredential: admin.credentialFile,
    metricsCredential: admin.metricsCredentialFile,
    auditorCredential: join(settings.data, 'auditor-credential'),
    ...(bank && { bank: bank.url }),
    ports: { exchange: port, admin: adminPort, ...(bank && { bank: bank.port }) },
  };
  writeFileSync(runFile, `${JSON.stringify(run, null, 2)}\n`, { mode: 0o600 });
  chmodSync(runFile, 0o600);
  stops.push(['run file', async () => rmSync(runFile, { force: true })]);
  if (settings.mode === 'development') welcome(settings, foundation, baseUrl);
  console.log(`ready http://${settings.host}:${port}/`);
}

function welcome({ data, currency }: Settings, { bank }: RunningFoundation, baseUrl: string): void {
  const gateway = bank?.gatewayUrl;
  console.log(`
Florin, an exchange for GNU Taler e-cash, in DEVELOPMENT MODE:
the master key lies beside the data in ${data}. No real money!

  exchange          ${baseUrl}          development bank  ${bank?.url ?? '(none)'}

Try, in another terminal:
  npm run demo                                  # the whole story: fund, withdraw, close
  curl ${baseUrl}keys                           # what the exchange offers, signed
  curl ${baseUrl}config${
    gateway &&
    `
  curl -X POST ${gateway}admin/add-incoming -H 'Content-Type: application/json' \\
    -d '{"amount":"${currency}:10","reserve_pub":"${SAMPLE_RESERVE}","debit_account":"${SAMPLE_ACCOUNT}"}'
  curl '${baseUrl}reserves/${SAMPLE_RESERVE}?timeout_ms=5000'`
  }
`);
}

interface HeldPort {
  readonly port: number;
  /** Gives it up, for who listens on it at once. */
  letGo(): Promise<void>;
}

/**
 * A free port, whose number goes into what is signed and shown long before requests are answered on it. Until then it
 * is kept: a start takes seconds, in which somebody else would be given it.
 */
function holdPort(host: string): Promise<HeldPort> {
  return new Promise((resolveHeld, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.on('error', reject);
    server.listen(0, host, () => {
      const { port } = server.address() as AddressInfo;
      resolveHeld({ port, letGo: () => new Promise((closed) => server.close(() => closed())) });
    });
  });
}

main().catch((error: unknown) => {
  const failure = startFailure(error, dataFolder);
  console.error(failure ? `florin: ${failure.sentence}` : error);
  process.exit(failure?.code ?? EXIT_FAULT);
});
