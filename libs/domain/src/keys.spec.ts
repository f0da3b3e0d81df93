import { describe, expect, test } from 'vitest';
import type { KeysEvent } from './events/keys.js';
import type { DenominationHash } from './events/names.js';
import {
  activeSigningKey,
  globalFeesAt,
  type KeyBook,
  keyBook,
  type OfferedDenomination,
  recoupableDenomination,
  usableDenomination,
  wireFeesAt,
} from './keys.js';
import { specification } from './testing/specification.js';
import { bytesOf, eur } from './testing/values.js';

const given = specification(keyBook);

const hashOf = (label: string): DenominationHash => bytesOf(`denomination ${label}`, 64);
const masterSignature = bytesOf<OfferedDenomination['masterSignature']>('master signature', 64);

/** From 100 on; coins are signed until 200 and spent until 300. */
const offered = (label: string): OfferedDenomination => ({
  type: 'DenominationOffered',
  denominationHash: hashOf(label),
  key: { cipher: 'CS', csPub: bytesOf(`key ${label}`, 32) },
  ageMask: 0,
  value: eur('1'),
  feeWithdraw: eur('0.01'),
  feeDeposit: eur('0.02'),
  feeRefresh: eur('0.03'),
  feeRefund: eur('0.04'),
  start: 100,
  expireWithdraw: 200,
  expireDeposit: 300,
  expireLegal: 400,
  masterSignature,
  at: 50,
});

const revoked = (label: string): KeysEvent => ({
  type: 'DenominationRevoked',
  denominationHash: hashOf(label),
  masterSignature,
  at: 60,
});

const configured = (over: object = {}): KeysEvent => ({
  type: 'ExchangeConfigured',
  masterPub: bytesOf('master', 32),
  currency: 'EUR',
  baseUrl: 'https://exchange.example/',
  roundUnit: eur('0.01'),
  reserveClosingDelayS: 100,
  legalDelayS: 1_000,
  at: 1,
  ...over,
});

describe('a denomination', () => {
  const use =
    (now: number, until: 'expireWithdraw' | 'expireDeposit' = 'expireWithdraw', label = 'a') =>
    (book: KeyBook) =>
      usableDenomination(book, hashOf(label), { now, until });
  const refusal = (code: string) => ({ code, denominationHash: hashOf('a') }) as never;

  test('is usable from its start until just before its end', () => {
    given(offered('a')).when(use(100)).thenAccepted(offered('a'));
    given(offered('a')).when(use(199)).thenAccepted(offered('a'));
    given(offered('a')).when(use(200, 'expireDeposit')).thenAccepted(offered('a'));
    given(offered('a')).when(use(299, 'expireDeposit')).thenAccepted(offered('a'));
  });

  test('is not yet valid before its start', () => {
    given(offered('a')).when(use(99)).thenRefused(refusal('DENOMINATION_NOT_YET_VALID'));
  });

  test('is expired from its end on', () => {
    given(offered('a')).when(use(200)).thenRefused(refusal('DENOMINATION_EXPIRED'));
    given(offered('a')).when(use(300, 'expireDeposit')).thenRefused(refusal('DENOMINATION_EXPIRED'));
  });

  test('is unknown when another was offered', () => {
    given(offered('b')).when(use(150)).thenRefused(refusal('DENOMINATION_UNKNOWN'));
    given(offered('b'), revoked('a')).when(use(150)).thenRefused(refusal('DENOMINATION_UNKNOWN'));
  });

  test('is revoked alone', () => {
    const history = [offered('a'), offered('b'), revoked('a')];
    given(...history)
      .when(use(150))
      .thenRefused(refusal('DENOMINATION_REVOKED'));
    given(...history)
      .when(use(150, 'expireWithdraw', 'b'))
      .thenAccepted(offered('b'));
  });

  test('that is wrong in several ways is refused in the order expired, not yet valid, revoked', () => {
    const both = { ...offered('a'), start: 250 };
    given(both, revoked('a')).when(use(200)).thenRefused(refusal('DENOMINATION_EXPIRED'));
    given(offered('a'), revoked('a')).when(use(99)).thenRefused(refusal('DENOMINATION_NOT_YET_VALID'));
  });
});

describe('a denomination whose coins are recouped', () => {
  const recoup = (now: number) => (book: KeyBook) => recoupableDenomination(book, hashOf('a'), now);
  const refusal = (code: string) => ({ code, denominationHash: hashOf('a') }) as never;

  test('is revoked, has begun and is still redeemed', () => {
    given(offered('a'), revoked('a')).when(recoup(100)).thenAccepted(offered('a'));
    given(offered('a'), revoked('a')).when(recoup(299)).thenAccepted(offered('a'));
  });

  test('is refused while it stands', () => {
    given(offered('a')).when(recoup(150)).thenRefused(refusal('DENOMINATION_NOT_REVOKED'));
    given(offered('a'), offered('b'), revoked('b')).when(recoup(150)).thenRefused(refusal('DENOMINATION_NOT_REVOKED'));
  });

  test('is refused in the order unknown, expired, not yet valid, not revoked', () => {
    given(revoked('a')).when(recoup(300)).thenRefused(refusal('DENOMINATION_UNKNOWN'));
    given({ ...offered('a'), start: 400 })
      .when(recoup(300))
      .thenRefused(refusal('DENOMINATION_EXPIRED'));
    given(offered('a'), revoked('a')).when(recoup(300)).thenRefused(refusal('DENOMINATION_EXPIRED'));
    given(offered('a')).when(recoup(99)).thenRefused(refusal('DENOMINATION_NOT_YET_VALID'));
    given(offered('a'), revoked('a')).when(recoup(99)).thenRefused(refusal('DENOMINATION_NOT_YET_VALID'));
  });
});

describe('the signing key of a moment', () => {
  const key = (label: string, start: number, expire: number): KeysEvent => ({
    type: 'SigningKeyOffered',
    exchangePub: bytesOf(label, 32),
    start,
    expire,
    end: expire + 100,
    masterSignature,
    at: 1,
  });
  const withdrawn = (label: string): KeysEvent => ({
    type: 'SigningKeyRevoked',
    exchangePub: bytesOf(label, 32),
    masterSignature,
    at: 2,
  });
  const active = (now: number) => (book: KeyBook) => activeSigningKey(book, now)?.exchangePub;
  const [a, b, c] = ['a', 'b', 'c'].map((label) => bytesOf(label, 32));
  const history = [key('a', 0, 100), key('b', 50, 150), key('c', 50, 120)];

  test.each([
    [0, a],
    [49, a],
    [50, b],
    [99, b],
    [149, b],
    [150, undefined],
  ])('at %i is the one that lasts longest', (now, pub) => {
    expect(given(...history).ask(active(now))).toBe(pub);
    expect(given(...history.toReversed()).ask(active(now))).toBe(pub);
  });

  test('is never a revoked one', () => {
    expect(given(...history, withdrawn('b')).ask(active(99))).toBe(c);
    expect(given(...history, withdrawn('b'), withdrawn('c')).ask(active(99))).toBe(a);
    expect(given(key('a', 0, 100), withdrawn('a')).ask(active(50))).toBeUndefined();
  });

  test('is the first offered of two that end together', () => {
    expect(given(key('a', 0, 100), key('b', 0, 100)).ask(active(50))).toBe(a);
  });
});

describe('fees', () => {
  const wireFees = (method: string, start: number, end: number, closingFee: bigint): KeysEvent => ({
    type: 'WireFeesSet',
    method,
    start,
    end,
    wireFee: 0n,
    closingFee,
    masterSignature,
    at: 1,
  });
  const globalFees = (start: number, end: number, purseFee: bigint): KeysEvent => ({
    type: 'GlobalFeesSet',
    start,
    end,
    historyFee: 0n,
    accountFee: 0n,
    purseFee,
    purseTimeoutUs: 1,
    historyExpirationUs: 1,
    purseAccountLimit: 1,
    masterSignature,
    at: 1,
  });

  test('of a wire method hold from their start until just before their end', () => {
    const history = [
      wireFees('iban', 100, 200, 1n),
      wireFees('iban', 200, 300, 2n),
      wireFees('x-taler-bank', 0, 900, 3n),
    ];
    const feeAt = (time: number, method = 'iban') =>
      given(...history).ask((book) => wireFeesAt(book, method, time)?.closingFee);
    expect([99, 100, 199, 200, 299, 300].map((time) => feeAt(time))).toStrictEqual([
      undefined,
      1n,
      1n,
      2n,
      2n,
      undefined,
    ]);
    expect([feeAt(100, 'x-taler-bank'), feeAt(100, 'void')]).toStrictEqual([3n, undefined]);
  });

  test('that depend on no denomination do so too', () => {
    const history = [globalFees(100, 200, 1n), globalFees(200, 300, 2n)];
    const feeAt = (time: number) => given(...history).ask((book) => globalFeesAt(book, time)?.purseFee);
    expect([99, 100, 199, 200, 299, 300].map(feeAt)).toStrictEqual([undefined, 1n, 1n, 2n, 2n, undefined]);
  });

  test('set last win', () => {
    const wire = given(wireFees('iban', 0, 900, 1n), wireFees('iban', 100, 200, 2n));
    expect(wire.ask((book) => [wireFeesAt(book, 'iban', 99), wireFeesAt(book, 'iban', 100)])).toMatchObject([
      { closingFee: 1n },
      { closingFee: 2n },
    ]);
    const global = given(globalFees(0, 900, 1n), globalFees(0, 900, 2n));
    expect(global.ask((book) => globalFeesAt(book, 1)?.purseFee)).toBe(2n);
  });
});

describe('the key book', () => {
  test('counts its events, and knows when the last change was', () => {
    const { revision, changedAt } = given(configured(), offered('a'), revoked('a'), configured()).ask((book) => book);
    expect({ revision, changedAt }).toStrictEqual({ revision: 4, changedAt: 60 });
    expect(given().ask((book) => [book.revision, book.changedAt])).toStrictEqual([0, 0]);
  });

  test('keeps its currency and its master key; other terms may change', () => {
    const moved = configured({ baseUrl: 'https://other.example/' });
    expect(given(configured(), moved).ask((book) => book.terms)).toBe(moved);
    given(configured(), configured({ currency: 'CHF' })).thenImpossible(/keeps its currency/);
    given(configured(), configured({ masterPub: bytesOf('other', 32) })).thenImpossible(/keeps its currency/);
  });

  test('holds the accounts that are enabled, by their URI', () => {
    const enabled = (paytoUri: string): KeysEvent => ({
      type: 'WireAccountEnabled',
      account: 'main',
      paytoUri,
      start: 1,
      masterSignatureAdd: masterSignature,
      masterSignatureWire: masterSignature,
      masterSignatureWireOld: masterSignature,
      at: 1,
    });
    const disabled = (paytoUri: string): KeysEvent => ({
      type: 'WireAccountDisabled',
      paytoUri,
      end: 2,
      masterSignature,
      at: 2,
    });
    const history = [enabled('payto://a'), enabled('payto://b'), disabled('payto://a')];
    expect(given(...history).ask((book) => [...book.accounts.keys()])).toStrictEqual(['payto://b']);
    const again = given(...history, enabled('payto://a'));
    expect(again.ask((book) => [...book.accounts.keys()])).toStrictEqual(['payto://b', 'payto://a']);
  });

  test('holds log keys, extensions and officers as they were last announced', () => {
    const logKey: KeysEvent = { type: 'LogKeyOffered', logPub: bytesOf('log', 32), start: 1, masterSignature, at: 1 };
    const extensions = (manifest: string): KeysEvent => ({ type: 'ExtensionsSet', manifest, masterSignature, at: 1 });
    const officer = (active: boolean): KeysEvent => ({
      type: 'OfficerEnrolled',
      officerPub: bytesOf('officer', 32),
      name: 'Ada',
      active,
      readOnly: false,
      changedAt: 1,
      masterSignature,
      at: 1,
    });
    const book = given(logKey, extensions('{}'), extensions('{"a":1}'), officer(true), officer(false)).ask((it) => it);
    expect(book.logKeys).toStrictEqual([logKey]);
    expect(book.extensions).toStrictEqual(extensions('{"a":1}'));
    expect([...book.officers]).toStrictEqual([[bytesOf('officer', 32), officer(false)]]);
  });
});
