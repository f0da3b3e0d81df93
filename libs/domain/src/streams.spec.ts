import { describe, expect, test } from 'vitest';
import type { NonceEvent } from './events/account.js';
import { EventCodec } from './events/catalogue.js';
import type { AccountHash, CoinPub, DenominationHash, HashCode, PursePub, ReservePub } from './events/names.js';
import { Streams, sessionNonce } from './streams.js';
import { specification } from './testing/specification.js';
import { bytesOf } from './testing/values.js';

const codec = new EventCodec('EUR');
const streams = new Streams('florin', codec);
const key = bytesOf<ReservePub & PursePub & CoinPub & AccountHash & HashCode>('key', 32);
const denominationHash: DenominationHash = bytesOf('denomination', 64);
const used: NonceEvent = {
  type: 'NonceUsed',
  envelopeHash: bytesOf('envelope', 64),
  reservePub: bytesOf('reserve', 32),
  at: 1,
};

describe('a stream', () => {
  test.each([
    ['reserve', streams.reserve(key), `florin.reserve-${key}`],
    ['purse', streams.purse(key), `florin.purse-${key}`],
    ['coin', streams.coin(key), `florin.coin-${key}`],
    ['account', streams.account(key), `florin.account-${key}`],
    ['wire', streams.wire('main-account'), 'florin.wire-main-account'],
    ['transfer', streams.transfer(key), `florin.transfer-${key}`],
    ['nonce', streams.nonce(denominationHash, key), `florin.nonce-${denominationHash}.${key}`],
    ['keys', streams.keys(), 'florin.keys'],
  ])('of category %s is named', (category, stream, name) => {
    expect([stream.category, stream.name]).toStrictEqual([category, name]);
  });

  test('of another instance has another name', () => {
    expect(new Streams('other', codec).reserve(key).name).toBe(`other.reserve-${key}`);
  });

  test('takes events as they are stored, signed ones marked', () => {
    const nonce = streams.nonce(denominationHash, key);
    const events = [codec.encode(used)];
    expect(nonce.append(used)).toStrictEqual({ stream: nonce.name, events, commitOnly: false });
    expect(nonce.appendSigned(used, used)).toStrictEqual({
      stream: nonce.name,
      events: [...events, ...events],
      commitOnly: true,
    });
  });

  test('reads back what it stores, and folds it', () => {
    const nonce = streams.nonce(denominationHash, key);
    const [stored] = nonce.append(used).events;
    const event = stored && nonce.decode(stored);
    expect(event).toStrictEqual(used);
    expect(nonce.evolve(nonce.initial(), used)).toStrictEqual({ usedBy: used.envelopeHash });
  });

  test('does not read what belongs to another category', () => {
    const [stored] = streams.nonce(denominationHash, key).append(used).events;
    expect(() => stored && streams.reserve(key).decode(stored)).toThrow(/NonceUsed in a reserve stream/);
  });
});

test('a session nonce is free until an envelope claims it, once', () => {
  const given = specification(sessionNonce);
  expect(given().ask(({ usedBy }) => usedBy)).toBeUndefined();
  expect(given(used).ask(({ usedBy }) => usedBy)).toBe(used.envelopeHash);
  given(used, used).thenImpossible(/used twice/);
});
