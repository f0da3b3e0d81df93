import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeBase32 } from '@florin/encoding';
import fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import { readUnits, UNITS_BYTES, writeUnits } from './layouts.js';
import { PackedMaps } from './packed.js';

const keyOf = (label: number): string =>
  label % 3 === 0 ? `text ${label}` : encodeBase32(createHash('sha256').update(`${label}`).digest());
const units = { bytes: UNITS_BYTES, write: writeUnits, read: readUnits };

/** @param held pages in memory; everything else goes to the file */
function someMaps(held?: number): PackedMaps {
  const maps = new PackedMaps(undefined, held);
  onTestFinished(() => maps.close());
  return maps;
}
const oneMap = (held?: number) => someMaps(held).make('units', units);

test.each([
  ['in memory', 1_000],
  ['in a file, but for two pages', 2],
])('does what a Map does, through growth, deletion and a checkpoint: %s', (_, held) => {
  const anyStep = fc.record({
    key: fc.nat({ max: 60 }).map(keyOf),
    value: fc.bigInt({ min: -(2n ** 100n), max: 2n ** 100n }),
    remove: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 300 }), (steps) => {
      const model = new Map<string, bigint>();
      const maps = someMaps(held);
      const packed = maps.make('units', units);
      for (const { key, value, remove } of steps) {
        if (remove) expect(packed.delete(key)).toBe(model.delete(key));
        else {
          model.set(key, value);
          packed.set(key, value);
        }
        expect(packed.size).toBe(model.size);
      }
      const again = oneMap(held);
      for (const [name, bytes] of maps.save()) {
        expect(name).toBe('units');
        again.load(structuredClone(bytes));
      }
      for (const [key, value] of model) {
        expect(packed.get(key)).toBe(value);
        expect(again.get(key)).toBe(value);
      }
      expect([...again.entries()].map(([, value]) => value).sort()).toEqual([...model.values()].sort());
    }),
    { numRuns: 50 },
  );
});

test.each([
  ['in memory', 1_000],
  ['in a file, but for a few pages', 8],
])('grows beyond its first index, and keeps what was left when the rest goes: %s', (_, held) => {
  const packed = oneMap(held);
  const count = 20_000;
  for (let label = 0; label < count; label += 1) packed.set(keyOf(label), BigInt(label));
  for (let label = 0; label < count; label += 2) expect(packed.delete(keyOf(label))).toBe(true);
  for (let label = 0; label < count; label += 1) {
    expect(packed.get(keyOf(label))).toBe(label % 2 === 0 ? undefined : BigInt(label));
  }
  packed.deleteWhere((value) => value % 4n === 1n);
  expect(packed.size).toBe(count / 4);
  expect([...packed.entries()].every(([, value]) => value % 4n === 3n)).toBe(true);
  for (let label = 0; label < count; label += 1) {
    expect(packed.get(keyOf(label))).toBe(label % 4 === 3 ? BigInt(label) : undefined);
  }
});

test('what was deleted makes room for what comes', () => {
  const packed = oneMap(4);
  for (let label = 0; label < 10_000; label += 1) {
    packed.set(keyOf(label), BigInt(label));
    if (label >= 1_000) expect(packed.delete(keyOf(label - 1_000))).toBe(true);
  }
  expect(packed.size).toBe(1_000);
  expect([...packed.entries()].map(([, value]) => value).sort((a, b) => Number(a - b))).toEqual(
    Array.from({ length: 1_000 }, (_, place) => BigInt(9_000 + place)),
  );
});

test('several maps share their memory, and nothing is left of their file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'florin-packed-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const maps = new PackedMaps(folder, 4);
  const [one, other] = [maps.make('one', units), maps.make('other', units)];
  for (let label = 0; label < 3_000; label += 1) {
    one.set(keyOf(label), BigInt(label));
    other.set(keyOf(label), BigInt(-label));
  }
  for (let label = 0; label < 3_000; label += 1) {
    expect([one.get(keyOf(label)), other.get(keyOf(label))]).toEqual([BigInt(label), BigInt(-label)]);
  }
  expect(readdirSync(folder)).toEqual([]); // it has no name, so that it ends with the process
  maps.close();
});

test('hands out keys of 32 bytes as they were', () => {
  const packed = oneMap();
  packed.set(keyOf(1), 1n);
  expect([...packed.entries()]).toEqual([[keyOf(1), 1n]]);
});

test('keys that differ in their last byte only are two', () => {
  const packed = oneMap();
  const bytes = new Uint8Array(32);
  const other = bytes.slice();
  other[31] = 1;
  packed.set(encodeBase32(bytes), 1n);
  expect(packed.has(encodeBase32(other))).toBe(false);
});
