/** The master key takes a denomination back: from now on its coins are recouped. */
import {
  accept,
  type Decision,
  type DenominationHash,
  type EddsaSignature,
  refuse,
  repeat,
  Streams,
} from '@florin/domain';
import { Ledger } from '@florin/event-store';
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import type { Refusal } from '../http/refusals.js';
import { Offering } from '../keys/offering.js';
import { Clock } from '../runtime/clock.js';
import { KeyRing } from '../runtime/key-ring.js';
import { MasterSignatures } from './master-signatures.js';
import { Revocations } from './revocations.js';

export type RevokeOutcome = Decision<undefined, Refusal, undefined>;

export class RevokeDenomination extends Command<RevokeOutcome> {
  constructor(
    readonly denominationHash: DenominationHash,
    /** MasterDenominationKeyRevocationPS. */
    readonly masterSignature: EddsaSignature,
  ) {
    super();
  }
}

@CommandHandler(RevokeDenomination)
export class RevokeDenominationHandler implements ICommandHandler<RevokeDenomination> {
  constructor(
    private readonly ledger: Ledger,
    private readonly streams: Streams,
    private readonly keys: KeyRing,
    private readonly master: MasterSignatures,
    private readonly revocations: Revocations,
    private readonly offering: Offering,
    private readonly clock: Clock,
  ) {}

  async execute({ denominationHash, masterSignature }: RevokeDenomination): Promise<RevokeOutcome> {
    const stream = this.streams.keys();
    const outcome = await this.ledger.transact([stream.name], async (tx): Promise<RevokeOutcome> => {
      const { terms, denominations, revoked } = await tx.load(stream);
      if (!terms) return refuse({ code: 'KEYS_MISSING', status: 500 });
      if (!denominations.has(denominationHash))
        return refuse({ code: 'DENOMINATION_UNKNOWN', denominationHash, oper: '' });
      const order = { kind: 'denomination-revocation', denominationHash } as const;
      const fault = await this.master.fault([{ order, signatures: { master_sig: masterSignature } }]);
      if (fault) return refuse(fault);
      if (revoked.has(denominationHash)) return repeat(undefined);
      tx.append(
        stream.append({ type: 'DenominationRevoked', denominationHash, masterSignature, at: this.clock.now() }),
      );
      return accept(undefined);
    });
    if (outcome.kind === 'refuse') return outcome;
    await this.revocations.enforce(await this.keys.confirm());
    this.offering.roundSoon();
    return outcome;
  }
}
