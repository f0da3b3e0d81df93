/** A disk that can fail, and one that shows what a power failure would leave of it. Linux only; needs a C compiler. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Surroundings } from './kill-rounds.js';

const SOURCE = fileURLToPath(new URL('../../../src/sqlite/testing/durable.c', import.meta.url));

/** Compiles the library that is put between a process and its disk. @returns its path */
export function buildDisk(folder: string): string {
  const library = join(folder, 'durable.so');
  execFileSync('cc', ['-shared', '-fPIC', '-O1', '-o', library, SOURCE], { stdio: 'inherit' });
  return library;
}

/** Processes on a disk that loses, when they are killed, whatever was not synced. @param place a folder to work in */
export function powerFailures(library: string, place: string): Surroundings {
  let failures = 0;
  return {
    env: (served) => shadowed(library, served, join(place, `shadow${failures}`)),
    after: () => {
      const left = join(place, `left${failures}`);
      restoreShadow(join(place, `shadow${failures}`), left);
      failures += 1;
      return left;
    },
  };
}

/** The environment of a process whose disk keeps a shadow of what is durable in `folder`: first, what is there now. */
function shadowed(library: string, folder: string, shadow: string): Record<string, string> {
  mkdirSync(shadow, { recursive: true });
  if (existsSync(folder)) {
    const names = readdirSync(folder);
    const inodes = names.map((name) => statSync(join(folder, name)).ino);
    names.forEach((name, i) => void copyFileSync(join(folder, name), join(shadow, String(inodes[i]))));
    writeFileSync(join(shadow, 'entries'), names.map((name, i) => `${inodes[i]} ${name}\n`).join(''));
  }
  return { LD_PRELOAD: library, FLORIN_DISK_FOLDER: folder, FLORIN_DISK_SHADOW: shadow };
}

/** The environment of a process whose disk fails from the given sync on. */
export function failing(library: string, folder: string, fromSync: number): Record<string, string> {
  return { LD_PRELOAD: library, FLORIN_DISK_FOLDER: folder, FLORIN_DISK_FAIL: String(fromSync) };
}

/** The worst that a power failure can leave: nothing that was not synced, neither content nor names. */
function restoreShadow(shadow: string, target: string): void {
  mkdirSync(target, { recursive: true });
  const entries = join(shadow, 'entries');
  for (const line of existsSync(entries) ? readFileSync(entries, 'utf8').split('\n').slice(0, -1) : []) {
    const [inode, ...name] = line.split(' ');
    const [content, path] = [join(shadow, inode as string), join(target, name.join(' '))];
    if (existsSync(content)) copyFileSync(content, path);
    else writeFileSync(path, '');
  }
}
