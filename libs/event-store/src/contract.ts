/**
 * What every event store must do. An adapter's spec hands in Vitest's functions and a way to open an empty store:
 *
 *     eventStoreContract({ describe, expect, test }, 'SQLite', open);
 *
 * Nothing here looks into revisions or positions, which are the adapter's own.
 */
import type { describe, expect, test } from 'vitest';
import { modelContract } from './contract-model.js';
import { readingContract } from './contract-reading.js';
import { ledgerTools, type OpenStore } from './contract-tools.js';
import {
  type Json,
  type JsonObject,
  NO_EVENTS,
  type RecordedEvent,
  type Revision,
  START,
  type StreamAppend,
  UNIT_BYTES_MAX,
  UNIT_STREAMS_MAX,
} from './port.js';

export interface TestFunctions {
  readonly describe: typeof describe;
  readonly expect: typeof expect;
  readonly test: typeof test;
}

export type { OpenedStore, OpenStore } from './contract-tools.js';

export function eventStoreContract(functions: TestFunctions, name: string, open: OpenStore): void {
  const { describe, expect, test } = functions;
  const { withStore, units, event, append } = ledgerTools(open);

  describe(`${name}: commits`, () => {
    test('what was committed is read back in full', () =>
      withStore(async ({ store, coin }) => {
        const committed = await store.commit([append(coin('A'), NO_EVENTS, event('First'), event('Second'))]);
        const page = await store.readStream(coin('A'));
        expect(page.events).toEqual(committed.events);
        expect(page.events.map(({ type, version, number, index }) => ({ type, version, number, index }))).toEqual([
          { type: 'First', version: 1, number: 0, index: 0 },
          { type: 'Second', version: 1, number: 1, index: 1 },
        ]);
        expect(page.revision).toBe(committed.revisions.get(coin('A')));
        expect(page.complete).toBe(true);
        for (const { position, writtenAtUs } of page.events) {
          expect(position).toBe(committed.position);
          expect(Number.isSafeInteger(writtenAtUs) && writtenAtUs > 0).toBe(true);
        }
      }));

    test('a stream grows at the revision of its last commit', () =>
      withStore(async ({ store, coin }) => {
        const first = await store.commit([append(coin('A'), NO_EVENTS, event('First'))]);
        const second = await store.commit([append(coin('A'), revision(first, coin('A')), event('Second'))]);
        expect(second.events.map(({ number }) => number)).toEqual([1]);
        expect(second.position > first.position).toBe(true);
        expect((await store.readStream(coin('A'))).revision).toBe(second.revisions.get(coin('A')));
      }));

    test('a revision that was left behind, was never reached, or is none where there is one, is a conflict', () =>
      withStore(async ({ store, coin }) => {
        const { revisions } = await store.commit([append(coin('A'), NO_EVENTS, event('First'))]);
        const old = revisions.get(coin('A')) as Revision;
        const { revisions: newer } = await store.commit([append(coin('A'), old, event('Second'))]);
        const beyond = ((newer.get(coin('A')) as bigint) + 1n) as Revision;
        for (const expected of [old, beyond, NO_EVENTS] as const) {
          const refused = store.commit([append(coin('A'), expected, event('Refused'))]);
          await expect(refused).rejects.toMatchObject({ name: 'RevisionConflict', stream: coin('A') });
        }
        await expect(store.commit([append(coin('B'), old, event('Refused'))])).rejects.toMatchObject({
          name: 'RevisionConflict',
          stream: coin('B'),
        });
        expect((await units(store)).flatMap(({ events }) => events.map(({ type }) => type))).toEqual([
          'First',
          'Second',
        ]);
      }));

    test('a unit with one conflict leaves nothing on any of its streams, wherever the conflict is', () =>
      withStore(async ({ store, coin, reserve }) => {
        await store.commit([
          append(coin('B'), NO_EVENTS, event('Taken')),
          append(reserve('R'), NO_EVENTS, event('Taken')),
        ]);
        for (const taken of [coin('B'), reserve('R')]) {
          const names = [coin('A'), coin('C'), reserve('S'), taken];
          const unit = names.map((stream) => append(stream, NO_EVENTS, event('Refused'), event('Refused')));
          await expect(store.commit(unit)).rejects.toMatchObject({ name: 'RevisionConflict', stream: taken });
          for (const stream of names.slice(0, 3)) {
            expect(await store.readStream(stream)).toMatchObject({ events: [], revision: NO_EVENTS, complete: true });
          }
        }
        expect(await units(store)).toHaveLength(1);
      }));

    test('of 200 concurrent units that expect the same, one is committed', () =>
      withStore(async ({ store, coin, reserve }) => {
        const { revisions } = await store.commit([append(reserve('R'), NO_EVENTS, event('Opened'))]);
        const expected = revisions.get(reserve('R')) as Revision;
        const outcomes = await Promise.allSettled(
          Array.from({ length: 200 }, (_, i) =>
            store.commit([
              append(coin(`C${i}`), NO_EVENTS, event('Spent')),
              append(reserve('R'), expected, event('Won')),
            ]),
          ),
        );
        const refusals = outcomes.filter((outcome) => outcome.status === 'rejected');
        expect(refusals).toHaveLength(199);
        for (const { reason } of refusals)
          expect(reason).toMatchObject({ name: 'RevisionConflict', stream: reserve('R') });
        expect((await store.readStream(reserve('R'))).events).toHaveLength(2);
        expect(await units(store)).toHaveLength(2);
      }));

    test('concurrent units on different streams are all committed, in one dense order', () =>
      withStore(async ({ store, coin, reserve }) => {
        const committed = await Promise.all(
          Array.from({ length: 200 }, (_, i) =>
            store.commit([
              append(coin(`C${i}`), NO_EVENTS, event('One'), event('Two')),
              append(reserve(`R${i}`), NO_EVENTS, event('Three')),
            ]),
          ),
        );
        const all = await units(store);
        expect(all.flatMap(({ events }) => events.map(({ index }) => index))).toEqual([...Array(600).keys()]);
        expect(all).toEqual(committed.map(({ position, events }) => ({ position, events })).sort(byPosition));
      }));

    test('the streams of a unit are committed by rank, then by name, however they are handed in', () =>
      withStore(async ({ store, instance, coin, reserve }) => {
        const inOrder = [
          `${instance}.nonce-N.M`,
          `${instance}.wire-main`,
          `${instance}.account-A`,
          coin('A'),
          coin('B'),
          `${instance}.purse-P`,
          `${instance}.transfer-T`,
          reserve('R'),
          `${instance}.keys`,
        ];
        const shuffled = [...inOrder.slice(4), ...inOrder.slice(0, 4).reverse()];
        const { events } = await store.commit(shuffled.map((stream) => append(stream, NO_EVENTS, event('Noted'))));
        expect(events.map(({ stream }) => stream)).toEqual(inOrder);
        expect(await units(store)).toMatchObject([{ events }]);
      }));

    test('streams with similar names are different streams', () =>
      withStore(async ({ store, coin, instance }) => {
        const names = [coin('A'), coin('AA'), coin('a'), coin('A.A'), coin('A-A'), coin('A_A'), `${instance}.nonce-A`];
        for (const stream of names) await store.commit([append(stream, NO_EVENTS, event('Noted', { stream }))]);
        for (const stream of names) {
          expect((await store.readStream(stream)).events).toMatchObject([{ stream, data: { stream } }]);
        }
      }));

    test('an event with a commit-only signature is taken on the last stream of its unit and nowhere else', () =>
      withStore(async ({ store, coin, reserve }) => {
        const signed = (stream: string): StreamAppend => ({
          ...append(stream, NO_EVENTS, event('Signed')),
          commitOnly: true,
        });
        for (const unit of [
          [signed(coin('A')), append(reserve('R'), NO_EVENTS, event('Noted'))],
          [append(reserve('R'), NO_EVENTS, event('Noted')), signed(coin('A'))],
          [signed(coin('A')), signed(coin('B'))],
        ]) {
          await expect(store.commit(unit)).rejects.toMatchObject({ name: 'InvalidUnit', tooLarge: false });
        }
        expect(await units(store)).toEqual([]);
        await store.commit([signed(reserve('R')), append(coin('A'), NO_EVENTS, event('Noted'))]);
        await store.commit([signed(coin('B'))]);
        expect(await units(store)).toHaveLength(2);
      }));

    test('units of the largest size are committed, larger ones are refused as too large', () =>
      withStore(async ({ store, coin }) => {
        const streams = (count: number): StreamAppend[] =>
          Array.from({ length: count }, (_, i) => append(coin(`N${i}`), NO_EVENTS, event('Noted')));
        await expect(store.commit(streams(UNIT_STREAMS_MAX + 1))).rejects.toMatchObject({ tooLarge: true });
        const { events } = await store.commit(streams(UNIT_STREAMS_MAX));
        expect(events).toHaveLength(UNIT_STREAMS_MAX);

        const heavy = (chars: number): StreamAppend =>
          append(coin('H'), NO_EVENTS, event('Heavy', { text: '€'.repeat(chars) }));
        await expect(store.commit([heavy(UNIT_BYTES_MAX / 3)])).rejects.toMatchObject({ tooLarge: true });
        await store.commit([heavy(UNIT_BYTES_MAX / 3 - 200)]);
        expect((await store.readStream(coin('H'))).events[0]?.data).toEqual({
          text: '€'.repeat(UNIT_BYTES_MAX / 3 - 200),
        });
      }));

    test('what is no unit is refused before anything is written', () =>
      withStore(async ({ store, instance, coin }) => {
        const good = append(coin('A'), NO_EVENTS, event('Noted'));
        const bad: StreamAppend[][] = [
          [],
          [{ ...good, events: [] }],
          [good, good],
          ...['', 'coin-A', `${instance}.token-A`, `${instance}.coin`, `${instance}.coin-`, `${instance}.keys-A`].map(
            (stream) => [{ ...good, stream }],
          ),
          ...[`${instance}.coin-A B`, `UP.coin-A`, `${instance}.coin-Ä`, `${instance}.coin-${'A'.repeat(300)}`].map(
            (stream) => [{ ...good, stream }],
          ),
          [{ ...good, events: [event('$noted')] }],
          [{ ...good, events: [{ ...event('Noted'), version: 0 }] }],
          ...UNSTORABLE.map((value) => [{ ...good, events: [event('Noted', { deep: [{ value: value as Json }] })] }]),
          [{ ...good, events: [event('Noted', ['array'] as unknown as JsonObject)] }],
          [{ ...good, expected: -1n as Revision }],
        ];
        for (const unit of bad) {
          await expect(store.commit(unit)).rejects.toMatchObject({ name: 'InvalidUnit', tooLarge: false });
        }
        expect(await store.lastPosition()).toBe(START);
      }));

    test('data comes back as it went in', () =>
      withStore(async ({ store, coin }) => {
        const data = {
          text: 'ä€😀 "quoted" \\ back \u0000 \u001f \u2028 \ud800 lone, \udfff lone',
          numbers: [0, 1, -1, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER],
          words: [true, false, null],
          empty: [{}, [], ''],
          '': 'empty name',
          ['__proto__']: 'a name like others',
          'ünï\u0000': { b: 1, a: 2, 10: 3, 9: 4 },
          long: 'x'.repeat(100_000),
        };
        await store.commit([append(coin('A'), NO_EVENTS, event('Noted', data))]);
        const stored = (await store.readStream(coin('A'))).events[0]?.data;
        expect(stored).toEqual(data);
        expect(JSON.stringify(stored)).toBe(JSON.stringify(data));
      }));

    test('what was committed does not change with the objects that were handed in or out', () =>
      withStore(async ({ store, coin }) => {
        const data = { list: ['kept'] };
        await store.commit([append(coin('A'), NO_EVENTS, event('Noted', data))]);
        data.list.push('not committed');
        for (const read of [1, 2]) {
          const { data: stored } = (await store.readStream(coin('A'))).events[0] as RecordedEvent;
          expect(stored, `read ${read}`).toEqual({ list: ['kept'] });
          (stored.list as Json[]).push('not committed either');
        }
      }));

    test('a closed store refuses', () =>
      withStore(async ({ store, coin }) => {
        await store.close();
        await expect(store.commit([append(coin('A'), NO_EVENTS, event('Late'))])).rejects.toMatchObject({
          name: 'StoreUnavailable',
        });
      }));
  });

  readingContract(functions, name, open);
  modelContract(functions, name, open);
}

const UNSTORABLE: unknown[] = [
  undefined,
  0.5,
  -0,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  2 ** 53,
  1n,
  () => 1,
  Symbol('s'),
  new Date(0),
  new Uint8Array(1),
  new Map(),
  cyclic(),
  new Array(1),
];

function cyclic(): unknown {
  const circle: { inner?: unknown } = {};
  circle.inner = circle;
  return circle;
}

function revision({ revisions }: { revisions: ReadonlyMap<string, Revision> }, stream: string): Revision {
  return revisions.get(stream) as Revision;
}

function byPosition(a: { position: bigint }, b: { position: bigint }): number {
  return a.position < b.position ? -1 : 1;
}
