/** Work that goes on by itself: looked at often, never timed to a date, ended in order when the process stops. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Views } from '@florin/projections';
import { watchCredits } from '@florin/wire';
import { type BeforeApplicationShutdown, Injectable } from '@nestjs/common';
import { Offering } from '../keys/offering.js';
import { PurseExpiry } from '../purses/expiry.js';
import { ReserveExpiry } from '../reserves/expiry.js';
import { BookCredits } from '../wire/book-credits.js';
import { Gateways } from '../wire/gateways.js';
import { PayTransfers } from '../wire/pay-transfers.js';
import { Clock } from './clock.js';
import { Log } from './tokens.js';

const PAY_EVERY_MS = 500;
const EXPIRE_EVERY_MS = 5_000;
const OFFER_EVERY_MS = 60_000;
const OVERDUE_PER_ROUND = 100;

@Injectable()
export class Jobs implements BeforeApplicationShutdown {
  private readonly stop = new AbortController();
  private readonly running: Promise<void>[] = [];

  constructor(
    private readonly views: Views,
    private readonly gateways: Gateways,
    private readonly credits: BookCredits,
    private readonly transfers: PayTransfers,
    private readonly expiry: ReserveExpiry,
    private readonly purseExpiry: PurseExpiry,
    private readonly offering: Offering,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {}

  start(): void {
    const { signal } = this.stop;
    for (const name of this.gateways.names()) this.running.push(this.watch(name, signal));
    this.every(PAY_EVERY_MS, 'paying transfers', () => this.transfers.round(signal));
    this.every(EXPIRE_EVERY_MS, 'closing overdue reserves', () => this.expire(signal));
    this.every(EXPIRE_EVERY_MS, 'ending overdue purses', () => this.endPurses(signal));
    this.every(OFFER_EVERY_MS, 'offering keys', () => this.offering.round());
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.stop.abort();
    await Promise.allSettled(this.running);
  }

  private watch(name: string, signal: AbortSignal): Promise<void> {
    return watchCredits({
      gateway: this.gateways.of(name),
      lastRow: () => this.credits.lastRow(name),
      book: (rows) => this.credits.book(name, rows),
      signal,
      sleep: pause,
      monotonicMs: () => performance.now(),
      onProblem: ({ kind, alarm, error, retryInMs }) => {
        const reason = error instanceof Error ? error.message : String(error);
        this.log[alarm ? 'error' : 'warn']({ wireAccount: name, kind, reason, retryInMs }, 'watching the bank failed');
      },
    });
  }

  private async expire(signal: AbortSignal): Promise<void> {
    const now = this.clock.now();
    const overdue = await this.views.ask('reserve-summary', 'overdue', { now, limit: OVERDUE_PER_ROUND });
    for (const reservePub of overdue) {
      if (signal.aborted) return;
      await this.expiry.settle(reservePub);
    }
  }

  private async endPurses(signal: AbortSignal): Promise<void> {
    const due = await this.views.ask('purses', 'due', { now: this.clock.now(), limit: OVERDUE_PER_ROUND });
    for (const pursePub of due) {
      if (signal.aborted) return;
      await this.purseExpiry.settle(pursePub);
    }
  }

  /** A round that fails is logged and tried again at its next turn. */
  private every(pauseMs: number, name: string, round: () => Promise<unknown>): void {
    const { signal } = this.stop;
    const loop = async (): Promise<void> => {
      while (!signal.aborted) {
        try {
          await round();
        } catch (error) {
          const reason = error instanceof Error ? error.message : String(error);
          if (!signal.aborted) this.log.error({ job: name, reason }, 'a round of a job failed');
        }
        await pause(pauseMs, signal);
      }
    };
    this.running.push(loop());
  }
}

/** Returns early, without an error, when the signal aborts. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}
