import type { Readable } from 'node:stream';
import { EventStoreDBClient } from '@eventstore/db-client';
import { GRPC } from './errors.js';
import { systemClock, within } from './timing.js';

const DISPOSED_WITHIN_MS = 500;
/** The state of a channel that was closed. */
const SHUT_DOWN = 4;

/** What the client library keeps to itself, and has to be held by. */
interface Internals {
  handleError(client: unknown, error: Error): Promise<void>;
  getGRPCClient(...what: unknown[]): Promise<{ getChannel(): { getConnectivityState(connect: boolean): number } }>;
  getChannel(): Promise<{ close(): void }>;
  readonly capabilities: Promise<{ readonly serverVersion: string }>;
}

/**
 * One client of the library, with what it takes to stay alive beside it:
 *
 * - It handles errors in promises that nobody waits for. Where no node can be found they are rejected, and an unhandled
 *   rejection ends the process.
 * - Its streams emit errors when nobody listens any more, and end as if they were complete when they are cancelled.
 * - It never closes a channel, and its end waits for streams that may never end.
 * - A call that was waiting for a channel, and gets one that was closed meanwhile, rejects nothing and never ends.
 */
export class Connection {
  readonly client: EventStoreDBClient;
  private readonly internals: Internals;
  private readonly streams = new Set<Readable>();
  private closedBy: Error | undefined;

  /** @throws Error on a connection string that makes no sense */
  constructor(connectionString: string) {
    this.client = EventStoreDBClient.connectionString(connectionString);
    this.internals = this.client as unknown as Internals;
    const handleError = this.internals.handleError.bind(this.client);
    this.internals.handleError = (client, error) => handleError(client, error).catch(() => undefined);
    const grpcClientOf = this.internals.getGRPCClient.bind(this.client);
    this.internals.getGRPCClient = async (...what) => {
      const found = await grpcClientOf(...what);
      if (found.getChannel().getConnectivityState(false) !== SHUT_DOWN) return found;
      throw Object.assign(new Error('the connection was given up meanwhile'), { code: GRPC.unavailable });
    };
  }

  /** As the server says, for instance 22.10.5.0. */
  async serverVersion(): Promise<string> {
    return (await this.internals.capabilities).serverVersion;
  }

  private checkOpen(): void {
    if (this.closedBy) throw this.closedBy;
  }

  /**
   * Iterates a stream of the library to its true end: `for await` of it throws when it breaks or when this connection
   * is
   * closed, and whoever stops iterating cancels the call.
   */
  async *iterate<T>(stream: Readable & { cancel?(): Promise<void>; unsubscribe?(): Promise<void> }): AsyncGenerator<T> {
    stream.on('error', () => {});
    this.streams.add(stream);
    let isWhole = false;
    try {
      this.checkOpen();
      for await (const item of stream) yield item as T;
      this.checkOpen();
      isWhole = true;
    } finally {
      this.streams.delete(stream);
      if (!isWhole) {
        stream.destroy();
        void (stream.cancel ?? stream.unsubscribe)?.call(stream).catch(() => undefined);
      }
    }
  }

  /** Breaks all that is under way. */
  async close(reason: Error): Promise<void> {
    this.closedBy ??= reason;
    for (const stream of this.streams) stream.destroy(reason);
    const disposed = this.client.dispose().catch(() => undefined);
    await within(systemClock, DISPOSED_WITHIN_MS, disposed, () => undefined);
    this.internals.getChannel().then(
      (channel) => channel.close(),
      () => undefined,
    );
  }
}
