import type { Position, RecordedEvent } from '@florin/event-store';
import { expect, test } from 'vitest';
import { PositionWaiters, StreamWatchers, ViewsBehind } from './waiters.js';

const at = (position: number): Position => BigInt(position) as Position;
const eventOf = (stream: string) => ({ stream }) as RecordedEvent;

test('whoever waits for a position is released when it is passed, and no other', async () => {
  const waiters = new PositionWaiters();
  const order: string[] = [];
  const [five, seven] = [waiters.wait(at(5), 60_000), waiters.wait(at(7), 60_000)];
  const both = [five.then(() => order.push('five')), seven.catch(() => order.push('seven failed'))];
  waiters.passed(at(4));
  await new Promise((resolve) => setImmediate(resolve));
  expect(order).toEqual([]);
  waiters.passed(at(6));
  await both[0];
  waiters.fail(new Error('stopped'));
  await both[1];
  expect(order).toEqual(['five', 'seven failed']);
  await expect(waiters.wait(at(9), 1)).rejects.toThrow(ViewsBehind);
});

test('what came while the process stood still is looked at before a wait is given up', async () => {
  const waiters = new PositionWaiters();
  const waiting = waiters.wait(at(5), 50);
  setImmediate(() => waiters.passed(at(5))); // as a message that lies there when the process goes on: after its timers
  for (const begunMs = performance.now(); performance.now() - begunMs < 100; );
  await waiting;
});

test('whoever watches a stream wakes once, and does not take others with him', async () => {
  const watchers = new StreamWatchers();
  const [first, second] = [new AbortController(), new AbortController()];
  const earlier = watchers.next('a', first.signal);
  watchers.changed([eventOf('b'), eventOf('a'), eventOf('a')]);
  await earlier;

  // The first one's signal comes late; the second one must still be there.
  let woken = false;
  const later = watchers.next('a', second.signal).then(() => {
    woken = true;
  });
  first.abort();
  await new Promise((resolve) => setImmediate(resolve));
  expect(woken).toBe(false);
  watchers.changed([eventOf('a')]);
  await later;

  const aborted = watchers.next('a', first.signal);
  await aborted;
  const [all, others] = [watchers.next('a', second.signal), watchers.next('b', second.signal)];
  watchers.wakeAll();
  await Promise.all([all, others]);
});
