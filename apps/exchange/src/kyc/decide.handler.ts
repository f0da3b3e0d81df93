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
  standingDecision,
} from '@florin/domain';
import { decodeBase32 } from '@florin/encoding';
import { Ledger } from '@florin/event-store';
import { type LegitimizationVerdict, verdictMessage } from '@florin/signing';
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { Clock } from '../runtime/clock.js';
import { Cryptography } from '../runtime/cryptography.js';
import { KeyRing } from '../runtime/key-ring.js';

/** The time that the officer signed: of the decision that stands, if it was made before. */
interface Decided {
  readonly decidedAt: number;
}

export type DecideOutcome = Decision<
  Decided,
  {
    readonly code:
      | 'OFFICER_UNKNOWN'
      | 'OFFICER_SIGNATURE_INVALID'
      | 'CASE_UNKNOWN'
      | 'DECISION_MORE_RECENT'
      | 'KEYS_UNAVAILABLE';
  },
  Decided
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

  async execute(command: DecideLegitimization): Promise<DecideOutcome> {
    const { account, verdict, officerPub, officerSignature } = command;
    const stream = this.streams.account(account);
    return this.ledger.transact([stream.name], async (tx) => {
      const { requirements } = await tx.load(stream);
      const known = requirements.find(({ requirement }) => requirement === verdict.requirement);
      if (known?.decision?.officerSignature === officerSignature) return repeat(known.decision);
      const refusal = await this.refusalOf(command);
      if (refusal) return refuse({ code: refusal });
      if (!known) return refuse({ code: 'CASE_UNKNOWN' });
      const standing = standingDecision(known, { ...verdict, officerPub });
      if (standing) return repeat(standing);
      // A signature can be sent again by whoever has seen it: it takes nothing newer back.
      const { decision } = known;
      if (decision && verdict.decidedAt < decision.decidedAt) return refuse({ code: 'DECISION_MORE_RECENT' });
      tx.append(
        stream.append({
          type: 'LegitimizationDecided',
          ...verdict,
          officerPub,
          officerSignature,
          at: this.clock.now(),
        }),
      );
      return accept({ decidedAt: verdict.decidedAt });
    });
  }

  /** Why nobody may decide so, apart from the case. */
  private async refusalOf({ account, verdict, officerPub, officerSignature }: DecideLegitimization) {
    const book = this.keys.usableBook();
    if (!book) return 'KEYS_UNAVAILABLE';
    const officer = book.officers.get(officerPub);
    if (!officer?.active || officer.readOnly) return 'OFFICER_UNKNOWN';
    const signed = {
      message: verdictMessage(this.crypto.taler.hash, account, verdict),
      signature: decodeBase32(officerSignature, 64),
      pub: decodeBase32(officerPub, 32),
    };
    const [valid] = await this.crypto.verifyAll([signed]);
    return valid ? undefined : 'OFFICER_SIGNATURE_INVALID';
  }
}
