import { describe, expect, test } from 'vitest';
import type { NonceEvent } from './events/account.js';
import { EventCodec } from './events/catalogue.js';
import type { AccountHash, CoinPub, DenominationHash, HashCode, PursePub, ReservePub } from './events/names.js';
import { Streams, sessionNonce } from './streams.js';
import { specification } from './testing/specification.js';
import { bytesOf } from './testing/values.js';

const codec = new EventCodec('EUR');
/** Made anew by every test. */
const streamsOf = (instance = 'florin') => new Streams(instance, codec);
const key = bytesOf<ReservePub & PursePub & CoinPub & AccountHash & HashCode>('key', 32);
const denominationHash: DenominationHash = bytesOf('denomination', 64);
const used: NonceEvent = {
  type: 'NonceUsed',
  envelopeHash: bytesOf('envelope', 64),
  reservePub: bytesOf('reserve', 32),
  at: 1,
};

describe('a stream', () => {
  test.each<[string, (streams: Streams) => { readonly name: string; readonly category: string }, string]>([
    ['reserve', (streams) => streams.reserve(key), `florin.reserve-${key}`],
    ['purse', (streams) => streams.purse(key), `florin.purse-${key}`],
    ['coin', (streams) => streams.coin(key), `florin.coin-${key}`],
    ['account', (streams) => streams.account(key), `florin.account-${key}`],
    ['wire', (streams) => streams.wire('main-account'), 'florin.wire-main-account'],
    ['transfer', (streams) => streams.transfer(key), `florin.transfer-${key}`],
    ['nonce', (streams) => streams.nonce(denominationHash, key), `florin.nonce-${denominationHash}.${key}`],
    ['keys', (streams) => streams.keys(), 'florin.keys'],
  ])('of category %s is named', (category, streamIn, name) => {
    const stream = streamIn(streamsOf());
    expect([stream.category, stream.name]).toStrictEqual([category, name]);
  });

  test('of another instance has another name', () => {
    expect(streamsOf('other').reserve(key).name).toBe(`other.reserve-${key}`);
  });

  test('takes events as they are stored, signed ones marked', () => {
    const nonce = streamsOf().nonce(denominationHash, key);
    const events = [codec.encode(used)];
    expect(nonce.append(used)).toStrictEqual({ stream: nonce.name, events, commitOnly: false });
    expect(nonce.appendSigned(used, used)).toStrictEqual({
      stream: nonce.name,
      events: [...events, ...events],
      commitOnly: true,
    });
  });

  test('reads back what it stores, and folds it', () => {
    const nonce = streamsOf().nonce(denominationHash, key);
    const [stored] = nonce.append(used).events;
    const event = stored && nonce.decode(stored);
    expect(event).toStrictEqual(used);
    expect(nonce.evolve(nonce.initial(), used)).toStrictEqual({ usedBy: used.envelopeHash });
  });

  test('does not read what belongs to another category', () => {
    const [stored] = streamsOf().nonce(denominationHash, key).append(used).events;
    expect(() => stored && streamsOf().reserve(key).decode(stored)).toThrow(/NonceUsed in a reserve stream/);
  });
});

test('a session nonce is free until an envelope claims it, once', () => {
  const given = specification(sessionNonce);
  expect(given().ask(({ usedBy }) => usedBy)).toBeUndefined();
  expect(given(used).ask(({ usedBy }) => usedBy)).toBe(used.envelopeHash);
  given(used, used).thenImpossible(/used twice/);
});
