import {
  canonicalJson,
  concat,
  contractJson,
  encodeU32,
  type HashForgotten,
  type JsonValue,
  normalizePayto,
  utf8,
  utf8z,
} from '@florin/encoding';
import type { BlindedPlanchet, DenominationPub } from './denomination.js';
import { checkSize } from './errors.js';
import type { Kdf } from './kdf.js';
import type { Primitives } from './primitives.js';

/*
 * The hashes by which the protocol names things. All are SHA-512 (64 bytes) unless a docstring says otherwise.
 * Source: protocol/crypto.md sections 2, 3, 8; encoding.md sections 5 and 6.1; vectors: test/vectors/coin_hash.json,
 * denom_hash.json, contract_hash.json, payto.json
 */

export type Hashes = ReturnType<typeof hashesOf>;

const CIPHER = { RSA: encodeU32(1), CS: encodeU32(2) } as const;
const EXTENSIONS_SALT = utf8('taler-extensions-manifests');
const WIRE_INFO = utf8('merchant-wire-signature');
const SHORT_HASH_SIZE = 32;

export function hashesOf({ sha256, sha512 }: Primitives, kdf: Kdf) {
  const hashForgotten: HashForgotten = (salt, value) => kdf.derive(64, { salt, ikm: value });

  function fullPayto(uri: string): Uint8Array {
    return sha512(utf8z(uri)).slice(0, SHORT_HASH_SIZE);
  }

  return {
    /** SHA-512 of the parts one after the other. */
    sha512,

    /** SHA-256 of the parts one after the other, 32 bytes. */
    sha256,

    /**
     * What a denomination signs for a coin.
     * @param ageCommitmentHash 32 bytes; all zeros count as none
     */
    coinPub(coinPub: Uint8Array, ageCommitmentHash?: Uint8Array): Uint8Array {
      checkSize(coinPub, 32, 'coin public key');
      if (ageCommitmentHash === undefined) return sha512(coinPub);
      checkSize(ageCommitmentHash, 32, 'age commitment hash');
      return ageCommitmentHash.every((byte) => byte === 0) ? sha512(coinPub) : sha512(coinPub, ageCommitmentHash);
    },

    /** `denom_pub_hash`: the identity of a denomination, age mask included. */
    denomination(pub: DenominationPub): Uint8Array {
      return sha512(encodeU32(pub.ageMask), CIPHER[pub.cipher], pub.cipher === 'RSA' ? pub.rsaPub : pub.csPub);
    },

    /**
     * `coin_ev` hash (BlindedCoinEnvelopeHash) over exactly the planchet's bytes. Whether the denomination can sign
     * them is not looked at here: see Denomination.envelopeHash.
     */
    envelope(denominationHash: Uint8Array, planchet: BlindedPlanchet): Uint8Array {
      checkSize(denominationHash, 64, 'denomination hash');
      return sha512(denominationHash, ...planchetParts(planchet));
    },

    /**
     * Over all envelope hashes of a withdrawal, in request order. With age restriction the candidates of one coin lie
     * together; the unified protocol of 2025 hashes otherwise there, which no vector shows.
     */
    withdrawCommitment(envelopeHashes: readonly Uint8Array[]): Uint8Array {
      for (const hash of envelopeHashes) checkSize(hash, 64, 'envelope hash');
      return sha512(...envelopeHashes);
    },

    /** `h_coin_sigs` of a deposit confirmation. */
    coinSignatures(signatures: readonly Uint8Array[]): Uint8Array {
      for (const signature of signatures) checkSize(signature, 64, 'coin signature');
      return sha512(...signatures);
    },

    /** `h_contract_terms`. @throws EncodingError on reals and what else contractJson refuses */
    contract(terms: JsonValue): Uint8Array {
      return sha512(utf8z(contractJson(terms, hashForgotten)));
    },

    /**
     * Every other JSON value that is hashed: attest requests and details, `h_kyc`, `h_kyc_requirements`. For wire
     * restrictions, AML properties and rules, and deposit policies no vector exists; the reference uses this one.
     */
    json(value: JsonValue): Uint8Array {
      return sha512(utf8(canonicalJson(value)));
    },

    /** The extensions manifest: the whole `extensions` object with its `config`. */
    extensions(extensions: JsonValue): Uint8Array {
      return kdf.derive(64, { salt: EXTENSIONS_SALT, ikm: utf8z(contractJson(extensions, hashForgotten)) });
    },

    /**
     * A plain string with its NUL: base URLs, wire method names, officer names, sections. An absent conversion URL is
     * not hashed but signed as zeros; AML justifications and measure names are hashed without NUL, with `sha512`.
     */
    text(text: string): Uint8Array {
      return sha512(utf8z(text));
    },

    /** FullPaytoHash: 32 bytes, over the URI exactly as received. Until autumn 2024 the only kind. */
    fullPayto,

    /** NormalizedPaytoHash: 32 bytes; the same account whatever name or amount the URI carries. */
    normalizedPayto(uri: string): Uint8Array {
      return fullPayto(normalizePayto(uri));
    },

    /** `h_wire` of a merchant's account. @param salt 16 bytes */
    wireAccount(payto: string, salt: Uint8Array): Uint8Array {
      checkSize(salt, 16, 'wire salt');
      return kdf.derive(64, { salt, ikm: utf8z(payto), info: WIRE_INFO });
    },
  };
}

/** Cipher and planchet as they are hashed: u32, then the blinded integer or c0, c1, nonce. */
export function planchetParts(planchet: BlindedPlanchet): readonly Uint8Array[] {
  if (planchet.cipher === 'RSA') return [CIPHER.RSA, planchet.blindedPlanchet];
  return [CIPHER.CS, concat(planchet.c0, planchet.c1, planchet.nonce)];
}
