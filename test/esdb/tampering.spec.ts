import { jsonEvent } from '@eventstore/db-client';
import { NO_EVENTS, type Revision, START } from '@florin/event-store';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { event, type TestServer, testServer, until } from '../support/eventstoredb/test-server.js';
import { all, Following, type Ledger, noted, openLedger, unitOn } from './tools.js';

describe('what somebody does to the streams behind our back', () => {
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

  async function stopsAfter(harm: (stream: string) => Promise<unknown>): Promise<void> {
    const stream = ledger.stream('reserve-R');
    const { revisions } = await ledger.store.commit([noted(stream, NO_EVENTS, 'first')]);
    await harm(stream);
    await until(() => ledger.damage.length > 0);
    const next = ledger.store.commit([noted(stream, revisions.get(stream) as Revision, 'second')]);
    await expect(next).rejects.toMatchObject({ name: 'DamagedStore' });
    await expect(ledger.store.readStream(stream)).rejects.toMatchObject({ name: 'DamagedStore' });
    expect(ledger.damage).toHaveLength(1);
  }

  test('a deletion stops the service', () => stopsAfter((stream) => server.client.deleteStream(stream)));
  test('a tombstone stops the service', () => stopsAfter((stream) => server.client.tombstoneStream(stream)));
  test('a foreign event stops the service', () =>
    stopsAfter((stream) => server.client.appendToStream(stream, event({ foreign: true }))));

  for (const settings of [{ maxAge: 1 }, { maxCount: 1 }, { truncateBefore: 1 }]) {
    test(`settings stop the service: ${Object.keys(settings)}`, () =>
      stopsAfter((stream) => server.client.setStreamMetadata(stream, settings)));
  }

  test('an access list does not', async () => {
    const stream = ledger.stream('reserve-R');
    await ledger.store.commit([noted(stream, NO_EVENTS, 'first')]);
    await server.client.setStreamMetadata(stream, { acl: { readRoles: ['$all'] } });
    const following = new Following(ledger.store, START);
    await ledger.store.commit([noted(ledger.stream('reserve-S'), NO_EVENTS, 'second')]);
    await until(() => following.units.length >= 2);
    await following.stop();
    expect(ledger.damage).toEqual([]);
  });

  test('is found at the next start, and passed over where it was taken back', async () => {
    const { instance, stream, store } = ledger;
    await store.commit(unitOn([stream('reserve-R')], 'us'));
    await store.close();
    await server.client.setStreamMetadata(stream('reserve-R'), { maxAge: 1_000 });
    const second = await openLedger(server.connectionString, { instance });
    await until(() => second.damage.length > 0);
    await second.store.close();
    await server.client.appendToStream(`$$${stream('reserve-R')}`, jsonEvent({ type: '$metadata', data: {} }));
    const third = await openLedger(server.connectionString, { instance });
    await third.store.commit(unitOn([stream('reserve-S')], 'us'));
    expect(await all(third.store.readAll(START))).toHaveLength(2);
    expect(third.damage).toEqual([]);
    await third.store.close();
  });
});
