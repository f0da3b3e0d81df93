import { generateKeyPairSync, sign } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  DamagedStore,
  eventLeaf,
  Frontier,
  type HeadOptions,
  NO_EVENTS,
  NoteVerifier,
  START,
  type StoreReport,
} from '@florin/event-store';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { StandIn } from '../support/eventstoredb/stand-in.js';
import { type TestServer, testServer, until } from '../support/eventstoredb/test-server.js';
import { all, freshInstance, type Ledger, noted, openLedger, unitOn } from './tools.js';

const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const logPub = new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }).subarray(-32));
const folders: string[] = [];

interface Kept extends HeadOptions {
  readonly reports: StoreReport[];
  /** Null lets the key sign again. */
  fail(reason: string | null): void;
}

function headsIn(origin: string, folder = mkdtempSync(join(tmpdir(), 'florin-head-'))): Kept {
  folders.push(folder);
  const reports: StoreReport[] = [];
  let failing: string | null = null;
  return {
    folder,
    origin,
    logPub,
    reports,
    checkedMin: 8,
    onReport: (report) => reports.push(report),
    fail: (reason) => {
      failing = reason;
    },
    signHead: async (text) => {
      if (failing !== null) throw new Error(failing);
      return sign(null, text, privateKey);
    },
  };
}

const fileOf = ({ folder }: HeadOptions): string => join(folder, 'eventstoredb-head.json');

async function fill({ store, stream }: Ledger, from: number, count: number): Promise<void> {
  for (let i = from; i < from + count; i++) {
    await store.commit(unitOn([stream(`coin-${i}`), stream(`reserve-${i}`)], `unit ${i}`));
  }
}

describe('the signed head of a node', () => {
  let server: TestServer;
  let instance: string;
  let heads: Kept;
  beforeAll(async () => {
    server = await testServer();
  });
  afterAll(async () => {
    await server.close();
    for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  });
  beforeEach(() => {
    instance = freshInstance();
    heads = headsIn(`florin/${instance}`);
  });

  const open = (options: Kept = heads): Promise<Ledger> =>
    openLedger(server.connectionString, { instance, heads: options });

  async function expectHeadOf({ store }: Ledger, events: number, options = heads): Promise<void> {
    await until(() => store.head()?.size === events);
    const frontier = Frontier.empty();
    for (const unit of await all(store.readAll(START))) for (const one of unit.events) frontier.append(eventLeaf(one));
    const verifier = new NoteVerifier(options.origin, logPub);
    const { note } = JSON.parse(readFileSync(fileOf(options), 'utf8')) as { note: string };
    expect(verifier.open(note)).toMatchObject({ size: frontier.size, root: new Uint8Array(frontier.root()) });
  }

  test('covers all units, also those of others, over restarts, and wherever a node begins', async () => {
    const first = await open();
    await fill(first, 0, 5);
    await expectHeadOf(first, 10);
    await first.store.close();
    const other = await openLedger(server.connectionString, { instance });
    await fill(other, 5, 30);
    const second = await open();
    await expectHeadOf(second, 70);
    await fill(other, 35, 3);
    await expectHeadOf(second, 76);
    await second.store.close();
    const late = headsIn(heads.origin);
    const third = await open(late);
    await expectHeadOf(third, 76, late);
    expect(await third.store.scrub({ share: 1 })).toBe(true);
    expect(late.reports).toEqual([{ kind: 'scrubbed', events: 76 }]);
    await third.store.close();
    await other.store.close();
    expect(readFileSync(fileOf(heads), 'utf8')).toContain('"base"');
  });

  test('is kept at the latest when the node stops', async () => {
    const ledger = await open();
    await fill(ledger, 0, 1);
    await expectHeadOf(ledger, 2);
    await fill(ledger, 1, 1);
    const { position } = (await all(ledger.store.readAll(START)))[1] ?? {};
    const subscribed = ledger.store.subscribe(START, new AbortController().signal);
    for await (const unit of subscribed) if (unit.position === position) break;
    await ledger.store.close();
    const again = await open();
    expect([2, 4]).toContain(again.store.head()?.size);
    await expectHeadOf(again, 4);
    await again.store.close();
  });

  test('that cannot be signed is signed later, and nobody waits for it', async () => {
    const ledger = await open();
    heads.fail('the signers are away');
    await fill(ledger, 0, 2);
    await until(() => heads.reports.length > 0);
    expect(heads.reports[0]).toEqual({ kind: 'signing-failed', message: 'the signers are away' });
    expect(existsSync(fileOf(heads))).toBe(false);
    heads.fail(null);
    await expectHeadOf(ledger, 4);
    await ledger.store.close();
  });

  test('refuses a ledger that has lost what it covers', async () => {
    const ledger = await open();
    await fill(ledger, 0, 20);
    await expectHeadOf(ledger, 40);
    await ledger.store.close();
    for (const events of [0, 10]) {
      const older = await StandIn.start();
      const restored = await openLedger(older.connectionString, { instance });
      await fill(restored, 0, events);
      await restored.store.close();
      const refused = openLedger(older.connectionString, { instance, heads });
      await expect(refused).rejects.toThrow(/is not the one whose first 40 events this node has seen/);
      await expect(refused).rejects.toBeInstanceOf(DamagedStore);
      await older.close();
    }
  });

  test('refuses a ledger in which an event was changed; long before the end the scrub finds it', async () => {
    const standIn = await StandIn.start();
    const openIt = (): Promise<Ledger> => openLedger(standIn.connectionString, { instance, heads });
    const change = (name: string, [from = '', to = '']: readonly string[]): void => {
      const { data } = standIn.log.stream(`${instance}.${name}`)[0] as { data: Uint8Array };
      data.set(Buffer.from(Buffer.from(data).toString().replace(from, to)));
    };
    const ledger = await openIt();
    const { store, stream } = ledger;
    for (let i = 0; i < 30; i++) await store.commit([noted(stream(`reserve-${i}`), NO_EVENTS, 'before')]);
    await expectHeadOf(ledger, 30);
    await ledger.store.close();

    change('reserve-27', ['before', 'behind']);
    await expect(openIt()).rejects.toThrow(/is not the one whose first 30 events this node has seen/);
    change('reserve-27', ['behind', 'before']);
    change('reserve-1', ['before', 'behind']);
    const served = await openIt();
    await expect(served.store.scrub({ share: 1 })).rejects.toBeInstanceOf(DamagedStore);
    expect(served.damage).toHaveLength(1);
    await expect(served.store.lastPosition()).rejects.toBeInstanceOf(DamagedStore);
    await served.store.close();
    await standIn.close();
  });

  test('of another log, or a file that is none, is refused', async () => {
    const ledger = await open();
    await fill(ledger, 0, 2);
    await expectHeadOf(ledger, 4);
    await ledger.store.close();
    const stranger = headsIn('florin/another', heads.folder);
    await expect(open(stranger)).rejects.toThrow(/is no head of this ledger/);
    const text = readFileSync(fileOf(heads), 'utf8');
    for (const broken of [text.slice(0, -20), text.replace('"note"', '"nota"'), text.replace(/\d{2,}/, 'x'), '']) {
      writeFileSync(fileOf(heads), broken);
      await expect(open()).rejects.toBeInstanceOf(DamagedStore);
    }
  });
});
