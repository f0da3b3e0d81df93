import { expect, test } from 'vitest';
import {
  type ExportedEvent,
  type ExportLine,
  exportEventLine,
  exportHeaderLine,
  exportTailLine,
  parseExportLine,
  readExport,
} from './export.js';

const event: ExportedEvent = {
  index: 7,
  unitFirst: 6,
  stream: 'florin.wire-main',
  number: 3,
  type: 'CreditBooked',
  version: 1,
  writtenAtUs: 1_700_000_000_000_000,
  data: { amount: 'EUR:1.5', reason: 'ein „Grund“\n', list: [1, { a: true }] },
};
const header = { origin: 'florin/florin/ABC', first: 7, exportedAt: 1_700_000_000 };
const tail = { head: 'florin/florin/ABC\n8\nAAAA\n\n— x y\n', next: 8 };
const text = exportHeaderLine(header) + exportEventLine(event) + exportTailLine(tail);

async function* cutInto(size: number): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function linesOf(chunks: AsyncIterable<Uint8Array | string>): Promise<ExportLine[]> {
  const lines: ExportLine[] = [];
  for await (const line of readExport(chunks)) lines.push(line);
  return lines;
}

test.each([1, 3, 10_000])('what was written is read again, in chunks of %i bytes', async (size) => {
  expect(await linesOf(cutInto(size))).toEqual([
    { kind: 'header', header: { format: 'florin-events', version: 1, ...header } },
    { kind: 'event', line: 2, event, text: JSON.stringify(event.data) },
    { kind: 'tail', tail },
  ]);
});

test.each([
  ['no JSON', '{"i":7,"u":6,"s":"x', 7, 'it is not JSON'],
  ['no object', 'null', undefined, 'it is not an object'],
  ['an event without its data', '{"i":7,"u":7,"s":"x","n":0,"t":"T","v":1,"w":1}', 7, 'it is not an event'],
  ['an event at no place', '{"i":-1,"u":7,"s":"x","n":0,"t":"T","v":1,"w":1,"d":{}}', undefined, 'it is not an event'],
  [
    'a version that no leaf holds',
    '{"i":7,"u":7,"s":"x","n":0,"t":"T","v":4294967296,"w":1,"d":{}}',
    7,
    'it is not an event',
  ],
  [
    'data nested without end',
    `{"i":7,"u":7,"s":"x","n":0,"t":"T","v":1,"w":1,"d":{"a":${'['.repeat(1e6)}${']'.repeat(1e6)}}}`,
    7,
    'it is nested too deeply',
  ],
  ['a head that goes nowhere', '{"head":"x"}', undefined, 'it is not a head'],
  [
    'another version',
    '{"format":"florin-events","version":2}',
    undefined,
    'it announces florin-events 2, not florin-events 1',
  ],
])('%s is handed out as damaged', (_, line, index, reason) => {
  expect(parseExportLine(line, 4)).toEqual({ kind: 'damaged', line: 4, reason, index });
});

test('of a line that is longer than any event nothing is kept, and what follows is read', async () => {
  const MIB = 'x'.repeat(1024 * 1024);
  async function* chunks(): AsyncGenerator<string> {
    yield exportHeaderLine(header);
    yield '{"i":7,"u":7,"s":"';
    for (let mib = 0; mib < 700; mib += 1) yield MIB; // together longer than a string can be
    yield `"}\n${exportTailLine(tail)}`;
    yield MIB.repeat(5);
  }
  const reason = 'it is longer than any event';
  expect(await linesOf(chunks())).toMatchObject([
    { kind: 'header' },
    { kind: 'damaged', line: 2, reason, index: 7 },
    { kind: 'tail' },
    { kind: 'damaged', line: 4, reason, index: undefined },
  ]);
});
