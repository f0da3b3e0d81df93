/**
 * Work that goes on by itself: looked at often, never timed to a date, ended in order when the process stops. Where
 * several nodes share a store, one of them does it at a time; that nothing is done twice is seen to by the streams.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Views } from '@florin/projections';
import { watchCredits } from '@florin/wire';
import { type BeforeApplicationShutdown, Injectable } from '@nestjs/common';
import { NodeKeys } from '../keys/node-keys.js';
import { Offering } from '../keys/offering.js';
import { Metrics } from '../operating/metrics.js';
import { PurseExpiry } from '../purses/expiry.js';
import { ReserveExpiry } from '../reserves/expiry.js';
import { BookCredits } from '../wire/book-credits.js';
import { Gateways } from '../wire/gateways.js';
import { PayTransfers } from '../wire/pay-transfers.js';
import { Clock } from './clock.js';
import { KeyRing } from './key-ring.js';
import type { StorePatience } from './store-patience.js';
import { Leases, Log } from './tokens.js';

const PAY_EVERY_MS = 500;
const EXPIRE_EVERY_MS = 5_000;
/** Somebody waits for the coins of an expired purse. */
const END_PURSES_EVERY_MS = 1_000;
const OFFER_EVERY_MS = 60_000;
const LOAD_EVERY_MS = 3_000;
const KEYS_POLL_MS = 250;
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
    private readonly nodeKeys: NodeKeys,
    private readonly keys: KeyRing,
    private readonly leases: Leases,
    private readonly clock: Clock,
    private readonly metrics: Metrics,
    private readonly log: Log,
  ) {}

  /**
   * Begins to see to the keys. @returns once this node can serve: it holds all that is offered, whoever has made it; or
   * it has looked itself and could offer nothing, for the master key is offline
   * @throws what the first look of this node throws
   */
  async startKeys(patience: StorePatience): Promise<void> {
    const { signal } = this.stop;
    const own: { look: 'to come' | 'under way' | 'done'; failure?: Error } = { look: 'to come' };
    let isStarting = true;
    const round = (): Promise<unknown> => this.offering.round();
    const look = async (): Promise<void> => {
      if (own.look === 'to come') own.look = 'under way';
      try {
        await (isStarting ? patience.until(round) : round());
        own.look = 'done';
      } catch (error) {
        own.failure = error instanceof Error ? error : new Error(String(error));
        throw error;
      }
    };
    this.onOneNode('keys', (held) => this.every(OFFER_EVERY_MS, 'offering keys', look, held));
    while (!signal.aborted) {
      if (own.failure) throw own.failure;
      await patience.until(() => this.keys.confirm());
      const state = await this.nodeKeys.round();
      const isOver = state === 'ready' || (state === 'nothing offered' && own.look === 'done');
      if (isOver && own.look !== 'under way') break;
      await pause(KEYS_POLL_MS, signal);
    }
    isStarting = false;
    this.running.push(this.every(LOAD_EVERY_MS, 'loading keys', () => this.nodeKeys.round(), signal));
  }

  start(): void {
    this.onOneNode('wirewatch', async (held) => {
      await Promise.all(this.gateways.names().map((name) => this.watch(name, held)));
    });
    this.onOneNode('transfers', (held) =>
      this.every(PAY_EVERY_MS, 'paying transfers', () => this.transfers.round(held), held),
    );
    this.onOneNode('expiry', async (held) => {
      await Promise.all([
        this.every(EXPIRE_EVERY_MS, 'closing overdue reserves', () => this.expire(held), held),
        this.every(END_PURSES_EVERY_MS, 'ending overdue purses', () => this.endPurses(held), held),
      ]);
    });
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.stop.abort();
    await Promise.allSettled(this.running);
  }

  private watch(name: string, signal: AbortSignal): Promise<void> {
    this.metrics.bankProblems.inc({ account: name }, 0);
    return watchCredits({
      gateway: this.gateways.of(name),
      lastRow: () => this.credits.lastRow(name),
      book: (rows) => this.credits.book(name, rows),
      signal,
      sleep: pause,
      monotonicMs: () => performance.now(),
      onProblem: ({ kind, alarm, error, retryInMs }) => {
        const reason = error instanceof Error ? error.message : String(error);
        this.metrics.bankProblems.inc({ account: name });
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

  private onOneNode(job: string, work: (held: AbortSignal) => Promise<void>): void {
    const done = this.leases.whileHeld(job, this.stop.signal, work).catch((error: unknown) => {
      const reason = error instanceof Error ? error.message : String(error);
      this.log.error({ job, reason }, 'a job has ended');
    });
    this.running.push(done);
  }

  /** A round that fails is logged and tried again at its next turn. */
  private async every(
    pauseMs: number,
    name: string,
    round: () => Promise<unknown>,
    signal: AbortSignal,
  ): Promise<void> {
    while (!signal.aborted) {
      try {
        await round();
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        if (!signal.aborted) this.log.error({ job: name, reason }, 'a round of a job failed');
      }
      await pause(pauseMs, signal);
    }
  }
}

/** Returns early, without an error, when the signal aborts. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}
