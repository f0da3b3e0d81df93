import { StoreUnavailable } from './port.js';

/**
 * First come, first served, by name: who runs under some names waits for everybody who came before under one of them.
 */
export class Queues {
  private readonly tails = new Map<string, Promise<void>>();

  /** @param patienceMs how long one waits under a name; for as long as it takes by default */
  constructor(private readonly patienceMs?: number) {}

  /**
   * Takes the names in sorted order, which is why two callers never wait for each other.
   * @throws StoreUnavailable after waiting for too long: while the store does not answer, each one takes its time
   */
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
    if (before && !(await this.isInTime(before))) {
      void before.then(release);
      throw new StoreUnavailable(`others have been waiting for ${name} for ${this.patienceMs} ms`);
    }
    return release;
  }

  private async isInTime(turn: Promise<void>): Promise<boolean> {
    const { patienceMs } = this;
    if (patienceMs === undefined) return turn.then(() => true);
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), patienceMs);
      void turn.then(() => {
        clearTimeout(timer);
        resolve(true);
      });
    });
  }
}
