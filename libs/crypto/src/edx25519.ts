import { utf8 } from '@florin/encoding';
import { fromLittleEndian } from './bigint.js';
import { checkSize } from './errors.js';
import type { Kdf } from './kdf.js';
import type { Primitives } from './primitives.js';
import { clamp, encodeScalar, L, reduce } from './scalar.js';

/*
 * Ed25519 with keys that can be moved: whoever knows a public key and a seed gets another public key, whoever has the
 * private key its private key. A private key is 64 bytes, a scalar and a prefix for nonces, as RFC 8032 has inside.
 * Signatures verify as plain Ed25519.
 * Source: protocol/crypto.md section 7; vectors: test/vectors/basics.json (edx25519), age.json
 */

export type Edx25519 = ReturnType<typeof edx25519Of>;

const DERIVATION_INFO = utf8('edx25519-derivation');

export function edx25519Of({ sha512, group }: Primitives, kdf: Kdf) {
  function publicKey(priv: Uint8Array): Uint8Array {
    checkSize(priv, 64, 'Edx25519 private key');
    return group.multiplyBase(encodeScalar(reduce(priv.subarray(0, 32))));
  }

  function factor(pub: Uint8Array, salt: Uint8Array): Uint8Array {
    checkSize(pub, 32, 'Edx25519 public key');
    return kdf.derive(64, { salt, ikm: pub, info: DERIVATION_INFO });
  }

  return {
    /** @param seed any number of bytes, all of them secret */
    privateKey(seed: Uint8Array): Uint8Array {
      const priv = sha512(seed);
      priv.set(clamp(priv.subarray(0, 32)));
      return priv;
    },

    publicKey,

    /** @returns 64 bytes that verify as Ed25519 under the public key */
    sign(message: Uint8Array, priv: Uint8Array): Uint8Array {
      const pub = publicKey(priv);
      const r = reduce(sha512(priv.subarray(32), message));
      const noncePoint = group.multiplyBase(encodeScalar(r));
      const challenge = reduce(sha512(noncePoint, pub, message));
      const signature = new Uint8Array(64);
      signature.set(noncePoint);
      signature.set(encodeScalar(r + challenge * fromLittleEndian(priv.subarray(0, 32))), 32);
      return signature;
    },

    /** @throws EncodingError unless `pub` is an element of the group */
    derivePublicKey(pub: Uint8Array, salt: Uint8Array): Uint8Array {
      return group.multiply(encodeScalar(reduce(factor(pub, salt))), pub);
    },

    derivePrivateKey(priv: Uint8Array, salt: Uint8Array): Uint8Array {
      const h = factor(publicKey(priv), salt);
      const moved = new Uint8Array(64);
      // The reference writes 8 ((a / 8) h), with a / 8 modulo L: the same number.
      moved.set(encodeScalar((fromLittleEndian(priv.subarray(0, 32)) % L) * reduce(h)));
      moved.set(sha512(priv.subarray(32), h).subarray(0, 32), 32);
      return moved;
    },
  };
}
