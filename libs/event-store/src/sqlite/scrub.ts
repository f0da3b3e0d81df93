import { setTimeout as sleep } from 'node:timers/promises';
import type { Head } from '../checkpoint.js';
import type { ReaderOps } from './reader.js';
import { TILE } from './schema.js';
import type { Thread } from './thread.js';

export interface ScrubOptions {
  /** The share of one core and of the disk that the scrub may take, above 0 up to 1. */
  readonly share?: number;
  readonly signal?: AbortSignal;
  /** Told after each slice. */
  readonly progress?: (checked: number, total: number) => void;
}

const SLICE_EVENTS = 16 * TILE;
const SLICE_STREAMS = 4_096;
const SHARE = 0.2;

/**
 * Checks everything that `head` covers, slice by slice, with pauses in between.
 * @returns whether it came to the end (and was not aborted) @throws DamagedStore
 */
export async function scrub(
  thread: Thread<ReaderOps>,
  head: Head,
  { share = SHARE, signal, progress }: ScrubOptions = {},
): Promise<boolean> {
  if (!(share > 0 && share <= 1)) throw new RangeError(`a scrub takes a share above 0 up to 1, not ${share}`);
  const paced = async <T>(slice: () => Promise<T>): Promise<T> => {
    const started = performance.now();
    const result = await slice();
    await sleep((performance.now() - started) * (1 / share - 1));
    return result;
  };
  for (let first = 0; first < head.size; first += SLICE_EVENTS) {
    if (signal?.aborted) return false;
    const end = Math.min(first + SLICE_EVENTS, head.size);
    await paced(() => thread.ask('checkEvents', first, end));
    progress?.(end, head.size);
  }
  await thread.ask('checkTree', head.size, head.root);
  for (let after: string | undefined = ''; after !== undefined; ) {
    if (signal?.aborted) return false;
    const from: string = after;
    after = await paced(() => thread.ask('checkStreams', from, SLICE_STREAMS));
  }
  await thread.ask('checkPages');
  return true;
}
