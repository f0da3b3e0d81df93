/** The owner of coins of a revoked denomination gets back what they are worth, into the reserve they came from. */
import {
  accept,
  type Decision,
  decideRecoup,
  type EnvelopeHash,
  isEarlierRecoup,
  type ReservePub,
  refuse,
  repeat,
  Streams,
} from '@florin/domain';
import { Ledger } from '@florin/event-store';
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import type { Refusal } from '../http/refusals.js';
import { PurseDeposits } from '../purses/deposits.js';
import { ReserveExpiry } from '../reserves/expiry.js';
import { Clock } from '../runtime/clock.js';
import { KeyRing } from '../runtime/key-ring.js';
import { Config } from '../runtime/tokens.js';
import { CoinHistories } from './history.js';
import { type CoinDisclosure, claimOf, RecoupChecks } from './recoup.checks.js';

/** The reserve shows what came of it. */
export type RecoupOutcome = Decision<undefined, Refusal, undefined>;

export class RecoupWithdrawal extends Command<RecoupOutcome> {
  constructor(
    readonly reservePub: ReservePub,
    /** The coins of one withdrawal in its order; of those that are not recouped the envelope alone. */
    readonly entries: readonly (EnvelopeHash | CoinDisclosure)[],
  ) {
    super();
  }
}

@CommandHandler(RecoupWithdrawal)
export class RecoupWithdrawalHandler implements ICommandHandler<RecoupWithdrawal> {
  constructor(
    private readonly ledger: Ledger,
    private readonly streams: Streams,
    private readonly keys: KeyRing,
    private readonly checks: RecoupChecks,
    private readonly deposits: PurseDeposits,
    private readonly histories: CoinHistories,
    private readonly expiry: ReserveExpiry,
    private readonly clock: Clock,
    private readonly config: Config,
  ) {}

  async execute({ reservePub, entries }: RecoupWithdrawal): Promise<RecoupOutcome> {
    const coinPubs = entries.flatMap((entry) => (typeof entry === 'string' ? [] : [entry.coinPub]));
    if (coinPubs.length === 0 || new Set(coinPubs).size < coinPubs.length) {
      return refuse({ code: 'RECOUP_COINS_MALFORMED' });
    }
    const stream = this.streams.reserve(reservePub);
    const claims = entries.map((entry) => (typeof entry === 'string' ? entry : claimOf(entry)));
    let verified: Awaited<ReturnType<RecoupWithdrawalHandler['verify']>> | undefined;

    await this.expiry.settle(reservePub);
    const queue = [...coinPubs.map((coinPub) => this.streams.coin(coinPub).name), stream.name];
    return this.ledger.transact(queue, async (tx): Promise<RecoupOutcome> => {
      const reserve = await tx.load(stream);
      const coinOf = await this.deposits.coins(tx, coinPubs);
      if (isEarlierRecoup(reserve, coinOf, { reservePub, entries: claims })) return repeat(undefined);

      const now = this.clock.now();
      verified ??= await this.verify(entries, now); // kept over a conflict
      if (verified.kind === 'refuse') return verified;
      const { checked, keysRevision } = verified.value;
      const { closingDelay: closingDelayS, legalDelay: legalDelayS } = this.config.reserves;
      const decision = decideRecoup(reserve, coinOf, {
        reservePub,
        entries: checked,
        now,
        keysRevision,
        closingDelayS,
        legalDelayS,
      });
      if (decision.kind === 'repeat') return repeat(undefined);
      if (decision.kind === 'refuse') return this.histories.proven(tx, decision.refusal);
      for (const { coinPub, event } of decision.value.coins) tx.append(this.streams.coin(coinPub).append(event));
      tx.append(stream.append(decision.value.reserve));
      return accept(undefined);
    });
  }

  private verify(entries: RecoupWithdrawal['entries'], now: number) {
    return this.keys.judge(async (book, keysRevision) => {
      const checked = await this.checks.verify(book, entries, now);
      return checked.kind === 'accept' ? accept({ checked: checked.value, keysRevision }) : checked;
    });
  }
}
