/** Leases on a server that answers at once, with clocks that are handed in. */
import { DamagedStore, StoreUnavailable } from '@florin/event-store';
import { type AppendAnswer, EsdbLeases, type EsdbLike, type RawPage } from '@florin/event-store/commit-protocol';
import { expect, test } from 'vitest';
import { pageOf, rawOf, SimulatedServer } from '../simulation/commit-model/server.js';
import { Random } from '../simulation/random.js';
import { Life, settled } from '../simulation/scheduler.js';

const EXPIRY_MS = 1_000;

/** A server with streams that can be deleted for ever, and processes that want the lease of one job. */
class Bench {
  readonly server = new SimulatedServer();
  readonly deleted = new Set<string>();
  isAway = false;
  readonly told: string[] = [];
  readonly history: string[] = [];
  readonly holding = new Set<string>();
  private readonly lives: Life[] = [];

  join(holder: string): AbortController {
    const clock = new Life();
    this.lives.push(clock);
    const { unit: random, uuid: newId } = new Random(this.lives.length);
    const stopped = new AbortController().signal;
    const surroundings = { client: this.client(), clock, random, newId, stopped, leaseMs: 1_000 };
    const onDeleted = (stream: string, next: string): number => this.told.push(`${holder}: ${stream} -> ${next}`);
    const leases = new EsdbLeases(surroundings, { instance: 'test', holder, expiryMs: EXPIRY_MS, onDeleted });
    const end = new AbortController();
    void leases.whileHeld('work', end.signal, async (held) => {
      this.history.push(holder);
      this.holding.add(holder);
      expect([...this.holding]).toEqual([holder]);
      await new Promise((resolve) => held.addEventListener('abort', resolve));
      this.holding.delete(holder);
    });
    return end;
  }

  /** Time passes for everybody alike. */
  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 10) {
      for (const life of this.lives) life.pass(10);
      await settled(5);
    }
  }

  private client(): EsdbLike {
    const unused = (): never => {
      throw new Error('leases append and read streams');
    };
    return {
      append: async (stream, expected, events): Promise<AppendAnswer> => {
        if (this.isAway) return new Promise(() => {});
        return this.deleted.has(stream) ? { kind: 'deleted' } : this.server.append(stream, expected, events);
      },
      readStream: async (stream, options): Promise<RawPage> => {
        if (this.isAway) throw new StoreUnavailable('away');
        if (this.deleted.has(stream)) throw new DamagedStore(`${stream} was deleted`);
        return pageOf(this.server.eventsOf(stream).map(rawOf), options);
      },
      readAllBackward: unused,
      subscribe: unused,
    };
  }
}

test('a lease is kept as long as its holder lives, and given back at once', async () => {
  const bench = new Bench();
  const first = bench.join('first');
  await bench.pass(100);
  bench.join('second');
  await bench.pass(10 * EXPIRY_MS);
  expect(bench.history).toEqual(['first']);
  first.abort();
  await bench.pass(0.2 * EXPIRY_MS);
  expect(bench.history).toEqual(['first', 'second']);
});

test('a holder without answers gives up before anybody can take over, and all try again later', async () => {
  const bench = new Bench();
  bench.join('first');
  bench.join('second');
  await bench.pass(EXPIRY_MS);
  bench.isAway = true;
  await bench.pass(0.9 * EXPIRY_MS);
  expect([...bench.holding]).toEqual([]);
  await bench.pass(60 * EXPIRY_MS);
  bench.isAway = false;
  await bench.pass(0.5 * EXPIRY_MS);
  expect(bench.holding.size).toBe(1);
});

test('a stream that is deleted for ever is left for the next one, which everybody says', async () => {
  const bench = new Bench();
  bench.join('first');
  await bench.pass(100);
  bench.join('second');
  const [one, two, three] = ['lease.test.work', 'lease.test.work.2', 'lease.test.work.3'] as const;
  bench.deleted.add(one).add(two);
  await bench.pass(5 * EXPIRY_MS);
  expect(bench.holding.size).toBe(1);
  const moves = (holder: string): string[] => [`${holder}: ${one} -> ${two}`, `${holder}: ${two} -> ${three}`];
  expect(bench.told.toSorted()).toEqual([...moves('first'), ...moves('second')]);
  expect(bench.server.streamNames).toContain(three);
});
