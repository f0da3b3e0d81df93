/**
 * The commit protocol: units over several streams of a server that can only append to one.
 * `docs/eventstoredb-commit.md` says why it is correct; `test/simulation/commit-model` runs exactly this code against
 * a simulated server.
 */
import {
  type Committed,
  DamagedStore,
  type ReadStream,
  StoreUnavailable,
  type StreamAppend,
  type StreamPage,
} from '../port.js';
import { prepareUnit } from '../unit.js';
import { Slots } from './slots.js';
import { StreamReader } from './stream-reader.js';
import type { Surroundings } from './surroundings.js';
import { within } from './timing.js';
import { type Caller, Writer } from './writer.js';

export { type Counted, countAt, LastUnit, unitsAfter } from './all.js';
export { Bookmarks, bookmarkStream } from './bookmarks.js';
export { CommitOrder } from './commit-order.js';
export * from './envelope.js';
export * from './esdb-like.js';
export { Follower, type FollowerOptions } from './follower.js';
export { EsdbLeases, type LeaseOptions } from './leases.js';
export { revisionOf, type Standing, standingOf } from './revision.js';
export { type Filling, Slots, type Tentative, type Verdict } from './slots.js';
export { StreamReader } from './stream-reader.js';
export type { Surroundings } from './surroundings.js';
export { Sweeper } from './sweeper.js';
export { Backoff, type Clock, pause, systemClock } from './timing.js';
export { type Caller, type Outcome, type Proposal, type Target, Writer } from './writer.js';

export interface ProtocolOptions {
  /** After so long a commit answers StoreUnavailable; what became of it is settled in the background. */
  readonly commitTimeoutMs: number;
  /** So many commits may be under way, those in the background included. */
  readonly commitsMax: number;
  /** Told of damage that a commit meets after its caller has gone. */
  readonly onDamage: (error: DamagedStore) => void;
}

/** The parts of the protocol, of which a simulation replaces some by others with a mistake in them. */
export interface Parts {
  readonly slots: Slots;
  readonly reader: StreamReader;
  readonly writer: Writer;
}

export function partsOf(surroundings: Surroundings, mayBurst: (streams: readonly string[]) => boolean): Parts {
  const slots = new Slots(surroundings);
  const reader = new StreamReader(surroundings, slots);
  return { slots, reader, writer: new Writer(surroundings, slots, reader, mayBurst) };
}

export class CommitProtocol {
  private underWay = 0;

  constructor(
    private readonly surroundings: Surroundings,
    private readonly parts: Parts,
    private readonly options: ProtocolOptions,
  ) {}

  /**
   * Commits a unit. Where the time is up, nobody knows what becomes of it; it is settled all the same.
   * @param writtenAtUs the writer's clock, whole microseconds since 1970
   * @throws RevisionConflict, InvalidUnit, StoreUnavailable, DamagedStore
   */
  async commit(unit: readonly StreamAppend[], writtenAtUs: number): Promise<Committed> {
    const prepared = prepareUnit(unit);
    const { commitTimeoutMs, commitsMax, onDamage } = this.options;
    if (this.underWay >= commitsMax) throw new StoreUnavailable(`${commitsMax} commits are under way already`);
    const caller: Caller = { writtenAtUs, gone: false };
    this.underWay += 1;
    const work = this.parts.writer.commit(prepared, caller).finally(() => {
      this.underWay -= 1;
    });
    work.catch((error: unknown) => {
      if (error instanceof DamagedStore) onDamage(error);
    });
    return within(this.surroundings.clock, commitTimeoutMs, work, () => {
      caller.gone = true;
      throw new StoreUnavailable(`the commit was not settled within ${commitTimeoutMs} ms`);
    });
  }

  /** @throws RangeError, InvalidUnit, StoreUnavailable, DamagedStore */
  readStream(stream: string, options: ReadStream = {}): Promise<StreamPage> {
    return this.parts.reader.read(stream, options);
  }
}
