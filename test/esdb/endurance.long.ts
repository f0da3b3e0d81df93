/**
 * Work that goes on and on against one store: single appends, units, races that leave void attempts, readers that break
 * off, subscribers, leases. What it holds in memory must not grow with what it has done.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { NO_EVENTS, type Position, RevisionConflict, START } from '@florin/event-store';
import { expect, test } from 'vitest';
import { serverProcess } from '../support/eventstoredb/stand-in-process.js';
import { type Ledger, noted, openLedger, unitOn } from './tools.js';

const MIB = 1024 * 1024;

test('a hundred thousand units leave nothing behind in the memory of a node', async () => {
  const { heap, units } = await endure(30);
  expect(units).toBeGreaterThan(100_000);
  console.log(`${units} units; heap in MiB: ${heap.map((bytes) => (bytes / MIB).toFixed(1)).join(' ')}`);
  // What is remembered is bounded: after the first rounds it has reached its bounds.
  const [early, late] = [heap[heap.length >> 1] ?? 0, heap.at(-1) ?? 0];
  expect((late - early) / MIB).toBeLessThan(16);
});

interface Endured {
  /** Bytes of heap after a collection: after the warm-up, then after each round. */
  readonly heap: readonly number[];
  readonly units: number;
}

const UNITS_PER_ROUND = 4_000;
const AT_A_TIME = 32;
const RACE_EVERY = 10;

async function endure(rounds: number): Promise<Endured> {
  const server = await serverProcess();
  const times = { callTimeoutMs: 10_000, commitTimeoutMs: 60_000 };
  const ledger = await openLedger(server.connectionString, times);
  const rival = await openLedger(server.connectionString, { ...times, instance: ledger.instance });
  const end = new AbortController();
  let [handedOut, last] = [0, START as Position];
  const following = (async () => {
    for await (const { position } of ledger.store.subscribe(START, end.signal)) {
      handedOut += 1;
      last = position;
    }
  })();
  const held = ledger.store
    .leases(1_000)
    .whileHeld(
      'work',
      end.signal,
      (signal) => new Promise((resolve) => signal.addEventListener('abort', () => resolve())),
    );
  try {
    const heap: number[] = [];
    let done = 0;
    for (let round = 0; round <= rounds; round++) {
      done += await work({ ledger, rival }, round);
      while (last < (await ledger.store.lastPosition())) await new Promise((resolve) => setTimeout(resolve, 50));
      heap.push(heapAfterCollection());
    }
    if (handedOut !== done) throw new Error(`${handedOut} units were handed out of ${done} that were committed`);
    return { heap, units: done };
  } finally {
    end.abort();
    await Promise.all([following, held]);
    await ledger.store.close();
    await rival.store.close();
    await server.stop();
  }
}

/** @returns how many units were committed */
async function work({ ledger, rival }: { ledger: Ledger; rival: Ledger }, round: number): Promise<number> {
  let [next, committed] = [0, 0];
  const worker = async (): Promise<void> => {
    while (next < UNITS_PER_ROUND) {
      const i = next++;
      const names = [`coin-${round}.${i}`, `coin-${round}.${i}b`, `reserve-${round}.${i}`].map(ledger.stream);
      if (i % RACE_EVERY === 0) {
        const both = [ledger, rival].map(({ store }) => store.commit(unitOn(names, 'racer')));
        for (const outcome of await Promise.allSettled(both)) {
          if (outcome.status === 'fulfilled') committed += 1;
          else if (!(outcome.reason instanceof RevisionConflict)) throw outcome.reason;
        }
      } else {
        await ledger.store.commit(i % 2 === 0 ? unitOn(names, 'one') : [noted(names[2] ?? '', NO_EVENTS, 'one')]);
        committed += 1;
      }
      if (i % 50 === 0) for await (const unit of ledger.store.readAll(START)) if (unit.position > START) break;
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, worker));
  return committed;
}

function heapAfterCollection(): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  collect();
  return process.memoryUsage().heapUsed;
}
