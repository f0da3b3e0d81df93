import type { handleBidiStreamingCall, ServerDuplexStream } from '@grpc/grpc-js';
import type { Caller } from './access.js';
import type { ExpectedRevision } from './append.js';
import { notLeader, type RpcError } from './errors.js';
import type { BatchAnswer } from './messages.js';
import { batchMessage, expectedPosition, proposedEvent, streamName, uuidText } from './messages.js';
import type { Connection, StandInNode } from './node.js';
import { streams } from './protocol.js';

type BatchCall = ServerDuplexStream<streams.BatchAppendReq, streams.BatchAppendResp>;

/**
 * Streams.BatchAppend: one call carries all appends of a client, told apart by a correlation id, in parts until one
 * says that it is the last. An answer is sent at most once per correlation id: the client dies of a second one.
 */
export function batchAppend(
  node: StandInNode,
  connection: Connection,
): handleBidiStreamingCall<streams.BatchAppendReq, streams.BatchAppendResp> {
  return (call) => {
    try {
      const batches = new Batches(node, connection, call, node.rules.caller(call.metadata));
      call.on('data', (part: streams.BatchAppendReq) => batches.take(part));
      call.on('end', () => batches.finish());
    } catch (error) {
      call.emit('error', error);
    }
  };
}

interface Batch {
  readonly stream: string;
  readonly expected: ExpectedRevision;
  readonly parts: readonly streams.BatchAppendReq[];
}

class Batches {
  readonly #node: StandInNode;
  readonly #connection: Connection;
  readonly #call: BatchCall;
  readonly #caller: Caller;
  readonly #requiresLeader: boolean;
  readonly #parts = new Map<string, streams.BatchAppendReq[]>();
  #unanswered = 0;
  #finishing = false;
  #ended = false;

  constructor(node: StandInNode, connection: Connection, call: BatchCall, caller: Caller) {
    this.#node = node;
    this.#connection = connection;
    this.#call = call;
    this.#caller = caller;
    this.#requiresLeader = call.metadata.get('requires-leader')[0] === 'true';
    call.on('cancelled', () => {
      this.#ended = true;
    });
  }

  take(part: streams.BatchAppendReq): void {
    const id = uuidText(part.getCorrelationId());
    const parts = this.#parts.get(id) ?? [];
    parts.push(part);
    this.#parts.set(id, parts);
    if (!part.getIsFinal()) return;
    this.#parts.delete(id);
    this.#unanswered += 1;
    void this.#append(parts);
  }

  /** The client sends no more; the call ends when all that it sent is answered. */
  finish(): void {
    this.#finishing = true;
    this.#endIfDone();
  }

  async #append(parts: readonly streams.BatchAppendReq[]): Promise<void> {
    const options = parts[0]?.getOptions() ?? new streams.BatchAppendReq.Options();
    const [stream, expected] = [streamName(options.getStreamIdentifier()), expectedPosition(options)];
    let answered = false;
    const answer = (result: BatchAnswer | undefined): void => {
      clearTimeout(deadline);
      if (answered || result === undefined) return;
      answered = true;
      this.#unanswered -= 1;
      if (this.#ended) return;
      this.#call.write(batchMessage(parts[0]?.getCorrelationId(), stream, expected, result));
      this.#endIfDone();
    };
    // Facts, When things break: the server enforces the deadline of an append. It may be written all the same, later.
    const deadline = setTimeout(() => answer({ kind: 'timeout' }), millisecondsLeft(options));
    answer(await this.#outcome({ stream, expected, parts }));
  }

  /** @returns undefined for no answer at all */
  async #outcome({ stream, expected, parts }: Batch): Promise<BatchAnswer | undefined> {
    const node = this.#node;
    await node.gate.passed();
    if (!node.rules.allows(this.#caller, '$w', stream, node.replica)) return { kind: 'access-denied' };
    const leader = this.#requiresLeader ? node.otherLeader() : undefined;
    if (leader !== undefined) {
      this.#fail(notLeader(leader));
      return undefined;
    }
    const events = parts.flatMap((part) => part.getProposedMessagesList()).map(proposedEvent);
    const outcome = await node.append({ stream, expected, events });
    if (outcome.kind === 'reset') this.#connection.reset();
    return outcome.kind === 'reset' || outcome.kind === 'silent' ? undefined : outcome;
  }

  #fail(error: RpcError): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#call.emit('error', error);
  }

  #endIfDone(): void {
    if (!this.#finishing || this.#unanswered > 0 || this.#ended) return;
    this.#ended = true;
    this.#call.end();
  }
}

/** No timer lasts longer than 2^31 - 1 ms; one that is set for longer fires at once. */
function millisecondsLeft(options: streams.BatchAppendReq.Options): number {
  const longest = 0x7fff_ffff;
  const deadline = options.getDeadline()?.toDate().getTime();
  return deadline === undefined ? longest : Math.min(Math.max(0, deadline - Date.now()), longest);
}
