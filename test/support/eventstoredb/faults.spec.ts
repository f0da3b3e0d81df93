import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { EventStoreDBClient, NO_STREAM, NotLeaderError, UnavailableError } from '@eventstore/db-client';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type FaultKind, Faults, seededRandom } from './faults.js';
import { StandIn } from './stand-in.js';
import { collect, contents, event, failureOf, until } from './test-server.js';

describe('faults that are switched on while it runs', () => {
  let standIn: StandIn;
  let client: EventStoreDBClient;
  beforeEach(async () => {
    standIn = await StandIn.start();
    client = EventStoreDBClient.connectionString(standIn.connectionString);
    await client.appendToStream('s', event({ n: 0 }), { expectedRevision: NO_STREAM });
  });
  afterEach(async () => {
    await client.dispose();
    await standIn.close();
  });

  const written = () => standIn.log.stream('s').length;

  test('a lost reply: the connection breaks, the event is written', async () => {
    standIn.faults.add({ kind: 'lost-reply' });
    const sent = event({ n: 1 });
    const failure = await failureOf(client.appendToStream('s', sent, { expectedRevision: 0n }));
    expect(failure).toBeInstanceOf(UnavailableError);
    expect(written()).toBe(2);
    await until(() =>
      client.appendToStream('s', sent, { expectedRevision: 0n }).then(
        () => true,
        () => false,
      ),
    );
    expect(written()).toBe(2);
  });

  test('a lost request: the connection breaks, nothing is written', async () => {
    standIn.faults.add({ kind: 'lost-request' });
    expect(await failureOf(client.appendToStream('s', event()))).toBeInstanceOf(UnavailableError);
    expect(written()).toBe(1);
  });

  test('a dropped append: no answer, never written', async () => {
    standIn.faults.add({ kind: 'drop' });
    const append = client.appendToStream('s', event());
    append.catch(() => {});
    await until(() => standIn.faults.planned.length === 0);
    await client.appendToStream('other', event());
    expect(await standIn.lateWrites.release()).toBe(0);
    expect(written()).toBe(1);
  });

  test('a duplicate is executed again: a repeat at the same revision, a second event without one', async () => {
    standIn.faults.add({ kind: 'duplicate', times: 2, ms: 60_000 });
    await client.appendToStream('s', event({ n: 1 }), { expectedRevision: 0n });
    const known = event({ n: 2 });
    await client.appendToStream('s', known, { expectedRevision: 1n });
    expect(await standIn.lateWrites.release()).toBe(2);
    expect(written()).toBe(3);
  });

  test('a delay: the answer comes, later than that of an append sent after it', async () => {
    standIn.faults.add({ kind: 'delay', ms: 1_000, stream: 's' });
    const order: string[] = [];
    await Promise.all([
      client.appendToStream('s', event()).then(() => order.push('delayed')),
      client.appendToStream('other', event()).then(() => order.push('other')),
    ]);
    expect(order).toEqual(['other', 'delayed']);
  });

  test('a late write comes by itself', async () => {
    standIn.faults.add({ kind: 'late-write', ms: 50 });
    client.appendToStream('s', event()).catch(() => {});
    await until(() => written() === 2);
  });

  test('faults hit the streams they are meant for, as often as they are meant to, until cleared', async () => {
    standIn.faults.add({ kind: 'lost-request', stream: 'coin-', times: Number.POSITIVE_INFINITY });
    await client.appendToStream('s', event());
    for (let n = 0; n < 3; n++) {
      expect(await failureOf(client.appendToStream('coin-1', event()))).toBeInstanceOf(Error);
    }
    standIn.faults.clear();
    await until(() =>
      client.appendToStream('coin-1', event()).then(
        () => true,
        () => false,
      ),
    );
    expect(written()).toBe(2);
  });

  test('a read that is cut: some events, then an error; never a short stream that looks whole', async () => {
    await client.appendToStream(
      's',
      Array.from({ length: 50 }, (_, n) => event({ n })),
    );
    standIn.faults.add({ kind: 'cut-read', after: 5, stream: 's' });
    let seen = 0;
    const reading = (async () => {
      for await (const _ of client.readStream('s')) seen += 1;
    })();
    expect(await failureOf(reading)).toBeInstanceOf(UnavailableError);
    expect(seen).toBeLessThanOrEqual(5);
    await until(() =>
      contents(client.readStream('s')).then(
        (all) => all.length === 51,
        () => false,
      ),
    );
  });

  test('a read that hangs and one that is late', async () => {
    standIn.faults.add({ kind: 'hang-read', stream: 's' });
    standIn.faults.add({ kind: 'delay-read', stream: 's', ms: 100 });
    const hanging = client.readStream('s');
    const hung = failureOf(collect(hanging));
    await until(() => standIn.faults.planned.length === 1);
    expect(await contents(client.readStream('s'))).toHaveLength(1);
    hanging.destroy(new Error('given up'));
    expect((await hung).message).toBe('given up');
  });

  test('not the leader: the error names where the leader is; the client goes there', async () => {
    standIn.node.refuseLeadership({ times: 1 });
    const failure = await failureOf(collect(client.readStream('s', { requiresLeader: true })));
    expect(failure).toMatchObject({
      constructor: NotLeaderError,
      code: 5,
      leader: { address: standIn.node.host, port: standIn.node.port },
    });
    expect(await contents(client.readStream('s', { requiresLeader: true }))).toHaveLength(1);
  });

  test('a reset breaks what is under way and nothing else', async () => {
    standIn.faults.add({ kind: 'late-write' });
    const append = failureOf(client.appendToStream('s', event()));
    await until(() => standIn.lateWrites.count === 1);
    standIn.node.reset();
    expect(await append).toBeInstanceOf(UnavailableError);
    await until(() =>
      client.appendToStream('other', event()).then(
        () => true,
        () => false,
      ),
    );
  });

  test('the client library: a broken connection of one client kills a process that has two', async () => {
    const second = await StandIn.start();
    const program = fileURLToPath(new URL('./fragile-client.js', import.meta.url));
    const args = [program, 'two-clients', standIn.connectionString, second.connectionString];
    const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    let [output, errors] = ['', ''];
    child.stderr.on('data', (chunk: Buffer) => {
      errors += chunk.toString();
    });
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    const closed = once(child, 'close') as Promise<[number]>;
    await until(() => output.includes('ready'));
    standIn.faults.add({ kind: 'lost-reply', stream: 'one' });
    second.faults.add({ kind: 'delay', ms: 3_000, stream: 'other' });
    child.stdin.write('go');
    const [code] = await closed;
    expect(output).toContain('one: UnavailableError');
    expect(output).toContain('other: UnavailableError');
    expect(second.log.stream('other')).toHaveLength(2);
    expect(errors).toContain('TypeError');
    expect(code).toBe(1);
    await second.close();
  });

  test('chance is repeatable by its seed', () => {
    const hits = (seed: number) => {
      const faults = new Faults(seededRandom(seed));
      faults.add({ kind: 'drop', probability: 0.3, times: Number.POSITIVE_INFINITY });
      return Array.from({ length: 200 }, () => faults.onAppend('s') !== undefined);
    };
    expect(hits(7)).toEqual(hits(7));
    expect(hits(7)).not.toEqual(hits(8));
    expect(hits(7).filter(Boolean).length).toBeGreaterThan(30);
    expect(hits(7).filter(Boolean).length).toBeLessThan(90);
  });

  test('a fault that does not exist is refused', () => {
    expect(() => standIn.faults.add({ kind: 'flood' as FaultKind })).toThrow('no fault flood');
  });
});
