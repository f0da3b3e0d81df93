import { dirname, resolve } from 'node:path';
import { encodeBase32 } from '@florin/encoding';
import { createFile, readPrivateFile } from './files.js';
import { MASTER_KEY } from './key-folder.js';
import { type MasterOrder, orderMessages } from './master-orders.js';
import { type Ed25519Signer, generateKey, parseKey } from './private-keys.js';

/*
 * The master key in a file of its own, on a machine that no network reaches. The exchange never sees it; in development
 * the signers hold one in the key folder instead, in the same form.
 */

export class MasterKey {
  private constructor(private readonly key: Ed25519Signer) {}

  /**
   * Makes a key and its file, readable by its owner only.
   * @throws Error if the file is there already: a key is never overwritten
   */
  static async create(path: string): Promise<MasterKey> {
    const { content } = await generateKey({ kind: 'master' });
    if (!(await createFile(resolve(path), content, ownUid()))) {
      throw new Error(`${path} is there already, and a key is never overwritten`);
    }
    return MasterKey.open(path);
  }

  /** @throws Error when there is no such file; KeyFolderRefused when others may read it; EncodingError when damaged */
  static async open(path: string): Promise<MasterKey> {
    const text = await readPrivateFile(resolve(path), ownUid());
    if (text === undefined) throw new Error(`there is no key file ${path} in ${dirname(resolve(path))}`);
    return new MasterKey(parseKey(MASTER_KEY, text) as Ed25519Signer);
  }

  /** 32 bytes. */
  get pub(): Uint8Array {
    return this.key.public.pub;
  }

  /** The signatures that an order needs, base32 by their names in the request. */
  sign(order: MasterOrder): Record<string, string> {
    const messages = Object.entries(orderMessages(order, this.pub));
    return Object.fromEntries(messages.map(([name, bytes]) => [name, encodeBase32(this.key.sign(bytes))]));
  }
}

const ownUid = (): number => process.geteuid?.() ?? 0;
