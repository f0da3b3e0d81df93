import { EventStoreDBClient } from '@eventstore/db-client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { StandIn } from '../support/eventstoredb/stand-in.js';
import { event, freshStream, until } from '../support/eventstoredb/test-server.js';
import { openLedger, unitOn } from './tools.js';

describe('on a server with much that is not ours', () => {
  let standIn: StandIn;
  let client: EventStoreDBClient;
  beforeAll(async () => {
    standIn = await StandIn.start();
    client = EventStoreDBClient.connectionString(standIn.connectionString);
    await others(6_000);
  });
  afterAll(async () => {
    await client.dispose();
    await standIn.close();
  });

  async function others(count: number): Promise<void> {
    for (let n = 0; n < count; n += 500) {
      await client.appendToStream(
        freshStream('others'),
        Array.from({ length: 500 }, () => event({ n })),
      );
    }
  }

  /** How often `$all` is read meanwhile: once or twice for what lies behind the last checkpoint, five times for all. */
  async function readsOf(work: () => Promise<unknown>): Promise<number> {
    const most = 1_000;
    standIn.faults.add({ kind: 'delay-read', stream: '$all', times: most });
    await work();
    const [left] = standIn.faults.planned;
    standIn.faults.clear();
    return most - (left?.times ?? 0);
  }

  test('nobody looks through all of it for the last event of a new ledger, nor of an old one', async () => {
    const { store, stream } = await openLedger(standIn.connectionString);
    expect(await store.lastWrittenAtUs()).toBeUndefined();
    await until(async () => (await readsOf(() => store.lastWrittenAtUs())) <= 2);
    await until(async () => (await readsOf(() => store.lastPosition())) <= 2);
    const before = Date.now() * 1_000;
    const { position } = await store.commit(unitOn([stream('coin-A'), stream('reserve-R')], 'us'));
    expect(await store.lastWrittenAtUs()).toBeGreaterThanOrEqual(before);
    await others(3_000);
    expect(await store.lastWrittenAtUs()).toBeGreaterThanOrEqual(before);
    await until(async () => (await readsOf(() => store.lastPosition())) <= 2);
    expect(await store.lastPosition()).toBe(position);
    await store.close();
  });
});
