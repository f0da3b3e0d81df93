/** What became of a purse: from the read model, as new as this node's last command, and the wait for it. */
import { type ContractPub, type PursePub, Streams } from '@florin/domain';
import { Ledger } from '@florin/event-store';
import { type PurseStatus, type StoredContract, Views } from '@florin/projections';
import { Injectable } from '@nestjs/common';
import { Clock } from '../runtime/clock.js';
import { LongPoll } from '../runtime/long-poll.js';
import { PurseExpiry } from './expiry.js';

/** What a client waits for: that the purse is merged, or that it is full. */
export type WaitTarget = 'merge' | 'deposit';

@Injectable()
export class PurseStatuses {
  constructor(
    private readonly longPoll: LongPoll,
    private readonly ledger: Ledger,
    private readonly views: Views,
    private readonly streams: Streams,
    private readonly expiry: PurseExpiry,
    private readonly clock: Clock,
  ) {}

  /** Undefined if the purse does not exist. Waits up to `timeoutMs` for `target`, or for the purse's end. */
  status(pursePub: PursePub, target: WaitTarget, timeoutMs: number): Promise<PurseStatus | undefined> {
    const stream = this.streams.purse(pursePub).name;
    const settled = (found: PurseStatus | undefined): boolean =>
      !found || found.end !== undefined || (target === 'deposit' && found.balance >= found.target);
    const expiresInMs = (found: PurseStatus | undefined): number | undefined =>
      found && Math.ceil(found.expiresAt * 1000 - this.clock.nowUs() / 1000);
    return this.longPoll.until({ stream, timeoutMs }, () => this.read(pursePub), settled, expiresInMs);
  }

  /** A contract that was not deleted with its purse. */
  async contract(contractPub: ContractPub): Promise<StoredContract | undefined> {
    await this.views.caughtUpWith(this.ledger.lastCommitted);
    const found = await this.views.ask('purses', 'contract', contractPub);
    const isStanding = found && !isGone(await this.read(found.pursePub));
    return isStanding ? found : undefined;
  }

  /** A purse whose time is over has expired, whether that could be written or not. */
  private async read(pursePub: PursePub): Promise<PurseStatus | undefined> {
    const found = await this.views.ask('purses', 'purse', pursePub);
    if (!found || found.end !== undefined || found.expiresAt > this.clock.now()) return found;
    if (!(await this.expiry.settle(pursePub))) return { ...found, end: 'expired' };
    await this.views.caughtUpWith(this.ledger.lastCommitted);
    return this.views.ask('purses', 'purse', pursePub);
  }
}

const isGone = (purse: PurseStatus | undefined): boolean => purse?.end === 'expired' || purse?.end === 'deleted';
