/**
 * All that the commit protocol asks of an event store server, so that the protocol can be run against a simulated one.
 * `client.ts` makes it of the real client library. Revisions and positions are the server's own, counted from 0.
 */

/** The expectation that a stream has no event at all, and the revision of such a stream. */
export const NO_STREAM = -1n;

export interface ProposedEvent {
  /** A UUID. The server compares it with the events that follow the expected revision, and with no others. */
  readonly id: string;
  readonly type: string;
  /** JSON text of an object. */
  readonly data: string;
  /** JSON text of an object. */
  readonly metadata: string;
}

/** An event as the server hands it out: whatever was written there, by us or by others. */
export interface RawEvent {
  readonly stream: string;
  readonly revision: bigint;
  readonly position: bigint;
  readonly id: string;
  readonly type: string;
  /** Parsed, if it was JSON. */
  readonly data: unknown;
  readonly metadata: unknown;
  /** Roughly, characters of its data. */
  readonly size: number;
}

/**
 * What became of an append: written, with the stream's last revision and the position of the last event; certainly not
 * written by this call, because the stream stood elsewhere or because it can never be; or nobody knows, and it may
 * still be written much later.
 */
export type AppendAnswer =
  | { readonly kind: 'written'; readonly next: bigint; readonly position: bigint }
  | { readonly kind: 'wrong'; readonly actual: bigint }
  | { readonly kind: 'too-large' }
  | { readonly kind: 'deleted' }
  | { readonly kind: 'unknown'; readonly reason: string };

export interface ReadOptions {
  /** Inclusive, in both directions. */
  readonly from: bigint | 'end';
  readonly direction: 'forward' | 'backward';
  readonly max: number;
  /** False: a follower may answer, with less than has been acknowledged. */
  readonly requiresLeader: boolean;
}

export interface RawPage {
  /** False where the server knows no such stream; a deleted one is not told apart. */
  readonly exists: boolean;
  readonly events: readonly RawEvent[];
  /** The stream ends (read backward: begins) with this page. False if only the page was full. */
  readonly ended: boolean;
}

export interface AllOptions {
  /** Exclusive. */
  readonly before: bigint | 'end';
  readonly max: number;
}

/** Everything up to here was looked at, whether it was handed out or not. */
export interface Checkpoint {
  readonly checkpoint: bigint;
}

export interface SubscribeOptions {
  /** Only streams whose names begin with one of these. */
  readonly prefixes: readonly string[];
  /** Exclusive; -1 is the very beginning. */
  readonly after: bigint;
}

export interface EsdbLike {
  /** Writes all events or none, in one place. Never rejects: what is not certain is `unknown`. */
  append(stream: string, expected: bigint, events: readonly ProposedEvent[]): Promise<AppendAnswer>;

  /** @throws StoreUnavailable; a read that broke off is never handed out as if it were whole */
  readStream(stream: string, options: ReadOptions): Promise<RawPage>;

  /** Everything that was ever written, newest first, as the leader has it. @throws StoreUnavailable */
  readAllBackward(options: AllOptions): Promise<readonly RawEvent[]>;

  /**
   * What is there and what comes, by position, until the connection breaks (it throws) or the signal aborts (it ends).
   * Whoever stops iterating ends it.
   */
  subscribe(options: SubscribeOptions, signal: AbortSignal): AsyncIterable<RawEvent | Checkpoint>;
}
