import { parseArgs } from 'node:util';
import { controlHelp, controlPort, startControl } from './control.js';
import { playFile } from './play.js';
import { StandIn } from './stand-in.js';

const help = `npm run stand-in -- [options]

A stand-in for EventStoreDB 22.10, for tests. It speaks the gRPC protocol, so that the real client library works with
it, and it can be told to fail. It is test support, no database: do not keep anything in it that you need.

  --port P            port of the (first) node; default 2113
  --host H            address to listen on; default 127.0.0.1
  --cluster           three nodes on P, P + 1 and P + 2
  --tls               TLS with a certificate made at the start, users admin and ops, password changeit
  --closed            with --tls: strangers may neither read nor write streams
  --folder F          keeps the events in F/events.jsonl and has them again after a restart
  --control-port C    HTTP port for switching faults on and off (0 takes any free one)
  --server-version V  22.10 or 23.10; default 22.10
  --seed N            seed of what happens by chance
  --play FILE         plays recorded sequences and ends; exit code 1 if an answer differs
  --server S          with --play: against this server, by its connection string, instead of a stand-in
  --help              this text

The first line it prints is its connection string. On the control port:

${controlHelp}`;

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '2113' },
    host: { type: 'string', default: '127.0.0.1' },
    cluster: { type: 'boolean', default: false },
    tls: { type: 'boolean', default: false },
    closed: { type: 'boolean', default: false },
    folder: { type: 'string' },
    'control-port': { type: 'string' },
    'server-version': { type: 'string', default: '22.10' },
    seed: { type: 'string', default: '1' },
    play: { type: 'string' },
    server: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) console.log(help);
else if (values.play !== undefined) await play(values.play);
else await serve();

function start(port: number): Promise<StandIn> {
  const { host, tls, folder, cluster, closed, seed } = values;
  const version = values['server-version'];
  if (version !== '22.10' && version !== '23.10') throw new RangeError(`--server-version ${version}: 22.10 or 23.10`);
  return StandIn.start({
    version,
    host,
    port,
    tls,
    nodes: cluster ? 3 : 1,
    seed: numberOf('seed', seed),
    access: closed ? 'closed' : 'default',
    ...(folder === undefined ? {} : { folder }),
  });
}

async function play(file: string): Promise<void> {
  const standIn = values.server === undefined ? await start(0) : undefined;
  const different = await playFile(file, values.server ?? standIn?.connectionString ?? '');
  await standIn?.close();
  process.exitCode = different === 0 ? 0 : 1;
}

async function serve(): Promise<void> {
  const standIn = await start(numberOf('port', values.port));
  const { host } = values;
  console.log(standIn.connectionString);
  console.log('This is test support, not EventStoreDB.');
  const wanted = values['control-port'] === undefined ? undefined : numberOf('control-port', values['control-port']);
  const control = wanted === undefined ? undefined : await startControl(standIn, wanted, host);
  if (control !== undefined) console.log(`Faults: http://${host}:${controlPort(control)}/`);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      control?.close();
      control?.closeAllConnections();
      void standIn.close();
    });
  }
}

function numberOf(option: string, text: string): number {
  if (!/^\d+$/.test(text)) throw new RangeError(`--${option} takes a number, not ${text}`);
  return Number(text);
}
