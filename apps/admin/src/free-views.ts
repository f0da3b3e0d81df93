/** Read models in a data folder that nobody serves, through the same library that serves them. */
import { join, resolve } from 'node:path';
import {
  type Committed,
  type CommittedUnit,
  type EventStore,
  type Position,
  type ReadStream,
  type SqliteReader,
  StoreUnavailable,
  type StreamPage,
} from '@florin/event-store';
import { VIEW_NAMES, type ViewName, Views } from '@florin/projections';
import { openFolder } from './ledger/source.js';
import { AdminError, EXIT } from './running.js';

/** @throws AdminError if the folder is in use, or holds no ledger */
export async function withFreeViews<Result>(data: string, use: (views: Views) => Promise<Result>): Promise<Result> {
  const ledger = await openFolder(data);
  try {
    const store = new StoppedStore(ledger.reader);
    const path = join(resolve(data), 'views.db');
    const views = await Views.start(store, { path, currency: await currencyOf(store), onFault: () => undefined });
    try {
      await views.caughtUpWith(await store.lastPosition());
      return await use(views);
    } finally {
      await views.close();
    }
  } finally {
    await ledger.close();
  }
}

/** @throws AdminError if there is no such read model */
export function viewNamed(name: string): ViewName | 'all' {
  const view = name === 'all' ? 'all' : VIEW_NAMES.find((known) => known === name);
  if (view === undefined) throw new AdminError(`a read model is one of ${VIEW_NAMES.join(', ')}`, EXIT.usage);
  return view;
}

async function currencyOf(store: EventStore): Promise<string> {
  for await (const { events } of store.readAll(-1n as Position)) {
    const { currency } = events[0]?.data ?? {};
    if (typeof currency === 'string') return currency;
  }
  throw new AdminError('the ledger is empty');
}

/** Reads; nothing is committed to a ledger whose exchange does not run. */
class StoppedStore implements EventStore {
  constructor(private readonly reader: SqliteReader) {}

  async commit(): Promise<Committed> {
    throw new StoreUnavailable('the exchange does not run');
  }

  readStream(stream: string, options?: ReadStream): Promise<StreamPage> {
    return this.reader.readStream(stream, options);
  }

  readAll(after: Position): AsyncIterable<CommittedUnit> {
    return this.reader.readAll(after);
  }

  async *subscribe(after: Position, signal: AbortSignal): AsyncGenerator<CommittedUnit> {
    if (after < (await this.lastPosition())) yield* this.reader.readAll(after);
    if (signal.aborted) return;
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  }

  lastPosition(): Promise<Position> {
    return this.reader.lastPosition();
  }

  async close(): Promise<void> {}
}
