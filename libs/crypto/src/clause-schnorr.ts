import { EncodingError, equalBytes, utf8 } from '@florin/encoding';
import { fromBigEndian } from './bigint.js';
import { BadBlindSignature, checkSize } from './errors.js';
import type { Kdf } from './kdf.js';
import type { Primitives } from './primitives.js';
import { clamp, decodeSecretScalar, encodeScalar, isCanonicalScalar, L, L_BIG_ENDIAN, reduce } from './scalar.js';

/*
 * The clause blind Schnorr signature over Ed25519, for a coin whose public key hashes to m and a denomination X = x G:
 *
 *   wallet -> exchange   nonce
 *   exchange -> wallet   R_0, R_1      (r_i derived from x and nonce: the exchange keeps no state)
 *   wallet -> exchange   nonce, c_0, c_1 with R'_i = R_i + alpha_i G + beta_i X,  c_i = H(X, R'_i, m) + beta_i
 *   exchange -> wallet   b, s_b = r_b + c_b x
 *   wallet               s = s_b + alpha_b,  signature (R'_b, s):  s G = R'_b + H(X, R'_b, m) X
 *
 * Two answers for one nonce and different challenges give x away: who signs must make sure that it never happens.
 * Source: protocol/crypto.md section 4; vectors: test/vectors/cs.json
 */

/** The derivation of R is separate for the two things that a blind signature is given for. */
export type CsOperation = 'withdraw' | 'melt';

/** The exchange's two public nonces, `r_pub_0` and `r_pub_1`. */
export interface CsPublicPair {
  readonly rPub0: Uint8Array;
  readonly rPub1: Uint8Array;
}

/** One run of the protocol as the wallet knows it before blinding. */
export interface CsSession extends CsPublicPair {
  /** 32 bytes, chosen by the wallet. */
  readonly nonce: Uint8Array;
}

/** What the wallet sends to be signed. */
export interface CsChallenges {
  readonly nonce: Uint8Array;
  readonly c0: Uint8Array;
  readonly c1: Uint8Array;
}

export interface CsBlindSignature {
  /** Which of the two challenges was answered. */
  readonly b: 0 | 1;
  readonly s: Uint8Array;
}

export interface CsSignature {
  readonly r: Uint8Array;
  readonly s: Uint8Array;
}

/** A coin that is to be signed under a denomination. */
export interface CsBlinding {
  readonly pub: Uint8Array;
  /** 64 bytes: the hash of the coin's public key and age commitment. */
  readonly message: Uint8Array;
  /** 32 bytes; with the session it determines all blinding. */
  readonly secret: Uint8Array;
  readonly session: CsSession;
}

export type ClauseSchnorr = ReturnType<typeof clauseSchnorrOf>;

const R_SALT = { withdraw: utf8('rw'), melt: utf8('rm') } as const;
const B_SALT = utf8('b');
const BLINDING_SALT = utf8('alphabeta');
const FDH_INFO = utf8('Curve25519FDH');
const IDENTITY = Uint8Array.of(1, ...new Uint8Array(31));

export function clauseSchnorrOf({ sha512, group }: Primitives, kdf: Kdf) {
  /** H(X, R', m): a scalar. */
  function challenge(pub: Uint8Array, blindedR: Uint8Array, message: Uint8Array): bigint {
    checkSize(message, 64, 'message hash');
    return fromBigEndian(kdf.modulo(L_BIG_ENDIAN, { salt: pub, ikm: sha512(blindedR, message), info: FDH_INFO }));
  }

  function nonceSecrets(priv: Uint8Array, nonce: Uint8Array, operation: CsOperation) {
    decodeSecretScalar(priv, 'Clause-Schnorr private key');
    checkSize(nonce, 32, 'Clause-Schnorr nonce');
    return twoHalves(kdf.derive(64, { salt: R_SALT[operation], ikm: priv, info: nonce }));
  }

  function blindingSecrets(secret: Uint8Array) {
    checkSize(secret, 32, 'blinding secret');
    const okm = kdf.derive(128, { salt: BLINDING_SALT, ikm: secret });
    const [alpha0, beta0] = twoHalves(okm.subarray(0, 64));
    const [alpha1, beta1] = twoHalves(okm.subarray(64));
    return [
      { alpha: alpha0, beta: beta0 },
      { alpha: alpha1, beta: beta1 },
    ] as const;
  }

  /** One of the two branches: the blinded R' and the blinded challenge c. */
  function blindBranch({ pub, message, secret, session }: CsBlinding, b: 0 | 1) {
    const r = b === 0 ? session.rPub0 : session.rPub1;
    if (!group.isElement(r)) throw new EncodingError(`a point of prime order as r_pub_${b}`, 'other bytes');
    const { alpha, beta } = blindingSecrets(secret)[b];
    const shift = group.add(group.multiplyBase(encodeScalar(reduce(alpha))), multiplyPub(pub, reduce(beta)));
    const blindedR = group.add(r, shift);
    return { blindedR, c: encodeScalar(challenge(pub, blindedR, message) + reduce(beta)), alpha: reduce(alpha) };
  }

  function multiplyPub(pub: Uint8Array, scalar: bigint): Uint8Array {
    return group.multiply(encodeScalar(scalar), pub);
  }

  function verify(pub: Uint8Array, message: Uint8Array, { r, s }: CsSignature): boolean {
    if (r.length !== 32 || equalBytes(r, IDENTITY) || !isCanonicalScalar(s) || reduce(s) === 0n) return false;
    // Equal to s G - c X as bytes, R' is canonical, and in the group because G and X are: no test of its own is needed.
    const expected = group.add(group.multiplyBase(s), multiplyPub(pub, L - challenge(pub, r, message)));
    return equalBytes(expected, r);
  }

  return {
    /** A private key from 64 random bytes, reduced modulo L. */
    privateKey(random: Uint8Array): Uint8Array {
      checkSize(random, 64, 'randomness for a Clause-Schnorr key');
      const priv = encodeScalar(reduce(random));
      decodeSecretScalar(priv, 'Clause-Schnorr private key');
      return priv;
    },

    /** X = x G. @throws EncodingError unless `priv` is a scalar from 1 to L - 1 */
    publicKey(priv: Uint8Array): Uint8Array {
      decodeSecretScalar(priv, 'Clause-Schnorr private key');
      return group.multiplyBase(priv);
    },

    /** The clamped r_0 and r_1 of a nonce. Signer side; never to leave it. */
    nonceSecrets,

    /** The exchange's answer to a nonce. @param nonce 32 bytes */
    deriveR(priv: Uint8Array, nonce: Uint8Array, operation: CsOperation): CsPublicPair {
      const [r0, r1] = nonceSecrets(priv, nonce, operation);
      return {
        rPub0: group.multiplyBase(encodeScalar(reduce(r0))),
        rPub1: group.multiplyBase(encodeScalar(reduce(r1))),
      };
    },

    /**
     * Answers one of two challenges; which one is fixed by key and nonce. Precondition: this nonce was never and will
     * never be answered for other challenges.
     * @throws EncodingError on a private key, nonce or challenge that is not canonical
     */
    sign(priv: Uint8Array, { nonce, c0, c1 }: CsChallenges, operation: CsOperation): CsBlindSignature {
      const x = decodeSecretScalar(priv, 'Clause-Schnorr private key');
      checkChallenges({ nonce, c0, c1 });
      const [choice] = kdf.derive(4, { salt: B_SALT, ikm: priv, info: nonce }) as Uint8Array & [number];
      const b = choice & 1 ? 1 : 0;
      const r = reduce(nonceSecrets(priv, nonce, operation)[b]);
      return { b, s: encodeScalar(r + reduce(b === 0 ? c0 : c1) * x) };
    },

    /** The clamped alpha and beta of both branches. */
    blindingSecrets,

    /** @throws EncodingError when X or an R is not an element of the group, or on a wrong length */
    blind(blinding: CsBlinding): CsChallenges {
      const { nonce } = blinding.session;
      checkSize(nonce, 32, 'Clause-Schnorr nonce');
      return { nonce, c0: blindBranch(blinding, 0).c, c1: blindBranch(blinding, 1).c };
    },

    /** R'_0 and R'_1: what the signature will contain one of. */
    blindedR(blinding: CsBlinding): readonly [Uint8Array, Uint8Array] {
      return [blindBranch(blinding, 0).blindedR, blindBranch(blinding, 1).blindedR];
    },

    /** @throws BadBlindSignature when it is malformed or does not sign the message */
    unblind(blinding: CsBlinding, { b, s }: CsBlindSignature): CsSignature {
      if (!isCanonicalScalar(s)) throw new BadBlindSignature();
      const { blindedR, alpha } = blindBranch(blinding, b);
      const signature = { r: blindedR, s: encodeScalar(reduce(s) + alpha) };
      if (!verify(blinding.pub, blinding.message, signature)) throw new BadBlindSignature();
      return signature;
    },

    /**
     * Whether (R', s) signs the 64-byte message hash. Malformed signatures are `false`.
     * @throws EncodingError when X is not an element of the group
     */
    verify,
  };
}

/** @throws EncodingError unless nonce and challenges have their form: 32 bytes, canonical scalars */
export function checkChallenges({ nonce, c0, c1 }: CsChallenges): void {
  checkSize(nonce, 32, 'Clause-Schnorr nonce');
  if (!isCanonicalScalar(c0)) throw new EncodingError('a scalar below L as c0', 'other bytes');
  if (!isCanonicalScalar(c1)) throw new EncodingError('a scalar below L as c1', 'other bytes');
}

function twoHalves(bytes: Uint8Array): readonly [Uint8Array, Uint8Array] {
  return [clamp(bytes.subarray(0, 32)), clamp(bytes.subarray(32))];
}
