/**
 * First come, first served, by name: who runs under some names waits for everybody who came before under one of them.
 */
export class Queues {
  private readonly tails = new Map<string, Promise<void>>();

  /** Takes the names in sorted order, which is why two callers never wait for each other. */
  async run<T>(names: readonly string[], work: () => Promise<T>): Promise<T> {
    const sorted = [...new Set(names)].sort();
    const releases: (() => void)[] = [];
    try {
      for (const name of sorted) releases.push(await this.enter(name));
      return await work();
    } finally {
      for (const release of releases) release();
    }
  }

  private async enter(name: string): Promise<() => void> {
    const before = this.tails.get(name);
    let release = (): void => {};
    const turn = new Promise<void>((resolve) => {
      release = () => {
        if (this.tails.get(name) === turn) this.tails.delete(name);
        resolve();
      };
    });
    this.tails.set(name, turn);
    if (before) await before;
    return release;
  }
}
