/**
 * What really happened, told from the server's whole log with hindsight. It shares no code with the protocol: it reads
 * the metadata by itself, looks at every slot, and knows nothing of leases or readers.
 */
import type { Kept, SimulatedServer } from './server.js';

export interface Fact {
  readonly stream: string;
  readonly revision: bigint;
  readonly number: number;
  /** Of the unit. */
  readonly position: bigint;
  readonly data: {
    readonly command: string;
    readonly attempt: string;
    readonly amount: number;
    readonly saw: number;
    readonly streams: readonly string[];
  };
}

export interface Unit {
  readonly position: bigint;
  readonly facts: readonly Fact[];
}

interface Note {
  readonly number?: number;
  readonly part?: [number, number];
  readonly unit?: string;
  readonly slot?: [string, number];
  readonly members?: [string, number, number, string][];
}

const notes = new WeakMap<Kept, Note>();

function noteOf(event: Kept): Note {
  const note = notes.get(event) ?? (JSON.parse(event.metadata) as Note);
  notes.set(event, note);
  return note;
}
const isMarker = ({ type }: Kept): boolean => type === 'void-marker';

export class Oracle {
  /** In commit order. */
  readonly units: readonly Unit[];
  /** By stream, in the order of revisions. */
  readonly facts: ReadonlyMap<string, readonly Fact[]>;
  /** Tentative events whose slot nothing fills. */
  readonly undecided: readonly Kept[];
  readonly void: readonly Kept[];
  readonly tentative: readonly Kept[];

  constructor(
    private readonly server: SimulatedServer,
    prefix: string,
  ) {
    const ours = server.log.filter(({ stream }) => stream.startsWith(prefix));
    this.tentative = ours.filter((event) => noteOf(event).slot !== undefined);
    this.undecided = this.tentative.filter((event) => this.fillerOf(event) === undefined);
    this.void = this.tentative.filter((event) => this.fillerOf(event) !== undefined && !this.counts(event));
    this.units = ours.filter((event) => this.isCommitPoint(event)).map((event) => this.unitAt(event));
    const facts = new Map<string, Fact[]>();
    for (const event of ours) {
      const position = this.positionOf(event);
      if (position === undefined) continue;
      const list = facts.get(event.stream) ?? [];
      facts.set(event.stream, list);
      list.push(factOf(event, position));
    }
    this.facts = facts;
  }

  /** The position of the unit that committed the event, if one did. */
  private positionOf(event: Kept): bigint | undefined {
    if (isMarker(event)) return undefined;
    if (noteOf(event).slot === undefined) return this.endOf(event).position;
    const filler = this.fillerOf(event);
    return filler && this.counts(event) ? this.endOf(filler).position : undefined;
  }

  private fillerOf(event: Kept): Kept | undefined {
    const [stream, revision] = noteOf(event).slot ?? ['', 0];
    return this.server.at(stream, BigInt(revision));
  }

  private counts(event: Kept): boolean {
    const { unit, part } = noteOf(event);
    const filler = this.fillerOf(event);
    const filling = filler && !isMarker(filler) ? noteOf(filler) : undefined;
    const first = Number(event.revision) - (part?.[0] ?? 0);
    return (
      filling?.unit === unit &&
      filling?.members?.some(([stream, revision]) => stream === event.stream && revision === first) === true
    );
  }

  private isCommitPoint(event: Kept): boolean {
    const { slot, part } = noteOf(event);
    return !isMarker(event) && slot === undefined && (part?.[0] ?? 0) === 0;
  }

  private endOf(event: Kept): Kept {
    const [i, n] = noteOf(event).part ?? [0, 1];
    return this.server.at(event.stream, event.revision + BigInt(n - 1 - i)) ?? event;
  }

  private unitAt(event: Kept): Unit {
    const { position } = this.endOf(event);
    const { members = [], part } = noteOf(event);
    const ranges: [string, number, number][] = members.map(([stream, revision, count]) => [stream, revision, count]);
    ranges.push([event.stream, Number(event.revision), part?.[1] ?? 1]);
    const facts = ranges.flatMap(([stream, revision, count]) =>
      Array.from({ length: count }, (_, i) => this.server.at(stream, BigInt(revision + i)))
        .filter((kept) => kept !== undefined)
        .map((kept) => factOf(kept, position)),
    );
    return { position, facts };
  }
}

function factOf(event: Kept, position: bigint): Fact {
  const { stream, revision, data } = event;
  return { stream, revision, number: noteOf(event).number ?? -1, position, data: JSON.parse(data) };
}
