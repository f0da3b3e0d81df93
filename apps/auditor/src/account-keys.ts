import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { decodeBase32, EncodingError } from '@florin/encoding';
import { SourceError } from './source/source.js';

/**
 * Keys that open sealed account URIs, by normalised hash of the account.
 * @param path a file with a line `{"hPayto":"...","key":"..."}` for each account, or a folder of such files
 * @throws SourceError
 */
export function readAccountKeys(path: string): Map<string, Uint8Array> {
  const keys = new Map<string, Uint8Array>();
  try {
    const files = statSync(path).isDirectory() ? readdirSync(path).map((name) => join(path, name)) : [path];
    for (const file of files) {
      for (const line of readFileSync(file, 'utf8').split('\n')) {
        if (line.trim() === '') continue;
        const { hPayto, key } = JSON.parse(line) as { hPayto: string; key: string };
        keys.set(hPayto, decodeBase32(key, 32));
      }
    }
    return keys;
  } catch (error) {
    const isKnown = error instanceof SyntaxError || error instanceof EncodingError || error instanceof TypeError;
    const isFile = typeof (error as { code?: unknown }).code === 'string';
    if (!isKnown && !isFile) throw error;
    // What stands in such a file is secret: it is not repeated.
    throw new SourceError(`${path} holds no account keys${isFile ? `: ${(error as Error).message}` : ''}`);
  }
}
