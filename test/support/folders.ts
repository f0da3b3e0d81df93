import { cpSync } from 'node:fs';

/** Copies a folder for its owner alone. Newer versions of Node give the folders of a copy the mode of new ones. */
export function copyPrivately(from: string, to: string): void {
  const mask = process.umask(0o077);
  try {
    cpSync(from, to, { recursive: true });
  } finally {
    process.umask(mask);
  }
}
