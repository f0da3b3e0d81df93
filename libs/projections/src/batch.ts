/** Committed units on their way to a thread: gathered to batches, each to be applied in one transaction. */
import { type CommittedUnit, categoryOf, eventLeaf, type Position, type RecordedEvent } from '@florin/event-store';

/** The last event that a table has counted: where to look whether the ledger is still the same. */
export interface Tip {
  readonly stream: string;
  readonly number: number;
  /** Hash of the event's leaf in the tree of the ledger, in hexadecimal. */
  readonly leaf: string;
}

/** How far a view has come. */
export interface Checkpoint {
  /** Position of the last unit applied. */
  readonly position: Position;
  /** Events of the ledger counted, read by the view or not; the index of the next. */
  readonly events: number;
  /** Absent before the first event. */
  readonly tip?: Tip;
}

/** Some whole units, one after the other. */
export interface Batch {
  /** Index in the ledger of the first event covered. */
  readonly first: number;
  /** Where a view stands that has applied the batch. */
  readonly after: Checkpoint;
  /** The covered events that a view wants, in commit order. */
  readonly events: readonly RecordedEvent[];
  /** When the last covered event was written, whole microseconds since 1970. */
  readonly writtenAtUs: number;
}

export interface BatchRules {
  /** Index of the first event that must come. */
  readonly first: number;
  readonly wanted: (category: string, index: number) => boolean;
  /** A batch ends with the unit that brings it to so many events, wanted or not. */
  readonly eventsMax: number;
}

/** Committed events came out of order or with a gap. Nothing after it can be trusted. */
export class BrokenSequence extends Error {
  override readonly name = 'BrokenSequence';
}

/**
 * Gathers what is there: a batch ends when it is full, or when nothing more arrives within a turn of the event loop.
 * While its consumer is busy the next batch is gathered, and no more than that. Whoever stops iterating has to end
 * `units` too, for it may be waiting.
 * @throws BrokenSequence, and whatever `units` throws
 */
export async function* batches(units: AsyncIterable<CommittedUnit>, rules: BatchRules): AsyncGenerator<Batch> {
  const gatherer = new Gatherer(rules);
  void gatherer.gather(units);
  try {
    for (let batch = await gatherer.next(); batch; batch = await gatherer.next()) yield batch;
  } finally {
    gatherer.stop();
  }
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Between a producer of units, which waits while a batch is full, and a consumer of batches, which waits for units. */
class Gatherer {
  private gathering: Gathering;
  private ended = false;
  private failure: { readonly error: unknown } | undefined;
  private wakeConsumer = (): void => undefined;
  private wakeProducer = (): void => undefined;

  constructor(private readonly rules: BatchRules) {
    this.gathering = new Gathering(rules.first, rules);
  }

  /** Never rejects: the consumer meets the error. */
  async gather(units: AsyncIterable<CommittedUnit>): Promise<void> {
    try {
      for await (const unit of units) {
        if (this.ended) return;
        this.gathering.add(unit);
        this.wakeConsumer();
        if (this.gathering.isFull) await new Promise<void>((resolve) => (this.wakeProducer = resolve));
      }
    } catch (error) {
      this.failure = { error };
    }
    this.ended = true;
    this.wakeConsumer();
  }

  /** @returns nothing at the end */
  async next(): Promise<Batch | undefined> {
    if (this.gathering.isEmpty && !this.ended) await new Promise<void>((resolve) => (this.wakeConsumer = resolve));
    if (!this.gathering.isFull && !this.ended) await nextTurn();
    if (this.failure) throw this.failure.error;
    if (this.gathering.isEmpty) return undefined;
    const batch = this.gathering.batch();
    this.gathering = new Gathering(batch.after.events, this.rules);
    this.wakeProducer();
    return batch;
  }

  stop(): void {
    this.ended = true;
    this.wakeProducer();
  }
}

class Gathering {
  private readonly events: RecordedEvent[] = [];
  private last: RecordedEvent | undefined;
  private next: number;

  constructor(
    private readonly first: number,
    private readonly rules: BatchRules,
  ) {
    this.next = first;
  }

  get isEmpty(): boolean {
    return this.next === this.first;
  }

  get isFull(): boolean {
    return this.next - this.first >= this.rules.eventsMax;
  }

  add({ events }: CommittedUnit): void {
    for (const event of events) {
      if (event.index !== this.next) throw new BrokenSequence(`event ${event.index} came where ${this.next} is next`);
      this.next += 1;
      this.last = event;
      if (this.rules.wanted(categoryOf(event.stream), event.index)) this.events.push(event);
    }
  }

  batch(): Batch {
    const { first, next, events, last } = this;
    if (!last) throw new BrokenSequence(`a batch without events at ${first}`);
    const after = { position: last.position, events: next, tip: tipOf(last) };
    return { first, after, events, writtenAtUs: last.writtenAtUs };
  }
}

export const tipOf = (event: RecordedEvent): Tip => ({
  stream: event.stream,
  number: event.number,
  leaf: Buffer.from(eventLeaf(event)).toString('hex'),
});

/** Hands out the units as long as they satisfy `rule`, up to and with the one at `last`. */
export async function* unitsUntil(
  units: AsyncIterable<CommittedUnit>,
  { last, rule }: { readonly last: Position; readonly rule: (unit: CommittedUnit) => boolean },
): AsyncGenerator<CommittedUnit> {
  for await (const unit of units) {
    if (unit.position > last || !rule(unit)) return;
    yield unit;
    if (unit.position === last) return;
  }
}

/** Puts batches to `apply` one after the other; while one is being applied the next is gathered. */
export async function feed(source: AsyncIterable<Batch>, apply: (batch: Batch) => Promise<unknown>): Promise<void> {
  let applying: Promise<unknown> = Promise.resolve();
  for await (const batch of source) {
    await applying;
    applying = apply(batch);
    // Its error is met at the next await; until then it must not count as unhandled.
    applying.catch(() => undefined);
  }
  await applying;
}

/** Where views stand that are fed together: an event is wanted if one of its readers has not counted it. */
export function wantedBy(
  checkpoints: readonly { readonly reads: readonly string[]; readonly at: Checkpoint }[],
): (category: string, index: number) => boolean {
  const counted = new Map<string, number>();
  for (const { reads, at } of checkpoints) {
    for (const category of reads) counted.set(category, Math.min(at.events, counted.get(category) ?? at.events));
  }
  return (category, index) => index >= (counted.get(category) ?? Number.POSITIVE_INFINITY);
}

/** The earliest of some checkpoints: from there they are fed. */
export const earliest = (checkpoints: readonly { readonly at: Checkpoint }[]): Checkpoint =>
  checkpoints.map(({ at }) => at).reduce((least, at) => (at.events < least.events ? at : least));
