import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ledger, MemoryStore } from '@florin/event-store';
import { Views } from '@florin/projections';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { LongPoll } from './long-poll.js';

let folder: string;
let views: Views;
let longPoll: LongPoll;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'florin-long-poll-'));
  const store = new MemoryStore(() => 0);
  const onFault = (error: Error): never => {
    throw error;
  };
  views = await Views.start(store, { path: join(folder, 'views.db'), currency: 'KUDOS', onFault });
  longPoll = new LongPoll(new Ledger(store), views);
});
afterAll(async () => {
  await views.close();
  rmSync(folder, { recursive: true });
});

/** Long enough that a wait that nothing ends fails the test. */
const FOREVER = { stream: 'florin.purse-of-nobody', timeoutMs: 1_000_000 };

/** A value that changes so long after it was read first, and says how often it was read. */
function changingIn(ms: number) {
  let reads = 0;
  let at = 0;
  const read = async () => {
    if (reads === 0) at = performance.now() + ms;
    reads += 1;
    return { isOver: performance.now() >= at, reads };
  };
  return { read, inMs: () => at - performance.now() };
}

test('what time alone changes is read again in time', async () => {
  const { read, inMs } = changingIn(50);
  const value = await longPoll.until(FOREVER, read, ({ isOver }) => isOver, inMs);
  expect(value.isOver).toBe(true);
  expect(value.reads).toBeGreaterThan(1);
});

test('what changes after the wait is over, or beyond what timers can do, does not wake it', async () => {
  for (const far of [3_600_000, 30 * 86_400_000, Number.MAX_SAFE_INTEGER]) {
    const { read, inMs } = changingIn(far);
    const value = await longPoll.until({ ...FOREVER, timeoutMs: 20 }, read, ({ isOver }) => isOver, inMs);
    expect(value).toEqual({ isOver: false, reads: 2 });
  }
});

test('what is over already is not waited for', async () => {
  const { read, inMs } = changingIn(0);
  expect(await longPoll.until(FOREVER, read, ({ isOver }) => isOver, inMs)).toEqual({ isOver: true, reads: 1 });
});
