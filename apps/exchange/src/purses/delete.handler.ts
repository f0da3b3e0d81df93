/** The owner of a purse ends it before anybody merged it: every coin gets its money back. */
import {
  accept,
  type Decision,
  decidePurseDelete,
  type EddsaSignature,
  type PursePub,
  repeat,
  Streams,
} from '@florin/domain';
import { Ledger } from '@florin/event-store';
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import type { Refusal } from '../http/refusals.js';
import { Clock } from '../runtime/clock.js';
import { PurseExpiry } from './expiry.js';

export type DeleteOutcome = Decision<undefined, Refusal, undefined>;

/** Precondition: PurseDeletePS is verified. */
export class DeletePurse extends Command<DeleteOutcome> {
  constructor(
    readonly pursePub: PursePub,
    readonly purseSignature: EddsaSignature,
  ) {
    super();
  }
}

@CommandHandler(DeletePurse)
export class DeletePurseHandler implements ICommandHandler<DeletePurse> {
  constructor(
    private readonly ledger: Ledger,
    private readonly streams: Streams,
    private readonly expiry: PurseExpiry,
    private readonly clock: Clock,
  ) {}

  async execute({ pursePub, purseSignature }: DeletePurse): Promise<DeleteOutcome> {
    const stream = this.streams.purse(pursePub);
    await this.expiry.settle(pursePub);
    const { request } = await this.ledger.peek(stream);
    const requesting = request ? [this.streams.reserve(request.reservePub).name] : [];
    const outcome = await this.ledger.transact([stream.name, ...requesting], async (tx): Promise<DeleteOutcome> => {
      const purse = await tx.load(stream);
      const decision = decidePurseDelete(purse, { pursePub, purseSignature, now: this.clock.now() });
      if (decision.kind === 'repeat') return repeat(undefined);
      if (decision.kind === 'refuse') return decision;
      tx.append(stream.append(decision.value.purse));
      if (decision.value.reserve && purse.request) {
        const reserve = this.streams.reserve(purse.request.reservePub);
        await tx.load(reserve);
        tx.append(reserve.append(decision.value.reserve));
      }
      return accept(undefined);
    });
    if (outcome.kind !== 'refuse') await this.expiry.settle(pursePub);
    return outcome;
  }
}
