import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { encodeBase32 } from '@florin/encoding';
import {
  type CommittedUnit,
  copyLedger,
  eventLeaf,
  Frontier,
  LedgersDiffer,
  openSqliteStore,
  type SqliteStore,
  START,
  type StreamAppend,
} from '@florin/event-store';
import { KeyFolder, Signers } from '@florin/signing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type TestServer, testServer } from '../support/eventstoredb/test-server.js';
import { all, freshInstance, noted, openLedger, unitOn } from './tools.js';

const ADMIN = fileURLToPath(new URL('../../../apps/admin/dist/main.js', import.meta.url));

describe('a ledger', () => {
  const instance = freshInstance();
  const folders: string[] = [];
  let server: TestServer;
  let keys: string;
  let signers: Signers;
  let logPub: Uint8Array;
  let units: CommittedUnit[];
  let root: string;

  const newFolder = (): string => {
    const folder = mkdtempSync(join(tmpdir(), 'florin-copy-'));
    folders.push(folder);
    return folder;
  };
  const openFolder = (folder: string): Promise<SqliteStore> =>
    openSqliteStore({
      folder,
      origin: `florin/${instance}/${encodeBase32(logPub).slice(0, 16)}`,
      logPub,
      signHead: (text) => signers.signHead(text),
      now: () => Date.now() * 1_000,
      onReport: (report) => expect.fail(JSON.stringify(report)),
    });
  // However busy the machine is.
  const unhurried = { callTimeoutMs: 10_000, leaseMs: 5_000, commitTimeoutMs: 60_000 };
  const openServer = () => openLedger(server.connectionString, { instance, ...unhurried });

  beforeAll(async () => {
    server = await testServer();
    keys = join(newFolder(), 'keys');
    signers = await Signers.start({ folder: await KeyFolder.open(keys, { development: true }), processes: 1 });
    logPub = (await signers.generate({ kind: 'log' })).pub;

    // Single appends, units of several streams, streams that go on, several events at once.
    const folder = newFolder();
    const store = await openFolder(folder);
    const stream = (name: string): string => `${instance}.${name}`;
    const standing = new Map<string, StreamAppend['expected']>();
    const commit = async (unit: StreamAppend[]): Promise<void> => {
      const going = unit.map((append) => ({ ...append, expected: standing.get(append.stream) ?? append.expected }));
      for (const [name, revision] of (await store.commit(going)).revisions) standing.set(name, revision);
    };
    for (let i = 0; i < 120; i++) {
      await commit(unitOn([stream(`coin-${i}`), stream(`purse-${i % 7}`), stream(`reserve-${i % 5}`)], `${i}`));
      const [one] = unitOn([stream('keys')], `${i}`) as [StreamAppend];
      await commit([{ ...one, events: [...one.events, ...one.events] }]);
    }
    units = await all(store.readAll(START));
    const tree = Frontier.empty();
    for (const { events } of units) for (const event of events) tree.append(eventLeaf(event));
    root = Buffer.from(tree.root()).toString('base64');
    await store.close();
    folders.unshift(folder);
  });
  afterAll(async () => {
    await signers?.close();
    await server?.close();
    for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  });

  interface Ran {
    readonly code: number | null;
    readonly out: string;
    readonly err: string;
  }

  async function admin(...args: string[]): Promise<Ran> {
    const child = spawn(process.execPath, [ADMIN, '--json', ...args, '--instance', instance, '--keys', keys], {
      env: { ...process.env, FLORIN_STORE: server.connectionString },
    });
    const texts: { out: Buffer[]; err: Buffer[] } = { out: [], err: [] };
    child.stdout.on('data', (chunk: Buffer) => texts.out.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => texts.err.push(chunk));
    const [code] = (await once(child, 'close')) as [number | null];
    return { code, out: Buffer.concat(texts.out).toString(), err: Buffer.concat(texts.err).toString() };
  }

  const plain = (list: readonly CommittedUnit[]) =>
    list.map(({ events }) => events.map(({ position: _, ...event }) => event));

  test('is copied to EventStoreDB in pieces that break off, and is the same there', async () => {
    const { store } = await openServer();
    const source = await openFolder(folders[0] ?? '');
    const stopping = new AbortController();
    let imported = 0;
    const slowly = {
      readAll: (after: Parameters<typeof store.readAll>[0]) => store.readAll(after),
      importUnit: (unit: CommittedUnit) => {
        imported += 1;
        if (imported === 50) stopping.abort(new Error('enough for now'));
        return store.importUnit(unit);
      },
    };
    await expect(copyLedger(source, slowly, { signal: stopping.signal })).rejects.toThrow('enough for now');
    await source.close();
    expect((await all(store.readAll(START))).length).toBe(50);
    await store.close();

    const ran = await admin('--data', folders[0] ?? '', 'ledger', 'copy', '--to-store');
    expect(ran, ran.err).toMatchObject({ code: 0 });
    const events = units.flatMap((unit) => unit.events).length;
    const before = units.slice(0, 50).flatMap((unit) => unit.events).length;
    expect(JSON.parse(ran.out)).toEqual({ events, copied: events - before, root });
    const copy = await openServer();
    expect(plain(await all(copy.store.readAll(START)))).toEqual(plain(units));
    await copy.store.close();
    const again = await admin('--data', folders[0] ?? '', 'ledger', 'copy', '--to-store');
    expect(JSON.parse(again.out)).toEqual({ events, copied: 0, root });
  });

  test('comes back from EventStoreDB as it went', async () => {
    const data = newFolder();
    const ran = await admin('--data', data, 'ledger', 'copy', '--from-store');
    expect(ran, ran.err).toMatchObject({ code: 0 });
    expect(JSON.parse(ran.out)).toMatchObject({ root });
    const back = await openFolder(data);
    expect(await all(back.readAll(START))).toEqual(units);
    expect(Buffer.from(back.head().root).toString('base64')).toBe(root);
    await back.close();
  });

  test('is not mixed with another one', async () => {
    const folder = newFolder();
    const other = await openFolder(folder);
    await other.commit(unitOn([`${instance}.keys`], 'another ledger'));
    const { store } = await openServer();
    await expect(copyLedger(store, other)).rejects.toBeInstanceOf(LedgersDiffer);
    await expect(copyLedger(other, store)).rejects.toBeInstanceOf(LedgersDiffer);
    await other.close();
    await store.close();
    const ran = await admin('--data', folder, 'ledger', 'copy', '--to-store');
    expect(ran.code).toBe(1);
    expect(ran.err).toMatch(/^admin: the target holds another unit at index 0/m);
    expect(readFileSync(join(folder, 'events.db')).length).toBeGreaterThan(0);
  });

  test('that goes on while it is copied is noticed', async () => {
    const [{ store, stream }, source] = [
      await openLedger(server.connectionString, unhurried),
      await openFolder(folders[0] ?? ''),
    ];
    const meddling = {
      readAll: (after: Parameters<typeof store.readAll>[0]) => store.readAll(after),
      importUnit: async (unit: CommittedUnit) => {
        const renamed = unit.events.map((event) => ({ ...event, stream: stream(event.stream.split('.')[1] ?? '') }));
        const committed = await store.importUnit({ ...unit, events: renamed });
        if (unit.events[0]?.index === 4) await store.commit([noted(stream('account-A'), 'no-events', 'x')]);
        return committed;
      },
    };
    await expect(copyLedger(source, meddling)).rejects.toBeInstanceOf(LedgersDiffer);
    await source.close();
    await store.close();
  });
});
