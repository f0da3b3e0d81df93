import { EncodingError } from '@florin/encoding';
import {
  type ClauseSchnorr,
  type CsBlinding,
  type CsBlindSignature,
  type CsChallenges,
  type CsPublicPair,
  type CsSession,
  type CsSignature,
  checkChallenges,
} from './clause-schnorr.js';
import { checkSize } from './errors.js';
import type { Hashes } from './hashes.js';
import type { Primitives } from './primitives.js';
import { checkRsaValue, type Rsa } from './rsa.js';

/*
 * A denomination is a public key that blind-signs coins of one value; the protocol has two ciphers for it. Below, what
 * a coin's life needs of a denomination, the same for both.
 * Source: protocol/crypto.md sections 2 to 5
 */

/** What `denom_pub` means. The age mask is part of the identity: one RSA key with two masks is two denominations. */
export type DenominationPub =
  | { readonly cipher: 'RSA'; readonly ageMask: number; readonly rsaPub: Uint8Array }
  | { readonly cipher: 'CS'; readonly ageMask: number; readonly csPub: Uint8Array };

/** What a wallet sends to be signed (`coin_ev`). Its bytes are hashed as received. */
export type BlindedPlanchet =
  | { readonly cipher: 'RSA'; readonly blindedPlanchet: Uint8Array }
  | ({ readonly cipher: 'CS' } & CsChallenges);

/** What the exchange answers (`ev_sig`). */
export type BlindSignature =
  | { readonly cipher: 'RSA'; readonly blindSignature: Uint8Array }
  | ({ readonly cipher: 'CS' } & CsBlindSignature);

/** The signature that makes a coin worth something (`ub_sig`, `denom_sig`, `denom_pub_sig`). */
export type DenominationSignature =
  | { readonly cipher: 'RSA'; readonly signature: Uint8Array }
  | ({ readonly cipher: 'CS' } & CsSignature);

/** What the exchange contributes to a planchet before it is blinded (`ewv`): nothing for RSA. */
export type WithdrawValues = { readonly cipher: 'RSA' } | ({ readonly cipher: 'CS' } & CsPublicPair);

/** How one coin is blinded; the same again to unblind, and for the exchange to rebuild the envelope in a recoup. */
export interface Blinding {
  /** 64 bytes: the hash of the coin's public key and age commitment. */
  readonly coinPubHash: Uint8Array;
  /** 32 bytes; reusing one for two coins links them. */
  readonly blindingSecret: Uint8Array;
  /** Clause-Schnorr only: the nonce and the exchange's answer to it. */
  readonly session?: CsSession;
}

/** A public key that is parsed, checked and prepared once. Keep it as long as the denomination is offered. */
export interface Denomination {
  readonly pub: DenominationPub;
  /** `denom_pub_hash`, 64 bytes. */
  readonly hash: Uint8Array;

  /** @throws MaliciousKey; EncodingError when the session is missing, superfluous or malformed */
  blind(blinding: Blinding): BlindedPlanchet;
  /** @throws BadBlindSignature when the answer does not make a valid signature */
  unblind(blinding: Blinding, answer: BlindSignature): DenominationSignature;
  /** Whether this key signed the coin. A malformed signature, or one of the other cipher, is `false`. */
  verify(coinPubHash: Uint8Array, signature: DenominationSignature): boolean;
  /**
   * The hash of a planchet that is to be signed by this key.
   * @throws EncodingError when the key cannot sign it: another cipher, or a value that is not below the modulus
   */
  envelopeHash(planchet: BlindedPlanchet): Uint8Array;
}

interface Parts {
  readonly primitives: Primitives;
  readonly hash: Hashes;
  readonly rsa: Rsa;
  readonly cs: ClauseSchnorr;
}

/** @throws EncodingError when the key is malformed or not an element of the group */
export function prepareDenomination(parts: Parts, pub: DenominationPub): Denomination {
  return pub.cipher === 'RSA' ? rsaDenomination(parts, pub) : csDenomination(parts, pub);
}

function rsaDenomination({ hash, rsa }: Parts, pub: DenominationPub & { cipher: 'RSA' }): Denomination {
  const key = rsa.key(pub.rsaPub);
  const denominationHash = hash.denomination(pub);
  const checked = ({ coinPubHash, blindingSecret, session }: Blinding) => {
    if (session !== undefined) throw new EncodingError('no Clause-Schnorr session for an RSA denomination', 'one');
    return [key, coinPubHash, blindingSecret] as const;
  };
  return {
    pub,
    hash: denominationHash,
    blind: (blinding) => ({ cipher: 'RSA', blindedPlanchet: rsa.blind(...checked(blinding)) }),
    unblind(blinding, answer) {
      if (answer.cipher !== 'RSA') throw otherCipher('RSA');
      return { cipher: 'RSA', signature: rsa.unblind(...checked(blinding), answer.blindSignature) };
    },
    verify: (coinPubHash, signature) => signature.cipher === 'RSA' && rsa.verify(key, coinPubHash, signature.signature),
    envelopeHash(planchet) {
      if (planchet.cipher !== 'RSA') throw otherCipher('RSA');
      checkRsaValue(key, planchet.blindedPlanchet, 'blinded planchet');
      return hash.envelope(denominationHash, planchet);
    },
  };
}

function csDenomination({ hash, cs, primitives }: Parts, pub: DenominationPub & { cipher: 'CS' }): Denomination {
  checkSize(pub.csPub, 32, 'Clause-Schnorr public key');
  if (!primitives.group.isElement(pub.csPub)) {
    throw new EncodingError('a point of prime order as Clause-Schnorr public key', 'other bytes');
  }
  const denominationHash = hash.denomination(pub);
  const checked = ({ coinPubHash, blindingSecret, session }: Blinding): CsBlinding => {
    if (session === undefined) throw new EncodingError('a Clause-Schnorr session', 'none');
    return { pub: pub.csPub, message: coinPubHash, secret: blindingSecret, session };
  };
  return {
    pub,
    hash: denominationHash,
    blind: (blinding) => ({ cipher: 'CS', ...cs.blind(checked(blinding)) }),
    unblind(blinding, answer) {
      if (answer.cipher !== 'CS') throw otherCipher('CS');
      return { cipher: 'CS', ...cs.unblind(checked(blinding), answer) };
    },
    verify: (coinPubHash, signature) => signature.cipher === 'CS' && cs.verify(pub.csPub, coinPubHash, signature),
    envelopeHash(planchet) {
      if (planchet.cipher !== 'CS') throw otherCipher('CS');
      checkChallenges(planchet);
      return hash.envelope(denominationHash, planchet);
    },
  };
}

const otherCipher = (cipher: 'RSA' | 'CS') => new EncodingError(`a value of cipher ${cipher}`, 'one of the other');
