import { status as grpc, Metadata, type ServiceError } from '@grpc/grpc-js';
import type { ExpectedRevision } from './append.js';

/** Where a client finds the leader. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/**
 * An error that ends a call: gRPC status, text and trailers. The client chooses its error class by the trailer
 * `exception` and, where there is none, by the status.
 */
export class RpcError extends Error implements ServiceError {
  readonly code: grpc;
  readonly details: string;
  readonly metadata: Metadata;

  constructor(code: grpc, details: string, trailers: Readonly<Record<string, string>> = {}) {
    super(details);
    this.code = code;
    this.details = details;
    this.metadata = new Metadata();
    for (const [name, value] of Object.entries(trailers)) this.metadata.set(name, printable(value));
  }
}

/** Header values are printable ASCII; names of streams need not be. */
const printable = (text: string): string => text.replace(/[^\x20-\x7e]+/gu, encodeURIComponent);

/** Facts, Reading: "`requiresLeader: true` on a follower": gRPC 5, names the leader. */
export const notLeader = (leader: Endpoint): RpcError =>
  new RpcError(grpc.NOT_FOUND, 'Leader info available', {
    exception: 'not-leader',
    'leader-endpoint-host': leader.host,
    'leader-endpoint-port': String(leader.port),
  });

/** A node between two leaders answers no reads. */
export const notReady = (): RpcError => new RpcError(grpc.UNAVAILABLE, 'Server Is Not Ready');

/** Facts, When things break: "wrong password": gRPC 16. */
export const unauthenticated = (): RpcError => new RpcError(grpc.UNAUTHENTICATED, 'Unauthenticated');

/** Facts, When things break: "no credentials ... only `$all` is refused": gRPC 7. */
export const accessDenied = (): RpcError =>
  new RpcError(grpc.PERMISSION_DENIED, 'Access Denied', { exception: 'access-denied' });

/** Facts, Appending: "stream tombstoned": `StreamDeletedError` for reads and appends. */
export const streamDeleted = (stream: string): RpcError =>
  new RpcError(grpc.FAILED_PRECONDITION, `Event stream '${printable(stream)}' is deleted.`, {
    exception: 'stream-deleted',
    'stream-name': stream,
  });

/** Recorded sequences: deleting at a wrong revision; `actual-version` is -1 where there is no event. */
export const wrongExpectedVersion = (stream: string, expected: ExpectedRevision, actual: bigint): RpcError =>
  new RpcError(grpc.FAILED_PRECONDITION, `Append failed due to WrongExpectedVersion. Stream: ${printable(stream)}`, {
    exception: 'wrong-expected-version',
    'stream-name': stream,
    'expected-version': String(versionOf(expected)),
    'actual-version': String(actual),
  });

/** Facts, Appending: "more than 1,048,576 bytes in one append": `.maxAppendSize`. */
export const appendTooLarge = (size: number): RpcError =>
  new RpcError(grpc.INVALID_ARGUMENT, `Maximum Append Size of ${size} Exceeded.`, {
    exception: 'maximum-append-size-exceeded',
    'maximum-append-size': String(size),
  });

/**
 * No leader in time. The server says so in the answers of a batch append with code 4 (facts, When things break:
 * "election": `DeadlineExceededError`), and ends calls of their own with ABORTED, as it does with slow consumers.
 */
export const timedOut = (): RpcError => new RpcError(grpc.ABORTED, 'Operation timed out: Prepare phase timeout.');

export const badRequest = (reason: string): RpcError => new RpcError(grpc.INVALID_ARGUMENT, reason);

/** Facts, Subscriptions: "consumer that handles live events too slowly": gRPC 10. */
export const consumerTooSlow = (): RpcError =>
  new RpcError(grpc.ABORTED, 'Operation timed out: Consumer too slow to handle event while live. Resubscribe.');

/** The server's numbers for expectations that are no revision. */
function versionOf(expected: ExpectedRevision): bigint {
  switch (expected) {
    case 'no_stream':
      return -1n;
    case 'any':
      return -2n;
    case 'stream_exists':
      return -4n;
    default:
      return expected;
  }
}
