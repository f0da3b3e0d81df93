/** What an exchange answers when it is asked for events. Nothing of it is believed, nor that it ever ends. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type ExportLine, readExport } from '@florin/event-store';
import { SourceError } from './source.js';

/** How often a feed is asked that is busy. */
const TRIES = 30;
const RETRY_MS = 1_000;
/** For the next line of an answer is waited so long, and within so many bytes it has to end. */
const SILENT_MS = 60_000;
const LINE_BYTES_MAX = 16 * 1024 * 1024;
/** The last unit of an answer comes whole: so many lines may come beyond what was asked for. */
const LINES_BEYOND = 20_000;

/** A feed ends before the event that was asked for. */
export class FeedTooShort extends SourceError {}

export interface FeedQuestion {
  /** Of the feed, or of the exchange, which ends in `/`. */
  readonly url: string;
  /** For `Authorization: Bearer`. */
  readonly token: string | undefined;
  readonly first: number;
  readonly limit: number;
  /** Breaks off what is being read. */
  readonly stop: AbortSignal | undefined;
}

/** The lines of one answer. @throws SourceError if it breaks off, falls silent, or has no end */
export async function* askFeed(question: FeedQuestion): AsyncGenerator<ExportLine> {
  const { origin } = new URL(question.url);
  const waiting = new Waiting(question.stop);
  try {
    const reply = await ask(question, waiting);
    let count = 0;
    for await (const line of readExport(readable(chunksOf(reply, waiting), origin))) {
      waiting.lineCame();
      count += 1;
      if (count > question.limit + LINES_BEYOND) {
        throw new SourceError(`${origin} sends more than the ${question.limit} events that it was asked for`);
      }
      yield line;
    }
  } finally {
    waiting.end(); // whoever has read enough wants no more of it
  }
}

/** How long a feed was waited for since its last line: what is done with the lines takes as long as it takes. */
class Waiting {
  private readonly silence = new AbortController();
  private sinceLineMs = 0;
  private sinceLineBytes = 0;
  readonly signal: AbortSignal;

  constructor(stop: AbortSignal | undefined) {
    this.signal = AbortSignal.any([this.silence.signal, ...(stop ? [stop] : [])]);
  }

  async for<Answer>(answer: Promise<Answer>): Promise<Answer> {
    const begun = performance.now();
    const fault = new Error(`nothing came for ${SILENT_MS / 1_000} seconds`);
    const timer = setTimeout(() => this.silence.abort(fault), SILENT_MS - this.sinceLineMs);
    try {
      return await answer;
    } finally {
      clearTimeout(timer);
      this.sinceLineMs += performance.now() - begun;
    }
  }

  /** @throws Error if no line has so many bytes */
  bytesCame(count: number): void {
    this.sinceLineBytes += count;
    if (this.sinceLineBytes > LINE_BYTES_MAX) throw new Error('it sends bytes without end, and no events');
  }

  lineCame(): void {
    this.sinceLineMs = 0;
    this.sinceLineBytes = 0;
  }

  end(): void {
    this.silence.abort();
  }
}

async function* chunksOf(reply: Response, waiting: Waiting): AsyncGenerator<Uint8Array> {
  const chunks = (reply.body as unknown as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
  for (;;) {
    const { done, value } = await waiting.for(chunks.next());
    if (done) return;
    waiting.bytesCame(value.length);
    yield value;
  }
}

/** What comes, until it breaks off. @throws SourceError where a disk or a connection fails */
export async function* readable(chunks: AsyncIterable<Uint8Array>, name: string): AsyncGenerator<Uint8Array> {
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
async function ask({ url, token, first, limit }: FeedQuestion, waiting: Waiting): Promise<Response> {
  const headers = token === undefined ? {} : { Authorization: `Bearer ${token}` };
  const { signal } = waiting;
  const place = placeOf(url, first, limit);
  for (let tried = 1; ; tried += 1) {
    const reply = await waiting.for(fetch(place, { headers, signal })).catch((error: Error) => {
      throw new SourceError(`${place.origin} cannot be reached: ${causeOf(error)}`);
    });
    if (reply.status === 200 && reply.body) return reply;
    await reply.body?.cancel();
    if (reply.status === 400 && first > 0) throw new FeedTooShort(`${place.origin} answers 400`);
    if (reply.status !== 503 || tried === TRIES) throw new SourceError(`${place.origin} answers ${reply.status}`);
    waiting.lineCame(); // it is busy, not silent
    await sleep(RETRY_MS, undefined, { signal }).catch(() => {});
  }
}

function placeOf(url: string, first: number, limit: number): URL {
  const place = new URL(url);
  if (place.pathname.endsWith('/')) place.pathname += 'log/events';
  place.searchParams.set('first', String(first));
  place.searchParams.set('limit', String(limit));
  return place;
}
