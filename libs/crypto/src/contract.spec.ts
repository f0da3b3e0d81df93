import { deflateRawSync, deflateSync, inflateSync } from 'node:zlib';
import { concat, EncodingError, encodeU32, utf8, utf8z } from '@florin/encoding';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { adler32, deflate } from './deflate.js';
import { inflate } from './inflate.js';
import { SERVER, SIDES, type Side } from './vectors.support.js';

const bytesOf = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
/** Repetitive data, as contracts are, and data that is not. */
const data = fc.oneof(
  fc.uint8Array({ maxLength: 600 }),
  fc
    .array(fc.constantFrom('summary', '"amount":"EUR:1.01"', 'a', 'ä€🍎'), { maxLength: 400 })
    .map((words) => utf8(words.join())),
);
const long = utf8(Array.from({ length: 9000 }, (_, i) => `${i % 977} contract of ${i % 31} `).join(''));

describe('zlib streams', () => {
  test('what is packed here is unpacked here and by zlib', () => {
    fc.assert(
      fc.property(data, (plain) => {
        const packed = deflate(plain);
        expect(inflate(packed, plain.length)).toEqual(plain);
        expect(new Uint8Array(inflateSync(packed))).toEqual(plain);
      }),
    );
    expect(long.length).toBeGreaterThan(100_000); // further than a match can reach back
    expect(new Uint8Array(inflateSync(deflate(long)))).toEqual(long);
    expect(deflate(long).length).toBeLessThan(long.length / 4);
  });

  test('what zlib packs, at any level and by any strategy, is unpacked', () => {
    const options = fc.record({ level: fc.integer({ min: 0, max: 9 }), strategy: fc.integer({ min: 0, max: 4 }) });
    fc.assert(
      fc.property(data, options, (plain, how) => {
        expect(inflate(new Uint8Array(deflateSync(plain, how)), plain.length)).toEqual(plain);
      }),
    );
    for (const level of [0, 1, 6, 9]) {
      expect(inflate(new Uint8Array(deflateSync(long, { level })), long.length)).toEqual(long);
    }
  });

  test('another size than announced, a cut or trailing byte, a wrong checksum', () => {
    const plain = utf8('a contract, a contract, a contract');
    const packed = deflate(plain);
    for (const size of [plain.length - 1, plain.length + 1, 0]) {
      expect(() => inflate(packed, size)).toThrow(EncodingError);
    }
    expect(() => inflate(concat(packed, Uint8Array.of(0)), plain.length)).toThrow(EncodingError);
    for (let size = 0; size < packed.length; size++) {
      expect(() => inflate(packed.slice(0, size), plain.length)).toThrow(EncodingError);
    }
    expect(adler32(utf8('Wikipedia'))).toBe(0x11e60398);
  });

  test('broken streams are refused as zlib refuses them, or give what it gives', () => {
    const packed = new Uint8Array(deflateSync(long.slice(0, 3000)));
    const property = fc.property(fc.nat(packed.length - 1), fc.integer({ min: 1, max: 255 }), (place, change) => {
      const broken = packed.slice();
      broken[place] = (broken[place] as number) ^ change;
      let expected: Uint8Array | undefined;
      try {
        expected = new Uint8Array(inflateSync(broken));
      } catch {
        expect(() => inflate(broken, 3000)).toThrow(EncodingError);
        return;
      }
      expect(inflate(broken, expected.length)).toEqual(expected);
    });
    fc.assert(property, { numRuns: 300 });
  });

  test.each([
    ['another method', [0x79, 0x9c]],
    ['a window of 64 KiB', [0x88, 0x98]],
    ['a header that is no multiple of 31', [0x78, 0x9d]],
    ['a dictionary', [0x78, 0xbb]],
    ['the reserved block type', [0x78, 0x9c, 0x07]],
    ['a stored block with another complement', [0x78, 0x9c, 0x01, 1, 0, 0xff, 0xff, 65]],
    ['a distance beyond the start', [0x78, 0x9c, 0x03 | (0b0001 << 3), 0x02, 0x00]],
  ])('%s', (_, start) => {
    expect(() => inflate(Uint8Array.from([...start, 0, 0, 0, 0, 0, 0]), 3)).toThrow(EncodingError);
  });

  test('a bomb stops at the announced size', () => {
    const bomb = deflateSync(new Uint8Array(50_000_000));
    expect(() => inflate(new Uint8Array(bomb), 1000)).toThrow(EncodingError);
  });
});

describe('encrypted contracts', () => {
  const contractPriv = new Uint8Array(32).fill(3);
  const mergePriv = new Uint8Array(32).fill(4);
  const nonce = new Uint8Array(24).fill(5);
  const pursePub = SERVER.crypto.eddsa.publicKey(new Uint8Array(32).fill(6));
  const keys = { contractPriv, pursePub };
  const contract = '{"amount":"EUR:1","summary":"Äpfel"}';

  test('are read by the other side; nobody else reads them', () => {
    const texts = fc.string({ unit: 'grapheme', maxLength: 300 }).filter((text) => !text.endsWith('\0'));
    const property = fc.property(texts, bytesOf(24), (text, anyNonce) => {
      for (const [writer, reader] of [SIDES, [...SIDES].reverse()] as [Side, Side][]) {
        const merge = writer.crypto.contract.encryptForMerge(keys, { mergePriv, contract: text }, anyNonce);
        expect(reader.crypto.contract.decryptForMerge(keys, merge)).toEqual({ mergePriv, contract: text });
        const deposit = writer.crypto.contract.encryptForDeposit(keys, text, anyNonce);
        expect(reader.crypto.contract.decryptForDeposit(keys, deposit)).toBe(text);
        expect(reader.crypto.contract.decryptForDeposit(keys, deposit.slice(32))).toBe(text);
        const attributes = writer.crypto.contract.encryptAttributes(new Uint8Array(64), text, anyNonce);
        expect(reader.crypto.contract.decryptAttributes(new Uint8Array(64), attributes)).toBe(text);
      }
    });
    fc.assert(property, { numRuns: 15 });
  });

  test('with a trailing NUL, as some wallets pack them, are read without it', () => {
    const { kdf, ecdh, contract: contracts } = SERVER.crypto;
    const text = utf8z(contract);
    const secret = ecdh.sharedWithEddsa(contractPriv, pursePub);
    const key = kdf.derive(32, { salt: nonce, ikm: secret, info: utf8('p2p-merge-contract') });
    const seal = (plaintext: Uint8Array) => concat(nonce, SERVER.primitives.secretbox.seal(plaintext, nonce, key));
    const packed = new Uint8Array(deflateSync(text));
    const merge = seal(concat(encodeU32(0), encodeU32(text.length), mergePriv, packed));
    expect(contracts.decryptForMerge(keys, merge)).toEqual({ mergePriv, contract });
    const wrong = [
      concat(encodeU32(1), encodeU32(text.length), mergePriv, packed),
      concat(encodeU32(0), encodeU32(text.length - 1), mergePriv, packed),
      concat(encodeU32(0), encodeU32(2 ** 31), mergePriv, packed),
      concat(encodeU32(0), encodeU32(text.length), mergePriv, new Uint8Array(deflateRawSync(text))),
      concat(encodeU32(0), encodeU32(2), mergePriv, deflate(Uint8Array.of(0xc3, 0x28))),
      new Uint8Array(5),
      new Uint8Array(),
    ];
    for (const plaintext of wrong)
      expect(() => contracts.decryptForMerge(keys, seal(plaintext))).toThrow(EncodingError);
  });

  test('that are altered, cut, of the other kind or for other keys are refused', () => {
    for (const { crypto } of SIDES) {
      const { encryptForMerge, decryptForMerge, encryptForDeposit, decryptForDeposit } = crypto.contract;
      const merge = encryptForMerge(keys, { mergePriv, contract }, nonce);
      const deposit = encryptForDeposit(keys, contract, nonce);
      for (let place = 0; place < merge.length; place += 7) {
        const altered = merge.slice();
        altered[place] = (altered[place] as number) ^ 0x80;
        expect(() => decryptForMerge(keys, altered)).toThrow(EncodingError);
        expect(() => decryptForMerge(keys, merge.slice(0, place))).toThrow(EncodingError);
        expect(() => decryptForDeposit(keys, deposit.slice(0, place))).toThrow(EncodingError);
      }
      expect(() => decryptForDeposit(keys, merge)).toThrow(EncodingError);
      expect(() => decryptForMerge(keys, deposit.slice(32))).toThrow(EncodingError);
      expect(() => decryptForMerge({ ...keys, contractPriv: mergePriv }, merge)).toThrow(EncodingError);
      expect(() => decryptForMerge({ ...keys, pursePub: new Uint8Array(32) }, merge)).toThrow(EncodingError);
      expect(() => encryptForMerge(keys, { mergePriv, contract }, nonce.slice(1))).toThrow(EncodingError);
      expect(() => encryptForMerge(keys, { mergePriv: nonce, contract }, nonce)).toThrow(EncodingError);
      expect(() => encryptForDeposit({ ...keys, contractPriv: nonce }, contract, nonce)).toThrow(EncodingError);
      expect(() => crypto.contract.encryptAttributes(nonce, contract, nonce)).toThrow(EncodingError);
    }
  });
});
