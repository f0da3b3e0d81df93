import { dirname, resolve } from 'node:path';
import { taler } from '@florin/crypto';
import { serverPrimitives } from '@florin/crypto/server';
import { EncodingError, encodeBase32 } from '@florin/encoding';
import { createFile, readPrivateFile } from './files.js';
import { MASTER_KEY, OFFICER_KEY } from './key-folder.js';
import { type MasterOrder, orderMessages } from './master-orders.js';
import { type Ed25519Signer, generateKey, parseKey } from './private-keys.js';
import { type LegitimizationVerdict, verdictMessage } from './verdicts.js';

/*
 * Keys in files of their own, on machines of their own: the master key, which no network reaches, and those of the
 * officers. The exchange never sees them; in development the signers hold one of each in the key folder instead, in the
 * same form.
 */

type OfflineKind = 'master' | 'officer';

const WHOSE = { master: 'the exchange, its master key', officer: 'an officer' } as const;
const NAMES = { master: MASTER_KEY, officer: OFFICER_KEY } as const;
const { hash } = taler(serverPrimitives);

export class MasterKey {
  private constructor(private readonly key: Ed25519Signer) {}

  /**
   * Makes a key and its file, readable by its owner only.
   * @throws Error if the file is there already: a key is never overwritten
   */
  static async create(path: string): Promise<MasterKey> {
    return new MasterKey(await create(path, 'master'));
  }

  /** @throws Error when there is no such file; KeyFolderRefused when others may read it; EncodingError when damaged */
  static async open(path: string): Promise<MasterKey> {
    return new MasterKey(await open(path, 'master'));
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

/** Of somebody who decides legitimizations; the master key enrols it. */
export class OfficerKey {
  private constructor(private readonly key: Ed25519Signer) {}

  /** See {@link MasterKey.create}. */
  static async create(path: string): Promise<OfficerKey> {
    return new OfficerKey(await create(path, 'officer'));
  }

  /** See {@link MasterKey.open}. */
  static async open(path: string): Promise<OfficerKey> {
    return new OfficerKey(await open(path, 'officer'));
  }

  /** Base32 of 32 bytes. */
  get pub(): string {
    return encodeBase32(this.key.public.pub);
  }

  /** @param account normalised hash of the account, base32 @returns base32 of 64 bytes */
  sign(account: string, verdict: LegitimizationVerdict): string {
    return encodeBase32(this.key.sign(verdictMessage(hash, account, verdict)));
  }
}

async function create(path: string, kind: OfflineKind): Promise<Ed25519Signer> {
  const { content } = await generateKey({ kind });
  if (!(await createFile(resolve(path), content, ownUid()))) {
    throw new Error(`${path} is there already, and a key is never overwritten`);
  }
  return open(path, kind);
}

async function open(path: string, kind: OfflineKind): Promise<Ed25519Signer> {
  const text = await readPrivateFile(resolve(path), ownUid());
  if (text === undefined) throw new Error(`there is no key file ${path} in ${dirname(resolve(path))}`);
  try {
    return parseKey(NAMES[kind], text) as Ed25519Signer;
  } catch (error) {
    if (error instanceof EncodingError) throw new EncodingError(`${path} with the key of ${WHOSE[kind]}`, error.got);
    throw error;
  }
}

const ownUid = (): number => process.geteuid?.() ?? 0;
