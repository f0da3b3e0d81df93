import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CATALOGUE, type Category } from '@florin/domain';
import Database from 'better-sqlite3';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { copyDatabase } from './database.js';
import { UnappliableEvent } from './file.js';
import { tablesOf } from './tables.js';
import { bytesOf } from './testing/labels.js';
import { batchesOf, builtFile, contentOf, eventsOf, fileAt, inFolder, ledgerOf } from './testing/ledgers.js';
import { anySteps } from './testing/steps.js';
import { type AnyView, defineView } from './view.js';
import { VIEWS } from './views.js';

/** Fails once at event `index`, after all other views have applied it. */
function failingOnce(index: number): AnyView {
  let failed = false;
  return defineView({
    name: 'failing',
    version: 1,
    reads: Object.keys(CATALOGUE) as Category[],
    schema: 'CREATE TABLE failing (id INTEGER PRIMARY KEY) STRICT, WITHOUT ROWID;',
    open: () => ({
      apply(seen) {
        if (seen.index === index && !failed) {
          failed = true;
          throw new Error('planted');
        }
      },
      queries: {},
    }),
  });
}

describe('each event counts exactly once', () => {
  test('whatever the batches, and wherever one is interrupted between apply and commit', () =>
    fc.assert(
      fc.asyncProperty(anySteps(60), fc.integer({ min: 1, max: 30 }), fc.nat(1_000), (steps, eventsMax, where) =>
        inFolder(async (folder) => {
          const { store } = await ledgerOf(steps);
          const straight = join(folder, 'straight.db');
          (await builtFile(straight, store)).close();

          const path = join(folder, 'interrupted.db');
          const all = await batchesOf(store, eventsMax);
          const count = all.at(-1)?.after.events ?? 0;
          const views = [...VIEWS, failingOnce(where % count)];
          let file = fileAt(path, views);
          let interruptions = 0;
          for (const batch of all) {
            try {
              file.apply(batch);
            } catch (error) {
              expect(error).toBeInstanceOf(UnappliableEvent);
              interruptions += 1;
              const before = file.checkpoints().map(({ at }) => at.events);
              file.close();
              file = fileAt(path, views);
              expect(before).toEqual(views.map(() => batch.first));
              expect(file.checkpoints().map(({ at }) => at.events)).toEqual(before);
              file.apply(batch);
            }
          }
          file.close();
          expect(interruptions).toBe(1);
          expect(contentOf(path)).toBe(contentOf(straight));
        }),
      ),
      { numRuns: 25 },
    ));

  test('batches that come again, whole or in part, change nothing', () =>
    fc.assert(
      fc.asyncProperty(anySteps(60), fc.integer({ min: 1, max: 30 }), (steps, eventsMax) =>
        inFolder(async (folder) => {
          const { store } = await ledgerOf(steps);
          const path = join(folder, 'views.db');
          const file = await builtFile(path, store, eventsMax);
          const content = contentOf(path);
          const others = await batchesOf(store, eventsMax + 7);
          for (const batch of others.toReversed()) {
            file.apply(batch);
            expect(contentOf(path)).toBe(content);
          }

          const late = fileAt(join(folder, 'late.db'));
          for (const batch of [...(await batchesOf(store, eventsMax)).slice(0, 2), ...others]) late.apply(batch);
          late.close();
          file.close();
          expect(contentOf(join(folder, 'late.db'))).toBe(content);
        }),
      ),
      { numRuns: 20 },
    ));
});

const SOME = fc.sample(anySteps(300), { numRuns: 1, seed: 7 })[0] ?? [];

describe('a batch that does not fit', () => {
  test('is refused if events are missing before it', () =>
    inFolder(async (folder) => {
      const { store } = await ledgerOf(SOME);
      const file = fileAt(join(folder, 'views.db'));
      const [first, , third] = await batchesOf(store, 10);
      file.apply(first ?? expect.fail());
      const gap = /stands at event \d+, the batch at \d+/;
      expect(() => file.apply({ ...(third ?? expect.fail()), events: [] })).toThrow(gap);
      expect(() => file.apply(third ?? expect.fail())).toThrow(UnappliableEvent);
      expect(file.checkpoints().every(({ at }) => at.events === first?.after.events)).toBe(true);
      file.close();
    }));

  test('is refused if it holds an event that cannot be, and says which', () =>
    inFolder(async (folder) => {
      const { store } = await ledgerOf(SOME);
      const events = await eventsOf(store);
      const withdrawn = events.find(({ type }) => type === 'CoinsWithdrawn') ?? expect.fail();
      const broken = [
        { ...withdrawn, data: { ...withdrawn.data, cost: 'EUR:1000000000000000' } },
        { ...withdrawn, data: { ...withdrawn.data, cost: 'USD:1' } },
        { ...withdrawn, type: 'CoinsWithdrawnByMagic' },
        { ...withdrawn, version: 2 },
        { ...withdrawn, number: withdrawn.number + 1 },
        { ...withdrawn, stream: withdrawn.stream.replace('reserve-', 'transfer-') },
      ];
      for (const event of broken) {
        const path = join(folder, 'views.db');
        const file = fileAt(path);
        const [batch] = await batchesOf(store, events.length);
        const damaged = events.map((each) => (each.index === withdrawn.index ? event : each));
        const empty = contentOf(path);
        expect(() => file.apply({ ...(batch ?? expect.fail()), events: damaged })).toThrow(
          new RegExp(`^event ${withdrawn.index} \\(${event.type}, number ${event.number} of florin\\.`),
        );
        expect(contentOf(path)).toBe(empty);
        file.close();
      }
    }));
});

test('a transfer does not become what it cannot become', () =>
  inFolder(async (folder) => {
    const { history, store } = await ledgerOf([
      { do: 'fund', reserve: 0, units: 1_000_000_000n },
      { do: 'close', reserve: 0, elsewhere: false },
      { do: 'settle', transfer: 0, how: 'reject' },
    ]);
    const path = join(folder, 'views.db');
    const file = await builtFile(path, store);
    const content = contentOf(path);
    const { position, index, ...last } = (await eventsOf(store)).at(-1) ?? expect.fail();
    const after = { position, events: index + 2 };
    const confirmed = { type: 'TransferConfirmed', bankRow: 5n, bankTime: 1, at: 1 } as const;
    const requestUid = history.transfers[0] ?? expect.fail();
    for (const stream of [history.streams.transfer(requestUid), history.streams.transfer(bytesOf('unknown', 64))]) {
      const [added] = stream.append(confirmed).events;
      const event = { ...last, ...(added ?? expect.fail()), stream: stream.name, index: index + 1, position };
      const batch = { first: index + 1, after, events: [event], writtenAtUs: 1 };
      expect(() => file.apply(batch)).toThrow(/is not requested and cannot become confirmed/);
    }
    expect(contentOf(path)).toBe(content);
    file.close();
  }));

describe('a file is made new', () => {
  const emptied = async (change: (path: string) => readonly AnyView[]): Promise<void> =>
    inFolder(async (folder) => {
      const path = join(folder, 'views.db');
      const { store } = await ledgerOf(SOME);
      (await builtFile(path, store)).close();
      const views = change(path);
      const file = fileAt(path, views);
      expect(file.checkpoints().map(({ at }) => at.events)).toEqual(views.map(() => 0));
      for (const batch of await batchesOf(store, 50)) file.apply(batch);
      file.close();
      (await builtFile(join(folder, 'other.db'), store)).close();
      expect(contentOf(path, VIEWS.slice(1))).toBe(contentOf(join(folder, 'other.db'), VIEWS.slice(1)));
    });

  test('when a view has another version', () => emptied(() => [{ ...VIEWS[0], version: 2 }, ...VIEWS.slice(1)]));

  test('when a view has other tables', () =>
    emptied(() => [{ ...VIEWS[0], schema: `${VIEWS[0].schema} -- other` }, ...VIEWS.slice(1)]));

  test('when there is another view', () => emptied(() => [...VIEWS, failingOnce(-1)]));

  test('when it is no database', () =>
    emptied((path) => {
      writeFileSync(path, Buffer.alloc(10_000, 7));
      return VIEWS;
    }));

  test('when it is another database', () =>
    emptied((path) => {
      const db = new Database(path);
      db.exec('DROP TABLE checkpoints');
      db.close();
      return VIEWS;
    }));
});

test('a file that is whole and of this schema is kept', () =>
  inFolder(async (folder) => {
    const path = join(folder, 'views.db');
    const { store } = await ledgerOf(SOME);
    (await builtFile(path, store)).close();
    const content = contentOf(path);
    const file = fileAt(path);
    expect(contentOf(path)).toBe(content);
    const events = (await eventsOf(store)).length;
    expect(file.checkpoints().map(({ at }) => at.events)).toEqual(VIEWS.map(() => events));
    file.close();
  }));

describe('the comparison of two files', () => {
  test.each(VIEWS.map((view) => [view.name, view] as const))('%s: sees a change in any column', (_, view) =>
    inFolder(async (folder) => {
      const { store } = await ledgerOf(SOME);
      const [expected, served] = [join(folder, 'expected.db'), join(folder, 'served.db')];
      const file = await builtFile(expected, store);
      for (const { name, columns, key } of tablesOf(view)) {
        for (const column of columns.filter((each) => !key.includes(each))) {
          copyDatabase(expected, served);
          expect(file.compareWith(served)).toEqual([]);
          const changes = changeColumn(served, name, column);
          const differences = file.compareWith(served);
          expect(changes).toBeGreaterThan(0);
          expect(differences).toHaveLength(Math.min(changes, 100));
          expect(differences.every((difference) => difference.view === view.name && difference.table === name)).toBe(
            true,
          );
          expect(differences.every(({ found, expected: right }) => found?.[column] !== right?.[column])).toBe(true);
        }
      }
      file.close();
    }),
  );
});

/** Gives every row another value in one column. @returns how many rows there are */
function changeColumn(path: string, table: string, column: string): number {
  const db = new Database(path);
  const type = db.prepare(`SELECT type FROM pragma_table_info('${table}') WHERE name = '${column}'`).pluck().get();
  const other = type === 'INTEGER' ? `coalesce(${column} + 1000000, 7)` : `coalesce(${column} || '0', '7')`;
  const { changes } = db.prepare(`UPDATE ${table} SET ${column} = ${other}`).run();
  db.close();
  return changes;
}
