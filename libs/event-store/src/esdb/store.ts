import { randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import type { Head } from '../checkpoint.js';
import type { Leases } from '../leases.js';
import {
  type Committed,
  type CommittedUnit,
  DamagedStore,
  type EventStore,
  type Position,
  type ReadStream,
  START,
  StoreUnavailable,
  type StreamAppend,
  type StreamPage,
} from '../port.js';
import type { ScrubOptions } from '../sqlite/scrub.js';
import { type Counted, countAt, LastUnit, lastCommitted, unitsAfter } from './all.js';
import { Bookmarks, bookmarkStream } from './bookmarks.js';
import { EsdbClient } from './client.js';
import { CommitOrder } from './commit-order.js';
import { Contention } from './contention.js';
import { Follower } from './follower.js';
import { HeadKeeper, type HeadOptions } from './head-keeper.js';
import { UnitImporter } from './importer.js';
import { EsdbLeases, LEASE_PREFIX } from './leases.js';
import { CommitProtocol, type Parts, partsOf } from './protocol.js';
import { checkSettings } from './settings.js';
import { checkServer, type ServerFacts } from './start-checks.js';
import { persistently, type Surroundings } from './surroundings.js';
import { Sweeper } from './sweeper.js';
import { systemClock } from './timing.js';

export interface EsdbStoreOptions {
  /** What the names of all streams begin with, before the dot: lower-case letters and digits. */
  readonly instance: string;
  /** Whole microseconds since 1970. */
  readonly now: () => number;
  /** Told once, when the ledger on the server is found to be damaged: nothing is served any more. */
  readonly onDamage: (error: DamagedStore) => void;
  /** Every unit in commit order, those of all processes, from a place before the end on. */
  readonly onUnit?: (unit: CommittedUnit) => void;
  /** Where the signed head of the tree is kept, and checked at the start; without it there is none. */
  readonly heads?: HeadOptions;
  /**
   * Only looks: it writes nothing, also not what any reader may (void markers, bookmarks), so that an account that may
   * only read will do. What a crashed writer has left undecided is left to the nodes.
   */
  readonly readOnly?: boolean;
  /** After so long a commit answers StoreUnavailable; 15 s by default. */
  readonly commitTimeoutMs?: number;
  /** How long an undecided event is left to its writer; 5 s by default. */
  readonly leaseMs?: number;
  /** After so long without an answer a call has failed; 5 s by default. */
  readonly callTimeoutMs?: number;
  readonly commitsMax?: number;
  readonly appendsInFlightMax?: number;
  readonly readsInFlightMax?: number;
}

/**
 * Bookmarks follow each other after so many events: what a start reads again, and what it takes to count to a place.
 */
const BOOKMARK_EVERY = 5_000;
const INSTANCE = /^[a-z0-9]+$/;

/**
 * Opens a ledger on EventStoreDB, after checking that the server is fit for it.
 * @throws StoreMisconfigured if somebody has to change something, StoreUnavailable if the server is away, DamagedStore
 */
export async function openEsdbStore(connectionString: string, options: EsdbStoreOptions): Promise<EsdbStore> {
  const { instance, callTimeoutMs = 5_000 } = options;
  if (!INSTANCE.test(instance) || instance === LEASE_PREFIX) {
    throw new RangeError(`an instance is lower-case letters and digits, and not ${LEASE_PREFIX}; it is ${instance}`);
  }
  const server = await checkServer({ connectionString, instance, callTimeoutMs });
  const store = new EsdbStore(connectionString, server, options);
  try {
    await store.open();
    return store;
  } catch (error) {
    await store.close();
    throw error;
  }
}

/** The event store on EventStoreDB. Several processes may have it open at once. */
export class EsdbStore implements EventStore {
  private readonly client: EsdbClient;
  private readonly surroundings: Surroundings;
  private readonly parts: Parts;
  private readonly protocol: CommitProtocol;
  private readonly bookmarks: Bookmarks;
  private readonly lastUnit: LastUnit;
  private readonly contention = new Contention(systemClock);
  private readonly heads: HeadKeeper | undefined;
  private readonly closing = new AbortController();
  private readonly prefix: string;
  private readonly underWay = new Set<Promise<unknown>>();
  private follower!: Follower;
  private following: Promise<void> = Promise.resolve();
  private damage: DamagedStore | undefined;
  private importer: UnitImporter | undefined;

  constructor(
    connectionString: string,
    /** The server as it was found at the start. */
    readonly server: ServerFacts,
    private readonly options: EsdbStoreOptions,
  ) {
    const { instance, commitTimeoutMs = 15_000, callTimeoutMs = 5_000, commitsMax = 1_000 } = options;
    // Who only looks waits for others to decide, however long that takes.
    const leaseMs = options.readOnly ? Number.POSITIVE_INFINITY : (options.leaseMs ?? 5_000);
    const { appendsInFlightMax = 96, readsInFlightMax = 64 } = options;
    this.prefix = `${instance}.`;
    this.client = new EsdbClient({ connectionString, callTimeoutMs, appendsInFlightMax, readsInFlightMax });
    const { signal: stopped } = this.closing;
    setMaxListeners(0, stopped);
    const clock = systemClock;
    this.surroundings = { client: this.client, clock, random: Math.random, newId: randomUUID, stopped, leaseMs };
    this.parts = partsOf(this.surroundings, (streams) => !this.contention.expectedOn(streams));
    const onDamage = (error: DamagedStore): void => void this.noticed(error);
    this.protocol = new CommitProtocol(this.surroundings, this.parts, { commitTimeoutMs, commitsMax, onDamage });
    this.lastUnit = new LastUnit(this.surroundings, this.prefix);
    this.bookmarks = new Bookmarks(this.surroundings, bookmarkStream(instance));
    this.heads = options.heads && new HeadKeeper(options.heads);
  }

  async open(): Promise<void> {
    await this.bookmarks.load();
    const marked = this.bookmarks.last;
    const kept = this.heads?.end ?? marked;
    this.follower = new Follower(this.surroundings, {
      prefix: this.prefix,
      from: kept.position < marked.position ? kept : marked,
      // The first bookmark is made of the first unit, so that a ledger on a server with many others is found again.
      sweeper: new Sweeper(
        this.surroundings,
        this.parts.slots,
        BOOKMARK_EVERY,
        marked.events === 0 ? 1 - BOOKMARK_EVERY : marked.events,
      ),
      onUnit: (unit) => {
        this.heads?.take(unit);
        this.options.onUnit?.(unit);
      },
      sweeps: !this.options.readOnly,
      onSettings: (raw) => checkSettings(this.surroundings, raw),
      onBookmark: (bookmark) => this.bookmarks.write(bookmark),
    });
    await this.heads?.check((after) => this.readAll(after));
    this.following = this.follower.run().catch((error: unknown) => {
      if (this.closing.signal.aborted) return;
      // Without its follower the process would not notice what is done to the ledger.
      const isDamage = error instanceof DamagedStore;
      this.noticed(isDamage ? error : new DamagedStore('the ledger cannot be followed', { cause: error }));
    });
  }

  commit(unit: readonly StreamAppend[]): Promise<Committed> {
    return this.commitAt(unit, this.options.now());
  }

  /**
   * Commits a unit of another store as it is there, the writer's time included, so that the tree stays the same. Units
   * are handed in in global order; nobody else writes meanwhile.
   * @throws RangeError if the unit does not come next; RevisionConflict, InvalidUnit and others as `commit` does
   */
  importUnit(unit: CommittedUnit): Promise<Committed> {
    this.importer ??= new UnitImporter({
      commit: (appends, writtenAtUs) => this.commitAt(appends, writtenAtUs),
      readEnd: (stream) => this.readStream(stream, { backward: true, limit: 1 }),
    });
    return this.importer.import(unit);
  }

  readStream(stream: string, options: ReadStream = {}): Promise<StreamPage> {
    return this.guarded(() => this.protocol.readStream(stream, options));
  }

  async *readAll(after: Position): AsyncGenerator<CommittedUnit> {
    const last = await this.lastPosition();
    const events = await this.countAt(this.surroundings, after, last);
    if (last === after) return;
    for await (const unit of this.unitsAfter(this.surroundings, { position: after, events })) {
      yield unit;
      if (unit.position >= last) return;
    }
  }

  async *subscribe(after: Position, signal: AbortSignal): AsyncGenerator<CommittedUnit> {
    const stopped = AbortSignal.any([signal, this.closing.signal]);
    setMaxListeners(0, stopped);
    const surroundings = { ...this.surroundings, stopped };
    try {
      if (signal.aborted) return;
      const last = await persistently(surroundings, () => this.lastPosition());
      const events = await this.countAt(surroundings, after, last);
      yield* this.unitsAfter(surroundings, { position: after, events });
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  lastPosition(): Promise<Position> {
    return this.guarded(() => this.lastUnit.position(() => this.follower.progress));
  }

  /** When the last event was written, in whole microseconds since 1970; undefined in an empty store. */
  lastWrittenAtUs(): Promise<number | undefined> {
    // Where the follower has found none of ours, nobody need look for one: the server may hold millions of others.
    const floor = (): Position => {
      const { seen, last } = this.follower.progress;
      return last === START ? seen : START;
    };
    return this.guarded(async () => (await lastCommitted(this.surroundings, this.prefix, floor)).entry?.writtenAtUs);
  }

  /** Leases among all processes that have this ledger open. @param expiryMs how long one outlives its holder */
  leases(expiryMs?: number): Leases {
    const { instance, heads } = this.options;
    const onDeleted = (stream: string, next: string): void => {
      heads?.onReport({ kind: 'lease-deleted', stream, next });
    };
    const holder = randomUUID();
    return new EsdbLeases(this.surroundings, { instance, holder, onDeleted, ...(expiryMs && { expiryMs }) });
  }

  /** The newest signed head of the tree that this node keeps, not older than a second where it is up to date. */
  head(): Head | undefined {
    return this.heads?.head;
  }

  /**
   * Checks everything that the head of this node covers; reports the result. Damage ends all service.
   * @returns whether it came to the end @throws DamagedStore, StoreUnavailable
   */
  scrub(options: ScrubOptions = {}): Promise<boolean> {
    return this.guarded(async () => (await this.heads?.scrub((after) => this.readAll(after), options)) ?? false);
  }

  /** Lets the commits that were handed over come to their end, as long as that takes at most, and ends the rest. */
  async close(): Promise<void> {
    await Promise.allSettled(this.underWay);
    this.closing.abort();
    await this.client.close();
    await this.following;
    await this.heads?.close();
  }

  private commitAt(unit: readonly StreamAppend[], writtenAtUs: number): Promise<Committed> {
    return this.guarded(async () => {
      if (this.options.readOnly) throw new Error('this store was opened to be read only');
      const committing = this.protocol.commit(unit, writtenAtUs);
      this.underWay.add(committing);
      try {
        return await committing;
      } catch (error) {
        this.contention.note(error);
        throw error;
      } finally {
        this.underWay.delete(committing);
      }
    });
  }

  /** Until the signal in the surroundings; that of the store ends it with an error. */
  private async *unitsAfter(surroundings: Surroundings, { position, events }: Counted): AsyncGenerator<CommittedUnit> {
    const order = new CommitOrder(surroundings, events);
    try {
      yield* unitsAfter(surroundings, { prefix: this.prefix, after: position, order }, surroundings.stopped);
    } catch (error) {
      throw this.noticed(error);
    }
    this.checkServing();
  }

  private async countAt(surroundings: Surroundings, position: Position, last: Position): Promise<number> {
    if (position === START) return 0;
    const from = this.bookmarks.before(position);
    const place = { prefix: this.prefix, position, from, last };
    return this.guarded(() => countAt(surroundings, place));
  }

  private async guarded<T>(work: () => Promise<T>): Promise<T> {
    this.checkServing();
    try {
      return await work();
    } catch (error) {
      throw this.noticed(error);
    }
  }

  /** What is damaged for one reader is not served to anybody else. */
  private noticed(error: unknown): unknown {
    if (error instanceof DamagedStore && !this.damage) {
      this.damage = error;
      this.options.onDamage(error);
      this.closing.abort();
    }
    return error;
  }

  private checkServing(): void {
    if (this.damage) throw this.damage;
    if (this.closing.signal.aborted) throw new StoreUnavailable('the event store is closed');
  }
}
