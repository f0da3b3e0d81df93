/**
 * A purse is made by paying coins into it: the first step of a push payment.
 *
 *   payer -> exchange   terms and contract, signed by the purse; coins, each signed by itself
 *   exchange -> payer   confirmation of what is in the purse, the same for ever
 */
import {
  accept,
  type Contract,
  type Decision,
  type DepositConfirmation,
  decideCreate,
  type EddsaSignature,
  earlierCreation,
  expirationFault,
  globalFeesAt,
  type PursePub,
  type PurseTerms,
  refuse,
  repeat,
  Streams,
} from '@florin/domain';
import { Ledger } from '@florin/event-store';
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { CoinChecks, type CoinOffer } from '../coins/coin.checks.js';
import { CoinHistories } from '../coins/history.js';
import type { Refusal } from '../http/refusals.js';
import { Clock } from '../runtime/clock.js';
import { Cryptography } from '../runtime/cryptography.js';
import { KeyRing } from '../runtime/key-ring.js';
import { Config } from '../runtime/tokens.js';
import { PurseDeposits } from './deposits.js';
import { PurseExpiry } from './expiry.js';
import { PurseChecks } from './purse.checks.js';

export type CreateOutcome = Decision<DepositConfirmation, Refusal, DepositConfirmation>;

export class CreatePurse extends Command<CreateOutcome> {
  constructor(
    readonly pursePub: PursePub,
    readonly request: {
      readonly terms: PurseTerms;
      readonly purseSignature: EddsaSignature;
      readonly contract: Contract | undefined;
      readonly deposits: readonly CoinOffer[];
    },
  ) {
    super();
  }
}

@CommandHandler(CreatePurse)
export class CreatePurseHandler implements ICommandHandler<CreatePurse> {
  constructor(
    private readonly ledger: Ledger,
    private readonly streams: Streams,
    private readonly keys: KeyRing,
    private readonly crypto: Cryptography,
    private readonly coinChecks: CoinChecks,
    private readonly purseChecks: PurseChecks,
    private readonly deposits: PurseDeposits,
    private readonly histories: CoinHistories,
    private readonly expiry: PurseExpiry,
    private readonly clock: Clock,
    private readonly config: Config,
  ) {}

  async execute({ pursePub, request }: CreatePurse): Promise<CreateOutcome> {
    const stream = this.streams.purse(pursePub);
    const { terms, purseSignature, contract } = request;
    const coinPubs = request.deposits.map(({ coinPub }) => coinPub);
    let verified: Awaited<ReturnType<CreatePurseHandler['verify']>> | undefined;

    await this.expiry.settle(pursePub);
    const receiving = await this.deposits.receivingStreams(pursePub);
    const queue = [stream.name, ...coinPubs.map((coinPub) => this.streams.coin(coinPub).name), ...receiving];
    return this.ledger.transact(queue, async (tx): Promise<CreateOutcome> => {
      const purse = await tx.load(stream);
      const now = this.clock.now();
      const earlier = earlierCreation(purse, { ...request, now });
      if (earlier.kind === 'repeat') return repeat(await this.deposits.earlier(tx, pursePub, earlier.earlier));
      if (earlier.kind === 'refuse') return earlier;

      verified ??= await this.verify(pursePub, request, now); // kept over a conflict
      if (verified.kind === 'refuse') return verified;
      const { offered, keysRevision } = verified.value;
      const coinOf = await this.deposits.coins(tx, coinPubs);
      const decision = decideCreate(purse, coinOf, {
        pursePub,
        terms,
        purseSignature,
        contract,
        deposits: offered,
        receiver: await this.deposits.receiver(tx, purse),
        exchangeBaseUrl: this.config.baseUrl,
        now,
        keysRevision,
      });
      if (decision.kind === 'refuse') return this.histories.proven(tx, decision.refusal);
      if (decision.kind === 'repeat') return repeat(await this.deposits.earlier(tx, pursePub, decision.earlier));
      return accept(await this.deposits.append(tx, decision.value, { pursePub, terms, now }));
    });
  }

  /** Checks 3 to 11 of purse creation, in their order. */
  private async verify(
    pursePub: PursePub,
    { terms, purseSignature, contract, deposits }: CreatePurse['request'],
    now: number,
  ) {
    const fault = expirationFault(terms.expiresAt, now);
    if (fault) return refuse({ code: fault });
    const isOften = new Set(deposits.map(({ coinPub }) => coinPub)).size < deposits.length;
    if (deposits.length === 0 || deposits.length > this.config.purses.maxDeposits || isOften) {
      return refuse({ code: 'DEPOSITS_MALFORMED' as const });
    }
    const paid = await this.keys.judge(async (book, keysRevision) => {
      const fees = globalFeesAt(book, now);
      if (!fees) return refuse({ code: 'GLOBAL_FEES_MISSING' as const });
      const coins = await this.coinChecks.verify(book, deposits, { pursePub, minAge: terms.minAge, now });
      if (coins.kind !== 'accept') return coins;
      if (coins.value.total < fees.purseFee) return refuse({ code: 'PURSE_BELOW_FEE' as const });
      return accept({ offered: coins.value.deposits, keysRevision });
    });
    if (paid.kind !== 'accept') return paid;
    const [termsGood, contractGood] = await this.crypto.verifyAll([
      this.purseChecks.terms(pursePub, terms, purseSignature),
      ...(contract ? [this.purseChecks.contract(pursePub, contract)] : []),
    ]);
    if (!termsGood) return refuse({ code: 'PURSE_SIGNATURE_INVALID' as const });
    if (contract && !contractGood) return refuse({ code: 'CONTRACT_SIGNATURE_INVALID' as const });
    return paid;
  }
}
