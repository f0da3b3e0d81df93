/** The exchange's clock: whole seconds since 1970, and the suspicion that it is wrong. */

export abstract class Clock {
  /** Whole seconds since 1970. */
  abstract now(): number;
  /** Microseconds since 1970, for the time of writing of an event. */
  abstract nowUs(): number;
  /**
   * Why nothing may expire at present, undefined if the clock can be trusted. A wrong clock must not close reserves and
   * take fees, so expiry waits for an admin's word.
   */
  abstract suspicion(): string | undefined;
  /** An admin looked at the clock and found it right. */
  abstract trust(): void;
}

/** How far wall clock and monotonic clock may drift apart, and how far now may lie before the last event. */
const DRIFT_S = 600;
const BEHIND_LAST_EVENT_S = 60;

export class SystemClock extends Clock {
  private offsetMs = Date.now() - performance.now();
  private lastEventUs = 0;

  now(): number {
    return Math.floor(Date.now() / 1000);
  }

  nowUs(): number {
    return Date.now() * 1000;
  }

  /** The time of the newest event in the store: a clock that lies before it is suspect. */
  observeEvent(writtenAtUs: number): void {
    this.lastEventUs = Math.max(this.lastEventUs, writtenAtUs);
  }

  suspicion(): string | undefined {
    const driftS = Math.abs(Date.now() - performance.now() - this.offsetMs) / 1000;
    if (driftS > DRIFT_S) return `the wall clock jumped by ${Math.round(driftS)} seconds while Florin ran`;
    const behindS = (this.lastEventUs - this.nowUs()) / 1e6;
    if (behindS > BEHIND_LAST_EVENT_S) return `the clock lies ${Math.round(behindS)} seconds before the last event`;
    return undefined;
  }

  trust(): void {
    this.offsetMs = Date.now() - performance.now();
    this.lastEventUs = Math.min(this.lastEventUs, this.nowUs());
  }
}
