import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  canonicalJson,
  contractJson,
  EncodingError,
  JsonReal,
  type JsonValue,
  parseJson,
  utf8,
  utf8z,
} from './index.js';

const never = () => expect.unreachable('nothing is forgettable here');
const plain = (value: JsonValue): unknown => JSON.parse(canonicalJson(value));

const { anyJson } = fc.letrec<{ anyJson: JsonValue }>((tie) => ({
  anyJson: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom(null, true, false),
    fc.maxSafeInteger(),
    fc.string({ unit: 'grapheme' }),
    fc.array(tie('anyJson'), { maxLength: 4 }),
    fc.dictionary(fc.string({ unit: 'binary' }).filter(hashable), tie('anyJson'), {
      maxKeys: 5,
      noNullPrototype: false,
    }),
  ),
}));

describe('reading', () => {
  test('agrees with JSON.parse where that loses nothing', () => {
    fc.assert(
      fc.property(anyJson, fc.constantFrom(undefined, 1, '\t'), (value, indentation) => {
        const text = JSON.stringify(value, null, indentation);
        expect(plain(parseJson(text))).toEqual(JSON.parse(text));
      }),
    );
  });

  test('keeps what JSON.parse loses', () => {
    expect(parseJson('[1.0,1,10e-1,-0.0]')).toEqual([new JsonReal(1), 1, new JsonReal(1), new JsonReal(-0)]);
    expect(parseJson('9007199254740991')).toBe(9007199254740991);
    expect(parseJson('9007199254740993')).toBe(9007199254740993n);
    expect(parseJson('[9223372036854775807,-9223372036854775808]')).toEqual([2n ** 63n - 1n, -(2n ** 63n)]);
    expect(Object.is(parseJson('-0'), 0)).toBe(true);
  });

  test('member names of Object.prototype are members like others', () => {
    const value = parseJson('{"__proto__":{"a":1},"constructor":2,"hasOwnProperty":3}');
    expect(canonicalJson(value)).toBe('{"__proto__":{"a":1},"constructor":2,"hasOwnProperty":3}');
    expect(({} as { a?: number }).a).toBeUndefined();
  });

  test.each(
    [
      ['', ' ', '{', '[', '"', '}', '[1,]', '[,1]', '{"a":1,}', '{"a"}', '{"a":}', '{a:1}', "{'a':1}", '[1 2]', '1 1'],
      ['nul', 'True', 'NaN', 'Infinity', '+1', '01', '1.', '.5', '-', '1e', '0x1', '1_0', '--1', '[1]x', '// x\n1'],
      ['"\n"', '"\t"', '"\0"', '"\\x"', '"\\u12"', '"\\u12g4"', '"\\"', '\ufeff1', '\u00a01'],
    ].flat(),
  )('%j is refused, as JSON.parse does', (text) => {
    expect(() => JSON.parse(text)).toThrow();
    expect(() => parseJson(text)).toThrow(EncodingError);
  });

  test.each([
    ['{"a":1,"b":2,"a":1}', 'a member named twice'],
    ['{"a":1,"\\u0061":1}', 'a member named twice'],
    ['{"\\u0000":1}', 'a NUL character'],
    ['"\\ud800"', 'a lone surrogate'],
    ['"\\udc00\\ud800"', 'a lone surrogate'],
    ['"\ud800"', 'a lone surrogate'],
    ['{"\\udfff":1}', 'a lone surrogate'],
    ['9223372036854775808', 'a larger one'],
    ['-9223372036854775809', 'a larger one'],
    ['1e400', 'a larger one'],
    ['['.repeat(3000) + ']'.repeat(3000), 'deeper nesting'],
  ])('%j is refused, although JSON.parse takes it', (text, got) => {
    expect(() => JSON.parse(text)).not.toThrow();
    expect(() => parseJson(text)).toThrow(got);
  });

  test('surrogates that pair up over escapes are one character', () => {
    expect(parseJson('"\\ud83d\\ude00"')).toBe('😀');
  });

  test('long and deep input is read without trouble', () => {
    const long = 'x'.repeat(2_000_000);
    expect(parseJson(`["${long}"]`)).toEqual([long]);
    expect(canonicalJson(parseJson('['.repeat(2000) + ']'.repeat(2000)))).toBe('['.repeat(2000) + ']'.repeat(2000));
  });

  test('what is no text is refused', () => {
    for (const value of [undefined, null, 5, {}]) expect(() => parseJson(value as never)).toThrow(EncodingError);
  });
});

describe('canonical text', () => {
  test('is a fixed point of reading and writing', () => {
    fc.assert(
      fc.property(anyJson, (value) => {
        const text = canonicalJson(value);
        expect(canonicalJson(parseJson(text))).toBe(text);
        expect(contractJson(parseJson(text), never)).toBe(contractJson(value, never));
      }),
    );
  });

  test('does not depend on the order of members, which is that of their UTF-8 bytes', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.string({ unit: 'binary' }).filter(hashable)), (names) => {
        const object = Object.fromEntries(names.map((name) => [name, 0]));
        const reversed = Object.fromEntries([...names].reverse().map((name) => [name, 0]));
        expect(canonicalJson(object)).toBe(canonicalJson(reversed));
        const written = canonicalJson(object).slice(1, -1).split(':0').filter(Boolean);
        const sorted = [...names].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
        expect(written.map((part) => JSON.parse(part.replace(/^,/, '')))).toEqual(sorted);
      }),
    );
  });

  test('the two texts differ in the case of escapes only', () => {
    const all = String.fromCharCode(...Array.from({ length: 0x80 }, (_, code) => code));
    const escaped = (digits: (code: number) => string) =>
      [...all]
        .map((character, code) => {
          const short = { '\b': '\\b', '\t': '\\t', '\n': '\\n', '\f': '\\f', '\r': '\\r', '"': '\\"', '\\': '\\\\' };
          return short[character as never] ?? (code < 0x20 ? `\\u00${digits(code)}` : character);
        })
        .join('');
    expect(canonicalJson(all)).toBe(`"${escaped((code) => code.toString(16).padStart(2, '0').toUpperCase())}"`);
    expect(contractJson(all, never)).toBe(`"${escaped((code) => code.toString(16).padStart(2, '0'))}"`);
  });

  test.each([
    ['1.0', '1.0'],
    ['1.50', '1.5'],
    ['-0.0', '-0.0'],
    ['1e2', '100.0'],
    ['0.1', '0.10000000000000001'],
    ['0.0001', '0.0001'],
    ['0.00012207031250', '0.0001220703125'],
    ['0.000030517578125', '3.0517578125e-5'],
    ['1e16', '10000000000000000.0'],
    ['1e17', '1e17'],
    ['123456789.125', '123456789.125'],
    ['-2.5e-300', '-2.5e-300'],
    ['1e300', '1.0000000000000001e300'],
    ['986983490268783.6', '986983490268783.62'],
    ['319795474877935.6', '319795474877935.62'],
    ['1788616977869967.2', '1788616977869967.2'],
    ['1.7976931348623157e308', '1.7976931348623157e308'],
    ['5e-324', '4.9406564584124654e-324'],
    ['0e5', '0.0'],
  ])('the real %s is written %s', (text, written) => {
    expect(canonicalJson(parseJson(text))).toBe(written);
    expect(() => contractJson(parseJson(`[${text}]`), never)).toThrow('integers only in a contract');
  });

  test('values of JavaScript', () => {
    expect(canonicalJson({ b: 1.5, a: [10n, -0, true, null] })).toBe('{"a":[10,0,true,null],"b":1.5}');
    const wrong = [
      undefined,
      Number.NaN,
      Number.POSITIVE_INFINITY,
      2 ** 53,
      2n ** 63n,
      () => 1,
      Symbol.iterator,
      '\ud800',
    ];
    for (const value of wrong) {
      expect(() => canonicalJson(value as never)).toThrow(EncodingError);
      expect(() => canonicalJson({ member: value } as never)).toThrow(EncodingError);
    }
    expect(() => contractJson({ r: 1.5 }, never)).toThrow('integers only');
  });
});

describe('forgettable members', () => {
  const marker = (byte: number) => new Uint8Array(64).fill(byte);

  test('inner ones come first, salt and text reach the hash function', () => {
    const terms = parseJson(
      '{"$forgettable":{"b":"S1"},"a":[{"$forgettable":{},"x":1}],' +
        '"b":{"$forgettable":{"c":"S2"},"c":"\\u001f","d":[1]}}',
    );
    const calls: [Uint8Array, Uint8Array][] = [];
    const text = contractJson(terms, (salt, value) => {
      calls.push([salt, value]);
      return marker(calls.length);
    });
    const inner = `{"$forgotten":{"c":"${base32Of(1)}"},"d":[1]}`;
    expect(calls).toEqual([
      [utf8('S2'), utf8z('"\\u001f"')],
      [utf8('S1'), utf8z(inner)],
    ]);
    expect(text).toBe(`{"$forgotten":{"b":"${base32Of(2)}"},"a":[{"x":1}]}`);
  });

  test('a member that was forgotten before keeps its hash', () => {
    const hashed = () => marker(1);
    const before = contractJson({ a: 'x', b: 1, $forgettable: { a: 'SALT', b: 'PEPPER' } }, hashed);
    const after = contractJson({ b: 1, $forgettable: { b: 'PEPPER' }, $forgotten: { a: base32Of(1) } }, hashed);
    expect(after).toBe(before);
  });

  test('salts of members that are not there do not matter', () => {
    expect(contractJson({ a: 1, $forgettable: { z: 'S' } }, never)).toBe('{"a":1}');
    expect(contractJson({ constructor: 1, $forgettable: {} }, never)).toBe('{"constructor":1}');
  });

  test('what cannot be meant is refused', () => {
    const hashed = () => marker(1);
    for (const $forgettable of [[], 'a', null, { a: 5 }, { a: null }]) {
      expect(() => contractJson({ a: 1, $forgettable }, hashed)).toThrow(EncodingError);
    }
    expect(() => contractJson({ a: 1, $forgettable: { a: 'S' }, $forgotten: { a: 'H' } }, hashed)).toThrow('both');
    expect(() => contractJson({ a: 1.5, $forgettable: { a: 'S' } }, hashed)).toThrow('integers only');
  });

  test('the plain hash knows nothing of them', () => {
    expect(canonicalJson({ a: 1, $forgettable: { a: 'S' } })).toBe('{"$forgettable":{"a":"S"},"a":1}');
  });

  function base32Of(byte: number): string {
    const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
    const bits = byte.toString(2).padStart(8, '0').repeat(64).padEnd(515, '0');
    const groups = bits.match(/.{5}/g) ?? [];
    return groups.map((group) => alphabet[Number.parseInt(group, 2)]).join('');
  }
});

/** Names that can be hashed: well-formed, without NUL; and not `__proto__`, which the generator would set as such. */
function hashable(name: string): boolean {
  return !/[\ud800-\udfff]/u.test(name) && !name.includes('\0') && name !== '__proto__';
}
