import { DamagedStore, type Position, START } from '../port.js';
import type { Counted } from './all.js';
import type { RawEvent } from './esdb-like.js';
import type { Surroundings } from './surroundings.js';

export type Bookmark = Counted;

/** Outside of the instance's streams (no instance has a hyphen in its name): in no tree, no view and no export. */
export const bookmarkStream = (instance: string): string => `bookmarks-${instance}`;

const PAGE_EVENTS = 500;
const TYPE = 'bookmark';

/**
 * Places in `$all` behind which nothing is undecided, with the number of events committed up to them. All processes
 * share one list, in a stream of its own: from the last one a sweeper begins, from the nearest one indexes are counted.
 */
export class Bookmarks {
  private readonly known: Bookmark[] = [{ position: START, events: 0 }];
  private physical = -1n;
  /** One at a time: the next one rests on the one before. */
  private writing: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly surroundings: Surroundings,
    private readonly stream: string,
  ) {}

  /** Reads what others have added. @throws StoreUnavailable, DamagedStore */
  async load(): Promise<void> {
    for (;;) {
      const from = this.physical + 1n;
      const options = { from, direction: 'forward', max: PAGE_EVENTS, requiresLeader: true } as const;
      const { events, ended } = await this.surroundings.client.readStream(this.stream, options);
      for (const raw of events) {
        this.add(bookmarkOf(raw));
        this.physical = raw.revision;
      }
      if (ended) return;
    }
  }

  get last(): Bookmark {
    return this.known.at(-1) as Bookmark;
  }

  /** The last one that is not behind the position. */
  before(position: Position): Bookmark {
    let [low, high] = [0, this.known.length];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((this.known[middle] as Bookmark).position <= position) low = middle;
      else high = middle;
    }
    return this.known[low] as Bookmark;
  }

  /**
   * Adds one, unless somebody has come further; it does no harm if it is lost. @throws StoreUnavailable, DamagedStore
   */
  write(bookmark: Bookmark): Promise<void> {
    const written = this.writing.then(() => this.writeNext(bookmark));
    this.writing = written.catch(() => undefined);
    return written;
  }

  private async writeNext({ position, events }: Bookmark): Promise<void> {
    if (events <= this.last.events) return;
    const { client, newId } = this.surroundings;
    const data = JSON.stringify({ position: position.toString(), events });
    const answer = await client.append(this.stream, this.physical, [{ id: newId(), type: TYPE, data, metadata: '{}' }]);
    if (answer.kind === 'written') {
      this.physical = answer.next;
      this.known.push({ position, events });
    } else if (answer.kind === 'wrong') {
      await this.load();
    }
  }

  private add(bookmark: Bookmark): void {
    const { position, events } = this.last;
    if (bookmark.position <= position || bookmark.events < events) {
      throw new DamagedStore(`${this.stream} has a bookmark at ${bookmark.position} after one at ${position}`);
    }
    this.known.push(bookmark);
  }
}

function bookmarkOf({ data, revision, stream }: RawEvent): Bookmark {
  const { position, events } = Object(data) as { position?: unknown; events?: unknown };
  if (typeof position !== 'string' || !/^\d{1,19}$/.test(position) || !Number.isSafeInteger(events)) {
    throw new DamagedStore(`event ${revision} of ${stream} is no bookmark`);
  }
  return { position: BigInt(position) as Position, events: events as number };
}
