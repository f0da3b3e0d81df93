/** Purses whose time is over end by themselves, and every coin of a purse that was not merged gets its money back. */
import { accept, decidePurseExpire, isPurseOverdue, nextRefund, type PursePub, repeat, Streams } from '@florin/domain';
import { Ledger } from '@florin/event-store';
import { Injectable } from '@nestjs/common';
import { Clock } from '../runtime/clock.js';
import { Log } from '../runtime/tokens.js';

@Injectable()
export class PurseExpiry {
  constructor(
    private readonly ledger: Ledger,
    private readonly streams: Streams,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {}

  /**
   * Ends the purse if it is overdue, and pays what it still owes to its coins, unit by unit; called by every command
   * and long poll that meets it, and by the expiry job. Nothing expires while the clock is suspect.
   * @returns whether anything was written
   */
  async settle(pursePub: PursePub): Promise<boolean> {
    let written = await this.expire(pursePub);
    while (await this.refund(pursePub)) written = true;
    return written;
  }

  private async expire(pursePub: PursePub): Promise<boolean> {
    const stream = this.streams.purse(pursePub);
    if (!isPurseOverdue(await this.ledger.peek(stream), this.clock.now())) return false;
    const suspicion = this.clock.suspicion();
    if (suspicion) {
      const what = 'a purse is overdue, but nothing expires until an admin trusts the clock';
      this.log.error({ pursePub, suspicion }, what);
      return false;
    }
    const done = await this.ledger.transact([stream.name], async (tx) => {
      const expired = decidePurseExpire(await tx.load(stream), this.clock.now());
      if (!expired) return repeat(undefined);
      tx.append(stream.append(expired));
      return accept(undefined);
    });
    return done.kind === 'accept';
  }

  /** One unit of refunds. @returns whether there was something to refund */
  private async refund(pursePub: PursePub): Promise<boolean> {
    const stream = this.streams.purse(pursePub);
    const about = { pursePub, now: this.clock.now() };
    const found = nextRefund(await this.ledger.peek(stream), about);
    if (!found) return false;
    const queue = [stream.name, ...found.coins.map(({ coinPub }) => this.streams.coin(coinPub).name)];
    const done = await this.ledger.transact(queue, async (tx) => {
      const refund = nextRefund(await tx.load(stream), about);
      if (!refund) return repeat(undefined);
      for (const { coinPub, event } of refund.coins) {
        const coin = this.streams.coin(coinPub);
        await tx.load(coin);
        tx.append(coin.append(event));
      }
      tx.append(stream.append(refund.purse));
      return accept(undefined);
    });
    return done.kind === 'accept';
  }
}
