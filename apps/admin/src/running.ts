/** The running exchange, over its admin port: where it is and with which credential stands in `run.json`. */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';

/** Exit codes of the tool; they do not change. */
export const EXIT = { done: 0, refused: 1, usage: 2, unreachable: 3 } as const;

/** Something the admin can mend: a decision was refused, no exchange runs. Shown without a stack. */
export class AdminError extends Error {
  override readonly name = 'AdminError';

  constructor(
    message: string,
    readonly exitCode: number = EXIT.refused,
  ) {
    super(message);
  }
}

type Json = Record<string, unknown>;

const TIMEOUT_MS = 60_000;
/** Whoever waits longer wants to know for what. */
const SAID_AFTER_MS = 5_000;
const UNAUTHORIZED = 401;
const HINT = 'start it with npm start, or name its folder with --data';

export class RunningExchange {
  private constructor(
    readonly url: string,
    private readonly credential: string,
  ) {}

  /** @param data the exchange's data folder @throws AdminError if no exchange has left its address there */
  static find(data: string): RunningExchange {
    const found = RunningExchange.announced(data);
    if (found) return found;
    throw new AdminError(`no exchange runs on ${resolve(data)}: ${HINT}`, EXIT.unreachable);
  }

  /**
   * The exchange whose address lies in the folder, whether it still runs or not.
   * @throws AdminError if its files are another user's
   */
  static announced(data: string): RunningExchange | undefined {
    try {
      const run = JSON.parse(readFileSync(join(resolve(data), 'run.json'), 'utf8')) as Record<string, string>;
      const credential = readFileSync(run.adminCredential ?? '', 'utf8').trim();
      return new RunningExchange(run.admin ?? '', credential);
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code !== 'EACCES') return undefined;
      throw new AdminError(`${message}: the tool has to run as the user of the exchange`, EXIT.unreachable);
    }
  }

  async get<Answer extends object = Json>(path: string): Promise<Answer> {
    return (await this.call('GET', path, undefined, true)).json() as Promise<Answer>;
  }

  async post<Answer extends object = Json>(path: string, body: object): Promise<Answer> {
    return (await this.call('POST', path, body, true)).json() as Promise<Answer>;
  }

  /** What comes line by line, as JSON, for as long as it takes. See {@link RunningExchange.texts}. */
  async *lines<Line>(method: 'GET' | 'POST', path: string, body?: object): AsyncGenerator<Awaited<Line>> {
    for await (const text of this.texts(method, path, body)) yield JSON.parse(text) as Awaited<Line>;
  }

  /**
   * What comes line by line, for as long as it takes. A line `{"error": ...}` ends it.
   * @throws AdminError with that error, or when the exchange ends before the last line
   */
  async *texts(method: 'GET' | 'POST', path: string, body?: object): AsyncGenerator<string> {
    const reply = await this.call(method, path, body, false);
    if (!reply.body) return;
    const input = Readable.fromWeb(reply.body as Parameters<typeof Readable.fromWeb>[0]);
    try {
      for await (const text of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
        if (text === '') continue; // it is alive
        if (text.startsWith('{"error":')) throw new AdminError((JSON.parse(text) as { error: string }).error);
        yield text;
      }
    } catch (error) {
      if (error instanceof AdminError) throw error;
      throw new AdminError('the exchange ended before it was done', EXIT.unreachable);
    } finally {
      input.destroy();
    }
  }

  /** Whether it answers. */
  async isAlive(): Promise<boolean> {
    try {
      await this.get('status');
      return true;
    } catch (error) {
      if (error instanceof AdminError && error.exitCode === EXIT.unreachable) return false;
      throw error;
    }
  }

  private async call(method: string, path: string, body: object | undefined, bounded: boolean): Promise<Response> {
    let reply: Response;
    const waiting = setTimeout(() => console.error(`waiting for the exchange at ${this.url}`), SAID_AFTER_MS);
    try {
      reply = await fetch(new URL(path, this.url), {
        method,
        headers: {
          Authorization: `Bearer ${this.credential}`,
          ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        ...(bounded ? { signal: AbortSignal.timeout(TIMEOUT_MS) } : {}),
      });
    } catch (error) {
      const hangs = (error as Error).name === 'TimeoutError';
      const what = hangs ? `did not answer within ${TIMEOUT_MS / 1000} s` : 'does not answer';
      throw new AdminError(`the exchange ${what} at ${this.url}: is it running? ${HINT}`, EXIT.unreachable);
    } finally {
      clearTimeout(waiting);
    }
    if (reply.ok) return reply;
    if (reply.status === UNAUTHORIZED) {
      const hint = 'the exchange of this folder does not run any more, or its admin-credential was changed';
      throw new AdminError(`what answers at ${this.url} does not know the credential: ${hint}`, EXIT.unreachable);
    }
    throw refusal(reply.status, await reply.text());
  }
}

/** What an exchange says when it does not do what it was asked. */
export function refusal(status: number, text: string): AdminError {
  let said: { code?: number; hint?: string; detail?: string } = {};
  try {
    said = JSON.parse(text) as typeof said;
  } catch {
    // not the exchange itself: a proxy before it
  }
  const { code, hint, detail } = said;
  const what = code === undefined ? `status ${status}` : `${status}, code ${code}`;
  return new AdminError(`refused (${what}): ${hint ?? ''}${detail === undefined ? '' : `: ${detail}`}`);
}
