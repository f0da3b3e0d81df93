/** The running exchange, over its admin port: where it is and with which credential stands in `run.json`. */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** Something the admin can mend: no exchange runs, a decision was refused. Exit code 1, without a stack. */
export class AdminError extends Error {
  override readonly name = 'AdminError';
}

const TIMEOUT_MS = 30_000;

export class RunningExchange {
  private constructor(
    private readonly url: string,
    private readonly credential: string,
  ) {}

  /** @param data the exchange's data folder @throws AdminError if no exchange runs on it */
  static find(data: string): RunningExchange {
    const folder = resolve(data);
    try {
      const run = JSON.parse(readFileSync(join(folder, 'run.json'), 'utf8')) as Record<string, string>;
      const credential = readFileSync(run.adminCredential ?? '', 'utf8').trim();
      return new RunningExchange(run.admin ?? '', credential);
    } catch {
      throw new AdminError(`no exchange runs on ${folder}: start it with npm start, or name its folder with --data`);
    }
  }

  get(path: string): Promise<Record<string, unknown>> {
    return this.call('GET', path, undefined);
  }

  post(path: string, body: object): Promise<Record<string, unknown>> {
    return this.call('POST', path, body);
  }

  private async call(method: string, path: string, body: object | undefined): Promise<Record<string, unknown>> {
    let reply: Response;
    try {
      reply = await fetch(new URL(path, this.url), {
        method,
        headers: {
          Authorization: `Bearer ${this.credential}`,
          ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
    } catch {
      throw new AdminError(`the exchange does not answer at ${this.url}`);
    }
    const json = (await reply.json()) as Record<string, unknown>;
    if (reply.ok) return json;
    const { code, hint, detail } = json;
    throw new AdminError(
      `refused (${reply.status}, code ${code}): ${hint}${detail === undefined ? '' : `: ${detail}`}`,
    );
  }
}
