import { checkSize } from './errors.js';
import type { Primitives } from './primitives.js';

/*
 * Ed25519 keys sign for reserves, coins, purses, merge capabilities and the exchange; X25519 keys make shared secrets
 * with them. One Ed25519 key serves both purposes.
 * Source: protocol/crypto.md section 6; vectors: test/vectors/basics.json, signatures.json
 */

export type Eddsa = ReturnType<typeof eddsaOf>;
export type Ecdh = ReturnType<typeof ecdhOf>;

export function eddsaOf({ ed25519 }: Primitives) {
  return {
    /** Expands a private key once, for a signer that signs often. @param priv 32 bytes */
    keyPair(priv: Uint8Array) {
      checkSize(priv, 32, 'EdDSA private key');
      return ed25519.keyPair(priv);
    },

    /** @param priv 32 bytes */
    publicKey(priv: Uint8Array): Uint8Array {
      checkSize(priv, 32, 'EdDSA private key');
      return ed25519.keyPair(priv).publicKey;
    },

    /** @returns 64 bytes over exactly these bytes; what is signed in the protocol begins with size and purpose */
    sign(message: Uint8Array, priv: Uint8Array): Uint8Array {
      checkSize(priv, 32, 'EdDSA private key');
      return ed25519.keyPair(priv).sign(message);
    },

    /** Strict verification. Anything malformed, of a wrong length or of small order is `false`. */
    verify: ed25519.verify,
  };
}

export function ecdhOf({ group, sha512, x25519 }: Primitives) {
  return {
    /** The X25519 public key: transfer keys of a refresh, contract keys. @param priv 32 bytes, clamped in use */
    publicKey(priv: Uint8Array): Uint8Array {
      checkSize(priv, 32, 'X25519 private key');
      return x25519.publicKey(priv);
    },

    /** Two X25519 keys. @returns 64 bytes. @throws EncodingError when the public key has small order */
    shared(priv: Uint8Array, pub: Uint8Array): Uint8Array {
      checkSize(priv, 32, 'X25519 private key');
      checkSize(pub, 32, 'X25519 public key');
      return sha512(x25519.multiply(priv, pub));
    },

    /** The holder of an Ed25519 key and somebody's X25519 key. Equals {@link sharedWithEddsa} of the other side. */
    sharedOfEddsa(eddsaPriv: Uint8Array, pub: Uint8Array): Uint8Array {
      checkSize(eddsaPriv, 32, 'EdDSA private key');
      checkSize(pub, 32, 'X25519 public key');
      return sha512(x25519.multiply(sha512(eddsaPriv).subarray(0, 32), pub));
    },

    /** The holder of an X25519 key and somebody's Ed25519 key. @throws EncodingError unless that has prime order */
    sharedWithEddsa(priv: Uint8Array, eddsaPub: Uint8Array): Uint8Array {
      checkSize(priv, 32, 'X25519 private key');
      checkSize(eddsaPub, 32, 'EdDSA public key');
      return sha512(x25519.multiply(priv, group.toMontgomery(eddsaPub)));
    },
  };
}
