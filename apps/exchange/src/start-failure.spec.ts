import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeFolder } from '@florin/event-store';
import { KeyFolderRefused } from '@florin/signing';
import { afterAll, expect, test } from 'vitest';
import { ConfigError } from './config/reader.js';
import { startFailure } from './start-failure.js';

const folder = mkdtempSync(join(tmpdir(), 'florin-start-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** What listening there throws. */
async function listening(port: number, host: string): Promise<Error> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once('error', resolve);
    server.listen(port, host, () => {
      server.close();
      reject(new Error('it listens'));
    });
  });
}

const thrownBy = (work: () => unknown): unknown => {
  try {
    work();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
};

test('a port that is taken is named, and the settings that name another one', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  const failure = startFailure(await listening(port, '127.0.0.1'));
  await new Promise((resolve) => server.close(resolve));
  expect(failure?.code).toBe(70);
  expect(failure?.sentence).toMatch(new RegExp(`^127.0.0.1:${port} is taken: .*FLORIN_ADMIN_PORT`));
});

test('so is an address that is not one of this machine', async () => {
  const failure = startFailure(await listening(0, '192.0.2.1'));
  expect(failure?.sentence).toMatch(/^host or adminHost is 192.0.2.1; allowed: an address of this machine/);
});

test('where no folder can be made, another place is asked for', () => {
  const failure = startFailure(thrownBy(() => makeFolder('/proc/florin/data')));
  expect(failure?.sentence).toMatch(/^ENOENT: .*mkdir '\/proc\/florin'; name a place where folders can be made$/);
});

test('what is in the way of a file or a folder is named, with what is needed there', () => {
  const file = join(folder, 'file');
  writeFileSync(file, '');
  const below = startFailure(thrownBy(() => mkdirSync(join(file, 'data'), { recursive: true })));
  expect(below?.sentence).toMatch(/^ENOTDIR: .*data'; a folder is needed in the place of that file$/);
  const inPlace = startFailure(thrownBy(() => writeFileSync(folder, '')));
  expect(inPlace?.sentence).toMatch(/^EISDIR: .*; a file is needed in the place of that folder$/);
});

test('a database that does not open is said to be in the data folder', () => {
  const error = Object.assign(new Error('database or disk is full'), { code: 'SQLITE_FULL' });
  const sentence = 'a database in the data folder /x does not open: database or disk is full';
  expect(startFailure(error, '/x')).toEqual({ code: 70, sentence });
});

test('an event store that is away is told apart from one that is configured wrongly', () => {
  const error = new Error('14 UNAVAILABLE: No connection established. Last error: ECONNREFUSED. Resolution note: ');
  const sentence = 'the event store does not answer: No connection established. Last error: ECONNREFUSED.';
  expect(startFailure(error)).toEqual({ code: 70, sentence });
});

test('a folder that may not be written, and a key folder that may not be used, want a person', () => {
  const error = Object.assign(new Error("EROFS: read-only file system, mkdir '/x/keys'"), { code: 'EROFS' });
  expect(startFailure(error)).toEqual({ code: 78, sentence: `${error.message}; the disk must be writable` });
  const readOnly = startFailure(new Error('attempt to write a readonly database'), '/x');
  expect(readOnly?.code).toBe(78);
  expect(readOnly?.sentence).toMatch(/^a database in the data folder \/x may not be written: .*; the user that runs/);
  const refused = new KeyFolderRefused('/x/keys belongs to user 0');
  expect(startFailure(refused)).toEqual({ code: 78, sentence: refused.message });
  const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
  expect(startFailure(full)?.code).toBe(70);
});

test('what a person has to change ends with a code that no supervisor repeats', () => {
  expect(startFailure(new ConfigError('port is "x"'))).toEqual({ code: 78, sentence: 'port is "x"' });
});

test('what nobody foresaw keeps its stack', () => {
  expect(startFailure(new TypeError('x is not a function'))).toBeUndefined();
  expect(startFailure('text')).toBeUndefined();
  expect(startFailure(new Error('the ledger belongs to another'))?.sentence).toBe('the ledger belongs to another');
});
