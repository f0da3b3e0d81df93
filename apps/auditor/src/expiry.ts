import type { PackedMap } from './packed.js';

/** Forgets what has expired in a map, and looks through the map only when something in it has. */
export class Expiry {
  /** The earliest in the map; after a checkpoint was loaded nobody knows it. */
  private earliest = -Infinity;

  constructor(private readonly map: PackedMap<{ readonly expiresAt: number }>) {}

  /** Something was added. @param expiresAt seconds */
  note(expiresAt: number): void {
    if (expiresAt < this.earliest) this.earliest = expiresAt;
  }

  /** @param now seconds */
  prune(now: number): void {
    if (this.earliest >= now) return;
    this.earliest = Infinity;
    this.map.deleteWhere(({ expiresAt }) => {
      if (expiresAt < now) return true;
      this.note(expiresAt);
      return false;
    });
  }
}
