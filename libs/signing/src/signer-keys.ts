import type { CsOperation } from '@florin/crypto';
import { type KeyFolder, type KeyName, LOG_KEY, MASTER_KEY, OFFICER_KEY } from './key-folder.js';
import { type DenominationSigner, type Ed25519Signer, generateKey, type PrivateKey, parseKey } from './private-keys.js';
import { type KeyToLoad, type NewKey, type PublicKey, SigningRefused } from './protocol.js';

/** The keys that there is one of. */
const SINGLE: Readonly<Partial<Record<NewKey['kind'], KeyName>>> = {
  log: LOG_KEY,
  master: MASTER_KEY,
  officer: OFFICER_KEY,
};

/** The private keys of one signer process, and what it does with them. */
export class SignerKeys {
  private readonly keys = new Map<KeyName, PrivateKey>();
  private readonly retired = new Set<KeyName>();

  /** @param generateFile makes a key that is not there yet; simulations make theirs from seeds */
  constructor(
    private readonly folder: Pick<KeyFolder, 'development' | 'readKey' | 'createKey'>,
    private readonly generateFile: typeof generateKey = generateKey,
  ) {}

  /** Loads keys that are not loaded yet. @throws SigningRefused when a file is missing; EncodingError when damaged */
  async load(keys: readonly KeyToLoad[]): Promise<PublicKey[]> {
    const loaded: PublicKey[] = [];
    for (const { name, retired } of keys) {
      const key = this.keys.get(name) ?? (await this.read(name));
      this.keys.set(name, key);
      if (retired) this.retired.add(name);
      loaded.push(key.public);
    }
    return loaded;
  }

  /** Makes a key and its file, without loading it. Of the single ones, that which is there stays. */
  async generate(key: NewKey): Promise<KeyName> {
    if ((key.kind === 'master' || key.kind === 'officer') && !this.folder.development) {
      throw new SigningRefused('not-allowed', `production keeps its ${key.kind} key offline`);
    }
    const single = SINGLE[key.kind];
    if (single !== undefined && (await this.folder.readKey(single)) !== undefined) return single;
    const { name, content } = await this.generateFile(key);
    await this.folder.createKey(name, content);
    return name;
  }

  retire(name: KeyName): void {
    this.denomination(name);
    this.retired.add(name);
  }

  drop(name: KeyName): void {
    this.keys.delete(name);
    this.retired.delete(name);
  }

  /** See {@link DenominationSigner.sign}. @throws SigningRefused, EncodingError */
  signBlinded(name: KeyName, planchet: Uint8Array, operation: CsOperation): Uint8Array {
    if (this.retired.has(name)) throw new SigningRefused('retired-key', `${name} signs nothing any more`);
    return this.denomination(name).sign(planchet, operation);
  }

  /** Retired keys do it too. @throws SigningRefused, EncodingError */
  deriveR(name: KeyName, nonce: Uint8Array, operation: CsOperation): Uint8Array {
    return this.denomination(name).deriveR(nonce, operation);
  }

  /** @throws SigningRefused */
  sign(name: KeyName, messages: readonly Uint8Array[]): Uint8Array[] {
    const key = this.keys.get(name);
    if (key === undefined || isDenomination(key)) throw unknownKey(name);
    return messages.map((message) => key.sign(message));
  }

  private async read(name: KeyName): Promise<PrivateKey> {
    const text = await this.folder.readKey(name);
    if (text === undefined) throw unknownKey(name);
    return parseKey(name, text);
  }

  private denomination(name: KeyName): DenominationSigner {
    const key = this.keys.get(name);
    if (key === undefined || !isDenomination(key)) throw unknownKey(name);
    return key;
  }
}

function isDenomination(key: DenominationSigner | Ed25519Signer): key is DenominationSigner {
  return key.public.kind === 'denomination';
}

function unknownKey(name: KeyName): SigningRefused {
  return new SigningRefused('unknown-key', `there is no key ${name}`);
}
