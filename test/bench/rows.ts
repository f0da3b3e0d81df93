/** One line of the result: what a kind of request costs, and beside it what its signatures alone cost. */
import type { RunningExchange } from '../support/exchange.js';
import { type LoadResult, type PreparedRequest, run } from './load.js';
import { cpuMsOf, threadsMsOf } from './server-cpu.js';

export const CONNECTIONS = 16;

export interface Row extends LoadResult {
  readonly name: string;
  /** In one request; 0 where none are. */
  readonly coins: number;
  readonly serverCpuMsPerRequest: number;
  /** Server CPU over what the signatures of the request cost alone. */
  readonly ratio?: number;
}

export interface Kind {
  readonly name: string;
  readonly coins: number;
  /** CPU milliseconds of the signatures that a request cannot do without, if that is known. */
  readonly bareMs?: number;
}

/** Sends all of `requests` and asks the operating system what the exchange used meanwhile. */
export async function measured(
  exchange: RunningExchange,
  { name, coins, bareMs }: Kind,
  requests: readonly PreparedRequest[],
): Promise<Row> {
  const pid = exchange.process.pid as number;
  const before = cpuMsOf(pid);
  const threadsBefore = threadsMsOf(pid);
  const result = await run(exchange.baseUrl, requests, CONNECTIONS);
  if (process.argv.includes('--threads')) {
    const used = [...threadsMsOf(pid)].map(([thread, ms]) => [thread, ms - (threadsBefore.get(thread) ?? 0)] as const);
    for (const [thread, ms] of used.filter(([, ms]) => ms > 10)) {
      console.log(`  thread ${thread - pid}: ${(ms / result.requests).toFixed(3)} ms/request`);
    }
  }
  const serverCpuMsPerRequest = (cpuMsOf(pid) - before) / result.requests;
  const row = { name, coins, ...result, serverCpuMsPerRequest };
  return bareMs === undefined ? row : { ...row, ratio: serverCpuMsPerRequest / bareMs };
}

export const perSecond = ({ requests, seconds }: LoadResult): number => requests / seconds;

export function described({ p50, p99, name, coins, serverCpuMsPerRequest, ratio, ...load }: Row): string {
  const rate = perSecond({ p50, p99, ...load });
  const perCoin =
    coins > 0
      ? `, ${(rate * coins).toFixed(0)} coins/s, ${(serverCpuMsPerRequest / coins).toFixed(3)} ms CPU per coin`
      : '';
  const beside = ratio === undefined ? '' : `, ${ratio.toFixed(2)} times the bare cost`;
  const latency = `p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`;
  const cpu = `server CPU ${serverCpuMsPerRequest.toFixed(2)} ms/request`;
  return `${name}: ${rate.toFixed(0)} requests/s${perCoin}, ${cpu}${beside}, ${latency}`;
}
