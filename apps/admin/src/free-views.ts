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
import type { Cli } from './cli.js';
import { openFolder } from './ledger/source.js';
import { AdminError, EXIT } from './running.js';

/** A ledger of any length: whoever waits too long stops the tool. */
const CATCH_UP_MS = 2 ** 31 - 1;
/** So few take no time that anybody notices. */
const BEHIND_EVENTS = 10_000;

/** Read models that are behind are brought up first. @throws AdminError if the folder is in use, or holds no ledger */
export async function withFreeViews<Result>(cli: Cli, use: (views: Views) => Promise<Result>): Promise<Result> {
  const { data } = cli;
  const ledger = await openFolder(data);
  try {
    const store = new StoppedStore(ledger.reader);
    const path = join(resolve(data), 'views.db');
    const onNotice = (message: string): void => cli.output.note(message);
    const options = {
      path,
      currency: await currencyOf(store),
      onFault: () => undefined,
      onNotice,
      waitMs: CATCH_UP_MS,
    };
    const views = await Views.start(store, options);
    try {
      const { events } = await views.lag();
      if (events + BEHIND_EVENTS < ledger.reader.head().size) cli.output.note('the read models are brought up first');
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
export function oneNamed(name: string): ViewName {
  const view = viewNamed(name);
  if (view === 'all') throw new AdminError('name one read model', EXIT.usage);
  return view;
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
