/** Reserves whose time is over are closed by themselves, to where the money came from. */
import { accept, decideExpire, isOverdue, type ReservePub, repeat, Streams, wireFeesAt } from '@florin/domain';
import { Ledger } from '@florin/event-store';
import { Injectable } from '@nestjs/common';
import { Accounts } from '../runtime/accounts.js';
import { Clock } from '../runtime/clock.js';
import { KeyRing } from '../runtime/key-ring.js';
import { Config, Log } from '../runtime/tokens.js';
import { Closings } from './closings.js';

@Injectable()
export class ReserveExpiry {
  constructor(
    private readonly ledger: Ledger,
    private readonly streams: Streams,
    private readonly keys: KeyRing,
    private readonly accounts: Accounts,
    private readonly closings: Closings,
    private readonly clock: Clock,
    private readonly config: Config,
    private readonly log: Log,
  ) {}

  /**
   * Closes the reserve if it is overdue; called by every command and long poll that meets it, and by the expiry job.
   * Does nothing while the clock is suspect.
   * @returns whether the reserve was closed
   */
  async settle(reservePub: ReservePub): Promise<boolean> {
    const stream = this.streams.reserve(reservePub);
    if (!isOverdue(await this.ledger.peek(stream), this.clock.now())) return false;
    const suspicion = this.clock.suspicion();
    if (suspicion) {
      this.log.error(
        { reservePub, suspicion },
        'a reserve is overdue, but nothing expires until an admin trusts the clock',
      );
      return false;
    }
    const done = await this.ledger.transact([stream.name], async (tx) => {
      const reserve = await tx.load(stream);
      const now = this.clock.now();
      const { origin } = reserve;
      if (!origin || !isOverdue(reserve, now)) return repeat(false);
      const book = this.keys.usableBook();
      if (!book) return repeat(false); // says so itself, and is confirmed again soon
      const target = await this.accounts.paymentTarget(undefined, origin);
      const fees = target && wireFeesAt(book, target.method, reserve.expiresAt);
      if (!fees) {
        this.log.error(
          { reservePub },
          'an overdue reserve cannot be closed: no account pays its origin, or no wire fee',
        );
        return repeat(false);
      }
      const { roundUnit } = this.config;
      const closing = decideExpire(reserve, { now, closingFee: fees.closingFee, roundUnit });
      if (!closing) return repeat(false);
      const keysRevision = book.revision;
      this.closings.append(tx, { reservePub, closing, target, request: undefined, now, keysRevision });
      return accept(true);
    });
    return done.kind === 'accept';
  }
}
