/** This node's view of the `keys` stream: what is offered, and whether the view is fresh enough to act on. */
import { setTimeout as sleep } from 'node:timers/promises';
import {
  activeSigningKey,
  type Decision,
  type KeyBook,
  type OfferedSigningKey,
  type Refuse,
  refuse,
  Streams,
} from '@florin/domain';
import { Ledger } from '@florin/event-store';
import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { Clock } from './clock.js';
import { Log } from './tokens.js';

/** `status` differs by endpoint: 503 where clients poll (`/keys`), 500 in the handlers of the specification. */
export interface KeysMissing {
  readonly code: 'KEYS_MISSING';
  readonly status: 500 | 503;
}

/** A view that was not confirmed for this long is not acted on: a revocation might have been missed. */
const STALE_MS = 10_000;
const CONFIRM_EVERY_MS = 3_000;
/** So long a request waits for a view that is too old to be confirmed. */
const FRESHEN_MS = 1_000;
/** Refusals that a newer view may take back: another node has offered the key, or revoked it, a moment ago. */
const TAKEN_BACK_BY_NEWER_VIEW: readonly string[] = [
  'DENOMINATION_UNKNOWN',
  'DENOMINATION_NOT_REVOKED',
  'GLOBAL_FEES_MISSING',
];

@Injectable()
export class KeyRing implements OnApplicationShutdown {
  private book: KeyBook | undefined;
  private confirmedAtMs = Number.NEGATIVE_INFINITY;
  private freshening: Promise<void> | undefined;
  private isLacking = false;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly ledger: Ledger,
    private readonly streams: Streams,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {}

  /** Reads the stream now, and goes on confirming the view. */
  async start(): Promise<void> {
    await this.confirm();
    this.timer = setInterval(() => {
      this.confirm().catch((error: unknown) => this.log.warn({ error }, 'the view of the keys could not be confirmed'));
    }, CONFIRM_EVERY_MS);
    this.timer.unref();
  }

  onApplicationShutdown(): void {
    clearInterval(this.timer);
  }

  /** Reads the tail of the stream from the store. */
  async confirm(): Promise<KeyBook> {
    const begun = performance.now();
    this.book = await this.ledger.refresh(this.streams.keys());
    this.confirmedAtMs = begun;
    return this.book;
  }

  /**
   * Before a request: a view that has grown too old, as while the machine stood still, is confirmed first. Where the
   * store does not answer soon, the view stays too old.
   */
  async freshen(): Promise<void> {
    if (!this.isTooOld()) return;
    this.freshening ??= this.confirm()
      .then(
        () => undefined,
        () => undefined, // the regular look says so
      )
      .finally(() => {
        this.freshening = undefined;
      });
    await Promise.race([this.freshening, sleep(FRESHEN_MS)]);
  }

  /** Names the offered keys that this node does not hold: as long as there are any, it acts on nothing. */
  lack(names: readonly string[]): void {
    this.isLacking = names.length > 0;
  }

  /** What is offered, to decide on; undefined while there is nothing, a key is lacking, or the view is too old. */
  usableBook(): KeyBook | undefined {
    if (!this.book?.terms || this.isLacking || this.isTooOld()) return undefined;
    return this.book;
  }

  /**
   * What `check` decides on the view of the keys. A refusal that a newer view may take back rests on one that was read
   * from the leader after the request came.
   * @param check gets the revision apart: the book may grow while it waits for something, and then says more than it
   * looked at
   */
  async judge<Judged extends Decision<unknown, { readonly code: string }>>(
    check: (book: KeyBook, keysRevision: number) => Judged | Promise<Judged>,
  ): Promise<Judged | Refuse<KeysMissing>> {
    const book = this.usableBook();
    if (!book) return refuse<KeysMissing>({ code: 'KEYS_MISSING', status: 500 });
    const { revision } = book;
    const decision = await check(book, revision);
    if (decision.kind !== 'refuse' || !TAKEN_BACK_BY_NEWER_VIEW.includes(decision.refusal.code)) return decision;
    const confirmed = await this.confirm();
    return confirmed.revision === revision ? decision : check(confirmed, confirmed.revision);
  }

  private isTooOld(): boolean {
    return performance.now() - this.confirmedAtMs > STALE_MS;
  }

  /** Why there is nothing to decide on; undefined if there is. */
  trouble(): string | undefined {
    if (!this.book?.terms) return 'nothing is offered yet';
    if (this.isLacking) return 'keys that are offered are not in the key folder of this node';
    if (!this.usableBook()) return 'the view of the keys could not be confirmed';
    if (!this.activeSigningKey()) return 'no signing key is valid now';
    return undefined;
  }

  /** What is offered, to show; possibly old. */
  shownBook(): KeyBook | undefined {
    return this.book;
  }

  activeSigningKey(): OfferedSigningKey | undefined {
    const book = this.usableBook();
    return book && activeSigningKey(book, this.clock.now());
  }

  /** The age at which the group of `age` begins, in the age groups that `/keys` publishes. */
  lowestAgeOfGroup(age: number): number {
    let mask = 0;
    for (const { ageMask } of this.book?.denominations.values() ?? []) mask |= ageMask;
    for (let start = Math.min(age, 31); start > 0; start -= 1) if (mask & (1 << start)) return start;
    return 0;
  }
}
