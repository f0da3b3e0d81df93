/** Prepared folders, random damage to copies of them, and what a damaged copy may do. */
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { checkpointText, type Head, NoteVerifier, signedNote } from '../../checkpoint.js';
import {
  DamagedStore,
  NO_EVENTS,
  openSqliteReader,
  openSqliteStore,
  type RecordedEvent,
  type Revision,
  START,
} from '../../index.js';
import type { Frontier } from '../../tree.js';
import { faultOf } from '../faults.js';
import { openFolder, type WriterData } from '../opening.js';
import { ReaderSide } from '../reader-side.js';
import { unpackRows } from '../rows.js';
import { TILE } from '../schema.js';
import { LOG_PUB, noted, ORIGIN, signHead, testOptions } from './folder.js';

/** A folder as a stop or a crash left it, and what was acknowledged in it. */
export interface Prepared {
  readonly name: string;
  readonly folder: string;
  readonly events: readonly RecordedEvent[];
  readonly streams: ReadonlyMap<string, readonly RecordedEvent[]>;
}

/**
 * - `stopped`: all in the database, no log.
 * - `killed`: part in the database, part in the log.
 * - `unacknowledged`: killed between the commit of a group and the head that would have covered it.
 */
export async function prepare(root: string, units: number): Promise<Prepared[]> {
  const served = join(root, 'served');
  const folders = ['stopped', 'killed', 'unacknowledged'].map((name) => join(root, name));
  const [stopped, killed, unacknowledged] = folders as [string, string, string];
  const first = await openSqliteStore(testOptions(served));
  const revisions = new Map<string, Revision>();
  const events: RecordedEvent[] = [];
  const fill = async (store: typeof first, from: number, to: number): Promise<void> => {
    for (let i = from; i < to; i++) {
      const busy = noted(`busy${i % 3}`, 1 + (i % 4), revisions.get(`test.coin-busy${i % 3}`) ?? NO_EVENTS);
      const committed = await store.commit(i % 2 ? [busy] : [busy, noted(`new${i}`, 1 + (i % 3))]);
      for (const [stream, revision] of committed.revisions) revisions.set(stream, revision);
      events.push(...committed.events);
    }
  };
  await fill(first, 0, units);
  await first.close();
  copyFolder(served, stopped);
  const stoppedEvents = [...events];

  const second = await openSqliteStore(testOptions(served));
  await fill(second, units, Math.ceil(units * 1.3));
  copyFolder(served, killed);
  const killedEvents = [...events];
  const olderHeads = readFileSync(join(served, 'heads'));
  await second.commit([noted('unseen', 5), noted('unseen2', 1)]);
  copyFolder(served, unacknowledged);
  writeFileSync(join(unacknowledged, 'heads'), olderHeads);
  await second.close();
  return [
    prepared('stopped', stopped, stoppedEvents),
    prepared('killed', killed, killedEvents),
    prepared('unacknowledged', unacknowledged, killedEvents),
  ];
}

function prepared(name: string, folder: string, events: readonly RecordedEvent[]): Prepared {
  const streams = new Map<string, RecordedEvent[]>([['test.coin-unseen', []]]);
  for (const event of events) streams.set(event.stream, [...(streams.get(event.stream) ?? []), event]);
  return { name, folder, events, streams };
}

export function copyFolder(from: string, to: string): void {
  rmSync(to, { recursive: true, force: true });
  mkdirSync(to, { recursive: true });
  for (const file of readdirSync(from)) copyFileSync(join(from, file), join(to, file));
}

/** Damages one file of a folder somewhere. @returns what was done */
export function damage(folder: string, random: () => number): string {
  const upTo = (limit: number): number => Math.floor(random() * limit);
  const files = ['events.db', 'events.db-wal', 'heads', 'events.db-shm'].filter((file) =>
    existsSync(join(folder, file)),
  );
  // The smaller files deserve as many trials as the large one; the last is only a cache.
  const file = files[Math.min(upTo(4), files.length - 1)] as string;
  const path = join(folder, file);
  const bytes = readFileSync(path);
  const at = upTo(bytes.length);
  const length = Math.min(1 + upTo(random() < 0.5 ? 16 : 5_000), bytes.length - at);
  const kind = ['flip', 'flip', 'flip', 'zero', 'noise', 'truncate', 'move', 'delete'][upTo(8)] as string;
  switch (kind) {
    case 'flip':
      bytes[at] = (bytes[at] ?? 0) ^ (1 << upTo(8));
      break;
    case 'zero':
      bytes.fill(0, at, at + length);
      break;
    case 'noise':
      for (let i = at; i < at + length; i++) bytes[i] = upTo(256);
      break;
    case 'move':
      bytes.copyWithin(at, upTo(bytes.length), upTo(bytes.length));
      break;
    case 'truncate':
      truncateSync(path, random() < 0.2 ? 0 : at);
      return `${file} of ${bytes.length} bytes truncated to ${statSync(path).size}`;
    default:
      rmSync(path);
      return `${file} deleted`;
  }
  writeFileSync(path, bytes);
  return `${kind} ${length} bytes at ${at} of ${bytes.length} in ${file}`;
}

/** What came of a damaged copy. Anything else is a failure, which `Wrong` describes. */
export type Outcome = 'refused at start' | 'all intact' | 'found when read' | 'found by the scrub';

/** Something was served that is not what was acknowledged, or failed otherwise than by naming the damage. */
export class Wrong extends Error {
  override readonly name = 'Wrong';
}

/** Opens a folder in this thread, as the writer and a reader do in theirs, and compares all that it serves. */
export async function tryFolder(folder: string, known: Prepared, checkAllMax: number): Promise<Outcome> {
  const before = contentOf(folder);
  const data: WriterData = { folder, origin: ORIGIN, logPub: LOG_PUB, checkAllMax };
  const writer = await damageOr(() => openFolder(data, (frontier) => sign(frontier)));
  if (writer === DAMAGED) {
    compare(contentOf(folder), before);
    return 'refused at start';
  }
  const reader = new ReaderSide({ folder });
  try {
    const { size } = writer.head;
    if (size !== known.events.length) throw new Wrong(`serves ${size} of ${known.events.length} events`);
    const opened = await damageOr(() => reader.open());
    const read = opened === DAMAGED ? DAMAGED : await damageOr(() => readAll(reader, known, size));
    const streams = opened === DAMAGED ? DAMAGED : await damageOr(() => readStreams(reader, known, size));
    const scrubbed = opened === DAMAGED ? DAMAGED : await damageOr(() => scrub(reader, writer.head));
    if (read === DAMAGED || streams === DAMAGED) {
      if (scrubbed !== DAMAGED) throw new Wrong('damage was read that the scrub does not find');
      return 'found when read';
    }
    return scrubbed === DAMAGED ? 'found by the scrub' : 'all intact';
  } finally {
    reader.close();
    writer.close();
  }
}

/** The same with the store itself, its threads and one more commit. */
export async function tryStore(folder: string, known: Prepared, checkAllMax: number): Promise<Outcome> {
  const store = await damageOr(() => openSqliteStore({ ...testOptions(folder), checkAllMax }));
  if (store === DAMAGED) return 'refused at start';
  try {
    const all: RecordedEvent[] = [];
    const read = await damageOr(async () => {
      for await (const { events } of store.readAll(START)) all.push(...events);
    });
    compare(all, read === DAMAGED ? known.events.slice(0, all.length) : known.events);
    if (read === DAMAGED) return 'found when read';
    if ((await damageOr(() => store.scrub({ share: 1 }))) === DAMAGED) return 'found by the scrub';
    const committed = await store.commit([noted('after', 1)]);
    compare(
      committed.events.map(({ index }) => index),
      [known.events.length],
    );
    return 'all intact';
  } finally {
    await store.close();
  }
}

/** A reader alone serves the same, and leaves the folder as it is. */
export async function tryReader(folder: string, known: Prepared): Promise<void> {
  const before = contentOf(folder);
  const reader = await openSqliteReader({ folder, origin: ORIGIN, logPub: LOG_PUB });
  const all: RecordedEvent[] = [];
  for await (const { events } of reader.readAll(START)) all.push(...events);
  compare(all, known.events);
  await reader.close();
  compare(contentOf(folder), before);
}

/** The files that matter; a log that is not there is an empty one. */
function contentOf(folder: string): string[] {
  return ['events.db', 'events.db-wal', 'heads'].map((file) => {
    const path = join(folder, file);
    return createHash('sha256')
      .update(existsSync(path) ? readFileSync(path) : '')
      .digest('hex');
  });
}

const DAMAGED = Symbol('damaged');

/** @returns `DAMAGED` if the damage was named @throws Wrong on any other error */
async function damageOr<T>(work: () => T | Promise<T>): Promise<T | typeof DAMAGED> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Wrong) throw error;
    if (error instanceof DamagedStore || faultOf(error).kind === 'damaged') return DAMAGED;
    throw new Wrong(`failed with ${(error as Error).stack}`);
  }
}

function readAll(reader: ReaderSide, known: Prepared, size: number): void {
  for (let after = -1; after < size - 1; ) {
    const { rows, lastIndex } = reader.readAll(after, size);
    compare([...unpackRows(rows)], known.events.slice(after + 1, lastIndex + 1));
    after = lastIndex;
  }
}

function readStreams(reader: ReaderSide, known: Prepared, size: number): void {
  let damaged: Error | undefined;
  for (const [stream, events] of known.streams) {
    try {
      const { rows, length, complete } = reader.readStream(stream, {}, size);
      compare(
        [[...unpackRows(rows)], length, complete],
        [events.slice(0, 1_000), events.length, events.length <= 1_000],
      );
    } catch (error) {
      if (error instanceof Wrong) throw error;
      damaged = error as Error;
    }
  }
  if (damaged) throw damaged;
}

function scrub({ check }: ReaderSide, { size, root }: Head): void {
  for (let first = 0; first < size; first += 4 * TILE) check.events(first, Math.min(first + 4 * TILE, size));
  check.tiles(size);
  check.root({ size, root });
  for (let after: string | undefined = ''; after !== undefined; ) after = check.streams(after, 100);
  check.pages(true);
}

function compare(found: unknown, expected: unknown): void {
  const [a, b] = [found, expected].map((value) => JSON.stringify(value, withBigints));
  if (a !== b) throw new Wrong(`serves what was not committed: ${a?.slice(0, 2_000)}`);
}

function withBigints(_member: string, value: unknown): unknown {
  return typeof value === 'bigint' ? `${value}n` : value;
}

async function sign(frontier: Frontier): Promise<Head> {
  const [size, root] = [frontier.size, frontier.root()];
  const text = checkpointText({ origin: ORIGIN, size, root });
  const note = signedNote(text, { name: ORIGIN, logPub: LOG_PUB, signature: await signHead(Buffer.from(text)) });
  return new NoteVerifier(ORIGIN, LOG_PUB).open(note);
}
