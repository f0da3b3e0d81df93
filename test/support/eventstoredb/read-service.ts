import { setTimeout as sleep } from 'node:timers/promises';
import type { handleServerStreamingCall, ServerWritableStream } from '@grpc/grpc-js';
import { notLeader, notReady, RpcError, streamDeleted } from './errors.js';
import type { RecordedEvent } from './log.js';
import { eventMessage, lastRevisionMessage, streamName, streamNotFoundMessage } from './messages.js';
import type { Connection, StandInNode } from './node.js';
import { streams } from './protocol.js';
import { type Direction, readAll, readStream } from './read.js';
import { Sender } from './sender.js';
import { streamAt } from './stream-state.js';
import { subscribeToAll, subscribeToStream } from './subscription.js';

type ReadCall = ServerWritableStream<streams.ReadReq, streams.ReadResp>;

/** Streams.Read: reads and subscriptions, of a stream and of `$all`. */
export function read(
  node: StandInNode,
  connection: Connection,
): handleServerStreamingCall<streams.ReadReq, streams.ReadResp> {
  return (call) => {
    serve(node, connection, call).then(
      () => call.end(),
      (error: unknown) => call.emit('error', error instanceof RpcError ? error : new RpcError(2, String(error))),
    );
  };
}

async function serve(node: StandInNode, connection: Connection, call: ReadCall): Promise<void> {
  await node.gate.passed();
  const options = call.request.getOptions() ?? new streams.ReadReq.Options();
  const stream = options.hasAll() ? '$all' : streamName(options.getStream()?.getStreamIdentifier());
  node.rules.require(node.rules.caller(call.metadata), '$r', stream, node.replica);
  if (node.cluster.leader === undefined) throw notReady();
  if (call.metadata.get('requires-leader')[0] === 'true') {
    const leader = node.otherLeader();
    if (leader !== undefined) throw notLeader(leader);
  }
  const sender = new Sender(call);
  if (options.hasSubscription()) {
    await (options.hasAll() ? subscribeToAll(node, sender, options) : subscribeToStream(node, sender, options, stream));
    return;
  }
  const fault = node.faults.onRead(stream);
  if (fault?.kind === 'delay-read') await sleep(fault.ms ?? 0, undefined, { ref: false });
  if (fault?.kind === 'hang-read') await sender.cancelled;
  const { events, notFound, last } = eventsOf(node, options, stream);
  if (notFound) await sender.send(streamNotFoundMessage(stream));
  let left = fault?.kind === 'cut-read' ? (fault.after ?? 0) : Number.POSITIVE_INFINITY;
  for (const event of events) {
    if (left <= 0 || sender.closed) break;
    await sender.send(eventMessage(event));
    left -= 1;
  }
  if (last !== undefined && left > 0 && !sender.closed) await sender.send(lastRevisionMessage(last));
  if (fault?.kind !== 'cut-read') return;
  await sender.flushed();
  connection.reset();
}

/** What this node shows at this moment; facts, Reading. */
function eventsOf(
  node: StandInNode,
  options: streams.ReadReq.Options,
  stream: string,
): { events: Iterable<RecordedEvent>; notFound: boolean; last?: bigint } {
  const { FORWARDS } = streams.ReadReq.Options.ReadDirection;
  const direction: Direction = options.getReadDirection() === FORWARDS ? 'forwards' : 'backwards';
  const max = Number(options.getCount());
  if (options.hasAll()) {
    const view = { log: node.replica.log, length: node.replica.length };
    return { events: readAll(view, { from: startOfAll(options.getAll()), direction, max }), notFound: false };
  }
  const from = startOfStream(options.getStream());
  const answer = readStream(node.replica, { stream, from, direction, max }, Date.now());
  if (answer.kind === 'stream-deleted') throw streamDeleted(stream);
  if (answer.kind === 'stream-not-found') return { events: [], notFound: true };
  const { events } = answer;
  const { lastRevision } = streamAt(node.replica, stream);
  const isEnd = direction === 'forwards' && (events.at(-1)?.revision ?? lastRevision) === lastRevision;
  return { events, notFound: false, ...(isEnd && { last: lastRevision }) };
}

function startOfStream(options: streams.ReadReq.Options.StreamOptions | undefined): bigint | 'start' | 'end' {
  if (options?.hasRevision()) return BigInt(options.getRevision());
  return options?.hasEnd() ? 'end' : 'start';
}

function startOfAll(options: streams.ReadReq.Options.AllOptions | undefined): bigint | 'start' | 'end' {
  const position = options?.getPosition();
  if (position !== undefined) return BigInt(position.getCommitPosition());
  return options?.hasEnd() ? 'end' : 'start';
}
