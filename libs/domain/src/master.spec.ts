import { describe, test } from 'vitest';
import type { KeysEvent } from './events/keys.js';
import { keyBook } from './keys.js';
import {
  decideExtensions,
  decideGlobalFees,
  decideLogKey,
  decideOfficer,
  decideSigningKeyRevocation,
  decideWireAccount,
  decideWireAccountEnd,
  decideWireFees,
} from './master.js';
import { specification } from './testing/specification.js';
import { bytesOf, eur } from './testing/values.js';

type Of<Type extends KeysEvent['type']> = Extract<KeysEvent, { type: Type }>;

const given = specification(keyBook);
const masterSignature = bytesOf<Of<'SigningKeyRevoked'>['masterSignature']>('master signature', 64);
const PAYTO = 'payto://iban/DE75512108001245126199?receiver-name=E';

const enabled = (start: number): Of<'WireAccountEnabled'> => ({
  type: 'WireAccountEnabled',
  account: 'main',
  paytoUri: PAYTO,
  start,
  masterSignatureAdd: masterSignature,
  masterSignatureWire: masterSignature,
  at: 1,
});
const disabled = (end: number): Of<'WireAccountDisabled'> => ({
  type: 'WireAccountDisabled',
  paytoUri: PAYTO,
  end,
  masterSignature,
  at: 1,
});

describe('an account', () => {
  const enable = (start: number) => (book: Parameters<typeof decideWireAccount>[0]) =>
    decideWireAccount(book, enabled(start));
  const disable = (end: number) => (book: Parameters<typeof decideWireAccountEnd>[0]) =>
    decideWireAccountEnd(book, disabled(end));
  const moreRecent = (changedAt: number) => ({ code: 'WIRE_ACCOUNT_MORE_RECENT', changedAt }) as const;

  test('is enabled, and the same request changes nothing', () => {
    given().when(enable(10)).thenAccepted(enabled(10));
    given(enabled(10)).when(enable(10)).thenRepeated(undefined);
    given(enabled(10)).when(enable(11)).thenAccepted(enabled(11));
  });

  test('is not taken back to what was signed earlier', () => {
    given(enabled(10)).when(enable(9)).thenRefused(moreRecent(10));
    given(enabled(10)).when(disable(9)).thenRefused(moreRecent(10));
    given(enabled(10), disabled(20)).when(disable(19)).thenRefused(moreRecent(20));
    given(enabled(10), disabled(20)).when(enable(10)).thenRefused(moreRecent(20));
    given(enabled(10), disabled(20)).when(enable(20)).thenRefused(moreRecent(20));
    given(enabled(10), disabled(20)).when(enable(21)).thenAccepted(enabled(21));
  });

  test('is disabled from the second on at which it began', () => {
    given(enabled(10)).when(disable(10)).thenAccepted(disabled(10));
    given(enabled(10), disabled(20)).when(disable(20)).thenRepeated(undefined);
    given(enabled(10), disabled(20)).when(disable(21)).thenAccepted(disabled(21));
    given().when(disable(20)).thenRefused({ code: 'WIRE_ACCOUNT_UNKNOWN', paytoUri: PAYTO });
  });
});

describe('fees of a wire method', () => {
  const fees = (start: number, end: number, over: Partial<Of<'WireFeesSet'>> = {}): Of<'WireFeesSet'> => ({
    type: 'WireFeesSet',
    method: 'iban',
    start,
    end,
    wireFee: eur('0.01'),
    closingFee: eur('0.02'),
    masterSignature,
    at: 1,
    ...over,
  });
  const set = (wanted: Of<'WireFeesSet'>) => (book: Parameters<typeof decideWireFees>[0]) =>
    decideWireFees(book, wanted);
  const conflict = { code: 'WIRE_FEES_CONFLICT' } as const;

  test('hold for a time of their own, for each method', () => {
    given(fees(10, 20))
      .when(set(fees(20, 30)))
      .thenAccepted(fees(20, 30));
    given(fees(10, 20))
      .when(set(fees(0, 10)))
      .thenAccepted(fees(0, 10));
    given(fees(10, 20))
      .when(set(fees(10, 20, { method: 'x-taler-bank' })))
      .thenAccepted(fees(10, 20, { method: 'x-taler-bank' }));
    given(fees(10, 20))
      .when(set(fees(19, 30)))
      .thenRefused(conflict);
    given(fees(10, 20))
      .when(set(fees(0, 11)))
      .thenRefused(conflict);
  });

  test('of a time that has some are those, or are refused', () => {
    given(fees(10, 20))
      .when(set(fees(10, 20, { at: 9 })))
      .thenRepeated(undefined);
    given(fees(10, 20))
      .when(set(fees(10, 20, { wireFee: eur('0.02') })))
      .thenRefused(conflict);
    given(fees(10, 20))
      .when(set(fees(10, 20, { closingFee: 0n })))
      .thenRefused(conflict);
  });
});

describe('global fees', () => {
  const fees = (start: number, end: number, over: Partial<Of<'GlobalFeesSet'>> = {}): Of<'GlobalFeesSet'> => ({
    type: 'GlobalFeesSet',
    start,
    end,
    historyFee: eur('0'),
    accountFee: eur('1'),
    purseFee: eur('0.1'),
    purseTimeoutUs: 1,
    historyExpirationUs: 2,
    purseAccountLimit: 3,
    masterSignature,
    at: 1,
    ...over,
  });
  const set = (wanted: Of<'GlobalFeesSet'>) => (book: Parameters<typeof decideGlobalFees>[0]) =>
    decideGlobalFees(book, wanted);
  const conflict = { code: 'GLOBAL_FEES_CONFLICT' } as const;

  test('hold for a time of their own', () => {
    given(fees(10, 20))
      .when(set(fees(20, 30)))
      .thenAccepted(fees(20, 30));
    given(fees(10, 20))
      .when(set(fees(19, 30)))
      .thenRefused(conflict);
    given(fees(10, 20))
      .when(set(fees(10, 20, { masterSignature })))
      .thenRepeated(undefined);
  });

  test('of a time that has some are refused when they differ in anything', () => {
    const differing = [
      { historyFee: 1n },
      { accountFee: 1n },
      { purseFee: 1n },
      { purseTimeoutUs: 9 },
      { historyExpirationUs: 9 },
      { purseAccountLimit: 9 },
    ];
    for (const over of differing)
      given(fees(10, 20))
        .when(set(fees(10, 20, over)))
        .thenRefused(conflict);
  });
});

describe('officers, extensions, log keys, signing keys', () => {
  const officer = (changedAt: number, active = true): Of<'OfficerEnrolled'> => ({
    type: 'OfficerEnrolled',
    officerPub: bytesOf('officer', 32),
    name: 'Ada',
    active,
    readOnly: false,
    changedAt,
    masterSignature,
    at: 1,
  });

  test('an officer is as the newest signature says', () => {
    given()
      .when((book) => decideOfficer(book, officer(5)))
      .thenAccepted(officer(5));
    given(officer(5))
      .when((book) => decideOfficer(book, officer(5)))
      .thenRepeated(undefined);
    given(officer(5))
      .when((book) => decideOfficer(book, officer(6, false)))
      .thenAccepted(officer(6, false));
    const refusal = { code: 'OFFICER_MORE_RECENT', changedAt: 5 } as const;
    given(officer(5))
      .when((book) => decideOfficer(book, officer(4, false)))
      .thenRefused(refusal);
    given(officer(5))
      .when((book) => decideOfficer(book, officer(5, false)))
      .thenRefused(refusal);
  });

  test('what is so already is a repeat', () => {
    const set: Of<'ExtensionsSet'> = { type: 'ExtensionsSet', manifest: '{}', masterSignature, at: 1 };
    given()
      .when((book) => decideExtensions(book, set))
      .thenAccepted(set);
    given(set)
      .when((book) => decideExtensions(book, set))
      .thenRepeated(undefined);

    const log: Of<'LogKeyOffered'> = {
      type: 'LogKeyOffered',
      logPub: bytesOf('log', 32),
      start: 1,
      masterSignature,
      at: 1,
    };
    given()
      .when((book) => decideLogKey(book, log))
      .thenAccepted(log);
    given(log)
      .when((book) => decideLogKey(book, { ...log, start: 2 }))
      .thenRepeated(undefined);
  });

  test('a signing key is revoked once, if it was ever offered', () => {
    const exchangePub = bytesOf<Of<'SigningKeyRevoked'>['exchangePub']>('online', 32);
    const offer: KeysEvent = {
      type: 'SigningKeyOffered',
      exchangePub,
      start: 1,
      expire: 2,
      end: 3,
      masterSignature,
      at: 1,
    };
    const revocation: Of<'SigningKeyRevoked'> = { type: 'SigningKeyRevoked', exchangePub, masterSignature, at: 1 };
    const revoke = (book: Parameters<typeof decideSigningKeyRevocation>[0]) =>
      decideSigningKeyRevocation(book, revocation);
    given().when(revoke).thenRefused({ code: 'SIGNING_KEY_UNKNOWN', exchangePub });
    given(offer).when(revoke).thenAccepted(revocation);
    given(offer, revocation).when(revoke).thenRepeated(undefined);
  });
});
