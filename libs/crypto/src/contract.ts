import { concat, EncodingError, encodeU32, equalBytes, fromUtf8, readU32, utf8 } from '@florin/encoding';
import { deflate } from './deflate.js';
import type { Ecdh } from './eddsa.js';
import { checkSize } from './errors.js';
import { inflate } from './inflate.js';
import type { Kdf } from './kdf.js';
import type { Primitives } from './primitives.js';

/*
 * The contract of a purse, readable by the two who know the contract's private key; the exchange stores it unread.
 *
 *   one wallet               K = ECDH(contract key, purse key)    econtract = nonce | secretbox(K, nonce, contract)
 *   one wallet -> exchange   contract_pub, econtract, signed by the purse
 *   one wallet -> other      contract_priv, in a taler:// URI
 *   other wallet             purse_pub from the exchange, K, contract; to merge, the merge key too
 *
 * KYC attributes are boxed the same way under a key of the exchange's configuration.
 * Source: protocol/crypto.md section 9; vectors: test/vectors/econtract.json
 */

/** Who encrypts for whom. */
export interface ContractKeys {
  /** X25519, 32 bytes. */
  readonly contractPriv: Uint8Array;
  readonly pursePub: Uint8Array;
}

export interface MergeContract {
  /** The key that moves the purse into a reserve: whoever reads the contract may. */
  readonly mergePriv: Uint8Array;
  /** JSON text. */
  readonly contract: string;
}

export type Contracts = ReturnType<typeof contractsOf>;

const MERGE_LABEL = utf8('p2p-merge-contract');
const DEPOSIT_LABEL = utf8('p2p-deposit-contract');
const ATTRIBUTES_LABEL = utf8('kyc-attributes');
const MERGE = 0;
const DEPOSIT = 1;
const NONCE_SIZE = 24;
const KEY_SIZE = 32;
const WORD_SIZE = 4;
/** Far above any contract, and low enough that unpacking one harms nobody. */
const TEXT_SIZE_MAX = 1 << 20;

export function contractsOf({ secretbox }: Primitives, kdf: Kdf, ecdh: Ecdh) {
  const boxKey = (secret: Uint8Array, nonce: Uint8Array, label: Uint8Array) =>
    kdf.derive(KEY_SIZE, { salt: nonce, ikm: secret, info: label });

  function seal(secret: Uint8Array, nonce: Uint8Array, label: Uint8Array, plaintext: Uint8Array): Uint8Array {
    checkSize(nonce, NONCE_SIZE, 'nonce of an encrypted contract');
    return concat(nonce, secretbox.seal(plaintext, nonce, boxKey(secret, nonce, label)));
  }

  function open(secret: Uint8Array, label: Uint8Array, blob: Uint8Array): Uint8Array {
    const nonce = blob.slice(0, NONCE_SIZE);
    const plaintext =
      nonce.length === NONCE_SIZE
        ? secretbox.open(blob.slice(NONCE_SIZE), nonce, boxKey(secret, nonce, label))
        : undefined;
    if (plaintext === undefined) throw new EncodingError('data sealed with this key', 'other data');
    return plaintext;
  }

  const sharedKey = ({ contractPriv, pursePub }: ContractKeys) => ecdh.sharedWithEddsa(contractPriv, pursePub);

  return {
    /**
     * Encrypts for whoever will merge the purse (push payment).
     * @param nonce 24 random bytes
     */
    encryptForMerge(keys: ContractKeys, { mergePriv, contract }: MergeContract, nonce: Uint8Array): Uint8Array {
      checkSize(mergePriv, KEY_SIZE, 'merge private key');
      const text = utf8(contract);
      const plaintext = concat(encodeU32(MERGE), encodeU32(text.length), mergePriv, deflate(text));
      return seal(sharedKey(keys), nonce, MERGE_LABEL, plaintext);
    },

    /** @throws EncodingError when it was not encrypted for these keys, or is malformed inside */
    decryptForMerge(keys: ContractKeys, econtract: Uint8Array): MergeContract {
      const plaintext = open(sharedKey(keys), MERGE_LABEL, econtract);
      if (readU32(plaintext, 0) !== MERGE) throw new EncodingError('a contract to merge', 'another type');
      const header = 2 * WORD_SIZE + KEY_SIZE;
      return {
        contract: unpackText(plaintext, WORD_SIZE, header),
        mergePriv: plaintext.slice(2 * WORD_SIZE, header),
      };
    },

    /**
     * Encrypts for whoever will pay into the purse (pull payment).
     * @param nonce 24 random bytes
     * @returns the purse's public key and the sealed contract, as C and wallets since 2023 have it
     */
    encryptForDeposit(keys: ContractKeys, contract: string, nonce: Uint8Array): Uint8Array {
      const text = utf8(contract);
      const plaintext = concat(encodeU32(DEPOSIT), encodeU32(text.length), deflate(text));
      return concat(keys.pursePub, seal(sharedKey(keys), nonce, DEPOSIT_LABEL, plaintext));
    },

    /**
     * Reads both forms, with the purse's key in front and, from wallets of 2022, without.
     * @throws EncodingError when it was not encrypted for these keys, or is malformed inside
     */
    decryptForDeposit(keys: ContractKeys, econtract: Uint8Array): string {
      const hasPursePub = equalBytes(econtract.subarray(0, KEY_SIZE), keys.pursePub);
      const blob = hasPursePub ? econtract.slice(KEY_SIZE) : econtract;
      const plaintext = open(sharedKey(keys), DEPOSIT_LABEL, blob);
      if (readU32(plaintext, 0) !== DEPOSIT) throw new EncodingError('a contract to pay', 'another type');
      return unpackText(plaintext, WORD_SIZE, 2 * WORD_SIZE);
    },

    /** Boxes KYC attributes (JSON text). No vector shows it. @param key 64 bytes, the configured key's hash */
    encryptAttributes(key: Uint8Array, attributes: string, nonce: Uint8Array): Uint8Array {
      checkSize(key, 64, 'attribute key');
      const text = utf8(attributes);
      return seal(key, nonce, ATTRIBUTES_LABEL, concat(encodeU32(text.length), deflate(text)));
    },

    /** @throws EncodingError when it was boxed under another key, or is malformed inside */
    decryptAttributes(key: Uint8Array, blob: Uint8Array): string {
      checkSize(key, 64, 'attribute key');
      return unpackText(open(key, ATTRIBUTES_LABEL, blob), 0, WORD_SIZE);
    },
  };
}

/** Unpacks a text; some wallets pack a trailing NUL with it. */
function unpackText(plaintext: Uint8Array, sizeOffset: number, dataOffset: number): string {
  const sizeBytes = readU32(plaintext, sizeOffset);
  if (sizeBytes > TEXT_SIZE_MAX) throw new EncodingError('a text of at most 1 MiB', `${sizeBytes} bytes`);
  const text = inflate(plaintext.slice(dataOffset), sizeBytes);
  return fromUtf8(text.at(-1) === 0 ? text.slice(0, -1) : text);
}
