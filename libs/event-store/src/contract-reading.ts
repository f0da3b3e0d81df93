import type { TestFunctions } from './contract.js';
import { collect, ledgerTools, type OpenStore } from './contract-tools.js';
import { type EventStore, NO_EVENTS, type Position, type Revision, START } from './port.js';

/** Pages, the global order and subscriptions. */
export function readingContract({ describe, expect, test }: TestFunctions, name: string, open: OpenStore): void {
  const { withStore, units, event, append } = ledgerTools(open);

  /** Commits `count` units of one event to one stream. @returns the revision after each */
  async function fill(store: EventStore, stream: string, count: number): Promise<Revision[]> {
    const revisions: Revision[] = [];
    for (let i = 0; i < count; i++) {
      const committed = await store.commit([append(stream, revisions.at(-1) ?? NO_EVENTS, event('Noted', { i }))]);
      revisions.push(committed.revisions.get(stream) as Revision);
    }
    return revisions;
  }

  describe(`${name}: reading`, () => {
    test('an unknown stream is empty', () =>
      withStore(async ({ store, coin }) => {
        const empty = { events: [], revision: NO_EVENTS, complete: true };
        expect(await store.readStream(coin('A'))).toEqual(empty);
        expect(await store.readStream(coin('A'), { fromNumber: 7, limit: 3 })).toEqual(empty);
        expect(await store.readStream(coin('A'), { backward: true })).toEqual(empty);
        expect(await units(store)).toEqual([]);
        expect(await store.lastPosition()).toBe(START);
      }));

    test('pages of a stream join, and each says at which revision a fold of it stands', () =>
      withStore(async ({ store, coin }) => {
        const revisions = await fill(store, coin('A'), 10);
        await fill(store, coin('B'), 3);
        for (const limit of [1, 3, 9, 10, 11]) {
          const numbers: number[] = [];
          for (let complete = false; !complete; ) {
            const page = await store.readStream(coin('A'), { fromNumber: numbers.length, limit });
            expect(page.events.length).toBeLessThanOrEqual(limit);
            numbers.push(...page.events.map(({ number }) => number));
            expect(page.revision).toBe(revisions[numbers.length - 1]);
            complete = page.complete;
          }
          expect(numbers).toEqual([...Array(10).keys()]);
        }
      }));

    test('a read of the tail finds nothing new, or what is new', () =>
      withStore(async ({ store, coin }) => {
        const revisions = await fill(store, coin('A'), 3);
        expect(await store.readStream(coin('A'), { fromNumber: 3 })).toEqual({
          events: [],
          revision: revisions[2],
          complete: true,
        });
        const { events } = await store.commit([append(coin('A'), revisions[2] as Revision, event('New'))]);
        expect((await store.readStream(coin('A'), { fromNumber: 3 })).events).toEqual(events);
      }));

    test('a stream is read backward from its end, or from a number', () =>
      withStore(async ({ store, coin }) => {
        const revisions = await fill(store, coin('A'), 5);
        const numbers = async (fromNumber: number | undefined, limit: number | undefined) => {
          const options = {
            backward: true,
            ...(fromNumber === undefined ? {} : { fromNumber }),
            ...(limit ? { limit } : {}),
          };
          const page = await store.readStream(coin('A'), options);
          expect(page.revision).toBe(revisions[4]);
          return [...page.events.map(({ number }) => number), page.complete];
        };
        expect(await numbers(undefined, undefined)).toEqual([4, 3, 2, 1, 0, true]);
        expect(await numbers(undefined, 2)).toEqual([4, 3, false]);
        expect(await numbers(2, 2)).toEqual([2, 1, false]);
        expect(await numbers(1, 2)).toEqual([1, 0, true]);
        expect(await numbers(9, 1)).toEqual([4, false]);
      }));

    test('numbers and limits that make no sense are refused', () =>
      withStore(async ({ store, coin }) => {
        for (const options of [{ fromNumber: -1 }, { fromNumber: 0.5 }, { limit: 0 }, { limit: 1.5 }]) {
          await expect(store.readStream(coin('A'), options)).rejects.toThrow(RangeError);
        }
        await expect(store.readStream('no stream')).rejects.toMatchObject({ name: 'InvalidUnit' });
      }));

    test('a long stream and large events come in more than one page, and whole', () =>
      withStore(async ({ store, coin }) => {
        const events = Array.from({ length: 2_500 }, (_, i) => event('Noted', { i }));
        let expected: Revision | typeof NO_EVENTS = NO_EVENTS;
        for (let at = 0; at < events.length; at += 500) {
          const committed = await store.commit([append(coin('A'), expected, ...events.slice(at, at + 500))]);
          expected = committed.revisions.get(coin('A')) as Revision;
        }
        for (let i = 0; i < 5; i++) {
          const heavy = event('Heavy', { text: `${i}`.repeat(600_000) });
          expected = (await store.commit([append(coin('A'), expected, heavy)])).revisions.get(coin('A')) as Revision;
        }
        const read: unknown[] = [];
        for (let complete = false; !complete; ) {
          const page = await store.readStream(coin('A'), { fromNumber: read.length });
          read.push(...page.events.map(({ data }) => data.i ?? (data.text as string)[0]));
          complete = page.complete;
        }
        expect(read).toEqual([...Array(2_500).keys(), '0', '1', '2', '3', '4']);
      }));

    test('the global order can be read on from every position', () =>
      withStore(async ({ store, coin, reserve }) => {
        await fill(store, coin('A'), 3);
        await store.commit([append(coin('B'), NO_EVENTS, event('One')), append(reserve('R'), NO_EVENTS, event('Two'))]);
        await fill(store, coin('C'), 3);
        const all = await units(store);
        expect(all).toHaveLength(7);
        expect(await store.lastPosition()).toBe(all.at(-1)?.position);
        for (const [place, { position }] of all.entries()) {
          expect(await units(store, position)).toEqual(all.slice(place + 1));
        }
      }));

    test('a position beyond the end is refused: the reader has seen another ledger', () =>
      withStore(async ({ store, coin }) => {
        await fill(store, coin('A'), 1);
        const beyond = ((await store.lastPosition()) + 1n) as Position;
        await expect(units(store, beyond)).rejects.toMatchObject({ name: 'UnknownPosition' });
        const subscription = store.subscribe(beyond, new AbortController().signal);
        await expect(collect(subscription, 1)).rejects.toMatchObject({ name: 'UnknownPosition' });
      }));
  });

  describe(`${name}: subscriptions`, () => {
    test('a subscription gives what is there, then what comes, each unit once and in order', () =>
      withStore(async ({ store, coin }) => {
        await fill(store, coin('A'), 5);
        const middle = (await units(store))[2]?.position as Position;
        const stop = new AbortController();
        const fromStart = collect(store.subscribe(START, stop.signal), 45);
        const fromMiddle = collect(store.subscribe(middle, stop.signal), 42);
        await Promise.all([fill(store, coin('B'), 20), fill(store, coin('C'), 20)]);
        const all = await units(store);
        expect(await fromStart).toEqual(all);
        expect(await fromMiddle).toEqual(all.slice(3));
      }));

    test('a subscription at the end waits, and ends silently when it is told to', () =>
      withStore(async ({ store, coin }) => {
        const stop = new AbortController();
        const subscription = store.subscribe(START, stop.signal)[Symbol.asyncIterator]();
        const first = subscription.next();
        await fill(store, coin('A'), 1);
        expect((await first).value?.events[0]?.stream).toBe(coin('A'));
        const second = subscription.next();
        stop.abort();
        expect(await second).toEqual({ done: true, value: undefined });
        expect(await collect(store.subscribe(START, stop.signal))).toEqual([]);
      }));

    test('a slow subscriber misses nothing', () =>
      withStore(async ({ store, coin }) => {
        const seen: number[] = [];
        const following = (async () => {
          for await (const { events } of store.subscribe(START, new AbortController().signal)) {
            seen.push(...events.map(({ index }) => index));
            await new Promise((resolve) => setImmediate(resolve));
            if (seen.length === 60) return;
          }
        })();
        await Promise.all(['A', 'B', 'C'].map((key) => fill(store, coin(key), 20)));
        await following;
        expect(seen).toEqual([...Array(60).keys()]);
      }));

    test('a store that is opened again holds the same, and goes on from there', () =>
      withStore(async ({ store, reopen, coin, reserve }) => {
        const revisions = await fill(store, coin('A'), 4);
        await store.commit([append(coin('B'), NO_EVENTS, event('One')), append(reserve('R'), NO_EVENTS, event('Two'))]);
        const [before, page] = [await units(store), await store.readStream(coin('A'))];
        const checkpoint = before[1]?.position as Position;
        const again = await reopen();
        expect(await units(again)).toEqual(before);
        expect(await again.readStream(coin('A'))).toEqual(page);
        expect(await again.lastPosition()).toBe(before.at(-1)?.position);
        const refused = again.commit([append(coin('A'), revisions[2] as Revision, event('Late'))]);
        await expect(refused).rejects.toMatchObject({ name: 'RevisionConflict' });
        const resumed = collect(again.subscribe(checkpoint, new AbortController().signal), 4);
        const added = await again.commit([append(coin('A'), revisions[3] as Revision, event('After'))]);
        expect(added.events).toMatchObject([{ number: 4, index: 6 }]);
        expect(await resumed).toEqual([...before.slice(2), { position: added.position, events: added.events }]);
      }));
  });
}
