/** Whether this node can do what it is asked for, and why not. */
import { statfs } from 'node:fs/promises';
import { ErrorCode, type SentErrorCode } from '@florin/encoding';
import { START } from '@florin/event-store';
import { Views } from '@florin/projections';
import { Signers } from '@florin/signing';
import { Injectable } from '@nestjs/common';
import { Clock } from '../runtime/clock.js';
import { KeyRing } from '../runtime/key-ring.js';
import { Config, EventStore } from '../runtime/tokens.js';
import { PublishedLog } from '../transparency/published-log.js';

export interface Unready {
  readonly code: SentErrorCode;
  readonly reason: string;
}

/** A node whose read models are so far behind answers its own customers with 503. */
const LAG_EVENTS_MAX = 5_000;
/** Less than a few large requests and the log of the database take. */
const DISK_FULL_BYTES = 8 * 1024 * 1024;
const STORE_ANSWERS_WITHIN_MS = 2_000;

@Injectable()
export class Readiness {
  constructor(
    private readonly store: EventStore,
    private readonly views: Views,
    private readonly keys: KeyRing,
    private readonly signers: Signers,
    private readonly clock: Clock,
    private readonly log: PublishedLog,
    private readonly config: Config,
  ) {}

  /** What is missing; nothing if the node is ready. */
  async lacks(): Promise<Unready[]> {
    const found = await Promise.all([this.ofStore(), this.ofDisk(), this.ofViews()]);
    return [...found, this.ofKeys(), this.ofSigners(), this.ofWire(), this.ofClock()].filter(
      (lack) => lack !== undefined,
    );
  }

  /** Events of the ledger that the read models lack. */
  async lag(): Promise<number> {
    const { events } = await this.views.lag();
    return Math.max(0, (this.log.head()?.size ?? 0) - events);
  }

  private async ofStore(): Promise<Unready | undefined> {
    try {
      await inTime(this.store.lastPosition(), STORE_ANSWERS_WITHIN_MS);
      return undefined;
    } catch (error) {
      return { code: ErrorCode.GENERIC_DB_FETCH_FAILED, reason: `the event store does not answer: ${nameOf(error)}` };
    }
  }

  /** What is read is there, but nothing that is asked for can be written. */
  private async ofDisk(): Promise<Unready | undefined> {
    const free = await statfs(this.config.data).catch(() => undefined);
    if (!free || free.bavail * free.bsize >= DISK_FULL_BYTES) return undefined;
    return { code: ErrorCode.GENERIC_DB_COMMIT_FAILED, reason: 'the disk of the data folder is full' };
  }

  private async ofViews(): Promise<Unready | undefined> {
    const code = ErrorCode.GENERIC_DB_FETCH_FAILED;
    try {
      await this.views.caughtUpWith(START);
      const lag = await inTime(this.lag(), STORE_ANSWERS_WITHIN_MS);
      return lag > LAG_EVENTS_MAX ? { code, reason: `the read models lack ${lag} events` } : undefined;
    } catch (error) {
      return { code, reason: `the read models do not follow: ${nameOf(error)}` };
    }
  }

  private ofKeys(): Unready | undefined {
    const reason = this.keys.trouble();
    return reason === undefined ? undefined : { code: ErrorCode.EXCHANGE_GENERIC_KEYS_MISSING, reason };
  }

  private ofSigners(): Unready | undefined {
    if (this.signers.status().some(({ ready }) => ready)) return undefined;
    return { code: ErrorCode.EXCHANGE_DENOMINATION_HELPER_UNAVAILABLE, reason: 'no signer runs' };
  }

  private ofWire(): Unready | undefined {
    if ((this.keys.shownBook()?.accounts.size ?? 0) > 0) return undefined;
    return { code: ErrorCode.EXCHANGE_GENERIC_BAD_CONFIGURATION, reason: 'no wire account is offered' };
  }

  private ofClock(): Unready | undefined {
    const reason = this.clock.suspicion();
    return reason === undefined ? undefined : { code: ErrorCode.EXCHANGE_GENERIC_CLOCK_SKEW, reason };
  }
}

/** The kind of error only: words of others are for the log. */
const nameOf = (error: unknown): string => (error instanceof Error ? error.name : 'unknown');

class TooLate extends Error {
  override readonly name = 'TooLate';
}

function inTime<Value>(work: Promise<Value>, timeoutMs: number): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new TooLate()), timeoutMs);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}
