import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { openEsdbStore, START } from '@florin/event-store';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { StandIn } from '../support/eventstoredb/stand-in.js';
import { collect, type TestServer, testServer, until } from '../support/eventstoredb/test-server.js';
import { all, type Ledger, openLedger } from './tools.js';

const PROGRAM = fileURLToPath(new URL('./lease-process.js', import.meta.url));
/** A real server is given longer. */
const EXPIRY_MS = process.env.FLORIN_TEST_EVENTSTORE === undefined ? 500 : 5_000;

/** Who holds a lease, as it seems to the holders themselves. */
class Holders {
  readonly now = new Set<string>();
  readonly history: string[] = [];
  most = 0;
  private readonly ends = new Map<string, AbortController>();
  private readonly working: Promise<void>[] = [];

  join(name: string, { store }: Ledger, job = 'work'): void {
    const end = new AbortController();
    this.ends.set(name, end);
    const work = async (held: AbortSignal): Promise<void> => {
      this.now.add(name);
      this.history.push(name);
      this.most = Math.max(this.most, this.now.size);
      await new Promise((resolve) => held.addEventListener('abort', resolve));
      this.now.delete(name);
    };
    this.working.push(store.leases(EXPIRY_MS).whileHeld(job, end.signal, work));
  }

  leave(name: string): void {
    this.ends.get(name)?.abort();
  }

  async end(): Promise<void> {
    for (const end of this.ends.values()) end.abort();
    await Promise.all(this.working);
  }
}

describe('leases', () => {
  let server: TestServer;
  let first: Ledger;
  let second: Ledger;
  let holders: Holders;
  beforeEach(async () => {
    server = await testServer();
    first = await openLedger(server.connectionString);
    second = await openLedger(server.connectionString, { instance: first.instance });
    holders = new Holders();
  });
  afterEach(async () => {
    await holders.end();
    for (const { store } of [first, second]) await store.close();
    await server.close();
  });

  // How long they are kept, leases-in-time.spec shows: on a busy machine a holder may lose one.
  test('are held by one process at a time, and given back when it leaves', async () => {
    holders.join('first', first);
    await until(() => holders.now.has('first'));
    holders.join('second', second);
    holders.leave('first');
    await until(() => holders.now.has('second'));
    expect(holders.most).toBe(1);
  });

  test('of different jobs are held by different processes', async () => {
    holders.join('first', first, 'one-job');
    holders.join('second', second, 'another');
    await until(() => holders.now.size === 2);
  });

  test('are in no tree and no export, and keep few events', async () => {
    holders.join('first', first);
    const stream = `lease.${first.instance}.work`;
    const lastRevision = async (): Promise<bigint> => {
      const [last] = await collect(
        server.client.readStream(stream, { direction: 'backwards', fromRevision: 'end', maxCount: 1 }),
      );
      return last?.event?.revision ?? -1n;
    };
    // More signs of life than are kept.
    await until(async () => holders.history.length > 0 && (await lastRevision()) > 15n);
    expect((await collect(server.client.readStream(stream))).length).toBeLessThan(15);
    const { metadata } = await server.client.getStreamMetadata(stream);
    expect(metadata).toMatchObject({ maxCount: expect.any(Number) });
    expect(await all(first.store.readAll(START))).toEqual([]);
    expect(await first.store.lastPosition()).toBe(START);
    expect(first.damage).toEqual([]);
  });

  test('of a process that was killed are taken over, of one that ends at once', async () => {
    const children: ChildProcess[] = [];
    const start = async (): Promise<ChildProcess> => {
      const child = spawn(
        process.execPath,
        [PROGRAM, server.connectionString, first.instance, 'work', String(EXPIRY_MS)],
        { stdio: ['pipe', 'pipe', 'inherit'] },
      );
      children.push(child);
      await once(child.stdout as NonNullable<ChildProcess['stdout']>, 'data');
      return child;
    };
    const killed = await start();
    holders.join('first', first);
    killed.kill('SIGKILL');
    await until(() => holders.now.has('first'));
    const next = start();
    holders.leave('first');
    const child = await next;
    holders.join('second', second);
    child.stdin?.end();
    await until(() => holders.now.has('second'));
    expect(holders.most).toBe(1);
    for (const one of children) one.kill('SIGKILL');
  });

  test('need an instance name of its own', async () => {
    const options = { instance: 'lease', now: () => 0, onDamage: () => undefined };
    await expect(openEsdbStore(server.connectionString, options)).rejects.toBeInstanceOf(RangeError);
  });
});

test('whoever does not reach the server gives the lease up before another one takes it', async () => {
  const standIn = await StandIn.start();
  const first = await openLedger(standIn.connectionString);
  const holders = new Holders();
  holders.join('first', first);
  await until(() => holders.now.has('first'));
  const second = await openLedger(standIn.connectionString, { instance: first.instance });
  holders.join('second', second);
  for (let round = 0; round < 3; round++) {
    standIn.node.suspend();
    await until(() => holders.now.size === 0);
    standIn.node.resume();
    await until(() => holders.now.size === 1);
  }
  expect(holders.most).toBe(1);
  await holders.end();
  for (const { store } of [first, second]) await store.close();
  await standIn.close();
});
