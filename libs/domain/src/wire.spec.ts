import { describe, expect, test } from 'vitest';
import type { TransferEvent, WireEvent } from './events/wire.js';
import { specification } from './testing/specification.js';
import { bytesOf, eur } from './testing/values.js';
import { transfer, wireAccount } from './wire.js';

describe('what the bank credited', () => {
  const given = specification(wireAccount);
  const row = (row: bigint): WireEvent => ({ type: 'CreditBooked', row, kind: 'unusable', bankTime: 1, at: 1 });
  const last = { ask: ({ lastRow }: { lastRow: bigint }) => lastRow };

  test('goes on after the last row, which may skip numbers', () => {
    expect(given().ask(last.ask)).toBe(0n);
    expect(given(row(1n)).ask(last.ask)).toBe(1n);
    expect(given(row(7n), row(8n), row(2n ** 63n)).ask(last.ask)).toBe(2n ** 63n);
  });

  test('is known from its last row alone', () => {
    expect(wireAccount.restsOnLast).toBe(true);
    const [first, second] = [row(7n), row(9n)];
    const { initial, evolve } = wireAccount;
    expect(evolve(evolve(initial(), first), second)).toEqual(evolve(initial(), second));
  });

  test('is booked once and in order', () => {
    given(row(7n), row(7n)).thenImpossible(/row 7 was booked after 7/);
    given(row(7n), row(6n)).thenImpossible(/row 6 was booked after 7/);
    given(row(0n)).thenImpossible(/row 0 was booked after 0/);
  });
});

describe('an order to pay', () => {
  const given = specification(transfer);
  const requested: TransferEvent = {
    type: 'TransferRequested',
    requestUid: bytesOf('uid', 64),
    wtid: bytesOf('wtid', 32),
    amount: eur('4.9'),
    exchangeBaseUrl: 'https://exchange.example/',
    wireAccount: 'main',
    targetHash: bytesOf('target', 32),
    targetAccount: bytesOf('account', 32),
    sealedTarget: bytesOf('sealed', 40),
    reservePub: bytesOf('reserve', 32),
    closing: 1,
    attempt: 1,
    at: 1,
  };
  const confirmed: TransferEvent = { type: 'TransferConfirmed', bankRow: 3n, bankTime: 2, at: 2 };
  const rejected: TransferEvent = { type: 'TransferRejected', reason: 'no such account', at: 2 };
  const next = { nextRequestUid: bytesOf('next', 64), decidedBy: bytesOf('admin', 32), reason: 'x', at: 3 } as const;
  const failed = { type: 'TransferFailed', ...next } as TransferEvent;
  const redirected = { type: 'TransferRedirected', ...next, nextTargetHash: bytesOf('t', 32) } as TransferEvent;

  test.each<[string, TransferEvent[], TransferEvent?]>([
    ['none', []],
    ['requested', [requested]],
    ['confirmed', [requested, confirmed]],
    ['rejected', [requested, rejected]],
    ['replaced', [requested, rejected, failed], failed],
    ['replaced', [requested, rejected, redirected], redirected],
  ])('is %s', (status, history, decision) => {
    const state = given(...history).ask((it) => it);
    expect(state).toStrictEqual({ order: history.length > 0 ? requested : undefined, status, decision });
  });

  test.each([
    ['asked for twice', [requested, requested], /requested twice/],
    ['asked for again after its end', [requested, confirmed, requested], /requested twice/],
    ['confirmed before it was asked for', [confirmed], /is none was confirmed/],
    ['confirmed twice', [requested, confirmed, confirmed], /is confirmed was confirmed/],
    ['confirmed after the bank refused', [requested, rejected, confirmed], /is rejected was confirmed/],
    ['refused after it was paid', [requested, confirmed, rejected], /is confirmed was rejected/],
    ['refused twice', [requested, rejected, rejected], /is rejected was rejected/],
    ['given up while it may be paid', [requested, failed], /is requested was given up/],
    ['given up after it was paid', [requested, confirmed, redirected], /is confirmed was given up/],
    ['given up twice', [requested, rejected, failed, redirected], /is replaced was given up/],
  ])('is never %s', (_, history, message) => {
    given(...history).thenImpossible(message);
  });
});
