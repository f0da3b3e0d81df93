/**
 * What the adapter writes beside the data of an event, in the metadata that every event browser shows.
 *
 *     { version, number, at, after?, part?: [i, n] }                          in every event
 *     { ..., unit, slot: [decision stream, revision] }                        tentative: decided by what fills the slot
 *     { ..., unit, members: [[stream, revision, count, hash], ...] }          the first event of a commit point
 *
 * `number` and `after` say what the append rests on: how many committed events the stream had, and the position of the
 * unit that brought the last of them. They are known to the writer, for it appends only at a revision up to which
 * everything is settled; so they tell every later reader what became of the tentative events before them.
 */
import { hash } from 'node:crypto';
import { type StoredEvent, storedLeaf } from '../leaf.js';
import { DamagedStore, type JsonObject, type Position, type RecordedEvent, START } from '../port.js';
import type { PreparedAppend } from '../unit.js';
import type { ProposedEvent, RawEvent } from './esdb-like.js';
import type { Standing } from './revision.js';

/** Fills a decision slot against its unit. No type of the domain has a hyphen. */
export const VOID_MARKER = 'void-marker';

/** An event number of a decision stream: a register that is written once. */
export interface Slot {
  readonly stream: string;
  readonly revision: bigint;
}

/** What a commit point says about the events of one other stream. */
export interface Member {
  readonly stream: string;
  /** The server's revision of the first of its events. */
  readonly revision: bigint;
  readonly count: number;
  /** Of their leaves, base64. */
  readonly hash: string;
}

interface Stored extends Omit<StoredEvent, 'text'> {
  readonly raw: RawEvent;
  readonly data: JsonObject;
  /** Where the last unit before this append stands. */
  readonly after: Position;
  /** Its place among the events of one append. */
  readonly part: number;
  readonly parts: number;
}

export interface MarkerEntry {
  readonly kind: 'marker';
  readonly raw: RawEvent;
}

export interface CommittedEntry extends Stored {
  readonly kind: 'committed';
  /** Of a commit point, in its first event. */
  readonly unit?: { readonly id: string; readonly members: readonly Member[] };
}

export interface TentativeEntry extends Stored {
  readonly kind: 'tentative';
  readonly unit: string;
  readonly slot: Slot;
}

export type NumberedEntry = CommittedEntry | TentativeEntry;
export type Entry = MarkerEntry | NumberedEntry;

/** What an append is for. */
export type Role =
  | { readonly kind: 'alone' }
  | { readonly kind: 'member'; readonly unit: string; readonly slot: Slot }
  | { readonly kind: 'decision'; readonly unit: string; readonly members: readonly Member[] };

export interface Writing {
  readonly at: Standing;
  readonly writtenAtUs: number;
  readonly role: Role;
  readonly newEventId: () => string;
}

/** The events of one append as they are written. */
export function proposed({ events, texts }: PreparedAppend, writing: Writing): ProposedEvent[] {
  const { at, writtenAtUs, role, newEventId } = writing;
  const after = at.count === 0 ? {} : { after: at.position.toString() };
  return events.map(({ type, version }, i) => {
    const part = events.length === 1 ? {} : { part: [i, events.length] };
    const metadata = { version, number: at.count + i, at: writtenAtUs, ...after, ...part, ...roleMetadata(role, i) };
    return { id: newEventId(), type, data: texts[i] as string, metadata: JSON.stringify(metadata) };
  });
}

function roleMetadata(role: Role, part: number): object {
  switch (role.kind) {
    case 'alone':
      return {};
    case 'member':
      return { unit: role.unit, slot: [role.slot.stream, Number(role.slot.revision)] };
    case 'decision': {
      if (part > 0) return {};
      const members = role.members.map((one) => [one.stream, Number(one.revision), one.count, one.hash]);
      return { unit: role.unit, members };
    }
  }
}

export function voidMarker(id: string, unit: string): ProposedEvent {
  return { id, type: VOID_MARKER, data: '{}', metadata: JSON.stringify({ void: unit }) };
}

/** The hash by which a commit point names the events of a member. */
export function hashOf(entries: readonly NumberedEntry[]): string {
  return hashOfLeaves(entries.map((entry) => ({ ...entry, text: JSON.stringify(entry.data) })));
}

/** The hash of an append that is about to be written. */
export function hashOfAppend({ stream, events, texts }: PreparedAppend, at: Standing, writtenAtUs: number): string {
  return hashOfLeaves(
    events.map(({ type, version }, i) => {
      return { stream, number: at.count + i, type, version, writtenAtUs, text: texts[i] as string };
    }),
  );
}

function hashOfLeaves(events: readonly StoredEvent[]): string {
  return hash('sha256', Buffer.concat(events.map(storedLeaf)), 'base64');
}

const read = new WeakMap<RawEvent, Entry>();

/** Reads an event of one of our streams. @throws DamagedStore if we cannot have written it */
export function entryOf(raw: RawEvent): Entry {
  const known = read.get(raw);
  if (known) return known;
  const entry = readEntry(raw);
  read.set(raw, entry);
  return entry;
}

function readEntry(raw: RawEvent): Entry {
  if (raw.type === VOID_MARKER) return { kind: 'marker', raw };
  const where = `event ${raw.revision} of ${raw.stream}`;
  const check = (holds: boolean, what: string): void => {
    if (!holds) throw new DamagedStore(`${where} ${what}; it was not written by this exchange`);
  };
  const { data, metadata } = raw;
  check(isObject(data) && isObject(metadata), `(${raw.type}) is not JSON with metadata`);
  const { version, number, at, after = START.toString(), part = [0, 1], unit, members, slot } = metadata as Metadata;
  check(
    [version, number, at].every((value) => Number.isSafeInteger(value) && value >= 0),
    'has no number or time',
  );
  check(typeof after === 'string' && /^-?\d{1,19}$/.test(after), 'does not say what it rests on');
  const [i, parts] = Array.isArray(part) ? (part as [number, number]) : [-1, -1];
  check(Number.isSafeInteger(i) && Number.isSafeInteger(parts) && 0 <= i && i < parts, 'is no part of an append');
  const { stream, type } = raw;
  const columns = { stream, number, type, version, writtenAtUs: at };
  const stored = { ...columns, raw, data: data as JsonObject, after: BigInt(after) as Position, part: i, parts };
  if (slot !== undefined) {
    check(typeof unit === 'string' && Array.isArray(slot) && typeof slot[0] === 'string', 'names no slot');
    return { ...stored, kind: 'tentative', unit, slot: { stream: slot[0], revision: revisionFrom(slot[1], check) } };
  }
  if (members === undefined) return { ...stored, kind: 'committed' };
  check(typeof unit === 'string' && Array.isArray(members), 'names no members');
  return { ...stored, kind: 'committed', unit: { id: unit, members: members.map((one) => memberFrom(one, check)) } };
}

type Check = (holds: boolean, what: string) => void;

/** As it is hoped to be; every member is checked before it is used. */
interface Metadata {
  readonly version: number;
  readonly number: number;
  readonly at: number;
  readonly after?: string;
  readonly part?: readonly [number, number];
  readonly unit: string;
  readonly members?: readonly (readonly [string, number, number, string])[];
  readonly slot?: readonly [string, number];
}

function memberFrom([stream, revision, count, sum]: readonly [string, number, number, string], check: Check): Member {
  check([stream, sum].every((text) => typeof text === 'string') && Number.isSafeInteger(count), 'names odd members');
  return { stream, revision: revisionFrom(revision, check), count, hash: sum };
}

function revisionFrom(value: number, check: Check): bigint {
  check(Number.isSafeInteger(value) && value >= 0, 'names an odd revision');
  return BigInt(value);
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * What `RecordedEvent.index` is where it is not known: only who reads in commit order can count, so an event that a
 * writer has just committed, or that is read from its stream, has no index yet.
 */
export const NOT_COUNTED = -1;

/** A committed event as the port hands it out. */
export function recorded(entry: NumberedEntry, position: Position, index = NOT_COUNTED): RecordedEvent {
  const { stream, number, type, version, data, writtenAtUs } = entry;
  return { stream, number, index, position, type, version, data, writtenAtUs };
}
