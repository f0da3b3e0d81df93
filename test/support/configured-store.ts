/** The ledger of an exchange that a test has started, read beside it or after its end, wherever it is kept. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type CommittedUnit, type EventStore, openEsdbStore, openSqliteReader, START } from '@florin/event-store';
import { parse } from 'yaml';

/** Names the server for the tests that switch no fault on; without, they run on the embedded store. */
export const TEST_SERVER = process.env.FLORIN_TEST_EVENTSTORE;

/** Production takes no server without TLS: its tests run on the embedded store then. */
export const isFitForProduction = !/[?&]tls=false\b/i.test(TEST_SERVER ?? '');

export interface ConfiguredStore {
  /** `esdb://...`; undefined is the embedded one. */
  readonly store: string | undefined;
  /** What the names of all streams begin with, before the dot. */
  readonly instance: string;
}

/** What the configuration in a data folder says. */
export function configuredStore(data: string): ConfiguredStore {
  const { store, instance } = parse(readFileSync(join(data, 'config.yaml'), 'utf8')) as ConfiguredStore;
  return { store, instance };
}

export type StoreReader = Pick<EventStore, 'readStream' | 'readAll'> & { close(): Promise<void> };

/** Reads only. The embedded store has to be free: its exchange has ended. */
export function openConfiguredStore(data: string): Promise<StoreReader> {
  const { store, instance } = configuredStore(data);
  if (store === undefined) return openSqliteReader({ folder: data });
  return openEsdbStore(store, {
    instance,
    readOnly: true,
    now: () => Date.now() * 1_000,
    onDamage: (error) => {
      throw error;
    },
  });
}

/** The whole ledger of an exchange that has ended. */
export async function unitsOfLedger(data: string): Promise<CommittedUnit[]> {
  const reader = await openConfiguredStore(data);
  const units: CommittedUnit[] = [];
  for await (const unit of reader.readAll(START)) units.push(unit);
  await reader.close();
  return units;
}

/** Waits until the head that an exchange shows covers all its events: on EventStoreDB that takes up to a second. */
export async function headCaughtUp({ baseUrl, data }: { baseUrl: string; data: string }): Promise<void> {
  if (configuredStore(data).store === undefined) return;
  const events = (await unitsOfLedger(data)).flatMap((unit) => unit.events).length;
  for (;;) {
    const [, size] = (await (await fetch(`${baseUrl}log/checkpoint`)).text()).split('\n');
    if (Number(size) >= events) return;
    await sleep(50);
  }
}
