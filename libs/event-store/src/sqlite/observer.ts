import { setTimeout as sleep } from 'node:timers/promises';
import type { Head } from '../checkpoint.js';
import { DamagedStore } from '../port.js';
import { newestOf } from './heads.js';
import { type UnreadableRow, unpacked, type WeighedRow } from './observed.js';
import type { ObserverOps } from './observer-thread.js';
import { Thread } from './thread.js';

const ENTRY = new URL('./observer-thread.js', import.meta.url);
/** The writer may be replacing a head: what cannot be read is looked at again so often, after so long. */
const HEAD_TRIES = 5;
const HEAD_RETRY_MS = 20;

/** Reads the folder of an exchange that runs, or of one that does not, without judging what it reads. */
export class FolderObserver {
  private readonly thread: Thread<ObserverOps>;

  constructor(folder: string) {
    this.thread = new Thread<ObserverOps>(ENTRY, { folder }, () => {});
  }

  /** The newest head; its signature is unchecked. @throws DamagedStore if there is none that can be read */
  async head(): Promise<Head> {
    for (let tried = 1; ; tried += 1) {
      try {
        return newestOf(await this.thread.ask('heads'));
      } catch (error) {
        if (!(error instanceof DamagedStore) || tried === HEAD_TRIES) throw error;
        await sleep(HEAD_RETRY_MS);
      }
    }
  }

  /** Rows from `first` to `end - 1`, in order; the next stretch is read while this one is consumed. */
  async *rows(first: number, end: number): AsyncGenerator<(WeighedRow | UnreadableRow)[]> {
    let stretch = first < end ? this.thread.ask('stretch', first, end) : undefined;
    while (stretch) {
      const observed = await stretch;
      const { next } = observed;
      stretch = next < end ? this.thread.ask('stretch', next, end) : undefined;
      // Whoever stops consuming never looks at it; whoever goes on gets the error when it is awaited.
      stretch?.catch(() => {});
      yield unpacked(observed);
    }
  }

  close(): Promise<void> {
    return this.thread.close();
  }
}
