import { mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { makeFolder } from './folder.js';

const folder = mkdtempSync(join(tmpdir(), 'florin-folder-'));
afterAll(() => rmSync(folder, { recursive: true }));

test('a folder is made with those above it, for its owner only, and stays if it is there', () => {
  const path = join(folder, 'a', 'b', 'c');
  makeFolder(path);
  for (const part of ['a', 'a/b', 'a/b/c']) expect(statSync(join(folder, part)).mode & 0o777).toBe(0o700);
  writeFileSync(join(path, 'file'), '');
  makeFolder(path);
  expect(statSync(join(path, 'file')).size).toBe(0);
});

test.each([['/proc/florin'], ['/proc/florin/data/bank'], ['/proc/self/florin/data']])(
  'where nothing can be made it is said at once: %s',
  (path) => {
    expect(() => makeFolder(path)).toThrow(/^(ENOENT|ENOTDIR|EACCES|EROFS|EPERM).*mkdir '\/proc/);
  },
);

test('a file or a link that leads nowhere is no folder', () => {
  writeFileSync(join(folder, 'file'), '');
  symlinkSync(join(folder, 'nowhere'), join(folder, 'link'));
  expect(() => makeFolder(join(folder, 'file'))).toThrow(/^EEXIST/);
  expect(() => makeFolder(join(folder, 'file', 'x'))).toThrow(/^ENOTDIR/);
  expect(() => makeFolder(join(folder, 'link'))).toThrow(/^EEXIST/);
});
