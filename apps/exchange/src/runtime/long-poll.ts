/** Requests that wait for something to happen. All of them end when the service stops. */

import { Ledger } from '@florin/event-store';
import { Views } from '@florin/projections';
import { type BeforeApplicationShutdown, Injectable } from '@nestjs/common';

@Injectable()
export class LongPoll implements BeforeApplicationShutdown {
  private readonly waiting = new Set<AbortController>();
  private stopped = false;

  constructor(
    private readonly ledger: Ledger,
    private readonly views: Views,
  ) {}

  /** Held requests are answered with what there is. */
  beforeApplicationShutdown(): void {
    this.stopped = true;
    for (const controller of this.waiting) controller.abort();
  }

  /**
   * What `read` finds, as new as this node's last command. Unless it is `settled`, waits for events of `stream` and
   * reads again, until `timeoutMs` have passed.
   * @param dueInMs after how long the clock alone may change what is read; undefined if never
   */
  async until<Value>(
    { stream, timeoutMs }: { readonly stream: string; readonly timeoutMs: number },
    read: () => Promise<Value>,
    settled: (value: Value) => boolean,
    dueInMs: (value: Value) => number | undefined = () => undefined,
  ): Promise<Value> {
    if (timeoutMs === 0 || this.stopped) return this.readNow(read);
    const controller = new AbortController();
    const timer = setTimeout(() => controller.abort(), timeoutMs);
    this.waiting.add(controller);
    try {
      for (;;) {
        const turn = new AbortController();
        const changed = this.views.changed(stream, AbortSignal.any([controller.signal, turn.signal]));
        const value = await this.readNow(read);
        if (settled(value) || controller.signal.aborted) return value;
        const due = dueInMs(value);
        const alarm = due !== undefined && due < timeoutMs && setTimeout(() => turn.abort(), Math.max(1, due));
        await changed;
        if (alarm) clearTimeout(alarm);
      }
    } finally {
      clearTimeout(timer);
      this.waiting.delete(controller);
      controller.abort();
    }
  }

  private async readNow<Value>(read: () => Promise<Value>): Promise<Value> {
    await this.views.caughtUpWith(this.ledger.lastCommitted);
    return read();
  }
}
