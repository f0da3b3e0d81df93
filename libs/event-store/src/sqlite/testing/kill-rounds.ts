import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { expect } from 'vitest';
import { type CommittedUnit, eventLeaf, Frontier, NO_EVENTS, openSqliteStore, START } from '../../index.js';
import { seeded, temporaryFolder, testOptions } from './folder.js';

const BUSY = fileURLToPath(new URL('./busy-process.js', import.meta.url));

/** How many processes are killed on one folder before a new one is begun. */
const ROUNDS_PER_FOLDER = 5;
/** Most are killed when so many lines at most have been acknowledged, the others while they start. */
const LINES_MAX = 300;
const EARLY_SHARE = 0.2;
const EARLY_MS_MAX = 400;

export interface KillCounts {
  acknowledged: number;
  /** Events that were on the disk without having been acknowledged. */
  cut: number;
  /** Killed before the first acknowledgement. */
  early: number;
}

/** What surrounds the process that is killed. */
export interface Surroundings {
  readonly env: (folder: string) => Record<string, string>;
  /** What is left of a folder after the crash: the folder itself, or another one. */
  readonly after: (folder: string) => string;
}

const ORDINARY: Surroundings = { env: () => ({}), after: (folder) => folder };

/**
 * Kills a process that commits under load, at random moments, and checks after each kill what the folder holds: all
 * that was ever acknowledged, units whole, streams dense, the tree under its signed head, and a store that goes on.
 */
export async function killRounds(
  { rounds, seed, surroundings = ORDINARY }: { rounds: number; seed: number; surroundings?: Surroundings },
  check: typeof expect,
): Promise<KillCounts> {
  const random = seeded(seed);
  const counts: KillCounts = { acknowledged: 0, cut: 0, early: 0 };
  for (let round = 0; round < rounds; ) {
    const temporary = temporaryFolder();
    let folder = join(temporary.folder, 'served');
    const acknowledged = new Map<string, bigint>();
    for (let i = 0; i < ROUNDS_PER_FOLDER && round < rounds; i++, round++) {
      const busy = startBusy([folder, `${round}`, `${seed + round}`], surroundings.env(folder));
      const fresh = acknowledgements(await kill(busy, random));
      for (const [id, position] of fresh) acknowledged.set(id, position);
      counts.acknowledged += fresh.size;
      if (fresh.size === 0) counts.early += 1;
      folder = surroundings.after(folder);
      counts.cut += await checkFolder(folder, `round ${round} of seed ${seed}`, acknowledged, check);
    }
    temporary.remove();
  }
  return counts;
}

/** A process that commits, and the lines that it has printed. */
export interface Busy {
  readonly child: ChildProcess;
  readonly lines: string[];
  /** Told of each further line. */
  onLine: (count: number) => void;
  readonly ended: Promise<{ code: number | null; signal: string | null }>;
}

/** @param args folder, run and seed of `busy-process.ts` */
export function startBusy(args: string[], env: Record<string, string>): Busy {
  const child = spawn(process.execPath, [BUSY, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
  });
  const lines: string[] = [];
  let rest = '';
  const ended = once(child, 'close').then(([code, signal]) => ({ code, signal }));
  const busy: Busy = { child, lines, onLine: () => {}, ended };
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    const parts = `${rest}${chunk}`.split('\n');
    // The last line may be half written.
    rest = parts.pop() ?? '';
    lines.push(...parts);
    busy.onLine(lines.length);
  });
  return busy;
}

async function kill(busy: Busy, random: () => number): Promise<string[]> {
  const isEarly = random() < EARLY_SHARE;
  const [linesMax, aliveMs] = [random() * LINES_MAX, random() * EARLY_MS_MAX];
  if (isEarly) {
    await sleep(aliveMs);
    busy.child.kill('SIGKILL');
  } else {
    busy.onLine = (count) => {
      if (count > linesMax) busy.child.kill('SIGKILL');
    };
  }
  const { code, signal } = await busy.ended;
  if (signal !== 'SIGKILL') throw new Error(`the process ended by itself (${code}):\n${busy.lines.join('\n')}`);
  return busy.lines;
}

/** The units that were acknowledged in what a process printed, and their positions. */
export function acknowledgements(lines: readonly string[]): Map<string, bigint> {
  const found = new Map<string, bigint>();
  for (const line of lines) {
    const [kind, id, position] = line.split(' ');
    if (kind === 'ack' && id && position) found.set(id, BigInt(position));
  }
  return found;
}

/** Checks all that a folder must hold after a crash. @returns how many events were cut off */
export async function checkFolder(
  folder: string,
  place: string,
  acknowledged: ReadonlyMap<string, bigint>,
  check: typeof expect,
): Promise<number> {
  const options = testOptions(folder);
  const store = await openSqliteStore(options);
  const head = store.head();
  const frontier = Frontier.empty();
  const found = new Map<string, bigint>();
  const lengths = new Map<string, number>();
  for await (const unit of store.readAll(START)) {
    found.set(checkUnit(unit, place, check), unit.position);
    for (const event of unit.events) {
      check(event.index, place).toBe(frontier.size);
      check(event.number, place).toBe(lengths.get(event.stream) ?? 0);
      lengths.set(event.stream, event.number + 1);
      frontier.append(eventLeaf(event));
    }
  }
  for (const [id, position] of acknowledged) check(found.get(id), `${place}: unit ${id}`).toBe(position);
  check(frontier.size, place).toBe(head.size);
  check(Buffer.from(frontier.root()).equals(head.root), place).toBe(true);

  const after = { stream: `test.coin-after.${head.size}`, expected: NO_EVENTS } as const;
  const { events } = await store.commit([{ ...after, events: [{ type: 'After', version: 1, data: {} }] }]);
  check(events[0]?.index, place).toBe(head.size);
  await store.close();
  check(options.aborted(), place).toBe(false);
  check(
    options.reports.map(({ kind }) => kind),
    place,
  ).toEqual(options.reports.length > 0 ? ['tail-cut'] : []);
  return options.reports.reduce((sum, report) => sum + (report.kind === 'tail-cut' ? report.events : 0), 0);
}

/** Checks that a unit is whole. @returns its id */
function checkUnit({ events }: CommittedUnit, place: string, check: typeof expect): string {
  const [first] = events;
  if (first?.type === 'After') return `after ${first.index}`;
  const { unit, of } = first?.data ?? {};
  const parts = events.map(({ data }) => ({ unit: data.unit, part: data.part, of: data.of }));
  check(parts, place).toEqual(Array.from({ length: Number(of) }, (_, part) => ({ unit, part, of })));
  return String(unit);
}
