import { randomBytes } from 'node:crypto';
import { openEsdbStore } from '@florin/event-store';
import { eventStoreContract } from '@florin/event-store/contract';
import { afterAll, describe, expect, test } from 'vitest';
import { StandIn } from '../support/eventstoredb/stand-in.js';
import { CountedStore } from './counted.js';

/** However busy the machine is. */
const UNHURRIED = { callTimeoutMs: 20_000, commitTimeoutMs: 60_000 };

// Every ledger has an instance name of its own, so that the server may be one that others use, too.
const real = process.env.FLORIN_TEST_EVENTSTORE;
const standIn = real === undefined ? await StandIn.start() : undefined;
const connectionString = real ?? standIn?.connectionString ?? '';
afterAll(() => standIn?.close());

eventStoreContract({ describe, expect, test }, 'EventStoreDB', async () => {
  const instance = `t${randomBytes(8).toString('hex')}`;
  const open = async (): Promise<CountedStore> => {
    const onDamage = (error: Error): never => expect.fail(error.message);
    return new CountedStore(
      await openEsdbStore(connectionString, { instance, now: () => Date.now() * 1_000, onDamage, ...UNHURRIED }),
    );
  };
  let store = await open();
  return {
    store,
    instance,
    reopen: async () => {
      await store.close();
      store = await open();
      return store;
    },
    destroy: () => store.close(),
  };
});
