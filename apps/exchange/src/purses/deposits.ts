/** What creation and deposit share: the coins of a request, its unit, and where the answer given earlier is found. */
import {
  type Coin,
  type CoinPub,
  type DepositConfirmation,
  type DepositPlan,
  type EarlierDeposit,
  type Purse,
  type PursePub,
  type PurseTerms,
  type Receiver,
  type Reserve,
  type ReservePub,
  type ReservePurseEvent,
  Streams,
} from '@florin/domain';
import { Ledger, type Transaction } from '@florin/event-store';
import { Injectable } from '@nestjs/common';
import { ReserveExpiry } from '../reserves/expiry.js';
import { Config } from '../runtime/tokens.js';
import { PurseConfirmations } from './confirmations.js';

type OnReserve<Type extends ReservePurseEvent['type']> = Extract<ReservePurseEvent, { type: Type }>;

@Injectable()
export class PurseDeposits {
  constructor(
    private readonly ledger: Ledger,
    private readonly streams: Streams,
    private readonly confirmations: PurseConfirmations,
    private readonly reserveExpiry: ReserveExpiry,
    private readonly config: Config,
  ) {}

  async coins(tx: Transaction, coinPubs: readonly CoinPub[]): Promise<(coinPub: CoinPub) => Coin> {
    const loaded = await Promise.all(
      coinPubs.map(async (coinPub) => [coinPub, await tx.load(this.streams.coin(coinPub))] as const),
    );
    const coins = new Map(loaded);
    return (coinPub) => coins.get(coinPub) as Coin;
  }

  /** The stream of the reserve that requested the purse, if one did; overdue, it is closed before money comes in. */
  async receivingStreams(pursePub: PursePub): Promise<string[]> {
    const { request } = await this.ledger.peek(this.streams.purse(pursePub));
    if (!request) return [];
    await this.reserveExpiry.settle(request.reservePub);
    return [this.streams.reserve(request.reservePub).name];
  }

  /** The reserve that requested the purse, if one did. */
  async receiver(tx: Transaction, { request }: Purse): Promise<Receiver | undefined> {
    return request && this.receiving(tx, request.reservePub);
  }

  async receiving(tx: Transaction, reservePub: ReservePub): Promise<Receiver> {
    const { closingDelay: closingDelayS, legalDelay: legalDelayS } = this.config.reserves;
    return { reserve: await tx.load(this.streams.reserve(reservePub)), closingDelayS, legalDelayS };
  }

  /** Appends the plan; what is answered stands on the last stream of the unit. @returns the answer */
  async append(
    tx: Transaction,
    plan: DepositPlan,
    { pursePub, terms, now }: { pursePub: PursePub; terms: PurseTerms; now: number },
  ): Promise<DepositConfirmation> {
    const { total, coins, merge, earlier } = plan;
    const stream = this.streams.purse(pursePub);
    for (const { coinPub, event } of coins) tx.append(this.streams.coin(coinPub).append(event));
    if (earlier) {
      tx.append(stream.append(...plan.purse()));
      return this.earlier(tx, pursePub, earlier);
    }
    const confirmation = await this.confirmations.ofDeposit(pursePub, terms, { total, now });
    if (!merge) {
      tx.append(stream.appendSigned(...plan.purse(confirmation)));
      return confirmation;
    }
    const { reservePub } = merge.purse;
    tx.append(stream.append(...plan.purse()));
    const mergeConfirmation = await this.confirmations.ofMerge(pursePub, terms, { merge: merge.purse, now });
    const signed = { confirmation: mergeConfirmation, depositConfirmation: confirmation };
    tx.append(this.streams.reserve(reservePub).appendSigned(merge.reserve(signed)));
    return confirmation;
  }

  /** What was answered then. */
  async earlier(tx: Transaction, pursePub: PursePub, earlier: EarlierDeposit): Promise<DepositConfirmation> {
    if (earlier.confirmation) return earlier.confirmation;
    const { depositConfirmation } = await this.mergedInto(tx, pursePub, earlier.mergedInto);
    if (!depositConfirmation) throw new Error(`no deposit completed purse ${pursePub}`);
    return depositConfirmation;
  }

  /** What the reserve's stream says of the merge. */
  mergedInto(
    tx: Transaction,
    pursePub: PursePub,
    reservePub: ReservePub,
  ): Promise<OnReserve<'PurseMergedIntoReserve'>> {
    const type = 'PurseMergedIntoReserve';
    return this.told(tx, reservePub, { type, number: ({ mergedPurses }) => mergedPurses.get(pursePub) });
  }

  /** What the reserve's stream says of its request for the purse. */
  requestedBy(tx: Transaction, pursePub: PursePub, reservePub: ReservePub): Promise<OnReserve<'PurseRequested'>> {
    const type = 'PurseRequested';
    return this.told(tx, reservePub, { type, number: ({ requestedPurses }) => requestedPurses.get(pursePub) });
  }

  private async told<Type extends ReservePurseEvent['type']>(
    tx: Transaction,
    reservePub: ReservePub,
    { type, number }: { type: Type; number: (reserve: Reserve) => number | undefined },
  ): Promise<OnReserve<Type>> {
    const stream = this.streams.reserve(reservePub);
    const fromNumber = number(await tx.load(stream));
    const { events } = await tx.readStream(stream.name, { fromNumber: fromNumber ?? 0, limit: 1 });
    const event = events[0] && stream.decode(events[0]);
    if (fromNumber === undefined || event?.type !== type) {
      throw new Error(`the stream of reserve ${reservePub} has no ${type} where one must be`);
    }
    return event as OnReserve<Type>;
  }
}
