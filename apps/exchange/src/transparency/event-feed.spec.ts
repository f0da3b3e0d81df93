import { once } from 'node:events';
import type { Readable } from 'node:stream';
import {
  type ExportLine,
  eventLeaf,
  Frontier,
  type Head,
  MemoryStore,
  NO_EVENTS,
  type Position,
  readExport,
} from '@florin/event-store';
import { beforeEach, expect, test } from 'vitest';
import { SystemClock } from '../runtime/clock.js';
import { EventFeed } from './event-feed.js';
import { ProvenEvents } from './proven-events.js';
import { NOTHING_PUBLISHED, type PublishedLog } from './published-log.js';

const UNITS = 400;
const EVENTS = 2 * UNITS;

/** Counts the units that are read of a ledger. */
class CountedStore extends MemoryStore {
  unitsRead = 0;

  override async *readAll(after: Position) {
    for await (const unit of super.readAll(after)) {
      this.unitsRead += 1;
      yield unit;
    }
  }
}

let store: CountedStore;
let feed: EventFeed;

beforeEach(async () => {
  store = new CountedStore(() => 1);
  const frontier = Frontier.empty();
  for (let unit = 0; unit < UNITS; unit += 1) {
    const noted = { type: 'Noted', version: 1, data: { text: 'x'.repeat(1000) } };
    const append = {
      stream: `florin.reserve-${unit}`,
      expected: NO_EVENTS as typeof NO_EVENTS,
      events: [noted, noted],
    };
    const { events } = await store.commit([append]);
    for (const event of events) frontier.append(eventLeaf(event));
  }
  const head: Head = { origin: 'florin/test', size: EVENTS, root: frontier.root(), note: 'signed' };
  const log: PublishedLog = { ...NOTHING_PUBLISHED, origin: 'florin/test', head: () => head };
  feed = new EventFeed(store, log, new ProvenEvents(store, log), new SystemClock());
});

const all = { first: 0, limit: 10 * EVENTS, timeoutMs: 0 };

async function linesOf(stream: Readable): Promise<ExportLine[]> {
  const lines = [];
  for await (const line of readExport(stream)) lines.push(line);
  return lines;
}

test('events are read as they are sent: who does not take them costs nothing', async () => {
  const stream = await feed.open(all);
  await once(stream, 'readable');
  stream.read(1);
  for (let turn = 0; turn < 50; turn += 1) await new Promise(setImmediate);
  expect(store.unitsRead).toBeGreaterThan(0);
  expect(store.unitsRead).toBeLessThan(UNITS / 2);
  const lines = await linesOf(stream);
  expect(lines.filter(({ kind }) => kind === 'event').length).toBeGreaterThan(EVENTS - 10);
  expect(store.unitsRead).toBe(UNITS);
});

test('from inside of a unit, limited, and from the end', async () => {
  const limited = await linesOf(await feed.open({ ...all, first: 5, limit: 3 }));
  expect(limited[0]).toMatchObject({ kind: 'header', header: { first: 4 } });
  expect(limited.flatMap((line) => (line.kind === 'event' ? [line.event.index] : []))).toEqual([4, 5, 6, 7]);
  expect(limited.at(-1)).toEqual({ kind: 'tail', tail: { head: 'signed', next: 8 } });
  const [header, tail, ...more] = await linesOf(await feed.open({ ...all, first: EVENTS }));
  expect([header, tail]).toMatchObject([{ header: { first: EVENTS } }, { tail: { next: EVENTS } }]);
  expect(more).toEqual([]);
  await expect(feed.open({ ...all, first: EVENTS + 1 })).rejects.toMatchObject({ status: 400, code: 26 });
});

test('a few at a time: a place is free again once a reader has gone', async () => {
  const streams = await Promise.all(Array.from({ length: 4 }, () => feed.open(all)));
  await expect(feed.open(all)).rejects.toMatchObject({ status: 503 });
  const [gone] = streams;
  gone?.destroy();
  await once(gone as Readable, 'close');
  streams.push(await feed.open(all));
  for (const stream of streams) stream.destroy();
});

test('when the service stops, an answer under way ends with a whole unit, and no wait goes on', async () => {
  const stream = await feed.open(all);
  await once(stream, 'readable');
  const waiting = feed.open({ ...all, first: EVENTS, timeoutMs: 1_000_000 });
  feed.beforeApplicationShutdown();
  const lines = await linesOf(stream);
  const sent = lines.filter(({ kind }) => kind === 'event').length;
  expect(sent).toBeLessThan(EVENTS);
  expect(lines.at(-1)).toEqual({ kind: 'tail', tail: { head: 'signed', next: sent } });
  expect(await linesOf(await waiting)).toHaveLength(2);
});
