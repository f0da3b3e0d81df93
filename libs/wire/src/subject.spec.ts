import { encodeBase32 } from '@florin/encoding';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatSubject, parseSubject } from './subject.js';

const bytes = Uint8Array.from({ length: 32 }, (_, i) => (i * 37 + 11) % 256);
const other = Uint8Array.from({ length: 32 }, (_, i) => (i * 91 + 5) % 256);
const key = encodeBase32(bytes);
const reserve = { kind: 'reserve', key: bytes };
const kyc = { kind: 'kyc', key: bytes };

test.each([
  ['the key alone', key],
  ['in lower case', key.toLowerCase()],
  ['between words', `Taler top-up ${key} thank you`],
  ['in two pieces', `${key.slice(0, 35)} ${key.slice(35)}`],
  ['with hyphens every four characters', key.replace(/(.{4})(?=.)/g, '$1-')],
  ['over lines, with tabs', `${key.slice(0, 10)}\n\t${key.slice(10, 27)}\r\n${key.slice(27)}`],
  ['in pieces between words', `invoice 7 - ${key.slice(0, 26)} ${key.slice(26)} - bye`],
  ['in brackets', `(${key}).`],
  ['after a colon', `reserve:${key}`],
  ['twice the same', `${key} ${key}`],
])('a reserve key is found: %s', (_how, text) => {
  expect(parseSubject(text)).toEqual(reserve);
});

test.each([
  ['joined', `KYC${key}`],
  ['with a colon', `KYC:${key}`],
  ['with colon and blank', `kyc: ${key}`],
  ['blank before the colon', `KYC :${key}`],
  ['as a word', `please KYC ${key} now`],
  ['with a hyphen', `KYC-${key}`],
  ['in pieces', `KYC${key.slice(0, 20)} ${key.slice(20)}`],
  ['with a piece that together with KYC has the length of a key', `KYC ${key.slice(0, 49)} ${key.slice(49)}`],
])('KYC makes it an account key: %s', (_how, text) => {
  expect(parseSubject(text)).toEqual(kyc);
});

test.each([
  ['nothing', ''],
  ['words', 'rent for November'],
  ['a key that is one character short', key.slice(1)],
  ['a key that is one character long', `${key}0`],
  ['a key with a letter that base32 lacks the value of', `${key.slice(0, 30)}*${key.slice(31)}`],
  ['pieces with a comma between', `${key.slice(0, 30)},${key.slice(30)}`],
  ['filler bits that are not zero', `${key.slice(0, 51)}1`],
  ['two keys', `${key} ${encodeBase32(other)}`],
  ['a reserve key and the same for KYC', `${key} KYC:${key}`],
  ['a subject without end', `${key} ${'x'.repeat(1024)}`],
])('no single key: %s', (_how, text) => {
  expect(parseSubject(text)).toBeUndefined();
});

test('any key, cut anywhere, comes back from among words that are no key', () => {
  const anyKey = fc.uint8Array({ minLength: 32, maxLength: 32 });
  const cuts = fc.array(fc.tuple(fc.integer({ min: 1, max: 51 }), fc.constantFrom(' ', '-', '  ', ' - ', '\n')), {
    maxLength: 6,
  });
  // A word of one punctuated letter cannot become part of a key, whatever it stands beside.
  const words = fc.array(fc.stringMatching(/^[a-z]{1,8}[.,;!]$/), { maxLength: 4 });
  fc.assert(
    fc.property(
      anyKey,
      cuts,
      words,
      words,
      fc.constantFrom('reserve', 'kyc'),
      (anyBytes, places, before, after, kind) => {
        const text = [...encodeBase32(anyBytes)];
        for (const [place, separator] of places) text[place] = `${separator}${text[place]}`;
        const prefix = kind === 'kyc' ? 'KYC:' : '';
        const subject = [...before, `${prefix}${text.join('')}`, ...after.map((word) => `.${word}`)].join(' ');
        expect(parseSubject(subject)).toEqual({ kind, key: anyBytes });
      },
    ),
    { numRuns: 500 },
  );
});

test('what is found in any text is found in its own canonical form', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom('0', 'G', 'a', 'o', 'K', 'Y', 'C', ' ', '-', ':', '.'), maxLength: 130 }),
      (text) => {
        const found = parseSubject(text);
        if (found) expect(parseSubject(formatSubject(found))).toEqual(found);
      },
    ),
    { numRuns: 2000 },
  );
});

test('formatting refuses a key of another size', () => {
  expect(() => formatSubject({ kind: 'reserve', key: bytes.subarray(1) })).toThrow('32 bytes');
});
