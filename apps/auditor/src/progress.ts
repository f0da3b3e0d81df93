/** How far an audit is: events, rate, what remains. On standard error, so that reports stay clean. */
export class Progress {
  private readonly started = performance.now();
  private shownAt = -Infinity;
  private readonly first: number;

  /** @param total events there are, if the source knows */
  constructor(
    private readonly total: number | undefined,
    first: number,
    private readonly isShown: boolean,
  ) {
    this.first = first;
  }

  /** @param done events replayed, those of a checkpoint included */
  show(done: number, findings: number): void {
    const now = performance.now();
    if (!this.isShown || now - this.shownAt < 1_000) return;
    this.shownAt = now;
    const rate = (done - this.first) / ((now - this.started) / 1_000);
    const of = this.total === undefined ? '' : ` of ${this.total}`;
    const left = this.total === undefined || rate === 0 ? '' : `, ${duration((this.total - done) / rate)} left`;
    const found = findings === 0 ? '' : `, ${findings} findings`;
    process.stderr.write(`${done}${of} events, ${Math.round(rate)}/s${left}${found}\n`);
  }
}

function duration(seconds: number): string {
  if (seconds < 100) return `${Math.max(0, Math.round(seconds))} s`;
  return seconds < 6_000 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3_600)} h`;
}
