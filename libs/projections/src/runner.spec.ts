import { join } from 'node:path';
import { MemoryStore, NO_EVENTS, type Position } from '@florin/event-store';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Views, type ViewsOptions, ViewsStopped } from './runner.js';
import { CURRENCY, History } from './testing/history.js';
import { reserveAt } from './testing/labels.js';
import { builtFile, contentOf, eventsOf, inFolder, ledgerOf } from './testing/ledgers.js';
import { anySteps } from './testing/steps.js';
import { ViewsBehind } from './waiters.js';

const SOME = fc.sample(anySteps(100), { numRuns: 1, seed: 3 })[0] ?? [];
const OTHERS = fc.sample(anySteps(100), { numRuns: 1, seed: 4 })[0] ?? [];

const options = (folder: string, more: Partial<ViewsOptions> = {}): ViewsOptions => ({
  path: join(folder, 'views.db'),
  currency: CURRENCY,
  waitMs: 60_000,
  onFault: (error) => expect.fail(error.message),
  onNotice: (message) => expect.fail(message),
  ...more,
});

/** What the file contains is what the store's events make of an empty one. */
async function expectBuiltFrom(store: MemoryStore, folder: string): Promise<void> {
  const expected = join(folder, 'expected.db');
  (await builtFile(expected, store)).close();
  expect(contentOf(join(folder, 'views.db'))).toBe(contentOf(expected));
}

describe('views follow the store', () => {
  test('a question after caughtUpWith sees the command before it', () =>
    inFolder(async (folder) => {
      const { history, store } = await ledgerOf([]);
      const views = await Views.start(store, options(folder));
      for (const step of SOME) {
        const committed = await history.step(step);
        await views.caughtUpWith(history.ledger.lastCommitted);
        const reserve = committed?.events.findLast(({ stream }) => stream.startsWith('florin.reserve-'));
        if (!reserve) continue;
        const pub = reserve.stream.slice('florin.reserve-'.length) as ReturnType<typeof reserveAt>;
        const { balance } = await history.ledger.peek(history.streams.reserve(pub));
        const summary = await views.ask('reserve-summary', 'summary', pub);
        expect(summary).toMatchObject({ balance, lastEvent: reserve.number });
      }
      const { position, events, storePosition, writtenAtUs } = await views.lag();
      const all = await eventsOf(store);
      expect({ position, events, storePosition, writtenAtUs }).toEqual({
        position: await store.lastPosition(),
        events: all.length,
        storePosition: await store.lastPosition(),
        writtenAtUs: all.at(-1)?.writtenAtUs,
      });
      await views.close();
      await expectBuiltFrom(store, folder);
    }));

  test('they go on where they were, after more was committed without them', () =>
    inFolder(async (folder) => {
      const { history, store } = await ledgerOf(SOME.slice(0, 50));
      for (const steps of [SOME.slice(50, 60), [], SOME.slice(60)]) {
        const views = await Views.start(store, options(folder));
        await views.caughtUpWith(await store.lastPosition());
        await views.close();
        await expectBuiltFrom(store, folder);
        for (const step of steps) await history.step(step);
      }
    }));

  test('an unknown reserve is unknown', () =>
    inFolder(async (folder) => {
      const { store } = await ledgerOf([]);
      const views = await Views.start(store, options(folder));
      expect(await views.ask('reserve-summary', 'summary', reserveAt(99))).toBeUndefined();
      expect(await views.ask('reserve-history', 'history', reserveAt(99), { limit: 1 })).toBeUndefined();
      await views.close();
    }));

  test('waiting for what does not come ends with ViewsBehind', () =>
    inFolder(async (folder) => {
      const { store } = await ledgerOf(SOME);
      const views = await Views.start(store, options(folder, { waitMs: 20 }));
      const next = ((await store.lastPosition()) + 1n) as Position;
      await expect(views.caughtUpWith(next)).rejects.toThrow(ViewsBehind);
      await expect(views.stateAt('transfers', { position: next })).rejects.toThrow(/the ledger ends at position/);
      await views.close();
    }));

  test('a long poll is woken by an event of its stream, and by nothing else', () =>
    inFolder(async (folder) => {
      const { history, store } = await ledgerOf([]);
      const views = await Views.start(store, options(folder));
      const [mine, others] = [0, 1].map((place) => history.streams.reserve(reserveAt(place)).name);
      const never = new AbortController();
      const woken: string[] = [];
      const poll = views.changed(mine ?? '', never.signal).then(() => woken.push('mine'));
      const other = views.changed(others ?? '', never.signal).then(() => woken.push('others'));
      await history.step({ do: 'fund', reserve: 1, units: 5n });
      await other;
      await views.caughtUpWith(await store.lastPosition());
      expect(woken).toEqual(['others']);
      await history.step({ do: 'fund', reserve: 0, units: 7n });
      await poll;
      expect(await views.ask('reserve-summary', 'summary', reserveAt(0))).toMatchObject({ balance: 7n });

      const aborted = new AbortController();
      const left = views.changed(mine ?? '', aborted.signal);
      aborted.abort();
      await left;
      await views.changed(mine ?? '', aborted.signal);
      const closing = views.changed(mine ?? '', never.signal);
      await views.close();
      await closing;
    }));
});

describe('views that cannot go on stop, and say so', () => {
  test('at an event that cannot be applied: nothing is skipped and nothing answered any more', () =>
    inFolder(async (folder) => {
      const { history, store } = await ledgerOf(SOME);
      const faults: Error[] = [];
      const views = await Views.start(store, options(folder, { onFault: (error) => faults.push(error) }));
      const last = await store.lastPosition();
      await views.caughtUpWith(last);
      const unknown = { type: 'SomethingNew', version: 1, data: {} };
      const stream = history.streams.reserve(reserveAt(77)).name;
      const committed = store.commit([{ stream, expected: NO_EVENTS, events: [unknown] }]);
      await expect(committed.then(({ position }) => views.caughtUpWith(position))).rejects.toThrow(ViewsStopped);
      await history.step({ do: 'fund', reserve: 0, units: 5n });
      await expect(views.caughtUpWith(last)).rejects.toThrow(/SomethingNew, number 0 of florin\.reserve-/);
      await expect(views.ask('transfers', 'byStatus', 'requested', { limit: 1 })).rejects.toThrow(ViewsStopped);
      await expect(views.rebuild('all')).rejects.toThrow(ViewsStopped);
      expect(faults).toEqual([expect.any(ViewsStopped)]);
      await views.close();

      // The next start meets the same event, and has applied everything before it.
      const again = await Views.start(store, options(folder, { onFault: (error) => faults.push(error) }));
      await expect(again.caughtUpWith(await store.lastPosition())).rejects.toThrow(ViewsStopped);
      const { position } = await again.lag();
      expect(position).toBe(last);
      await again.close();
      expect(faults).toHaveLength(2);
    }));

  test('when the store is closed under them', () =>
    inFolder(async (folder) => {
      const { store } = await ledgerOf(SOME);
      const stopped = new Promise<Error>((resolve) => {
        void Views.start(store, options(folder, { onFault: resolve })).then(async (views) => {
          await views.caughtUpWith(await store.lastPosition());
          await store.close();
          await stopped;
          await views.close();
        });
      });
      expect(await stopped).toBeInstanceOf(ViewsStopped);
    }));

  test("questions that make no sense are the asker's fault and stop nothing", () =>
    inFolder(async (folder) => {
      const { store } = await ledgerOf(SOME);
      const views = await Views.start(store, options(folder));
      await expect(views.ask('transfers', 'nothing' as 'transfer', '' as never)).rejects.toThrow(/no view/);
      await expect(views.ask('transfers', 'transfer', {} as never)).rejects.toThrow();
      await views.caughtUpWith(await store.lastPosition());
      await views.close();
      await expect(views.ask('transfers', 'ofReserve', reserveAt(0))).rejects.toThrow(ViewsStopped);
      await expect(views.caughtUpWith(0n as Position)).rejects.toThrow(ViewsStopped);
    }));
});

describe('a file that belongs to another ledger is built anew', () => {
  const replaced = (other: (steps: typeof SOME) => Promise<MemoryStore>): Promise<void> =>
    inFolder(async (folder) => {
      const { store } = await ledgerOf(SOME);
      const views = await Views.start(store, options(folder));
      await views.caughtUpWith(await store.lastPosition());
      await views.close();

      const otherStore = await other(SOME);
      const notices: string[] = [];
      const next = await Views.start(otherStore, options(folder, { onNotice: (message) => notices.push(message) }));
      await next.caughtUpWith(await otherStore.lastPosition());
      await next.close();
      expect(notices).toEqual([expect.stringContaining('another ledger')]);
      await expectBuiltFrom(otherStore, folder);
    });

  test('one that begins otherwise', () => replaced(async () => (await ledgerOf(OTHERS)).store));
  test('an empty one', () => replaced(async () => new MemoryStore(() => 0)));
  test('a shorter one, as after a backup was restored', () =>
    replaced(async (steps) => (await ledgerOf(steps.slice(0, -30))).store));
  test('one that was restored from a backup and went on differently', () =>
    replaced(async (steps) => (await ledgerOf([...steps.slice(0, -30), ...OTHERS])).store));
  test('the same commands at another time', () =>
    replaced(async (steps) => {
      const store = new MemoryStore(() => 1);
      const history = new History(store);
      await history.begin();
      for (const step of steps) await history.step(step);
      return store;
    }));
});
