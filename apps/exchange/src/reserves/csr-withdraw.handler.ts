/** The first step of a Clause-Schnorr withdrawal: two public nonces R for the wallet's nonce. Changes nothing. */
import { accept, type Decision, type DenominationHash, refuse, usableDenomination } from '@florin/domain';
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import type { Refusal } from '../http/refusals.js';
import { Clock } from '../runtime/clock.js';
import { KeyRing } from '../runtime/key-ring.js';
import { ExchangeSigners } from '../runtime/signers.js';

/** Two points in base32. */
export type PublicNonces = readonly [string, string];
export type CsrWithdrawOutcome = Decision<PublicNonces, Refusal>;

export class CsrWithdraw extends Command<CsrWithdrawOutcome> {
  constructor(
    readonly denominationHash: DenominationHash,
    /** 32 bytes in base32. */
    readonly nonce: string,
  ) {
    super();
  }
}

@CommandHandler(CsrWithdraw)
export class CsrWithdrawHandler implements ICommandHandler<CsrWithdraw> {
  constructor(
    private readonly keys: KeyRing,
    private readonly signers: ExchangeSigners,
    private readonly clock: Clock,
  ) {}

  async execute({ denominationHash, nonce }: CsrWithdraw): Promise<CsrWithdrawOutcome> {
    const when = { now: this.clock.now(), until: 'expireWithdraw' } as const;
    const found = await this.keys.judge((book) => usableDenomination(book, denominationHash, when));
    if (found.kind === 'refuse') return refuse({ ...found.refusal, oper: 'csr-withdraw' });
    if (found.value.key.cipher !== 'CS') return refuse({ code: 'NOT_CLAUSE_SCHNORR', denominationHash });
    const [pair] = await this.signers.publicNonces([{ denominationHash, nonce }]);
    return accept(pair as readonly [string, string]);
  }
}
