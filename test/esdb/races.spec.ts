import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { NO_EVENTS, START } from '@florin/event-store';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type TestServer, testServer, until } from '../support/eventstoredb/test-server.js';
import { all, Following, type Ledger, openLedger, unitOn, writersOf } from './tools.js';

const SPENDER = fileURLToPath(new URL('./spender-process.js', import.meta.url));

let server: TestServer;
let ledger: Ledger;
beforeAll(async () => {
  server = await testServer();
});
afterAll(() => server.close());
beforeEach(async () => {
  ledger = await openLedger(server.connectionString);
});
afterEach(() => ledger.store.close());

/** What a process says until its end. */
async function outputOf(program: string, ...args: string[]): Promise<string> {
  const command = [program, server.connectionString, ledger.instance, ...args];
  const child = spawn(process.execPath, command, { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  await once(child, 'close');
  return text;
}

describe('two processes on one ledger', () => {
  test('that race for the same coins spend each of them once, and everybody tells the same story', async () => {
    const [coins, following] = [30, new Following(ledger.store, START)];
    const racers = ['a', 'b'].map((name) => outputOf(SPENDER, name, String(coins)));
    const spent = (await Promise.all(racers)).flatMap((text) => JSON.parse(text) as [coin: string, purse: string][]);
    expect(spent.map(([coin]) => coin).sort()).toEqual(Array.from({ length: coins }, (_, i) => `coin-${i}`).sort());
    for (const [coin, purse] of spent) {
      const { events } = await ledger.store.readStream(ledger.stream(coin));
      expect(events.map(({ data }) => data)).toEqual([{ coin, purse }]);
    }
    const units = await all(ledger.store.readAll(START));
    expect(units).toHaveLength(coins);
    await until(() => following.units.length >= coins);
    await following.stop();
    expect(following.units).toEqual(units);
    expect(ledger.damage).toEqual([]);
  });

  test('see what the other one committed as soon as it is acknowledged', async () => {
    const other = await openLedger(server.connectionString, { instance: ledger.instance });
    for (let i = 0; i < 50; i++) {
      const [writer, reader] = i % 2 === 0 ? [ledger, other] : [other, ledger];
      const streams = [`coin-${i}`, `reserve-${i}`].map(ledger.stream);
      const { position } = await writer.store.commit(unitOn(streams, `${i}`));
      for (const stream of streams) expect(await writersOf(reader.store, stream)).toEqual([`${i}`]);
      expect(await reader.store.lastPosition()).toBe(position);
      const late = reader.store.commit([{ stream: streams[0] ?? '', expected: NO_EVENTS, events: [] }]);
      await expect(late).rejects.toMatchObject({ name: 'InvalidUnit' });
    }
    await other.store.close();
  });

  test('follow it from any unit on that was handed out', async () => {
    for (let i = 0; i < 12; i++) {
      await ledger.store.commit(unitOn([ledger.stream(`coin-${i}`), ledger.stream(`reserve-${i}`)], `${i}`));
    }
    const units = await all(ledger.store.readAll(START));
    const { store } = await openLedger(server.connectionString, { instance: ledger.instance });
    for (const [i, { position }] of units.entries()) {
      expect(await all(store.readAll(position))).toEqual(units.slice(i + 1));
      if (i === units.length - 1) continue;
      const following = new Following(store, position);
      await until(() => following.units.length >= units.length - i - 1);
      await following.stop();
      expect(following.units).toEqual(units.slice(i + 1));
    }
    await store.close();
  });
});
