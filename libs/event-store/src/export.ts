/**
 * The export format: a ledger as lines of JSON, for auditors, archives and moves between stores.
 *
 *     {"format":"florin-events","version":1,"origin":"florin/florin/ABC","first":0,"exportedAt":1700000000}
 *     {"i":0,"u":0,"s":"florin.keys","n":0,"t":"ExchangeConfigured","v":1,"w":1700000000000000,"d":{...}}
 *     ...
 *     {"head":"florin/florin/ABC\n1234\n...","next":1234}
 *
 * `i` is the index in the whole ledger, `u` the index of the first event of its unit (an event with `u` equal to `i`
 * begins one), `s` the stream, `n` the number in it, `t` type, `v` version, `w` the writer's time in microseconds, `d`
 * the data. The last line carries the newest signed head and says where the next export goes on; a file without it was
 * cut off. Several exports may follow each other in one file. JSON.parse and JSON.stringify of `d` give the stored
 * bytes again, so the leaves of the tree can be computed from the lines.
 */
import type { JsonObject } from './port.js';

export const EXPORT_FORMAT = 'florin-events';
export const EXPORT_VERSION = 1;

export interface ExportHeader {
  readonly format: typeof EXPORT_FORMAT;
  readonly version: number;
  /** The log's name in its signed heads. */
  readonly origin: string;
  /** Index of the first event that follows. */
  readonly first: number;
  /** Whole seconds since 1970. */
  readonly exportedAt: number;
}

export interface ExportedEvent {
  readonly index: number;
  /** Index of the first event of its unit. */
  readonly unitFirst: number;
  readonly stream: string;
  readonly number: number;
  readonly type: string;
  readonly version: number;
  /** Whole microseconds since 1970. */
  readonly writtenAtUs: number;
  readonly data: JsonObject;
}

export interface ExportTail {
  /** The signed note. */
  readonly head: string;
  readonly next: number;
}

export type ExportLine =
  | { readonly kind: 'header'; readonly header: ExportHeader }
  /** `text` is the data as it is stored and hashed. */
  | { readonly kind: 'event'; readonly line: number; readonly event: ExportedEvent; readonly text: string }
  | { readonly kind: 'tail'; readonly tail: ExportTail }
  /** A line that is none of these; `index` if it says which event it was. */
  | { readonly kind: 'damaged'; readonly line: number; readonly reason: string; readonly index: number | undefined };

export const exportHeaderLine = (header: Omit<ExportHeader, 'format' | 'version'>): string =>
  `${JSON.stringify({ format: EXPORT_FORMAT, version: EXPORT_VERSION, ...header })}\n`;

export function exportEventLine(event: ExportedEvent): string {
  const { index: i, unitFirst: u, stream: s, number: n, type: t, version: v, writtenAtUs: w, data: d } = event;
  return `${JSON.stringify({ i, u, s, n, t, v, w, d })}\n`;
}

export const exportTailLine = ({ head, next }: ExportTail): string => `${JSON.stringify({ head, next })}\n`;

/** A unit has at most 768 KiB (port.ts), and text grows in JSON: no event makes a longer line than this. */
const LINE_CHARS_MAX = 4 * 1024 * 1024;
/** What is kept of a line that is too long: enough to know which event it was. */
const BEGINNING_CHARS = 32;
const VERSION_END = 2 ** 32;

/**
 * Reads the lines of an export, from chunks cut anywhere. What cannot be read is handed out as damaged; of a line that
 * no event can have, however long, nothing is kept.
 */
export async function* readExport(chunks: AsyncIterable<Uint8Array | string>): AsyncGenerator<ExportLine> {
  let line = 0;
  for await (const { text, isWhole } of linesOf(chunks)) {
    line += 1;
    if (!isWhole) yield damaged(line, 'it is longer than any event', indexIn(text));
    else if (text.trim() !== '') yield parseExportLine(text, line);
  }
}

/** @param line its number from 1, for what is said of a damaged one */
export function parseExportLine(text: string, line: number): ExportLine {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return { kind: 'damaged', line, reason: 'it is not JSON', index: indexIn(text) };
  }
  if (typeof json !== 'object' || json === null) return damaged(line, 'it is not an object');
  const value = json as Record<string, unknown>;
  if (value.format !== undefined) return headerOf(value, line);
  if (value.head !== undefined) return tailOf(value, line);
  const { i, u, s, n, t, v, w, d } = value;
  const isEvent =
    [i, u, n, v, w].every(isCount) &&
    (v as number) < VERSION_END &&
    typeof s === 'string' &&
    typeof t === 'string' &&
    typeof d === 'object' &&
    d !== null &&
    !Array.isArray(d);
  if (!isEvent) return damaged(line, 'it is not an event', isCount(i) ? i : undefined);
  const event = { index: i, unitFirst: u, stream: s, number: n, type: t, version: v, writtenAtUs: w, data: d };
  try {
    return { kind: 'event', line, event: event as unknown as ExportedEvent, text: JSON.stringify(d) };
  } catch {
    return damaged(line, 'it is nested too deeply', i as number); // parsing has no limit, writing has that of the stack
  }
}

function headerOf(value: Record<string, unknown>, line: number): ExportLine {
  const { format, version, origin, first, exportedAt } = value;
  if (format !== EXPORT_FORMAT || version !== EXPORT_VERSION) {
    return damaged(line, `it announces ${String(format)} ${String(version)}, not ${EXPORT_FORMAT} ${EXPORT_VERSION}`);
  }
  if (typeof origin !== 'string' || !isCount(first) || !isCount(exportedAt)) return damaged(line, 'it is not a header');
  return { kind: 'header', header: { format: EXPORT_FORMAT, version: EXPORT_VERSION, origin, first, exportedAt } };
}

function tailOf({ head, next }: Record<string, unknown>, line: number): ExportLine {
  if (typeof head !== 'string' || !isCount(next)) return damaged(line, 'it is not a head');
  return { kind: 'tail', tail: { head, next } };
}

const damaged = (line: number, reason: string, index?: number): ExportLine => ({
  kind: 'damaged',
  line,
  reason,
  index,
});

/** The index that a spoilt line begins with, if that much of it is whole. */
function indexIn(text: string): number | undefined {
  const [, digits] = /^\{"i":([0-9]{1,15}),/.exec(text) ?? [];
  return digits === undefined ? undefined : Number(digits);
}

async function* linesOf(
  chunks: AsyncIterable<Uint8Array | string>,
): AsyncGenerator<{ readonly text: string; readonly isWhole: boolean }> {
  const decoder = new TextDecoder();
  let rest = '';
  let isWhole = true;
  for await (const chunk of chunks) {
    const lines = (typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true })).split('\n');
    lines[0] = rest + lines[0];
    rest = lines.pop() as string;
    for (const text of lines) {
      yield isWhole && text.length <= LINE_CHARS_MAX
        ? { text, isWhole }
        : { text: text.slice(0, BEGINNING_CHARS), isWhole: false };
      isWhole = true;
    }
    if (rest.length <= LINE_CHARS_MAX) continue;
    rest = Buffer.from(rest.slice(0, BEGINNING_CHARS)).toString(); // a copy, for a slice keeps all of it
    isWhole = false;
  }
  if (rest !== '') yield { text: rest, isWhole };
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
