import { describe, expect, test } from 'vitest';
import { importBreaches, portabilityBreaches, tooManyPackages, unknownRooms } from './architecture/boundaries.js';
import { floatingMoney, impurities, mocks } from './architecture/purity.js';
import { deadFiles, oversized, unwelcome } from './architecture/tidiness.js';
import { type Breach, readTree, type Tree, treeOf } from './architecture/tree.js';

// The rules of the house. Each runs over the repository, where it must find nothing, and over small made-up trees
// with a breach planted, where it must be found.
const RULES: Readonly<Record<string, (tree: Tree) => Breach[]>> = {
  'rooms look only into rooms they may, by their entries': importBreaches,
  'what a browser loads is free of Node': portabilityBreaches,
  'every room has its place in the house plan': unknownRooms,
  'fewer than twenty packages of others ship': tooManyPackages,
  'encoding, crypto and domain know no clock, no chance and no I/O': impurities,
  'the domain counts money in bigints': floatingMoney,
  'nothing is mocked': mocks,
  'lines and files stay readable': oversized,
  'no unfinished work, no path of a machine, no registry': unwelcome,
  'no file is dead': deadFiles,
};

describe('the repository', () => {
  const tree = readTree(new URL('../../', import.meta.url));

  test('is read whole', () => {
    expect(tree.rooms.size).toBeGreaterThanOrEqual(12);
    expect([...tree.sources.keys()]).toContain('test/architecture.spec.ts');
    expect(tree.texts.has('.ci/run')).toBe(true);
  });

  for (const [name, rule] of Object.entries(RULES)) {
    test(name, () => {
      expect(rule(tree)).toEqual([]);
    });
  }
});

/** A small sound house: every kind of room, file and import that the rules tell apart. */
const HOUSE: Readonly<Record<string, string>> = {
  'package.json': JSON.stringify({
    scripts: { demo: 'node scripts/run.mjs test/dist/demo/main.js' },
    devDependencies: { vitest: '*' },
  }),
  'scripts/run.mjs': "import path from 'node:path';\nexport default path;",
  ...room('libs/encoding', { 'index.ts': 'export const hex = 1;' }),
  ...room('libs/crypto', {
    'index.ts': "export { hash } from './hash.js';",
    'hash.ts': "import { sha512 } from '@noble/hashes/sha2.js';\nexport const hash = sha512;",
    'server.ts': "import { createHash } from 'node:crypto';\nexport { createHash };",
  }),
  ...room('libs/domain', {
    'index.ts': "export * from './decision.js';\nexport * from './events.js';\nexport { reserve } from './reserve.js';",
    'decision.ts': 'export interface Decision { kind: string }\nexport interface Decider<S> { initial: S }',
    'events.ts': 'export const parseEvent = (text: string) => BigInt(text);',
    'reserve.ts':
      "import type { Decider } from './decision.js';\nexport const reserve: Decider<bigint> = { initial: 0n };\n" +
      "export const at = { process: 1, note: 'Date.now() and Math.random() and Number(1.5)' };",
    'reserve.spec.ts': "import { expect } from 'vitest';\nimport { reserve } from './reserve.js';\nexpect(reserve);",
  }),
  ...room('libs/event-store', {
    'index.ts':
      "import type { Decision } from '@florin/domain';\nexport type D = Decision;\nexport * from './thread.js';",
    'thread.ts': "export const program = new URL('./worker.js', import.meta.url);",
    'worker.ts': "import { readFileSync } from 'node:fs';\nexport { readFileSync };",
  }),
  ...room('apps/auditor', {
    'index.ts':
      "import { parseEvent, type reserve } from '@florin/domain';\nexport const a: typeof reserve = parseEvent;",
  }),
  ...room('apps/exchange', {
    'index.ts': "import { Module } from '@nestjs/common';\nimport '@florin/domain';\nexport { Module };",
  }),
  'test/package.json': manifest('test', {}),
  'test/demo/main.ts': "import { Module } from '@florin/exchange';\nexport { Module };",
};

function room(name: string, files: Record<string, string>): Record<string, string> {
  const entries = Object.entries(files).map(([file, text]) => [`${name}/src/${file}`, text]);
  return { [`${name}/package.json`]: manifest(name, files), ...Object.fromEntries(entries) };
}

function manifest(name: string, files: Record<string, string>): string {
  const neighbours = ['encoding', 'crypto', 'domain', 'event-store', 'exchange'].map((other) => `@florin/${other}`);
  const packages = ['@noble/hashes', '@nestjs/common', ...neighbours];
  return JSON.stringify({
    name: `@florin/${name.split('/').at(-1)}`,
    exports: { '.': './dist/index.js', ...('server.ts' in files ? { './server': './dist/server.js' } : {}) },
    dependencies: Object.fromEntries(packages.map((dependency) => [dependency, '*'])),
  });
}

const houseWith = (files: Record<string, string>): Tree => treeOf(new Map(Object.entries({ ...HOUSE, ...files })));

/** What every rule says about the house with `files` added or replaced. */
const breachesWith = (files: Record<string, string>): Breach[] =>
  Object.values(RULES).flatMap((rule) => rule(houseWith(files)));

test('a sound house has no breach', () => {
  expect(breachesWith({})).toEqual([]);
});

describe('a planted breach is found', () => {
  const domain = (text: string) => ({ 'libs/domain/src/events.ts': `export const parseEvent = 1;\n${text}` });
  const exchange = (text: string) => ({ 'apps/exchange/src/index.ts': text });
  const found: [name: string, files: Record<string, string>, breach: RegExp][] = [
    [
      'a library looks into a later one',
      { 'libs/encoding/src/index.ts': "import '@florin/crypto';" },
      /^libs\/encoding\/src\/index.ts:1 .*may not look into libs\/crypto/,
    ],
    [
      'a type counts, too',
      { 'libs/crypto/src/hash.ts': "import type { D } from '@florin/event-store';\nexport const hash = 1;" },
      /may not look into libs\/event-store/,
    ],
    [
      'so does an import at run time',
      { 'libs/encoding/src/index.ts': "export const c = import('@florin/crypto');" },
      /may not look into libs\/crypto/,
    ],
    [
      'an app imports an app',
      { 'apps/auditor/src/index.ts': "import '@florin/exchange';" },
      /may not look into apps\/exchange/,
    ],
    ['a deep import by package', exchange("import '@florin/domain/dist/reserve.js';"), /is no entry of a package/],
    ['a deep import by path', exchange("import '../../../libs/domain/src/reserve.js';"), /leaves its room/],
    ['a file that does not exist', exchange("import './nothing.js';"), /does not exist/],
    ['a room by its own name', exchange("import '@florin/exchange';"), /by their paths/],
    ['a package that is not declared', exchange("import 'left-pad';"), /'left-pad' is not among the dependencies/],
    ['a development package in what ships', exchange("import 'vitest';"), /'vitest' is not among/],
    ['Nest in the domain', domain("import '@nestjs/common';"), /libs\/domain does without '@nestjs\/common'/],
    ['Nest in a library', { 'libs/event-store/src/worker.ts': "import '@nestjs/common';" }, /belongs into apps/],
    ['a file system in the domain', domain("import 'node:fs';"), /libs\/domain does without 'node:fs'/],
    ['a Node module without its prefix', exchange("import 'fs';"), /imported as 'node:fs'/],
    [
      'Node behind a portable entry',
      { 'libs/crypto/src/hash.ts': "export { createHash as hash } from 'node:crypto';" },
      /hash.ts:1 'node:crypto' is reached from @florin\/domain|@florin\/crypto/,
    ],
    [
      'server code behind a portable entry',
      { 'libs/domain/src/events.ts': "import '@florin/crypto/server';\nexport const parseEvent = 1;" },
      /server.ts:1 'node:crypto' is reached/,
    ],
    [
      'Buffer behind a portable entry',
      { 'libs/encoding/src/index.ts': "export const hex = Buffer.from('');" },
      /Buffer.from is reached/,
    ],
    [
      'the store uses a decider',
      {
        'libs/event-store/src/thread.ts': "import { reserve } from '@florin/domain';\nexport const program = reserve;",
      },
      /'reserve' is not of the shape of a decision/,
    ],
    [
      'the auditor uses a decider',
      { 'apps/auditor/src/index.ts': "import { reserve } from '@florin/domain';\nexport { reserve };" },
      /shared arithmetic/,
    ],
    [
      'the auditor takes the whole domain',
      { 'apps/auditor/src/index.ts': "import * as all from '@florin/domain';\nexport { all };" },
      /one by one/,
    ],
    ['a room without a place', { 'libs/common/package.json': '{}' }, /^libs\/common has no place in the house plan$/],
    [
      'too many packages',
      {
        'apps/exchange/package.json': JSON.stringify({
          dependencies: Object.fromEntries('abcdefghijklmnopqrst'.split('').map((name) => [name, '*'])),
        }),
      },
      /packages of others ship/,
    ],
    ['a clock', domain('export const now = Date.now();'), /events.ts:2 Date.now/],
    ['a clock by another name', domain('export const now = globalThis.Date.now;'), /Date.now/],
    ['a clock in brackets', domain("export const now = Date['now']();"), /Date.now/],
    ['a date of now', domain('export const now = new Date();'), /new Date\(\)/],
    ['a stopwatch', domain('export const now = performance.now();'), /performance.now/],
    ['chance', domain('export const dice = Math.random;'), /Math.random/],
    ['chance from the browser', domain('crypto.getRandomValues(new Uint8Array(1));'), /getRandomValues/],
    [
      'chance from Node',
      {
        'libs/crypto/src/server.ts':
          "import { randomBytes } from 'node:crypto';\nexport const createHash = randomBytes;",
      },
      /server.ts:1 randomBytes/,
    ],
    ['the environment', domain('export const level = process.env.LEVEL;'), /process.env/],
    ['a timer', domain('setTimeout(() => parseEvent, 1);'), /setTimeout\(\)/],
    ['money as a number', domain("export const money = Number('1');"), /Number\(\): money is a bigint/],
    ['money as a float', domain("export const money = parseFloat('1');"), /parseFloat: money is a bigint/],
    ['a fraction', domain('export const fee = 0.5;'), /0.5: money is a bigint/],
    [
      'a mock',
      { 'libs/domain/src/reserve.spec.ts': "import { vi } from 'vitest';\nvi.mock('./reserve.js');" },
      /nothing of ours is mocked/,
    ],
    ['a wide line', exchange(`export const wide = '${'x'.repeat(120)}';`), /has more than 120 columns/],
    ['a long file', exchange('export {};\n'.repeat(501)), /has more than 500 lines/],
    ['unfinished work', exchange(`// ${'TO'}DO: later`), /unfinished work/],
    ['a path of a machine', { 'docs/notes.md': `see /${'home'}/ada/florin` }, /somebody's machine/],
    ['a registry', { 'package-lock.json': `"resolved": "https${'://'}example.org/a.tgz"` }, /package registry/],
    ['a check switched off', exchange(`// @ts-${'ignore'}`), /a check switched off/],
    [
      'a dead file',
      { 'libs/domain/src/purse.ts': 'export const purse = 1;' },
      /^libs\/domain\/src\/purse\.ts is used by nobody$/,
    ],
    [
      'a file that only its spec uses',
      {
        'libs/domain/src/purse.ts': 'export const purse = 1;',
        'libs/domain/src/purse.spec.ts': "import './purse.js';",
      },
      /^libs\/domain\/src\/purse\.ts is used by nobody$/,
    ],
    ['a dead script', { 'scripts/old.mjs': 'export {};' }, /^scripts\/old\.mjs is used by nobody$/],
    [
      'a worker that nobody starts',
      { 'libs/event-store/src/thread.ts': 'export const program = 1;' },
      /^libs\/event-store\/src\/worker\.ts is used by nobody$/,
    ],
  ];
  for (const [name, files, breach] of found) {
    test(name, () => {
      expect(breachesWith(files)).toContainEqual(expect.stringMatching(breach));
    });
  }
});

describe('what only looks like a breach is none', () => {
  const sound: [name: string, files: Record<string, string>][] = [
    ['a given instant', { 'libs/domain/src/events.ts': 'export const parseEvent = (at: number) => new Date(at);' }],
    [
      'a parameter of a global name',
      { 'libs/domain/src/events.ts': 'export const parseEvent = (process: { env: 1 }) => process.env;' },
    ],
    [
      'a member of a global name',
      { 'libs/domain/src/events.ts': 'export const parseEvent = (x: { crypto: 1 }) => ({ fetch: x.crypto });' },
    ],
    ['chance in a test', { 'libs/domain/src/reserve.spec.ts': 'Math.random(); Number(0.5);' }],
    [
      'a type of Node in a type',
      {
        'libs/crypto/src/server.ts':
          "import type { KeyObject } from 'node:crypto';\nexport type createHash = KeyObject;",
      },
    ],
    ['a path of the web', { 'docs/notes.md': 'https://example.org/home/ada' }],
    ['a spec of several files', { 'libs/domain/src/history.spec.ts': "import './reserve.js';" }],
  ];
  for (const [name, files] of sound) {
    test(name, () => {
      expect(breachesWith(files)).toEqual([]);
    });
  }
});
