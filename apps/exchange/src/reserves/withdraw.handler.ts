/**
 * Withdrawing: the reserve pays, the signers sign what the wallet blinded, and nobody learns which coins these become.
 *
 *   wallet -> exchange   planchets, each authorised by the reserve
 *   exchange -> wallet   one blind signature each, the same for ever
 */
import {
  accept,
  type BlindSignature,
  type Decision,
  type DenominationHash,
  decideWithdraw,
  type EddsaSignature,
  type EnvelopeHash,
  earlierWithdrawal,
  type Planchet,
  type ReservePub,
  refuse,
  repeat,
  type SessionNonce,
  type Stream,
  Streams,
  type WithdrawnAt,
} from '@florin/domain';
import { Ledger, type Transaction } from '@florin/event-store';
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import type { Refusal } from '../http/refusals.js';
import { Legitimization } from '../kyc/legitimization.js';
import { Clock } from '../runtime/clock.js';
import { ExchangeSigners } from '../runtime/signers.js';
import { Config } from '../runtime/tokens.js';
import { ReserveExpiry } from './expiry.js';
import { ReserveHistory } from './history.js';
import { type PricedCoin, WithdrawChecks } from './withdraw.checks.js';

/** One coin of a request. */
export interface CoinRequest {
  readonly denominationHash: DenominationHash;
  readonly planchet: Planchet;
  readonly envelopeHash: EnvelopeHash;
  readonly reserveSignature: EddsaSignature;
}

export type WithdrawOutcome = Decision<readonly BlindSignature[], Refusal, readonly BlindSignature[]>;

export class Withdraw extends Command<WithdrawOutcome> {
  constructor(
    readonly reservePub: ReservePub,
    /** In the wallet's order; no two alike. */
    readonly coins: readonly CoinRequest[],
    /** The word for this operation in a signed denomination error. */
    readonly oper: 'batch-withdraw' | 'WITHDRAW',
  ) {
    super();
  }
}

@CommandHandler(Withdraw)
export class WithdrawHandler implements ICommandHandler<Withdraw> {
  constructor(
    private readonly ledger: Ledger,
    private readonly streams: Streams,
    private readonly checks: WithdrawChecks,
    private readonly signers: ExchangeSigners,
    private readonly histories: ReserveHistory,
    private readonly legitimization: Legitimization,
    private readonly expiry: ReserveExpiry,
    private readonly clock: Clock,
    private readonly config: Config,
  ) {}

  async execute({ reservePub, coins, oper }: Withdraw): Promise<WithdrawOutcome> {
    const stream = this.streams.reserve(reservePub);
    const envelopes = coins.map(({ envelopeHash }) => envelopeHash);
    let verified: Awaited<ReturnType<WithdrawChecks['verify']>> | undefined;
    let signatures: readonly BlindSignature[] | undefined;

    await this.expiry.settle(reservePub);
    const limited = await this.legitimization.accountsOf(reservePub);
    return this.ledger.transact(
      [stream, ...limited].map(({ name }) => name),
      async (tx) => {
        const reserve = await tx.load(stream);
        const earlier = earlierWithdrawal(reserve, envelopes);
        if (earlier.kind === 'repeat') return repeat(await this.storedSignatures(tx, reservePub, earlier.earlier));
        if (earlier.kind === 'refuse') return earlier;

        const now = this.clock.now();
        verified ??= await this.checks.verify(reservePub, coins, { now, oper }); // kept over a conflict
        if (verified.kind === 'refuse') return verified;
        const { priced, cost, commitment, keysRevision } = verified.value;
        const allowed = await this.legitimization.checkWithdraw(tx, { reservePub, reserve, amount: cost, now });
        if (allowed.kind === 'refuse') return allowed;
        const decision = decideWithdraw(reserve, { cost, maximumAge: allowed.value.maximumAge });
        if (decision.kind === 'refuse') {
          const { refusal } = decision;
          if (refusal.code !== 'BALANCE_INSUFFICIENT') return refuse({ ...refusal, reservePub });
          return refuse({ ...refusal, history: await this.histories.read(reservePub, tx) });
        }
        const nonces = await this.unusedNonces(tx, coins);
        if (!nonces) return refuse({ code: 'NONCE_REUSED' });

        signatures ??= await this.signers.signBlinded(coins); // in this process until the commit
        if (!signatures) return this.revokedMeanwhile(reservePub, coins, oper);
        const signed = signatures;
        for (const [nonce, { envelopeHash }] of nonces) {
          tx.append(nonce.append({ type: 'NonceUsed', envelopeHash, reservePub, at: now }));
        }
        for (const account of allowed.value.counted) {
          tx.append(account.append({ type: 'WithdrawalCounted', reservePub, amount: cost, at: now }));
        }
        const collectableAt = Math.max(reserve.collectableAt, now + this.config.reserves.legalDelay);
        const withBlindSignature = (coin: PricedCoin, place: number) => ({
          ...coin,
          blindSignature: signed[place] as BlindSignature,
        });
        tx.append(
          stream.appendSigned({
            type: 'CoinsWithdrawn',
            coins: priced.map(withBlindSignature),
            cost,
            commitment,
            at: now,
            keysRevision,
            collectableAt,
          }),
        );
        return accept(signed);
      },
    );
  }

  /** The signers know of a revocation only after this node's view of the keys does: so the checks refuse now. */
  private async revokedMeanwhile(reservePub: ReservePub, coins: readonly CoinRequest[], oper: Withdraw['oper']) {
    const checked = await this.checks.verify(reservePub, coins, { now: this.clock.now(), oper });
    if (checked.kind === 'refuse') return checked;
    throw new Error('the signers refuse a denomination that is not revoked');
  }

  /**
   * The session nonces of the Clause-Schnorr coins; undefined if one was used before, or twice in this request: two
   * challenges signed under one nonce give the denomination's private key away.
   */
  private async unusedNonces(
    tx: Transaction,
    coins: readonly CoinRequest[],
  ): Promise<ReadonlyMap<Stream<SessionNonce, 'nonce'>, CoinRequest> | undefined> {
    const nonces = new Map<string, readonly [Stream<SessionNonce, 'nonce'>, CoinRequest]>();
    for (const coin of coins) {
      if (coin.planchet.cipher !== 'CS') continue;
      const nonce = this.streams.nonce(coin.denominationHash, coin.planchet.nonce);
      if (nonces.has(nonce.name) || (await tx.load(nonce)).usedBy !== undefined) return undefined;
      nonces.set(nonce.name, [nonce, coin]);
    }
    return new Map(nonces.values());
  }

  /** What was answered then, from the events themselves, in the order of this request. */
  private async storedSignatures(
    tx: Transaction,
    reservePub: ReservePub,
    found: readonly WithdrawnAt[],
  ): Promise<BlindSignature[]> {
    const stream = this.streams.reserve(reservePub);
    const numbers = [...new Set(found.map(({ event }) => event))];
    const events = new Map(
      await Promise.all(
        numbers.map(async (fromNumber) => {
          const { events } = await tx.readStream(stream.name, { fromNumber, limit: 1 });
          return [fromNumber, events[0] && stream.decode(events[0])] as const;
        }),
      ),
    );
    return found.map(({ event, place }) => {
      const withdrawn = events.get(event);
      const coin = withdrawn?.type === 'CoinsWithdrawn' ? withdrawn.coins[place] : undefined;
      if (!coin) throw new Error(`event ${event} of a reserve holds no coin ${place}`);
      return coin.blindSignature;
    });
  }
}
