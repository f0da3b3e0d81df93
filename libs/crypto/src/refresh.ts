import { type Amount, concat, EncodingError, encodeAmount, encodeU32, utf8 } from '@florin/encoding';
import type { BlindedPlanchet } from './denomination.js';
import type { Ecdh } from './eddsa.js';
import { checkSize } from './errors.js';
import { planchetParts } from './hashes.js';
import type { Kdf } from './kdf.js';
import type { Primitives } from './primitives.js';

/*
 * Refresh: change for a coin, unlinkable for others, linkable for its owner, by cut and choose over three candidates.
 *
 *   wallet               per candidate k: transfer key t_k, secret ECDH(t_k, old coin), and from it all fresh coins
 *   wallet -> exchange   commitment to everything (melt)
 *   exchange -> wallet   the candidate that stays hidden
 *   wallet -> exchange   the other two transfer keys: their fresh coins are derived again and compared
 *
 * Source: protocol/crypto.md section 3.2; vectors: test/vectors/refresh.json, cs.json
 */

/** Candidates in a cut and choose (kappa). */
export const CANDIDATES = 3;

/** Everything that a melt commits to. */
export interface RefreshCommitment {
  /** The refresh master secret, 32 bytes: sent when a fresh denomination is Clause-Schnorr. */
  readonly refreshSecret?: Uint8Array;
  /** One per candidate, 32 bytes each. */
  readonly transferPubs: readonly Uint8Array[];
  /** Of the fresh coins' denominations, in order. */
  readonly denominationHashes: readonly Uint8Array[];
  readonly oldCoinPub: Uint8Array;
  /** What is taken from the old coin, melt fee included. */
  readonly amountWithFee: Amount;
  /** Per candidate, one planchet per fresh coin. */
  readonly planchets: readonly (readonly BlindedPlanchet[])[];
}

export type Refresh = ReturnType<typeof refreshOf>;

const TRANSFER_INFO = utf8('taler-transfer-priv-derivation');
const COIN_INFO = utf8('taler-coin-derivation');
const NONCE_IKM = utf8('refresh-n');

export function refreshOf({ sha512 }: Primitives, kdf: Kdf, ecdh: Ecdh) {
  return {
    /** The X25519 private key of candidate k. */
    transferPriv(oldCoinPriv: Uint8Array, refreshSecret: Uint8Array, candidate: number): Uint8Array {
      checkSize(oldCoinPriv, 32, 'coin private key');
      checkSize(refreshSecret, 32, 'refresh master secret');
      const info = concat(refreshSecret, TRANSFER_INFO);
      return kdf.derive(32, { salt: encodeU32(candidate), ikm: oldCoinPriv, info });
    },

    /** The secret of a candidate (64 bytes) from a revealed transfer key: what the exchange can do. */
    transferSecret: (transferPriv: Uint8Array, oldCoinPub: Uint8Array): Uint8Array =>
      ecdh.sharedWithEddsa(transferPriv, oldCoinPub),

    /** The same secret from the old coin's key: what its owner can do for ever (link). */
    transferSecretOfCoin: (oldCoinPriv: Uint8Array, transferPub: Uint8Array): Uint8Array =>
      ecdh.sharedOfEddsa(oldCoinPriv, transferPub),

    /** The planchet secret of a fresh coin. @param index of the coin, from 0 */
    planchetSecret(transferSecret: Uint8Array, index: number): Uint8Array {
      checkSize(transferSecret, 64, 'transfer secret');
      return kdf.derive(32, { salt: encodeU32(index), ikm: transferSecret, info: COIN_INFO });
    },

    /** The Clause-Schnorr session nonce of a fresh coin. @param index of the coin, from 0 */
    nonce(refreshSecret: Uint8Array, index: number): Uint8Array {
      checkSize(refreshSecret, 32, 'refresh master secret');
      return kdf.derive(32, { salt: encodeU32(index), ikm: NONCE_IKM, info: refreshSecret });
    },

    /** The refresh commitment (`rc`), 64 bytes. Protocols after 2024 commit to a seed instead; not modelled here. */
    commitment(melt: RefreshCommitment): Uint8Array {
      checkShape(melt);
      return sha512(
        ...(melt.refreshSecret === undefined ? [] : [melt.refreshSecret]),
        ...melt.transferPubs,
        ...melt.denominationHashes,
        melt.oldCoinPub,
        encodeAmount(melt.amountWithFee),
        ...melt.planchets.flatMap((candidate) => candidate.flatMap(planchetParts)),
      );
    },
  };
}

function checkShape(melt: RefreshCommitment): void {
  const { refreshSecret, transferPubs, denominationHashes, oldCoinPub, planchets } = melt;
  if (refreshSecret !== undefined) checkSize(refreshSecret, 32, 'refresh master secret');
  for (const pub of transferPubs) checkSize(pub, 32, 'transfer public key');
  for (const hash of denominationHashes) checkSize(hash, 64, 'denomination hash');
  checkSize(oldCoinPub, 32, 'coin public key');
  const coins = denominationHashes.length;
  const complete = planchets.length === CANDIDATES && planchets.every((candidate) => candidate.length === coins);
  if (transferPubs.length !== CANDIDATES || !complete) {
    throw new EncodingError(`${CANDIDATES} transfer keys and as many times ${coins} planchets`, 'another number');
  }
}
