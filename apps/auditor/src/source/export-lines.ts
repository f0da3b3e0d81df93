import { createReadStream, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Head, InvalidNote, parseCheckpoint, parseExportLine, readExport } from '@florin/event-store';
import { inPlace } from './in-place.js';
import { type Source, SourceError, type SourceEvent, type SourceItem, type Stretch } from './source.js';

const STRETCH_EVENTS = 2_000;
/** The last line of an export lies within so many bytes. */
const TAIL_BYTES = 64 * 1024;
/** What a feed is asked for at a time, and how often if it is busy. */
const FEED_EVENTS = 20_000;
const TRIES = 30;
const RETRY_MS = 1_000;

/**
 * Where the lines of an export come from.
 * @param first index of the first event that is wanted
 * @param limit how many are, where the source can be told
 */
type Lines = (first: number, limit?: number) => AsyncIterable<Uint8Array | string>;

/** A feed ends before the event that was asked for. */
class FeedTooShort extends SourceError {}

/** An export: a file, or the event feed of an exchange, which speaks the same format. */
export class ExportSource implements Source {
  private constructor(
    readonly name: string,
    private readonly lines: Lines,
    private readonly known?: () => Promise<number | undefined>,
  ) {}

  /** @throws SourceError if there is no such file, or it is none */
  static file(path: string): ExportSource {
    const file = statSync(path, { throwIfNoEntry: false });
    if (!file) throw new SourceError(`${path} does not exist`);
    if (!file.isFile()) throw new SourceError(`${path} is no file; an export is read more than once`);
    const lines: Lines = () => readable(createReadStream(path), path);
    return new ExportSource(path, lines, () => sizeOf(path));
  }

  /**
   * The event feed of an exchange (docs/transparency.md), which answers in pages.
   * @param url of the feed, or of the exchange, which ends in `/`
   * @param token for `Authorization: Bearer`
   */
  static feed(url: string, token: string | undefined): ExportSource {
    const lines = async function* (first: number, limit = FEED_EVENTS): AsyncGenerator<Uint8Array> {
      const reply = await ask(feedUrl(url, first, limit), token);
      yield* readable(reply.body as unknown as AsyncIterable<Uint8Array>, new URL(url).origin);
    };
    return new ExportSource(url, lines);
  }

  async origin(): Promise<string> {
    for await (const line of readExport(this.lines(0, 1))) {
      if (line.kind === 'header') return line.header.origin;
      break;
    }
    throw new SourceError(`${this.name} does not begin like an export`);
  }

  async size(): Promise<number | undefined> {
    return this.known ? this.known() : (await this.newestHead()).size;
  }

  async *read(first: number): AsyncGenerator<Stretch> {
    let from = first;
    try {
      for (;;) {
        const page = this.page(from);
        let step = await page.next();
        for (; !step.done; step = await page.next()) yield step.value;
        const { next, isAll } = step.value;
        if (isAll) return;
        from = next;
      }
    } catch (error) {
      if (!(error instanceof FeedTooShort)) throw error;
      yield { items: [], head: await this.newestHead() }; // which covers less than was there before
    }
  }

  private async newestHead(): Promise<Head> {
    for await (const line of readExport(this.lines(0, 1)))
      if (line.kind === 'tail') return headOf(line.tail.head, this.name);
    throw new SourceError(`${this.name} ends without a head: it was cut off`);
  }

  /** One answer, or one file. @returns where to go on, and whether that is the end */
  private async *page(first: number): AsyncGenerator<Stretch, { next: number; isAll: boolean }> {
    let items: SourceItem[] = [];
    let end: { next: number; isAll: boolean } | undefined;
    for await (const line of inPlace(readExport(this.lines(first)))) {
      switch (line.kind) {
        case 'header':
          if (line.header.first > first) throw new SourceError(`${this.name} begins with event ${line.header.first}`);
          end = undefined;
          break;
        case 'event':
          if (line.event.index >= first) items.push({ ...line.event, text: line.text });
          break;
        case 'damaged':
          items.push({ index: line.index, fault: `line ${line.line}: ${line.reason}` });
          break;
        case 'tail': {
          const head = headOf(line.tail.head, this.name);
          // A head that covers more than was sent is judged when the rest has come.
          const isAll = line.tail.next >= head.size;
          yield isAll ? { items, head } : { items };
          items = [];
          end = { next: line.tail.next, isAll };
        }
      }
      if (items.length < STRETCH_EVENTS) continue;
      yield { items };
      items = [];
    }
    if (items.length > 0) yield { items };
    if (!end) throw new SourceError(`${this.name} ends without a head: it was cut off`);
    return end.next > first ? end : { ...end, isAll: true };
  }

  async events(indexes: readonly number[]): Promise<Map<number, SourceEvent>> {
    const wanted = new Set(indexes);
    const found = new Map<number, SourceEvent>();
    if (wanted.size === 0) return found;
    for await (const { items } of this.read(Math.min(...wanted))) {
      for (const item of items) if ('text' in item && wanted.has(item.index)) found.set(item.index, item);
      if (found.size === wanted.size) break;
    }
    return found;
  }

  async close(): Promise<void> {}
}

/** What comes, until it breaks off. @throws SourceError where a disk or a connection fails */
async function* readable(chunks: AsyncIterable<Uint8Array>, name: string): AsyncGenerator<Uint8Array> {
  try {
    yield* chunks;
  } catch (error) {
    throw new SourceError(`${name} cannot be read: ${causeOf(error)}`);
  }
}

/** What `fetch` says of a connection is in the cause of its error. */
const causeOf = (error: unknown): string => {
  const { message, cause } = error as Error;
  return cause instanceof Error && cause.message !== '' ? cause.message : message;
};

/** @returns an answer with a body @throws SourceError */
async function ask(url: URL, token: string | undefined): Promise<Response> {
  const headers = token === undefined ? {} : { Authorization: `Bearer ${token}` };
  for (let tried = 1; ; tried += 1) {
    const reply = await fetch(url, { headers }).catch((error: Error) => {
      throw new SourceError(`${url.origin} cannot be reached: ${causeOf(error)}`);
    });
    if (reply.status === 200 && reply.body) return reply;
    if (reply.status === 400 && url.searchParams.get('first') !== '0')
      throw new FeedTooShort(`${url.origin} answers 400`);
    if (reply.status !== 503 || tried === TRIES) throw new SourceError(`${url.origin} answers ${reply.status}`);
    await reply.body?.cancel();
    await sleep(RETRY_MS);
  }
}

function feedUrl(url: string, first: number, limit: number): URL {
  const place = new URL(url);
  if (place.pathname.endsWith('/')) place.pathname += 'log/events';
  place.searchParams.set('first', String(first));
  place.searchParams.set('limit', String(limit));
  return place;
}

function headOf(note: string, name: string) {
  try {
    return parseCheckpoint(note);
  } catch (error) {
    if (!(error instanceof InvalidNote)) throw error;
    throw new SourceError(`${name} ends with something that is no head: ${error.message}`);
  }
}

/** The last line says how many events there are. */
async function sizeOf(path: string): Promise<number | undefined> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const bytes = Buffer.alloc(Math.min(size, TAIL_BYTES));
    await file.read(bytes, 0, bytes.length, size - bytes.length);
    const last = bytes.toString('utf8').trimEnd().split('\n').at(-1) ?? '';
    const line = parseExportLine(last, 0);
    return line.kind === 'tail' ? line.tail.next : undefined;
  } finally {
    await file.close();
  }
}
