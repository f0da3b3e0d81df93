const PARTS = 8;

/**
 * Calls back after `ms` in which this process could have heard what it waits for; the answer takes it back.
 *
 * A process that stood still, because its machine slept or gave its time to others, finds its timers due before it has
 * looked at what arrived meanwhile. However long that took, here it counts for one part of the time.
 */
export function patiently(ms: number, giveUp: () => void): () => void {
  let left = PARTS;
  const timer = setTimeout(
    () => {
      left -= 1;
      if (left > 0) timer.refresh();
      else giveUp();
    },
    Math.ceil(ms / PARTS),
  );
  return () => clearTimeout(timer);
}
