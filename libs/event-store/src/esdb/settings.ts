import { DamagedStore } from '../port.js';
import { NO_STREAM, type RawEvent } from './esdb-like.js';
import type { Surroundings } from './surroundings.js';

/** Settings with which the server hides or throws away events of a stream. */
const HARMFUL = ['$maxAge', '$maxCount', '$tb'];

/**
 * Looks at what somebody did to one of our streams by its settings (`$$<stream>`): a deletion, a truncation or a
 * maximum
 * age shows up there at once. What was taken back before the server threw anything away does no harm.
 * @throws DamagedStore, StoreUnavailable
 */
export async function checkSettings({ client }: Surroundings, { stream: settings }: RawEvent): Promise<void> {
  const stream = settings.slice('$$'.length);
  const newest = { from: 'end', direction: 'backward', max: 1, requiresLeader: true } as const;
  const now = (await client.readStream(settings, newest)).events[0]?.data;
  const harmful = HARMFUL.filter((name) => name in Object(now));
  if (harmful.length > 0) {
    throw new DamagedStore(`${stream} has the settings ${JSON.stringify(now)}: its events may be gone`);
  }
  const first = await client.readStream(stream, { from: 0n, direction: 'forward', max: 1, requiresLeader: true });
  if (first.events[0]?.revision !== 0n) {
    const found = first.events[0]?.revision ?? NO_STREAM;
    throw new DamagedStore(`${stream} begins at ${found}: it was deleted or truncated`);
  }
}
