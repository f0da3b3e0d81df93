import { patiently } from '../patience.js';
import { StoreUnavailable } from '../port.js';

/** Lets so many through at a time; the others wait in the order in which they came, and not for ever. */
export class Gate {
  private inside = 0;
  private readonly waiting = new Set<() => void>();

  constructor(
    private readonly most: number,
    private readonly patienceMs: number,
  ) {}

  /** @throws StoreUnavailable if it has not begun in time; what `work` throws */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.inside < this.most) this.inside += 1;
    else await this.turn();
    try {
      return await work();
    } finally {
      const [next] = this.waiting;
      if (next) next();
      else this.inside -= 1;
    }
  }

  private turn(): Promise<void> {
    return new Promise((resolve, reject) => {
      const enter = (): void => {
        takeBack();
        this.waiting.delete(enter);
        resolve();
      };
      const takeBack = patiently(this.patienceMs, () => {
        this.waiting.delete(enter);
        reject(new StoreUnavailable(`${this.most} calls to the event store were under way for ${this.patienceMs} ms`));
      });
      this.waiting.add(enter);
    });
  }
}
