import { availableParallelism } from 'node:os';
import type { BlindedPlanchet, BlindSignature, CsOperation, CsPublicPair } from '@florin/crypto';
import { concat } from '@florin/encoding';
import {
  denominationKeyName,
  type KeyFolder,
  type KeyName,
  LOG_KEY,
  MASTER_KEY,
  OFFICER_KEY,
  signingKeyName,
} from './key-folder.js';
import { pack, unpack } from './pack.js';
import {
  type BlindKey,
  type DenominationKey,
  type Ed25519Key,
  type Ed25519KeyKind,
  type NewKey,
  type PublicKey,
  SigningRefused,
} from './protocol.js';
import { SignerPool, type SignerStatus } from './signer-pool.js';
import type { SignerUser } from './signer-process.js';

/*
 * The exchange's side of its private keys: names and public parts are here, the private ones never are.
 * RSA signatures come verified (each signer raises what it made to the public exponent again before it answers);
 * Ed25519 and Clause-Schnorr signatures are libsodium's and BigInt's, and are not looked at a second time.
 */

export interface SignersOptions {
  readonly folder: KeyFolder;
  /** One for each core by default. */
  readonly processes?: number;
  /** Who they run as, if not as the user of this process; the key folder then belongs to that one. */
  readonly user?: SignerUser;
  /** After how long a job that is not answered fails with SignersUnavailable. */
  readonly deadlineMs?: number;
  /** A signer that gives no sign of life for this long is replaced. */
  readonly silenceMs?: number;
  /** How many blind signatures may be waited for at a time; beyond it, SignersBusy. */
  readonly queueMax?: number;
  /** Hears, in words without secrets, of signers that end and are replaced. */
  readonly onTrouble?: (what: string) => void;
}

/** A planchet that was paid for, to be signed. */
export interface BlindRequest {
  /** Canonical base32 of 64 bytes. */
  readonly denominationHash: string;
  readonly planchet: BlindedPlanchet;
  /** What the Clause-Schnorr nonce was derived for; `withdraw` unless said otherwise. */
  readonly operation?: CsOperation;
}

/** A Clause-Schnorr session nonce to be answered. */
export interface DeriveRequest {
  /** Canonical base32 of 64 bytes. */
  readonly denominationHash: string;
  /** 32 bytes. */
  readonly nonce: Uint8Array;
  readonly operation: CsOperation;
}

/** What the exchange knows of a key that its signers hold. */
interface HeldKey {
  /** Undefined as long as no signer has confirmed that it loaded it. */
  readonly key: PublicKey | undefined;
  readonly retired: boolean;
}

/** A batch is split over the signers where each part is worth a message of its own. */
const PART_MIN = 8;
/** So many take no longer than a few blind signatures, and let other short jobs pass. */
const DERIVED_AT_ONCE = 16;
/** Making a key of 4096 bits takes seconds, and more on a busy machine. */
const GENERATE_MS = 120_000;
const KEY_SIZE = 32;

export class Signers {
  private constructor(
    private readonly pool: SignerPool,
    private readonly held: Map<KeyName, HeldKey>,
  ) {}

  /** Starts the signers, which hold no key yet. @throws when they cannot be started */
  static async start(options: SignersOptions): Promise<Signers> {
    const held = new Map<KeyName, HeldKey>();
    const keys = () => [...held].map(([name, { retired }]) => ({ name, retired }));
    const defaults = { processes: availableParallelism(), deadlineMs: 15_000, silenceMs: 5_000, queueMax: 5_000 };
    const pool = await SignerPool.start({ ...defaults, onTrouble: () => {}, ...options, keys });
    return new Signers(pool, held);
  }

  /**
   * Has keys loaded that lie in the key folder, by every live signer and by those that will replace them.
   * @returns their public parts, in the same order
   * @throws SigningRefused when a file is missing or damaged; SignersUnavailable
   */
  async load(names: readonly KeyName[]): Promise<PublicKey[]> {
    for (const name of names) if (!this.held.has(name)) this.held.set(name, { key: undefined, retired: false });
    try {
      const ask = names.map((name) => ({ name, retired: this.held.get(name)?.retired === true }));
      const keys = await this.pool.everywhere('load', ask);
      for (const key of keys) this.held.set(key.name, { key, retired: this.held.get(key.name)?.retired === true });
      return [...keys];
    } catch (error) {
      for (const name of names) if (this.held.get(name)?.key === undefined) this.held.delete(name);
      throw error;
    }
  }

  /**
   * Makes a key in a signer; its file is durable and every live signer has loaded it when the promise is fulfilled. Of
   * log, master and officer key there is one: that which is there is loaded and answered.
   * @throws SigningRefused on sizes that are not allowed, and on a master or officer key in production
   */
  generate(key: NewKey & { readonly kind: 'denomination' }): Promise<DenominationKey>;
  generate(key: NewKey & { readonly kind: Ed25519KeyKind }): Promise<Ed25519Key>;
  async generate(key: NewKey): Promise<PublicKey> {
    const name = await this.pool.run('generate', key, { deadlineMs: GENERATE_MS });
    const [made] = await this.load([name]);
    return made as PublicKey;
  }

  /**
   * Revocation: nothing is signed under the denomination any more once the promise is fulfilled. A Clause-Schnorr key
   * goes on to derive R for recoups, until it is dropped.
   */
  async retire(denominationHash: string): Promise<void> {
    const name = denominationKeyName(denominationHash);
    this.held.set(name, { key: this.heldKey(name), retired: true });
    await this.pool.everywhere('retire', name);
  }

  /** Takes a key out of the signers' memory that nothing needs any more. Its file stays: see KeyFolder.destroyKey. */
  async drop(name: KeyName): Promise<void> {
    this.held.delete(name);
    await this.pool.everywhere('drop', name);
  }

  /** The public parts of all keys that the signers hold. */
  publicKeys(): PublicKey[] {
    return [...this.held.values()].flatMap(({ key }) => key ?? []);
  }

  /**
   * Signs a whole request, in its order. The same request again gives the same bytes.
   * @throws SigningRefused when one of them cannot be signed: then none is answered; SignersBusy, SignersUnavailable
   */
  async signBlinded(requests: readonly BlindRequest[]): Promise<BlindSignature[]> {
    for (const request of requests) this.checkRequest(request);
    const parts = Math.max(1, Math.min(this.pool.size, Math.floor(requests.length / PART_MIN)));
    const batches = inParts(requests, Math.ceil(requests.length / parts));
    return (await Promise.all(batches.map((batch) => this.signBatch(batch)))).flat();
  }

  /**
   * The exchange's answer to a Clause-Schnorr nonce; until the key is dropped, also when it is retired.
   * @param nonce 32 bytes
   * @throws SigningRefused for an RSA denomination; SignersBusy, SignersUnavailable
   */
  async deriveR(denominationHash: string, nonce: Uint8Array, operation: CsOperation): Promise<CsPublicPair> {
    const [pair] = await this.deriveAll([{ denominationHash, nonce, operation }]);
    return pair as CsPublicPair;
  }

  /** The same for many, in their order. @throws as `deriveR`: then none is answered */
  async deriveAll(requests: readonly DeriveRequest[]): Promise<CsPublicPair[]> {
    for (const { denominationHash } of requests) this.heldKey(denominationKeyName(denominationHash));
    const batches = inParts(requests, DERIVED_AT_ONCE).map(async (batch) => {
      const nonces = pack(batch.map(({ nonce }) => nonce));
      return unpack(await this.pool.run('derive', { ...indexed(batch), nonces }));
    });
    const pairs = (await Promise.all(batches)).flat();
    return pairs.map((pair) => ({ rPub0: pair.subarray(0, KEY_SIZE), rPub1: pair.subarray(KEY_SIZE) }));
  }

  /**
   * Signs messages with an online signing key; several may be alive at a time.
   * @param exchangePub canonical base32 of 32 bytes
   * @returns 64 bytes for each
   */
  sign(exchangePub: string, messages: readonly Uint8Array[]): Promise<Uint8Array[]> {
    return this.signWith(signingKeyName(exchangePub), messages);
  }

  /** Signs a head of the log. It waits for one blind signature at most, however many are being made. */
  async signHead(head: Uint8Array): Promise<Uint8Array> {
    return this.signOne(LOG_KEY, head);
  }

  /** Development only. @throws SigningRefused where the master key is kept offline, as it should be */
  async signMaster(message: Uint8Array): Promise<Uint8Array> {
    this.checkDevelopmentKey(MASTER_KEY, 'master');
    return this.signOne(MASTER_KEY, message);
  }

  /** Development only. @throws SigningRefused where officers keep their keys themselves, as they should */
  async signOfficer(message: Uint8Array): Promise<Uint8Array> {
    this.checkDevelopmentKey(OFFICER_KEY, 'officer');
    return this.signOne(OFFICER_KEY, message);
  }

  status(): SignerStatus[] {
    return this.pool.status();
  }

  /** What is not answered yet. */
  get backlog(): { readonly jobs: number; readonly signatures: number } {
    return this.pool.backlog;
  }

  /** Lets what was asked for be answered, then ends the signers. */
  close(): Promise<void> {
    return this.pool.close();
  }

  private async signBatch(requests: readonly BlindRequest[]): Promise<BlindSignature[]> {
    const planchets = pack(requests.map(({ planchet }) => planchetBytes(planchet)));
    const answers = unpack(
      await this.pool.run('blind', { ...indexed(requests), planchets }, { cost: requests.length }),
    );
    return requests.map(({ planchet }, i) => blindSignature(planchet.cipher, answers[i] as Uint8Array));
  }

  private checkRequest({ denominationHash, planchet }: BlindRequest): void {
    const name = denominationKeyName(denominationHash);
    const key = this.heldKey(name) as DenominationKey;
    if (this.held.get(name)?.retired) throw new SigningRefused('retired-key', `${name} signs nothing any more`);
    if (planchet.cipher !== key.pub.cipher) {
      throw new SigningRefused('malformed', `a planchet of cipher ${planchet.cipher} for a key of ${key.pub.cipher}`);
    }
    if (planchet.cipher === 'RSA') return;
    if ([planchet.c0, planchet.c1, planchet.nonce].every((part) => part.length === KEY_SIZE)) return;
    throw new SigningRefused('malformed', 'a Clause-Schnorr planchet has three parts of 32 bytes');
  }

  private async signWith(name: KeyName, messages: readonly Uint8Array[]): Promise<Uint8Array[]> {
    this.heldKey(name);
    return unpack(await this.pool.run('sign', { name, messages: pack(messages) }));
  }

  private async signOne(name: KeyName, message: Uint8Array): Promise<Uint8Array> {
    const [signature] = await this.signWith(name, [message]);
    return signature as Uint8Array;
  }

  private heldKey(name: KeyName): PublicKey {
    const key = this.held.get(name)?.key;
    if (key === undefined) throw new SigningRefused('unknown-key', `the signers hold no key ${name}`);
    return key;
  }

  private checkDevelopmentKey(name: KeyName, whose: string): void {
    if (this.held.get(name)?.key !== undefined) return;
    throw new SigningRefused('not-allowed', `no ${whose} key is held here: sign offline and import the signature`);
  }
}

/** The keys of requests, each once, and which of them each request is for. */
function indexed(requests: readonly Pick<BlindRequest, 'denominationHash' | 'operation'>[]) {
  const keys: BlindKey[] = [];
  const index = new Map<string, number>();
  const of = requests.map(({ denominationHash, operation = 'withdraw' }) => {
    const id = `${operation} ${denominationHash}`;
    const known = index.get(id);
    if (known !== undefined) return known;
    index.set(id, keys.length);
    return keys.push({ name: denominationKeyName(denominationHash), operation }) - 1;
  });
  return { keys, of };
}

function inParts<Item>(items: readonly Item[], size: number): Item[][] {
  const parts: Item[][] = [];
  for (let from = 0; from < items.length; from += size) parts.push(items.slice(from, from + size));
  return parts;
}

function planchetBytes(planchet: BlindedPlanchet): Uint8Array {
  return planchet.cipher === 'RSA' ? planchet.blindedPlanchet : concat(planchet.c0, planchet.c1, planchet.nonce);
}

function blindSignature(cipher: 'RSA' | 'CS', answer: Uint8Array): BlindSignature {
  if (cipher === 'RSA') return { cipher, blindSignature: answer };
  return { cipher, b: answer[0] === 1 ? 1 : 0, s: answer.subarray(1) };
}
