/** Revoked keys sign nothing any more: the signers are told, also after a start. */
import type { DenominationHash, KeyBook } from '@florin/domain';
import { denominationKeyName, Signers } from '@florin/signing';
import { Injectable } from '@nestjs/common';

@Injectable()
export class Revocations {
  private readonly retired = new Set<DenominationHash>();

  constructor(private readonly signers: Signers) {}

  /**
   * Every live signer, and each that replaces one, refuses the revoked denominations once this is fulfilled. Revoked
   * signing keys nobody asks for again, and they are destroyed with the expired ones.
   */
  async enforce({ revoked }: KeyBook): Promise<void> {
    const due = [...revoked.keys()].filter((denominationHash) => !this.retired.has(denominationHash));
    if (due.length === 0) return;
    const held = new Set(this.signers.publicKeys().map(({ name }) => name));
    for (const denominationHash of due) {
      if (!held.has(denominationKeyName(denominationHash))) continue; // it is destroyed
      await this.signers.retire(denominationHash);
      this.retired.add(denominationHash);
    }
  }
}
