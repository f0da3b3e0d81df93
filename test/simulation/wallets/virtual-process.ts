import nodeCrypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
import timersPromises from 'node:timers/promises';
import { Random } from '../random.js';

/*
 * What a process takes from outside, replaced for all code in it: clock, timers, chance and network. To be installed
 * before anything else is loaded. Immediates and microtasks stay as they are: without input and output from outside
 * their order is the same each time.
 */

interface Timer {
  dueMs: number;
  /** Undefined for one that goes off once. */
  readonly periodMs: number | undefined;
  readonly wake: () => void;
}

/** Milliseconds since 1970 at which every simulation begins. */
const BEGINNING_MS = Date.UTC(2027, 0, 4, 9);

export class VirtualProcess {
  private readonly timers = new Set<Timer>();
  private readonly random: Random;
  private elapsedMs = 0;
  /** No timer is due before this. */
  private quietUntilMs = 0;

  /** What stands behind `fetch`. */
  network: (url: string, init: RequestInit) => Promise<Response> = () => Promise.reject(new TypeError('no network'));

  constructor(seed: number) {
    this.random = new Random(seed);
  }

  /** Milliseconds since 1970. */
  readonly nowMs = (): number => BEGINNING_MS + this.elapsedMs;

  /** When the next timer is due, in milliseconds from now; undefined if none is set. */
  get nextTimerMs(): number | undefined {
    if (this.timers.size === 0) return undefined;
    let first = Number.POSITIVE_INFINITY;
    for (const { dueMs } of this.timers) first = Math.min(first, dueMs);
    return Math.max(0, first - this.elapsedMs);
  }

  /** Lets time pass. A timer that was due several times goes off once, as after a machine has slept. */
  advance(ms: number): void {
    this.elapsedMs += Math.ceil(ms);
    if (this.elapsedMs < this.quietUntilMs) return;
    const due = [...this.timers].filter(({ dueMs }) => dueMs <= this.elapsedMs);
    for (const timer of due.sort((a, b) => a.dueMs - b.dueMs)) {
      if (!this.timers.has(timer)) continue; // the one before it took it back
      if (timer.periodMs === undefined) this.timers.delete(timer);
      else timer.dueMs = this.elapsedMs + timer.periodMs;
      timer.wake();
    }
    this.quietUntilMs = this.elapsedMs + (this.nextTimerMs ?? Number.POSITIVE_INFINITY);
  }

  /** Whoever waited for a time is gone. */
  forgetTimers(): void {
    this.timers.clear();
  }

  install(): void {
    this.replaceClock();
    this.replaceTimers();
    this.replaceChance();
    globalThis.fetch = (url, init) => this.network(String(url), init ?? {});
    syncBuiltinESMExports();
  }

  private replaceClock(): void {
    const { nowMs } = this;
    globalThis.Date = class extends Date {
      constructor(...given: unknown[]) {
        super(...((given.length === 0 ? [nowMs()] : given) as [number]));
      }
      static override now = nowMs;
    } as DateConstructor;
    performance.now = () => this.elapsedMs;
  }

  private replaceTimers(): void {
    const set = (dueInMs: number | undefined, wake: () => void, periodic = false): VirtualTimeout => {
      const ms = Math.max(1, Math.ceil(dueInMs ?? 1));
      const timer = { dueMs: this.elapsedMs + ms, periodMs: periodic ? ms : undefined, wake };
      this.timers.add(timer);
      this.quietUntilMs = Math.min(this.quietUntilMs, timer.dueMs);
      return new VirtualTimeout(() => this.timers.delete(timer));
    };
    const clear = (timeout: unknown): void => {
      if (timeout instanceof VirtualTimeout) timeout.cancel();
    };
    const replaced = {
      setTimeout: (wake: (...args: unknown[]) => void, ms?: number, ...args: unknown[]) => set(ms, () => wake(...args)),
      setInterval: (wake: (...args: unknown[]) => void, ms?: number, ...args: unknown[]) =>
        set(ms, () => wake(...args), true),
      clearTimeout: clear,
      clearInterval: clear,
    };
    Object.assign(globalThis, replaced);
    const sleep = (ms?: number, value?: unknown, { signal }: { signal?: AbortSignal } = {}): Promise<unknown> =>
      new Promise((resolve, reject) => {
        const stop = (): void => {
          clear(timeout);
          reject(signal?.reason);
        };
        const timeout = set(ms, () => {
          signal?.removeEventListener('abort', stop);
          resolve(value);
        });
        signal?.addEventListener('abort', stop, { once: true });
        if (signal?.aborted) stop();
      });
    Object.assign(timersPromises, { setTimeout: sleep });
    AbortSignal.timeout = (ms: number): AbortSignal => {
      const controller = new AbortController();
      set(ms, () => controller.abort(new DOMException('the time is over', 'TimeoutError')));
      return controller.signal;
    };
  }

  private replaceChance(): void {
    const { random } = this;
    const fill = <T extends ArrayBufferView>(array: T): T => {
      new Uint8Array(array.buffer, array.byteOffset, array.byteLength).set(random.bytes(array.byteLength));
      return array;
    };
    Math.random = random.unit;
    const randomBytes = (sizeBytes: number): Buffer => Buffer.from(random.bytes(sizeBytes));
    Object.assign(nodeCrypto, { randomBytes, randomFillSync: fill, randomUUID: random.uuid });
    Object.defineProperties(globalThis.crypto, {
      getRandomValues: { value: fill },
      randomUUID: { value: random.uuid },
    });
  }
}

/** What `setTimeout` answers, as far as it is used. */
class VirtualTimeout {
  constructor(readonly cancel: () => void) {}
  unref(): this {
    return this;
  }
  ref(): this {
    return this;
  }
  [Symbol.dispose](): void {
    this.cancel();
  }
}
