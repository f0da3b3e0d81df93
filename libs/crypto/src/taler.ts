import { ageRestrictionOf } from './age.js';
import { clauseSchnorrOf } from './clause-schnorr.js';
import { contractsOf } from './contract.js';
import { type Denomination, type DenominationPub, prepareDenomination } from './denomination.js';
import { ecdhOf, eddsaOf } from './eddsa.js';
import { edx25519Of } from './edx25519.js';
import { hashesOf } from './hashes.js';
import { kdfOf } from './kdf.js';
import { planchetSecretsOf } from './planchet.js';
import type { Primitives } from './primitives.js';
import { refreshOf } from './refresh.js';
import { rsaOf } from './rsa.js';
import { RSA_LIMITS, type RsaLimits } from './rsa-key.js';

/** The protocol's cryptography on one set of primitives. It has no state, draws no randomness and reads no clock. */
export type Taler = ReturnType<typeof taler>;

/** @param options.rsaLimits sizes of RSA keys that are accepted; 512 to 8192 bits unless said otherwise */
export function taler(primitives: Primitives, options: { readonly rsaLimits?: RsaLimits } = {}) {
  const kdf = kdfOf(primitives);
  const hash = hashesOf(primitives, kdf);
  const eddsa = eddsaOf(primitives);
  const ecdh = ecdhOf(primitives);
  const rsa = rsaOf(primitives, kdf, options.rsaLimits ?? RSA_LIMITS);
  const cs = clauseSchnorrOf(primitives, kdf);
  const edx25519 = edx25519Of(primitives, kdf);
  return {
    kdf,
    hash,
    eddsa,
    ecdh,
    rsa,
    cs,
    edx25519,
    /** Checks a denomination's public key and prepares it. @throws EncodingError when it is malformed */
    denomination: (pub: DenominationPub): Denomination => prepareDenomination({ primitives, hash, rsa, cs }, pub),
    planchet: planchetSecretsOf(kdf),
    refresh: refreshOf(primitives, kdf, ecdh),
    age: ageRestrictionOf(primitives, kdf, edx25519),
    contract: contractsOf(primitives, kdf, ecdh),
  };
}
