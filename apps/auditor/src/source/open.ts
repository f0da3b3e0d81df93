/** Which source the options name. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { isEsdb, type LedgerPlace, ledgerPlace } from '@florin/event-store';
import { EsdbSource } from './esdb.js';
import { ExportSource } from './export-lines.js';
import { FolderSource } from './folder.js';
import { type Source, SourceError } from './source.js';

export interface SourceOptions {
  readonly data?: string;
  readonly from?: string;
  readonly instance?: string;
  readonly checkpoint?: string | undefined;
}

/**
 * Where nothing is named, the ledger of an exchange that is started in the same environment.
 * @param stop breaks off what is being read @throws SourceError if there is nothing that can be read
 */
export async function openSource(options: SourceOptions, stop?: AbortSignal): Promise<Source> {
  const { from, checkpoint } = options;
  if (from !== undefined && !isEsdb(from)) {
    const isUrl = /^https?:/.test(from);
    return isUrl ? ExportSource.feed(from, process.env.FLORIN_FEED_TOKEN, stop) : ExportSource.file(from);
  }
  const place = placeAround();
  const { data = place.data, instance = place.instance ?? 'florin' } = options;
  const holdsEvents = existsSync(join(data, 'events.db'));
  const isNamed = options.data !== undefined;
  const store = from ?? (isNamed && holdsEvents ? undefined : place.store);
  if (store !== undefined) return EsdbSource.open({ connectionString: store, instance, checkpoint });
  if (holdsEvents || !existsSync(join(data, 'eventstoredb-head.json'))) return new FolderSource(data);
  throw new SourceError(`the ledger of ${data} is on EventStoreDB: say where, with --from esdb://... or FLORIN_STORE`);
}

function placeAround(): LedgerPlace {
  try {
    return ledgerPlace(process.env);
  } catch (error) {
    throw new SourceError((error as Error).message);
  }
}
