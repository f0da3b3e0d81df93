import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MemoryStore, type Position } from '@florin/event-store';
import Database from 'better-sqlite3';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Progress } from './maintenance.js';
import { Views, type ViewsOptions } from './runner.js';
import { CURRENCY } from './testing/history.js';
import { reserveAt } from './testing/labels.js';
import { contentOf, eventsOf, inFolder, ledgerOf, type TestLedger } from './testing/ledgers.js';
import { anySteps, RESERVES, type Step } from './testing/steps.js';
import { VIEWS } from './views.js';

const SOME = fc.sample(anySteps(200), { numRuns: 1, seed: 11 })[0] ?? [];
const places = Array.from({ length: RESERVES }, (_, place) => place);

const optionsFor = (folder: string): ViewsOptions => ({
  path: join(folder, 'views.db'),
  currency: CURRENCY,
  waitMs: 60_000,
  onFault: (error) => expect.fail(error.message),
});

interface Scene extends TestLedger {
  readonly views: Views;
  readonly folder: string;
  readonly path: string;
}

/** Views that have caught up with a ledger, closed at the end; nothing but views.db may be left then. */
const withViews = (steps: readonly Step[], work: (scene: Scene) => Promise<void>): Promise<void> =>
  inFolder(async (folder) => {
    const ledger = await ledgerOf(steps);
    const views = await Views.start(ledger.store, optionsFor(folder));
    await views.caughtUpWith(await ledger.store.lastPosition());
    await work({ ...ledger, views, folder, path: join(folder, 'views.db') });
    await views.close();
    expect(readdirSync(folder)).toEqual(['views.db']);
  });

/** Changes the serving tables behind everybody's back. */
function manipulate(path: string, sql: string): void {
  const db = new Database(path);
  expect(db.prepare(sql).run().changes).toBeGreaterThan(0);
  db.close();
}

describe('rebuild', () => {
  test('gives the same bytes, for one view and for all, at any history', () =>
    fc.assert(
      fc.asyncProperty(
        anySteps(100),
        fc.constantFrom('all' as const, ...VIEWS.map(({ name }) => name)),
        (steps, target) =>
          withViews(steps, async ({ views, path, store }) => {
            const before = contentOf(path);
            await views.rebuild(target);
            expect(contentOf(path)).toBe(before);
            expect((await views.lag()).position).toBe(await store.lastPosition());
          }),
      ),
      { numRuns: 12 },
    ));

  test('mends what was manipulated, and leaves the other views alone', () =>
    withViews(SOME, async ({ views, path }) => {
      const [others, transfers] = [(name: string) => name !== 'transfers', (name: string) => name === 'transfers'].map(
        (chosen) => VIEWS.filter(({ name }) => chosen(name)),
      );
      const right = contentOf(path);
      const rightOthers = contentOf(path, others);
      manipulate(path, `UPDATE reserve_summary SET balance = '12345'`);
      manipulate(path, `UPDATE transfers SET amount = '12345'`);
      const wrongTransfers = contentOf(path, transfers);
      await views.rebuild('reserve-summary');
      expect(contentOf(path, others)).toBe(rightOthers);
      expect(contentOf(path, transfers)).toBe(wrongTransfers);
      await views.rebuild('all');
      expect(contentOf(path)).toBe(right);
    }));

  test('goes on beside questions and commits, which see their own commands all the time', () =>
    withViews(SOME, async ({ views, history, store, path }) => {
      let rebuilding = true;
      let asked = 0;
      const work = async (): Promise<void> => {
        while (rebuilding || asked < 50) {
          const place = asked % RESERVES;
          await history.step({ do: 'fund', reserve: place, units: 1_000n });
          await views.caughtUpWith(history.ledger.lastCommitted);
          const { balance } = await history.ledger.peek(history.streams.reserve(reserveAt(place)));
          expect(await views.ask('reserve-summary', 'summary', reserveAt(place))).toMatchObject({ balance });
          asked += 1;
        }
      };
      const rebuilds = async (): Promise<void> => {
        for (const target of ['all', 'reserve-summary', 'reserve-history', 'all'] as const) await views.rebuild(target);
        rebuilding = false;
      };
      await Promise.all([work(), rebuilds()]);
      expect((await views.verify()).differences).toEqual([]);
      expect((await views.lag()).events).toBe((await eventsOf(store)).length);
      expect(existsSync(`${path}.next`)).toBe(false);
    }));

  test('tells how far it is', () =>
    withViews(SOME, async ({ views, store }) => {
      const total = (await eventsOf(store)).length;
      const told: Progress[] = [];
      await views.rebuild('all', { onProgress: (progress) => told.push(progress) });
      expect(told.length).toBeGreaterThan(0);
      expect(told.every((progress) => progress.total === total && progress.perSecond > 0)).toBe(true);
      expect(told.at(-1)?.events).toBe(total);
    }));

  test('that is asked for twice is done once, and what is asked for besides waits and says so', () =>
    withViews(SOME, async ({ views }) => {
      const ends: string[] = [];
      const told: Record<string, { notices: string[]; events: number[] }> = {};
      const asked = (name: string, work: 'rebuild' | 'verify', target: 'all' | 'transfers') => {
        const own = { notices: [] as string[], events: [] as number[] };
        told[name] = own;
        const observer = {
          onNotice: (notice: string) => own.notices.push(notice),
          onProgress: ({ events }: Progress) => own.events.push(events),
        };
        return views[work](target, observer).then(() => ends.push(name));
      };
      await Promise.all([
        asked('first', 'rebuild', 'all'),
        asked('other', 'rebuild', 'transfers'),
        asked('again', 'rebuild', 'all'),
        asked('check', 'verify', 'all'),
        asked('other again', 'rebuild', 'transfers'),
      ]);
      expect(ends).toEqual(['first', 'again', 'other', 'other again', 'check']);
      expect(told.first?.notices).toEqual([]);
      expect(told.again).toEqual({
        notices: ['the rebuild of all is under way already: this is its progress'],
        events: told.first?.events,
      });
      expect(told.other?.notices).toEqual(['the rebuild of transfers waits for the end of the rebuild of all']);
      expect(told['other again']?.notices).toEqual(['the rebuild of transfers waits already: this is its progress']);
      expect(told.check?.notices).toEqual(['the verification of all waits for the end of the rebuild of transfers']);
    }));

  test('of an empty ledger is an empty one', () =>
    inFolder(async (folder) => {
      const views = await Views.start(new MemoryStore(() => 0), optionsFor(folder));
      await views.rebuild('all');
      expect(await views.verify()).toEqual({ events: 0, differences: [] });
      await views.close();
    }));

  test('that is interrupted by the end leaves the present views as they are', () =>
    inFolder(async (folder) => {
      const fund = (_: unknown, index: number): Step => ({ do: 'fund', reserve: index % RESERVES, units: 5n });
      const { store } = await ledgerOf(Array.from({ length: 5_000 }, fund));
      const views = await Views.start(store, optionsFor(folder));
      await views.caughtUpWith(await store.lastPosition());
      const before = contentOf(join(folder, 'views.db'));
      let closing: Promise<void> | undefined;
      const counted: number[] = [];
      const rebuilding = views.rebuild('all', {
        onProgress: ({ events }) => {
          counted.push(events);
          closing ??= views.close();
        },
      });
      await expect(rebuilding).rejects.toThrow(/closed/);
      await closing;
      expect(Math.max(...counted)).toBeLessThan(10_000);
      expect(readdirSync(folder)).toEqual(['views.db']);
      expect(contentOf(join(folder, 'views.db'))).toBe(before);
    }));

  test('does not take the place of a file that somebody else has open, and the views go on', () =>
    withViews(SOME, async ({ views, path, history }) => {
      const other = new Database(path);
      other.prepare('SELECT count(*) FROM transfers').get();
      await expect(views.rebuild('all')).rejects.toThrow(/open elsewhere/);
      await history.step({ do: 'fund', reserve: 0, units: 5n });
      await views.caughtUpWith(history.ledger.lastCommitted);
      other.close();
      await views.rebuild('all');
      expect((await views.verify()).differences).toEqual([]);
    }));

  test('a start removes what a rebuild that died left behind', () =>
    inFolder(async (folder) => {
      const { store } = await ledgerOf(SOME);
      for (const name of ['next', 'verify', 'copy', 'past-3', 'next-journal']) {
        writeFileSync(join(folder, `views.db.${name}`), 'half');
      }
      writeFileSync(join(folder, 'other.db'), 'not ours');
      const views = await Views.start(store, optionsFor(folder));
      await views.close();
      expect(readdirSync(folder).sort()).toEqual(['other.db', 'views.db']);
    }));
});

describe('verify', () => {
  test('finds nothing in honest views', () =>
    fc.assert(
      fc.asyncProperty(anySteps(100), (steps) =>
        withViews(steps, async ({ views, store }) => {
          const events = (await eventsOf(store)).length;
          expect(await views.verify()).toEqual({ events, differences: [] });
        }),
      ),
      { numRuns: 8 },
    ));

  test('finds a value off by one unit, and shows both rows', () =>
    withViews(SOME, async ({ views, path }) => {
      const reservePub = reserveAt(0);
      const right = (await views.ask('reserve-summary', 'summary', reservePub)) ?? expect.fail('an unknown reserve');
      const wrong = (right.balance + 1n).toString();
      manipulate(path, `UPDATE reserve_summary SET balance = '${wrong}' WHERE reserve_pub = '${reservePub}'`);
      for (const target of ['all', 'reserve-summary'] as const) {
        const { differences } = await views.verify(target);
        expect(differences).toEqual([
          {
            view: 'reserve-summary',
            table: 'reserve_summary',
            found: expect.objectContaining({ reserve_pub: reservePub, balance: wrong }),
            expected: expect.objectContaining({ reserve_pub: reservePub, balance: right.balance.toString() }),
          },
        ]);
      }
      expect((await views.verify('transfers')).differences).toEqual([]);
    }));

  test('finds a row that is missing and one that is too many', () =>
    withViews(SOME, async ({ views, path }) => {
      manipulate(path, 'DELETE FROM reserve_history WHERE row = 1');
      manipulate(path, `INSERT INTO legitimization_owners VALUES ('NOBODY', 'NOONE')`);
      const { differences } = await views.verify();
      const missing = differences.filter(({ table }) => table === 'reserve_history');
      expect(missing.length).toBeGreaterThan(0);
      expect(missing.every(({ found, expected }) => found === undefined && expected?.row === 1)).toBe(true);
      expect(differences.filter(({ table }) => table !== 'reserve_history')).toEqual([
        {
          view: 'legitimizations',
          table: 'legitimization_owners',
          found: { account: 'NOBODY', account_pub: 'NOONE' },
        },
      ]);
    }));
});

describe('stateAt', () => {
  test('is what a ledger that ended there would say', () =>
    withViews(SOME, async ({ views, store }) => {
      const events = await eventsOf(store);
      for (const index of [0, 10, Math.floor(events.length / 2), events.length - 1]) {
        const { position, writtenAtUs } = events[index] ?? expect.fail();
        const ended = await ledgerOf(SOME);
        const states = await statesUntil(ended, position);
        for (const moment of [{ position }, { writtenAtUs }, { writtenAtUs: writtenAtUs + 999_999 }]) {
          const past = await views.stateAt('reserve-summary', moment);
          expect(past.at.position).toBe(position);
          for (const place of places) {
            expect((await past.ask('summary', reserveAt(place)))?.balance).toBe(states.get(reserveAt(place)));
          }
          await past.close();
        }
      }
      const before = await views.stateAt('reserve-summary', { writtenAtUs: 5 });
      expect(before.at).toMatchObject({ position: -1n as Position, events: 0 });
      expect(await before.ask('summary', reserveAt(0))).toBeUndefined();
      await before.close();
      const future = await views.stateAt('reserve-history', { writtenAtUs: Number.MAX_SAFE_INTEGER });
      for (const place of places) {
        const page = { limit: 1_000 };
        const now = await views.ask('reserve-history', 'history', reserveAt(place), page);
        expect(await future.ask('history', reserveAt(place), page)).toEqual(now);
      }
      await future.close();
    }));

  test('has its rows, of all keys or of one', () =>
    withViews(SOME, async ({ views }) => {
      const selection = { limit: 1_000 };
      const now = await views.rows('reserve-summary', selection);
      const past = await views.stateAt('reserve-summary', { writtenAtUs: Number.MAX_SAFE_INTEGER });
      expect(await past.rows(selection)).toStrictEqual(now);
      await past.close();

      const [table, rows] = Object.entries(now)[0] ?? expect.fail();
      expect(rows.length).toBeGreaterThan(1);
      const key = reserveAt(places[0] ?? expect.fail());
      const own = (await views.rows('reserve-summary', { key, limit: 1_000 }))[table];
      expect(own).toStrictEqual(rows.filter((row) => row.reserve_pub === key));
      expect(own).toHaveLength(1);
      expect((await views.rows('reserve-summary', { limit: 1 }))[table]).toStrictEqual(rows.slice(0, 1));
    }));

  test('shows every amount in its currency: no text is a count of units', () =>
    withViews(SOME, async ({ views }) => {
      const shown = new Set<string>();
      for (const { name } of VIEWS) {
        for (const row of Object.values(await views.rows(name, { limit: 1_000 })).flat()) {
          for (const [column, value] of Object.entries({ ...row, ...Object(row.details) })) {
            if (typeof value !== 'string') continue;
            if (value.startsWith(`${CURRENCY}:`)) shown.add(`${name} ${column}`);
            else if (!/bank_?row/i.test(column)) expect(`${column} ${value}`).not.toMatch(/ ([0-9]+|\{.*)$/);
          }
        }
      }
      const some = ['denominations issued_value', 'purses balance', 'reserve-history closingFee', 'transfers amount'];
      expect([...shown]).toEqual(expect.arrayContaining(some));
    }));
});

/** Balances after the unit at `position`, by folding each reserve's stream. */
async function statesUntil({ history, store }: TestLedger, position: Position): Promise<Map<string, bigint>> {
  const balances = new Map<string, bigint>();
  for (const place of places) {
    const stream = history.streams.reserve(reserveAt(place));
    const { events } = await store.readStream(stream.name);
    const until = events.filter((event) => event.position <= position);
    const state = until.reduce((folded, event) => stream.evolve(folded, stream.decode(event)), stream.initial());
    if (until.length > 0) balances.set(reserveAt(place), state.balance);
  }
  return balances;
}
