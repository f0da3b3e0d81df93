import { Tally } from '../tally.js';
import type { Plant } from './plant.js';
import { BrokenProperty } from './properties.js';
import { Schedule } from './schedule.js';

export interface Found {
  readonly seed: number;
  readonly broken: BrokenProperty;
  readonly story: readonly string[];
}

export interface Result {
  readonly schedules: number;
  readonly tally: Tally;
  /** The first schedule that broke a property. */
  readonly found?: Found;
}

/** What has to happen in a run that is long enough, or it proves nothing. */
export const KINDS = [
  ...['accepted', 'repeated', 'refused', 'unavailable', 'no answer', 'conflicts', 'crash', 'decided from memory'],
  ...[
    'lostRequest',
    'lostReply',
    'late',
    'writtenLate',
    'duplicate',
    'forgetful',
    'phantom',
    'phantomRepeat',
    'brokenRead',
    'cutPage',
    'brokenSubscription',
  ],
  ...['tentative events', 'void events', 'void markers', 'units on one stream', 'units on several streams'],
];

/** Runs the schedules of consecutive seeds, up to the first that breaks a property. */
export async function run(
  { first, count, plant }: { first: number; count: number; plant: Plant },
  onProgress: (done: number) => void = () => {},
): Promise<Result> {
  const tally = new Tally();
  for (let done = 0; done < count; done++) {
    const schedule = new Schedule(first + done, plant);
    try {
      await schedule.run();
    } catch (error) {
      // What is not foreseen is a mistake too, for nothing in the simulation justifies it.
      const broken = error instanceof BrokenProperty ? error : new BrokenProperty('no false alarm', String(error));
      const found = { seed: first + done, broken, story: schedule.story() };
      return { schedules: done + 1, tally, found };
    }
    tally.add(schedule.tally);
    onProgress(done + 1);
  }
  return { schedules: count, tally };
}
