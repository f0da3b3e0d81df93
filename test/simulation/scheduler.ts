import type { Clock } from '@florin/event-store/commit-protocol';
import type { Random } from './random.js';

/** Something that may happen next. */
export interface Step {
  /** How likely it is to be picked, against the others. */
  readonly weight: number;
  /** Whose memory it changes; it does not happen once that life is over. Nobody's: it happens in the network. */
  readonly life?: Life;
  /** Not before this holds. */
  readonly ready?: () => boolean;
  readonly run: () => void;
}

interface Timer {
  readonly dueMs: number;
  readonly wake: () => void;
}

/**
 * One life of a process: what it waits for dies with it. Its clock moves when one of its timers goes off and at no
 * other
 * time, so that the clocks of different processes have nothing to do with each other.
 */
export class Life implements Clock {
  over = false;
  private nowMs = 0;
  private timers: Timer[] = [];

  now(): number {
    return this.nowMs;
  }

  after(ms: number, wake: () => void): () => void {
    const timer = { dueMs: this.nowMs + Math.max(ms, 0), wake };
    this.timers.push(timer);
    return () => {
      this.timers = this.timers.filter((other) => other !== timer);
    };
  }

  get hasTimers(): boolean {
    return !this.over && this.timers.length > 0;
  }

  /** Lets the timer that is due first go off. */
  tick(): void {
    const next = this.timers.reduce((first, timer) => (timer.dueMs < first.dueMs ? timer : first));
    this.timers = this.timers.filter((timer) => timer !== next);
    this.nowMs = Math.max(this.nowMs, next.dueMs);
    next.wake();
  }

  /** Lets so much time pass, and whatever is due in it go off. */
  pass(ms: number): void {
    const untilMs = this.nowMs + ms;
    while (this.timers.some(({ dueMs }) => dueMs <= untilMs)) this.tick();
    this.nowMs = untilMs;
  }

  end(): void {
    this.over = true;
    this.timers = [];
  }
}

/** Everybody computes as far as he gets in so many turns of the event loop. */
export async function settled(turns: number): Promise<void> {
  for (let left = turns; left > 0; left -= 1) await new Promise((resolve) => setImmediate(resolve));
}

/** Picks by chance what happens next, one step at a time; between two steps everybody computes as far as he gets. */
export class Scheduler {
  private steps: Step[] = [];
  private readonly lives = new Set<Life>();
  taken = 0;

  constructor(
    private readonly random: Random,
    /** How likely time is to pass, against one step of the network. */
    private readonly timeWeight: number,
    /** Turns of the event loop after which everybody waits for a step. */
    private readonly settlingTurns = 1,
  ) {}

  begin(): Life {
    const life = new Life();
    for (const other of this.lives) if (other.over) this.lives.delete(other);
    this.lives.add(life);
    return life;
  }

  add(step: Step): void {
    this.steps.push(step);
  }

  /** Whether something is under way that belongs to nobody any more. */
  get hasTravellers(): boolean {
    return this.steps.some(({ life }) => life === undefined);
  }

  /** @returns whether anything was left to do */
  async step(): Promise<boolean> {
    await settled(this.settlingTurns);
    const ready: Step[] = [];
    let network = 0;
    this.steps = this.steps.filter((step) => !step.life?.over);
    for (const step of this.steps) {
      if (step.ready && !step.ready()) continue;
      ready.push(step);
      network += step.weight;
    }
    const ticking = [...this.lives].filter((life) => life.hasTimers);
    const time = ticking.length > 0 ? this.timeWeight : 0;
    if (network + time === 0) return false;
    this.taken += 1;
    let at = this.random.unit() * (network + time);
    for (const step of ready) {
      at -= step.weight;
      if (at >= 0) continue;
      this.steps.splice(this.steps.indexOf(step), 1);
      step.run();
      return true;
    }
    this.random.pick(ticking).tick();
    return true;
  }
}
