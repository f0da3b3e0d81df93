import { setMaxListeners } from 'node:events';
import type { Leases } from '../leases.js';
import { DamagedStore, StoreUnavailable } from '../port.js';
import { NO_STREAM, type ProposedEvent } from './esdb-like.js';
import type { Surroundings } from './surroundings.js';
import { pause } from './timing.js';

/** Outside of the instance's streams, so that leases are in no tree, no view and no export. */
export const LEASE_PREFIX = 'lease';

export interface LeaseOptions {
  readonly instance: string;
  /** Names this process among all. */
  readonly holder: string;
  /** Whoever has not seen a sign of life for so long, by his own clock, takes the lease over; 5 s by default. */
  readonly expiryMs?: number;
  /** Told that somebody has had a lease stream deleted for ever; all go on with the next one. */
  readonly onDeleted?: (stream: string, next: string) => void;
}

const EXPIRY_MS = 5_000;
/** Parts of the expiry: between two signs of life, and after which a holder without an answer gives up. */
const RENEW = 0.2;
const GIVE_UP = 0.6;
const POLL = 0.1;
const EVENTS_KEPT = 10;
const JOB = /^[a-z0-9-]+$/;

/** What a lease stream says last. */
interface Last {
  readonly revision: bigint;
  /** Nobody where there is no event, or where the lease was given back. */
  readonly holder: string | null;
}

interface Term {
  readonly revision: bigint;
  readonly untilMs: number;
}

/**
 * Leases as streams: whoever appends at the revision that he saw last holds it, and says so again every second. That
 * nobody has said so for long is judged by the observer's own clock since he saw the last event; the times of others
 * are not looked at. A holder that hears nothing gives up before anybody can take over.
 *
 * A stream that was tombstoned is deleted for ever and for all, so all go on with the next one, after the time in which
 * whoever held the lease notices.
 */
export class EsdbLeases implements Leases {
  private readonly expiryMs: number;
  private readonly limited = new Set<string>();
  /** By job, how many of its streams were deleted. */
  private readonly deleted = new Map<string, number>();

  constructor(
    private readonly surroundings: Surroundings,
    private readonly options: LeaseOptions,
  ) {
    this.expiryMs = options.expiryMs ?? EXPIRY_MS;
  }

  async whileHeld(job: string, signal: AbortSignal, work: (held: AbortSignal) => Promise<void>): Promise<void> {
    if (!JOB.test(job)) throw new RangeError(`a job is named by letters, digits and hyphens, not ${job}`);
    const ended = AbortSignal.any([signal, this.surroundings.stopped]);
    setMaxListeners(0, ended);
    for (;;) {
      const stream = this.streamOf(job);
      const term = await this.acquire(stream, ended);
      if (term === 'deleted') {
        this.replace(job, stream);
        await pause(this.surroundings.clock, this.expiryMs, ended);
        continue;
      }
      if (!term) return;
      if (!this.limited.has(stream)) await this.limit(stream);
      if (ended.aborted) return this.release(stream, term.revision);
      if (await this.hold(stream, term, { ended, work })) return;
    }
  }

  private streamOf(job: string): string {
    const first = `${LEASE_PREFIX}.${this.options.instance}.${job}`;
    const deleted = this.deleted.get(job) ?? 0;
    return deleted === 0 ? first : `${first}.${deleted + 1}`;
  }

  private replace(job: string, stream: string): void {
    if (stream === this.streamOf(job)) this.deleted.set(job, (this.deleted.get(job) ?? 0) + 1);
    this.options.onDeleted?.(stream, this.streamOf(job));
  }

  private async acquire(stream: string, ended: AbortSignal): Promise<Term | 'deleted' | undefined> {
    const { clock } = this.surroundings;
    let seen: { readonly revision: bigint; readonly atMs: number } | undefined;
    while (!ended.aborted) {
      const last = await this.last(stream);
      if (last === 'deleted') return last;
      if (last) {
        if (seen?.revision !== last.revision) seen = { revision: last.revision, atMs: clock.now() };
        const isFree = last.holder === null || last.holder === this.options.holder;
        const term =
          isFree || clock.now() - seen.atMs >= this.expiryMs ? await this.claim(stream, last.revision) : undefined;
        if (term) return term;
      }
      await pause(clock, this.expiryMs * POLL, ended);
    }
    return undefined;
  }

  /** @returns whether all is over: the work, or the time for it */
  private async hold(
    stream: string,
    begun: Term,
    { ended, work }: { ended: AbortSignal; work: (held: AbortSignal) => Promise<void> },
  ): Promise<boolean> {
    const { clock } = this.surroundings;
    const lost = new AbortController();
    const done = new AbortController();
    const held = AbortSignal.any([ended, lost.signal]);
    setMaxListeners(0, held);
    let term: Term | undefined = begun;
    const renewing = (async () => {
      const over = AbortSignal.any([held, done.signal]);
      while (term && !over.aborted) {
        await pause(clock, this.expiryMs * RENEW, over);
        if (over.aborted) return;
        const { untilMs, revision }: Term = term;
        const claiming = this.claim(stream, revision);
        const tooLate = pause(clock, Math.max(untilMs - clock.now(), 0), over).then(() => undefined);
        term = await Promise.race([claiming, tooLate]);
        if (over.aborted) term = await claiming;
      }
      if (!over.aborted) lost.abort();
    })();
    try {
      await work(held);
      return !lost.signal.aborted;
    } finally {
      done.abort();
      await renewing;
      if (term && !lost.signal.aborted) await this.release(stream, term.revision);
    }
  }

  private async claim(stream: string, revision: bigint): Promise<Term | undefined> {
    const { client, clock } = this.surroundings;
    const begunMs = clock.now();
    const answer = await client.append(stream, revision, [this.event(this.options.holder)]);
    if (answer.kind !== 'written') return undefined;
    return { revision: answer.next, untilMs: begunMs + this.expiryMs * GIVE_UP };
  }

  /** Gives the lease back, so that others need not wait; it does no harm if that is lost. */
  private async release(stream: string, revision: bigint): Promise<void> {
    await this.surroundings.client.append(stream, revision, [this.event(null)]);
  }

  /** The server throws away what nobody looks at any more. Mostly somebody has told it before. */
  private async limit(stream: string): Promise<void> {
    const data = JSON.stringify({ $maxCount: EVENTS_KEPT });
    const { client, newId } = this.surroundings;
    const settings = { id: newId(), type: '$metadata', data, metadata: '{}' };
    const { kind } = await client.append(`$$${stream}`, NO_STREAM, [settings]);
    if (kind !== 'unknown') this.limited.add(stream);
  }

  private async last(stream: string): Promise<Last | 'deleted' | undefined> {
    try {
      const newest = { from: 'end', direction: 'backward', max: 1, requiresLeader: true } as const;
      const { events } = await this.surroundings.client.readStream(stream, newest);
      const [event] = events;
      if (!event) return { revision: NO_STREAM, holder: null };
      const { holder } = Object(event.data) as { holder?: unknown };
      return { revision: event.revision, holder: typeof holder === 'string' ? holder : null };
    } catch (error) {
      if (error instanceof StoreUnavailable) return undefined;
      if (error instanceof DamagedStore) return 'deleted';
      throw error;
    }
  }

  private event(holder: string | null): ProposedEvent {
    const data = JSON.stringify({ holder });
    return { id: this.surroundings.newId(), type: 'lease', data, metadata: '{}' };
  }
}
