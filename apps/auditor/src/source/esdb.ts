import { existsSync, readFileSync } from 'node:fs';
import {
  type CommittedUnit,
  DamagedStore,
  type EsdbStore,
  type Head,
  InvalidNote,
  openEsdbStore,
  type Position,
  parseCheckpoint,
  START,
  StoreMisconfigured,
  StoreUnavailable,
} from '@florin/event-store';
import { type Source, SourceError, type SourceEvent, type SourceItem, type Stretch } from './source.js';

const STRETCH_EVENTS = 500;

export interface EsdbOptions {
  readonly connectionString: string;
  /** What the names of all streams begin with, before the dot. */
  readonly instance: string;
  /** Where the newest signed head is: a file, or `/log/checkpoint` of a node. The server itself keeps none. */
  readonly checkpoint: string | undefined;
}

/** A ledger on EventStoreDB, read by the protocol that its nodes follow: what is not committed does not exist. */
export class EsdbSource implements Source {
  readonly name: string;
  /** Where the last reading ended, so that a ledger that is followed is not read anew. */
  private place: { readonly next: number; readonly position: Position } = { next: 0, position: START };

  private constructor(
    private readonly store: EsdbStore,
    private readonly options: EsdbOptions,
  ) {
    this.name = `EventStoreDB, instance ${options.instance}`; // the connection string holds a password
  }

  /** @throws SourceError */
  static async open(options: EsdbOptions): Promise<EsdbSource> {
    const { connectionString, instance } = options;
    const store = await openEsdbStore(connectionString, {
      instance,
      readOnly: true,
      now: () => Date.now() * 1_000,
      onDamage: () => {},
    }).catch(asSourceError);
    return new EsdbSource(store, options);
  }

  async origin(): Promise<string> {
    return (await this.head())?.origin ?? `esdb/${this.options.instance}`;
  }

  async size(): Promise<number | undefined> {
    return (await this.head())?.size;
  }

  async *read(first: number): AsyncGenerator<Stretch> {
    const head = await this.head();
    let items: SourceItem[] = [];
    try {
      for await (const unit of this.units(first)) {
        const next = (unit.events.at(-1)?.index ?? 0) + 1;
        if (head && next > head.size) break;
        items.push(...itemsOf(unit).filter(({ index }) => index >= first));
        this.place = { next, position: unit.position };
        if (items.length < STRETCH_EVENTS) continue;
        yield { items };
        items = [];
      }
    } catch (error) {
      asSourceError(error);
    }
    yield head ? { items, head } : { items };
  }

  async events(indexes: readonly number[]): Promise<Map<number, SourceEvent>> {
    const wanted = new Set(indexes);
    const found = new Map<number, SourceEvent>();
    for await (const unit of this.store.readAll(START)) {
      for (const item of itemsOf(unit)) if (wanted.has(item.index)) found.set(item.index, item);
      if (found.size === wanted.size) break;
    }
    return found;
  }

  close(): Promise<void> {
    return this.store.close();
  }

  private units(first: number): AsyncIterable<CommittedUnit> {
    return this.store.readAll(this.place.next === first ? this.place.position : START);
  }

  private async head(): Promise<Head | undefined> {
    const { checkpoint } = this.options;
    if (checkpoint === undefined) return undefined;
    try {
      return parseCheckpoint(await noteAt(checkpoint));
    } catch (error) {
      if (!(error instanceof InvalidNote)) throw error;
      throw new SourceError(`${checkpoint} is no signed head: ${error.message}`);
    }
  }
}

async function noteAt(place: string): Promise<string> {
  if (!/^https?:/.test(place)) {
    if (!existsSync(place)) throw new SourceError(`${place} does not exist`);
    return readFileSync(place, 'utf8');
  }
  const reply = await fetch(place).catch((error: Error) => {
    throw new SourceError(`${place} cannot be reached: ${error.message}`);
  });
  if (reply.status !== 200) throw new SourceError(`${place} answers ${reply.status}`);
  return reply.text();
}

function itemsOf({ events }: CommittedUnit): SourceEvent[] {
  const unitFirst = events[0]?.index ?? 0;
  return events.map(({ data, ...event }) => ({ ...event, unitFirst, data, text: JSON.stringify(data) }));
}

function asSourceError(error: unknown): never {
  const isKnown = [StoreMisconfigured, StoreUnavailable, DamagedStore, RangeError].some(
    (kind) => error instanceof kind,
  );
  if (!isKnown) throw error;
  throw new SourceError((error as Error).message);
}
