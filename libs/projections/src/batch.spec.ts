import { type CommittedUnit, type Position, type RecordedEvent, START } from '@florin/event-store';
import { describe, expect, test } from 'vitest';
import { type Batch, BrokenSequence, batches, earliest, feed, unitsUntil, wantedBy } from './batch.js';

const EVERYTHING = { first: 0, wanted: () => true, eventsMax: 1_000 };

const eventAt = (index: number, category = 'reserve'): RecordedEvent => ({
  stream: `florin.${category}-A`,
  number: index,
  index,
  position: BigInt(index) as Position,
  type: 'T',
  version: 1,
  data: {},
  writtenAtUs: 1_000 + index,
});

/** Units of the given sizes, from event 0. */
function unitsOf(...sizes: number[]): CommittedUnit[] {
  let index = 0;
  return sizes.map((size) => {
    const position = BigInt(index + size - 1) as Position;
    const events = Array.from({ length: size }, () => ({ ...eventAt(index++), position }));
    return { position, events };
  });
}

async function* arriving(units: readonly CommittedUnit[]): AsyncGenerator<CommittedUnit> {
  yield* units;
}

async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const all: Item[] = [];
  for await (const item of items) all.push(item);
  return all;
}

describe('batches', () => {
  test('hold whole units and end when they are full', async () => {
    const all = await collect(batches(arriving(unitsOf(1, 3, 2, 5, 1)), { ...EVERYTHING, eventsMax: 4 }));
    expect(all.map(({ first, after }) => [first, after.events])).toEqual([
      [0, 4],
      [4, 11],
      [11, 12],
    ]);
    expect(all.map(({ after }) => after.position)).toEqual([3n, 10n, 11n]);
    expect(all.map(({ writtenAtUs }) => writtenAtUs)).toEqual([1_003, 1_010, 1_011]);
    expect(all.flatMap(({ events }) => events.map(({ index }) => index))).toEqual([...Array(12).keys()]);
  });

  test('do not wait for what has not arrived', async () => {
    const [first, second] = unitsOf(1, 1) as [CommittedUnit, CommittedUnit];
    let arrive = (): void => undefined;
    const later = new Promise<void>((resolve) => {
      arrive = resolve;
    });
    async function* slow(): AsyncGenerator<CommittedUnit> {
      yield first;
      await later;
      yield second;
    }
    const iterator = batches(slow(), EVERYTHING);
    expect((await iterator.next()).value?.after.events).toBe(1);
    const next = iterator.next();
    arrive();
    expect((await next).value?.after.events).toBe(2);
    expect((await iterator.next()).done).toBe(true);
  });

  test('hold back the producer while a batch waits to be taken', async () => {
    let handedOut = 0;
    async function* counted(): AsyncGenerator<CommittedUnit> {
      for (const unit of unitsOf(...Array<number>(50).fill(1))) {
        handedOut += 1;
        yield unit;
      }
    }
    const iterator = batches(counted(), { ...EVERYTHING, eventsMax: 5 });
    expect((await iterator.next()).value?.after.events).toBe(5);
    await new Promise((resolve) => setImmediate(resolve));
    expect(handedOut).toBe(10);
    await iterator.return(undefined);
    await new Promise((resolve) => setImmediate(resolve));
    expect(handedOut).toBeLessThanOrEqual(11);
  });

  test('leave out what nobody reads, and count it', async () => {
    const events = [eventAt(0, 'nonce'), eventAt(1), eventAt(2, 'nonce')];
    const units = [{ position: 2n as Position, events }];
    const [batch] = await collect(
      batches(arriving(units), { ...EVERYTHING, wanted: (category) => category !== 'nonce' }),
    );
    expect(batch?.events.map(({ index }) => index)).toEqual([1]);
    expect(batch?.after).toMatchObject({ position: 2n, events: 3, tip: { number: 2 } });
  });

  test('end with an error at a gap, a repetition and an error of the store', async () => {
    const [a, b, c] = unitsOf(1, 2, 1) as [CommittedUnit, CommittedUnit, CommittedUnit];
    await expect(collect(batches(arriving([a, c]), EVERYTHING))).rejects.toThrow(BrokenSequence);
    await expect(collect(batches(arriving([a, b, b]), EVERYTHING))).rejects.toThrow(BrokenSequence);
    await expect(collect(batches(arriving([a, b]), { ...EVERYTHING, first: 1 }))).rejects.toThrow(BrokenSequence);
    async function* failing(): AsyncGenerator<CommittedUnit> {
      yield a;
      throw new Error('the disk is gone');
    }
    await expect(collect(batches(failing(), EVERYTHING))).rejects.toThrow('the disk is gone');
  });
});

describe('feeding', () => {
  test('puts one batch at a time, in order', async () => {
    const done: number[] = [];
    let running = 0;
    await feed(batches(arriving(unitsOf(1, 1, 1, 1)), { ...EVERYTHING, eventsMax: 1 }), async ({ after }: Batch) => {
      running += 1;
      expect(running).toBe(1);
      await new Promise((resolve) => setImmediate(resolve));
      running -= 1;
      done.push(after.events);
    });
    expect(done).toEqual([1, 2, 3, 4]);
  });

  test('ends with the error of whoever applies', async () => {
    const source = batches(arriving(unitsOf(1, 1, 1)), { ...EVERYTHING, eventsMax: 1 });
    await expect(feed(source, () => Promise.reject(new Error('full')))).rejects.toThrow('full');
  });
});

test('units are handed out up to and with the last one, and not beyond a rule', async () => {
  const units = unitsOf(2, 1, 3, 1);
  const until = async (last: bigint, rule: (unit: CommittedUnit) => boolean = () => true): Promise<bigint[]> =>
    (await collect(unitsUntil(arriving(units), { last: last as Position, rule }))).map(({ position }) => position);
  expect(await until(2n)).toEqual([1n, 2n]);
  expect(await until(4n)).toEqual([1n, 2n]);
  expect(await until(START)).toEqual([]);
  expect(await until(6n, ({ events }) => events.length !== 3)).toEqual([1n, 2n]);
});

test('an event is wanted if one of its readers has not counted it', () => {
  const at = (events: number) => ({ position: 0n as Position, events });
  const views = [
    { reads: ['reserve'], at: at(10) },
    { reads: ['reserve', 'keys'], at: at(4) },
    { reads: ['wire'], at: at(0) },
  ];
  const wanted = wantedBy(views);
  const asked = [
    ['reserve', 3],
    ['reserve', 4],
    ['keys', 3],
    ['keys', 4],
    ['wire', 0],
    ['nonce', 99],
  ] as const;
  expect(asked.map(([category, index]) => wanted(category, index))).toEqual([false, true, false, true, true, false]);
  expect(earliest(views).events).toBe(0);
});
