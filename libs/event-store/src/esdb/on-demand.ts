/**
 * The store on EventStoreDB for those who ask for it. The client library brings gRPC along, which is a quarter of a
 * second and some 25 MiB for every process and thread that loads it; the embedded store needs none of it.
 */
import type { CheckOptions, ServerFacts } from './start-checks.js';
import type { EsdbStore, EsdbStoreOptions } from './store.js';

/** See `openEsdbStore` in store.ts. */
export async function openEsdbStore(connectionString: string, options: EsdbStoreOptions): Promise<EsdbStore> {
  const { openEsdbStore } = await import('./store.js');
  return openEsdbStore(connectionString, options);
}

/** See `checkServer` in start-checks.ts. */
export async function checkServer(options: CheckOptions): Promise<ServerFacts> {
  const { checkServer } = await import('./start-checks.js');
  return checkServer(options);
}
