import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { collect } from '../contract-tools.js';
import { NO_EVENTS, openSqliteReader, openSqliteStore, type Revision, type SqliteStore, START } from '../index.js';
import { copyFolder } from './testing/damage.js';
import { noted, temporaryFolder, testOptions } from './testing/folder.js';

/**
 * What somebody with a SQLite shell, or a rotten disk, can do to the rows; and who notices first while it is served.
 */
const TAMPERINGS: readonly { what: string; sql: string; noticedBy: 'stream' | 'all' | 'scrub' }[] = [
  { what: 'data changed', sql: `UPDATE events SET data = '{"key":"A","i":9}' WHERE idx = 5`, noticedBy: 'stream' },
  { what: 'data of another kind', sql: `UPDATE events SET data = '' WHERE idx = 5`, noticedBy: 'stream' },
  { what: 'type changed', sql: `UPDATE events SET type = 'Paid' WHERE idx = 5`, noticedBy: 'stream' },
  { what: 'version changed', sql: 'UPDATE events SET version = 2 WHERE idx = 5', noticedBy: 'stream' },
  {
    what: 'time changed',
    sql: 'UPDATE events SET written_at_us = written_at_us + 1 WHERE idx = 5',
    noticedBy: 'stream',
  },
  { what: 'leaf changed', sql: `UPDATE events SET leaf = zeroblob(32) WHERE idx = 5`, noticedBy: 'stream' },
  {
    what: 'event moved to another stream',
    sql: `UPDATE events SET stream = 'test.coin-Z' WHERE idx = 9`,
    noticedBy: 'stream',
  },
  { what: 'event renumbered', sql: 'UPDATE events SET number = 77 WHERE idx = 5', noticedBy: 'stream' },
  { what: 'event removed', sql: 'DELETE FROM events WHERE idx = 5', noticedBy: 'stream' },
  { what: 'last event removed', sql: 'DELETE FROM events WHERE idx = 9', noticedBy: 'stream' },
  { what: 'unit enlarged', sql: 'UPDATE events SET unit_last = unit_last + 1 WHERE idx = 5', noticedBy: 'stream' },
  {
    what: 'unit enlarged consistently',
    sql: 'UPDATE events SET unit_last = unit_last + 1, unit_size = unit_size + 1 WHERE idx = 5',
    noticedBy: 'all',
  },
  { what: 'stream forgotten', sql: `DELETE FROM streams WHERE name = 'test.coin-A'`, noticedBy: 'stream' },
  {
    what: 'stream shortened',
    sql: `UPDATE streams SET last_number = 8 WHERE name = 'test.coin-A'`,
    noticedBy: 'stream',
  },
  {
    what: 'stream shortened with its event',
    sql: `DELETE FROM events WHERE idx = 9;
        UPDATE streams SET last_number = 8, last_index = 8 WHERE name = 'test.coin-A'`,
    noticedBy: 'all',
  },
  { what: 'stream invented', sql: `INSERT INTO streams VALUES ('test.coin-Z', 0, 3)`, noticedBy: 'scrub' },
  { what: 'tile lost', sql: 'DELETE FROM tiles WHERE number = 0', noticedBy: 'scrub' },
  { what: 'tile changed', sql: 'UPDATE tiles SET hash = zeroblob(32) WHERE number = 1', noticedBy: 'scrub' },
  {
    what: 'two events exchanged',
    sql: `UPDATE events SET idx = -1 WHERE idx = 5;
        UPDATE events SET idx = 5 WHERE idx = 6;
        UPDATE events SET idx = 6 WHERE idx = -1`,
    noticedBy: 'all',
  },
];

describe('tampering', () => {
  const { folder, remove } = temporaryFolder();
  const served = join(folder, 'served');
  const copy = join(folder, 'copy');

  /** 600 events: ten of one stream, the rest of others; nothing in the log. */
  beforeAll(async () => {
    const store = await openSqliteStore(testOptions(served));
    let expected: Revision | typeof NO_EVENTS = NO_EVENTS;
    for (const events of [4, 6]) {
      expected = (await store.commit([noted('A', events, expected)])).revisions.get('test.coin-A') as Revision;
    }
    for (let i = 0; i < 59; i++) await store.commit([noted(`B${i}`, 10)]);
    await store.close();
  });
  afterAll(remove);

  const tamper = (sql: string): void => {
    const db = new Database(join(copy, 'events.db'));
    db.exec(sql);
    db.close();
  };
  const damaged = { name: 'DamagedStore' };

  test.each(TAMPERINGS)('$what: a start is refused, also for readers', async ({ sql }) => {
    copyFolder(served, copy);
    tamper(sql);
    const options = testOptions(copy);
    await expect(openSqliteStore(options)).rejects.toMatchObject(damaged);
    await expect(openSqliteReader({ folder: copy })).rejects.toMatchObject(damaged);
    expect(options.reports).toEqual([]);
  });

  test.each(TAMPERINGS)('$what: noticed while it is served, and then nothing is served', async ({ sql, noticedBy }) => {
    copyFolder(served, copy);
    const options = testOptions(copy);
    const store = await openSqliteStore(options);
    tamper(sql);
    const stop = new AbortController();
    const live = collect(store.subscribe(BigInt(599) as typeof START, stop.signal));
    const check = {
      stream: () => store.readStream('test.coin-A'),
      all: () => collect(store.readAll(START)),
      scrub: () => store.scrub({ share: 1 }),
    };
    await expect(check[noticedBy]()).rejects.toMatchObject(damaged);
    await expect(live).rejects.toMatchObject(damaged);
    expect(options.reports).toMatchObject([{ kind: 'damaged' }]);
    for (const refused of everything(store)) await expect(refused).rejects.toMatchObject(damaged);
    expect(options.reports).toHaveLength(1);
    expect(options.aborted()).toBe(false);
    await store.close();
  });

  test.each([
    [
      'an index that is none any more',
      'DROP INDEX events_by_stream; CREATE INDEX events_by_stream ON events (stream, number)',
    ],
    ['a table more', 'CREATE TABLE more (x)'],
    ['another version', 'PRAGMA user_version = 2'],
    ['another application', 'PRAGMA application_id = 1'],
  ])('%s is refused', async (_what, sql) => {
    copyFolder(served, copy);
    tamper(sql);
    await expect(openSqliteStore(testOptions(copy))).rejects.toMatchObject(damaged);
  });

  test('an event that no head covers is cut, one that is only half there as well', async () => {
    copyFolder(served, copy);
    tamper(`INSERT INTO events SELECT 600, stream, 10, type, version, data, written_at_us, 600, 601, 2, leaf
            FROM events WHERE idx = 9;
      UPDATE streams SET last_number = 10, last_index = 600 WHERE name = 'test.coin-A'`);
    const options = testOptions(copy);
    const store = await openSqliteStore(options);
    expect(options.reports).toEqual([{ kind: 'tail-cut', fromIndex: 600, events: 1 }]);
    expect((await store.readStream('test.coin-A')).events).toHaveLength(10);
    expect(await store.scrub({ share: 1 })).toBe(true);
    await store.close();
  });

  function everything(store: SqliteStore): Promise<unknown>[] {
    return [
      store.commit([noted('New', 1)]),
      store.readStream('test.coin-B1'),
      collect(store.readAll(START)),
      collect(store.subscribe(START, new AbortController().signal)),
      store.lastPosition(),
      store.scrub(),
      store.inclusionProof(0, 1),
      store.backup(join(folder, 'backup')),
    ];
  }
});
