import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { EventStoreDBClient, NO_STREAM } from '@eventstore/db-client';
import { afterEach, describe, expect, test } from 'vitest';
import { collect, contents, event, failureOf, until } from './test-server.js';

interface Program {
  readonly process: ChildProcess;
  readonly connectionString: string;
  readonly control: string;
}

/** The stand-in as a process of its own, as `npm run stand-in` starts it. */
describe('the program', () => {
  const started: Program[] = [];
  const clients: EventStoreDBClient[] = [];
  afterEach(async () => {
    for (const client of clients.splice(0)) await client.dispose();
    for (const { process: child } of started.splice(0)) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
  });

  async function start(...options: string[]): Promise<Program> {
    const file = fileURLToPath(new URL('./main.js', import.meta.url));
    const child = spawn(process.execPath, [file, '--control-port', '0', ...options], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const lines: string[] = [];
    createInterface({ input: child.stdout }).on('line', (line) => lines.push(line));
    await until(() => lines.length >= 3 || child.exitCode !== null);
    const program = {
      process: child,
      connectionString: lines[0] ?? '',
      control: lines[2]?.replace(/^Faults: |\/$/g, '') ?? '',
    };
    started.push(program);
    return program;
  }

  function connect({ connectionString }: Program): EventStoreDBClient {
    const client = EventStoreDBClient.connectionString(connectionString);
    clients.push(client);
    return client;
  }

  async function control(
    program: Program,
    method: string,
    route: string,
    body?: unknown,
  ): Promise<Record<string, unknown>> {
    const init = body === undefined ? { method } : { method, body: JSON.stringify(body) };
    const response = await fetch(`${program.control}${route}`, init);
    return { status: response.status, ...((await response.json()) as Record<string, unknown>) };
  }

  test('prints its connection string first, serves, and ends on SIGTERM', async () => {
    const program = await start('--port', '0');
    const client = connect(program);
    await client.appendToStream('s', event({ n: 1 }), { expectedRevision: NO_STREAM });
    expect(await contents(client.readStream('s'))).toEqual([[0n, { n: 1 }]]);
    program.process.kill('SIGTERM');
    expect(await once(program.process, 'exit')).toEqual([0, null]);
  });

  test('a real SIGSTOP: nothing is answered; what had been sent is written after SIGCONT', async () => {
    const program = await start('--port', '0');
    const client = connect(program);
    await client.appendToStream('s', event({ n: 0 }));
    program.process.kill('SIGSTOP');
    let settled = false;
    const late = client.appendToStream('s', event({ n: 1 }), { expectedRevision: 0n }).finally(() => {
      settled = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(settled).toBe(false);
    program.process.kill('SIGCONT');
    expect(await late).toMatchObject({ nextExpectedRevision: 1n });
  });

  test('killed and started again with the same folder it has its data, on the same port', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'stand-in-'));
    try {
      const first = await start('--port', '0', '--folder', folder);
      const client = connect(first);
      for (let n = 0; n < 20; n++) await client.appendToStream('s', event({ n }));
      first.process.kill('SIGKILL');
      await once(first.process, 'exit');
      await failureOf(client.appendToStream('s', event()));
      const port = new URL(first.connectionString.replace('esdb:', 'http:')).port;
      await start('--port', port, '--folder', folder);
      await until(() =>
        contents(client.readStream('s')).then(
          (all) => all.length === 20,
          () => false,
        ),
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('faults are switched on and off over HTTP', async () => {
    const program = await start('--port', '0');
    const client = connect(program);
    await client.appendToStream('s', event());
    expect(await control(program, 'POST', '/faults', { kind: 'late-write', times: null })).toMatchObject({
      status: 200,
      faults: [{ kind: 'late-write', times: null }],
    });
    client.appendToStream('s', event()).catch(() => {});
    await until(async () => (await control(program, 'GET', '/')).lateWrites === 1);
    expect(await control(program, 'DELETE', '/faults')).toMatchObject({ faults: [] });
    await control(program, 'POST', '/late-writes/release');
    expect(await contents(client.readStream('s'))).toHaveLength(2);
    await control(program, 'POST', '/nodes/0/suspend');
    expect(await control(program, 'GET', '/')).toMatchObject({ nodes: [{ suspended: true }] });
    await control(program, 'POST', '/nodes/0/resume');
    await control(program, 'POST', '/nodes/0/kill');
    expect(await failureOf(collect(client.readStream('s')))).toMatchObject({ code: 14 });
    await control(program, 'POST', '/nodes/0/start');
    await until(() =>
      contents(client.readStream('s')).then(
        (all) => all.length === 2,
        () => false,
      ),
    );
    for (const action of ['reset', 'abort-subscriptions', 'hold', 'release', 'refuse-leadership']) {
      expect(await control(program, 'POST', `/nodes/0/${action}`)).toMatchObject({ status: 200 });
    }
    expect(await control(program, 'POST', '/nodes/7/kill')).toMatchObject({ status: 404 });
    expect(await control(program, 'POST', '/faults', { kind: 'flood' })).toMatchObject({ status: 400 });
  });

  test('a cluster with TLS: an election over HTTP', async () => {
    const program = await start('--port', '0', '--cluster', '--tls', '--closed');
    const client = connect(program);
    await client.appendToStream('s', event(), { requiresLeader: true });
    const state = await control(program, 'POST', '/election', { ms: 10, to: 2 });
    expect(state).toMatchObject({ status: 200, leader: 2, nodes: [{}, {}, { leading: true }] });
    const read = () => contents(client.readStream('s', { requiresLeader: true }));
    await until(() =>
      read().then(
        (all) => all.length === 1,
        () => false,
      ),
    );
  });

  test('plays recorded sequences and tells by its exit code whether all answers are the recorded ones', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'stand-in-'));
    const append = { op: 'append', stream: 'a', expected: 'no_stream', ids: ['i0'], v: 0 };
    const play = async (next: number) => {
      const file = path.join(folder, 'sequences.json');
      writeFileSync(file, JSON.stringify([[{ ...append, answer: { next } }]]));
      const main = fileURLToPath(new URL('./main.js', import.meta.url));
      const child = spawn(process.execPath, [main, '--play', file], { stdio: ['ignore', 'ignore', 'inherit'] });
      return (await once(child, 'exit'))[0] as number;
    };
    expect([await play(0), await play(1)]).toEqual([0, 1]);
    rmSync(folder, { recursive: true });
  });

  test('explains itself', async () => {
    const file = fileURLToPath(new URL('./main.js', import.meta.url));
    const child = spawn(process.execPath, [file, '--help'], { stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    expect(await once(child, 'close')).toEqual([0, null]);
    for (const word of ['test support', '--port', '--cluster', '--tls', '--control-port', '--folder', '/election']) {
      expect(text).toContain(word);
    }
  });
});
