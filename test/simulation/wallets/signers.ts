import type { BlindSignature, CsOperation, CsPublicPair } from '@florin/crypto';
import { concat } from '@florin/encoding';
import {
  type BlindRequest,
  type DenominationKey,
  type DeriveRequest,
  denominationKeyName,
  type Ed25519Key,
  type Ed25519KeyKind,
  type KeyName,
  LOG_KEY,
  MASTER_KEY,
  type NewKey,
  OFFICER_KEY,
  type PublicKey,
  type SignerStatus,
  type Signers,
  signingKeyName,
} from '@florin/signing';
import { SignerKeys } from '@florin/signing/signer-keys';
import { fixedKey, type MemoryKeyFolder } from './fixed-keys.js';

/** Parks what is asked until its turn comes. */
export type Park = <T>(work: () => Promise<T> | T) => Promise<T>;

/** The signers without processes of their own: the same keys and the same signatures, each job when its turn comes. */
export class LocalSigners implements Pick<Signers, keyof Signers> {
  private readonly keys: SignerKeys;
  private readonly held = new Map<KeyName, PublicKey>();

  constructor(
    folder: MemoryKeyFolder,
    private readonly park: Park,
  ) {
    this.keys = new SignerKeys(folder, async (key) => fixedKey(key, folder.nextNumber()));
  }

  async load(names: readonly KeyName[]): Promise<PublicKey[]> {
    const loaded = await this.keys.load(names.map((name) => ({ name, retired: false })));
    for (const key of loaded) this.held.set(key.name, key);
    return loaded;
  }

  generate(key: NewKey & { readonly kind: 'denomination' }): Promise<DenominationKey>;
  generate(key: NewKey & { readonly kind: Ed25519KeyKind }): Promise<Ed25519Key>;
  async generate(key: NewKey): Promise<PublicKey> {
    const [made] = await this.load([await this.keys.generate(key)]);
    return made as PublicKey;
  }

  async retire(denominationHash: string): Promise<void> {
    await this.park(() => this.keys.retire(denominationKeyName(denominationHash)));
  }

  async drop(name: KeyName): Promise<void> {
    this.held.delete(name);
    this.keys.drop(name);
  }

  publicKeys(): PublicKey[] {
    return [...this.held.values()];
  }

  signBlinded(requests: readonly BlindRequest[]): Promise<BlindSignature[]> {
    return this.park(() => requests.map((request) => this.signOne(request)));
  }

  async deriveR(denominationHash: string, nonce: Uint8Array, operation: CsOperation): Promise<CsPublicPair> {
    return (await this.deriveAll([{ denominationHash, nonce, operation }]))[0] as CsPublicPair;
  }

  deriveAll(requests: readonly DeriveRequest[]): Promise<CsPublicPair[]> {
    return this.park(() =>
      requests.map(({ denominationHash, nonce, operation = 'withdraw' }) => {
        const pair = this.keys.deriveR(denominationKeyName(denominationHash), nonce, operation);
        return { rPub0: pair.subarray(0, 32), rPub1: pair.subarray(32) };
      }),
    );
  }

  sign(exchangePub: string, messages: readonly Uint8Array[]): Promise<Uint8Array[]> {
    return this.park(() => this.keys.sign(signingKeyName(exchangePub), messages));
  }

  signHead(head: Uint8Array): Promise<Uint8Array> {
    return this.signWith(LOG_KEY, head);
  }

  signMaster(message: Uint8Array): Promise<Uint8Array> {
    return this.signWith(MASTER_KEY, message);
  }

  signOfficer(message: Uint8Array): Promise<Uint8Array> {
    return this.signWith(OFFICER_KEY, message);
  }

  status(): SignerStatus[] {
    return [];
  }

  get backlog(): { readonly jobs: number; readonly signatures: number } {
    return { jobs: 0, signatures: 0 };
  }

  async close(): Promise<void> {}

  private async signWith(name: KeyName, message: Uint8Array): Promise<Uint8Array> {
    return this.keys.sign(name, [message])[0] as Uint8Array;
  }

  private signOne({ denominationHash, planchet, operation = 'withdraw' }: BlindRequest): BlindSignature {
    const name = denominationKeyName(denominationHash);
    if (planchet.cipher === 'RSA') {
      return { cipher: 'RSA', blindSignature: this.keys.signBlinded(name, planchet.blindedPlanchet, operation) };
    }
    const { c0, c1, nonce } = planchet;
    const answer = this.keys.signBlinded(name, concat(c0, c1, nonce), operation);
    return { cipher: 'CS', b: answer[0] === 1 ? 1 : 0, s: answer.subarray(1) };
  }
}
