/** Running the auditor: as a program, and over a planted history in this process. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type FindingCode, Replay, type ReplayOptions, type SourceItem } from '@florin/auditor';
import {
  type CommittedUnit,
  exportEventLine,
  exportHeaderLine,
  exportTailLine,
  type Position,
  type RecordedEvent,
  START,
} from '@florin/event-store';
import type { Insider } from './insider.js';

export const PROGRAM = fileURLToPath(new URL('../../../apps/auditor/dist/main.js', import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Where the program runs, and remembers things if it is not told where. */
const cwd = mkdtempSync(join(tmpdir(), 'florin-auditor-'));
process.on('exit', () => rmSync(cwd, { recursive: true, force: true }));

/** Runs the program to its end. */
export const auditor = (...args: readonly string[]): Promise<Ended> => run(args);

export async function run(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> {
  const options = { cwd, env: { ...process.env, ...env } };
  const child = spawn(process.execPath, [PROGRAM, ...args], { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  const [out, err] = [[] as Buffer[], [] as Buffer[]];
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  return { code, out: Buffer.concat(out).toString(), err: Buffer.concat(err).toString() };
}

/** What the export of a planted history looks like. */
export async function exportOf(insider: Insider): Promise<string> {
  let text = exportHeaderLine({ origin: insider.origin, first: 0, exportedAt: 1 });
  for await (const { items, head } of insider.source().read(0)) {
    for (const item of items) {
      if ('text' in item) text += exportEventLine({ ...item, data: JSON.parse(item.text) });
    }
    if (head) text += exportTailLine({ head: head.note, next: head.size });
  }
  return text;
}

/** Audits a planted history on the spot. @param now seconds; the time of the newest event by default */
export async function replayed(insider: Insider, options: ReplayOptions = {}, now?: number): Promise<Replay> {
  const replay = new Replay({ threads: 0, ...options });
  for await (const stretch of insider.source().read(0)) await replay.take(stretch);
  await replay.settle(now ?? replay.lastAt);
  replay.conclude();
  return replay;
}
export const codesOf = ({ findings }: Replay): FindingCode[] => [...findings.counts.keys()].sort();

/** The units of a history, as a store would read them. */
export function* unitsOf(items: readonly SourceItem[]): Generator<CommittedUnit> {
  let events: RecordedEvent[] = [];
  for (const [place, item] of items.entries()) {
    if (!('text' in item)) continue;
    const next = items[place + 1];
    const { unitFirst, text, ...event } = item;
    events.push({ ...event, position: START, data: JSON.parse(text) });
    if (next && 'text' in next && next.unitFirst === unitFirst) continue;
    yield { position: BigInt(item.index) as Position, events };
    events = [];
  }
}
