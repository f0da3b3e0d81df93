import { status as grpc } from '@grpc/grpc-js';
import type { AppendAnswer, ExpectedRevision } from './append.js';
import type { ProposedEvent, RecordedEvent } from './log.js';
import { Any, shared, status, streams, WellKnownEmpty } from './protocol.js';
import type { ServerVersion } from './services.js';

/** Protocol messages to values and back; nothing here decides anything. */

export const streamName = (identifier: shared.StreamIdentifier | undefined): string =>
  Buffer.from(identifier?.getStreamName_asU8() ?? []).toString('utf8');

function streamIdentifier(name: string): shared.StreamIdentifier {
  return new shared.StreamIdentifier().setStreamName(Buffer.from(name, 'utf8'));
}

/** The canonical text of an event id, whichever of the two forms it was sent in. */
export function uuidText(uuid: shared.UUID | undefined): string {
  const parts = uuid?.getStructured();
  if (parts === undefined) return uuid?.getString().toLowerCase() ?? '';
  const bits = [parts.getMostSignificantBits(), parts.getLeastSignificantBits()];
  const hex = bits.map((half) => BigInt.asUintN(64, BigInt(half)).toString(16).padStart(16, '0')).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** AppendReq, DeleteReq and TombstoneReq name the expectation alike. */
export function expectedRevision(
  options: streams.AppendReq.Options | streams.DeleteReq.Options | streams.TombstoneReq.Options,
): ExpectedRevision {
  if (options.hasRevision()) return BigInt(options.getRevision());
  if (options.hasNoStream()) return 'no_stream';
  return options.hasStreamExists() ? 'stream_exists' : 'any';
}

export function expectedPosition(options: streams.BatchAppendReq.Options): ExpectedRevision {
  if (options.hasStreamPosition()) return BigInt(options.getStreamPosition());
  if (options.hasNoStream()) return 'no_stream';
  return options.hasStreamExists() ? 'stream_exists' : 'any';
}

export function proposedEvent(
  message: streams.AppendReq.ProposedMessage | streams.BatchAppendReq.ProposedMessage,
): ProposedEvent {
  const map = message.getMetadataMap();
  return {
    id: uuidText(message.getId()),
    type: map.get('type') ?? '',
    contentType: map.get('content-type') ?? 'application/octet-stream',
    data: message.getData_asU8(),
    metadata: message.getCustomMetadata_asU8(),
  };
}

/** Facts, Reading: "binary event", "position": commit and prepare are equal, also in reads of one stream. */
export function eventMessage(event: RecordedEvent): streams.ReadResp {
  const recorded = new streams.ReadResp.ReadEvent.RecordedEvent()
    .setId(new shared.UUID().setString(event.id))
    .setStreamIdentifier(streamIdentifier(event.stream))
    .setStreamRevision(event.revision.toString())
    .setCommitPosition(event.position.toString())
    .setPreparePosition(event.position.toString())
    .setData(event.data)
    .setCustomMetadata(event.metadata);
  recorded.getMetadataMap().set('type', event.type);
  recorded.getMetadataMap().set('content-type', event.contentType);
  // The client reads ticks of 100 ns since 1970.
  recorded.getMetadataMap().set('created', (BigInt(event.created) * 10_000n).toString());
  const read = new streams.ReadResp.ReadEvent().setEvent(recorded).setCommitPosition(event.position.toString());
  return new streams.ReadResp().setEvent(read);
}

export function streamNotFoundMessage(name: string): streams.ReadResp {
  const notFound = new streams.ReadResp.StreamNotFound().setStreamIdentifier(streamIdentifier(name));
  return new streams.ReadResp().setStreamNotFound(notFound);
}

export function confirmationMessage(subscriptionId: string): streams.ReadResp {
  return new streams.ReadResp().setConfirmation(
    new streams.ReadResp.SubscriptionConfirmation().setSubscriptionId(subscriptionId),
  );
}

/** Facts, Subscriptions: "`checkpointReached` ... position `{commit, prepare: 0}`"; later versions name both. */
export function checkpointMessage(position: bigint, version: ServerVersion): streams.ReadResp {
  const checkpoint = new streams.ReadResp.Checkpoint().setCommitPosition(position.toString());
  checkpoint.setPreparePosition(version === '22.10' ? '0' : position.toString());
  return new streams.ReadResp().setCheckpoint(checkpoint);
}

export const caughtUpMessage = (): streams.ReadResp =>
  new streams.ReadResp().setCaughtUp(new streams.ReadResp.CaughtUp());

/** What a forward read says when it has come to the end; the client library passes over it. */
export const lastRevisionMessage = (revision: bigint): streams.ReadResp =>
  new streams.ReadResp().setLastStreamPosition(revision.toString());

/** The answers that end a batch: those of the append, and those that stop it on its way there. */
export type BatchAnswer = Exclude<AppendAnswer, { kind: 'silent' }> | { kind: 'timeout' } | { kind: 'access-denied' };

/** @param expected repeated in the refusal, as the server does */
export function batchMessage(
  correlationId: shared.UUID | undefined,
  stream: string,
  expected: ExpectedRevision,
  answer: BatchAnswer,
): streams.BatchAppendResp {
  const message = new streams.BatchAppendResp()
    .setCorrelationId(correlationId)
    .setStreamIdentifier(streamIdentifier(stream));
  if (answer.kind === 'written') {
    const { revision, position } = answer;
    const success = new streams.BatchAppendResp.Success().setCurrentRevision(revision.toString());
    if (position === undefined) return message.setSuccess(success.setNoPosition(new WellKnownEmpty()));
    const place = new shared.AllStreamPosition();
    place.setCommitPosition(position.toString()).setPreparePosition(position.toString());
    return message.setSuccess(success.setPosition(place));
  }
  if (answer.kind === 'nothing-written') {
    // Facts, Appending: "no events": the client turns this into `nextExpectedRevision: 0n`.
    const success = new streams.BatchAppendResp.Success().setNoStream(new WellKnownEmpty());
    return message.setSuccess(success.setNoPosition(new WellKnownEmpty()));
  }
  return message.setError(batchError(stream, expected, answer));
}

type BatchRefusal = Exclude<BatchAnswer, { kind: 'written' } | { kind: 'nothing-written' }>;

function batchError(stream: string, expected: ExpectedRevision, answer: BatchRefusal): status.Status {
  switch (answer.kind) {
    case 'wrong-expected-version': {
      const details = wrongExpectedVersion(expected, answer.actual);
      return error(grpc.FAILED_PRECONDITION, 'WrongExpectedVersion', details);
    }
    case 'stream-deleted': {
      const details = new shared.StreamDeleted().setStreamIdentifier(streamIdentifier(stream));
      return error(grpc.FAILED_PRECONDITION, 'StreamDeleted', details);
    }
    case 'too-large': {
      const details = new shared.MaximumAppendSizeExceeded().setMaxappendsize(answer.maxAppendSize);
      return error(grpc.INVALID_ARGUMENT, 'MaximumAppendSizeExceeded', details);
    }
    case 'bad-request':
      return error(grpc.INVALID_ARGUMENT, 'BadRequest', new shared.BadRequest().setMessage(answer.reason));
    case 'timeout':
      return error(grpc.DEADLINE_EXCEEDED, 'Timeout', new shared.Timeout());
    case 'access-denied':
      return error(grpc.PERMISSION_DENIED, 'AccessDenied', new shared.AccessDenied());
  }
}

function wrongExpectedVersion(expected: ExpectedRevision, actual: bigint): shared.WrongExpectedVersion {
  const details = new shared.WrongExpectedVersion();
  if (actual < 0n) details.setCurrentNoStream(new WellKnownEmpty());
  else details.setCurrentStreamRevision(actual.toString());
  if (expected === 'any') return details.setExpectedAny(new WellKnownEmpty());
  if (expected === 'no_stream') return details.setExpectedNoStream(new WellKnownEmpty());
  if (expected === 'stream_exists') return details.setExpectedStreamExists(new WellKnownEmpty());
  return details.setExpectedStreamPosition(expected.toString());
}

/** @param name of the message in package event_store.client: the client chooses its error class by it */
function error(code: grpc, name: string, details: { serializeBinary(): Uint8Array }): status.Status {
  const any = new Any();
  any.setTypeUrl(`type.googleapis.com/event_store.client.${name}`);
  any.setValue(details.serializeBinary());
  return new status.Status().setCode(Number(code)).setMessage(name).setDetails(any);
}
