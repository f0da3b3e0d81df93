import { concat, EncodingError, encodeU32, utf8 } from '@florin/encoding';
import type { WithdrawValues } from './denomination.js';
import { checkSize } from './errors.js';
import type { Kdf } from './kdf.js';

/*
 * The secrets of one coin, all from a 32-byte planchet secret. A wallet may choose otherwise; in the cut-and-choose of
 * a refresh and of an age-restricted withdrawal both sides must derive the same.
 * Source: protocol/crypto.md section 3.1; vectors: test/vectors/rsa.json, cs.json
 */

export interface CoinSecrets {
  readonly coinPriv: Uint8Array;
  /** For RSA the blinding secret, for Clause-Schnorr the blinding seed: `coin_blinding_key_secret` in a recoup. */
  readonly blindingSecret: Uint8Array;
}

export type PlanchetSecrets = ReturnType<typeof planchetSecretsOf>;

const COIN_SALT = utf8('coin');
const RSA_BLINDING_SALT = utf8('bks');
const CS_BLINDING_SALT = utf8('bseed');
const NONCE_SALT = utf8('n');
const COINS_SALT = utf8('taler-withdraw-secrets');

export function planchetSecretsOf(kdf: Kdf) {
  return {
    /** The planchet secrets of a whole withdrawal. @param seed 32 bytes. @param count 1 to 255 */
    planchetSecrets(seed: Uint8Array, count: number): Uint8Array[] {
      checkSize(seed, 32, 'withdrawal seed');
      if (!Number.isInteger(count) || count < 1 || count > 255) {
        throw new EncodingError('1 to 255 planchets', String(count));
      }
      const okm = kdf.derive(32 * count, { salt: encodeU32(count), ikm: seed, info: COINS_SALT });
      return Array.from({ length: count }, (_, i) => okm.slice(32 * i, 32 * (i + 1)));
    },

    /** The session nonce of a Clause-Schnorr withdrawal: sent before the exchange's values are known. */
    withdrawNonce(planchetSecret: Uint8Array): Uint8Array {
      checkSize(planchetSecret, 32, 'planchet secret');
      return kdf.derive(32, { salt: NONCE_SALT, ikm: planchetSecret });
    },

    /** @param values the exchange's contribution: it enters the secrets of a Clause-Schnorr coin */
    coinSecrets(planchetSecret: Uint8Array, values: WithdrawValues): CoinSecrets {
      checkSize(planchetSecret, 32, 'planchet secret');
      const info = values.cipher === 'CS' ? concat(values.rPub0, values.rPub1) : new Uint8Array(0);
      const blindingSalt = values.cipher === 'CS' ? CS_BLINDING_SALT : RSA_BLINDING_SALT;
      return {
        coinPriv: kdf.derive(32, { salt: COIN_SALT, ikm: planchetSecret, info }),
        blindingSecret: kdf.derive(32, { salt: blindingSalt, ikm: planchetSecret, info }),
      };
    },
  };
}
