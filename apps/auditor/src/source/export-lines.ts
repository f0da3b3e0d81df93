import { createReadStream, existsSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { InvalidNote, parseCheckpoint, parseExportLine, readExport } from '@florin/event-store';
import { type Source, SourceError, type SourceEvent, type SourceItem, type Stretch } from './source.js';

const STRETCH_EVENTS = 2_000;
/** The last line of an export lies within so many bytes. */
const TAIL_BYTES = 64 * 1024;

/** Where the lines of an export come from. @param first index of the first event that is wanted */
type Lines = (first: number) => AsyncIterable<Uint8Array | string>;

/** An export: a file, or the event feed of an exchange, which speaks the same format. */
export class ExportSource implements Source {
  private constructor(
    readonly name: string,
    private readonly lines: Lines,
    private readonly known: () => Promise<number | undefined>,
  ) {}

  /** @throws SourceError if there is no such file */
  static file(path: string): ExportSource {
    if (!existsSync(path)) throw new SourceError(`${path} does not exist`);
    const lines: Lines = () => createReadStream(path);
    return new ExportSource(path, lines, () => sizeOf(path));
  }

  /**
   * The event feed of an exchange: `GET URL?first=N` answers with an export from event N on.
   * @param token for `Authorization: Bearer`
   */
  static feed(url: string, token: string | undefined): ExportSource {
    const lines = async function* (first: number): AsyncGenerator<Uint8Array> {
      const place = new URL(url);
      place.searchParams.set('first', String(first));
      const headers = token === undefined ? {} : { Authorization: `Bearer ${token}` };
      const reply = await fetch(place, { headers }).catch((error: Error) => {
        throw new SourceError(`${url} cannot be reached: ${error.message}`);
      });
      if (reply.status !== 200 || !reply.body) throw new SourceError(`${url} answers ${reply.status}`);
      yield* reply.body as unknown as AsyncIterable<Uint8Array>;
    };
    return new ExportSource(url, lines, async () => undefined);
  }

  async origin(): Promise<string> {
    for await (const line of readExport(this.lines(0))) {
      if (line.kind === 'header') return line.header.origin;
      break;
    }
    throw new SourceError(`${this.name} does not begin like an export`);
  }

  size(): Promise<number | undefined> {
    return this.known();
  }

  async *read(first: number): AsyncGenerator<Stretch> {
    let items: SourceItem[] = [];
    let isEnded = true;
    for await (const line of readExport(this.lines(first))) {
      switch (line.kind) {
        case 'header':
          if (line.header.first > first) throw new SourceError(`${this.name} begins with event ${line.header.first}`);
          isEnded = false;
          break;
        case 'event':
          if (line.event.index >= first) items.push({ ...line.event, text: JSON.stringify(line.event.data) });
          break;
        case 'damaged':
          items.push({ index: line.index, fault: `line ${line.line}: ${line.reason}` });
          break;
        case 'tail':
          yield { items, head: headOf(line.tail.head, this.name) };
          items = [];
          isEnded = true;
      }
      if (items.length < STRETCH_EVENTS) continue;
      yield { items };
      items = [];
    }
    if (items.length > 0) yield { items };
    if (!isEnded) throw new SourceError(`${this.name} ends without a head: it was cut off`);
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
