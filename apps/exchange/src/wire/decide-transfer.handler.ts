/** An admin decides about a transfer that the bank refused for good: the same account again, or another one. */
import { accept, type Decision, type EddsaPub, type HashCode, refuse, repeat, Streams } from '@florin/domain';
import { Ledger } from '@florin/event-store';
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { Accounts } from '../runtime/accounts.js';
import { Clock } from '../runtime/clock.js';
import { Cryptography } from '../runtime/cryptography.js';

export type DecideTransferOutcome = Decision<
  { readonly nextRequestUid: HashCode },
  { readonly code: 'TRANSFER_UNKNOWN' | 'TRANSFER_NOT_REJECTED' | 'WIRE_METHOD_UNSUPPORTED' },
  { readonly nextRequestUid: HashCode }
>;

export class DecideTransfer extends Command<DecideTransferOutcome> {
  constructor(
    readonly requestUid: HashCode,
    readonly decision: {
      readonly decidedBy: EddsaPub;
      readonly reason: string;
      /** Full payto URI of the account to pay instead; the same again if absent. */
      readonly redirectTo?: string;
    },
  ) {
    super();
  }
}

@CommandHandler(DecideTransfer)
export class DecideTransferHandler implements ICommandHandler<DecideTransfer> {
  constructor(
    private readonly ledger: Ledger,
    private readonly streams: Streams,
    private readonly accounts: Accounts,
    private readonly crypto: Cryptography,
    private readonly clock: Clock,
  ) {}

  async execute({ requestUid, decision }: DecideTransfer): Promise<DecideTransferOutcome> {
    const { decidedBy, reason, redirectTo } = decision;
    const stream = this.streams.transfer(requestUid);
    const other = redirectTo === undefined ? undefined : this.accounts.identify(redirectTo);
    const payingAccount = other && this.accounts.payingAccount(other.method);
    const sealedTarget = payingAccount && (await this.accounts.seal(other.account, other.uri));

    return this.ledger.transact([stream.name], async (tx) => {
      const { order, status, decision: earlier } = await tx.load(stream);
      const earlierTarget = earlier?.type === 'TransferRedirected' ? earlier.nextTargetHash : undefined;
      if (earlier?.decidedBy === decidedBy && earlier.reason === reason && earlierTarget === other?.hash) {
        return repeat({ nextRequestUid: earlier.nextRequestUid });
      }
      if (other && payingAccount === undefined) return refuse({ code: 'WIRE_METHOD_UNSUPPORTED' });
      if (!order) return refuse({ code: 'TRANSFER_UNKNOWN' });
      if (status !== 'rejected') return refuse({ code: 'TRANSFER_NOT_REJECTED' });
      const attempt = order.attempt + 1;
      const next = this.crypto.transferIds(order.reservePub, order.closing, attempt);
      const nextStream = this.streams.transfer(next.requestUid);
      const at = this.clock.now();
      const target =
        other && sealedTarget && payingAccount
          ? { targetHash: other.hash, targetAccount: other.account, sealedTarget, wireAccount: payingAccount }
          : {};
      const given = { nextRequestUid: next.requestUid, decidedBy, reason, at };
      tx.fresh(nextStream);
      tx.append(
        stream.append(
          other
            ? { type: 'TransferRedirected', ...given, nextTargetHash: other.hash }
            : { type: 'TransferFailed', ...given },
        ),
        nextStream.append({ ...order, ...target, ...next, attempt, at }),
      );
      return accept({ nextRequestUid: next.requestUid });
    });
  }
}
