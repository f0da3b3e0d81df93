import { renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { expect, onTestFinished, test } from 'vitest';
import { eventLeaf } from '../leaf.js';
import { NO_EVENTS } from '../port.js';
import { Frontier } from '../tree.js';
import { FolderObserver } from './observer.js';
import { openSqliteStore } from './store.js';
import { LOG_PUB, ORIGIN, signHead, temporaryFolder } from './testing/folder.js';

function newFolder(): string {
  const { folder, remove } = temporaryFolder();
  onTestFinished(remove);
  return folder;
}

const open = (folder: string) =>
  openSqliteStore({ folder, origin: ORIGIN, logPub: LOG_PUB, signHead, now: () => 1_000_000, onReport: () => {} });

const note = (text: string) => ({ type: 'Noted', version: 1, data: { text } });

async function rowsOf(observer: FolderObserver, end: number) {
  const rows = [];
  for await (const stretch of observer.rows(0, end)) rows.push(...stretch);
  return rows;
}

test('a folder that is served is read beside it, as far as its newest head reaches', async () => {
  const folder = newFolder();
  const store = await open(folder);
  const committed = await store.commit([
    { stream: 'test.coin-a', expected: NO_EVENTS, events: [note('one'), note('two')] },
    { stream: 'test.reserve-a', expected: NO_EVENTS, events: [note('three')] },
  ]);
  const observer = new FolderObserver(folder);
  const before = await observer.head();
  expect(before.size).toBe(3);
  const rows = await rowsOf(observer, before.size);
  const units = { unitFirst: 0, unitLast: 2 };
  expect(rows).toMatchObject(
    committed.events.map(({ stream, number, type, data }, index) => {
      return { index, stream, number, type, text: JSON.stringify(data), ...units };
    }),
  );
  expect(rows.map((row) => 'leaf' in row && Buffer.from(row.leaf).toString('hex'))).toEqual(
    committed.events.map((event) => Buffer.from(eventLeaf(event)).toString('hex')),
  );

  await store.commit([{ stream: 'test.coin-b', expected: NO_EVENTS, events: [note('four')] }]);
  const after = await observer.head();
  expect(after.size).toBe(4);
  const frontier = Frontier.empty();
  for (const row of await rowsOf(observer, after.size)) if ('leaf' in row) frontier.append(row.leaf);
  expect(Buffer.compare(frontier.root(), after.root)).toBe(0);
  await observer.close();
  await store.close();
});

test('a folder that was put in the place of another is read, not the one that is gone', async () => {
  const [folder, other] = [newFolder(), newFolder()];
  const stores = [await open(folder), await open(other)];
  for (const [place, store] of stores.entries()) {
    await store.commit([{ stream: 'test.coin-a', expected: NO_EVENTS, events: [note(`${place}`)] }]);
  }
  const observer = new FolderObserver(folder);
  expect(await rowsOf(observer, (await observer.head()).size)).toMatchObject([{ text: '{"text":"0"}' }]);
  for (const store of stores) await store.close();
  rmSync(folder, { recursive: true });
  renameSync(other, folder);
  expect(await rowsOf(observer, (await observer.head()).size)).toMatchObject([{ text: '{"text":"1"}' }]);
  await observer.close();
});

test('what was changed is handed out as it is, what was removed is missing', async () => {
  const folder = newFolder();
  const store = await open(folder);
  for (const name of ['a', 'b', 'c']) {
    await store.commit([{ stream: `test.coin-${name}`, expected: NO_EVENTS, events: [note(name)] }]);
  }
  await store.close();
  const db = new Database(join(folder, 'events.db'));
  db.exec(`UPDATE events SET data = 'not JSON' WHERE idx = 0; DELETE FROM events WHERE idx = 1`);
  db.close();
  const observer = new FolderObserver(folder);
  expect(await rowsOf(observer, 3)).toMatchObject([{ index: 0, text: 'not JSON' }, { index: 2 }]);
  await observer.close();
});
