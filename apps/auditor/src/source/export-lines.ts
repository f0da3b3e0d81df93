import { createReadStream, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type ExportLine,
  type Head,
  InvalidNote,
  parseCheckpoint,
  parseExportLine,
  readExport,
} from '@florin/event-store';
import { askFeed, FeedTooShort, readable } from './feed.js';
import { inPlace } from './in-place.js';
import { type Source, SourceError, type SourceEvent, type SourceItem, type Stretch } from './source.js';

const STRETCH_EVENTS = 500;
/** The last line of an export lies within so many bytes. */
const TAIL_BYTES = 64 * 1024;
/** What a feed is asked for at a time. */
const FEED_EVENTS = 20_000;
/** Nodes of one exchange show heads of different sizes for a moment: one that is too small is looked at so often. */
const SHORT_TRIES = 3;
const SHORT_MS = 1_000;

/**
 * Where the lines of an export come from.
 * @param first index of the first event that is wanted
 * @param limit how many are, where the source can be told
 */
type Lines = (first: number, limit?: number) => AsyncIterable<ExportLine>;

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
    const lines: Lines = () => readExport(readable(createReadStream(path), path));
    return new ExportSource(path, lines, () => sizeOf(path));
  }

  /**
   * The event feed of an exchange (docs/transparency.md), which answers in pages.
   * @param url of the feed, or of the exchange, which ends in `/`
   * @param token for `Authorization: Bearer`
   * @param stop breaks off what is being read
   */
  static feed(url: string, token: string | undefined, stop?: AbortSignal): ExportSource {
    const lines: Lines = (first, limit = FEED_EVENTS) => askFeed({ url, token, first, limit, stop });
    return new ExportSource(url, lines);
  }

  async origin(): Promise<string> {
    for await (const line of this.lines(0, 1)) {
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
      yield { items: [], head: await this.shortHead(first) };
    }
  }

  /** The newest head of a feed that has less than was there before: unless that passes, its history was shortened. */
  private async shortHead(first: number): Promise<Head> {
    let head = await this.newestHead();
    for (let tried = 1; head.size < first && tried < SHORT_TRIES; tried += 1) {
      await sleep(SHORT_MS);
      head = await this.newestHead();
    }
    return head;
  }

  private async newestHead(): Promise<Head> {
    for await (const line of this.lines(0, 1)) if (line.kind === 'tail') return headOf(line.tail.head, this.name);
    throw new SourceError(`${this.name} ends without a head: it was cut off`);
  }

  /** One answer, or one file. @returns where to go on, and whether that is the end */
  private async *page(first: number): AsyncGenerator<Stretch, { next: number; isAll: boolean }> {
    let items: SourceItem[] = [];
    let end: { next: number; isAll: boolean } | undefined;
    let isEmpty = true;
    for await (const line of inPlace(this.lines(first))) {
      if (line.kind !== 'tail') end = undefined; // what no head covers was cut off
      switch (line.kind) {
        case 'header':
          if (line.header.first > first) throw new SourceError(`${this.name} begins with event ${line.header.first}`);
          break;
        case 'event':
          if (line.event.index >= first) items.push({ ...line.event, text: line.text });
          break;
        case 'damaged':
          items.push({ index: line.index, fault: `line ${line.line}: ${line.reason}` });
          break;
        case 'tail': {
          const head = headOf(line.tail.head, this.name);
          const { next } = line.tail;
          isEmpty &&= items.length === 0;
          // A head that covers more than was sent is judged when the rest has come; if nothing comes, now.
          const isAll = next >= head.size || next <= first || isEmpty;
          yield isAll ? { items, head } : { items, isWhole: true };
          items = [];
          end = { next, isAll };
        }
      }
      if (items.length < STRETCH_EVENTS) continue;
      isEmpty = false;
      yield { items };
      items = [];
    }
    if (items.length > 0) yield { items };
    if (!end) throw new SourceError(`${this.name} ends without a head: it was cut off`);
    return end;
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
