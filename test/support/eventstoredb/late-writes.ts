/**
 * Appends that nobody waits for any more and that are written nevertheless (facts, When things break: "append without
 * an answer: may still be written later"). They outlive the node that took them.
 */
export class LateWrites {
  readonly #waiting = new Map<() => Promise<unknown>, NodeJS.Timeout | undefined>();

  get count(): number {
    return this.#waiting.size;
  }

  /** @param ms until it is written by itself; without it it waits for `release` */
  add(write: () => Promise<unknown>, ms?: number): void {
    const timer = ms === undefined ? undefined : setTimeout(() => void this.#run(write), ms);
    this.#waiting.set(write, timer);
  }

  /** Writes all that wait, in the order in which they came; resolves with their number when all are written. */
  async release(): Promise<number> {
    const writes = [...this.#waiting.keys()];
    for (const write of writes) await this.#run(write);
    return writes.length;
  }

  /** Forgets them: they are never written. */
  clear(): void {
    for (const timer of this.#waiting.values()) clearTimeout(timer);
    this.#waiting.clear();
  }

  async #run(write: () => Promise<unknown>): Promise<void> {
    clearTimeout(this.#waiting.get(write));
    this.#waiting.delete(write);
    await write();
  }
}
