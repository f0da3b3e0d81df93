import { ErrorCode } from '@florin/encoding';
import { DamagedStore, StoreUnavailable, TooManyConflicts } from '@florin/event-store';
import { ViewsBehind, ViewsStopped } from '@florin/projections';
import { SignersBusy } from '@florin/signing';
import { expect, test } from 'vitest';
import { refusalOf } from './error-filter.js';

test.each([
  [new ViewsStopped('the views have stopped'), ErrorCode.GENERIC_DB_FETCH_FAILED],
  [new ViewsBehind('the views are behind'), ErrorCode.GENERIC_DB_FETCH_FAILED],
  [new StoreUnavailable('away'), ErrorCode.GENERIC_DB_COMMIT_FAILED],
  [new SignersBusy('too much'), ErrorCode.EXCHANGE_DENOMINATION_HELPER_UNAVAILABLE],
])('%s is answered with 503, and when to come again', (error, code) => {
  const refusal = refusalOf(error);
  expect({ status: refusal.status, code: refusal.code }).toEqual({ status: 503, code });
  expect(refusal.options.headers?.['Retry-After']).toMatch(/^[1-9][0-9]*$/);
});

test('what is a fault, or was decided against by others, is 500', () => {
  expect(refusalOf(new DamagedStore('rot')).status).toBe(500);
  expect(refusalOf(new TypeError('a mistake of ours')).status).toBe(500);
  expect(refusalOf(new TooManyConflicts('again')).options.headers).toEqual({ 'Retry-After': '1' });
});

test('a fault keeps its words for the log', () => {
  expect(JSON.stringify(refusalOf(new TypeError('undefined is not a function')))).not.toContain('undefined');
});
