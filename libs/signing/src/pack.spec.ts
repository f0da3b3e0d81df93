import fc from 'fast-check';
import { expect, test } from 'vitest';
import { pack, unpack } from './pack.js';

const anyFields = () => fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 20 });

test('what is packed comes out again, wherever it lies in memory', () => {
  fc.assert(
    fc.property(anyFields(), fc.nat(9), (fields, offset) => {
      const packed = pack(fields);
      expect(packed.buffer.byteLength).toBe(packed.length); // or a transfer would take more along
      expect(unpack(packed)).toEqual(fields);
      const elsewhere = new Uint8Array(packed.length + offset);
      elsewhere.set(packed, offset);
      expect(unpack(elsewhere.subarray(offset))).toEqual(fields);
    }),
  );
});

test('what is cut off or has something appended is refused', () => {
  fc.assert(
    fc.property(anyFields(), fc.nat(), (fields, any) => {
      const packed = pack(fields);
      expect(() => unpack(packed.subarray(0, any % packed.length))).toThrow(RangeError);
      expect(() => unpack(Uint8Array.of(...packed, 0))).toThrow(RangeError);
    }),
  );
});
