import { EncodingError, message, utf8 } from '@florin/encoding';
import type { Edx25519 } from './edx25519.js';
import { checkSize } from './errors.js';
import type { Kdf } from './kdf.js';
import type { Primitives } from './primitives.js';

/*
 * Age restriction. A mask divides ages into groups; a coin commits to one key per group above the lowest. Whoever made
 * the coin keeps the private keys up to the group of its owner:
 *
 *   guardian            keys 1..n, throws away the private keys above group m; the coin's hash covers all public keys
 *   child -> merchant   signature of "at least a years" with the private key of a's group, which exists up to m only
 *   refresh             every key is moved by one salt that both sides know: the restriction survives, coins unlinked
 *
 * Source: protocol/crypto.md section 7; vectors: test/vectors/age.json
 */

/** The keys of one coin. Private ones exist for groups 1 to `privateKeys.length`. */
export interface AgeCommitment {
  readonly mask: number;
  /** One per group above the lowest, 32 bytes each. */
  readonly publicKeys: readonly Uint8Array[];
  /** 64 bytes each. */
  readonly privateKeys: readonly Uint8Array[];
}

export type AgeRestriction = ReturnType<typeof ageRestrictionOf>;

/** Owner of the keys of restricted groups, in derivations from a shared secret: nobody has its private key. */
const PUBLISHED_KEY = Uint8Array.of(
  ...[0x64, 0x41, 0xb9, 0xbd, 0xbf, 0x14, 0x39, 0x8e, 0x46, 0xeb, 0x5c, 0x1d, 0x34, 0xd3, 0x9b, 0x2f],
  ...[0x9b, 0x7d, 0xc8, 0x18, 0xeb, 0x9c, 0x09, 0xfb, 0x43, 0xad, 0x16, 0x64, 0xbc, 0x18, 0x49, 0xb5],
);
const COMMITMENT_LABEL = utf8('age-commitment');
const FACTOR_LABEL = utf8('age-factor');
const NOTHING_TO_PROVE = new Uint8Array(64);
const AGE_MAX = 31;

export function ageRestrictionOf(primitives: Primitives, kdf: Kdf, edx25519: Edx25519) {
  const { sha512, ed25519 } = primitives;

  function commitmentHash(publicKeys: readonly Uint8Array[]): Uint8Array {
    for (const pub of publicKeys) checkSize(pub, 32, 'age public key');
    return sha512(...publicKeys).slice(0, 32);
  }

  return {
    /** `h_age_commitment`, 32 bytes, over the public keys in order of age. */
    commitmentHash,

    /**
     * Makes the commitment of a coin. All keys are made; those above the owner's group are thrown away.
     * @param age in years, of the owner
     * @param seed 64 bytes, secret
     */
    commit(mask: number, age: number, seed: Uint8Array): AgeCommitment {
      checkSize(seed, 64, 'age commitment seed');
      const seeds = Array.from({ length: ageGroups(mask) - 1 }, (_, i) => countedSeed(seed, i));
      const privateKeys = seeds.map((groupSeed) => edx25519.privateKey(groupSeed));
      return {
        mask,
        publicKeys: privateKeys.map((priv) => edx25519.publicKey(priv)),
        privateKeys: privateKeys.slice(0, ageGroup(mask, age)),
      };
    },

    /**
     * Makes a commitment whose restricted groups provably nobody has private keys of: they are moved from a published
     * key. Used where the other side of a cut-and-choose must be able to check it.
     * @param secret the planchet's; whoever knows it can recompute all public keys
     */
    commitFromSecret(mask: number, age: number, secret: Uint8Array): AgeCommitment {
      const owned = ageGroup(mask, age);
      const groups = Array.from({ length: ageGroups(mask) - 1 }, (_, i) => i);
      const seedOf = (i: number) =>
        kdf.derive(64, {
          salt: secret,
          ikm: i < owned ? COMMITMENT_LABEL : FACTOR_LABEL,
          info: littleEndian64(i),
        });
      const privateKeys = groups.slice(0, owned).map((i) => edx25519.privateKey(seedOf(i)));
      const restricted = groups.slice(owned).map((i) => edx25519.derivePublicKey(PUBLISHED_KEY, seedOf(i)));
      return { mask, publicKeys: [...privateKeys.map((priv) => edx25519.publicKey(priv)), ...restricted], privateKeys };
    },

    /**
     * Moves a commitment to a fresh coin. @param salt 64 bytes: in a refresh the transfer secret
     */
    derive({ mask, publicKeys, privateKeys }: AgeCommitment, salt: Uint8Array): AgeCommitment {
      checkSize(salt, 64, 'age commitment salt');
      return {
        mask,
        publicKeys: publicKeys.map((pub) => edx25519.derivePublicKey(pub, salt)),
        privateKeys: privateKeys.map((priv) => edx25519.derivePrivateKey(priv, salt)),
      };
    },

    /**
     * Signs that the owner is at least `minAge` years old.
     * @returns 64 bytes, zeros where the lowest group suffices; undefined when the owner is not that old
     */
    attest({ mask, privateKeys }: AgeCommitment, minAge: number): Uint8Array | undefined {
      const group = ageGroup(mask, minAge);
      if (group === 0) return NOTHING_TO_PROVE.slice();
      const priv = privateKeys[group - 1];
      return priv && edx25519.sign(message('AgeAttestation', { mask, age: minAge }), priv);
    },

    /**
     * Whether an attestation holds for these public keys, whose hash the caller compares with the coin's.
     * @param attestation may be absent where nothing has to be proved
     */
    verify(
      { mask, publicKeys }: Omit<AgeCommitment, 'privateKeys'>,
      minAge: number,
      attestation?: Uint8Array,
    ): boolean {
      if (publicKeys.length !== ageGroups(mask) - 1) return false;
      const group = ageGroup(mask, minAge);
      if (group === 0) return true;
      const pub = publicKeys[group - 1];
      if (pub === undefined || attestation === undefined) return false;
      return ed25519.verify(message('AgeAttestation', { mask, age: minAge }), attestation, pub);
    },
  };
}

/** Reads a configuration such as `8:10:12`: ages at which groups begin, rising, 1 to 31. @throws EncodingError */
export function parseAgeGroups(text: string): number {
  let [mask, previous] = [1, 0];
  for (const word of text.split(':')) {
    const age = /^[1-9][0-9]?$/.test(word) ? Number(word) : 0;
    if (age <= previous || age > AGE_MAX) {
      throw new EncodingError('age groups such as 8:10:12, rising, from 1 to 31', JSON.stringify(text));
    }
    mask += 2 ** age;
    previous = age;
  }
  return mask;
}

/** The ages at which groups begin, as in the configuration; nothing for a mask of 0. */
export function formatAgeGroups(mask: number): string {
  return agesOf(mask).join(':');
}

/** Number of groups of a mask, the lowest included. @throws EncodingError unless the mask has bit 0 and another one */
export function ageGroups(mask: number): number {
  const ages = agesOf(mask);
  if (mask % 2 !== 1 || ages.length === 0) throw new EncodingError('an age mask', `${mask}`);
  return ages.length + 1;
}

/** Group of an age in years, 0 for the lowest. @throws EncodingError unless the age is a whole number */
export function ageGroup(mask: number, age: number): number {
  if (!Number.isInteger(age) || age < 0) throw new EncodingError('an age in whole years', `${age}`);
  return agesOf(mask).filter((start) => start <= age).length;
}

function agesOf(mask: number): number[] {
  return Array.from({ length: AGE_MAX }, (_, i) => i + 1).filter((age) => Math.floor(mask / 2 ** age) % 2 === 1);
}

/** The seed of a group: the first word, read in the byte order of the reference's machines, counts up and wraps. */
function countedSeed(seed: Uint8Array, count: number): Uint8Array {
  const counted = seed.slice();
  const view = new DataView(counted.buffer);
  view.setUint32(0, view.getUint32(0, true) + count, true);
  return counted;
}

function littleEndian64(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value), true);
  return bytes;
}
