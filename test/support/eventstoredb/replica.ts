import { EventEmitter } from 'node:events';
import type { EventLog } from './log.js';
import type { View } from './stream-state.js';

/** How often and by how much a follower lags behind the leader. */
export interface FollowerLag {
  readonly probability: number;
  readonly ms: number;
}

/**
 * How much of the shared log one node has got. The leader always has everything; facts, Reading: on a follower an
 * acknowledged append was "missing in 15 of 300" reads. What a follower shows is a prefix of the log, never with gaps.
 */
export class Replica implements View {
  readonly log: EventLog;
  readonly #random: () => number;
  readonly #lag: FollowerLag;
  readonly #advanced = new EventEmitter().setMaxListeners(0);
  readonly #unsubscribe: () => void;
  #copied: number;
  #leading = false;
  #held = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(log: EventLog, options: { readonly lag: FollowerLag; readonly random: () => number }) {
    this.log = log;
    this.#lag = options.lag;
    this.#random = options.random;
    this.#copied = log.length;
    this.#unsubscribe = log.onAppend(() => this.#onAppend());
  }

  get length(): number {
    return this.#leading ? this.log.length : this.#copied;
  }

  get leading(): boolean {
    return this.#leading;
  }

  get held(): boolean {
    return this.#held;
  }

  lead(): void {
    this.#leading = true;
    this.#catchUp();
  }

  follow(): void {
    this.#copied = this.length;
    this.#leading = false;
  }

  /** Copies nothing until released: a follower that falls behind for as long as a test wants. */
  hold(): void {
    this.#held = true;
  }

  release(): void {
    this.#held = false;
    this.#catchUp();
  }

  /** Calls back whenever there is more to see; returns the function that ends it. */
  onAdvance(listener: () => void): () => void {
    this.#advanced.on('advanced', listener);
    return () => this.#advanced.off('advanced', listener);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#unsubscribe();
  }

  #onAppend(): void {
    if (this.#leading || this.#random() >= this.#lag.probability) this.#catchUp();
    else this.#timer ??= setTimeout(() => this.#catchUp(), this.#lag.ms);
  }

  #catchUp(): void {
    if (this.#held && !this.#leading) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#copied = this.log.length;
    this.#advanced.emit('advanced');
  }
}
