/**
 * Destroys private keys that nothing needs any more: what does not exist cannot be stolen.
 *
 * An RSA key signs until its denomination ends to be withdrawn; a Clause-Schnorr key derives R for recoups as long as
 * coins are redeemed, also when it is revoked; an online key signs until it expires. A day is left on top of it.
 */
import type { DenominationHash, EddsaPub, KeyBook } from '@florin/domain';
import { encodeBase32 } from '@florin/encoding';
import { KeyFolder, type PublicKey, Signers } from '@florin/signing';
import { Injectable } from '@nestjs/common';
import { Clock } from '../runtime/clock.js';
import { Log } from '../runtime/tokens.js';

/** Whoever sets a clock wrong by hours loses no key. */
const MARGIN_S = 86_400;

@Injectable()
export class ExpiredKeys {
  constructor(
    private readonly folder: KeyFolder,
    private readonly signers: Signers,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {}

  /** Destroys nothing while the clock is suspect. */
  async destroy(book: KeyBook): Promise<void> {
    if (this.clock.suspicion() !== undefined) return;
    const now = this.clock.now();
    for (const key of this.signers.publicKeys()) {
      const neededUntil = neededUntilOf(key, book);
      if (neededUntil === undefined || now < neededUntil + MARGIN_S) continue;
      await this.signers.drop(key.name);
      await this.folder.destroyKey(key.name);
      this.log.info({ key: key.name }, 'a private key that nothing needs any more was destroyed');
    }
  }
}

/** Seconds; undefined for keys that the ledger does not know, or that stay for good. Long ago if it was revoked. */
function neededUntilOf(key: PublicKey, book: KeyBook): number | undefined {
  if (key.kind === 'signing') {
    const exchangePub = encodeBase32(key.pub) as EddsaPub;
    return book.revokedSigningKeys.has(exchangePub) ? 0 : book.signingKeys.get(exchangePub)?.expire;
  }
  if (key.kind !== 'denomination') return undefined;
  const denominationHash = key.denominationHash as DenominationHash;
  const offered = book.denominations.get(denominationHash);
  if (key.pub.cipher === 'CS') return offered?.expireDeposit;
  return book.revoked.has(denominationHash) ? 0 : offered?.expireWithdraw;
}
