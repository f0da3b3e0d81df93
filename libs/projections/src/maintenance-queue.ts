/** Maintenance is done one after the other: two rebuilds at once would serve each other's half. */
import type { OnProgress } from './maintenance.js';

/** Who asked for work, and hears of it. */
export interface MaintenanceObserver {
  readonly onProgress?: OnProgress | undefined;
  /** Why it does not begin at once, in words. */
  readonly onNotice?: ((notice: string) => void) | undefined;
}

interface Job {
  readonly name: string;
  readonly observers: MaintenanceObserver[];
  readonly done: Promise<unknown>;
}

export class Maintenance {
  /** The first one is under way. */
  private readonly jobs: Job[] = [];

  /** @param check throws if nothing is to be begun any more */
  constructor(private readonly check: () => void) {}

  /** Work that is queued or under way under the same name is shared. */
  share<Result>(name: string, observer: MaintenanceObserver, work: Work<Result>): Promise<Result> {
    const same = this.jobs.find((job) => job.name === name);
    if (!same) return this.queue(name, observer, work);
    same.observers.push(observer);
    const state = same === this.jobs[0] ? 'is under way' : 'waits';
    observer.onNotice?.(`${name} ${state} already: this is its progress`);
    return same.done as Promise<Result>;
  }

  /** Does the work after what was asked for before. */
  queue<Result>(name: string, observer: MaintenanceObserver, work: Work<Result>): Promise<Result> {
    const observers = [observer];
    const before = this.jobs.at(-1);
    if (before) observer.onNotice?.(`${name} waits for the end of ${before.name}`);
    const done = Promise.resolve(before?.done.catch(() => undefined)).then(() => {
      this.check();
      return work((progress) => {
        for (const { onProgress } of observers) onProgress?.(progress);
      });
    });
    const job = { name, observers, done };
    this.jobs.push(job);
    const forget = (): void => void this.jobs.splice(this.jobs.indexOf(job), 1);
    done.then(forget, forget);
    return done;
  }

  /** Waits until nothing is under way and nothing waits. */
  async ended(): Promise<void> {
    await Promise.allSettled(this.jobs.map(({ done }) => done));
  }
}

type Work<Result> = (onProgress: OnProgress) => Promise<Result>;
