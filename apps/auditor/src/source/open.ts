/** Which source the options name. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { EsdbSource } from './esdb.js';
import { ExportSource } from './export-lines.js';
import { FolderSource } from './folder.js';
import { type Source, SourceError } from './source.js';

export interface SourceOptions {
  readonly data: string;
  readonly from?: string;
  readonly instance: string;
  readonly checkpoint?: string | undefined;
}

/** @param stop breaks off what is being read @throws SourceError if there is nothing that can be read */
export async function openSource(options: SourceOptions, stop?: AbortSignal): Promise<Source> {
  const { data, instance, checkpoint } = options;
  const from = options.from ?? storeBeside(data);
  if (from === undefined) return new FolderSource(data);
  if (/^esdb(\+discover)?:/.test(from)) return EsdbSource.open({ connectionString: from, instance, checkpoint });
  const isUrl = /^https?:/.test(from);
  return isUrl ? ExportSource.feed(from, process.env.FLORIN_FEED_TOKEN, stop) : ExportSource.file(from);
}

/** Where the ledger of a data folder is, if not in it. @throws SourceError if nobody says where */
function storeBeside(data: string): string | undefined {
  if (existsSync(join(data, 'events.db'))) return undefined;
  const store = process.env.FLORIN_STORE;
  if (store?.startsWith('esdb')) return store;
  if (!existsSync(join(data, 'eventstoredb-head.json'))) return undefined;
  throw new SourceError(`the ledger of ${data} is on EventStoreDB: say where, with --from esdb://... or FLORIN_STORE`);
}
