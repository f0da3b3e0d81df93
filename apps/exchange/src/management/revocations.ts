/** A revoked denomination signs nothing any more: the signers are told, also after a start. */
import type { DenominationHash, KeyBook } from '@florin/domain';
import { Signers } from '@florin/signing';
import { Injectable } from '@nestjs/common';

@Injectable()
export class Revocations {
  private readonly retired = new Set<DenominationHash>();

  constructor(private readonly signers: Signers) {}

  /** Every live signer, and each that replaces one, refuses the revoked keys once this is fulfilled. */
  async enforce({ revoked }: KeyBook): Promise<void> {
    for (const denominationHash of revoked.keys()) {
      if (this.retired.has(denominationHash)) continue;
      await this.signers.retire(denominationHash);
      this.retired.add(denominationHash);
    }
  }
}
