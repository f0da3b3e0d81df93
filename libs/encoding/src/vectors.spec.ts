import { describe, expect, test } from 'vitest';
import {
  AmountOverflow,
  addAmounts,
  CurrencyMismatch,
  canonicalBase32,
  canonicalJson,
  compareAmounts,
  contractJson,
  decodeAmount,
  decodeBase32,
  durationJson,
  EncodingError,
  encodeAmount,
  encodeBase32,
  encodeDuration,
  encodeTimestamp,
  formatAmount,
  fromHex,
  fromUtf8,
  ibanFault,
  NegativeAmount,
  parseAmount,
  parseDuration,
  parseJson,
  parsePayto,
  parseReservePayto,
  parseTimestamp,
  reservePayto,
  subtractAmounts,
  timestampJson,
  toHex,
  utf8,
  utf8z,
  validatePayto,
} from './index.js';
import { kdf64, type Row, readJson, sha512 } from './vectors.support.js';

/*
 * Every row of the vector files that are about encodings. A row is run by the check of its name; a name without a check
 * fails. Where the build behind the vectors differs from what we implement, the row stands in DIFFERENCES with the
 * reason: its `theirs` must be what the file says and `ours` what we do, so a difference that is none fails as well.
 */

type Check = (row: Row) => void;

const CHECKS: Record<string, Record<string, Check>> = {
  'crockford.json': {
    encode: ({ len, hex, b32 }) => {
      const bytes = fromHex(hex);
      expect(bytes.length).toBe(len);
      expect(encodeBase32(bytes)).toBe(b32);
      expect(decodeBase32(b32)).toEqual(bytes);
      expect(decodeBase32(b32.toLowerCase(), len)).toEqual(bytes);
      expect(canonicalBase32(b32.toLowerCase(), len)).toBe(b32);
    },
    decode: ({ input_hex, out_len, ok, result }) => {
      const text = fromUtf8(fromHex(input_hex));
      if (ok) expect(toHex(decodeBase32(text, out_len))).toBe(result);
      else expect(() => decodeBase32(text, out_len)).toThrow(EncodingError);
    },
  },
  'amounts.json': {
    parse: ({ input, ok, amount, to_string, json_any_ok, json_EUR_ok }) => {
      if (!ok) return expect(() => parseAmount(input)).toThrow(EncodingError);
      expect(json_any_ok).toBe(true);
      const parsed = parseAmount(input);
      expect(parsed).toEqual(amountOf(amount));
      expect(formatAmount(parsed)).toBe(to_string);
      expect(toHex(encodeAmount(parsed))).toBe(amount.nbo);
      if (json_EUR_ok) expect(parseAmount(input, 'EUR')).toEqual(parsed);
      else expect(() => parseAmount(input, 'EUR')).toThrow(CurrencyMismatch);
    },
    nbo: ({ amount }) => {
      expect(toHex(encodeAmount(parseAmount(amount.string)))).toBe(amount.nbo);
      expect(formatAmount(decodeAmount(fromHex(amount.nbo)))).toBe(amount.string);
    },
    add: ({ a, b, rc, result }) => {
      const sum = () => addAmounts(parseAmount(a), parseAmount(b));
      if (rc >= 0) return expect(toHex(encodeAmount(sum()))).toBe(result.nbo);
      expect(sum).toThrow(rc === -2 ? AmountOverflow : CurrencyMismatch);
    },
    subtract: ({ a, b, rc, result }) => {
      const difference = () => subtractAmounts(parseAmount(a), parseAmount(b));
      if (rc >= 0) return expect(toHex(encodeAmount(difference()))).toBe(result.nbo);
      expect(difference).toThrow(rc === -1 ? NegativeAmount : CurrencyMismatch);
    },
    cmp: ({ a, b, result }) => expect(compareAmounts(parseAmount(a), parseAmount(b))).toBe(result),
  },
  'time.json': {
    timestamp: ({ ts, json }) => {
      expect(toHex(encodeTimestamp(parseTimestamp(json)))).toBe(ts.nbo);
      expect(timestampJson(parseTimestamp(json))).toEqual(json);
    },
    relative: ({ rel, json }) => {
      expect(toHex(encodeDuration(parseDuration(json)))).toBe(rel.nbo);
      expect(durationJson(parseDuration(json))).toEqual(json);
    },
    parse_timestamp: ({ input, ok, ts }) => {
      if (!ok) return expect(() => parseTimestamp(JSON.parse(input))).toThrow(EncodingError);
      expect(timestampJson(parseTimestamp(JSON.parse(input)))).toEqual({ t_s: ts.t_s });
      expect(toHex(encodeTimestamp(parseTimestamp(JSON.parse(input))))).toBe(ts.nbo);
    },
    parse_relative: ({ input, ok, rel }) => {
      if (!ok) return expect(() => parseDuration(JSON.parse(input))).toThrow(EncodingError);
      expect(toHex(encodeDuration(parseDuration(JSON.parse(input))))).toBe(rel.nbo);
    },
  },
  'payto.json': {
    payto: ({ uri, valid, h_payto, method, subject, receiver_name, xtalerbank_account }) => {
      expect(toHex(sha512(utf8z(uri)).subarray(0, 32))).toBe(h_payto.hex);
      expect(validatePayto(uri) === undefined).toBe(valid);
      if (!valid) return expect(() => parsePayto(uri)).toThrow(EncodingError);
      const payto = parsePayto(uri);
      expect(payto.method).toBe(method.toLowerCase());
      expect(payto.receiverName ?? null).toBe(receiver_name);
      expect(payto.parameters.get('subject') ?? null).toBe(subject);
      if (xtalerbank_account !== null) expect(payto.account).toBe(xtalerbank_account);
    },
    reserve_make_payto: ({ exchange_url, reserve_pub, payto_uri, h_payto }) => {
      const reservePub = fromHex(reserve_pub.hex);
      expect(reservePayto(exchange_url, reservePub)).toBe(payto_uri);
      expect(parseReservePayto(payto_uri)).toEqual({ exchangeBaseUrl: exchange_url, reservePub });
      expect(toHex(sha512(utf8z(payto_uri)).subarray(0, 32))).toBe(h_payto.hex);
    },
    iban_validate: ({ iban, valid }) => expect(ibanFault(iban) === undefined).toBe(valid),
    merchant_wire_hash: ({ payto_uri, wire_salt, h_wire }) => {
      const info = utf8('merchant-wire-signature');
      expect(toHex(kdf64(decodeBase32(wire_salt.b32, 16), utf8z(payto_uri), info))).toBe(h_wire.hex);
    },
  },
  'contract_hash.json': {
    contract_hash: ({ input, json_parse_ok, ok, hash, TALER_json_hash, jansson_compact_sorted }) => {
      expect(json_parse_ok).toBe(true);
      const value = parseJson(input);
      expect(canonicalJson(value)).toBe(jansson_compact_sorted);
      expect(toHex(sha512(utf8(canonicalJson(value))))).toBe(TALER_json_hash.hex);
      const text = () => contractJson(value, (salt, member) => kdf64(salt, member, new Uint8Array()));
      if (ok) expect(toHex(sha512(utf8z(text())))).toBe(hash.hex);
      else expect(text).toThrow(EncodingError);
    },
  },
};

const CURRENCY = 'currencies are A to Z only (HEAD); the build took any bytes and ignored case';
const RECEIVER = 'x-taler-bank needs a query with receiver-name (HEAD)';

interface Difference {
  readonly reason: string;
  readonly theirs: (row: Row) => boolean;
  readonly ours: Check;
}

const refusedAmount: Difference = {
  reason: CURRENCY,
  theirs: (row) => row.ok,
  ours: ({ input }) => expect(() => parseAmount(input)).toThrow(EncodingError),
};
const refusedOperand: Difference = {
  reason: CURRENCY,
  theirs: (row) => row.name === 'cmp' || row.rc >= 0,
  ours: ({ b }) => expect(() => parseAmount(b)).toThrow(EncodingError),
};
const refusedBankAccount: Difference = {
  reason: RECEIVER,
  theirs: (row) => row.valid,
  ours: ({ uri }) => expect(validatePayto(uri)).toBe('no receiver-name'),
};
const acceptedIban = (reason: string): Difference => ({
  reason,
  theirs: (row) => !row.valid,
  ours: ({ iban }) => expect(ibanFault(iban)).toBeUndefined(),
});

/** By file and by what identifies the row: its input, and its operation where two rows share one. */
const DIFFERENCES: Record<string, Record<string, Difference>> = {
  'amounts.json': {
    'parse eur:1': refusedAmount,
    'parse Eur:2.5': refusedAmount,
    'parse A1:1': refusedAmount,
    'parse EUR-X:1': refusedAmount,
    'parse EUR/X:3': refusedAmount,
    'parse :1': refusedAmount,
    'parse EUR :1': refusedAmount,
    'parse E UR:1': refusedAmount,
    'add EUR:1 eur:1': refusedOperand,
    'subtract EUR:1 eur:1': refusedOperand,
    'cmp EUR:1 eur:1': refusedOperand,
  },
  'payto.json': {
    'payto payto://x-taler-bank/localhost/42': refusedBankAccount,
    'payto payto://x-taler-bank/42': refusedBankAccount,
    'payto payto://iban/DE75512108001245126199?receiver-name=A%20B': {
      reason: 'the percent sign is allowed (HEAD)',
      theirs: (row) => !row.valid,
      ours: ({ uri }) => expect(parsePayto(uri).receiverName).toBe('A%20B'),
    },
    'iban_validate de75512108001245126199': acceptedIban('the country may be in lower case (HEAD)'),
    'iban_validate DE75 5121 0800 1245 1261 99': acceptedIban('blanks are removed (HEAD)'),
  },
};

for (const [file, checks] of Object.entries(CHECKS)) {
  describe(file, () => {
    const { count, vectors } = readJson(file);
    const differences = DIFFERENCES[file] ?? {};
    const executed = new Set<Row>();

    vectors.forEach((row: Row, index: number) => {
      const label = labelOf(row);
      const difference = differences[label];
      test(`${index} ${label}${difference ? ` differs: ${difference.reason}` : ''}`, () => {
        const check = checks[row.name];
        if (check === undefined) throw new Error(`no check for rows named ${row.name}`);
        if (difference === undefined) check(row);
        else {
          expect(difference.theirs(row)).toBe(true);
          difference.ours(row);
        }
        executed.add(row);
      });
    });

    test('every row was executed or is a listed difference', () => {
      expect(vectors.length).toBe(count);
      expect(vectors.filter((row: Row) => !executed.has(row))).toEqual([]);
      expect(Object.keys(differences).filter((label) => !vectors.some((row: Row) => labelOf(row) === label))).toEqual(
        [],
      );
    });
  });
}

function labelOf({ name, input, hex, uri, iban, a, b, amount, input_hex, payto_uri, json }: Row): string {
  const subject = input ?? uri ?? iban ?? (a && `${a} ${b}`) ?? amount?.string ?? payto_uri ?? hex ?? input_hex;
  return `${name} ${subject ?? JSON.stringify(json)}`;
}

function amountOf({ currency, value, fraction }: Row) {
  return { currency, units: BigInt(value) * 100_000_000n + BigInt(fraction) };
}
