/** A door that is open or closed. A suspended node is one whose door is closed: whoever wants through waits. */
export class Gate {
  #waiting: (() => void)[] | undefined;

  get closed(): boolean {
    return this.#waiting !== undefined;
  }

  close(): void {
    this.#waiting ??= [];
  }

  open(): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = undefined;
    for (const pass of waiting) pass();
  }

  /** Resolves once the door is open, in the order of arrival; at once if it is. */
  passed(): Promise<void> {
    if (this.#waiting === undefined) return Promise.resolve();
    return new Promise((resolve) => this.#waiting?.push(resolve));
  }
}
