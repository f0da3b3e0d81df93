/** The rules every adapter holds a unit to, in one place, before anything is written. */
import {
  categoryOf,
  compareStreams,
  InvalidUnit,
  type Json,
  type JsonObject,
  type NewEvent,
  NO_EVENTS,
  type RecordedEvent,
  type Revision,
  STREAM_CATEGORIES,
  type StreamAppend,
  UNIT_BYTES_MAX,
  UNIT_STREAMS_MAX,
} from './port.js';

/** A checked append. `texts` are the data of its events as they are stored and hashed. */
export interface PreparedAppend extends StreamAppend {
  readonly texts: readonly string[];
}

/** A checked unit, its appends in the order in which they are committed. */
export interface PreparedUnit {
  readonly appends: readonly PreparedAppend[];
  readonly eventCount: number;
  readonly sizeBytes: number;
}

/**
 * What is counted for an event besides its stream name, type and data: an adapter's metadata. EventStoreDB takes
 * 1 MiB in one append, metadata included.
 */
export const EVENT_OVERHEAD_BYTES = 256;

const NAME_CHARS_MAX = 255;
const DEPTH_MAX = 64;
const STREAM = /^[a-z0-9]+\.[a-z]+(-[A-Za-z0-9][A-Za-z0-9._-]*)?$/;
const TYPE = /^[A-Za-z][A-Za-z0-9]*$/;
const VERSION_MAX = 2 ** 31 - 1;

/**
 * Checks a unit, sorts its appends by `compareStreams` (which is their global order) and encodes the data once.
 * @throws InvalidUnit, with `tooLarge` where only streams or bytes are too many
 */
export function prepareUnit(unit: readonly StreamAppend[]): PreparedUnit {
  if (unit.length === 0) throw new InvalidUnit('a unit has at least one stream');
  const sorted = unit.length === 1 ? unit : [...unit].sort((a, b) => compareStreams(a.stream, b.stream));
  if (sorted.length > UNIT_STREAMS_MAX) {
    throw new InvalidUnit(`a unit has at most ${UNIT_STREAMS_MAX} streams, not ${sorted.length}`, true);
  }
  let [sizeBytes, eventCount] = [0, 0];
  const appends = sorted.map((append, place): PreparedAppend => {
    checkAppend(append);
    if (append.stream === sorted[place + 1]?.stream) throw new InvalidUnit(`${append.stream} is twice in one unit`);
    if (append.commitOnly && place < sorted.length - 1) {
      throw new InvalidUnit(`${append.stream} is not the last stream of its unit, so it cannot be commitOnly`);
    }
    const texts = append.events.map((event) => encodeEvent(append.stream, event));
    eventCount += texts.length;
    texts.forEach((text, i) => {
      sizeBytes += EVENT_OVERHEAD_BYTES + append.stream.length + Buffer.byteLength(text);
      sizeBytes += append.events[i]?.type.length ?? 0;
    });
    return { ...append, texts };
  });
  if (sizeBytes > UNIT_BYTES_MAX) {
    throw new InvalidUnit(`a unit has at most ${UNIT_BYTES_MAX} bytes, not ${sizeBytes}`, true);
  }
  return { appends, eventCount, sizeBytes };
}

/** @throws InvalidUnit unless the name is `<instance>.<category>-<key>`, or `<instance>.keys` */
export function checkStreamName(stream: string): void {
  const category = categoryOf(stream);
  if (
    !STREAM.test(stream) ||
    stream.length > NAME_CHARS_MAX ||
    !STREAM_CATEGORIES.includes(category) ||
    stream.includes('-') === (category === 'keys')
  ) {
    throw new InvalidUnit(`a stream is called <instance>.<category>-<key>, not ${stream.slice(0, NAME_CHARS_MAX)}`);
  }
}

function checkAppend({ stream, expected, events }: StreamAppend): void {
  checkStreamName(stream);
  if (events.length === 0) throw new InvalidUnit(`nothing is appended to ${stream}`);
  if (expected !== NO_EVENTS && (typeof expected !== 'bigint' || expected < 0n)) {
    throw new InvalidUnit(`the expected revision of ${stream} is none`);
  }
}

function encodeEvent(stream: string, { type, version, data }: NewEvent): string {
  if (!TYPE.test(type) || type.length > NAME_CHARS_MAX) throw new InvalidUnit(`${stream}: ${type} is no type of event`);
  if (!Number.isInteger(version) || version < 1 || version > VERSION_MAX) {
    throw new InvalidUnit(`${stream}: ${type} has no version from 1 to ${VERSION_MAX}`);
  }
  if (typeof data !== 'object' || data === null || Array.isArray(data)) {
    throw new InvalidUnit(`${stream}: the data of ${type} is not an object`);
  }
  const fault = faultIn(data, 0);
  if (fault !== undefined) throw new InvalidUnit(`${stream}: ${type}${fault}`);
  return JSON.stringify(data);
}

/**
 * Only values that come back exactly as they went in, from any store: `JSON.stringify` would drop, round or call what
 * is refused here. Cycles end at the depth.
 * @returns the path to the first fault and what it is; the path is put together only when there is one
 */
function faultIn(value: Json, depth: number): string | undefined {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return undefined;
    case 'number':
      if (Number.isSafeInteger(value) && !Object.is(value, -0)) return undefined;
      return ` is ${Object.is(value, -0) ? '-0' : value}, not an integer that JSON keeps`;
    case 'object':
      return value === null ? undefined : faultInside(value, depth + 1);
    default:
      return ` is ${typeof value}, not JSON`;
  }
}

function faultInside(value: Json[] | JsonObject, depth: number): string | undefined {
  if (depth > DEPTH_MAX) return ` is nested deeper than ${DEPTH_MAX}`;
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) {
      const fault = faultIn(value[i] as Json, depth);
      if (fault !== undefined) return `[${i}]${fault}`;
    }
    return undefined;
  }
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return ' is not a plain object';
  for (const member in value) {
    const fault = faultIn(value[member] as Json, depth);
    if (fault !== undefined) return `.${member}${fault}`;
  }
  return undefined;
}

/** The first event of a unit that another store has handed out. @throws RangeError unless all have its time */
export function firstOfUnit(events: readonly RecordedEvent[]): RecordedEvent {
  const [first] = events;
  if (!first || events.some(({ writtenAtUs }) => writtenAtUs !== first.writtenAtUs)) {
    throw new RangeError('a unit has events, and one time');
  }
  return first;
}

/**
 * What a unit did to its streams, to be done again in another store with the same logical numbers.
 * @param revisionBefore where a stream stands that has events before the one with this number
 */
export function appendsOf(
  events: readonly RecordedEvent[],
  revisionBefore: (stream: string, number: number) => Revision,
): StreamAppend[] {
  const streams = new Map<string, RecordedEvent[]>();
  for (const event of events) {
    const added = streams.get(event.stream);
    if (added) added.push(event);
    else streams.set(event.stream, [event]);
  }
  return [...streams].map(([stream, added]) => {
    const number = added[0]?.number ?? 0;
    return { stream, expected: number === 0 ? NO_EVENTS : revisionBefore(stream, number), events: added };
  });
}
