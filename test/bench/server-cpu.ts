/** CPU time of a process and its children, from the operating system's own books (Linux). */
import { readdirSync, readFileSync } from 'node:fs';

const TICKS_PER_SECOND = 100;

/** Milliseconds that the process `pid` and its living children have used so far. */
export function cpuMsOf(pid: number): number {
  let ticks = 0;
  for (const name of readdirSync('/proc')) {
    if (!/^[0-9]+$/.test(name)) continue;
    const stat = statOf(name);
    if (stat && (Number(name) === pid || stat.parent === pid)) ticks += stat.ticks;
  }
  return (ticks * 1000) / TICKS_PER_SECOND;
}

/** Resident memory of the process and of each of its children, in MiB, largest first. */
export function memoryMibOf(pid: number): number[] {
  const sizes: number[] = [];
  for (const name of readdirSync('/proc')) {
    if (!/^[0-9]+$/.test(name)) continue;
    const stat = statOf(name);
    if (!stat || (Number(name) !== pid && stat.parent !== pid)) continue;
    const status = readFileSync(`/proc/${name}/status`, 'utf8');
    sizes.push(Number(/VmRSS:\s+([0-9]+)/.exec(status)?.[1] ?? 0) / 1024);
  }
  return sizes.sort((a, b) => b - a);
}

function statOf(pid: string): { parent: number; ticks: number } | undefined {
  try {
    // The name of the program stands in brackets and may hold blanks: fields are counted after it.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    return { parent: Number(fields[1]), ticks: Number(fields[11]) + Number(fields[12]) };
  } catch {
    return undefined; // it ended meanwhile
  }
}

/** CPU milliseconds of each thread of the process and its children so far, by thread id; the process itself first. */
export function threadsMsOf(pid: number): Map<number, number> {
  const threads = new Map<number, number>();
  const family = readdirSync('/proc').filter((name) => /^[0-9]+$/.test(name) && isFamily(name, pid));
  for (const member of family.sort((a, b) => Number(a) - Number(b))) {
    for (const thread of readdirSync(`/proc/${member}/task`)) {
      const stat = statOf(`${member}/task/${thread}`);
      if (stat) threads.set(Number(thread), (stat.ticks * 1000) / TICKS_PER_SECOND);
    }
  }
  return threads;
}

const isFamily = (name: string, pid: number): boolean => Number(name) === pid || statOf(name)?.parent === pid;
