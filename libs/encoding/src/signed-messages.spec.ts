import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EncodingError, type FieldMap, fromHex, type Layout, MESSAGES, message, PURPOSE, record } from './index.js';
import { sizeOf, word8 } from './layout.js';
import { HASHED_RECORDS } from './messages-exchange.js';
import { FLORIN_MESSAGES, FLORIN_PURPOSE } from './messages-florin.js';
import { UNVERIFIED_PURPOSES } from './purposes.js';
import { type Row, readJson } from './vectors.support.js';

const KINDS: Readonly<Record<string, string>> = {
  AmountNBO: 'amount',
  TimestampNBO: 'timestamp',
  RelativeTimeNBO: 'duration',
  u32be: 'u32',
  AgeMask: 'u32',
  AgeMaskNBO: 'u32',
  u64be: 'u64',
  u8: 'u8',
  'char[8]': 'word8',
  DenomFeeSetNBOP: 'denomination-fees',
  GlobalFeeSetNBOP: 'global-fees',
  WireFeeSetNBOP: 'wire-fees',
};

/** Fields that the table gives another type than the recorded bytes show. */
const OTHER_KINDS: Readonly<Record<string, string>> = {
  'AgeWithdrawRequest2023.maxAgeGroup': 'u32-little-endian',
};

const table: Row[] = readJson('protocol/signatures.json');
const layouts: [string, Layout][] = Object.entries(MESSAGES);
const hash = new Uint8Array(64).fill(0xab);
const key = new Uint8Array(32).fill(0xcd);
const eur = (units: bigint) => ({ currency: 'EUR', units });

describe('the layouts and the table of the protocol', () => {
  const matched = new Set<string>();

  table
    .filter(({ purpose }) => purpose !== null)
    .forEach((entry) => {
      test(`${entry.purpose_name.replace('TALER_SIGNATURE_', '')}, ${entry.variant}`, () => {
        const names = fieldNames(entry);
        const found = layouts.filter(
          ([, layout]) =>
            entry.purpose_name === `TALER_SIGNATURE_${layout.purposeName}` &&
            Object.keys(layout.fields).join() === names.join(),
        );
        expect(found.length).toBe(1);
        const [name, layout] = found[0] as [string, Layout];
        expect(layout.purpose).toBe(entry.purpose);
        expect(layout.purposeVerified).toBe(entry.purpose_verified);
        expect(layout.size).toBe(entry.size);
        expectFields(name, layout.fields, entry);
        matched.add(name);
      });
    });

  test('every layout but our own stands in the table, and every entry was looked at', () => {
    expect(table.length).toBe(87);
    const ours = Object.keys(FLORIN_MESSAGES);
    expect(layouts.map(([name]) => name).filter((name) => !matched.has(name))).toEqual(ours);
    expect(matched.size).toBe(86);
  });

  test('the record that is only hashed', () => {
    const [entry] = table.filter(({ purpose }) => purpose === null);
    expect(entry.name).toBe('TALER_WireDepositDetailP');
    expect(Object.keys(HASHED_RECORDS.WireDepositDetail)).toEqual(fieldNames(entry));
    expect(sizeOf(HASHED_RECORDS.WireDepositDetail)).toBe(entry.size);
    expectFields('WireDepositDetail', HASHED_RECORDS.WireDepositDetail, entry);
  });

  test('purposes without a layout are the old and the test ones', () => {
    const used = new Set(layouts.map(([, layout]) => layout.purposeName));
    expect(Object.keys(PURPOSE).filter((name) => !used.has(name))).toEqual([
      'EXCHANGE_RESERVE_STATUS',
      'MERCHANT_PAY_SESSION',
      'CLIENT_TEST_EDDSA',
      'EXCHANGE_TEST_EDDSA',
    ]);
    expect(UNVERIFIED_PURPOSES.size).toBe(16);
  });

  test('our own purposes lie outside of the protocol and are distinct', () => {
    const own = Object.values(FLORIN_PURPOSE);
    expect(new Set(own).size).toBe(own.length);
    for (const purpose of own) expect(purpose).toBeGreaterThan(Math.max(...Object.values(PURPOSE)) + 1_000_000);
  });
});

describe('packing', () => {
  test('header, then the fields without gaps', () => {
    const bytes = message('PurseMerge', { mergeTimestamp: 1, pursePub: key, hPayto: new Uint8Array(32) });
    expect(bytes).toEqual(fromHex(`00000050000004bd00000000000f4240${'cd'.repeat(32)}${'00'.repeat(32)}`));
  });

  test('our log key structure', () => {
    const bytes = message('LogKeyValidity', { logPub: key, start: Number.POSITIVE_INFINITY });
    expect(bytes).toEqual(fromHex(`0000003000463891${'cd'.repeat(32)}${'ff'.repeat(8)}`));
  });

  test('a record has no header', () => {
    const fields = { hContractTerms: hash, executionTime: 0, coinPub: key, depositValue: eur(1n), depositFee: eur(2n) };
    const bytes = record('WireDepositDetail', fields);
    expect(bytes.length).toBe(152);
    expect(bytes.subarray(0, 64)).toEqual(hash);
  });

  test('absent hashes are zeros of the full size, and only where the layout says so', () => {
    const signed = message('ReserveClose', { requestTimestamp: 0, targetAccountHPayto: undefined });
    expect(signed.subarray(8)).toEqual(new Uint8Array(40));
    // @ts-expect-error a purse key cannot be absent
    const unsigned = () => message('PurseMerge', { mergeTimestamp: 0, pursePub: undefined, hPayto: key });
    expect(unsigned).toThrow('expected 32 bytes as pursePub of PurseMerge, got nothing');
  });

  test('words of eight bytes are cut or filled', () => {
    const operationOf = (operation: string) =>
      String.fromCharCode(
        ...message('DenominationExpiredAffirmation', { timestamp: 0, operation, hDenomPub: hash }).subarray(16, 24),
      );
    expect(operationOf('PURSE CREATE')).toBe('PURSE CR');
    expect(operationOf('MELT')).toBe('MELT\0\0\0\0');
    expect(operationOf('WITHDRAW')).toBe('WITHDRAW');
    const target = new Uint8Array(12);
    word8.write(target, 2, 'PURSE CREATE');
    expect([target[1], target[9], target[10]]).toEqual([0, 'R'.charCodeAt(0), 0]);
    for (const wrong of ['', 'MÄLT', 'A\0']) expect(() => operationOf(wrong)).toThrow('printable ASCII as operation');
  });

  test('fees are written in the order of the protocol, not of the object', () => {
    const fees = { closing: eur(1n), wire: eur(2n) };
    const bytes = message('MasterWireFee', { hWireMethod: hash, startDate: 0, endDate: 0, fees });
    expect([bytes[88 + 11], bytes[88 + 24 + 11]]).toEqual([2, 1]);
  });

  test('numbers out of their range are refused with structure and field', () => {
    const status = { changeDate: 0, officerPub: key, hOfficerName: hash };
    for (const isActive of [-1, 1.5, 2 ** 32, Number.NaN]) {
      expect(() => message('MasterAmlOfficerStatus', { ...status, isActive })).toThrow(
        'expected an unsigned integer of 32 bits as isActive of MasterAmlOfficerStatus',
      );
    }
    for (const startOff of [-1n, 2n ** 64n]) {
      expect(() => message('ReserveHistoryRequest', { startOff })).toThrow('64 bits as startOff');
    }
    const withdraw = { reservePub: key, amountWithFee: eur(1n), hCommitment: hash, mask: 0 };
    for (const maxAgeGroup of [-1, 256, 0.5]) {
      expect(() => message('AgeWithdrawRequest', { ...withdraw, maxAgeGroup })).toThrow('8 bits as maxAgeGroup');
    }
    expect(message('AgeWithdrawRequest', { ...withdraw, maxAgeGroup: 255 }).at(-1)).toBe(255);
  });

  test('byte fields of another length, and texts in their place, are refused', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 130 }), (hDenomPub) => {
        fc.pre(hDenomPub.length !== 64);
        expect(() => message('MasterDenominationKeyRevocation', { hDenomPub })).toThrow(EncodingError);
      }),
    );
    // @ts-expect-error base32 text is not bytes
    expect(() => message('MasterDenominationKeyRevocation', { hDenomPub: '00'.repeat(64) })).toThrow(EncodingError);
  });

  test('a packed message depends on every field', () => {
    const fields = { amountWithFee: eur(5n), hDenominationPub: hash, hCoinEnvelope: hash };
    const packed = message('WithdrawRequest', fields);
    expect(message('WithdrawRequest', { ...fields, amountWithFee: eur(6n) })).not.toEqual(packed);
    expect(message('WithdrawRequest', { ...fields, hDenominationPub: new Uint8Array(64) })).not.toEqual(packed);
    expect(message('WithdrawRequest', { ...fields, hCoinEnvelope: new Uint8Array(64) })).not.toEqual(packed);
    expect(message('WithdrawRequest', fields)).toEqual(packed);
  });

  test('wrong, missing and additional fields do not compile', () => {
    // @ts-expect-error no such structure
    expect(() => message('PurseMake', {})).toThrow();
    // @ts-expect-error missing field
    expect(() => message('LogKeyValidity', { logPub: key })).toThrow(EncodingError);
    // @ts-expect-error misspelt field
    expect(() => message('LogKeyValidity', { logPub: key, begin: 1 })).toThrow(EncodingError);
    // @ts-expect-error a field that may be absent must still be named
    expect(() => message('ReserveClose', { requestTimestamp: 1 })).not.toThrow();
    // @ts-expect-error additional field
    expect(() => message('LogKeyValidity', { logPub: key, start: 1, end: 2 })).not.toThrow();
    // @ts-expect-error a structure without fields
    expect(() => message('PurseDelete', { pursePub: key })).not.toThrow();
    // @ts-expect-error an amount is not a text
    expect(() => message('AccountSetupRequest', { threshold: 'EUR:1' })).toThrow(EncodingError);
    const fees = { wire: eur(1n) };
    // @ts-expect-error one fee is missing
    const wireFee = () => message('MasterWireFee', { hWireMethod: hash, startDate: 0, endDate: 0, fees });
    expect(wireFee).toThrow(EncodingError);
  });
});

function fieldNames(entry: Row): string[] {
  return entry.fields
    .map(({ name }: Row) => name.replace(/_([a-z])/g, (_: string, letter: string) => letter.toUpperCase()))
    .filter((name: string) => name !== 'purpose');
}

function expectFields(name: string, fields: FieldMap, entry: Row): void {
  const described = entry.fields.filter((field: Row) => field.name !== 'purpose');
  Object.entries(fields).forEach(([field, { kind, size }], i) => {
    expect(size).toBe(described[i].bytes);
    expect(kind).toBe(OTHER_KINDS[`${name}.${field}`] ?? KINDS[described[i].type] ?? 'bytes');
  });
}
