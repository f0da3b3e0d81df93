import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, test } from 'vitest';
import { eventStoreContract } from '../contract.js';
import { collect } from '../contract-tools.js';
import {
  type CommittedUnit,
  EMPTY_ROOT,
  eventLeaf,
  Frontier,
  NO_EVENTS,
  NoteVerifier,
  openSqliteReader,
  openSqliteStore,
  type Position,
  type Revision,
  type SqliteStore,
  type SqliteStoreOptions,
  START,
  verifyConsistency,
  verifyInclusion,
} from '../index.js';
import { LOG_PUB, noted, ORIGIN, otherLogKey, signHead, temporaryFolder, testOptions } from './testing/folder.js';

eventStoreContract({ describe, expect, test }, 'SQLite', async () => {
  const { folder, remove } = temporaryFolder();
  const options = testOptions(folder);
  let store = await openSqliteStore(options);
  return {
    store,
    instance: 'test',
    reopen: async () => {
      await store.close();
      store = await openSqliteStore(options);
      return store;
    },
    destroy: async () => {
      await store.close();
      remove();
    },
  };
});

const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const undo of cleanUp.splice(0).reverse()) await undo();
});

function newFolder(): string {
  const { folder, remove } = temporaryFolder();
  cleanUp.push(remove);
  return folder;
}

async function opened(options: SqliteStoreOptions): Promise<SqliteStore> {
  const store = await openSqliteStore(options);
  cleanUp.push(() => store.close());
  return store;
}

describe('the signed head', () => {
  test('covers every acknowledged unit, is signed by the log key and lies in the folder', async () => {
    const folder = newFolder();
    const store = await opened(testOptions(folder));
    const verifier = new NoteVerifier(ORIGIN, LOG_PUB);
    expect(verifier.open(store.head().note)).toMatchObject({ size: 0, root: new Uint8Array(EMPTY_ROOT) });
    const frontier = Frontier.empty();
    for (let i = 0; i < 5; i++) {
      const { events } = await store.commit([noted(`A${i}`, 3), noted(`B${i}`, 1)]);
      for (const event of events) frontier.append(eventLeaf(event));
      const { size, root } = verifier.open(store.head().note);
      expect({ size, root }).toEqual({ size: frontier.size, root: new Uint8Array(frontier.root()) });
      expect(readFileSync(join(folder, 'heads'), 'utf8')).toContain(store.head().note);
    }
  });

  test('every event is proved to be in every later head, and every head to be a prefix of it', async () => {
    const store = await opened(testOptions(newFolder()));
    const heads = [store.head()];
    for (let i = 0; i < 12; i++) {
      await store.commit([noted(`A${i}`, 1 + ((i * 37) % 120))]);
      heads.push(store.head());
    }
    const events = (await collect(store.readAll(START))).flatMap((unit) => unit.events);
    expect(events.length).toBeGreaterThan(512);
    for (const { size, root } of heads.slice(1)) {
      for (const index of [0, 1, 255, 256, size - 1].filter((place) => place < size)) {
        const leaf = eventLeaf(events[index] as (typeof events)[number]);
        const proof = await store.inclusionProof(index, size);
        expect(verifyInclusion(proof, { leaf, index, size, root })).toBe(true);
      }
    }
    for (const [place, to] of heads.entries()) {
      for (const from of heads.slice(0, place + 1)) {
        const proof = await store.consistencyProof(from.size, to.size);
        const sizes = { from: from.size, fromRoot: from.root, to: to.size, toRoot: to.root };
        expect(verifyConsistency(proof, sizes)).toBe(true);
      }
    }
    await expect(store.inclusionProof(0, events.length + 1)).rejects.toThrow(RangeError);
    await expect(store.inclusionProof(events.length, events.length)).rejects.toThrow(RangeError);
  });

  test('commits wait while the log key cannot sign, and are answered when it can', async () => {
    const options = testOptions(newFolder());
    let broken = false;
    const store = await opened({
      ...options,
      signHead: (text) => (broken ? Promise.reject(new Error('the signer was restarted')) : signHead(text)),
      onReport: (report) => {
        options.reports.push(report);
        if (options.reports.length === 2) broken = false;
      },
    });
    broken = true;
    const [first, second] = await Promise.all([store.commit([noted('A', 1)]), store.commit([noted('B', 1)])]);
    expect(store.head().size).toBe(2);
    expect(second.position > first.position).toBe(true);
    const failed = { kind: 'signing-failed', message: 'the signer was restarted' };
    expect(options.reports).toEqual([failed, failed]);
  });

  test('a commit that waits too long for the log key has an unknown outcome, and is there later', async () => {
    const options = testOptions(newFolder());
    let release = (): void => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    let signed = 0;
    const slow = async (text: Uint8Array) => {
      signed += 1;
      if (signed > 1) await held;
      return signHead(text);
    };
    const store = await opened({ ...options, commitTimeoutMs: 50, signHead: slow });
    await expect(store.commit([noted('A', 1)])).rejects.toMatchObject({ name: 'StoreUnavailable' });
    expect((await store.readStream('test.coin-A')).events).toEqual([]);
    const arrival = collect(store.subscribe(START, new AbortController().signal), 1);
    release();
    expect(await arrival).toMatchObject([{ events: [{ stream: 'test.coin-A' }] }]);
    await expect(store.commit([noted('A', 1)])).rejects.toMatchObject({ name: 'RevisionConflict' });
  });

  test('a signature by another key is never written to the disk: the process ends instead', async () => {
    const options = testOptions(newFolder());
    const other = otherLogKey();
    let broken = false;
    const store = await openSqliteStore({
      ...options,
      signHead: (text) => (broken ? other.signHead(text) : signHead(text)),
    });
    await store.commit([noted('A', 1)]);
    broken = true;
    await expect(store.commit([noted('B', 1)])).rejects.toMatchObject({ name: 'StoreUnavailable' });
    expect(options.aborted()).toBe(true);
    expect(options.reports).toMatchObject([
      { kind: 'failed', message: expect.stringContaining('not with the log key') },
    ]);
    await expect(store.commit([noted('C', 1)])).rejects.toMatchObject({ name: 'StoreUnavailable' });
    await store.close();
    const again = testOptions(options.folder);
    expect((await opened(again)).head().size).toBe(1);
    expect(again.reports).toEqual([{ kind: 'tail-cut', fromIndex: 1, events: 1 }]);
  });

  test('a log key that cannot sign at all stops the first start', async () => {
    const signer = { signHead: () => Promise.reject(new Error('no such key')) };
    await expect(openSqliteStore({ ...testOptions(newFolder()), ...signer })).rejects.toThrow('no such key');
  });
});

describe('closing and overload', () => {
  test('what was handed over before the end is committed', async () => {
    const options = testOptions(newFolder());
    const store = await openSqliteStore(options);
    const commits = Array.from({ length: 50 }, (_, i) => store.commit([noted(`A${i}`, 1)]));
    await store.close();
    expect((await Promise.all(commits)).map(({ position }) => position)).toEqual([...Array(50).keys()].map(BigInt));
    expect((await opened(options)).head().size).toBe(50);
    expect(options.reports).toEqual([]);
  });

  test('a log key that is gone does not keep a store from being closed', async () => {
    const options = testOptions(newFolder());
    let gone = false;
    const dead = new Promise<never>(() => {});
    let noteAsked = (): void => {};
    const asked = new Promise<void>((resolve) => {
      noteAsked = resolve;
    });
    const signer = (text: Uint8Array) => {
      if (!gone) return signHead(text);
      noteAsked();
      return dead;
    };
    const store = await openSqliteStore({ ...options, commitTimeoutMs: 50, signHead: signer });
    gone = true;
    const lost = store.commit([noted('A', 1)]);
    const refused = expect(lost).rejects.toMatchObject({ name: 'StoreUnavailable' });
    await asked; // by then the unit is written, however slow the disk is
    await store.close();
    await refused;
    expect((await opened(options)).head().size).toBe(0);
    expect(options.reports).toEqual([{ kind: 'tail-cut', fromIndex: 0, events: 1 }]);
  });

  test('units beyond the room for waiting ones are refused at once, and are not written', async () => {
    const options = testOptions(newFolder());
    let release = (): void => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const store = await opened({
      ...options,
      waitingBytesMax: 1_000_000,
      signHead: async (text) => {
        if (!Buffer.from(text).toString().includes('\n0\n')) await held;
        return signHead(text);
      },
    });
    const heavy = (key: string) => [
      { ...noted(key, 1), events: [{ type: 'Heavy', version: 1, data: { key: key.repeat(600_000) } }] },
    ];
    const [first, second, third] = [store.commit(heavy('A')), store.commit(heavy('B')), store.commit(heavy('C'))];
    await expect(third).rejects.toMatchObject({
      name: 'StoreUnavailable',
      message: expect.stringContaining('not written'),
    });
    release();
    await Promise.all([first, second]);
    await store.commit(heavy('C'));
    expect(store.head().size).toBe(3);
  });
});

describe('a thread that dies', () => {
  /** The threads of a store, which nobody else can reach. */
  const threadsOf = (store: SqliteStore) =>
    store as unknown as { writer: { worker: Worker }; readers: Record<'streams' | 'scans', { worker: Worker }> };

  test.each([
    ['the writer', (store: SqliteStore) => threadsOf(store).writer.worker],
    ['the reader of streams', (store: SqliteStore) => threadsOf(store).readers.streams.worker],
    ['the reader of all', (store: SqliteStore) => threadsOf(store).readers.scans.worker],
  ])('%s ends the service, and nobody waits for ever', async (_who, threadOf) => {
    const options = testOptions(newFolder());
    const store = await openSqliteStore(options);
    await store.commit([noted('A', 1)]);
    const asked = Promise.allSettled([
      store.commit([noted('B', 1)]),
      store.readStream('test.coin-A'),
      collect(store.subscribe(START, new AbortController().signal)),
    ]);
    await threadOf(store).terminate();
    for (const answer of await asked) {
      if (answer.status === 'rejected') expect(answer.reason).toMatchObject({ name: 'StoreUnavailable' });
    }
    expect(options.reports).toMatchObject([{ kind: 'failed' }]);
    expect(options.aborted()).toBe(true);
    await expect(store.commit([noted('C', 1)])).rejects.toMatchObject({ name: 'StoreUnavailable' });
    await expect(store.readStream('test.coin-A')).rejects.toMatchObject({ name: 'StoreUnavailable' });
    await store.close();
    const again = await opened({ ...options, onReport: () => {} });
    expect((await again.readStream('test.coin-A')).events).toHaveLength(1);
  });
});

describe('opening', () => {
  test('a folder is served once, and the error names who serves it', async () => {
    const options = testOptions(newFolder());
    const store = await opened(options);
    await expect(openSqliteStore(options)).rejects.toMatchObject({
      name: 'FolderInUse',
      message: expect.stringContaining(`process ${process.pid} on `),
    });
    await expect(openSqliteReader({ folder: options.folder })).rejects.toMatchObject({ name: 'FolderInUse' });
    await store.commit([noted('A', 1)]);
    await store.close();
    await (await openSqliteStore(options)).close();
  });

  test('files are readable by their owner only', async () => {
    const options = testOptions(join(newFolder(), 'data'));
    const store = await opened(options);
    await store.commit([noted('A', 1)]);
    expect(statSync(options.folder).mode & 0o777).toBe(0o700);
    expect(statSync(join(options.folder, 'heads')).mode & 0o777).toBe(0o600);
  });

  test('heads by another key, of another ledger, or missing beside events, are refused', async () => {
    const options = testOptions(newFolder());
    const store = await openSqliteStore(options);
    await store.commit([noted('A', 1)]);
    await store.close();
    const refused = (change: Partial<SqliteStoreOptions>) => openSqliteStore({ ...options, ...change });
    await expect(refused({ logPub: otherLogKey().logPub })).rejects.toMatchObject({ name: 'DamagedStore' });
    await expect(refused({ origin: 'exchange.example/other' })).rejects.toMatchObject({ name: 'DamagedStore' });
    const heads = join(options.folder, 'heads');
    const bytes = readFileSync(heads);
    for (const damaged of [bytes.subarray(0, 512), Buffer.concat([bytes, bytes]), Buffer.alloc(1024)]) {
      writeFileSync(heads, damaged);
      await expect(refused({})).rejects.toMatchObject({
        name: 'DamagedStore',
        message: expect.stringContaining('backup'),
      });
    }
    writeFileSync(heads, bytes);
    expect((await opened(options)).head().size).toBe(1);
  });

  test('an origin that does not fit beside its signature is refused', async () => {
    const origin = `${'a'.repeat(120)}/x`;
    await expect(openSqliteStore({ ...testOptions(newFolder()), origin })).rejects.toThrow(RangeError);
  });

  test('the longest origin fits, with the largest sizes', async () => {
    const origin = `${'ä'.repeat(59)}/x`;
    const store = await opened({ ...testOptions(newFolder()), origin });
    await store.commit([noted('A', 1)]);
    expect(store.head().origin).toBe(origin);
    expect(Buffer.byteLength(store.head().note) + 15).toBeLessThan(512);
  });

  test('a store too large to be checked whole at start is checked at its end, and by the scrub', async () => {
    const options = { ...testOptions(newFolder()), checkAllMax: 10 };
    const store = await openSqliteStore(options);
    let expected: Revision | typeof NO_EVENTS = NO_EVENTS;
    for (let i = 0; i < 12; i++) {
      const { revisions } = await store.commit([noted('A', 500, expected)]);
      expected = revisions.get('test.coin-A') as Revision;
    }
    await store.close();
    const again = await opened(options);
    expect(again.head().size).toBe(6_000);
    const seen: number[] = [];
    expect(await again.scrub({ share: 1, progress: (checked) => seen.push(checked) })).toBe(true);
    expect(seen).toEqual([4_096, 6_000]);
    expect(options.reports).toEqual([{ kind: 'scrubbed', events: 6_000 }]);
    const stop = AbortSignal.abort();
    expect(await again.scrub({ signal: stop })).toBe(false);
  });
});

describe('copies', () => {
  test('a ledger that is imported unit by unit has the same events and the same tree', async () => {
    const source = await opened({ ...testOptions(newFolder()), now: () => 1_234_567_890_123_456 });
    let expected: Revision | typeof NO_EVENTS = NO_EVENTS;
    for (let i = 0; i < 20; i++) {
      const { revisions } = await source.commit([noted('A', 1 + (i % 3), expected), noted(`B${i}`, 2)]);
      expected = revisions.get('test.coin-A') as Revision;
    }
    const units = await collect(source.readAll(START));
    const groups: number[] = [];
    const target = await opened({ ...testOptions(newFolder()), onGroup: (count) => groups.push(count) });
    await Promise.all(units.slice(0, 15).map((unit) => target.importUnit(unit)));
    for (const unit of units.slice(15)) await target.importUnit(unit);
    expect(await collect(target.readAll(START))).toEqual(units);
    expect(target.head()).toEqual(source.head());
    expect(groups.reduce((sum, count) => sum + count, 0)).toBe(20);
    await expect(target.importUnit(units[3] as CommittedUnit)).rejects.toThrow(RangeError);
    await target.commit([noted('New', 1)]);
    await source.commit([noted('C', 1)]);
    const [late] = await collect(source.readAll(units.at(-1)?.position as Position));
    await expect(target.importUnit(late as CommittedUnit)).rejects.toThrow(RangeError);
  });

  test('reading can begin with the unit of any event', async () => {
    const store = await opened(testOptions(newFolder()));
    await store.commit([noted('A', 2), noted('B', 2)]);
    await store.commit([noted('C', 1)]);
    const [first, second] = await collect(store.readAll(START));
    for (const index of [0, 1, 3])
      expect(await collect(store.readAll(await store.positionBefore(index)))).toEqual([first, second]);
    expect(await collect(store.readAll(await store.positionBefore(4)))).toEqual([second]);
    for (const index of [5, 99]) expect(await store.positionBefore(index)).toBe(second?.position);
  });

  test('a backup taken under load holds what its head covers, and is served like the original', async () => {
    const options = testOptions(newFolder());
    const store = await opened(options);
    const target = join(newFolder(), 'copy');
    let stop = false;
    const load = (async () => {
      for (let i = 0; !stop; i++) await store.commit([noted(`A${i}`, 2), noted(`B${i}`, 1)]);
    })();
    await collect(store.subscribe(START, new AbortController().signal), 20);
    const head = await store.backup(target);
    stop = true;
    await load;
    expect(head.size).toBeGreaterThanOrEqual(60);
    const original = await collect(store.readAll(START));

    const reader = await openSqliteReader({ folder: target, origin: ORIGIN, logPub: LOG_PUB });
    expect(reader.head()).toEqual(head);
    expect(await collect(reader.readAll(START))).toEqual(original.slice(0, head.size / 3));
    expect(await reader.scrub()).toBe(true);
    await reader.close();

    const copyOptions = testOptions(target);
    const copy = await opened(copyOptions);
    expect(copyOptions.reports).toEqual([]);
    expect(await copy.lastPosition()).toBe(BigInt(head.size - 1));
    await copy.commit([noted('New', 1)]);
    await expect(store.backup(target)).rejects.toThrow(RangeError);
  });

  test('a reader alone reads streams, proofs and the end of a stopped folder', async () => {
    const options = testOptions(newFolder());
    const store = await openSqliteStore(options);
    const { events } = await store.commit([noted('A', 300)]);
    const head = store.head();
    await store.close();
    const reader = await openSqliteReader({ folder: options.folder });
    cleanUp.push(() => reader.close());
    expect((await reader.readStream('test.coin-A')).events).toEqual(events);
    expect(await reader.lastPosition()).toBe(299n);
    const proof = await reader.inclusionProof(256, 300);
    const leaf = eventLeaf(events[256] as (typeof events)[number]);
    expect(verifyInclusion(proof, { leaf, index: 256, size: 300, root: head.root })).toBe(true);
    const consistency = await reader.consistencyProof(0, 300);
    expect(consistency).toEqual([]);
    await expect(openSqliteReader({ folder: options.folder })).rejects.toMatchObject({ name: 'FolderInUse' });
    await expect(openSqliteReader({ folder: newFolder() })).rejects.toMatchObject({ name: 'DamagedStore' });
  });
});
