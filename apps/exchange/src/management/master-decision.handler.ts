/** A decision of the master key about accounts, fees, officers, extensions, the log key, or a signing key's end. */
import {
  accept,
  type Decision,
  decideExtensions,
  decideGlobalFees,
  decideLogKey,
  decideOfficer,
  decideSigningKeyRevocation,
  decideWireAccount,
  decideWireAccountEnd,
  decideWireFees,
  type KeyBook,
  type KeysEvent,
  type MasterRefusal,
  refuse,
  Streams,
} from '@florin/domain';
import { encodeBase32 } from '@florin/encoding';
import { Ledger } from '@florin/event-store';
import { type MasterOrder, Signers } from '@florin/signing';
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import type { Refusal } from '../http/refusals.js';
import { type EventContext, keyEvent, type OrderSignatures } from '../keys/key-events.js';
import { MasterTerms } from '../keys/master-terms.js';
import { Offering } from '../keys/offering.js';
import { Clock } from '../runtime/clock.js';
import { KeyRing } from '../runtime/key-ring.js';
import { MasterSignatures } from './master-signatures.js';
import { Revocations } from './revocations.js';

export type MasterOutcome = Decision<undefined, Refusal, undefined>;

/** Keys come in lots, and revoking a denomination is a command of its own. */
export type DecidedOrder = Exclude<
  MasterOrder,
  { readonly kind: 'denomination' | 'signing-key' | 'denomination-revocation' }
>;

export class RecordMasterDecision extends Command<MasterOutcome> {
  constructor(
    readonly order: DecidedOrder,
    readonly signatures: OrderSignatures,
  ) {
    super();
  }
}

@CommandHandler(RecordMasterDecision)
export class RecordMasterDecisionHandler implements ICommandHandler<RecordMasterDecision> {
  constructor(
    private readonly ledger: Ledger,
    private readonly streams: Streams,
    private readonly signers: Signers,
    private readonly keys: KeyRing,
    private readonly terms: MasterTerms,
    private readonly master: MasterSignatures,
    private readonly revocations: Revocations,
    private readonly offering: Offering,
    private readonly clock: Clock,
  ) {}

  async execute({ order, signatures }: RecordMasterDecision): Promise<MasterOutcome> {
    const fault = (await this.master.fault([{ order, signatures }])) ?? (await this.unknown(order));
    if (fault) return refuse(fault);
    const stream = this.streams.keys();
    const context: EventContext = {
      at: this.clock.now(),
      accountOf: (paytoUri) => this.terms.accountOf(paytoUri) ?? paytoUri,
    };
    const outcome = await this.ledger.transact([stream.name], async (tx): Promise<MasterOutcome> => {
      const book = await tx.load(stream);
      if (!book.terms) return refuse({ code: 'KEYS_MISSING', status: 503 });
      const decision = decide(book, order, signatures, context);
      if (decision.kind !== 'accept') return decision;
      tx.append(stream.append(decision.value));
      return accept(undefined);
    });
    if (outcome.kind === 'refuse') return outcome;
    await this.revocations.enforce(await this.keys.confirm());
    if (order.kind === 'signing-key-revocation') this.offering.roundSoon();
    return outcome;
  }

  /** What the exchange could not serve, or does not sign with. */
  private async unknown(order: DecidedOrder): Promise<Refusal | undefined> {
    if (order.kind === 'wire-account' && this.terms.accountOf(order.paytoUri) === undefined) {
      return { code: 'WIRE_ACCOUNT_UNKNOWN', paytoUri: order.paytoUri };
    }
    if (order.kind !== 'log-key') return undefined;
    const { pub } = await this.signers.generate({ kind: 'log' });
    return order.logPub === encodeBase32(pub) ? undefined : { code: 'LOG_KEY_UNKNOWN' };
  }
}

function decide(
  book: KeyBook,
  order: DecidedOrder,
  signatures: OrderSignatures,
  context: EventContext,
): Decision<KeysEvent, MasterRefusal, undefined> {
  switch (order.kind) {
    case 'signing-key-revocation':
      return decideSigningKeyRevocation(book, keyEvent(order, signatures, context));
    case 'log-key':
      return decideLogKey(book, keyEvent(order, signatures, context));
    case 'wire-account':
      return decideWireAccount(book, keyEvent(order, signatures, context));
    case 'wire-account-end':
      return decideWireAccountEnd(book, keyEvent(order, signatures, context));
    case 'wire-fees':
      return decideWireFees(book, keyEvent(order, signatures, context));
    case 'global-fees':
      return decideGlobalFees(book, keyEvent(order, signatures, context));
    case 'extensions':
      return decideExtensions(book, keyEvent(order, signatures, context));
    case 'officer':
      return decideOfficer(book, keyEvent(order, signatures, context));
  }
}
