import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonicalBase32, decodeBase32, EncodingError, encodeBase32 } from './index.js';

const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const anyBytes = (maxLength = 300) => fc.uint8Array({ maxLength });

describe('base32', () => {
  test('is the big-endian bit string in groups of five', () => {
    fc.assert(
      fc.property(anyBytes(), (bytes) => {
        const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('');
        const groups = bits.match(/.{1,5}/g) ?? [];
        const text = groups.map((group) => ALPHABET[Number.parseInt(group.padEnd(5, '0'), 2)]).join('');
        expect(encodeBase32(bytes)).toBe(text);
      }),
    );
  });

  test('round trip, either case, with and without the size', () => {
    fc.assert(
      fc.property(anyBytes(), (bytes) => {
        const text = encodeBase32(bytes);
        expect(text.length).toBe(Math.ceil((8 * bytes.length) / 5));
        expect(decodeBase32(text)).toEqual(bytes);
        expect(decodeBase32(text, bytes.length)).toEqual(bytes);
        expect(decodeBase32(text.toLowerCase(), bytes.length)).toEqual(bytes);
      }),
    );
  });

  test('reads a view into a larger buffer', () => {
    const buffer = Uint8Array.from({ length: 80 }, (_, i) => i);
    expect(encodeBase32(buffer.subarray(7, 39))).toBe(encodeBase32(buffer.slice(7, 39)));
  });

  test('O reads as 0, I and L as 1, U as V, in either case', () => {
    expect(decodeBase32('OoIiLlUu', 5)).toEqual(decodeBase32('001111VV', 5));
    expect(decodeBase32('OoIiLlUu', 5)).not.toEqual(decodeBase32('00000000', 5));
  });

  test('filler bits do not count, and the canonical text has none', () => {
    expect(decodeBase32('ZZ', 1)).toEqual(decodeBase32('ZW', 1));
    expect(canonicalBase32('zz', 1)).toBe('ZW');
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), fc.nat(15), (bytes, filler) => {
        const text = encodeBase32(bytes);
        const last = ALPHABET[ALPHABET.indexOf(text.at(-1) as string) | (filler & 15)] as string;
        expect(canonicalBase32(text.slice(0, -1) + last, 32)).toBe(text);
      }),
    );
  });

  test('every other character is refused, wherever it stands', () => {
    const allowed = new Set([...ALPHABET, ...ALPHABET.toLowerCase(), ...'OoIiLlUu']);
    for (let code = 0; code < 0x180; code++) {
      const character = String.fromCharCode(code);
      for (const position of [0, 3, 7]) {
        const text = `0000000`.slice(0, position) + character + '0000000'.slice(position);
        if (allowed.has(character)) expect(decodeBase32(text, 5).length).toBe(5);
        else expect(() => decodeBase32(text, 5)).toThrow(`another character at position ${position}`);
      }
    }
    // Characters whose low byte or low seven bits would be a digit of the alphabet.
    for (const text of ['İ0', '㐰0', '😀']) expect(() => decodeBase32(text, 1)).toThrow(EncodingError);
  });

  test('every length but the right one is refused', () => {
    for (let length = 0; length <= 110; length++) {
      const text = '0'.repeat(length);
      if (length === 52) expect(decodeBase32(text, 32)).toEqual(new Uint8Array(32));
      else expect(() => decodeBase32(text, 32)).toThrow(`expected 52 characters of base32, got ${length} characters`);
      const possible = ![1, 3, 6].includes(length % 8);
      if (possible) expect(decodeBase32(text).length).toBe(Math.floor((5 * length) / 8));
      else expect(() => decodeBase32(text)).toThrow('base32 of whole bytes');
    }
  });

  test('what is no text is refused', () => {
    for (const value of [undefined, null, 5, ['00'], { length: 2 }, new Uint8Array(2)]) {
      expect(() => decodeBase32(value as never, 1)).toThrow(EncodingError);
    }
  });

  test('the message does not repeat the text', () => {
    const secret = 'K43QAMEPE9KJJTX6AJZD6N4SN1N3ARVAXZ2MRNPT85FHD4QD2C6';
    for (const text of [secret, `${secret}!`]) {
      try {
        decodeBase32(text, 32);
        expect.unreachable();
      } catch (error) {
        expect((error as Error).message).not.toContain(secret.slice(0, 4));
      }
    }
  });
});
