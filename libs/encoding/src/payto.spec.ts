import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  EncodingError,
  encodeBase32,
  ibanFault,
  normalizePayto,
  parsePayto,
  parseReservePayto,
  reservePayto,
  validatePayto,
} from './index.js';

const IBAN = 'DE75512108001245126199';
const key = Uint8Array.from({ length: 32 }, (_, i) => i);

describe('account URIs', () => {
  test('are taken apart without decoding', () => {
    const uri =
      'PAYTO://X-Taler-Bank/bank.example.com:8082/path/Alice?Receiver-Name=A+B%20C&x&amount=EUR:1&receiver-name=D';
    const payto = parsePayto(uri);
    expect(payto).toEqual({
      uri,
      method: 'x-taler-bank',
      segments: ['bank.example.com:8082', 'path', 'Alice'],
      account: 'Alice',
      parameters: new Map([
        ['receiver-name', 'A+B%20C'],
        ['amount', 'EUR:1'],
      ]),
      receiverName: 'A+B%20C',
    });
  });

  test('a value keeps its later question and equals signs', () => {
    expect(parsePayto('payto://foo/bar?a=b=c?d&e=').parameters).toEqual(
      new Map([
        ['a', 'b=c?d'],
        ['e', ''],
      ]),
    );
  });

  test.each([
    ['', 'another scheme'],
    ['payto:/x-taler-bank/localhost/42', 'another scheme'],
    [' payto://foo/bar', 'another scheme'],
    ['payto://foo', 'no / after the method'],
    ['payto:///bar', 'no method'],
    ['payto://f?o/bar', 'no method'],
    ['payto://foo/b ar', 'a character that is not allowed at position 13'],
    ['payto://foo/bar\n', 'a character that is not allowed at position 15'],
    ['payto://foo/bär', 'a character that is not allowed at position 13'],
    ['payto://foo/bar#x', 'a character that is not allowed at position 15'],
    [`payto://iban/${IBAN}`, 'no receiver-name'],
    [`payto://iban/${IBAN}?receiver-nam=x`, 'no receiver-name'],
    ['payto://iban/?receiver-name=x', 'an IBAN of 0 characters'],
    [`payto://iban/${IBAN}/?receiver-name=x`, 'an IBAN of 0 characters'],
    [`payto://iban/${IBAN}0?receiver-name=x`, 'an IBAN with wrong check digits'],
    ['payto://x-taler-bank/localhost/42', 'no receiver-name'],
    ['payto://x-taler-bank/localhost?receiver-name=x', 'no account after the host'],
    ['payto://x-taler-bank/localhost/?receiver-name=x', 'no account after the host'],
    ['payto://x-taler-bank//42?receiver-name=x', 'no host name'],
    ['payto://x-taler-bank/local_host/42?receiver-name=x', 'no host name'],
    ['payto://x-taler-bank/localhost:/42?receiver-name=x', 'no host name'],
    ['payto://x-taler-bank/localhost:80a/42?receiver-name=x', 'no host name'],
    ['payto://x-taler-bank/localhost:0/42?receiver-name=x', 'a port that is none'],
    ['payto://x-taler-bank/localhost:65536/42?receiver-name=x', 'a port that is none'],
  ])('%j is refused', (uri, reason) => {
    expect(validatePayto(uri)).toBe(reason);
    expect(() => parsePayto(uri)).toThrow(`expected a payto URI, got ${reason}`);
  });

  test.each([
    'payto://foo/',
    'payto://void/x?y',
    `payto://iban/${IBAN}?receiver-name=`,
    `payto://iban/SOGEDEFFXXX/${IBAN.toLowerCase()}?receiver-name=A`,
    'payto://x-taler-bank/localhost:65535/42?receiver-name=x',
    'payto://x-taler-bank/a/b/c/d?receiver-name=x',
    "payto://foo/AZaz09/:$&!-_.,;=*+%~@()[]?'".slice(0, -1),
  ])('%j is accepted', (uri) => {
    expect(validatePayto(uri)).toBeUndefined();
  });

  test('what is no text is refused', () => {
    for (const value of [undefined, null, 5, ['payto://foo/bar']]) {
      expect(() => parsePayto(value as never)).toThrow(EncodingError);
    }
  });
});

describe('IBAN', () => {
  test.each([
    ['GB29NWBK60161331926819', undefined],
    ['gb29 nwbk 6016 1331 9268 19', undefined],
    ['NO9386011117947', undefined],
    ['MT84MALT011000012345MTLCAST001S', undefined],
    ['HN88CABF00000000000250005469', undefined],
    ['GB29NWBK60161331926818', 'an IBAN with wrong check digits'],
    ['GB2', 'an IBAN of 3 characters'],
    [`GB29${'0'.repeat(31)}`, 'an IBAN of 35 characters'],
    ['US12345678', 'an IBAN of an unknown country'],
    ['GB29-NWBK-6016', 'an IBAN with other characters than letters and digits'],
    ['GBXX00000000', 'an IBAN with other characters than letters and digits'],
    ['GB29ÄÖ', 'an IBAN with other characters than letters and digits'],
  ])('%s: %s', (iban, fault) => {
    expect(ibanFault(iban)).toBe(fault);
  });

  test('one changed digit or two swapped neighbours are always found', () => {
    const changed = fc.tuple(fc.integer({ min: 2, max: IBAN.length - 1 }), fc.integer({ min: 1, max: 9 }));
    fc.assert(
      fc.property(changed, ([position, step]) => {
        const [before, digit, next = ''] = [IBAN.slice(0, position), IBAN[position], IBAN[position + 1]];
        const other = (Number(digit) + step) % 10;
        expect(ibanFault(before + other + IBAN.slice(position + 1))).toMatch('check digits');
        const swapped = before + next + digit + IBAN.slice(position + 2);
        if (swapped !== IBAN) expect(ibanFault(swapped)).toMatch('check digits');
      }),
    );
  });
});

describe('normalised form', () => {
  test.each([
    [`PAYTO://IBAN/sogedeffxxx/${IBAN.toLowerCase()}?receiver-name=Alice`, `payto://iban/${IBAN}`],
    [`payto://iban/${IBAN}`, `payto://iban/${IBAN}`],
    [
      'PayTo://X-TALER-Bank/Bank.Example.COM:80/Path/Alice?receiver-name=A',
      'payto://x-taler-bank/bank.example.com:80/Path/Alice',
    ],
    ['payto://X-taler-bank/LOCALHOST', 'payto://x-taler-bank/localhost'],
    ['payto://UPI/Alice@Example?x=Y', 'payto://upi/alice@example'],
    ['payto://ilp/G.Acme.Bob', 'payto://ilp/g.acme.bob'],
    [
      'PAYTO://Bitcoin/1BoatSLRHtKNngkdXEeobR76b53LETtpyT?amount=BTC:1',
      'payto://bitcoin/1BoatSLRHtKNngkdXEeobR76b53LETtpyT',
    ],
    ['payto://Other/Bar?x', 'payto://Other/Bar'],
    [
      `payto://taler-reserve/Example.com/${encodeBase32(key)}`,
      `payto://taler-reserve/Example.com/${encodeBase32(key)}`,
    ],
  ])('%s', (uri, normalized) => {
    expect(normalizePayto(uri)).toBe(normalized);
    expect(normalizePayto(normalized)).toBe(normalized);
  });

  test('what is no payto URI has none', () => {
    for (const uri of ['', 'iban/DE', 'payto://iban', 'payto://foo/ä']) {
      expect(() => normalizePayto(uri)).toThrow(EncodingError);
    }
  });
});

describe('accounts of reserves', () => {
  const anyBaseUrl = fc
    .tuple(
      fc.constantFrom('http', 'https'),
      fc.constantFrom('localhost', 'exchange.example.com', '[::1]', '10.0.0.1'),
      fc.option(fc.integer({ min: 1, max: 65_535 })),
      fc.array(fc.stringMatching(/^[A-Za-z0-9._~-]{1,8}$/), { maxLength: 3 }),
    )
    .map(
      ([scheme, host, port, path]) =>
        `${scheme}://${host}${port ? `:${port}` : ''}/${path.map((p) => `${p}/`).join('')}`,
    );

  test('round trip, and always a valid account', () => {
    fc.assert(
      fc.property(anyBaseUrl, fc.uint8Array({ minLength: 32, maxLength: 32 }), (exchangeBaseUrl, reservePub) => {
        const uri = reservePayto(exchangeBaseUrl, reservePub);
        expect(validatePayto(uri)).toBeUndefined();
        expect(normalizePayto(uri)).toBe(uri);
        expect(parseReservePayto(uri)).toEqual({ exchangeBaseUrl, reservePub });
      }),
    );
  });

  test.each([
    '',
    'https://e',
    'ftp://e/',
    'https:///',
    'https://e/x',
    'https://e/?x/',
    'https://e/x#/',
    'https://e f/',
    'e/',
  ])('%j is no base URL', (url) => {
    expect(() => reservePayto(url, key)).toThrow(EncodingError);
  });

  test('a key of another size is refused', () => {
    for (const size of [0, 31, 33]) expect(() => reservePayto('https://e/', new Uint8Array(size))).toThrow('32 bytes');
  });

  test.each([
    `payto://taler-reserve/e/${encodeBase32(key)}?receiver-name=x`,
    `payto://taler-reserve/e/${encodeBase32(key)}/`,
    `payto://taler-reserve/e/${encodeBase32(key).slice(1)}`,
    `payto://taler-reserve/${encodeBase32(key)}`,
    `payto://taler-reserve//${encodeBase32(key)}`,
    `payto://taler-reserve/e@f/${encodeBase32(key)}`,
    `payto://iban/${IBAN}`,
    `payto://taler-reserve-ftp/e/${encodeBase32(key)}`,
    `https://e/${encodeBase32(key)}`,
  ])('%s is no account of a reserve', (uri) => {
    expect(() => parseReservePayto(uri)).toThrow(EncodingError);
  });
});
