import { setTimeout as sleep } from 'node:timers/promises';
import {
  BACKWARDS,
  END,
  type EventData,
  FORWARDS,
  type JSONEventType,
  jsonEvent,
  NO_STREAM as NO_STREAM_EXPECTED,
  type ReadableSubscription,
  type ResolvedEvent,
  START,
  type StreamingRead,
  streamNameFilter,
  WrongExpectedVersionError,
} from '@eventstore/db-client';
import { patiently } from '../patience.js';
import { DamagedStore, StoreUnavailable } from '../port.js';
import { Connection } from './connection.js';
import { grpcCodeOf, messageOf, StoreMisconfigured, typeOf } from './errors.js';
import {
  type AllOptions,
  type AppendAnswer,
  type Checkpoint,
  type EsdbLike,
  NO_STREAM,
  type ProposedEvent,
  type RawEvent,
  type RawPage,
  type ReadOptions,
  type SubscribeOptions,
} from './esdb-like.js';
import { Gate } from './gate.js';
import { Silence } from './silence.js';
import { systemClock } from './timing.js';

export interface ClientOptions {
  readonly connectionString: string;
  /** After so long without an answer the outcome of an append is unknown, and a read has failed. */
  readonly callTimeoutMs: number;
  /** More than a hundred or so make the server hang, some report; 256 worked. */
  readonly appendsInFlightMax: number;
  readonly readsInFlightMax: number;
}

/** A page is cut off behind the event that brings it to so many characters. */
const PAGE_CHARS = 4 * 1024 * 1024;

/** Checkpoints of a subscription come after so many windows of 32 events: leases are renewed all the time. */
const CHECKPOINT_WINDOWS = 4;

/** A read that requires the leader follows it so often, and after so long, in which the library changes over. */
const LEADER_TURNS = 3;
const TO_LEADER_MS = 20;

type Stored = NonNullable<ResolvedEvent['event']>;

/** The server through its client library, with timers of our own on every call. */
export class EsdbClient implements EsdbLike {
  private connection: Connection;
  private readonly appends: Gate;
  private readonly reads: Gate;
  private readonly credentials: { readonly username: string; readonly password: string };
  private readonly silence: Silence;
  private closed = false;

  /** @throws StoreMisconfigured on a connection string that makes no sense */
  constructor(private readonly options: ClientOptions) {
    this.appends = new Gate(options.appendsInFlightMax, options.callTimeoutMs);
    this.reads = new Gate(options.readsInFlightMax, options.callTimeoutMs);
    this.silence = new Silence(systemClock, options.callTimeoutMs);
    this.credentials = credentialsIn(options.connectionString);
    this.connection = this.connect();
  }

  append(stream: string, expected: bigint, events: readonly ProposedEvent[]): Promise<AppendAnswer> {
    const append = async (): Promise<AppendAnswer> => {
      if (this.closed) return { kind: 'unknown', reason: 'the event store is closed' };
      try {
        const { nextExpectedRevision: next, position } = await this.timed(
          this.connection.client.appendToStream(stream, events.map(eventData), {
            expectedRevision: expected === NO_STREAM ? NO_STREAM_EXPECTED : expected,
            requiresLeader: true,
            deadline: 2 * this.options.callTimeoutMs,
            // With credentials of its own an append is a call of its own. Without, the library sends all appends of
            // the process over one stream and keeps their answers in one table; when a connection breaks it empties
            // the table, and the process dies of the next answer.
            credentials: this.credentials,
          }),
        );
        if (!position) return { kind: 'unknown', reason: 'the server named no position' };
        return { kind: 'written', next, position: position.commit };
      } catch (error) {
        return failedAppend(error);
      }
    };
    return this.appends.run(append).catch(failedAppend);
  }

  readStream(stream: string, { from, direction, max, requiresLeader }: ReadOptions): Promise<RawPage> {
    return this.reads.run(async () => {
      const read = (): StreamingRead<ResolvedEvent> =>
        this.connection.client.readStream(stream, {
          fromRevision: from === 'end' ? END : from,
          direction: direction === 'forward' ? FORWARDS : BACKWARDS,
          maxCount: max,
          requiresLeader,
        });
      try {
        const { events, isCut } = await this.collect(read);
        return { exists: true, events, ended: !isCut && events.length < max };
      } catch (error) {
        if (typeOf(error) === 'stream-not-found') {
          this.silence.broken();
          return { exists: false, events: [], ended: true };
        }
        if (typeOf(error) === 'stream-deleted') throw new DamagedStore(`${stream} was deleted`);
        throw unavailable(error);
      }
    });
  }

  readAllBackward({ before, max }: AllOptions): Promise<readonly RawEvent[]> {
    return this.reads.run(async () => {
      const read = (): StreamingRead<ResolvedEvent> =>
        this.connection.client.readAll({
          fromPosition: before === 'end' ? END : { commit: before, prepare: before },
          direction: BACKWARDS,
          maxCount: max,
          requiresLeader: true,
        });
      try {
        const { events } = await this.collect(read);
        return before === 'end' ? events : events.filter(({ position }) => position < before);
      } catch (error) {
        throw unavailable(error);
      }
    });
  }

  async *subscribe({ prefixes, after }: SubscribeOptions, signal: AbortSignal): AsyncGenerator<RawEvent | Checkpoint> {
    if (signal.aborted) return;
    let subscription: ReadableSubscription<ResolvedEvent> | undefined;
    const filter = streamNameFilter({
      prefixes: [...prefixes],
      checkpointInterval: CHECKPOINT_WINDOWS,
      // Into the stream itself, so that it comes behind the events before it.
      checkpointReached: async (_, { commit }) => void subscription?.push({ checkpoint: commit }),
    });
    const fromPosition = after < 0n ? START : { commit: after, prepare: after };
    subscription = this.connection.client.subscribeToAll({ fromPosition, filter });
    const end = (): void => void subscription?.destroy();
    const silent = (): void => void subscription?.destroy(new Error('the subscription was not confirmed in time'));
    const takeBack = patiently(this.options.callTimeoutMs, silent);
    subscription.on('confirmation', takeBack);
    signal.addEventListener('abort', end);
    try {
      for await (const item of this.connection.iterate<ResolvedEvent | Checkpoint>(subscription)) {
        if ('checkpoint' in item) yield item;
        else if (item.event) yield rawOf(item.event);
      }
    } catch (error) {
      if (!signal.aborted) throw unavailable(error);
    } finally {
      takeBack();
      signal.removeEventListener('abort', end);
    }
    if (!signal.aborted) throw new StoreUnavailable('the subscription ended');
  }

  /** As the server says. @throws what the library throws */
  serverVersion(): Promise<string> {
    return this.timed(this.connection.serverVersion());
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.connection.close(new StoreUnavailable('the event store is closed')).catch(() => undefined);
  }

  private connect(): Connection {
    try {
      return new Connection(this.options.connectionString);
    } catch (error) {
      throw new StoreMisconfigured(`the connection string cannot be used: ${messageOf(error)}`, { cause: error });
    }
  }

  /** Where the node is not the leader, the library goes to the one that is; this call did not get there. */
  private async collect(read: () => StreamingRead<ResolvedEvent>): Promise<{ events: RawEvent[]; isCut: boolean }> {
    for (let turn = 1; ; turn++) {
      try {
        return await this.collectOnce(read());
      } catch (error) {
        if (typeOf(error) !== 'not-leader' || turn === LEADER_TURNS) throw error;
        await sleep(TO_LEADER_MS);
      }
    }
  }

  private async collectOnce(read: StreamingRead<ResolvedEvent>): Promise<{ events: RawEvent[]; isCut: boolean }> {
    const events: RawEvent[] = [];
    let chars = 0;
    const silence = (): void => void read.destroy(this.silent());
    let takeBack = patiently(this.options.callTimeoutMs, silence);
    try {
      for await (const { event } of this.connection.iterate<ResolvedEvent>(read)) {
        takeBack();
        takeBack = patiently(this.options.callTimeoutMs, silence);
        this.silence.broken();
        if (!event) continue;
        const raw = rawOf(event);
        events.push(raw);
        chars += raw.size;
        if (chars >= PAGE_CHARS) return { events, isCut: true };
      }
      this.silence.broken();
      return { events, isCut: false };
    } finally {
      takeBack();
    }
  }

  private timed<T>(call: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const takeBack = patiently(this.options.callTimeoutMs, () => reject(this.silent()));
      call
        .then(
          (answer) => {
            this.silence.broken();
            resolve(answer);
          },
          (error: unknown) => reject(error),
        )
        .finally(takeBack);
    });
  }

  /** A connection on which nothing is answered any more is given up; the library would wait for its keep-alive. */
  private silent(): Error {
    const { callTimeoutMs } = this.options;
    const reason = new StoreUnavailable(`the server did not answer within ${callTimeoutMs} ms`);
    if (!this.closed && this.silence.isTooLong()) {
      const given = this.connection;
      this.connection = this.connect();
      given.close(reason).catch(() => undefined);
    }
    return reason;
  }
}

function failedAppend(error: unknown): AppendAnswer {
  if (error instanceof WrongExpectedVersionError) {
    const { actualVersion } = error;
    return { kind: 'wrong', actual: typeof actualVersion === 'bigint' ? actualVersion : NO_STREAM };
  }
  switch (typeOf(error)) {
    case 'maximum-append-size-exceeded':
      return { kind: 'too-large' };
    case 'stream-deleted':
      return { kind: 'deleted' };
    default:
      return { kind: 'unknown', reason: messageOf(error) };
  }
}

/** Parsed again, so that nobody can change what the library is about to write, and no BigInt comes near it. */
function eventData({ id, type, data, metadata }: ProposedEvent): EventData {
  return jsonEvent<JSONEventType<string, Record<string, unknown>, Record<string, unknown>>>({
    id,
    type,
    data: JSON.parse(data),
    metadata: JSON.parse(metadata),
  });
}

function rawOf({ streamId: stream, revision, position, id, type, data, metadata, isJson }: Stored): RawEvent {
  if (!position || position.commit >= 2n ** 63n) {
    throw new StoreMisconfigured('the server does not name the positions of events: it is older than 22.10');
  }
  const size = isJson ? JSON.stringify(data).length : 0;
  return { stream, revision, position: position.commit, id, type, data, metadata, size };
}

function unavailable(error: unknown): Error {
  if (error instanceof StoreUnavailable || error instanceof DamagedStore || error instanceof StoreMisconfigured) {
    return error;
  }
  const code = grpcCodeOf(error);
  const status = code === undefined ? '' : ` (gRPC ${code})`;
  return new StoreUnavailable(`the event store cannot be read: ${messageOf(error)}${status}`, { cause: error });
}

/** Name and password in a connection string; an insecure server takes any. */
function credentialsIn(connectionString: string): { username: string; password: string } {
  const [, username = 'nobody', password = 'nothing'] = /^[^:]+:\/\/([^:/@]+):([^@]+)@/.exec(connectionString) ?? [];
  return { username: decodeURIComponent(username), password: decodeURIComponent(password) };
}
