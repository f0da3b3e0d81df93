/** A closed loop of prepared requests over kept connections, and what came of it. */
import { Agent, request } from 'node:http';

export interface PreparedRequest {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body?: string;
}

export interface LoadResult {
  readonly requests: number;
  readonly seconds: number;
  /** Milliseconds, closed loop. */
  readonly p50: number;
  readonly p99: number;
}

/** Sends all of `requests` once, `connections` at a time. @throws Error on any status other than 200 */
export async function run(
  baseUrl: string,
  requests: readonly PreparedRequest[],
  connections: number,
): Promise<LoadResult> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const latencies: number[] = [];
  let next = 0;
  const begun = performance.now();
  const worker = async (): Promise<void> => {
    for (let job = requests[next++]; job; job = requests[next++]) {
      const sent = performance.now();
      await send(agent, baseUrl, job);
      latencies.push(performance.now() - sent);
    }
  };
  await Promise.all(Array.from({ length: connections }, worker));
  const seconds = (performance.now() - begun) / 1000;
  agent.destroy();
  latencies.sort((a, b) => a - b);
  const at = (share: number): number => latencies[Math.floor(latencies.length * share)] ?? 0;
  return { requests: requests.length, seconds, p50: at(0.5), p99: at(0.99) };
}

function send(agent: Agent, baseUrl: string, { method, path, body }: PreparedRequest): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { 'Content-Type': 'application/json', 'Content-Length': body.length };
    const call = request(new URL(path, baseUrl), { method, agent, headers }, (reply) => {
      let text = '';
      reply.on('data', (chunk: Buffer) => {
        if (reply.statusCode !== 200) text += chunk.toString();
      });
      reply.on('end', () =>
        reply.statusCode === 200 ? resolve() : reject(new Error(`${path}: ${reply.statusCode} ${text}`)),
      );
    });
    call.on('error', reject);
    call.end(body);
  });
}
