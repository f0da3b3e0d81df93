/** Wakes those who wait for a transaction. One bell for the whole bank: whoever wakes looks again for himself. */
export class Bell {
  readonly #waiting = new Set<() => void>();
  #closed = false;

  ring(): void {
    for (const wake of [...this.#waiting]) wake();
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Wakes everybody, and lets nobody wait any more. */
  close(): void {
    this.#closed = true;
    this.ring();
  }

  /**
   * Asks `look` until it returns something, whenever the bell rings, for at most `waitMs`.
   * @param gone aborts the waiting, when nobody is left to be answered
   * @returns what `look` said last
   */
  async await<Row>(look: () => Row[], waitMs: number, gone: AbortSignal): Promise<Row[]> {
    const until = performance.now() + waitMs;
    for (;;) {
      const rows = look();
      const leftMs = until - performance.now();
      if (rows.length > 0 || leftMs <= 0 || this.#closed || gone.aborted) return rows;
      await this.#ringOrTimeout(leftMs, gone);
    }
  }

  #ringOrTimeout(ms: number, gone: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        gone.removeEventListener('abort', wake);
        this.#waiting.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, ms);
      gone.addEventListener('abort', wake, { once: true });
      this.#waiting.add(wake);
    });
  }
}
