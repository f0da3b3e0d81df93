import { MAX_UNITS, NEVER } from '@florin/encoding';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bytesOf } from '../testing/values.js';
import {
  amount,
  blob,
  byCipher,
  bytes,
  count,
  EventFormatError,
  type Field,
  flag,
  instant,
  type Json,
  list,
  object,
  oneOf,
  optional,
  text,
  u64,
} from './fields.js';

const decode = <Value>(field: Field<Value>, json: unknown): Value => field.decode(json as Json, 'EUR', 'it');
const encode = <Value>(field: Field<Value>, value: Value): Json => field.encode(value, 'EUR');

interface Example {
  readonly name: string;
  readonly field: Field<unknown>;
  /** Pairs of a value and how it is stored. */
  readonly stored: readonly (readonly [unknown, unknown])[];
  /** Near misses: what is stored nowhere. */
  readonly refused: readonly unknown[];
}

const KEY = bytesOf<string>('a key', 32);

const EXAMPLES: readonly Example[] = [
  {
    name: '32 bytes',
    field: bytes(32),
    stored: [[KEY, KEY]],
    // 51 and 53 letters; a filler bit (32 bytes leave four in the last letter); lower case; letters that are none.
    refused: [KEY.slice(1), `${KEY}0`, `${KEY.slice(0, -1)}1`, KEY.toLowerCase(), `U${KEY.slice(1)}`, `${KEY}\n`, ''],
  },
  {
    name: 'bytes of any number',
    field: blob(),
    stored: [
      ['', ''],
      ['00', '00'],
      ['ZW', 'ZW'],
      ['ZZZZZZZZ', 'ZZZZZZZZ'],
    ],
    refused: ['0', '000', '01', 'ZX', 'zw', 'IL', ' 00', 'ZZZZZZ'],
  },
  {
    name: 'text',
    field: text(),
    stored: [
      ['', ''],
      ['ä\n', 'ä\n'],
    ],
    refused: [1],
  },
  {
    name: 'one of some words',
    field: oneOf('request', 'expiration'),
    stored: [
      ['request', 'request'],
      ['expiration', 'expiration'],
    ],
    refused: ['', 'Request', 'request ', 'expirations'],
  },
  {
    name: 'an amount',
    field: amount(),
    stored: [
      [0n, 'EUR:0'],
      [1n, 'EUR:0.00000001'],
      [150_000_000n, 'EUR:1.5'],
      [MAX_UNITS, 'EUR:4503599627370496.99999999'],
    ],
    // Other ways to write an amount, another currency, too much, too fine.
    refused: [
      'EUR:1.50',
      'EUR:.5',
      ' EUR:1',
      'EUR:01',
      'EUR:1.',
      'EUR:1.0',
      'CHF:1',
      'eur:1',
      'EUR:-1',
      'EUR:4503599627370497',
      'EUR:0.000000001',
      'EUR:',
      '1',
      1,
    ],
  },
  {
    name: 'an instant',
    field: instant(),
    stored: [
      [0, 0],
      [2 ** 53 - 1, 2 ** 53 - 1],
      [NEVER, 'never'],
    ],
    refused: [-1, 1.5, 2 ** 53, 'forever', '1', NEVER],
  },
  {
    name: 'a count',
    field: count(),
    stored: [
      [0, 0],
      [2 ** 53 - 1, 2 ** 53 - 1],
    ],
    refused: [-1, 0.5, 2 ** 53, '1'],
  },
  {
    name: 'an unsigned number of 64 bits',
    field: u64(),
    stored: [
      [0n, '0'],
      [10n, '10'],
      [2n ** 64n - 1n, '18446744073709551615'],
    ],
    refused: ['18446744073709551616', '99999999999999999999', '00', '01', '-1', '1.0', '', ' 1', 1],
  },
  {
    name: 'a flag',
    field: flag(),
    stored: [
      [true, true],
      [false, false],
    ],
    refused: [0, 1, 'true'],
  },
  {
    name: 'a list',
    field: list(count()),
    stored: [
      [[], []],
      [
        [1, 2],
        [1, 2],
      ],
    ],
    refused: [[1, '2'], { 0: 1 }, 1],
  },
  {
    name: 'an object',
    field: object({ paid: amount(), until: optional(instant()) }),
    stored: [
      [{ paid: 1n }, { paid: 'EUR:0.00000001' }],
      [
        { paid: 0n, until: NEVER },
        { paid: 'EUR:0', until: 'never' },
      ],
    ],
    refused: [
      {},
      { until: 1 },
      { paid: 'EUR:0', until: null },
      { paid: 'EUR:0', more: 1 },
      { paid: 'EUR:0', until: 1, more: 1 },
      JSON.parse('{"paid":"EUR:0","__proto__":{"until":1}}'),
      ['EUR:0'],
      'EUR:0',
    ],
  },
  {
    name: 'one of two objects by cipher',
    field: byCipher({ signature: blob() }, { b: count() }),
    stored: [
      [
        { cipher: 'RSA', signature: '00' },
        { cipher: 'RSA', signature: '00' },
      ],
      [
        { cipher: 'CS', b: 1 },
        { cipher: 'CS', b: 1 },
      ],
    ],
    refused: [
      { cipher: 'CS', signature: '00' },
      { cipher: 'RSA', b: 1 },
      { cipher: 'RSA', signature: '00', b: 1 },
      { cipher: 'DSA', b: 1 },
      { cipher: 'constructor', b: 1 },
      { signature: '00' },
      ['RSA'],
      'RSA',
    ],
  },
];

describe.each(EXAMPLES)('$name', ({ field, stored, refused }) => {
  test.each(stored)('%s is stored as %j and comes back', (value, json) => {
    expect(encode(field, value)).toStrictEqual(json);
    expect(decode(field, json)).toStrictEqual(value);
  });

  test.each([...refused, null, undefined].map((json) => [json]))('%s is stored nowhere', (json) => {
    expect(() => decode(field, json)).toThrow(EventFormatError);
  });
});

describe('what a fault says', () => {
  const field = object({ coins: list(object({ paid: amount() })), note: optional(text()) });

  test('names the place, what belongs there and what was found', () => {
    const faultOf = (json: unknown): unknown => {
      try {
        return decode(field, json);
      } catch (error) {
        return (error as Error).message;
      }
    };
    expect(faultOf({ coins: [{ paid: 'EUR:1' }, { paid: 1.5 }] })).toBe(
      'it.coins[1].paid: expected an amount, got 1.5',
    );
    expect(faultOf({ coins: [{ paid: 'CHF:1' }] })).toBe('it.coins[0].paid: expected an amount in EUR, got string');
    expect(faultOf({ coins: [{}] })).toBe('it.coins[0].paid: expected a value, got undefined');
    expect(faultOf({ coins: [], extra: 1 })).toBe('it: expected only coins, note, got {"coins":[],"extra":1}');
    expect(faultOf({ coins: [null] })).toBe('it.coins[0]: expected an object, got null');
  });

  test('never shows a text, which may be a secret, nor more than 40 characters', () => {
    expect(() => decode(bytes(32), 'secret')).toThrow(/^it: expected 32 bytes in base32, got string$/);
    expect(() => decode(count(), [1, 2, '3'.repeat(100)])).toThrow(/got .{40}$/);
  });

  test('a required member that is missing is not written', () => {
    expect(() => encode(field, {} as never)).toThrow(new EventFormatError('coins is missing'));
  });
});

test('what is canonical base32 of n bytes is what encoding n bytes gives', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...'0123456789ABCDEFGHJKMNPQRSTVWXYZ'), maxLength: 20 }), (text) => {
      const size = Math.floor((text.length * 5) / 8);
      const bits = [...text].map((letter) => '0123456789ABCDEFGHJKMNPQRSTVWXYZ'.indexOf(letter));
      const filler = text.length * 5 - size * 8;
      const canonical = filler < 5 && (bits.at(-1) ?? 0) % 2 ** filler === 0;
      const accepted = (() => {
        try {
          return decode(bytes(size), text) === text;
        } catch {
          return false;
        }
      })();
      expect(accepted).toBe(canonical);
    }),
  );
});
