import { type ChildProcess, fork } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach } from 'vitest';
import { KeyFolder } from './key-folder.js';

/** A new empty folder that is removed after the test. */
export function temporaryFolder(): string {
  const path = mkdtempSync(join(tmpdir(), 'florin-signing-'));
  afterwards(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** A key folder that is removed after all tests of the file. */
export async function lastingKeyFolder(): Promise<KeyFolder> {
  const path = mkdtempSync(join(tmpdir(), 'florin-signing-'));
  lasting.push(path);
  return KeyFolder.open(join(path, 'keys'), { development: true });
}

export async function temporaryKeyFolder(development = true): Promise<KeyFolder> {
  return KeyFolder.open(join(temporaryFolder(), 'keys'), { development });
}

const PROGRAMS = {
  'key-folder': new URL('./key-folder.support.js', import.meta.url),
  orphans: new URL('./orphans.support.js', import.meta.url),
};

/** Runs one of our `*.support.js` programs; it is killed after the test if it is still there. */
export function runProgram(name: keyof typeof PROGRAMS, ...args: string[]): ChildProcess {
  const child = fork(fileURLToPath(PROGRAMS[name]), args, {
    execArgv: [],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  afterwards(() => {
    child.kill('SIGKILL');
  });
  return child;
}

/** The next message of a child. @throws when it ends without one */
export function nextMessage<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    child.once('message', (message) => resolve(message as T));
    child.once('exit', (code, signal) => reject(new Error(`it ended with ${signal ?? code}`)));
  });
}

export function exitOf(child: ChildProcess): Promise<string | number | null> {
  return new Promise((resolve) => child.once('exit', (code, signal) => resolve(signal ?? code)));
}

/** Whether a process runs: one that nobody has waited for yet has ended all the same. */
export function isRunning(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3) !== 'Z';
  } catch {
    return false;
  }
}

/** Waits until it is so; the test's own time limit ends the waiting. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await delay(5);
}

const lasting: string[] = [];
const tidying: (() => unknown)[] = [];

/** Done after the present test, the last first. */
export function afterwards(tidy: () => unknown): void {
  tidying.push(tidy);
}

afterEach(async () => {
  for (const tidy of tidying.splice(0).reverse()) await tidy();
});

afterAll(() => {
  for (const path of lasting.splice(0)) rmSync(path, { recursive: true, force: true });
});
