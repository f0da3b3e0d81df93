/**
 * `npm run bench -- --store`: the same work on the embedded store and on EventStoreDB, without HTTP and signatures. The
 * server is the one that FLORIN_TEST_EVENTSTORE names, or the stand-in for tests, in a process of its own: its figures
 * say what the adapter costs, not what a server does.
 */
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  copyLedger,
  type EsdbStore,
  NO_EVENTS,
  openEsdbStore,
  openSqliteStore,
  type SqliteStore,
  START,
  type StreamAppend,
} from '@florin/event-store';
import { serverProcess } from '../support/eventstoredb/stand-in-process.js';
import { appendRatio, describedRatio } from './append-ratio.js';

interface Benched {
  readonly store: SqliteStore | EsdbStore;
  readonly instance: string;
}

interface StoreRow {
  readonly work: string;
  readonly embedded: StoreFigure;
  readonly eventStoreDb: StoreFigure;
}

interface StoreFigure {
  readonly perSecond: number;
  /** Of one piece of work; not where all of it is one. */
  readonly p50Ms?: number;
}

const DATA = { text: 'x'.repeat(300) };
const CONCURRENT = 64;

/** Prints a table, or with `--json` one object. */
export async function benchStores(json: boolean): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'florin-bench-'));
  const server = await serverProcess();
  const [own, other] = [newInstance(), newInstance()];
  const embedded = { store: await openFolder(join(folder, 'one')), instance: own };
  const eventStoreDb = { store: await openServer(server.connectionString, other), instance: other };
  try {
    const oneStream = await appendRatio({
      store: eventStoreDb.store,
      connectionString: server.connectionString,
      streamName: () => streamName(other, 'reserve'),
      data: DATA,
    });
    if (!json) console.log(`${server.name}: ${describedRatio(oneStream)}`);
    const rows: StoreRow[] = [];
    for (const [work, measure] of Object.entries(WORK)) {
      const row = { work, embedded: await measure(embedded), eventStoreDb: await measure(eventStoreDb) };
      rows.push(row);
      if (!json)
        console.log(`${work}: embedded ${described(row.embedded)}; ${server.name} ${described(row.eventStoreDb)}`);
    }
    const copy = await benchCopy(embedded, server.connectionString, join(folder, 'two'));
    if (json) console.log(JSON.stringify({ server: server.name, oneStream, rows, copy }, null, 2));
    else {
      console.log(`copy of ${copy.events} events, compared and read back: to ${server.name} ${copy.there} events/s,`);
      console.log(`back to the embedded store ${copy.back} events/s`);
    }
  } finally {
    await embedded.store.close();
    await eventStoreDb.store.close();
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

const WORK: Readonly<Record<string, (benched: Benched) => Promise<StoreFigure>>> = {
  'one event, one at a time': (benched) => committing(benched, { streams: 1, units: 300, atATime: 1 }),
  'one event, 64 at a time': (benched) => committing(benched, { streams: 1, units: 3_000, atATime: CONCURRENT }),
  'units on 2 streams (a withdrawal with a nonce), 64 at a time': (benched) =>
    committing(benched, { streams: 2, units: 1_500, atATime: CONCURRENT }),
  'units on 9 streams (a purse of 8 coins), 64 at a time': (benched) =>
    committing(benched, { streams: 9, units: 300, atATime: CONCURRENT }),
  'reading a stream of one event, 64 at a time': async ({ store, instance }) => {
    const name = streamName(instance, 'reserve');
    await store.commit([append(name)]);
    return timed(2_000, CONCURRENT, async () => void (await store.readStream(name)));
  },
  'reading the whole ledger, in events': async ({ store }) => {
    const begun = performance.now();
    let events = 0;
    for await (const unit of store.readAll(START)) events += unit.events.length;
    return { perSecond: rate(events, begun) };
  },
};

interface Committing {
  readonly streams: number;
  readonly units: number;
  readonly atATime: number;
}

const committing = ({ store, instance }: Benched, { streams, units, atATime }: Committing): Promise<StoreFigure> =>
  timed(units, atATime, async () => {
    const coins = Array.from({ length: streams - 1 }, () => append(streamName(instance, 'coin')));
    await store.commit([...coins, append(streamName(instance, 'reserve'))]);
  });

async function timed(count: number, atATime: number, work: () => Promise<void>): Promise<StoreFigure> {
  const times: number[] = [];
  const begun = performance.now();
  let left = count;
  const worker = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      const at = performance.now();
      await work();
      times.push(performance.now() - at);
    }
  };
  await Promise.all(Array.from({ length: atATime }, worker));
  const p50Ms = times.sort((a, b) => a - b)[times.length >> 1] ?? 0;
  return { perSecond: rate(count, begun), p50Ms };
}

async function benchCopy({ store: source, instance }: Benched, connectionString: string, folder: string) {
  const [target, back] = [await openServer(connectionString, instance), await openFolder(folder)];
  try {
    let begun = performance.now();
    const { events } = await copyLedger(source, target);
    const there = rate(events, begun);
    begun = performance.now();
    await copyLedger(target, back, { atATime: 512 });
    return { events, there, back: rate(events, begun) };
  } finally {
    await target.close();
    await back.close();
  }
}

function openFolder(folder: string): Promise<SqliteStore> {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  return openSqliteStore({
    folder,
    origin: 'bench/bench',
    logPub: new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }).subarray(-32)),
    signHead: async (text) => sign(null, text, privateKey),
    now: () => Date.now() * 1_000,
    onReport: (report) => console.error(JSON.stringify(report)),
  });
}

const openServer = (connectionString: string, instance: string): Promise<EsdbStore> =>
  openEsdbStore(connectionString, {
    instance,
    now: () => Date.now() * 1_000,
    onDamage: ({ message }) => console.error(message),
  });

const newInstance = (): string => `b${randomBytes(8).toString('hex')}`;

const streamName = (instance: string, category: string): string =>
  `${instance}.${category}-${randomBytes(16).toString('hex')}`;

const append = (stream: string): StreamAppend => ({
  stream,
  expected: NO_EVENTS,
  events: [{ type: 'Benched', version: 1, data: DATA }],
});

const rate = (count: number, begunMs: number): number => Math.round(count / ((performance.now() - begunMs) / 1_000));

const described = ({ perSecond, p50Ms }: StoreFigure): string =>
  `${perSecond}/s${p50Ms === undefined ? '' : `, p50 ${p50Ms.toFixed(1)} ms`}`;
