import { describe, expect, test } from 'vitest';
import { eventStoreContract } from './contract.js';
import { collect } from './contract-tools.js';
import { MemoryStore, NO_EVENTS, START } from './index.js';

let clockUs = 1_700_000_000_000_000;
const now = () => clockUs++;

eventStoreContract({ describe, expect, test }, 'memory', async () => {
  let store = new MemoryStore(now);
  return {
    store,
    instance: 'test',
    reopen: async () => {
      const image = store.snapshot();
      await store.close();
      store = new MemoryStore(now, image);
      return store;
    },
    destroy: () => store.close(),
  };
});

test('a memory store opened from an image knows nothing of what came after the image', async () => {
  const store = new MemoryStore(now);
  const unit = (key: string) => [
    { stream: `test.coin-${key}`, expected: NO_EVENTS, events: [{ type: 'Noted', version: 1, data: {} }] } as const,
  ];
  await store.commit(unit('A'));
  const image = store.snapshot();
  await store.commit(unit('B'));
  const survivor = new MemoryStore(now, image);
  await survivor.commit(unit('C'));
  const streams = async (of: MemoryStore) =>
    (await collect(of.readAll(START))).flatMap((u) => u.events.map((e) => e.stream));
  expect(await streams(survivor)).toEqual(['test.coin-A', 'test.coin-C']);
  expect(await streams(store)).toEqual(['test.coin-A', 'test.coin-B']);
});
