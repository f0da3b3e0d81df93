/** Time as the commit protocol knows it: handed in, so that a simulation can play with it. */

export interface Clock {
  /** Milliseconds that only grow, from an origin of the process's own. */
  now(): number;
  /** Calls back after so many milliseconds; the answer takes it back. */
  after(ms: number, wake: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => performance.now(),
  after: (ms, wake) => {
    const timer = setTimeout(wake, ms);
    return () => clearTimeout(timer);
  },
};

/** Fulfilled after `ms`, or as soon as the signal aborts. */
export function pause(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const wake = (): void => {
      takeBack();
      signal?.removeEventListener('abort', wake);
      resolve();
    };
    const takeBack = clock.after(ms, wake);
    signal?.addEventListener('abort', wake);
    if (signal?.aborted) wake();
  });
}

/**
 * The outcome of `work`, or what `expired` says once `ms` have passed; `work` goes on all the same.
 * @throws what `work` or `expired` throws
 */
export function within<T>(clock: Pick<Clock, 'after'>, ms: number, work: Promise<T>, expired: () => T): Promise<T> {
  return new Promise((resolve, reject) => {
    const takeBack = clock.after(ms, () => {
      try {
        resolve(expired());
      } catch (error) {
        reject(error);
      }
    });
    work.then(resolve, reject).finally(takeBack);
  });
}

export interface BackoffOptions {
  readonly firstMs: number;
  readonly mostMs: number;
  /** From 0 to 1. */
  readonly random: () => number;
}

/** Growing pauses with jitter: each is between half and all of twice the one before. */
export class Backoff {
  private tries = 0;

  constructor(private readonly options: BackoffOptions) {}

  /** Milliseconds to wait now. */
  next(): number {
    const { firstMs, mostMs, random } = this.options;
    const ms = Math.min(firstMs * 2 ** this.tries, mostMs);
    this.tries += 1;
    return ms * (0.5 + random() / 2);
  }

  reset(): void {
    this.tries = 0;
  }
}
