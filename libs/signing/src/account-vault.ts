import { randomBytes } from 'node:crypto';
import { taler } from '@florin/crypto';
import { serverPrimitives } from '@florin/crypto/server';
import { concat, decodeBase32, EncodingError, encodeBase32, equalBytes, kindOf } from '@florin/encoding';
import type { KeyFolder } from './key-folder.js';

/*
 * Bank account URIs hold names and must be forgettable; the log forgets nothing. So events carry the URI sealed under a
 * key that each account has of its own, outside of the log:
 *
 *   seal:    key file of the account created and synced -> base32( nonce | XSalsa20-Poly1305(URI) ) -> event
 *   forget:  key file destroyed; hashes, sums and proofs stay as they are
 *
 * nonce = the first 8 bytes of SHA-512(key) | 16 random bytes: a text that was sealed before the account was forgotten
 * is told from one that was damaged, also when the account has a new key since.
 */

/** A sealed text that was changed, or that belongs to another account. */
export class DamagedSeal extends Error {
  override readonly name = 'DamagedSeal';
}

/** What opens everything that is sealed for one account; for auditors. */
export interface AccountKey {
  /** Normalised hash of the account, canonical base32 of 32 bytes. */
  readonly hPayto: string;
  /** Base32 of 32 bytes. */
  readonly key: string;
}

export interface AccountVaultOptions {
  /** How many keys are kept in memory. */
  readonly cacheMax?: number;
  /** How long a key read from its file may open texts, though another node may have destroyed it meanwhile. */
  readonly cacheMs?: number;
}

interface CachedKey {
  readonly key: Uint8Array;
  readonly untilMs: number;
}

const KEY_SIZE = 32;
const KEY_ID_SIZE = 8;
const NONCE_SIZE = 24;
const BOX_OVERHEAD = 16;
const { secretbox, sha512 } = serverPrimitives;
const { hash } = taler(serverPrimitives);

export class AccountVault {
  /** In the order of last use. */
  private readonly cache = new Map<string, CachedKey>();
  private readonly cacheMax: number;
  private readonly cacheMs: number;

  constructor(
    private readonly folder: Pick<KeyFolder, 'readAccount' | 'createAccount' | 'destroyAccount' | 'accounts'>,
    { cacheMax = 10_000, cacheMs = 10_000 }: AccountVaultOptions = {},
  ) {
    this.cacheMax = cacheMax;
    this.cacheMs = cacheMs;
  }

  /**
   * Seals an account's URI; its key is durable before the promise is fulfilled. The key is read from its file each
   * time, for what is sealed under one that another node has destroyed is lost.
   * @param hPayto normalised hash of `uri`, canonical base32
   * @throws EncodingError if it is not the hash of `uri`
   */
  async seal(hPayto: string, uri: string): Promise<string> {
    if (normalizedHash(uri) !== hPayto)
      throw new EncodingError('the normalised hash of the account URI', 'another one');
    const key = (await this.readKey(hPayto)) ?? (await this.createKey(hPayto));
    const nonce = concat(keyId(key), randomBytes(NONCE_SIZE - KEY_ID_SIZE));
    return encodeBase32(concat(nonce, secretbox.seal(new TextEncoder().encode(uri), nonce, key)));
  }

  /**
   * @returns undefined when the account was forgotten after this was sealed
   * @throws DamagedSeal when this is not what was sealed for the account; EncodingError when it is not base32
   */
  async unseal(hPayto: string, sealed: string): Promise<string | undefined> {
    const key = await this.keyToOpen(hPayto);
    return key === undefined ? undefined : open(hPayto, key, sealed);
  }

  /**
   * Destroys the account's key. The caller makes sure that nothing is owed to it and that nothing is being sealed.
   * Other nodes go on to open what they have the key of in memory, for as long as `cacheMs`.
   * @returns false if there was none
   */
  async forget(hPayto: string): Promise<boolean> {
    const destroyed = await this.folder.destroyAccount(hPayto);
    this.cache.delete(hPayto);
    return destroyed;
  }

  /** The keys of all accounts, for an auditor. */
  async *keys(): AsyncGenerator<AccountKey> {
    for (const hPayto of await this.folder.accounts()) {
      const key = await this.readKey(hPayto);
      if (key !== undefined) yield { hPayto, key: encodeBase32(key) };
    }
  }

  private async createKey(hPayto: string): Promise<Uint8Array> {
    const content: AccountKey = { hPayto, key: encodeBase32(randomBytes(KEY_SIZE)) };
    await this.folder.createAccount(hPayto, `${JSON.stringify(content)}\n`);
    const key = await this.readKey(hPayto); // that of another node if it was faster
    if (key === undefined) throw new Error('the account was forgotten while its key was created');
    return key;
  }

  private async readKey(hPayto: string): Promise<Uint8Array | undefined> {
    const text = await this.folder.readAccount(hPayto);
    if (text === undefined) return undefined;
    const key = parseAccountKey(hPayto, text);
    if (key !== undefined) return key;
    // Either it was being overwritten while we read, and is gone by now, or it is damaged.
    const again = await this.folder.readAccount(hPayto);
    if (again === undefined) return undefined;
    const found = parseAccountKey(hPayto, again);
    if (found === undefined) throw new Error(`the key file of the account ${hPayto} is damaged`);
    return found;
  }

  private async keyToOpen(hPayto: string): Promise<Uint8Array | undefined> {
    const cached = this.cache.get(hPayto);
    this.cache.delete(hPayto);
    if (cached !== undefined && performance.now() < cached.untilMs) {
      this.cache.set(hPayto, cached);
      return cached.key;
    }
    const key = await this.readKey(hPayto);
    if (key === undefined) return undefined;
    this.cache.set(hPayto, { key, untilMs: performance.now() + this.cacheMs });
    const [oldest] = this.cache.keys();
    if (this.cache.size > this.cacheMax && oldest !== undefined) this.cache.delete(oldest);
    return key;
  }
}

/**
 * Opens a sealed URI with the account's key alone, as an auditor does.
 * @returns undefined when it was sealed under an earlier key, which is destroyed
 * @throws DamagedSeal, EncodingError
 */
export function openSealed({ hPayto, key }: AccountKey, sealed: string): string | undefined {
  return open(hPayto, decodeBase32(key, KEY_SIZE), sealed);
}

function open(hPayto: string, key: Uint8Array, sealed: string): string | undefined {
  const bytes = decodeBase32(sealed);
  if (bytes.length < NONCE_SIZE + BOX_OVERHEAD) throw new EncodingError('a sealed account URI', kindOf(bytes));
  const nonce = bytes.subarray(0, NONCE_SIZE);
  if (!equalBytes(nonce.subarray(0, KEY_ID_SIZE), keyId(key))) return undefined;
  const opened = secretbox.open(bytes.subarray(NONCE_SIZE), nonce, key);
  if (opened === undefined) throw new DamagedSeal('the sealed account URI was changed');
  const uri = new TextDecoder().decode(opened);
  if (normalizedHash(uri) !== hPayto) throw new DamagedSeal('the sealed account URI belongs to another account');
  return uri;
}

const normalizedHash = (uri: string): string => encodeBase32(hash.normalizedPayto(uri));

function keyId(key: Uint8Array): Uint8Array {
  return sha512(key).subarray(0, KEY_ID_SIZE);
}

/** @returns undefined when this is not the key file of the account */
function parseAccountKey(hPayto: string, text: string): Uint8Array | undefined {
  try {
    const content = JSON.parse(text) as Partial<AccountKey>;
    return content.hPayto === hPayto ? decodeBase32(content.key ?? '', KEY_SIZE) : undefined;
  } catch {
    return undefined;
  }
}
