/** What a reserve holds: the summary from the read model, as new as this node's last command, and the wait for it. */
import { type AccountHash, type ReservePub, Streams } from '@florin/domain';
import { formatAmount, timestampJson } from '@florin/encoding';
import { Ledger } from '@florin/event-store';
import { type ReserveSummary, Views } from '@florin/projections';
import { Injectable } from '@nestjs/common';
import { Legitimization } from '../kyc/legitimization.js';
import { Accounts } from '../runtime/accounts.js';
import { Clock } from '../runtime/clock.js';
import { KeyRing } from '../runtime/key-ring.js';
import { LongPoll } from '../runtime/long-poll.js';
import { ReserveExpiry } from './expiry.js';

export interface ReserveAnswer {
  /** Units. */
  readonly balance: bigint;
  /** Full payto URI of the latest bank credit, unless there is none or its owner was forgotten. */
  readonly origin: string | undefined;
  readonly expiresAt: number;
  /** The lowest age of the group to which the owner's coins must be bound. */
  readonly maximumAge: number | undefined;
}

/** `ReserveSummary` of the protocol. */
export const reserveSummaryJson = (
  { balance, origin, expiresAt, maximumAge }: ReserveAnswer,
  currency: string,
): object => ({
  balance: formatAmount({ currency, units: balance }),
  ...(origin === undefined ? {} : { last_origin: origin }),
  reserve_expiration: timestampJson(expiresAt),
  ...(maximumAge === undefined ? {} : { maximum_age_group: maximumAge }),
});

@Injectable()
export class ReserveStatus {
  constructor(
    private readonly longPoll: LongPoll,
    private readonly ledger: Ledger,
    private readonly views: Views,
    private readonly streams: Streams,
    private readonly accounts: Accounts,
    private readonly keys: KeyRing,
    private readonly legitimization: Legitimization,
    private readonly expiry: ReserveExpiry,
    private readonly clock: Clock,
  ) {}

  /** Undefined if the reserve does not exist and did not come to exist within `timeoutMs`. */
  async summary(reservePub: ReservePub, timeoutMs: number): Promise<ReserveAnswer | undefined> {
    const stream = this.streams.reserve(reservePub).name;
    const exists = (found: ReserveSummary | undefined): boolean => found !== undefined;
    const summary = await this.longPoll.until({ stream, timeoutMs }, () => this.read(reservePub), exists);
    return summary && this.answer(reservePub, summary);
  }

  private async read(reservePub: ReservePub): Promise<ReserveSummary | undefined> {
    const summary = await this.views.ask('reserve-summary', 'summary', reservePub);
    if (!summary || summary.expiresAt > this.clock.now() || !(await this.expiry.settle(reservePub))) return summary;
    await this.views.caughtUpWith(this.ledger.lastCommitted);
    return this.views.ask('reserve-summary', 'summary', reservePub);
  }

  private async answer(reservePub: ReservePub, summary: ReserveSummary): Promise<ReserveAnswer> {
    const { balance, origin, expiresAt, receivedFromPurse } = summary;
    const ages = await Promise.all([
      ...(origin ? [this.maximumAge(origin.account)] : []),
      ...(receivedFromPurse ? [this.maximumAge(this.legitimization.reserveAccount(reservePub).hash)] : []),
    ]);
    const known = ages.filter((age) => age !== undefined);
    return {
      balance,
      origin: origin && (await this.accounts.unseal(origin.account, origin.sealed)),
      expiresAt,
      maximumAge: known.length > 0 ? this.keys.lowestAgeOfGroup(Math.min(...known)) : undefined,
    };
  }

  private maximumAge(account: AccountHash): Promise<number | undefined> {
    return this.views.ask('legitimizations', 'maximumAge', { account, now: this.clock.now() });
  }
}
