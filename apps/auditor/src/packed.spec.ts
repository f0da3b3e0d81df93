import { createHash } from 'node:crypto';
import { encodeBase32 } from '@florin/encoding';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readUnits, UNITS_BYTES, writeUnits } from './layouts.js';
import { PackedMap } from './packed.js';

const keyOf = (label: number): string =>
  label % 3 === 0 ? `text ${label}` : encodeBase32(createHash('sha256').update(`${label}`).digest());
const units = { bytes: UNITS_BYTES, write: writeUnits, read: readUnits };

test('does what a Map does, through growth, deletion and a checkpoint', () => {
  const anyStep = fc.record({
    key: fc.nat({ max: 60 }).map(keyOf),
    value: fc.bigInt({ min: -(2n ** 100n), max: 2n ** 100n }),
    remove: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 300 }), (steps) => {
      const model = new Map<string, bigint>();
      const packed = new PackedMap(units);
      for (const { key, value, remove } of steps) {
        if (remove) expect(packed.delete(key)).toBe(model.delete(key));
        else {
          model.set(key, value);
          packed.set(key, value);
        }
        expect(packed.size).toBe(model.size);
      }
      const again = new PackedMap(units);
      again.load(structuredClone(packed.save()));
      for (const [key, value] of model) {
        expect(packed.get(key)).toBe(value);
        expect(again.get(key)).toBe(value);
      }
      expect([...again.entries()].map(([, value]) => value).sort()).toEqual([...model.values()].sort());
    }),
    { numRuns: 50 },
  );
});

test('grows beyond its first index, and keeps what was left when the rest goes', () => {
  const packed = new PackedMap(units);
  const count = 20_000;
  for (let label = 0; label < count; label += 1) packed.set(keyOf(label), BigInt(label));
  for (let label = 0; label < count; label += 2) expect(packed.delete(keyOf(label))).toBe(true);
  for (let label = 0; label < count; label += 1) {
    expect(packed.get(keyOf(label))).toBe(label % 2 === 0 ? undefined : BigInt(label));
  }
});

test('hands out keys of 32 bytes as they were', () => {
  const packed = new PackedMap(units);
  packed.set(keyOf(1), 1n);
  expect([...packed.entries()]).toEqual([[keyOf(1), 1n]]);
});

test('keys that differ in their last byte only are two', () => {
  const packed = new PackedMap(units);
  const bytes = new Uint8Array(32);
  const other = bytes.slice();
  other[31] = 1;
  packed.set(encodeBase32(bytes), 1n);
  expect(packed.has(encodeBase32(other))).toBe(false);
});
