import { concat, EncodingError, encodeU32, utf8 } from '@florin/encoding';
import { ED25519_TORSION_SUBGROUP, ed25519 } from '@noble/curves/ed25519.js';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromBigEndian, toBigEndian, toLittleEndian32 } from './bigint.js';
import {
  BadBlindSignature,
  type BlindedPlanchet,
  type CsBlindSignature,
  type CsOperation,
  type CsPublicPair,
  type DenominationPub,
  encodeBlindedPlanchet,
  MemberError,
  parseBlindedPlanchet,
} from './index.js';
import { encodeScalar, L, reduce } from './scalar.js';
import { rsaSigner } from './server.js';
import { PORTABLE, privateKeyOf, type Row, readVectors, SERVER, SIDES } from './vectors.support.js';

/* A coin's life across both sets of primitives, under keys of the vectors, and what must not count as one. */

const bytesOf = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const numRuns = { numRuns: 20 };

/** The 1024-bit key of the first row of rsa.json: small, so that searching is quick. */
const signer = rsaSigner(privateKeyOf(readVectors('rsa.json').vectors.find((row: Row) => row.denom).denom.private));
const RSA_PUB: DenominationPub = { cipher: 'RSA', ageMask: 0, rsaPub: signer.rsaPub };
const MODULUS_SIZE = 128;

const csPriv = SERVER.crypto.cs.privateKey(new Uint8Array(64).fill(42));
const CS_PUB: DenominationPub = { cipher: 'CS', ageMask: 0x00255501, csPub: SERVER.crypto.cs.publicKey(csPriv) };

const [onServer, portable] = SIDES.map(({ crypto }) => crypto.denomination(RSA_PUB)) as [Prepared, Prepared];
const [csOnServer, csPortable] = SIDES.map(({ crypto }) => crypto.denomination(CS_PUB)) as [Prepared, Prepared];
type Prepared = ReturnType<typeof SERVER.crypto.denomination>;

function otherCoin(coinPubHash: Uint8Array): Uint8Array {
  const other = coinPubHash.slice();
  other[0] = (other[0] as number) ^ 1;
  return other;
}

/** A coin that depends on a number only. */
function numberedCoin(number: number) {
  const { sha512 } = SERVER.primitives;
  const blindingSecret = sha512(utf8('secret'), encodeU32(number)).slice(0, 32);
  return { coinPubHash: sha512(encodeU32(number)), blindingSecret };
}

describe('RSA', () => {
  const blinded = (planchet: BlindedPlanchet) => (planchet.cipher === 'RSA' ? planchet.blindedPlanchet : undefined);

  test('either side blinds and unblinds, the other verifies; another coin or key does not', () => {
    const property = fc.property(bytesOf(64), bytesOf(32), (coinPubHash, blindingSecret) => {
      const blinding = { coinPubHash, blindingSecret };
      const planchet = portable.blind(blinding);
      expect(onServer.blind(blinding)).toEqual(planchet);
      expect(onServer.envelopeHash(planchet)).toEqual(portable.envelopeHash(planchet));
      const blindSignature = signer.sign(blinded(planchet) as Uint8Array);
      const signature = portable.unblind(blinding, { cipher: 'RSA', blindSignature });
      expect(onServer.unblind(blinding, { cipher: 'RSA', blindSignature })).toEqual(signature);
      for (const side of [onServer, portable]) {
        expect(side.verify(coinPubHash, signature)).toBe(true);
        expect(side.verify(otherCoin(coinPubHash), signature)).toBe(false);
      }
    });
    fc.assert(property, numRuns);
  });

  test('an answer to another planchet does not unblind', () => {
    const [mine, other] = [numberedCoin(1), numberedCoin(2)];
    const blindSignature = signer.sign(blinded(onServer.blind(other)) as Uint8Array);
    for (const side of [onServer, portable]) {
      expect(() => side.unblind(mine, { cipher: 'RSA', blindSignature })).toThrow(BadBlindSignature);
      expect(() => side.unblind(mine, { cipher: 'CS', b: 0, s: new Uint8Array(32) })).toThrow(EncodingError);
    }
  });

  test('a planchet, a blind signature and a signature that are a byte short go all the way, unpadded', () => {
    const found = { planchet: 0, answer: 0, signature: 0 };
    for (let number = 0; Object.values(found).includes(0); number++) {
      const coin = numberedCoin(number);
      const planchet = onServer.blind(coin);
      const message = blinded(planchet) as Uint8Array;
      const blindSignature = signer.sign(message);
      const signature = onServer.unblind(coin, { cipher: 'RSA', blindSignature });
      const ownSignature = signature.cipher === 'RSA' ? signature.signature : message;
      const short = [message, blindSignature, ownSignature].map((value) => value.length < MODULUS_SIZE);
      if (!short.includes(true)) continue;
      if (short[0]) found.planchet++;
      if (short[1]) found.answer++;
      if (short[2]) found.signature++;

      expect(portable.blind(coin)).toEqual(planchet);
      expect(portable.unblind(coin, { cipher: 'RSA', blindSignature })).toEqual(signature);
      expect(portable.verify(coin.coinPubHash, signature)).toBe(true);
      expect(parseBlindedPlanchet(JSON.parse(JSON.stringify(encodeBlindedPlanchet(planchet))))).toEqual(planchet);

      const padded = (value: Uint8Array) => concat(Uint8Array.of(0), value);
      const stuffed: BlindedPlanchet = { cipher: 'RSA', blindedPlanchet: padded(message) };
      expect(() => parseBlindedPlanchet(encodeBlindedPlanchet(stuffed))).toThrow(MemberError);
      for (const side of [onServer, portable]) {
        expect(() => side.envelopeHash(stuffed)).toThrow(EncodingError);
        const paddedAnswer = { cipher: 'RSA', blindSignature: padded(blindSignature) } as const;
        expect(() => side.unblind(coin, paddedAnswer)).toThrow(BadBlindSignature);
        expect(side.verify(coin.coinPubHash, { cipher: 'RSA', signature: padded(ownSignature) })).toBe(false);
      }
      expect(() => signer.sign(padded(message))).toThrow(EncodingError);
    }
    expect(Math.min(...Object.values(found))).toBeGreaterThan(0);
  });

  test('values that are zero, not below the modulus, too long or empty are refused everywhere', () => {
    const modulus = SERVER.crypto.rsa.key(signer.rsaPub).modulus;
    const n = fromBigEndian(modulus);
    const coin = numberedCoin(3);
    const answer = signer.sign(blinded(onServer.blind(coin)) as Uint8Array);
    const good = onServer.unblind(coin, { cipher: 'RSA', blindSignature: answer });
    const s = good.cipher === 'RSA' ? fromBigEndian(good.signature) : 0n;
    const strange = [
      new Uint8Array(),
      Uint8Array.of(0),
      new Uint8Array(MODULUS_SIZE),
      modulus,
      toBigEndian(n + 1n, MODULUS_SIZE),
      toBigEndian(s + n, MODULUS_SIZE + 1).slice(s + n < 1n << 1024n ? 1 : 0), // the same residue
      new Uint8Array(MODULUS_SIZE).fill(255),
      new Uint8Array(MODULUS_SIZE + 1).fill(1),
    ];
    for (const value of strange) {
      expect(() => signer.sign(value)).toThrow(EncodingError);
      for (const side of [onServer, portable]) {
        expect(side.verify(coin.coinPubHash, { cipher: 'RSA', signature: value })).toBe(false);
        expect(() => side.envelopeHash({ cipher: 'RSA', blindedPlanchet: value })).toThrow(EncodingError);
        expect(() => side.unblind(coin, { cipher: 'RSA', blindSignature: value })).toThrow(BadBlindSignature);
      }
    }
    const largest = toBigEndian(n - 1n, MODULUS_SIZE);
    expect(signer.sign(largest)).toEqual(largest); // (-1)^d with odd d
    expect(signer.sign(Uint8Array.of(1))).toEqual(Uint8Array.of(1));
  });

  test('hashes and secrets of a wrong length, and a session that does not belong', () => {
    const coin = numberedCoin(4);
    for (const side of [onServer, portable]) {
      for (const length of [0, 32, 63, 65]) {
        const coinPubHash = new Uint8Array(length);
        expect(() => side.blind({ ...coin, coinPubHash })).toThrow(EncodingError);
        expect(() => side.verify(coinPubHash, { cipher: 'RSA', signature: Uint8Array.of(1) })).toThrow(EncodingError);
      }
      for (const length of [0, 31, 33, 64]) {
        expect(() => side.blind({ ...coin, blindingSecret: new Uint8Array(length) })).toThrow(EncodingError);
      }
      const session = { nonce: new Uint8Array(32), rPub0: new Uint8Array(32), rPub1: new Uint8Array(32) };
      expect(() => side.blind({ ...coin, session })).toThrow(EncodingError);
      expect(side.verify(coin.coinPubHash, { cipher: 'CS', r: new Uint8Array(32), s: new Uint8Array(32) })).toBe(false);
      expect(() =>
        side.envelopeHash({ cipher: 'CS', nonce: session.nonce, c0: session.nonce, c1: session.nonce }),
      ).toThrow(EncodingError);
    }
  });
});

describe('Clause-Schnorr', () => {
  const operations = fc.constantFrom<CsOperation>('withdraw', 'melt');

  test('either side signs, the other blinds, unblinds and verifies', () => {
    const chosen = new Set<number>();
    const property = fc.property(
      bytesOf(64),
      bytesOf(32),
      bytesOf(32),
      operations,
      (coinPubHash, secret, nonce, op) => {
        const [pair, samePair] = SIDES.map(({ crypto }) => crypto.cs.deriveR(csPriv, nonce, op)) as [
          CsPublicPair,
          CsPublicPair,
        ];
        expect(samePair).toEqual(pair);
        const blinding = { coinPubHash, blindingSecret: secret, session: { nonce, ...pair } };
        const planchet = csPortable.blind(blinding) as BlindedPlanchet & { cipher: 'CS' };
        expect(csOnServer.blind(blinding)).toEqual(planchet);
        expect(csOnServer.envelopeHash(planchet)).toEqual(csPortable.envelopeHash(planchet));
        const [partial, samePartial] = SIDES.map(({ crypto }) => crypto.cs.sign(csPriv, planchet, op)) as [
          CsBlindSignature,
          CsBlindSignature,
        ];
        expect(samePartial).toEqual(partial);
        chosen.add(partial.b);
        const answer = { cipher: 'CS', ...partial } as const;
        const signature = csPortable.unblind(blinding, answer);
        expect(csOnServer.unblind(blinding, answer)).toEqual(signature);
        for (const side of [csOnServer, csPortable]) {
          expect(side.verify(coinPubHash, signature)).toBe(true);
          expect(side.verify(otherCoin(coinPubHash), signature)).toBe(false);
        }
      },
    );
    fc.assert(property, numRuns);
    expect(chosen.size).toBe(2);
  });

  test('the nonce of a withdrawal does not answer a melt', () => {
    const nonce = new Uint8Array(32).fill(5);
    const { cs } = SERVER.crypto;
    expect(cs.deriveR(csPriv, nonce, 'melt')).not.toEqual(cs.deriveR(csPriv, nonce, 'withdraw'));
  });

  const nonce = new Uint8Array(32).fill(6);
  const session = { nonce, ...SERVER.crypto.cs.deriveR(csPriv, nonce, 'withdraw') };
  const blinding = { ...numberedCoin(5), session };
  const planchet = csOnServer.blind(blinding) as BlindedPlanchet & { cipher: 'CS' };
  const answer = { cipher: 'CS', ...SERVER.crypto.cs.sign(csPriv, planchet, 'withdraw') } as const;
  const signature = csOnServer.unblind(blinding, answer) as { cipher: 'CS'; r: Uint8Array; s: Uint8Array };
  const torsion = ed25519.Point.fromHex(ED25519_TORSION_SUBGROUP[1] as string);
  const shifted = (point: Uint8Array) => ed25519.Point.fromBytes(point).add(torsion).toBytes();
  const above = (scalar: Uint8Array) => toLittleEndian32(reduce(scalar) + L);
  const identity = Uint8Array.of(1, ...new Uint8Array(31));

  test('a signature that is altered, not canonical or off the group', () => {
    const { r, s } = signature;
    const altered = [
      { r, s: above(s) },
      { r, s: new Uint8Array(32) },
      { r, s: encodeScalar(reduce(s) + 1n) },
      { r, s: s.slice(1) },
      { r: shifted(r), s },
      { r: r.slice(1), s },
      { r: identity, s },
      { r: new Uint8Array(32).fill(0xff), s },
    ];
    for (const side of [csOnServer, csPortable]) {
      for (const bad of altered) expect(side.verify(blinding.coinPubHash, { cipher: 'CS', ...bad })).toBe(false);
      expect(side.verify(blinding.coinPubHash, { cipher: 'RSA', signature: s })).toBe(false);
      expect(side.verify(blinding.coinPubHash, signature)).toBe(true);
    }
  });

  test('R = identity is refused even where the equation holds', () => {
    const c = (side: typeof SERVER) =>
      fromBigEndian(
        side.crypto.kdf.modulo(toLittleEndian32(L).reverse(), {
          salt: CS_PUB.cipher === 'CS' ? CS_PUB.csPub : identity,
          ikm: side.primitives.sha512(identity, blinding.coinPubHash),
          info: utf8('Curve25519FDH'),
        }),
      );
    for (const side of SIDES) {
      const s = encodeScalar(c(side) * reduce(csPriv)); // s G = 0 + c X
      const forged = { cipher: 'CS', r: identity, s } as const;
      expect(side.crypto.denomination(CS_PUB).verify(blinding.coinPubHash, forged)).toBe(false);
    }
  });

  test('a wrong answer, and an R that is no element of the group', () => {
    for (const side of [csOnServer, csPortable]) {
      const wrong = [
        { ...answer, b: answer.b === 0 ? 1 : 0 } as const,
        { ...answer, s: encodeScalar(reduce(answer.s) + 1n) },
        { ...answer, s: above(answer.s) },
        { ...answer, s: answer.s.slice(1) },
      ];
      for (const bad of wrong) expect(() => side.unblind(blinding, bad)).toThrow(BadBlindSignature);
      expect(() => side.unblind(blinding, { cipher: 'RSA', blindSignature: answer.s })).toThrow(EncodingError);
      for (const bad of [shifted(session.rPub1), identity, new Uint8Array(32), session.rPub1.slice(1)]) {
        expect(() => side.blind({ ...blinding, session: { ...session, rPub1: bad } })).toThrow(EncodingError);
        expect(() => side.blind({ ...blinding, session: { ...session, rPub0: bad } })).toThrow(EncodingError);
      }
      const { coinPubHash, blindingSecret } = blinding;
      expect(() => side.blind({ coinPubHash, blindingSecret })).toThrow(EncodingError);
      expect(() => side.blind({ ...blinding, blindingSecret: nonce.slice(1) })).toThrow(EncodingError);
      expect(() => side.blind({ ...blinding, coinPubHash: nonce })).toThrow(EncodingError);
      expect(() => side.blind({ ...blinding, session: { ...session, nonce: nonce.slice(1) } })).toThrow(EncodingError);
    }
  });

  test('the signer refuses challenges, nonces and keys that are not canonical', () => {
    for (const { crypto } of SIDES) {
      const sign = (changes: object, priv = csPriv) => crypto.cs.sign(priv, { ...planchet, ...changes }, 'withdraw');
      expect(sign({})).toEqual({ b: answer.b, s: answer.s });
      expect(() => sign({ c0: above(planchet.c0) })).toThrow(EncodingError);
      expect(() => sign({ c1: toLittleEndian32(L) })).toThrow(EncodingError);
      expect(() => sign({ c1: planchet.c1.slice(1) })).toThrow(EncodingError);
      expect(() => sign({ nonce: concat(nonce, Uint8Array.of(0)) })).toThrow(EncodingError);
      for (const priv of [new Uint8Array(32), toLittleEndian32(L), above(csPriv), csPriv.slice(1)]) {
        expect(() => sign({}, priv)).toThrow(EncodingError);
        expect(() => crypto.cs.publicKey(priv)).toThrow(EncodingError);
        expect(() => crypto.cs.deriveR(priv, nonce, 'melt')).toThrow(EncodingError);
      }
      expect(() => crypto.cs.privateKey(new Uint8Array(64))).toThrow(EncodingError);
      expect(() => crypto.cs.privateKey(new Uint8Array(32).fill(1))).toThrow(EncodingError);
    }
  });

  test('public keys that are no element of the group are no denomination', () => {
    const points = [shifted((CS_PUB as { csPub: Uint8Array }).csPub), identity, new Uint8Array(32), nonce.slice(1)];
    for (const { crypto } of [SERVER, PORTABLE]) {
      for (const csPub of points) {
        expect(() => crypto.denomination({ cipher: 'CS', ageMask: 0, csPub })).toThrow(EncodingError);
        expect(() => crypto.cs.verify(csPub, blinding.coinPubHash, signature)).toThrow(EncodingError);
      }
    }
  });
});

test('a mask or cipher more is another denomination', () => {
  const hashes = [RSA_PUB, { ...RSA_PUB, ageMask: 3 }, CS_PUB, { ...CS_PUB, ageMask: 0 }].map((pub) =>
    SERVER.crypto.denomination(pub as DenominationPub).hash.join(),
  );
  expect(new Set(hashes).size).toBe(4);
});
