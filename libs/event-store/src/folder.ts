/** Folders that are made where they are needed. */
import { existsSync, mkdirSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

const OWNER_ONLY = 0o700;

/**
 * Makes the folder and those above it that are missing, for their owner only; one that is there stays as it is. Node's
 * own way of making parents never ends where nothing can be made and nobody says so, as in /proc.
 * @throws what the system says of the topmost one that cannot be made
 */
export function makeFolder(path: string): void {
  const missing: string[] = [];
  for (let folder = resolve(path); !existsSync(folder); folder = dirname(folder)) missing.push(folder);
  for (const folder of missing.reverse()) mkdirSync(folder, { mode: OWNER_ONLY });
  if (missing.length === 0) mkdirSync(path, { recursive: true }); // says so if it is a file
}
