import type { handleClientStreamingCall, handleUnaryCall, Metadata } from '@grpc/grpc-js';
import type { ExpectedRevision } from './append.js';
import { type DeletionAnswer, type DeletionRequest, softDelete, tombstone } from './deletion.js';
import {
  appendTooLarge,
  badRequest,
  notLeader,
  RpcError,
  streamDeleted,
  timedOut,
  wrongExpectedVersion,
} from './errors.js';
import type { EventLog } from './log.js';
import { expectedRevision, proposedEvent, streamName } from './messages.js';
import type { AppendOutcome, Connection, StandInNode } from './node.js';
import { shared, streams } from './protocol.js';

/** @throws RpcError if the call requires the leader and this node is not it, or if its caller may not do this */
function admit(node: StandInNode, headers: Metadata, permission: '$w' | '$d', stream: string): void {
  node.rules.require(node.rules.caller(headers), permission, stream, node.replica);
  if (headers.get('requires-leader')[0] !== 'true') return;
  const leader = node.otherLeader();
  if (leader !== undefined) throw notLeader(leader);
}

/** Streams.Append: what the client uses for an append with credentials of its own. */
export function appendUnary(
  node: StandInNode,
  connection: Connection,
): handleClientStreamingCall<streams.AppendReq, streams.AppendResp> {
  return (call, done) => {
    const messages: streams.AppendReq[] = [];
    call.on('data', (message: streams.AppendReq) => messages.push(message));
    call.on('end', () => {
      const options = messages.find((message) => message.hasOptions())?.getOptions() ?? new streams.AppendReq.Options();
      const proposed = messages.flatMap((message) => message.getProposedMessage() ?? []);
      const stream = streamName(options.getStreamIdentifier());
      const expected = expectedRevision(options);
      const answer = async (): Promise<streams.AppendResp | undefined> => {
        await node.gate.passed();
        admit(node, call.metadata, '$w', stream);
        const outcome = await node.append({ stream, expected, events: proposed.map(proposedEvent) });
        if (outcome.kind === 'reset') connection.reset();
        return unaryMessage(stream, expected, outcome);
      };
      answer().then(
        (message) => message !== undefined && done(null, message),
        (error: unknown) => done(asRpcError(error)),
      );
    });
  };
}

/** @returns undefined for no answer at all */
function unaryMessage(
  stream: string,
  expected: ExpectedRevision,
  outcome: AppendOutcome,
): streams.AppendResp | undefined {
  switch (outcome.kind) {
    case 'written': {
      const success = new streams.AppendResp.Success().setCurrentRevision(outcome.revision.toString());
      const position = outcome.position?.toString();
      if (position === undefined) return new streams.AppendResp().setSuccess(success.setNoPosition(new shared.Empty()));
      const place = new streams.AppendResp.Position().setCommitPosition(position).setPreparePosition(position);
      return new streams.AppendResp().setSuccess(success.setPosition(place));
    }
    case 'nothing-written': {
      const success = new streams.AppendResp.Success().setNoStream(new shared.Empty());
      return new streams.AppendResp().setSuccess(success.setNoPosition(new shared.Empty()));
    }
    case 'wrong-expected-version':
      return new streams.AppendResp().setWrongExpectedVersion(wrongVersion(expected, outcome.actual));
    case 'stream-deleted':
      throw streamDeleted(stream);
    case 'too-large':
      throw appendTooLarge(outcome.maxAppendSize);
    case 'bad-request':
      throw badRequest(outcome.reason);
    case 'timeout':
      throw timedOut();
    case 'silent':
    case 'reset':
      return undefined;
  }
}

function wrongVersion(expected: ExpectedRevision, actual: bigint): streams.AppendResp.WrongExpectedVersion {
  const wrong = new streams.AppendResp.WrongExpectedVersion();
  if (actual < 0n) wrong.setCurrentNoStream(new shared.Empty());
  else wrong.setCurrentRevision(actual.toString());
  if (expected === 'any') return wrong.setExpectedAny(new shared.Empty());
  if (expected === 'no_stream') return wrong.setExpectedNoStream(new shared.Empty());
  if (expected === 'stream_exists') return wrong.setExpectedStreamExists(new shared.Empty());
  return wrong.setExpectedRevision(expected.toString());
}

export function deleteStream(node: StandInNode): handleUnaryCall<streams.DeleteReq, streams.DeleteResp> {
  return (call, done) => {
    const options = call.request.getOptions() ?? new streams.DeleteReq.Options();
    remove(node, call.metadata, requestOf(options), softDelete).then(
      (position) => {
        const place = new streams.DeleteResp.Position().setCommitPosition(position).setPreparePosition(position);
        done(null, new streams.DeleteResp().setPosition(place));
      },
      (error: unknown) => done(asRpcError(error)),
    );
  };
}

export function tombstoneStream(node: StandInNode): handleUnaryCall<streams.TombstoneReq, streams.TombstoneResp> {
  return (call, done) => {
    const options = call.request.getOptions() ?? new streams.TombstoneReq.Options();
    remove(node, call.metadata, requestOf(options), tombstone).then(
      (position) => {
        const place = new streams.TombstoneResp.Position().setCommitPosition(position).setPreparePosition(position);
        done(null, new streams.TombstoneResp().setPosition(place));
      },
      (error: unknown) => done(asRpcError(error)),
    );
  };
}

function requestOf(options: streams.DeleteReq.Options | streams.TombstoneReq.Options): DeletionRequest {
  return { stream: streamName(options.getStreamIdentifier()), expected: expectedRevision(options) };
}

/** @returns the position, as decimal text */
async function remove(
  node: StandInNode,
  headers: Metadata,
  request: DeletionRequest,
  execute: (log: EventLog, request: DeletionRequest) => DeletionAnswer,
): Promise<string> {
  await node.gate.passed();
  admit(node, headers, '$d', request.stream);
  const answer = await node.cluster.atLeader(() => execute(node.cluster.log, request));
  switch (answer?.kind) {
    case undefined:
      throw timedOut();
    case 'deleted':
      return answer.position.toString();
    case 'wrong-expected-version':
      throw wrongExpectedVersion(request.stream, request.expected, answer.actual);
    case 'stream-deleted':
      throw streamDeleted(request.stream);
    case 'bad-request':
      throw badRequest(answer.reason);
  }
}

function asRpcError(error: unknown): RpcError {
  return error instanceof RpcError ? error : new RpcError(2, String(error));
}
