import fc from 'fast-check';
import { expect, test } from 'vitest';
import { eventLeaf, type StoredEvent, storedLeaf } from './leaf.js';
import type { Position } from './port.js';
import { leafHash } from './tree.js';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

const STORED: StoredEvent = {
  stream: 'test.coin-A',
  number: 2 ** 40 + 3,
  type: 'Noted',
  version: 7,
  writtenAtUs: 1_700_000_000_000_001,
  text: '{"text":"ä€😀","list":[1,null]}',
};

test('a leaf is the hash of the columns, packed as documented', () => {
  const text = (value: string): string => {
    const bytes = Buffer.from(value);
    return bytes.length.toString(16).padStart(8, '0') + bytes.toString('hex');
  };
  const packed = [
    text(STORED.stream),
    (2n ** 40n + 3n).toString(16).padStart(16, '0'),
    text('Noted'),
    '00000007',
    1_700_000_000_000_001n.toString(16).padStart(16, '0'),
    text(STORED.text),
  ].join('');
  expect(hex(storedLeaf(STORED))).toBe(hex(leafHash(Buffer.from(packed, 'hex'))));
});

test('an event that was read has the leaf of what was stored', () => {
  const { text, ...place } = STORED;
  const event = { ...place, index: 5, position: 5n as Position, data: JSON.parse(text) };
  expect(hex(eventLeaf(event))).toBe(hex(storedLeaf(STORED)));
  expect(hex(eventLeaf({ ...event, index: 6 }))).toBe(hex(storedLeaf(STORED)));
});

test('every column changes the leaf, and no two events share one by moving bytes between columns', () => {
  const column = fc.record({
    stream: fc.constantFrom('test.coin-A', 'test.coin-AB', 'test.coin-'),
    number: fc.constantFrom(0, 1, 256, 2 ** 32),
    type: fc.constantFrom('A', 'B', 'BA', ''),
    version: fc.constantFrom(0, 1, 256),
    writtenAtUs: fc.constantFrom(0, 1, 2 ** 32),
    text: fc.constantFrom('', '{}', '{"a":1}', 'B', '€'),
  });
  fc.assert(
    fc.property(column, column, (a, b) => {
      expect(hex(storedLeaf(a)) === hex(storedLeaf(b))).toBe(JSON.stringify(a) === JSON.stringify(b));
    }),
    { numRuns: 500 },
  );
});

test('JSON text is the same after a move through another store', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 5 }), (data) => {
      const text = JSON.stringify(data);
      expect(JSON.stringify(JSON.parse(text))).toBe(text);
    }),
  );
});
