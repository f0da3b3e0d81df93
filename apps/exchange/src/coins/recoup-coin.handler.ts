/** The older recoup: the owner of one coin shows how it was blinded, and the exchange finds where it was withdrawn. */
import {
  accept,
  type Decision,
  decideCoinRecoup,
  earlierCoinRecoup,
  type ReservePub,
  refuse,
  repeat,
  Streams,
} from '@florin/domain';
import { Ledger } from '@florin/event-store';
import { Views } from '@florin/projections';
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import type { Refusal } from '../http/refusals.js';
import { ReserveExpiry } from '../reserves/expiry.js';
import { Clock } from '../runtime/clock.js';
import { KeyRing } from '../runtime/key-ring.js';
import { Config, EventStore } from '../runtime/tokens.js';
import { CoinHistories } from './history.js';
import { type CoinDisclosure, claimOf, RecoupChecks } from './recoup.checks.js';

/** The reserve that got the value. */
export type CoinRecoupOutcome = Decision<ReservePub, Refusal, ReservePub>;

export class RecoupCoin extends Command<CoinRecoupOutcome> {
  constructor(readonly disclosure: CoinDisclosure) {
    super();
  }
}

@CommandHandler(RecoupCoin)
export class RecoupCoinHandler implements ICommandHandler<RecoupCoin> {
  constructor(
    private readonly ledger: Ledger,
    private readonly store: EventStore,
    private readonly views: Views,
    private readonly streams: Streams,
    private readonly keys: KeyRing,
    private readonly checks: RecoupChecks,
    private readonly histories: CoinHistories,
    private readonly expiry: ReserveExpiry,
    private readonly clock: Clock,
    private readonly config: Config,
  ) {}

  async execute({ disclosure }: RecoupCoin): Promise<CoinRecoupOutcome> {
    const stream = this.streams.coin(disclosure.coinPub);
    const claim = claimOf(disclosure);
    let verified: Awaited<ReturnType<RecoupCoinHandler['verify']>> | undefined;

    const isKnown = earlierCoinRecoup(await this.ledger.peek(stream), claim) !== undefined;
    if (!isKnown) verified = await this.verify(disclosure);
    const found = verified?.kind === 'accept' ? verified.value.reservePub : undefined;
    if (found !== undefined) await this.expiry.settle(found);
    const queue = found === undefined ? [stream.name] : [stream.name, this.streams.reserve(found).name];
    return this.ledger.transact(queue, async (tx): Promise<CoinRecoupOutcome> => {
      const coin = await tx.load(stream);
      const earlier = earlierCoinRecoup(coin, claim);
      if (earlier !== undefined) return repeat(earlier);
      verified ??= await this.verify(disclosure); // kept over a conflict
      if (verified.kind === 'refuse') return verified;
      const { disclosed, reservePub, keysRevision } = verified.value;
      if (reservePub === undefined) return refuse({ code: 'ENVELOPE_UNKNOWN', place: 0 });
      const reserve = this.streams.reserve(reservePub);
      const { closingDelay: closingDelayS, legalDelay: legalDelayS } = this.config.reserves;
      const demand = { reservePub, disclosed, now: this.clock.now(), keysRevision, closingDelayS, legalDelayS };
      const decision = decideCoinRecoup(await tx.load(reserve), coin, demand);
      if (decision.kind === 'repeat') return repeat(reservePub);
      if (decision.kind === 'refuse') return this.histories.proven(tx, decision.refusal);
      for (const { event } of decision.value.coins) tx.append(stream.append(event));
      tx.append(reserve.append(decision.value.reserve));
      return accept(reservePub);
    });
  }

  /** The checks of recoup-withdraw, and the reserve that withdrew the envelope first, whichever node committed that. */
  private async verify(disclosure: CoinDisclosure) {
    const checked = await this.keys.judge(async (book, keysRevision) => {
      const one = await this.checks.verifyOne(book, disclosure, this.clock.now());
      return one.kind === 'accept' ? accept({ disclosed: one.value, keysRevision }) : one;
    });
    if (checked.kind !== 'accept') return checked;
    await this.views.caughtUpWith(await this.store.lastPosition());
    const reservePub = await this.views.ask('envelopes', 'reserve', checked.value.disclosed.envelopeHash);
    return accept({ ...checked.value, reservePub });
  }
}
