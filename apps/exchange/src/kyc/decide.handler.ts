/** An officer decides a legitimization case. The decision is signed by a key that the master key enrolled. */
import {
  type AccountHash,
  accept,
  type Decision,
  type EddsaPub,
  type EddsaSignature,
  refuse,
  repeat,
  Streams,
} from '@florin/domain';
import { decodeBase32 } from '@florin/encoding';
import { Ledger } from '@florin/event-store';
import { type LegitimizationVerdict, verdictMessage } from '@florin/signing';
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { Clock } from '../runtime/clock.js';
import { Cryptography } from '../runtime/cryptography.js';
import { KeyRing } from '../runtime/key-ring.js';

export type DecideOutcome = Decision<
  undefined,
  { readonly code: 'OFFICER_UNKNOWN' | 'OFFICER_SIGNATURE_INVALID' | 'CASE_UNKNOWN' | 'KEYS_UNAVAILABLE' },
  undefined
>;

export class DecideLegitimization extends Command<DecideOutcome> {
  constructor(
    readonly account: AccountHash,
    readonly verdict: LegitimizationVerdict,
    readonly officerPub: EddsaPub,
    readonly officerSignature: EddsaSignature,
  ) {
    super();
  }
}

@CommandHandler(DecideLegitimization)
export class DecideLegitimizationHandler implements ICommandHandler<DecideLegitimization> {
  constructor(
    private readonly ledger: Ledger,
    private readonly streams: Streams,
    private readonly keys: KeyRing,
    private readonly crypto: Cryptography,
    private readonly clock: Clock,
  ) {}

  async execute({ account, verdict, officerPub, officerSignature }: DecideLegitimization): Promise<DecideOutcome> {
    const book = this.keys.usableBook();
    if (!book) return refuse({ code: 'KEYS_UNAVAILABLE' });
    const officer = book.officers.get(officerPub);
    if (!officer?.active || officer.readOnly) return refuse({ code: 'OFFICER_UNKNOWN' });
    const signed = {
      message: verdictMessage(this.crypto.taler.hash, account, verdict),
      signature: decodeBase32(officerSignature, 64),
      pub: decodeBase32(officerPub, 32),
    };
    const [valid] = await this.crypto.verifyAll([signed]);
    if (!valid) return refuse({ code: 'OFFICER_SIGNATURE_INVALID' });

    const stream = this.streams.account(account);
    return this.ledger.transact([stream.name], async (tx) => {
      const { requirements } = await tx.load(stream);
      const known = requirements.find(({ requirement }) => requirement === verdict.requirement);
      if (!known) return refuse({ code: 'CASE_UNKNOWN' });
      if (known.decidedBy === officerSignature) return repeat(undefined);
      tx.append(
        stream.append({
          type: 'LegitimizationDecided',
          ...verdict,
          officerPub,
          officerSignature,
          at: this.clock.now(),
        }),
      );
      return accept(undefined);
    });
  }
}
