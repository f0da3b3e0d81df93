import type { CommitOrder, EsdbLike, Parts, Surroundings, Sweeper } from '@florin/event-store/commit-protocol';

/** A mistake, wrapped around the protocol from outside. */
export interface Plant {
  readonly name: string;
  /** What somebody might do, in a sentence. */
  readonly mistake: string;
  /** True: it costs progress at most, and the simulation has to agree. */
  readonly harmless?: boolean;
  readonly client?: (client: EsdbLike) => EsdbLike;
  readonly parts?: (surroundings: Surroundings, mayBurst: (streams: readonly string[]) => boolean) => Parts;
  readonly order?: typeof CommitOrder;
  readonly sweeper?: typeof Sweeper;
  /** Instead of the lease that the schedule has. */
  readonly leaseMs?: number;
}

export const NOTHING_PLANTED: Plant = { name: 'none', mistake: 'the protocol as it ships' };
