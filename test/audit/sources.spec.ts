import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { EndlessExport } from './endless-export.js';
import { auditor, type Ended, PROGRAM } from './tools.js';

// Files that are no whole export: a sentence and exit code 2, or findings and the rest of the audit; never a stack.
const folder = mkdtempSync(join(tmpdir(), 'florin-sources-'));
const path = join(folder, 'events.jsonl');
let lines: string[];

beforeAll(async () => {
  lines = (await EndlessExport.of(100)).lines();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function audited(content: string | Uint8Array): Promise<Ended> {
  writeFileSync(path, content);
  const memory = ['--memory', mkdtempSync(join(folder, 'memory-'))];
  return auditor('--from', path, ...memory, '--no-signatures', '--quiet', '--json', '-');
}

/** The line of event 50 made another. */
const withLine = (change: (line: string) => string): string =>
  lines.map((line, place) => (place === 51 ? change(line) : line)).join('');

test.each([
  ['an empty file', () => '', 'does not begin like an export'],
  ['a compressed file', () => gzipSync(lines.join('')), 'does not begin like an export'],
  ['a first line without end', () => 'x'.repeat(10_000_000), 'does not begin like an export'],
  ['a file that was cut off', () => lines.join('').slice(0, 50_000), 'ends without a head'],
  ['events behind the last head', () => [...lines, ...lines.slice(1, 30)].join(''), 'ends without a head'],
  ['a head that is none', () => `${lines.slice(0, -1).join('')}{"head":"x","next":100}\n`, 'something that is no head'],
])('%s cannot be audited: exit code 2 and a sentence', async (_, content, words) => {
  const ended = await audited(content());
  expect(ended).toMatchObject({ code: 2, out: '' });
  expect(ended.err).toContain(words);
  expect(ended.err.trim().split('\n')).toHaveLength(1);
});

test('a folder in the place of a file, a file in the place of a folder', async () => {
  mkdirSync(join(folder, 'one'));
  expect(await auditor('--from', join(folder, 'one'))).toMatchObject({
    code: 2,
    err: expect.stringMatching(/is no file/),
  });
  const memory = await auditor('--from', path, '--memory', path);
  expect(memory).toMatchObject({ code: 2, err: expect.stringMatching(/^audit: EEXIST[^\n]*\n$/) });
});

test.each([
  ['is no JSON', (line: string) => line.slice(5), 'it is not JSON'],
  ['says another place further on', (line: string) => line.replace('{"i":50,', '{"i":9050,'), 'event 9050'],
  ['says another place before it', (line: string) => line.replace('{"i":50,', '{"i":20,'), 'event 20'],
  [
    'is longer than any event',
    (line: string) => `{"i":50,"x":"${'x'.repeat(6_000_000)}"${line.slice(7)}`,
    'longer than any',
  ],
  [
    'is nested without end',
    (line: string) => line.replace('"d":{', `"d":{"deep":${'['.repeat(1e6)}${']'.repeat(1e6)},`),
    'nested too deeply',
  ],
  ['has a version that no leaf holds', (line: string) => line.replace('"v":1', '"v":9007199254740991'), 'not an event'],
])('one line that %s is one finding', async (_, change, words) => {
  const ended = await audited(withLine(change));
  expect(ended).toMatchObject({ code: 1, err: '' });
  const { log, findings } = JSON.parse(ended.out);
  expect(findings.list).toMatchObject([{ code: 'event-damaged', event: { index: 50 } }]);
  expect(findings.list[0].detail).toContain(words);
  expect(log.events).toBe(lines.length - 2);
});

test('a line that is not there is missing, and what follows is audited', async () => {
  const ended = await audited(withLine(() => ''));
  const { findings } = JSON.parse(ended.out);
  expect(findings.list).toMatchObject([{ code: 'event-missing', event: { index: 50 } }]);
});

test.each([
  ['a folder that is not there', ['--data', 'nowhere'], 'nowhere'],
  ['an option that is none', ['--all'], 'unknown option'],
  ['a file that is no export', ['--from', PROGRAM], 'does not begin like an export'],
])('%s cannot be audited: exit code 2', async (_, args, words) => {
  const ended = await auditor(...args);
  expect(ended).toMatchObject({ code: 2, out: '' });
  expect(ended.err).toContain(words);
});

test('what is no proof, and what are no heads, is said in a sentence', async () => {
  const other = join(folder, 'other');
  writeFileSync(other, '{"proof":[5]}');
  const proof = await auditor('compare', other, other, '--proof', other);
  expect(proof).toMatchObject({ code: 2, out: '', err: expect.stringMatching(/^audit: .* is no proof: [^\n]*\n$/) });
  writeFileSync(other, 'null\n');
  const heads = await auditor('compare', other, other);
  expect(heads).toMatchObject({ code: 2, err: expect.stringMatching(/^audit: line 1 of .* no signed head[^\n]*\n$/) });
});
