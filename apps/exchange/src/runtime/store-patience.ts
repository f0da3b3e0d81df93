/** A start waits for an event store that is away: it may be started beside the exchange, or be electing a leader. */
import { setTimeout as sleep } from 'node:timers/promises';
import { StoreUnavailable } from '@florin/event-store';
import type { Log } from './tokens.js';

const FIRST_MS = 250;
const MOST_MS = 10_000;

export class StorePatience {
  /** @param limitS seconds that one step of the start waits in all */
  constructor(
    private readonly log: Pick<Log, 'warn'>,
    private readonly limitS: number,
  ) {}

  /**
   * Tries until the store answers, with growing pauses, and says what it waits for.
   * @throws StoreUnavailable when the time is over; at once what `work` throws besides
   */
  async until<Result>(work: () => Promise<Result>): Promise<Result> {
    const endMs = performance.now() + this.limitS * 1_000;
    for (let pauseMs = FIRST_MS; ; pauseMs = Math.min(2 * pauseMs, MOST_MS)) {
      try {
        return await work();
      } catch (error) {
        const leftMs = endMs - performance.now();
        if (!(error instanceof StoreUnavailable) || leftMs <= 0) throw error;
        const givenUpInS = Math.ceil(leftMs / 1_000);
        this.log.warn({ reason: error.message, givenUpInS }, 'the start waits for the event store, which is away');
        await sleep(Math.min(pauseMs, leftMs));
      }
    }
  }
}
