/** The proof in a 409/1150: entries that add up to the balance, each signed by whoever it binds. */
import { decodeBase32, encodeBase32, message } from '@florin/encoding';
import { expect } from 'vitest';
import type { Json } from './http.js';
import { CURRENCY, units } from './offers.js';
import { isSigned, oracle } from './oracle.js';
import { reserveBytes } from './reserves.js';

export interface Entry extends Json {
  readonly type: string;
}

const money = (text: unknown) => ({ currency: CURRENCY, units: units(String(text)) });
const seconds = (json: unknown): number => (json as { t_s: number }).t_s;

/**
 * Checks every entry and that together they give `balance`.
 * @returns the entries
 */
export function expectHistory(body: Json, reservePub: string, signingKeys: ReadonlySet<string>): Entry[] {
  const entries = body.history as Entry[];
  const reserve = { pub: reservePub };
  let balance = 0n;
  for (const entry of entries) {
    switch (entry.type) {
      case 'CREDIT':
        expectMembers(entry, 'amount', 'sender_account_url', 'timestamp', 'wire_reference');
        balance += money(entry.amount).units;
        break;
      case 'WITHDRAW':
        expectWithdrawal(entry, reservePub);
        balance -= money(entry.amount).units;
        break;
      case 'CLOSE': {
        const signed = message('ReserveClose', {
          requestTimestamp: seconds(entry.request_timestamp),
          targetAccountHPayto: entry.h_payto === undefined ? undefined : decodeBase32(String(entry.h_payto), 32),
        });
        expect(isSigned(signed, entry.reserve_sig, reservePub)).toBe(true);
        break;
      }
      case 'CLOSING':
        expectClosing(entry, reserve, signingKeys);
        balance -= money(entry.amount).units;
        break;
      default:
        throw new Error(`an entry of type ${entry.type}`);
    }
  }
  expect(units(String(body.balance))).toBe(balance);
  expectGrouped(entries.map(({ type }) => type));
  return entries;
}

function expectMembers(entry: Entry, ...members: string[]): void {
  expect(Object.keys(entry).sort()).toEqual([...members, 'type'].sort());
}

function expectWithdrawal(entry: Entry, reservePub: string): void {
  expectMembers(entry, 'amount', 'h_coin_envelope', 'h_denom_pub', 'reserve_sig', 'withdraw_fee');
  const signed = message('WithdrawRequest', {
    amountWithFee: money(entry.amount),
    hDenominationPub: decodeBase32(String(entry.h_denom_pub), 64),
    hCoinEnvelope: decodeBase32(String(entry.h_coin_envelope), 64),
  });
  expect(isSigned(signed, entry.reserve_sig, reservePub)).toBe(true);
  expect(money(entry.withdraw_fee).units).toBeLessThan(money(entry.amount).units);
}

function expectClosing(entry: Entry, reserve: { pub: string }, signingKeys: ReadonlySet<string>): void {
  const account = String(entry.receiver_account_details);
  const members = ['amount', 'closing_fee', 'exchange_pub', 'exchange_sig', 'receiver_account_details'];
  expectMembers(entry, ...members, 'h_payto', 'timestamp', 'wtid');
  expect(entry.h_payto).toBe(encodeBase32(oracle.hash.fullPayto(account)));
  const signed = message('ReserveCloseConfirmation', {
    timestamp: seconds(entry.timestamp),
    closingAmount: money(entry.amount),
    closingFee: money(entry.closing_fee),
    reservePub: reserveBytes(reserve),
    hPayto: oracle.hash.fullPayto(account),
    wtid: decodeBase32(String(entry.wtid), 32),
  });
  expect([...signingKeys]).toContain(entry.exchange_pub);
  expect(isSigned(signed, entry.exchange_sig, entry.exchange_pub)).toBe(true);
}

/** Entries of a type stand together. */
function expectGrouped(types: readonly string[]): void {
  const runs = types.filter((type, index) => type !== types[index - 1]);
  expect(runs).toEqual([...new Set(types)]);
}
