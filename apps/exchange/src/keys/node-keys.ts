/** Whether the signers of this node hold all keys that are offered, whichever node has made them. */
import type { KeyBook } from '@florin/domain';
import { denominationKeyName, type KeyName, Signers, SigningRefused, signingKeyName } from '@florin/signing';
import { Injectable } from '@nestjs/common';
import { Revocations } from '../management/revocations.js';
import { Clock } from '../runtime/clock.js';
import { KeyRing } from '../runtime/key-ring.js';
import { Log } from '../runtime/tokens.js';
import { ExpiredKeys } from './expired-keys.js';

@Injectable()
export class NodeKeys {
  private reported = '';

  constructor(
    private readonly keys: KeyRing,
    private readonly signers: Signers,
    private readonly revocations: Revocations,
    private readonly expired: ExpiredKeys,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {}

  /**
   * Has the signers load what other nodes have offered, refuse what was revoked, and drop what nothing needs any more.
   * A node that lacks a key is not ready: it answers as if there were no keys.
   */
  async round(): Promise<'ready' | 'lacking' | 'nothing offered'> {
    const book = this.keys.shownBook();
    if (!book) return 'nothing offered';
    const held = new Set(this.signers.publicKeys().map(({ name }) => name));
    const missing = neededNow(book, this.clock.now()).filter((name) => !held.has(name));
    const lacking: KeyName[] = [];
    for (const name of missing) if (!(await this.load(name))) lacking.push(name);
    await this.revocations.enforce(book);
    await this.expired.destroy(book);
    this.keys.lack(lacking);
    this.report(lacking);
    if (lacking.length > 0) return 'lacking';
    return book.denominations.size > 0 && this.keys.activeSigningKey() ? 'ready' : 'nothing offered';
  }

  private async load(name: KeyName): Promise<boolean> {
    try {
      await this.signers.load([name]);
      return true;
    } catch (error) {
      if (error instanceof SigningRefused) return false;
      throw error;
    }
  }

  private report(lacking: readonly KeyName[]): void {
    const text = lacking.join(' ');
    if (text === this.reported) return;
    this.reported = text;
    if (text === '') this.log.info({}, 'this node holds all keys that are offered');
    else this.log.error({ lacking }, 'offered keys are not in the key folder of this node: it does not serve');
  }
}

/** The private keys that something which may be asked for now needs. */
function neededNow({ denominations, revoked, signingKeys, revokedSigningKeys }: KeyBook, now: number): KeyName[] {
  const names: KeyName[] = [];
  for (const { denominationHash, key, expireWithdraw, expireDeposit } of denominations.values()) {
    // A Clause-Schnorr key derives R for recoups, also when it is revoked.
    const isNeeded = key.cipher === 'CS' ? now < expireDeposit : now < expireWithdraw && !revoked.has(denominationHash);
    if (isNeeded) names.push(denominationKeyName(denominationHash));
  }
  for (const { exchangePub, expire } of signingKeys.values()) {
    if (now < expire && !revokedSigningKeys.has(exchangePub)) names.push(signingKeyName(exchangePub));
  }
  return names;
}
