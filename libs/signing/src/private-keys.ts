import { generateKeyPair, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import { type CsOperation, type DenominationPub, taler } from '@florin/crypto';
import { exportRsaPrivateKey, importRsaPrivateKey, rsaSigner, serverPrimitives } from '@florin/crypto/server';
import { concat, decodeBase32, EncodingError, encodeBase32 } from '@florin/encoding';
import { denominationKeyName, type KeyName, LOG_KEY, MASTER_KEY, OFFICER_KEY, signingKeyName } from './key-folder.js';
import type { DenominationKey, Ed25519Key, Ed25519KeyKind, NewKey } from './protocol.js';

/*
 * Private keys: how they are made, how they lie in their files, what they sign. Signer processes load this file, and
 * the tool that holds the offline master key.
 */

/** A denomination's private key. Everything it signs is a function of the request: signing twice gives the same. */
export interface DenominationSigner {
  readonly public: DenominationKey;
  /**
   * RSA: the blinded integer; CS: c0 | c1 | nonce.
   * @returns RSA: the integer; CS: b (one byte) | s
   * @throws EncodingError when this is nothing that the key can sign
   */
  sign(planchet: Uint8Array, operation: CsOperation): Uint8Array;
  /** @returns R_0 | R_1. @throws EncodingError on a nonce of another size, and for RSA */
  deriveR(nonce: Uint8Array, operation: CsOperation): Uint8Array;
}

export interface Ed25519Signer {
  readonly public: Ed25519Key;
  sign(message: Uint8Array): Uint8Array;
}

export type PrivateKey = DenominationSigner | Ed25519Signer;

/** What a key file holds. The public part is there to be checked, and for people. */
interface KeyFile {
  readonly kind: 'denomination' | Ed25519KeyKind;
  readonly cipher?: 'RSA' | 'CS';
  readonly ageMask?: number;
  readonly pub: string;
  /** RSA: PKCS#8 in PEM; otherwise base32 of 32 bytes: a scalar, or the seed of Ed25519. */
  readonly priv: string;
}

const KEY_SIZE = 32;
const RSA_BITS = [1024, 2048, 3072, 4096];
const U32_MAX = 0xffff_ffff;
const ED25519_KINDS: readonly string[] = ['signing', 'log', 'master', 'officer'] satisfies Ed25519KeyKind[];
const { cs, eddsa, hash } = taler(serverPrimitives);

/** @throws EncodingError on a size or mask that denominations do not have */
export async function generateKey(key: NewKey): Promise<{ readonly name: KeyName; readonly content: string }> {
  const { file, signer } = await generateFile(key);
  return { name: signer.public.name, content: `${JSON.stringify(file)}\n` };
}

/**
 * Reads a key file and recomputes from its private part all that others know the key by.
 * @throws EncodingError, which never quotes the file, when name, public and private part do not belong together
 */
export function parseKey(name: KeyName, text: string): PrivateKey {
  const damaged = () =>
    new EncodingError(`a key file that is what its name ${name} says`, 'one that is damaged or of another kind');
  const file = parseJson(text);
  if (file === undefined) throw damaged();
  let signer: PrivateKey;
  try {
    signer = signerOf(file);
  } catch {
    throw damaged();
  }
  if (signer.public.name !== name || encodeBase32(publicBytes(signer)) !== file.pub) throw damaged();
  return signer;
}

async function generateFile(key: NewKey): Promise<{ readonly file: KeyFile; readonly signer: PrivateKey }> {
  const secret = await generateSecret(key);
  const signer = signerOf({ ...secret, pub: '' });
  return { signer, file: { ...secret, pub: encodeBase32(publicBytes(signer)) } };
}

/** Off this thread: a large key takes seconds. The public exponent is 65537. */
const generateRsa = promisify(generateKeyPair);

async function generateSecret(key: NewKey): Promise<Omit<KeyFile, 'pub'>> {
  if (key.kind !== 'denomination') return { kind: key.kind, priv: encodeBase32(randomBytes(KEY_SIZE)) };
  const { kind, cipher, ageMask } = key;
  if (!Number.isInteger(ageMask) || ageMask < 0 || ageMask > U32_MAX) {
    throw new EncodingError('an age mask of 32 bits', String(ageMask));
  }
  if (cipher === 'CS') return { kind, cipher, ageMask, priv: encodeBase32(cs.privateKey(randomBytes(2 * KEY_SIZE))) };
  if (!RSA_BITS.includes(key.bits)) throw new EncodingError(`RSA keys of ${RSA_BITS} bits`, `${key.bits}`);
  return {
    kind,
    cipher,
    ageMask,
    priv: exportRsaPrivateKey((await generateRsa('rsa', { modulusLength: key.bits })).privateKey),
  };
}

function signerOf({ kind, cipher, ageMask, priv }: KeyFile): PrivateKey {
  if (kind !== 'denomination') return ed25519Signer(kind, decodeBase32(priv, KEY_SIZE));
  return cipher === 'RSA'
    ? rsaDenomination(priv, ageMask ?? 0)
    : csDenomination(decodeBase32(priv, KEY_SIZE), ageMask ?? 0);
}

function rsaDenomination(pem: string, ageMask: number): DenominationSigner {
  const signer = rsaSigner(importRsaPrivateKey(pem));
  signer.sign(Uint8Array.of(2)); // it checks its answer: a file of numbers that do not belong together shows here
  return {
    public: denominationKey({ cipher: 'RSA', ageMask, rsaPub: signer.rsaPub }),
    sign: (planchet) => signer.sign(planchet),
    deriveR() {
      throw new EncodingError('a Clause-Schnorr denomination', 'one of RSA');
    },
  };
}

function csDenomination(priv: Uint8Array, ageMask: number): DenominationSigner {
  return {
    public: denominationKey({ cipher: 'CS', ageMask, csPub: cs.publicKey(priv) }),
    sign(planchet, operation) {
      const [c0, c1, nonce] = [0, 1, 2].map((i) => planchet.subarray(i * KEY_SIZE, (i + 1) * KEY_SIZE)) as Triple;
      const { b, s } = cs.sign(priv, { nonce, c0, c1 }, operation);
      return concat(Uint8Array.of(b), s);
    },
    deriveR(nonce, operation) {
      const { rPub0, rPub1 } = cs.deriveR(priv, nonce, operation);
      return concat(rPub0, rPub1);
    },
  };
}

type Triple = [Uint8Array, Uint8Array, Uint8Array];

function ed25519Signer(kind: Ed25519KeyKind, seed: Uint8Array): Ed25519Signer {
  const { publicKey, sign } = eddsa.keyPair(seed);
  return { public: { kind, name: ed25519KeyName(kind, publicKey), pub: publicKey }, sign };
}

function ed25519KeyName(kind: Ed25519KeyKind, pub: Uint8Array): KeyName {
  switch (kind) {
    case 'signing':
      return signingKeyName(encodeBase32(pub));
    case 'log':
      return LOG_KEY;
    case 'master':
      return MASTER_KEY;
    case 'officer':
      return OFFICER_KEY;
  }
}

function denominationKey(pub: DenominationPub): DenominationKey {
  const denominationHash = encodeBase32(hash.denomination(pub));
  return { kind: 'denomination', name: denominationKeyName(denominationHash), denominationHash, pub };
}

function publicBytes({ public: key }: PrivateKey): Uint8Array {
  if (key.kind !== 'denomination') return key.pub;
  return key.pub.cipher === 'RSA' ? key.pub.rsaPub : key.pub.csPub;
}

function parseJson(text: string): KeyFile | undefined {
  let file: Partial<KeyFile>;
  try {
    file = JSON.parse(text) as Partial<KeyFile>;
  } catch {
    return undefined; // its message would quote the key
  }
  const { kind, cipher, ageMask, pub, priv } = file;
  const isKind = kind === 'denomination' ? cipher !== undefined : kind !== undefined && ED25519_KINDS.includes(kind);
  const isCipher = cipher === undefined || cipher === 'RSA' || cipher === 'CS';
  const isMask = ageMask === undefined || (Number.isInteger(ageMask) && ageMask >= 0 && ageMask <= U32_MAX);
  const isText = typeof pub === 'string' && typeof priv === 'string';
  return isKind && isCipher && isMask && isText ? (file as KeyFile) : undefined;
}
