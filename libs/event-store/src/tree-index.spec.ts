import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Head } from './checkpoint.js';
import { eventLeaf } from './leaf.js';
import { MemoryStore } from './memory.js';
import { NO_EVENTS, type RecordedEvent, START } from './port.js';
import { Frontier, verifyConsistency, verifyInclusion } from './tree.js';
import { TreeIndex } from './tree-index.js';

let folder: string;
const faults: Error[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'florin-tree-'));
  faults.length = 0;
});
afterEach(() => {
  rmSync(folder, { recursive: true });
  expect(faults).toEqual([]);
});

const noted = (stream: string, count: number) => ({
  stream: `florin.reserve-${stream}`,
  expected: NO_EVENTS as typeof NO_EVENTS,
  events: Array.from({ length: count }, (_, number) => ({ type: 'Noted', version: 1, data: { number } })),
});

/** A ledger of so many units of one, two and three events. */
async function ledger(units: number, name = 'A'): Promise<MemoryStore> {
  const store = new MemoryStore(() => 5);
  for (let unit = 0; unit < units; unit += 1) await store.commit([noted(`${name}${unit}`, 1 + (unit % 3))]);
  return store;
}

async function eventsOf(store: MemoryStore): Promise<RecordedEvent[]> {
  const events: RecordedEvent[] = [];
  for await (const unit of store.readAll(START)) events.push(...unit.events);
  return events;
}

function rootOf(events: readonly RecordedEvent[], size = events.length): Uint8Array {
  const frontier = Frontier.empty();
  for (const event of events.slice(0, size)) frontier.append(eventLeaf(event));
  return frontier.root();
}

async function opened(store: MemoryStore, head?: Head): Promise<TreeIndex> {
  const onFault = (error: Error) => void faults.push(error);
  const index = new TreeIndex({ path: join(folder, 'tree.db'), store, head: () => head, onFault });
  const { length } = await eventsOf(store);
  while (index.size !== length && faults.length === 0) await sleep(1);
  return index;
}

test('finds every event, and proves its place in trees of any size, over tiles and restarts', async () => {
  const store = await ledger(300);
  await (await opened(store)).close();
  await store.commit([noted('late', 1)]);
  const index = await opened(store);
  const events = await eventsOf(store);
  const [size, root] = [events.length, rootOf(events)];
  expect(index.size).toBe(601);
  for (const place of [0, 1, 255, 256, 511, 599, 600]) {
    const event = events[place] as RecordedEvent;
    expect(await index.indexOf(event)).toBe(place);
    const proof = await index.inclusionProof(place, size);
    expect(verifyInclusion(proof, { leaf: eventLeaf(event), index: place, size, root })).toBe(true);
  }
  for (const from of [1, 255, 256, 257, 512, 600]) {
    const proof = await index.consistencyProof(from, size);
    expect(verifyConsistency(proof, { from, fromRoot: rootOf(events, from), to: size, toRoot: root })).toBe(true);
  }
  await expect(index.inclusionProof(0, size + 1)).rejects.toThrow(RangeError);
  expect(await index.indexOf({ ...(events[0] as RecordedEvent), number: 7 })).toBeUndefined();
  await index.close();
});

test('knows where to begin reading for any event', async () => {
  const store = await ledger(10);
  const index = await opened(store);
  for (const event of await eventsOf(store)) {
    for await (const unit of store.readAll(await index.positionBefore(event.index))) {
      expect(unit.position).toBe(event.position);
      break;
    }
  }
  await index.close();
});

test('begins anew where the ledger is another one: shorter, or not what was signed', async () => {
  await (await opened(await ledger(20))).close();
  const shorter = await ledger(3, 'B');
  const index = await opened(shorter);
  const events = await eventsOf(shorter);
  expect(index.size).toBe(events.length);
  expect(await index.indexOf(events[0] as RecordedEvent)).toBe(0);
  await index.close();

  const other = await ledger(3, 'C');
  const signed = await eventsOf(other);
  const head = { origin: 'florin/test', size: signed.length, root: rootOf(signed), note: '' };
  const anew = await opened(other, head);
  expect(await anew.indexOf(signed[0] as RecordedEvent)).toBe(0);
  await anew.close();
});
