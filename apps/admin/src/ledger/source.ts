/** The ledger, wherever it can be read: from the exchange that runs on the folder, or from the free folder itself. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fromHex } from '@florin/encoding';
import {
  DamagedStore,
  type ExportedEvent,
  FolderInUse,
  type Head,
  openSqliteReader,
  parseCheckpoint,
  parseExportLine,
  type SqliteReader,
} from '@florin/event-store';
import { AdminError, EXIT, RunningExchange } from '../running.js';

export interface LedgerSource {
  /** For people: where it is read from. */
  readonly place: string;
  /** The newest signed head; its signature is unchecked. */
  head(): Promise<Head>;
  /** From the unit of event `first` on, in order; with `follow` also what comes later. */
  events(first: number, options?: { readonly follow?: boolean }): AsyncIterable<ExportedEvent>;
  /** One stream, oldest first. */
  stream(name: string): AsyncIterable<ExportedEvent>;
  /** Audit path of event `index` in the tree of the first `size` events. */
  inclusionProof(index: number, size: number): Promise<Uint8Array[]>;
  close(): Promise<void>;
}

/** @throws AdminError if neither can be read */
export async function openLedger(data: string): Promise<LedgerSource> {
  const exchange = RunningExchange.announced(data);
  if (exchange && (await exchange.isAlive())) return new RunningLedger(exchange);
  return openFolder(data);
}

/** A folder that nobody serves. @throws AdminError saying why it cannot be read */
export async function openFolder(folder: string): Promise<FolderLedger> {
  if (!['events.db', 'heads'].some((name) => existsSync(join(folder, name)))) {
    const hint = 'is it the right folder? A ledger on EventStoreDB is read from the exchange that runs';
    throw new AdminError(`${resolve(folder)} holds no ledger: ${hint}`, EXIT.unreachable);
  }
  try {
    return new FolderLedger(await openSqliteReader({ folder: resolve(folder) }), resolve(folder));
  } catch (error) {
    if (error instanceof FolderInUse) throw new AdminError(error.message, EXIT.unreachable);
    if (error instanceof DamagedStore) throw new AdminError(`the ledger in ${resolve(folder)}: ${error.message}`);
    throw new AdminError(`${resolve(folder)} holds no ledger: ${(error as Error).message}`, EXIT.unreachable);
  }
}

/** Reads the work of `use`, and closes the source whatever happens. */
export async function withLedger<Result>(
  data: string,
  use: (ledger: LedgerSource) => Promise<Result>,
): Promise<Result> {
  const ledger = await openLedger(data);
  try {
    return await use(ledger);
  } finally {
    await ledger.close();
  }
}

class RunningLedger implements LedgerSource {
  readonly place = 'the running exchange';

  constructor(private readonly exchange: RunningExchange) {}

  async head(): Promise<Head> {
    const { note } = await this.exchange.get<{ note: string }>('ledger/head');
    return parseCheckpoint(note);
  }

  events(first: number, { follow = false } = {}): AsyncIterable<ExportedEvent> {
    return this.lines(`ledger/events?first=${first}${follow ? '&follow=1' : ''}`);
  }

  stream(name: string): AsyncIterable<ExportedEvent> {
    return this.lines(`ledger/stream?name=${encodeURIComponent(name)}`);
  }

  async inclusionProof(index: number, size: number): Promise<Uint8Array[]> {
    const { proof } = await this.exchange.get<{ proof: string[] }>(`ledger/proof?index=${index}&size=${size}`);
    return proof.map(fromHex);
  }

  async close(): Promise<void> {}

  private async *lines(path: string): AsyncGenerator<ExportedEvent> {
    let number = 0;
    for await (const text of this.exchange.texts('GET', path)) {
      number += 1;
      const line = parseExportLine(text, number);
      if (line.kind !== 'event') throw new AdminError('the exchange sent something that is no event');
      yield line.event;
    }
  }
}

export class FolderLedger implements LedgerSource {
  constructor(
    readonly reader: SqliteReader,
    readonly place: string,
  ) {}

  async head(): Promise<Head> {
    return this.reader.head();
  }

  async *events(first: number): AsyncGenerator<ExportedEvent> {
    const after = await this.reader.positionBefore(first);
    if (after >= (await this.reader.lastPosition())) return;
    for await (const { events } of this.reader.readAll(after)) {
      for (const event of events) yield { ...event, unitFirst: events[0]?.index ?? event.index };
    }
  }

  async *stream(name: string): AsyncGenerator<ExportedEvent> {
    let next = 0;
    for (let complete = false; !complete; ) {
      const page = await this.reader.readStream(name, { fromNumber: next });
      for (const event of page.events) yield { ...event, unitFirst: event.index };
      next += page.events.length;
      complete = page.complete || page.events.length === 0;
    }
  }

  inclusionProof(index: number, size: number): Promise<Uint8Array[]> {
    return this.reader.inclusionProof(index, size);
  }

  close(): Promise<void> {
    return this.reader.close();
  }
}
