import { randomUUID } from 'node:crypto';
import type { EventLog, ProposedEvent, RecordedEvent } from './log.js';
import { sizeOf } from './log.js';
import type { StreamState, View } from './stream-state.js';
import { firstVisible, isMetastream, metastreamOf, parseObject, streamAt } from './stream-state.js';

/** What the stream has to look like: its last revision, or one of the three words. */
export type ExpectedRevision = bigint | 'any' | 'no_stream' | 'stream_exists';

export interface AppendRequest {
  readonly stream: string;
  readonly expected: ExpectedRevision;
  readonly events: readonly ProposedEvent[];
}

/**
 * The answers of the server; `silent` is none at all. `actual` is -1n where the stream has no event. A repeat of events
 * that reads of the stream no longer show is answered without a position.
 */
export type AppendAnswer =
  | { readonly kind: 'written'; readonly revision: bigint; readonly position: bigint | undefined }
  | { readonly kind: 'nothing-written' }
  | { readonly kind: 'wrong-expected-version'; readonly actual: bigint }
  | { readonly kind: 'stream-deleted' }
  | { readonly kind: 'too-large'; readonly maxAppendSize: number }
  | { readonly kind: 'bad-request'; readonly reason: string }
  | { readonly kind: 'silent' };

export const maxAppendSize = 1_048_576;

/** Facts, Appending: decides and writes in one step, all events or none. */
export function append(log: EventLog, request: AppendRequest): AppendAnswer {
  const { stream, events } = request;
  if (stream === '') return { kind: 'bad-request', reason: 'the name of a stream may not be empty' };
  if (events.reduce((size, event) => size + sizeOf(event), 0) > maxAppendSize)
    return { kind: 'too-large', maxAppendSize };
  const state = streamAt(viewOf(log), stream);
  const refusal = check(log, state, request);
  if (refusal !== undefined) return refusal;
  if (events.length === 0) return { kind: 'nothing-written' };
  const settingsOfDeleted = isMetastream(stream) && streamAt(viewOf(log), stream.slice(2)).softDeleted;
  const last = log.append(stream, state.lastRevision + 1n, events).at(-1);
  if (state.softDeleted) recreate(log, stream, state.lastRevision + 1n);
  if (settingsOfDeleted) recreate(log, stream.slice(2), BigInt(log.stream(stream.slice(2)).length));
  return last === undefined
    ? { kind: 'nothing-written' }
    : { kind: 'written', revision: last.revision, position: last.position };
}

/** Anything but "write it", in the server's order: deleted, missing, known, wrong revision. */
function check(log: EventLog, state: StreamState, request: AppendRequest): AppendAnswer | undefined {
  const { expected } = request;
  const wrong: AppendAnswer = { kind: 'wrong-expected-version', actual: state.lastRevision };
  if (state.tombstoned) return { kind: 'stream-deleted' };
  if (expected === 'stream_exists') {
    if (state.softDeleted) return { kind: 'stream-deleted' };
    if (state.lastRevision < 0n && log.stream(metastreamOf(request.stream)).length === 0) return wrong;
  }
  if (expected === 'any' || expected === 'stream_exists') return repeatAnywhere(log, state, request);
  const revision = expected === 'no_stream' ? -1n : expected;
  if (revision > state.lastRevision) return wrong;
  if (revision === state.lastRevision) return undefined;
  return repeatAfter(state, request, revision);
}

/**
 * Facts: "same event ids, same expected revision, after success": success again with the first write's revision and
 * position, the data is not compared; "a batch whose first part is known and whose rest is new": wrong revision. Ids
 * are compared with the events that follow the expected revision and with no others.
 */
function repeatAfter(state: StreamState, request: AppendRequest, revision: bigint): AppendAnswer | undefined {
  const following = state.events.slice(Number(revision + 1n), Number(revision + 1n) + request.events.length);
  const known = request.events.filter((event, offset) => following[offset]?.id === event.id).length;
  const last = following.at(-1);
  if (last !== undefined && known === request.events.length) return repeated(state, last);
  const recreates = request.expected === 'no_stream' && state.softDeleted;
  if (recreates && following[0]?.id !== request.events[0]?.id) return undefined;
  return { kind: 'wrong-expected-version', actual: state.lastRevision };
}

/**
 * With "any" and "exists" the server looks for the first event under each id, in whatever stream it is; if all are in
 * this one it answers with the last of them, gaps or not. Facts: "known ids in another order ... may get no answer":
 * where the last of them lies before the first one.
 */
function repeatAnywhere(log: EventLog, state: StreamState, request: AppendRequest): AppendAnswer | undefined {
  const known = request.events.map((event) => log.firstWithId(event.id));
  const foreign = known.findIndex((event) => event?.stream !== request.stream);
  if (foreign === 0 || known.length === 0) return undefined;
  if (foreign > 0) return { kind: 'wrong-expected-version', actual: state.lastRevision };
  const [first, last] = [known[0], known.at(-1)];
  if (first === undefined || last === undefined || last.revision < first.revision) return { kind: 'silent' };
  return repeated(state, last);
}

/** The answer of the first time, whatever was deleted since; only the position of what is hidden is not found again. */
function repeated(state: StreamState, { revision, position }: RecordedEvent): AppendAnswer {
  const isHidden = state.softDeleted || revision < BigInt(firstVisible(state, Date.now()));
  return { kind: 'written', revision, position: isHidden ? undefined : position };
}

const viewOf = (log: EventLog): View => ({ log, length: log.length });

/**
 * Facts: "stream soft-deleted, then append expecting 'no stream'": revisions go on. Behind the new events, or the new
 * settings, the server writes the stream's settings once more, truncated before its next event of then.
 */
function recreate(log: EventLog, stream: string, truncateBefore: bigint): void {
  const settings = parseObject(Buffer.from(log.stream(metastreamOf(stream)).at(-1)?.data ?? '').toString('utf8'));
  writeSettings(log, stream, JSON.stringify({ ...settings, $tb: Number(truncateBefore) }));
}

/** Writes a `$metadata` event, unchecked. `settings` is JSON text: `$tb` may be beyond what a number holds. */
export function writeSettings(log: EventLog, stream: string, settings: string): bigint {
  const metastream = metastreamOf(isMetastream(stream) ? stream.slice(2) : stream);
  const next = BigInt(log.stream(metastream).length);
  const [event] = log.append(metastream, next, [systemEvent('$metadata', settings)]);
  return event?.position ?? 0n;
}

/** An event of the server's own. */
export function systemEvent(type: string, json: string): ProposedEvent {
  const [data, metadata] = [Buffer.from(json), Buffer.alloc(0)];
  return { id: randomUUID(), type, contentType: 'application/json', data, metadata };
}
