import { join } from 'node:path';
import {
  checkFiles,
  createFile,
  destroyFile,
  finishUnfinished,
  KeyFolderRefused,
  namesIn,
  privateFolder,
  readPrivateFile,
  replaceFile,
} from './files.js';

/*
 * The folder of all private keys of one exchange. All its nodes mount the same one.
 *
 *   ledger.json                     which ledger these keys belong to
 *   head.json                       the newest head that the log key signed, of the embedded store; public
 *   log.json                        signs the heads of the log
 *   master.json, officer.json       development only; in production they are kept offline
 *   denominations/<h_denom_pub>.json
 *   signing/<exchange_pub>.json     online signing keys
 *   accounts/<h_payto>.json         what bank account URIs are sealed under
 *   planned/<name of a key>.json    orders for keys that the offline master key has not signed yet; nothing secret
 */

/** Path of a private key inside the key folder. */
export type KeyName = string;

/** 64 bytes in canonical base32. */
const HASH = '[0-9A-HJKMNP-TV-Z]{103}';
/** 32 bytes in canonical base32. */
const KEY = '[0-9A-HJKMNP-TV-Z]{52}';
const KEY_NAME = new RegExp(`^(denominations/${HASH}|signing/${KEY}|log|master|officer)\\.json$`);
const ACCOUNT = new RegExp(`^${KEY}$`);
const PLAN = new RegExp(`^(${HASH}|${KEY})$`);
const SUFFIX = '.json';
const LEDGER = 'ledger.json';
/** In the key folder: how far the ledger was acknowledged. It does not belong in a backup of the keys. */
export const KEPT_HEAD = 'head.json';
const DENOMINATIONS = 'denominations';
const SIGNING = 'signing';
const ACCOUNTS = 'accounts';
const PLANNED = 'planned';
/** What production has no business to hold. */
const DEVELOPMENT_KEYS = ['master.json', 'officer.json'];

export const LOG_KEY: KeyName = 'log.json';
export const MASTER_KEY: KeyName = 'master.json';
export const OFFICER_KEY: KeyName = 'officer.json';
export const denominationKeyName = (denominationHash: string): KeyName =>
  `${DENOMINATIONS}/${denominationHash}${SUFFIX}`;
export const signingKeyName = (exchangePub: string): KeyName => `${SIGNING}/${exchangePub}${SUFFIX}`;

export interface KeyFolderOptions {
  /** Allows a master key and an officer key beside the data. */
  readonly development: boolean;
  /** The user who owns every file, by default the one this process runs as. */
  readonly uid?: number;
}

export class KeyFolder {
  private constructor(
    readonly path: string,
    readonly development: boolean,
    private readonly uid: number,
  ) {}

  /**
   * Opens the folder, creating it if it is not there, and cleans up what dead processes left unfinished.
   * @throws KeyFolderRefused if others could read it, if somebody else owns a part of it, or if it holds keys that
   *   production must not have
   */
  static async open(path: string, options: KeyFolderOptions): Promise<KeyFolder> {
    const folder = KeyFolder.at(path, options);
    for (const part of ['', DENOMINATIONS, SIGNING, ACCOUNTS, PLANNED]) {
      await privateFolder(join(path, part), folder.uid);
      await finishUnfinished(join(path, part));
      // The files of accounts may be very many: each is checked when it is read.
      if (part !== ACCOUNTS) await checkFiles(join(path, part), folder.uid);
    }
    for (const name of DEVELOPMENT_KEYS) {
      if (options.development || (await readPrivateFile(join(path, name), folder.uid)) === undefined) continue;
      throw new KeyFolderRefused(
        `${join(path, name)} was made for development: production keeps this key offline. Start with a key folder of ` +
          'its own, and a ledger that was not signed by it',
      );
    }
    return folder;
  }

  /** The folder as another process has opened and checked it. */
  static at(path: string, { development, uid = ownUid() }: KeyFolderOptions): KeyFolder {
    return new KeyFolder(path, development, uid);
  }

  /** Every private key that is there: denominations, signing keys, and those that there is only one of. */
  async keyNames(): Promise<KeyName[]> {
    const denominations = await namesIn(join(this.path, DENOMINATIONS), SUFFIX);
    const signing = await namesIn(join(this.path, SIGNING), SUFFIX);
    const single = await namesIn(this.path, SUFFIX);
    const names = [
      ...denominations.map(denominationKeyName),
      ...signing.map(signingKeyName),
      ...single.map((name) => `${name}${SUFFIX}`),
    ];
    return names.filter((name) => KEY_NAME.test(name));
  }

  /** @returns the text of a key file, for signers only; undefined if there is none */
  async readKey(name: KeyName): Promise<string | undefined> {
    return readPrivateFile(this.pathOf(name), this.uid);
  }

  /** @returns false if there is a key of this name already: that one stays */
  async createKey(name: KeyName, content: string): Promise<boolean> {
    return createFile(this.pathOf(name), content, this.uid);
  }

  /** Overwrites and removes a key that nothing needs any more. @returns false if there was none */
  async destroyKey(name: KeyName): Promise<boolean> {
    return destroyFile(this.pathOf(name));
  }

  /** @param hPayto normalised hash of the account, canonical base32 */
  async readAccount(hPayto: string): Promise<string | undefined> {
    return readPrivateFile(this.accountPath(hPayto), this.uid);
  }

  /** @returns false if the account has a key already: that one stays */
  async createAccount(hPayto: string, content: string): Promise<boolean> {
    return createFile(this.accountPath(hPayto), content, this.uid);
  }

  /** @returns false if there was none */
  async destroyAccount(hPayto: string): Promise<boolean> {
    return destroyFile(this.accountPath(hPayto));
  }

  /** Normalised hashes of all accounts that have a key. */
  async accounts(): Promise<string[]> {
    return (await namesIn(join(this.path, ACCOUNTS), SUFFIX)).filter((name) => ACCOUNT.test(name));
  }

  /**
   * Keeps the order for a key that was made and is not offered yet.
   * @param key hash of a denomination, or a signing key, in canonical base32
   */
  async createPlan(key: string, content: string): Promise<boolean> {
    return createFile(this.planPath(key), content, this.uid);
  }

  /** The orders that wait for the master key, by their keys. */
  async plans(): Promise<Map<string, string>> {
    const found = new Map<string, string>();
    for (const key of await namesIn(join(this.path, PLANNED), SUFFIX)) {
      const text = PLAN.test(key) ? await readPrivateFile(this.planPath(key), this.uid) : undefined;
      if (text !== undefined) found.set(key, text);
    }
    return found;
  }

  /** @returns false if there was none */
  async destroyPlan(key: string): Promise<boolean> {
    return destroyFile(this.planPath(key));
  }

  /** @returns the ledger that uses these keys, undefined as long as none does */
  async ledgerOf(): Promise<string | undefined> {
    const path = join(this.path, LEDGER);
    const text = await readPrivateFile(path, this.uid);
    if (text === undefined) return undefined;
    const marker = JSON.parse(text) as { ledger?: unknown };
    if (typeof marker.ledger !== 'string') throw new KeyFolderRefused(`${path} does not name a ledger`);
    return marker.ledger;
  }

  /**
   * Ties the keys to a ledger, for good: coins of two ledgers under one key could be spent in both. A second call with
   * the same name changes nothing.
   * @throws KeyFolderRefused if they belong to another one
   */
  async markLedger(name: string): Promise<void> {
    await createFile(join(this.path, LEDGER), `${JSON.stringify({ ledger: name })}\n`, this.uid);
    const owner = await this.ledgerOf();
    if (owner !== name) {
      throw new KeyFolderRefused(`the keys in ${this.path} belong to the ledger ${owner}, not to ${name}`);
    }
  }

  /** @returns the signed note that was kept last, undefined if there is none */
  async keptHead(): Promise<string | undefined> {
    const path = join(this.path, KEPT_HEAD);
    const text = await readPrivateFile(path, this.uid);
    if (text === undefined) return undefined;
    try {
      const { note } = JSON.parse(text) as { note?: unknown };
      if (typeof note === 'string') return note;
    } catch {
      // as below
    }
    throw new KeyFolderRefused(`${path} holds no head of a ledger: move it away if nobody knows why`);
  }

  /** Durable when it is fulfilled. @param note of the newest head */
  keepHead(note: string): Promise<void> {
    return replaceFile(join(this.path, KEPT_HEAD), `${JSON.stringify({ note })}\n`, this.uid);
  }

  private pathOf(name: KeyName): string {
    if (!KEY_NAME.test(name)) throw new RangeError(`${JSON.stringify(name)} is not the name of a key file`);
    return join(this.path, name);
  }

  private planPath(key: string): string {
    if (!PLAN.test(key)) throw new RangeError('a plan is named by its key, in canonical base32');
    return join(this.path, PLANNED, `${key}${SUFFIX}`);
  }

  private accountPath(hPayto: string): string {
    if (!ACCOUNT.test(hPayto)) throw new RangeError('an account is named by 32 bytes in canonical base32');
    return join(this.path, ACCOUNTS, `${hPayto}${SUFFIX}`);
  }
}

function ownUid(): number {
  const uid = process.geteuid?.();
  if (uid === undefined) throw new KeyFolderRefused('key files need a system with users and modes');
  return uid;
}
