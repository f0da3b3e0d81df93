/** More coins for a purse that exists; those that complete one that a reserve requested merge it. */
import {
  accept,
  type Decision,
  type DepositConfirmation,
  decideDeposit,
  earlierDeposit,
  type PursePub,
  type PurseTerms,
  refuse,
  repeat,
  Streams,
  standingPurse,
} from '@florin/domain';
import { Ledger } from '@florin/event-store';
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { CoinChecks, type CoinOffer } from '../coins/coin.checks.js';
import { CoinHistories } from '../coins/history.js';
import type { Refusal } from '../http/refusals.js';
import { Clock } from '../runtime/clock.js';
import { KeyRing } from '../runtime/key-ring.js';
import { Config } from '../runtime/tokens.js';
import { PurseDeposits } from './deposits.js';
import { PurseExpiry } from './expiry.js';

export interface DepositAnswer {
  readonly terms: PurseTerms;
  readonly confirmation: DepositConfirmation;
}
export type DepositOutcome = Decision<DepositAnswer, Refusal, DepositAnswer>;

export class DepositIntoPurse extends Command<DepositOutcome> {
  constructor(
    readonly pursePub: PursePub,
    readonly deposits: readonly CoinOffer[],
  ) {
    super();
  }
}

@CommandHandler(DepositIntoPurse)
export class DepositIntoPurseHandler implements ICommandHandler<DepositIntoPurse> {
  constructor(
    private readonly ledger: Ledger,
    private readonly streams: Streams,
    private readonly keys: KeyRing,
    private readonly coinChecks: CoinChecks,
    private readonly deposits: PurseDeposits,
    private readonly histories: CoinHistories,
    private readonly expiry: PurseExpiry,
    private readonly clock: Clock,
    private readonly config: Config,
  ) {}

  async execute({ pursePub, deposits }: DepositIntoPurse): Promise<DepositOutcome> {
    const stream = this.streams.purse(pursePub);
    const coinPubs = deposits.map(({ coinPub }) => coinPub);
    if (
      deposits.length === 0 ||
      deposits.length > this.config.purses.maxDeposits ||
      new Set(coinPubs).size < deposits.length
    ) {
      return refuse({ code: 'DEPOSITS_MALFORMED' });
    }
    let verified: Awaited<ReturnType<DepositIntoPurseHandler['verify']>> | undefined;

    await this.expiry.settle(pursePub);
    const receiving = await this.deposits.receivingStreams(pursePub);
    const queue = [stream.name, ...coinPubs.map((coinPub) => this.streams.coin(coinPub).name), ...receiving];
    return this.ledger.transact(queue, async (tx): Promise<DepositOutcome> => {
      const purse = await tx.load(stream);
      const earlier = earlierDeposit(purse, deposits);
      if (earlier && purse.terms) {
        return repeat({ terms: purse.terms, confirmation: await this.deposits.earlier(tx, pursePub, earlier) });
      }
      const now = this.clock.now();
      const standing = standingPurse(purse, now);
      if (standing.kind === 'refuse') return standing;
      const terms = standing.value;
      verified ??= await this.verify(pursePub, terms.minAge, deposits, now); // kept over a conflict
      if (verified.kind === 'refuse') return verified;
      const coinOf = await this.deposits.coins(tx, coinPubs);
      const decision = decideDeposit(purse, coinOf, {
        pursePub,
        deposits: verified.value.offered,
        receiver: await this.deposits.receiver(tx, purse),
        exchangeBaseUrl: this.config.baseUrl,
        now,
        keysRevision: verified.value.keysRevision,
      });
      if (decision.kind === 'refuse') return this.histories.proven(tx, decision.refusal);
      if (decision.kind === 'repeat') {
        return repeat({ terms, confirmation: await this.deposits.earlier(tx, pursePub, decision.earlier) });
      }
      return accept({ terms, confirmation: await this.deposits.append(tx, decision.value, { pursePub, terms, now }) });
    });
  }

  private async verify(pursePub: PursePub, minAge: number, deposits: readonly CoinOffer[], now: number) {
    return this.keys.judge(async (book, keysRevision) => {
      const coins = await this.coinChecks.verify(book, deposits, { pursePub, minAge, now });
      return coins.kind === 'accept' ? accept({ offered: coins.value.deposits, keysRevision }) : coins;
    });
  }
}
