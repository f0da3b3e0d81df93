import type { CommittedUnit, Position } from './port.js';

/** Wakes subscribers when something was committed, or when the store stops. */
export class Bell {
  private readonly waiting = new Set<() => void>();

  ring(): void {
    for (const wake of [...this.waiting]) wake();
  }

  /** Fulfilled by the next ring or by the signal. Ask before looking for news, so that none falls in between. */
  next(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.waiting.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.waiting.add(wake);
      signal.addEventListener('abort', wake);
      if (signal.aborted) wake();
    });
  }
}

/** A subscription made of reads to the present end, one after each ring of the bell. */
export async function* follow(
  { after, signal }: { after: Position; signal: AbortSignal },
  bell: Bell,
  read: (after: Position) => AsyncIterable<CommittedUnit>,
): AsyncGenerator<CommittedUnit> {
  let position = after;
  while (!signal.aborted) {
    const news = bell.next(signal);
    for await (const unit of read(position)) {
      if (signal.aborted) return;
      yield unit;
      position = unit.position;
    }
    await news;
  }
}
