/** Views built beside the serving file: to take its place, to be compared with it, to look into the past. */
import { readdirSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { CommittedUnit, EventStore, Position } from '@florin/event-store';
import { type Batch, batches, type Checkpoint, earliest, feed, unitsUntil, wantedBy } from './batch.js';
import { removeDatabase } from './database.js';
import type { ViewCheckpoint } from './file.js';
import type { OpenRequest } from './protocol.js';
import type { Difference, RowSelection, TableRow } from './tables.js';
import { ViewsThread } from './thread.js';
import type { QueryAnswer, QueryArguments, QueryName, ViewName } from './views.js';

export interface Progress {
  /** Events of the ledger counted so far, and those to be counted as far as is known. */
  readonly events: number;
  readonly total: number;
  readonly perSecond: number;
}
export type OnProgress = (progress: Progress) => void;

export interface Verification {
  /** Events of the ledger that both sides have counted. */
  readonly events: number;
  /** Empty if the tables are what the events make; at most a hundred. */
  readonly differences: readonly Difference[];
}

/** After the unit at a position, or after the last unit written up to a time (whole microseconds since 1970). */
export type Moment = { readonly position: Position } | { readonly writtenAtUs: number };

/** What maintenance has to do with the serving views. */
export interface Site {
  readonly store: EventStore;
  readonly path: string;
  readonly currency: string;
  readonly program: URL;
  /** Aborts when the views stop. */
  readonly signal: AbortSignal;
  /** How far the serving views have come. */
  checkpoint(): Checkpoint;
  /** Runs `work` while the serving views apply nothing; questions are answered all the time. */
  standingStill<Result>(work: () => Promise<Result>): Promise<Result>;
  /** Serves the closed file at `path` from now on. */
  replace(path: string): Promise<void>;
}

/** So few events are built while the serving views stand still. */
const REST_EVENTS = 1_000;
/** Under a load that leaves no gap this small, the rest is built standing still all the same. */
const ROUNDS_MAX = 10;
const BATCH_EVENTS_MAX = 2_000;
/** Batches and what they are decoded to die young; with less, a twelfth of a rebuild goes into collecting them. */
const YOUNG_MIB = 32;

/** A file under construction, and the thread that owns it. */
class Builder {
  private readonly thread: ViewsThread;
  private views: ViewCheckpoint[] = [];
  private startedMs = 0;
  private startedEvents = 0;

  constructor(
    private readonly site: Site,
    private readonly path: string,
    private readonly onProgress: OnProgress = () => undefined,
  ) {
    removeDatabase(path);
    this.thread = new ViewsThread({ program: site.program, deathsMax: 0, youngMib: YOUNG_MIB });
  }

  get request(): ViewsThread['request'] {
    return this.thread.request.bind(this.thread);
  }

  /** Where the views stand that are behind the others. */
  get at(): Checkpoint {
    return earliest(this.views);
  }

  async open(options: Pick<OpenRequest, 'views' | 'restart'>): Promise<void> {
    const { currency } = this.site;
    this.views = await this.thread.open({ ...options, path: this.path, currency, mode: 'scratch' });
    this.startedMs = performance.now();
    this.startedEvents = this.at.events;
  }

  /**
   * Applies the units that satisfy `rule`, up to and with the one at `last`.
   * @throws Error if the views are stopped meanwhile
   */
  async build(last: Checkpoint, rule: (unit: CommittedUnit) => boolean = () => true): Promise<void> {
    const { store, signal } = this.site;
    const { position, events } = this.at;
    if (events < last.events) {
      const done = new AbortController();
      const committed = store.subscribe(position, AbortSignal.any([signal, done.signal]));
      const units = unitsUntil(committed, { last: last.position, rule });
      const rules = { first: events, wanted: wantedBy(this.views), eventsMax: BATCH_EVENTS_MAX };
      const apply = async (batch: Batch): Promise<void> => {
        await this.request('apply', batch);
        this.views = this.views.map((view) =>
          view.at.events < batch.after.events ? { ...view, at: batch.after } : view,
        );
        this.report(last.events);
      };
      await feed(batches(units, rules), apply).finally(() => done.abort());
    }
    signal.throwIfAborted();
  }

  /** Closes the file, which stays. */
  close(): Promise<void> {
    return this.thread.close();
  }

  async discard(): Promise<void> {
    await this.thread.kill();
    removeDatabase(this.path);
  }

  private report(total: number): void {
    const { events } = this.at;
    const seconds = Math.max(performance.now() - this.startedMs, 1) / 1_000;
    this.onProgress({ events, total, perSecond: Math.round((events - this.startedEvents) / seconds) });
  }
}

/** Builds one view anew, or all, while the present ones serve; then the new ones serve. */
export async function rebuild(site: Site, target: ViewName | 'all', onProgress?: OnProgress): Promise<void> {
  const next = `${site.path}.next`;
  const builder = new Builder(site, next, onProgress);
  try {
    await builder.open(target === 'all' ? {} : { restart: { from: site.path, view: target } });
    for (let round = 1; round <= ROUNDS_MAX; round += 1) {
      await builder.build(site.checkpoint());
      if (site.checkpoint().events - builder.at.events <= REST_EVENTS) break;
    }
    await site.standingStill(async () => {
      await builder.build(site.checkpoint());
      await builder.close();
      await site.replace(next);
    });
  } finally {
    await builder.discard();
  }
}

/** Builds one view, or all, from the events, and compares the rows with those that served when it began. */
export async function verify(site: Site, target: ViewName | 'all', onProgress?: OnProgress): Promise<Verification> {
  const copy = `${site.path}.copy`;
  const builder = new Builder(site, `${site.path}.verify`, onProgress);
  try {
    const copied = await builder.request('copy', { from: site.path, to: copy });
    await builder.open(target === 'all' ? {} : { views: [target] });
    const served = earliest([...copied.values()].map((at) => ({ at })));
    await builder.build(served);
    return { events: served.events, differences: await builder.request('compare', { path: copy }) };
  } finally {
    await builder.discard();
    removeDatabase(copy);
  }
}

/** A view as it was. Its file lies on the disk until it is closed. */
export class PastView<V extends ViewName> {
  private constructor(
    private readonly builder: Builder,
    private readonly view: V,
  ) {}

  /** Builds `view` up to `moment`, at most up to where the serving views stand. `number` tells scratch files apart. */
  static async build<V extends ViewName>(
    site: Site,
    { view, moment, number }: { readonly view: V; readonly moment: Moment; readonly number: number },
    onProgress?: OnProgress,
  ): Promise<PastView<V>> {
    const builder = new Builder(site, `${site.path}.past-${number}`, onProgress);
    try {
      await builder.open({ views: [view] });
      await builder.build(site.checkpoint(), ({ position, events }) =>
        'position' in moment ? position <= moment.position : (events[0]?.writtenAtUs ?? 0) <= moment.writtenAtUs,
      );
      return new PastView(builder, view);
    } catch (error) {
      await builder.discard();
      throw error;
    }
  }

  /** The moment reached. */
  get at(): Checkpoint {
    return this.builder.at;
  }

  async ask<Q extends QueryName<V>>(query: Q, ...args: QueryArguments<V, Q>): Promise<QueryAnswer<V, Q>> {
    return (await this.builder.request('ask', { view: this.view, query, args })) as QueryAnswer<V, Q>;
  }

  /** What stands in its tables, by table. */
  rows(selection: RowSelection): Promise<Record<string, TableRow[]>> {
    return this.builder.request('rows', { view: this.view, selection });
  }

  close(): Promise<void> {
    return this.builder.discard();
  }
}

/** Removes what a process that died left beside its views. */
export function removeScratchFiles(path: string): void {
  const folder = dirname(path);
  const scratch = readdirSync(folder).filter((name) => name.startsWith(`${basename(path)}.`));
  for (const name of scratch) rmSync(join(folder, name));
}
