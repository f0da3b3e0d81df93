/**
 * When the law wants to know who somebody is: limits per bank account and per reserve, decided on the account's stream.
 * A refusal writes LegitimizationRequired once per account and rule and answers 451 with its ordinal.
 */
import {
  type Account,
  type AccountHash,
  accept,
  type Decision,
  type LegitimizationLimit,
  legitimizationNeeded,
  maximumAgeAt,
  type Reserve,
  type ReservePub,
  refuse,
  type SealedUri,
  type Stream,
  Streams,
} from '@florin/domain';
import { decodeBase32, reservePayto } from '@florin/encoding';
import { Ledger, type Transaction } from '@florin/event-store';
import { Injectable } from '@nestjs/common';
import { Accounts } from '../runtime/accounts.js';
import { Cryptography } from '../runtime/cryptography.js';
import { Config } from '../runtime/tokens.js';

export interface LegitimizationRefusal {
  readonly code: 'LEGITIMIZATION_NEEDED';
  /** Normalised hash of the account that must be legitimized. */
  readonly accountHash: AccountHash;
  /** Ordinal of the case in the account's stream. */
  readonly requirement: number;
}

type AccountStream = Stream<Account, 'account'>;

/** A withdrawal that may go on: where it counts, and the age to which the coins must be bound, if any. */
export interface WithdrawAllowed {
  readonly counted: readonly AccountStream[];
  readonly maximumAge: number | undefined;
}

@Injectable()
export class Legitimization {
  constructor(
    private readonly ledger: Ledger,
    private readonly streams: Streams,
    private readonly crypto: Cryptography,
    private readonly accounts: Accounts,
    private readonly config: Config,
  ) {}

  /** The account of a reserve itself, as wallets name it: `payto://taler-reserve/...`. */
  reserveAccount(reservePub: ReservePub): { uri: string; hash: AccountHash } {
    const uri = reservePayto(this.config.baseUrl, decodeBase32(reservePub, 32));
    return { uri, hash: this.crypto.accountHash(uri) };
  }

  /** The streams that decide about withdrawals from this reserve; commands on them wait for each other. */
  async accountsOf(reservePub: ReservePub): Promise<AccountStream[]> {
    const { origin, receivedFromPurse } = await this.ledger.peek(this.streams.reserve(reservePub));
    const own = receivedFromPurse ? [this.streams.account(this.reserveAccount(reservePub).hash)] : [];
    return origin ? [...own, this.streams.account(origin.account)] : own;
  }

  /**
   * The reserve's own account first (money from purses), then the account of its bank. A refusal leaves
   * LegitimizationRequired in `tx`.
   */
  async checkWithdraw(
    tx: Transaction,
    request: { reservePub: ReservePub; reserve: Reserve; amount: bigint; now: number },
  ): Promise<Decision<WithdrawAllowed, LegitimizationRefusal>> {
    const { reservePub, reserve, now } = request;
    const { withdraw, reserveWithdraw } = this.config.legitimization;
    const counted: AccountStream[] = [];
    const ages: number[] = [];
    if (reserve.receivedFromPurse) {
      const { uri, hash } = this.reserveAccount(reservePub);
      const limit = reserveWithdraw && { rule: 'RESERVE_WITHDRAW' as const, ...limitOf(reserveWithdraw) };
      const seal = () => this.accounts.seal(hash, uri);
      const checked = await this.check(tx, { ...request, hash, limit, seal });
      if (checked.kind === 'refuse') return checked;
      if (limit) counted.push(checked.value.stream);
      ages.push(...agesOf(checked.value.account, now));
    }
    if (reserve.origin) {
      const { account: hash, sealed } = reserve.origin;
      const limit = withdraw && { rule: 'WITHDRAW' as const, ...limitOf(withdraw) };
      const checked = await this.check(tx, { ...request, hash, limit, seal: async () => sealed });
      if (checked.kind === 'refuse') return checked;
      if (limit) counted.push(checked.value.stream);
      ages.push(...agesOf(checked.value.account, now));
    }
    return accept({ counted, maximumAge: ages.length > 0 ? Math.min(...ages) : undefined });
  }

  /** Wiring to an account other than the origin always needs its legitimization. */
  async checkClose(
    tx: Transaction,
    target: { reservePub: ReservePub; hash: AccountHash; uri: string; amount: bigint; now: number },
  ): Promise<Decision<undefined, LegitimizationRefusal>> {
    const limit = { rule: 'RESERVE_CLOSE' as const, threshold: -1n, windowS: 0 };
    const seal = () => this.accounts.seal(target.hash, target.uri);
    const checked = await this.check(tx, { ...target, limit, seal });
    return checked.kind === 'refuse' ? checked : accept(undefined);
  }

  /** Money from a purse, for the account of the reserve itself; where it counts, if it does. */
  async checkReceive(
    tx: Transaction,
    request: { reservePub: ReservePub; amount: bigint; now: number },
  ): Promise<Decision<AccountStream | undefined, LegitimizationRefusal>> {
    const { p2pReceive } = this.config.legitimization;
    if (!p2pReceive) return accept(undefined);
    const { uri, hash } = this.reserveAccount(request.reservePub);
    const limit = { rule: 'P2P_RECEIVE' as const, ...limitOf(p2pReceive) };
    const checked = await this.check(tx, { ...request, hash, limit, seal: () => this.accounts.seal(hash, uri) });
    return checked.kind === 'refuse' ? checked : accept(checked.value.stream);
  }

  private async check(
    tx: Transaction,
    request: {
      reservePub: ReservePub;
      hash: AccountHash;
      amount: bigint;
      now: number;
      limit: LegitimizationLimit | undefined;
      /** The account's URI for the officer, sealed; asked for only when a case is opened. */
      seal: () => Promise<SealedUri>;
    },
  ): Promise<Decision<{ stream: AccountStream; account: Account }, LegitimizationRefusal>> {
    const { reservePub, hash, amount, now, limit, seal } = request;
    const stream = this.streams.account(hash);
    const account = await tx.load(stream);
    const needed = limit && legitimizationNeeded(account, limit, { now, amount });
    if (!needed) return accept({ stream, account });
    const { requirement } = needed;
    if (needed.isNew) {
      tx.append(
        stream.append({
          type: 'LegitimizationRequired',
          requirement,
          rule: limit.rule,
          amount: needed.amount,
          reservePub,
          sealedUri: await seal(),
          at: now,
        }),
      );
    }
    return refuse({ code: 'LEGITIMIZATION_NEEDED', accountHash: hash, requirement });
  }
}

const limitOf = ({ threshold, window }: { threshold: bigint; window: number }) => ({ threshold, windowS: window });

function agesOf(account: Account, now: number): number[] {
  const age = maximumAgeAt(account, now);
  return age === undefined ? [] : [age];
}
