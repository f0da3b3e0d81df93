import { pageRevision } from '../page.js';
import {
  type CommittedUnit,
  type Position,
  type ReadStream,
  type RecordedEvent,
  type StreamPage,
  UnknownPosition,
} from '../port.js';
import { checkStreamName } from '../unit.js';
import type { ReaderOps } from './reader.js';
import type { PackedStretch, ReaderData } from './reader-side.js';
import { unpackRows } from './rows.js';
import { Thread } from './thread.js';

const ENTRY = new URL('./reader.js', import.meta.url);

/** Starts a thread with a connection of its own. */
export function startReader(data: ReaderData, died: (error: Error) => void): Thread<ReaderOps> {
  return new Thread<ReaderOps>(ENTRY, data, died);
}

/**
 * The reading half of a store. Single streams and long scans have a thread each, so that a command never waits for a
 * projection that is being rebuilt.
 */
export class Readers {
  /** @param covered number of events that the newest head covers */
  constructor(
    private readonly streams: Thread<ReaderOps>,
    private readonly scans: Thread<ReaderOps>,
    private readonly covered: () => number,
  ) {}

  async readStream(stream: string, options: ReadStream): Promise<StreamPage> {
    checkStreamName(stream);
    const { rows, length, last, complete } = await this.streams.ask('readStream', stream, options, this.covered());
    return { events: [...unpackRows(rows)], revision: pageRevision({ length, last, complete }, options), complete };
  }

  /** Committed units after `after` to the present end. The next stretch is read while this one is consumed. */
  async *readAll(after: Position): AsyncGenerator<CommittedUnit> {
    if (Number(after) >= this.covered()) throw new UnknownPosition(`the store ends before position ${after}`);
    let next = this.stretch(Number(after));
    while (next) {
      const { rows, lastIndex } = await next;
      next = this.stretch(lastIndex);
      yield* unitsOf(unpackRows(rows));
    }
  }

  /** The position after which the unit with event `index` comes; that of the last unit if there is no such event. */
  async positionBefore(index: number): Promise<Position> {
    const size = this.covered();
    const first = index >= size ? size : await this.streams.ask('unitFirst', index);
    return BigInt(first - 1) as Position;
  }

  /** When the last event was written; undefined in an empty store. */
  async lastWrittenAtUs(): Promise<number | undefined> {
    const size = this.covered();
    return size === 0 ? undefined : this.streams.ask('writtenAtUs', size);
  }

  inclusionProof(index: number, size: number): Promise<Uint8Array[]> {
    this.checkSize(size);
    return this.streams.ask('inclusionProof', index, size);
  }

  consistencyProof(from: number, to: number): Promise<Uint8Array[]> {
    this.checkSize(to);
    return this.streams.ask('consistencyProof', from, to);
  }

  async close(): Promise<void> {
    await this.scans.close();
    await this.streams.close();
  }

  private stretch(after: number): Promise<PackedStretch> | undefined {
    const size = this.covered();
    if (after >= size - 1) return undefined;
    const stretch = this.scans.ask('readAll', after, size);
    // Whoever stops consuming never looks at it; whoever goes on gets the error when it is awaited.
    stretch.catch(() => {});
    return stretch;
  }

  private checkSize(size: number): void {
    if (size > this.covered()) throw new RangeError(`the ledger has ${this.covered()} events, not ${size}`);
  }
}

function* unitsOf(events: Iterable<RecordedEvent>): Generator<CommittedUnit> {
  let unit: RecordedEvent[] = [];
  for (const event of events) {
    unit.push(event);
    if (event.position !== BigInt(event.index)) continue;
    yield { position: event.position, events: unit };
    unit = [];
  }
}
