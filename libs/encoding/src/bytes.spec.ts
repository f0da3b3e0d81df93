import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  concat,
  EncodingError,
  encodeU16,
  encodeU32,
  encodeU64,
  equalBytes,
  fromHex,
  fromUtf8,
  kindOf,
  readU16,
  readU32,
  readU64,
  toHex,
  utf8,
  utf8z,
} from './index.js';

const anyBytes = () => fc.uint8Array({ maxLength: 100 });

test('concat puts parts one after the other, into memory of its own', () => {
  fc.assert(
    fc.property(fc.array(anyBytes()), (parts) => {
      expect([...concat(...parts)]).toEqual(parts.flatMap((part) => [...part]));
    }),
  );
  const part = Uint8Array.of(1);
  const whole = concat(part);
  part[0] = 2;
  expect(whole).toEqual(Uint8Array.of(1));
});

test('equalBytes compares content', () => {
  fc.assert(
    fc.property(anyBytes(), anyBytes(), (a, b) => {
      expect(equalBytes(a, a.slice())).toBe(true);
      expect(equalBytes(a, b)).toBe(toHex(a) === toHex(b));
    }),
  );
  expect(equalBytes(Uint8Array.of(1, 2), Uint8Array.of(1))).toBe(false);
  expect(equalBytes(Uint8Array.of(0x80), Uint8Array.of(0))).toBe(false);
});

describe('integers', () => {
  test('round trip, most significant byte first', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (value) => {
        expect(toHex(encodeU64(value))).toBe(value.toString(16).padStart(16, '0'));
        expect(readU64(encodeU64(value), 0)).toBe(value);
        const [u32, u16] = [Number(value & 0xffff_ffffn), Number(value & 0xffffn)];
        expect(toHex(encodeU32(u32))).toBe(u32.toString(16).padStart(8, '0'));
        expect(readU32(concat(Uint8Array.of(9), encodeU32(u32)), 1)).toBe(u32);
        expect(toHex(encodeU16(u16))).toBe(u16.toString(16).padStart(4, '0'));
        expect(readU16(encodeU16(u16), 0)).toBe(u16);
      }),
    );
  });

  test('values out of range are refused', () => {
    for (const value of [-1, 0.5, 2 ** 16, Number.NaN]) expect(() => encodeU16(value)).toThrow('16 bits');
    for (const value of [-1, 0.5, 2 ** 32, Number.POSITIVE_INFINITY]) expect(() => encodeU32(value)).toThrow('32 bits');
    for (const value of [-1n, 2n ** 64n]) expect(() => encodeU64(value)).toThrow('64 bits');
    for (const value of ['1', 1n, null]) expect(() => encodeU32(value as never)).toThrow(EncodingError);
    expect(() => encodeU64(1 as never)).toThrow(EncodingError);
  });

  test('reading beyond the end is refused', () => {
    const bytes = new Uint8Array(8);
    expect(readU64(bytes, 0)).toBe(0n);
    for (const read of [readU16, readU32, readU64]) {
      for (const offset of [-1, 7, 8, 100]) expect(() => read(bytes, offset)).toThrow(`at offset ${offset}`);
    }
  });
});

describe('hex', () => {
  test('round trip in either case', () => {
    fc.assert(
      fc.property(anyBytes(), (bytes) => {
        expect(toHex(bytes)).toBe(Buffer.from(bytes).toString('hex'));
        expect(fromHex(toHex(bytes))).toEqual(bytes);
        expect(fromHex(toHex(bytes).toUpperCase())).toEqual(bytes);
      }),
    );
  });

  test.each(['0', '0g', '0x00', ' 00', '00\n', '٣٣'])('refuses %j', (text) => {
    expect(() => fromHex(text)).toThrow(EncodingError);
  });
});

describe('text', () => {
  test('UTF-8 round trip', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        expect(utf8(text)).toEqual(new Uint8Array(Buffer.from(text, 'utf8')));
        expect(fromUtf8(utf8(text))).toBe(text);
        if (!text.includes('\0')) expect(utf8z(text)).toEqual(concat(utf8(text), Uint8Array.of(0)));
      }),
    );
    expect(fromUtf8(utf8('\ufeffx'))).toBe('\ufeffx');
  });

  test('a lone surrogate, a NUL inside and broken UTF-8 are refused', () => {
    for (const text of ['\ud800', 'a\udc00', '\udc00\ud800']) expect(() => utf8(text)).toThrow('a lone surrogate');
    expect(() => utf8z('a\0b')).toThrow('a NUL character');
    expect(utf8('a\0b').length).toBe(3);
    for (const hex of ['ff', 'c3', 'c080', 'eda080', 'f4908080']) {
      expect(() => fromUtf8(fromHex(hex))).toThrow(EncodingError);
    }
    expect(() => utf8(5 as never)).toThrow(EncodingError);
  });
});

test('kindOf tells kind and size and never content', () => {
  expect(
    [null, undefined, 'secret', 5, 5n, true, [1, 2], { secret: 1 }, new Uint8Array(3)].map((value) => kindOf(value)),
  ).toEqual([
    'null',
    'nothing',
    'a string of 6 characters',
    'a number',
    'a bigint',
    'a boolean',
    'an array of 2',
    'an object',
    '3 bytes',
  ]);
});
