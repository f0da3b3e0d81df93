import { RevisionConflict } from '../port.js';
import type { Clock } from './timing.js';

const REMEMBERED_MS = 2_000;
const REMEMBERED_MAX = 1_000;

/**
 * Where writers met lately. Units on such streams write their members one after the other, in rank order, so that the
 * first to come wins; all at once, two units could void each other again and again.
 */
export class Contention {
  private readonly metMs = new Map<string, number>();

  constructor(private readonly clock: Clock) {}

  note(error: unknown): void {
    if (!(error instanceof RevisionConflict)) return;
    this.metMs.delete(error.stream);
    this.metMs.set(error.stream, this.clock.now());
    for (const stream of this.metMs.keys()) {
      if (this.metMs.size <= REMEMBERED_MAX) break;
      this.metMs.delete(stream);
    }
  }

  expectedOn(streams: readonly string[]): boolean {
    if (this.metMs.size === 0) return false;
    const oldest = this.clock.now() - REMEMBERED_MS;
    return streams.some((stream) => (this.metMs.get(stream) ?? Number.NEGATIVE_INFINITY) >= oldest);
  }
}
