import type { EventLog, RecordedEvent } from './log.js';
import { tombstoneRevision } from './log.js';

/** Settings of a stream: the last `$metadata` event on its `$$` stream. Absent means without limit. */
export interface StreamMetadata {
  readonly maxCount?: number;
  readonly maxAgeSeconds?: number;
  /** First revision that reads still show; `tombstoneRevision` here means soft-deleted. */
  readonly truncateBefore?: bigint;
  /** Access list as written: role or roles by permission (`$r`, `$w`, `$d`, `$mr`, `$mw`). */
  readonly acl?: Readonly<Record<string, unknown>>;
}

/** A stream as it was when the log had a certain length; -1n is "no event yet". */
export interface StreamState {
  readonly events: readonly RecordedEvent[];
  readonly lastRevision: bigint;
  readonly metadata: StreamMetadata;
  readonly softDeleted: boolean;
  readonly tombstoned: boolean;
}

/** A log, or its first `length` events: what a follower that lags behind has got. */
export interface View {
  readonly log: EventLog;
  readonly length: number;
}

export const metastreamOf = (stream: string): string => `$$${stream}`;
export const isMetastream = (stream: string): boolean => stream.startsWith('$$');
export const isSystemStream = (stream: string): boolean => stream.startsWith('$');

/**
 * Facts, Appending: "stream soft-deleted, then ...", "stream tombstoned": a tombstone is the stream's last event for
 * ever and takes the `$$` stream with it; a soft deletion is a `$metadata` event that truncates before the end of time.
 */
export function streamAt(view: View, name: string): StreamState {
  const written = eventsAt(view, name);
  const owner = isMetastream(name) ? eventsAt(view, name.slice(2)) : written;
  const tombstoned = owner.at(-1)?.revision === tombstoneRevision;
  const events = tombstoned && owner === written ? written.slice(0, -1) : written;
  const metadata = metadataAt(view, name);
  return {
    events,
    lastRevision: BigInt(events.length) - 1n,
    metadata,
    softDeleted: metadata.truncateBefore === tombstoneRevision,
    tombstoned,
  };
}

/** The first revision that reads of the stream may show, after soft deletion, truncation, `$maxCount` and `$maxAge`. */
export function firstVisible({ events, metadata }: StreamState, now: number): number {
  const { truncateBefore = 0n, maxCount, maxAgeSeconds } = metadata;
  const truncated = truncateBefore > BigInt(events.length) ? events.length : Number(truncateBefore);
  const surplus = maxCount === undefined ? 0 : events.length - maxCount;
  const first = Math.max(truncated, surplus);
  if (maxAgeSeconds === undefined) return first;
  const young = events.findIndex((event) => event.created >= now - maxAgeSeconds * 1_000);
  return young < 0 ? events.length : Math.max(first, young);
}

function eventsAt({ log, length }: View, name: string): readonly RecordedEvent[] {
  const events = log.stream(name);
  let [low, high] = [0, events.length];
  if ((events.at(-1)?.index ?? -1) < length) return events;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((events[middle]?.index ?? length) < length) low = middle + 1;
    else high = middle;
  }
  return events.slice(0, low);
}

/** A `$$` stream has no settings of its own and keeps one event: reads of it show the settings that hold now. */
function metadataAt(view: View, name: string): StreamMetadata {
  if (isMetastream(name)) return { maxCount: 1 };
  const last = eventsAt(view, metastreamOf(name)).at(-1);
  return last === undefined ? {} : parsed(last);
}

const parsedMetadata = new WeakMap<RecordedEvent, StreamMetadata>();

function parsed(event: RecordedEvent): StreamMetadata {
  const known = parsedMetadata.get(event);
  if (known !== undefined) return known;
  const metadata = parseMetadata(Buffer.from(event.data).toString('utf8'));
  parsedMetadata.set(event, metadata);
  return metadata;
}

/** Settings that are not JSON, or not of the right kind, are ignored, as by the server. */
function parseMetadata(text: string): StreamMetadata {
  const raw = parseObject(text);
  // 2^63 - 1 is not exact in a JSON number: recognised by its digits, which both the server and this file write.
  const truncateBefore = /"\$tb"\s*:\s*(\d+)/.exec(text)?.[1];
  const { $maxCount: maxCount, $maxAge: maxAgeSeconds, $acl: acl } = raw;
  return {
    ...(typeof maxCount === 'number' ? { maxCount } : {}),
    ...(typeof maxAgeSeconds === 'number' ? { maxAgeSeconds } : {}),
    ...(truncateBefore === undefined ? {} : { truncateBefore: BigInt(truncateBefore) }),
    ...(typeof acl === 'object' && acl !== null ? { acl: acl as Record<string, unknown> } : {}),
  };
}

/** The JSON object in `text`, empty if there is none. */
export function parseObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : {};
  } catch {
    return {};
  }
}
