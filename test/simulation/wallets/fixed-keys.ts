import { checkPrimeSync, createHash } from 'node:crypto';
import { type DenominationPub, taler } from '@florin/crypto';
import { exportRsaPrivateKey, rsaPrivateKeyOf, rsaSigner, serverPrimitives } from '@florin/crypto/server';
import { encodeBase32 } from '@florin/encoding';
import {
  denominationKeyName,
  type KeyFolder,
  type KeyName,
  LOG_KEY,
  MASTER_KEY,
  type NewKey,
  OFFICER_KEY,
  signingKeyName,
} from '@florin/signing';

/*
 * Private keys that are the same in every run: each is made from its kind and its number alone. Their files have the
 * form of those in a key folder.
 */

const EXPONENT = 65_537n;
const { cs, eddsa, hash } = taler(serverPrimitives);

/** Bytes that depend on `name` alone. */
function expand(name: string, sizeBytes: number): Uint8Array {
  return new Uint8Array(
    createHash('shake256', { outputLength: sizeBytes }).update(`florin simulation ${name}`).digest(),
  );
}

/** @param number tells keys of one kind from each other, where there is more than one */
export function fixedKey(key: NewKey, number: number): { readonly name: KeyName; readonly content: string } {
  if (key.kind !== 'denomination') {
    const priv = expand(key.kind === 'signing' ? `signing ${number}` : key.kind, 32);
    const pub = encodeBase32(eddsa.publicKey(priv));
    return file(ed25519Name(key.kind, pub), { kind: key.kind, pub, priv: encodeBase32(priv) });
  }
  const { kind, cipher, ageMask } = key;
  const name = `${cipher} ${ageMask} ${number}`;
  if (cipher === 'CS') {
    const priv = cs.privateKey(expand(name, 64));
    const csPub = cs.publicKey(priv);
    const pub: DenominationPub = { cipher, ageMask, csPub };
    return file(denominationName(pub), { kind, cipher, ageMask, pub: encodeBase32(csPub), priv: encodeBase32(priv) });
  }
  const privateKey = rsaPrivateKeyOf(rsaComponents(name, key.bits));
  const { rsaPub } = rsaSigner(privateKey);
  const priv = exportRsaPrivateKey(privateKey);
  return file(denominationName({ cipher, ageMask, rsaPub }), {
    kind,
    cipher,
    ageMask,
    pub: encodeBase32(rsaPub),
    priv,
  });
}

const file = (name: KeyName, content: object) => ({ name, content: `${JSON.stringify(content)}\n` });

const denominationName = (pub: DenominationPub): KeyName => denominationKeyName(encodeBase32(hash.denomination(pub)));

function ed25519Name(kind: 'signing' | 'log' | 'master' | 'officer', pub: string): KeyName {
  return { signing: signingKeyName(pub), log: LOG_KEY, master: MASTER_KEY, officer: OFFICER_KEY }[kind];
}

function rsaComponents(name: string, bits: number) {
  for (let round = 0; ; round += 1) {
    const p = prime(`${name} p ${round}`, bits / 2);
    const q = prime(`${name} q ${round}`, bits / 2);
    const d = inverse(EXPONENT, (p - 1n) * (q - 1n));
    if (d !== undefined)
      return { n: bytesOf(p * q), e: bytesOf(EXPONENT), d: bytesOf(d), p: bytesOf(p), q: bytesOf(q) };
  }
}

/** With its two highest bits set, so that the product of two has its full length. */
function prime(name: string, bits: number): bigint {
  const start = BigInt(`0x${Buffer.from(expand(name, bits / 8)).toString('hex')}`);
  for (let candidate = start | (3n << BigInt(bits - 2)) | 1n; ; candidate += 2n) {
    if (checkPrimeSync(candidate)) return candidate;
  }
}

function inverse(value: bigint, modulus: bigint): bigint | undefined {
  let [r, previousR, t, previousT] = [modulus, value % modulus, 0n, 1n];
  while (r !== 0n) {
    const quotient = previousR / r;
    [previousR, r, previousT, t] = [r, previousR - quotient * r, t, previousT - quotient * t];
  }
  return previousR === 1n ? (previousT + modulus) % modulus : undefined;
}

function bytesOf(value: bigint): Uint8Array {
  const hex = value.toString(16);
  return new Uint8Array(Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex'));
}

type FolderPart =
  | 'development'
  | 'readKey'
  | 'createKey'
  | 'destroyKey'
  | 'readAccount'
  | 'createAccount'
  | 'destroyAccount'
  | 'accounts';

/** A key folder in memory. It outlives crashes, as files do. */
export class MemoryKeyFolder implements Pick<KeyFolder, FolderPart> {
  readonly development = true;
  private readonly keys = new Map<KeyName, string>();
  private readonly accountKeys = new Map<string, string>();
  private numbered = 0;

  /** For the next key that is made. */
  nextNumber(): number {
    this.numbered += 1;
    return this.numbered;
  }

  keyNames(): KeyName[] {
    return [...this.keys.keys()];
  }

  async readKey(name: KeyName): Promise<string | undefined> {
    return this.keys.get(name);
  }

  async createKey(name: KeyName, content: string): Promise<boolean> {
    return create(this.keys, name, content);
  }

  async destroyKey(name: KeyName): Promise<boolean> {
    return this.keys.delete(name);
  }

  async readAccount(hPayto: string): Promise<string | undefined> {
    return this.accountKeys.get(hPayto);
  }

  async createAccount(hPayto: string, content: string): Promise<boolean> {
    return create(this.accountKeys, hPayto, content);
  }

  async destroyAccount(hPayto: string): Promise<boolean> {
    return this.accountKeys.delete(hPayto);
  }

  async accounts(): Promise<string[]> {
    return [...this.accountKeys.keys()];
  }
}

function create(files: Map<string, string>, name: string, content: string): boolean {
  if (files.has(name)) return false;
  files.set(name, content);
  return true;
}
