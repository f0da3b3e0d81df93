import { expect, test } from 'vitest';
import { ErrorCode, errorNameOf, httpStatusOf, type SentErrorCode } from './index.js';
import { type Row, readJson } from './vectors.support.js';

const table: Row[] = readJson('protocol/error-codes.json');
const BANK = [
  'BANK_UNKNOWN_ACCOUNT',
  'BANK_TRANSFER_REQUEST_UID_REUSED',
  'BANK_DUPLICATE_RESERVE_PUB_SUBJECT',
  'BANK_TRANSFER_WTID_REUSED',
];

test('every code of the table has its name, its number and the status that is sent', () => {
  for (const { code, name, http, c_http } of table) {
    expect(ErrorCode[name as keyof typeof ErrorCode]).toBe(code);
    expect(errorNameOf(code)).toBe(name);
    expect(httpStatusOf(code)).toBe(c_http ?? http);
  }
});

test('there are no others but those of the bank', () => {
  const names = new Set(table.map(({ name }) => name));
  expect(Object.keys(ErrorCode).filter((name) => !names.has(name))).toEqual(BANK);
  expect(new Set(Object.values(ErrorCode)).size).toBe(Object.keys(ErrorCode).length);
  expect(errorNameOf(4711)).toBeUndefined();
});

test('where the list and the exchange differ, the status of the exchange stands', () => {
  const sent = (code: SentErrorCode) => httpStatusOf(code);
  expect(sent(ErrorCode.EXCHANGE_GENERIC_KEYS_MISSING)).toBe(500);
  expect(sent(ErrorCode.EXCHANGE_GENERIC_DENOMINATION_VALIDITY_IN_FUTURE)).toBe(410);
  expect(sent(ErrorCode.EXCHANGE_GENERIC_INVALID_DENOMINATION_CIPHER_FOR_OPERATION)).toBe(404);
  expect(sent(ErrorCode.EXCHANGE_GENERIC_AML_OFFICER_GET_SIGNATURE_INVALID)).toBe(400);
  expect(sent(ErrorCode.EXCHANGE_WITHDRAW_NONCE_REUSE)).toBe(400);
  expect(sent(ErrorCode.EXCHANGE_RECOUP_NOT_ELIGIBLE)).toBe(410);
  expect(sent(ErrorCode.EXCHANGE_RECOUP_REFRESH_NOT_ELIGIBLE)).toBe(410);
  expect(sent(ErrorCode.EXCHANGE_PURSE_NOT_FULL)).toBe(402);
});

test('a code that only a client uses cannot be sent', () => {
  // @ts-expect-error nobody sends it
  expect(httpStatusOf(ErrorCode.EXCHANGE_WIRE_SIGNATURE_INVALID)).toBe(0);
});
