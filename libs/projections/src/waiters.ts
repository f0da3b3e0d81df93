/** Those who wait on the main thread for what the views apply. */
import { type Position, patiently, type RecordedEvent } from '@florin/event-store';

/** The views did not get as far as asked within the time: 503 with Retry-After. */
export class ViewsBehind extends Error {
  override readonly name = 'ViewsBehind';
}

interface Waiter {
  readonly position: Position;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** Waits for positions. */
export class PositionWaiters {
  private readonly waiting = new Set<Waiter>();

  /** @throws ViewsBehind after `timeoutMs`, in which this process could run */
  wait(position: Position, timeoutMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = (settle: () => void): void => {
        takeBack();
        this.waiting.delete(waiter);
        settle();
      };
      const waiter: Waiter = {
        position,
        resolve: () => end(resolve),
        reject: (error) => end(() => reject(error)),
      };
      const takeBack = patiently(timeoutMs, () =>
        waiter.reject(new ViewsBehind(`the views did not reach position ${position} within ${timeoutMs} ms`)),
      );
      this.waiting.add(waiter);
    });
  }

  passed(position: Position): void {
    for (const waiter of this.waiting) if (waiter.position <= position) waiter.resolve();
  }

  fail(error: Error): void {
    for (const waiter of this.waiting) waiter.reject(error);
  }
}

/** Waits for changes of streams, for long polls. */
export class StreamWatchers {
  private readonly watching = new Map<string, Set<() => void>>();

  /** Fulfilled when an event of the stream has been applied, when the signal aborts, or when nothing more will come. */
  next(stream: string, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wakers = this.watching.get(stream) ?? new Set();
      const wake = (): void => {
        wakers.delete(wake);
        if (wakers.size === 0) this.watching.delete(stream);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      wakers.add(wake);
      this.watching.set(stream, wakers);
      signal.addEventListener('abort', wake);
      if (signal.aborted) wake();
    });
  }

  changed(events: readonly RecordedEvent[]): void {
    if (this.watching.size === 0) return;
    for (const { stream } of events) this.wake(stream);
  }

  wakeAll(): void {
    for (const stream of [...this.watching.keys()]) this.wake(stream);
  }

  private wake(stream: string): void {
    for (const wake of [...(this.watching.get(stream) ?? [])]) wake();
  }
}
