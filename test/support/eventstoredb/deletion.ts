import type { ExpectedRevision } from './append.js';
import { systemEvent, writeSettings } from './append.js';
import type { EventLog } from './log.js';
import { tombstoneRevision } from './log.js';
import { metastreamOf, streamAt } from './stream-state.js';

export type DeletionAnswer =
  | { readonly kind: 'deleted'; readonly position: bigint }
  | { readonly kind: 'wrong-expected-version'; readonly actual: bigint }
  | { readonly kind: 'stream-deleted' }
  | { readonly kind: 'bad-request'; readonly reason: string };

export interface DeletionRequest {
  readonly stream: string;
  readonly expected: ExpectedRevision;
}

/**
 * Facts, Appending: "soft delete ... visible as `$metadata` events on `$$<stream>`". A stream without events and
 * settings is refused with revision -1 whatever was expected (recorded sequences); a deleted one may be deleted again.
 * The settings that were there are replaced.
 */
export function softDelete(log: EventLog, request: DeletionRequest): DeletionAnswer {
  const refusal = check(log, request);
  if (refusal !== undefined) return refusal;
  const isNothing = [request.stream, metastreamOf(request.stream)].every((name) => log.stream(name).length === 0);
  if (isNothing) return { kind: 'wrong-expected-version', actual: -1n };
  return { kind: 'deleted', position: writeSettings(log, request.stream, `{"$tb":${tombstoneRevision}}`) };
}

/** Facts, Appending: "a tombstone as `$streamDeleted` on the stream itself"; for ever. */
export function tombstone(log: EventLog, request: DeletionRequest): DeletionAnswer {
  const refusal = check(log, request);
  if (refusal !== undefined) return refusal;
  const [event] = log.append(request.stream, tombstoneRevision, [systemEvent('$streamDeleted', '')]);
  return { kind: 'deleted', position: event?.position ?? 0n };
}

function check(log: EventLog, { stream, expected }: DeletionRequest): DeletionAnswer | undefined {
  if (stream === '') return { kind: 'bad-request', reason: 'the name of a stream may not be empty' };
  const { tombstoned, softDeleted, lastRevision } = streamAt({ log, length: log.length }, stream);
  if (tombstoned) return { kind: 'stream-deleted' };
  const wrong: DeletionAnswer = { kind: 'wrong-expected-version', actual: lastRevision };
  switch (expected) {
    case 'any':
      return undefined;
    case 'stream_exists':
      if (softDeleted) return { kind: 'stream-deleted' };
      return lastRevision < 0n && log.stream(metastreamOf(stream)).length === 0 ? wrong : undefined;
    case 'no_stream':
      return softDeleted || lastRevision < 0n ? undefined : wrong;
    default:
      return expected === lastRevision ? undefined : wrong;
  }
}
