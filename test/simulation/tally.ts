/** How often each thing happened: a kind that never happens was not tested. */
export class Tally {
  readonly counts = new Map<string, number>();

  count(what: string, by = 1): void {
    if (by > 0) this.counts.set(what, (this.counts.get(what) ?? 0) + by);
  }

  add(other: Tally): void {
    for (const [what, by] of other.counts) this.count(what, by);
  }

  missing(kinds: readonly string[]): string[] {
    return kinds.filter((kind) => !this.counts.has(kind));
  }

  toString(): string {
    return [...this.counts]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([what, often]) => `${what} ${often}`)
      .join(', ');
  }
}
