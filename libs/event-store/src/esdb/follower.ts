import { type CommittedUnit, type Position, START } from '../port.js';
import { type Counted, follow, type Progress } from './all.js';
import { CommitOrder } from './commit-order.js';
import type { RawEvent } from './esdb-like.js';
import { persistently, type Surroundings } from './surroundings.js';
import type { Sweeper } from './sweeper.js';
import { pause } from './timing.js';

const SWEEP_MS_MIN = 100;

export interface FollowerOptions {
  /** What the names of the instance's streams begin with. */
  readonly prefix: string;
  /** Where to begin: a bookmark. */
  readonly from: Counted;
  readonly sweeper: Sweeper;
  /** Whether it settles what crashed writers left, and leaves bookmarks: both are writing. */
  readonly sweeps: boolean;
  /** A new unit, in commit order. */
  readonly onUnit: (unit: CommittedUnit) => void;
  /** An event of the server's own about one of the instance's streams. @throws DamagedStore */
  readonly onSettings: (raw: RawEvent) => Promise<void>;
  /** A place where a sweeper may begin. */
  readonly onBookmark: (bookmark: Counted) => Promise<void>;
}

/**
 * What every process does beside its commands: it follows the whole ledger, sweeps, counts, and watches what is done to
 * the streams behind its back.
 */
export class Follower {
  private readonly order: CommitOrder;
  private upTo: Position;
  private lastUnit: Position;

  constructor(
    private readonly surroundings: Surroundings,
    private readonly options: FollowerOptions,
  ) {
    const { position, events } = options.from;
    this.order = new CommitOrder(surroundings, events);
    this.upTo = position;
    this.lastUnit = events > 0 ? position : START;
  }

  get progress(): Progress {
    return { seen: this.upTo, last: this.lastUnit };
  }

  /** Until the store is closed. @throws DamagedStore */
  async run(): Promise<void> {
    await Promise.all([this.follow(), this.options.sweeps ? this.sweep() : undefined]);
  }

  private async follow(): Promise<void> {
    const { prefix, from } = this.options;
    const place = { prefixes: [prefix, `$$${prefix}`], after: from.position };
    for await (const item of follow(this.surroundings, place, this.surroundings.stopped)) {
      if ('checkpoint' in item) this.upTo = item.checkpoint as Position;
      else await this.take(item);
    }
  }

  private async take(raw: RawEvent): Promise<void> {
    const { prefix, onSettings, onUnit, sweeper } = this.options;
    if (!raw.stream.startsWith(prefix)) {
      await persistently(this.surroundings, () => onSettings(raw));
    } else {
      const unit = await persistently(this.surroundings, () => this.order.take(raw));
      await this.mark(sweeper.take(raw, unit));
      if (unit) {
        this.lastUnit = unit.position;
        onUnit(unit);
      }
    }
    this.upTo = raw.position as Position;
  }

  private async sweep(): Promise<void> {
    const { clock, leaseMs, stopped } = this.surroundings;
    while (!stopped.aborted) {
      await pause(clock, Math.max(leaseMs / 2, SWEEP_MS_MIN), stopped);
      if (!stopped.aborted) await this.mark(await persistently(this.surroundings, () => this.options.sweeper.sweep()));
    }
  }

  private async mark(bookmark: Counted | undefined): Promise<void> {
    if (bookmark && this.options.sweeps) await persistently(this.surroundings, () => this.options.onBookmark(bookmark));
  }
}
