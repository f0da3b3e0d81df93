/**
 * The event store as the rest of Florin sees it: streams of JSON events, and units that commit on several streams or
 * on none. It knows `{type, version, data}`, not reserves. Every adapter passes `contract.ts`.
 */

/** JSON as it is stored. Amounts are `"CUR:1.5"`, binary values base32: no floats, no bigint. */
export type Json = string | number | boolean | null | Json[] | { [member: string]: Json };
export type JsonObject = { [member: string]: Json };

/**
 * Where a stream stands for its adapter, to be handed back as the expectation of a later append. Opaque: on
 * EventStoreDB it counts void and marker events, on SQLite it does not.
 */
export type Revision = bigint & { readonly brand: 'revision' };

/** Where a commit stands in the store, opaque and totally ordered by `<`. Checkpoints of subscribers are positions. */
export type Position = bigint & { readonly brand: 'position' };

/** The position before the first event. */
export const START = -1n as Position;

/** Expectation that a stream has no committed event (a void attempt may have left its traces). */
export const NO_EVENTS = 'no-events';

export interface NewEvent {
  readonly type: string;
  /** Version of the event's schema, counted from 1. */
  readonly version: number;
  readonly data: JsonObject;
}

/** What one unit does to one stream. */
export interface StreamAppend {
  readonly stream: string;
  readonly expected: Revision | typeof NO_EVENTS;
  readonly events: readonly NewEvent[];
  /**
   * The events carry a signature that must not exist unless the unit is committed. Only allowed on the unit's last
   * stream in `streamRank` order; every adapter refuses it elsewhere.
   */
  readonly commitOnly?: boolean;
}

export interface RecordedEvent extends NewEvent {
  readonly stream: string;
  /** Logical number in its stream, from 0, without gaps; equal in every adapter. */
  readonly number: number;
  /** Logical number in the whole store, from 0, without gaps; equal in every adapter. The leaf index in the tree. */
  readonly index: number;
  /** The position of the unit that committed this event. */
  readonly position: Position;
  /** The writer's clock at the append, whole microseconds since 1970. */
  readonly writtenAtUs: number;
}

/** A committed unit as subscribers see it: its events in the order in which they were committed. */
export interface CommittedUnit {
  readonly position: Position;
  readonly events: readonly RecordedEvent[];
}

/** What a commit answers. */
export interface Committed extends CommittedUnit {
  /** The new revision of every stream of the unit. */
  readonly revisions: ReadonlyMap<string, Revision>;
}

/** A stretch of one stream, oldest first (newest first when read backward). */
export interface StreamPage {
  readonly events: readonly RecordedEvent[];
  /**
   * Read forward: the revision at which a fold that ends with this page stands: the stream's own if the page is
   * complete, else that of its last event. Read backward: the stream's. `NO_EVENTS` if the stream has none.
   */
  readonly revision: Revision | typeof NO_EVENTS;
  /** True if the page ends where the stream ends (or begins, when read backward). */
  readonly complete: boolean;
}

export interface ReadStream {
  /** First logical number to return; 0 by default. Backward: the highest to return, the last one by default. */
  readonly fromNumber?: number;
  readonly backward?: boolean;
  /** At most this many events; adapters have a limit of their own besides. */
  readonly limit?: number;
}

/** A stream stood elsewhere than its append expected. Nothing was written: load the tail and decide again. */
export class RevisionConflict extends Error {
  override readonly name = 'RevisionConflict';
  constructor(readonly stream: string) {
    super(`the stream ${stream} has moved`);
  }
}

/** The store cannot answer now, and what became of a commit is not known to the caller: 503 with Retry-After. */
export class StoreUnavailable extends Error {
  override readonly name = 'StoreUnavailable';
}

/** The unit breaks a rule of the port (size, streams, `commitOnly`); a caller's mistake unless it says `tooLarge`. */
export class InvalidUnit extends Error {
  override readonly name = 'InvalidUnit';
  constructor(
    message: string,
    readonly tooLarge = false,
  ) {
    super(message);
  }
}

/** A subscriber's checkpoint lies beyond the end: it has seen a ledger that this store does not hold. */
export class UnknownPosition extends Error {
  override readonly name = 'UnknownPosition';
}

/** What is stored is not what was committed. It is never served; the process stops serving. */
export class DamagedStore extends Error {
  override readonly name = 'DamagedStore';
}

export interface EventStore {
  /**
   * Commits the unit whole or not at all, and durably, before the promise is fulfilled.
   * @throws RevisionConflict, InvalidUnit, StoreUnavailable (outcome unknown), DamagedStore
   */
  commit(unit: readonly StreamAppend[]): Promise<Committed>;

  /** Reads what is committed of one stream, with a current view (on a cluster: from the leader). */
  readStream(stream: string, options?: ReadStream): Promise<StreamPage>;

  /**
   * Reads committed units in commit order, those after `after` (`START` or a unit's position), in pages; ends at the
   * present end. @throws UnknownPosition while iterating
   */
  readAll(after: Position): AsyncIterable<CommittedUnit>;

  /** Like `readAll`, but goes on with what is committed later, until `signal` aborts (which ends it silently). */
  subscribe(after: Position, signal: AbortSignal): AsyncIterable<CommittedUnit>;

  /** The position of the last committed unit, `START` in an empty store. */
  lastPosition(): Promise<Position>;

  close(): Promise<void>;
}

export const UNIT_STREAMS_MAX = 260;
export const UNIT_BYTES_MAX = 768 * 1024;

/** The categories of streams in the order in which a unit commits them. */
export const STREAM_CATEGORIES: readonly string[] = [
  'nonce',
  'wire',
  'account',
  'coin',
  'purse',
  'transfer',
  'reserve',
  'keys',
];

/**
 * The order of streams in a unit: by category in the rank of the architecture, then by name. The last stream is the
 * one on which the unit is decided, and the only one that may carry `commitOnly` events.
 */
export function compareStreams(a: string, b: string): number {
  return rankOf(a) - rankOf(b) || (a < b ? -1 : a > b ? 1 : 0);
}

function rankOf(stream: string): number {
  return STREAM_CATEGORIES.indexOf(categoryOf(stream));
}

/** The category of `<instance>.<category>-<key>` (the `keys` stream has no key). */
export function categoryOf(stream: string): string {
  return stream.slice(stream.indexOf('.') + 1).split('-', 1)[0] ?? '';
}
