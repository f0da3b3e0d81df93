import { setMaxListeners } from 'node:events';
import {
  type Committed,
  type CommittedUnit,
  type EventStore,
  Ledger,
  type Position,
  type RecordedEvent,
  RevisionConflict,
  START,
  type StreamPage,
} from '@florin/event-store';
import {
  Bookmarks,
  bookmarkStream,
  CommitOrder,
  CommitProtocol,
  countAt,
  Follower,
  LastUnit,
  type Parts,
  partsOf,
  pause,
  type Surroundings,
  Sweeper,
  unitsAfter,
} from '@florin/event-store/commit-protocol';
import type { Life } from '../scheduler.js';
import { Link, type Network } from './link.js';
import type { Plant } from './plant.js';
import { type Answer, type Command, INSTANCE, perform, STREAMS, streamOf } from './workload.js';

const PREFIX = `${INSTANCE}.`;

/** What somebody was told of a stream. */
export interface PageSeen {
  readonly stream: string;
  readonly fromNumber: number;
  readonly page: StreamPage;
  /** Length of the log when it was asked. */
  readonly since: number;
}

/** A unit as a subscriber got it. */
export interface UnitSeen {
  readonly unit: CommittedUnit;
  readonly by: string;
}

/** What somebody was told of the end of the ledger, and of the number of events up to some place in it. */
export interface EndSeen {
  readonly last: Position;
  /** Length of the log when it was asked. */
  readonly since: number;
  readonly counted: { readonly position: Position; readonly events: number };
}

/** What survives the crash of a process: what its subscriber applied, with its checkpoint, in one transaction. */
export interface Disk {
  readonly applied: CommittedUnit[];
  checkpoint: { position: Position; events: number };
}

export const emptyDisk = (): Disk => ({ applied: [], checkpoint: { position: START, events: 0 } });

export interface Record {
  readonly pages: PageSeen[];
  /** Attempts that were answered as a conflict. */
  readonly conflicts: string[];
  /** What was acknowledged. */
  readonly commits: Committed[];
  readonly units: UnitSeen[];
  readonly ends: EndSeen[];
  readonly faults: unknown[];
}

export interface ProcessOptions {
  readonly name: string;
  readonly network: Network;
  readonly record: Record;
  readonly disk: Disk;
  readonly plant: Plant;
  readonly leaseMs: number;
  readonly burst: number;
}

const BOOKMARK_EVERY = 1;

/**
 * One life of an exchange process: the protocol as it ships, the ledger on it, a follower, a subscriber and a reader.
 */
export class Process {
  readonly life: Life;
  readonly protocol: CommitProtocol;
  private readonly ledger: Ledger;
  private readonly surroundings: Surroundings;
  private readonly parts: Parts;
  private readonly bookmarks: Bookmarks;
  private readonly lastUnit: LastUnit;
  /** Once the bookmarks are there. */
  private follower: Follower | undefined;
  private readonly ended = new AbortController();
  /** Of the ledger. */
  private reads = 0;

  constructor(private readonly options: ProcessOptions) {
    const { network, plant, leaseMs, burst } = options;
    this.life = network.scheduler.begin();
    const client = plant.client?.(new Link(network, this.life)) ?? new Link(network, this.life);
    const { unit: random, uuid: newId } = network.random;
    // A crashed process is not closed: it just does not go on.
    const stopped = new AbortController().signal;
    setMaxListeners(0, stopped);
    this.surroundings = { client, clock: this.life, random, newId, stopped, leaseMs };
    const mayBurst = (): boolean => network.random.chance(burst);
    this.parts = (plant.parts ?? partsOf)(this.surroundings, mayBurst);
    setMaxListeners(0, this.ended.signal);
    this.protocol = new CommitProtocol(this.surroundings, this.parts, {
      commitTimeoutMs: 2_000,
      commitsMax: 100,
      onDamage: (error) => options.record.faults.push(error),
    });
    const delay = (ms: number): Promise<void> => pause(this.life, ms);
    this.lastUnit = new LastUnit(this.surroundings, PREFIX);
    this.bookmarks = new Bookmarks(this.surroundings, bookmarkStream(INSTANCE));
    const store = this.storeForLedger();
    this.ledger = new (plant.ledger ?? Ledger)(plant.store?.(store) ?? store, {
      delay,
      random,
      tries: 3,
      cacheEntries: 6,
    });
    this.run(() => this.follow());
    this.run(() => this.subscribe());
  }

  crash(): void {
    this.life.end();
    this.ended.abort();
  }

  /** One try of a command. */
  handle(command: Command): Promise<Answer | 'no answer'> {
    const { random, tally } = this.options.network;
    const { reads } = this;
    const performed = perform(this.ledger, command, random).then((answer) => {
      if (answer.kind === 'accepted' && reads === this.reads) tally.count('decided from memory');
      return answer;
    });
    return this.untilDeath(performed);
  }

  /** What comes of it, unless the process dies before. */
  untilDeath<T>(work: Promise<T>): Promise<T | 'no answer'> {
    const died = new Promise<'no answer'>((resolve) => {
      if (this.life.over) resolve('no answer');
      this.ended.signal.addEventListener('abort', () => resolve('no answer'));
    });
    return Promise.race([work, died]);
  }

  /** Reads some stream in some way, and notes what it was told. */
  async readSomething(): Promise<void> {
    const { random } = this.options.network;
    const stream = random.pick(STREAMS);
    const read = () => this.read(stream, { fromNumber: random.below(3), limit: 1 + random.below(4) });
    const warmUp = () => this.warmUp(random.shuffled(STREAMS).slice(0, 4));
    const ways = [read, read, () => this.readBackward(stream), warmUp, warmUp, () => this.readAll()];
    await random.pick<() => Promise<unknown>>(ways)();
  }

  async read(stream: string, options: { fromNumber: number; limit: number }): Promise<StreamPage> {
    const since = this.now();
    const page = await this.protocol.readStream(stream, options);
    this.options.record.pages.push({ stream, fromNumber: options.fromNumber, page, since });
    return page;
  }

  private async readBackward(stream: string): Promise<void> {
    const since = this.now();
    const { events, revision, complete } = await this.protocol.readStream(stream, { backward: true, limit: 2 });
    const oldestFirst: RecordedEvent[] = [...events].reverse();
    const fromNumber = oldestFirst[0]?.number ?? 0;
    if (complete !== (fromNumber === 0)) throw new Error('a backward page is wrong about where the stream begins');
    const page = { events: oldestFirst, revision, complete: true };
    this.options.record.pages.push({ stream, fromNumber, page, since });
  }

  /** A moment, as the length of the server's log. */
  private now(): number {
    return this.options.network.server.log.length;
  }

  /** A state that is held may be decided on later, whatever happened to its stream meanwhile. */
  async warmUp(streams: readonly string[]): Promise<void> {
    await Promise.all(streams.map((stream) => this.ledger.peek(streamOf(stream))));
  }

  /** All units after some place, by somebody who begins there. */
  async readAll(): Promise<void> {
    const { network, disk, record } = this.options;
    const known = disk.applied.map(({ position }) => position);
    const since = this.now();
    const { follower, bookmarks, surroundings } = this;
    if (!follower) return;
    const last = await this.lastUnit.position(() => follower.progress);
    const position = network.random.pick([START, last, ...known]);
    const from = bookmarks.before(position);
    const events = await countAt(surroundings, { prefix: PREFIX, position, from, last });
    record.ends.push({ last, since, counted: { position, events } });
    if (position >= last) return;
    // Whoever begins there counts and orders as everybody does.
    const place = { prefix: PREFIX, after: position, order: new CommitOrder(surroundings, events) };
    for await (const unit of unitsAfter(surroundings, place, surroundings.stopped)) {
      record.units.push({ unit, by: `who read from ${position}` });
      if (unit.position >= last) return;
    }
  }

  /** Errors of what runs by itself are damage, or mistakes: nothing in the simulation justifies them. */
  private run(work: () => Promise<unknown>): void {
    work().catch((error: unknown) => this.options.record.faults.push(error));
  }

  private async follow(): Promise<void> {
    const { plant, record, name } = this.options;
    const { bookmarks } = this;
    await this.patiently(() => bookmarks.load());
    const { last } = bookmarks;
    const marked = last.events === 0 ? 1 - BOOKMARK_EVERY : last.events;
    const SweeperClass = plant.sweeper ?? Sweeper;
    this.follower = new Follower(this.surroundings, {
      sweeps: true,
      prefix: PREFIX,
      from: last,
      sweeper: new SweeperClass(this.surroundings, this.parts.slots, BOOKMARK_EVERY, marked),
      onUnit: (unit) => record.units.push({ unit, by: `the follower of ${name}` }),
      onSettings: async () => {
        throw new Error('nobody changes settings in the simulation');
      },
      onBookmark: (bookmark) => bookmarks.write(bookmark),
    });
    await this.follower.run();
  }

  private async subscribe(): Promise<void> {
    const { disk, plant } = this.options;
    const { position: after, events } = disk.checkpoint;
    const Order = plant.order ?? CommitOrder;
    const place = { prefix: PREFIX, after, order: new Order(this.surroundings, events) };
    for await (const unit of unitsAfter(this.surroundings, place, this.surroundings.stopped)) {
      if (this.life.over) return;
      disk.applied.push(unit);
      const counted = disk.checkpoint.events + unit.events.length;
      disk.checkpoint = { position: unit.position, events: counted };
    }
  }

  private async patiently(work: () => Promise<void>): Promise<void> {
    for (;;) {
      try {
        return await work();
      } catch {
        await pause(this.life, 100);
      }
    }
  }

  /** What the ledger needs of a store. It notes all that the ledger is told. */
  private storeForLedger(): EventStore {
    const { record } = this.options;
    const unused = (): never => {
      throw new Error('the ledger reads streams and commits, nothing else');
    };
    return {
      commit: async (unit) => {
        try {
          const writtenAtUs = 1_700_000_000_000_000 + Math.floor(this.life.now() * 1_000);
          const committed = await this.protocol.commit(unit, writtenAtUs);
          record.commits.push(committed);
          return committed;
        } catch (error) {
          if (error instanceof RevisionConflict) record.conflicts.push(String(unit[0]?.events[0]?.data.attempt));
          throw error;
        }
      },
      readStream: async (stream, options = {}) => {
        this.reads += 1;
        const since = this.now();
        const page = await this.protocol.readStream(stream, options);
        record.pages.push({ stream, fromNumber: options.fromNumber ?? 0, page, since });
        return page;
      },
      readAll: unused,
      subscribe: unused,
      lastPosition: unused,
      close: unused,
    };
  }
}
