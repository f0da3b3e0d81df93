/** Answers that take long: one JSON object a line, as they come; an error after the first line is a line as well. */
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { encodeBase32 } from '@florin/encoding';
import type { FastifyReply } from 'fastify';

const PROGRESS_EVERY_MS = 200;
/** Clients give a silent server up after some minutes, and then it is not the server that ended. */
const BEAT_MS = 20_000;

/** @param lines texts that end in a newline; `signal` aborts once nobody reads any more */
export function streamed(reply: FastifyReply, lines: (signal: AbortSignal) => AsyncIterable<string>): FastifyReply {
  const gone = new AbortController();
  reply.raw.on('close', () => gone.abort());
  return reply.type('application/x-ndjson').send(Readable.from(beating(withLastWords(lines(gone.signal)), BEAT_MS)));
}

/** The same lines, and an empty one whenever none came for `everyMs`. */
export async function* beating(lines: AsyncIterable<string>, everyMs: number): AsyncGenerator<string> {
  const iterator = lines[Symbol.asyncIterator]();
  let beat = (): void => undefined;
  const timer = setInterval(() => beat(), everyMs);
  try {
    for (let next = iterator.next(); ; ) {
      const silence = new Promise<undefined>((resolve) => {
        beat = () => resolve(undefined);
      });
      const result = await Promise.race([next, silence]);
      if (result?.done) return;
      yield result?.value ?? '\n';
      if (result) next = iterator.next();
    }
  } finally {
    clearInterval(timer);
    void iterator.return?.(); // ends when what it waits for ends
  }
}

type Work<Progress> = (onProgress: (progress: Progress) => void, onNotice: (notice: string) => void) => Promise<object>;

/** Work that says how far it is: lines `{notice}` and `{progress}`, then one `{result}`. */
export const working = <Progress>(reply: FastifyReply, work: Work<Progress>): FastifyReply =>
  streamed(reply, () => progressLines(work));

async function* progressLines<Progress>(work: Work<Progress>): AsyncGenerator<string> {
  let latest: Progress | undefined;
  const notices: string[] = [];
  let done = false;
  const onProgress = (progress: Progress): void => {
    latest = progress;
  };
  const result = work(onProgress, (notice) => notices.push(notice)).finally(() => {
    done = true;
  });
  result.catch(() => undefined); // awaited below
  while (!done) {
    for (const notice of notices.splice(0)) yield jsonLine({ notice });
    await Promise.race([result, sleep(PROGRESS_EVERY_MS)]);
    if (latest !== undefined) yield jsonLine({ progress: latest });
    latest = undefined;
  }
  yield jsonLine({ result: await result });
}

async function* withLastWords(lines: AsyncIterable<string>): AsyncGenerator<string> {
  try {
    yield* lines;
  } catch (error) {
    yield jsonLine({ error: error instanceof Error ? error.message : String(error) });
  }
}

/** Numbers that JSON has no form for become decimal text, bytes base32. */
export const jsonLine = (value: unknown): string => `${JSON.stringify(value, plain)}\n`;

function plain(_name: string, value: unknown): unknown {
  if (typeof value === 'bigint') {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value.toString();
  }
  return value instanceof Uint8Array ? encodeBase32(value) : value;
}
