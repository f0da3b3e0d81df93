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
  type ReservePub,
  type ReservePurseEvent,
  Streams,
} from '@florin/domain';
import type { Transaction } from '@florin/event-store';
import { Injectable } from '@nestjs/common';
import { Config } from '../runtime/tokens.js';
import { PurseConfirmations } from './confirmations.js';

type MergedIntoReserve = Extract<ReservePurseEvent, { type: 'PurseMergedIntoReserve' }>;

@Injectable()
export class PurseDeposits {
  constructor(
    private readonly streams: Streams,
    private readonly confirmations: PurseConfirmations,
    private readonly config: Config,
  ) {}

  async coins(tx: Transaction, coinPubs: readonly CoinPub[]): Promise<(coinPub: CoinPub) => Coin> {
    const loaded = await Promise.all(
      coinPubs.map(async (coinPub) => [coinPub, await tx.load(this.streams.coin(coinPub))] as const),
    );
    const coins = new Map(loaded);
    return (coinPub) => coins.get(coinPub) as Coin;
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

  /** PurseMergedIntoReserve of this purse. */
  async mergedInto(tx: Transaction, pursePub: PursePub, reservePub: ReservePub): Promise<MergedIntoReserve> {
    const stream = this.streams.reserve(reservePub);
    const fromNumber = (await tx.load(stream)).mergedPurses.get(pursePub);
    const { events } = await tx.readStream(stream.name, { fromNumber: fromNumber ?? 0, limit: 1 });
    const merged = events[0] && stream.decode(events[0]);
    if (fromNumber === undefined || merged?.type !== 'PurseMergedIntoReserve') {
      throw new Error(`reserve ${reservePub} says nothing of the merge of purse ${pursePub}`);
    }
    return merged;
  }
}
