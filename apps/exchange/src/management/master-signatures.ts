/** Whether the master key signed what comes back. */
import { decodeBase32 } from '@florin/encoding';
import { type MasterOrder, orderMessages } from '@florin/signing';
import { Injectable } from '@nestjs/common';
import type { OrderSignatures } from '../keys/key-events.js';
import { MasterTerms } from '../keys/master-terms.js';
import { Cryptography } from '../runtime/cryptography.js';
import type { ManagementRefusal } from './refusals.js';

export interface SignedDecision {
  readonly order: MasterOrder;
  /** Base32 of 64 bytes each, by the names of `orderMessages`. */
  readonly signatures: OrderSignatures;
}

/** Signatures that a request may do without. */
const OPTIONAL = ['master_sig_wire_old'];

@Injectable()
export class MasterSignatures {
  constructor(
    private readonly crypto: Cryptography,
    private readonly terms: MasterTerms,
  ) {}

  /** The refusal for the first signature that is not the master key's; undefined if all are. */
  async fault(
    decisions: readonly SignedDecision[],
  ): Promise<Extract<ManagementRefusal, { code: 'MASTER_SIGNATURE_INVALID' }> | undefined> {
    const pub = await this.terms.masterPub();
    const jobs = decisions.flatMap(({ order, signatures }) =>
      Object.entries(orderMessages(order, pub)).flatMap(([name, message]) => {
        const signature = signatures[name];
        if (signature === undefined && OPTIONAL.includes(name)) return [];
        return { order, name, message, signature: decodeBase32(signature ?? '', 64), pub };
      }),
    );
    const good = await this.crypto.verifyAll(jobs.map(({ message, signature }) => ({ message, signature, pub })));
    const wrong = jobs[good.indexOf(false)];
    return wrong && { code: 'MASTER_SIGNATURE_INVALID', order: wrong.order.kind, name: wrong.name };
  }
}
