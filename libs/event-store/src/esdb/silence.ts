import type { Clock } from './timing.js';

/** How long nothing was answered on a connection: one on which nothing is answered any more is given up. */
export class Silence {
  private sinceMs: number;

  constructor(
    private readonly clock: Pick<Clock, 'now'>,
    /** Bounds as well how long the next connection is tried, so that a way which is open again is found soon. */
    private readonly mostMs: number,
  ) {
    this.sinceMs = clock.now();
  }

  broken(): void {
    this.sinceMs = this.clock.now();
  }

  /** Whether it has lasted for too long; if so, it begins anew, for the connection that takes over. */
  isTooLong(): boolean {
    if (this.clock.now() - this.sinceMs < this.mostMs) return false;
    this.broken();
    return true;
  }
}
