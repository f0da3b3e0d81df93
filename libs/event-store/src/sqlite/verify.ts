/** Checks of what is stored, slice by slice: at start where there is little, by the scrub where there is much. */
import { DamagedStore } from '../port.js';
import { Frontier } from '../tree.js';
import { checkedRow, EVENT_COLUMNS, type RawRow, UnitWalk } from './rows.js';
import { type Db, TILE } from './schema.js';
import { foldHashes, type StoredTree } from './stored-tree.js';

export class StoreCheck {
  private readonly rows;
  private readonly agreeing;
  private readonly streamPage;

  constructor(
    private readonly db: Db,
    private readonly tree: StoredTree,
  ) {
    this.rows = db
      .prepare<[number, number]>(`SELECT ${EVENT_COLUMNS} FROM events WHERE idx >= ? AND idx < ? ORDER BY idx`)
      .raw();
    this.agreeing = db.prepare<[number, number]>(AGREEING_EVENTS).pluck();
    this.streamPage = db.prepare<[string, number], StreamRow>(STREAMS_WITH_END);
  }

  /**
   * Checks the events `first` to `end - 1`: contents against leaves, leaves against their tile, units whole, and each
   * event found where its stream's index and the streams table say.
   * @param first a multiple of 256, @param end likewise, or the end of the covered events
   * @throws DamagedStore
   */
  events(first: number, end: number): void {
    let walk: UnitWalk | undefined;
    let leaves: Uint8Array[] = [];
    let next = first;
    for (const raw of this.rows.iterate(first, end)) {
      const row = checkedRow(raw as RawRow);
      walk ??= new UnitWalk(first, row.unitFirst < first);
      walk.step(row);
      next += 1;
      leaves.push(row.leaf);
      if (leaves.length === TILE) {
        this.tile(next / TILE - 1, leaves);
        leaves = [];
      }
    }
    if (next !== end) throw new DamagedStore(`event ${next} is missing`);
    if (this.agreeing.get(first, end) !== end - first) {
      throw new DamagedStore(`of the events ${first} to ${end - 1} some are not found by their stream`);
    }
  }

  /**
   * Checks a page of the streams table against the events.
   * @returns the name to go on after, nothing at the end @throws DamagedStore
   */
  streams(after: string, limit: number): string | undefined {
    const page = this.streamPage.all(after, limit);
    for (const { name, last_number, last_index, end_number, end_index } of page) {
      if (last_number !== end_number || last_index !== end_index) {
        throw new DamagedStore(`the stream ${name} does not end where it should`);
      }
    }
    return page.length < limit ? undefined : page.at(-1)?.name;
  }

  /**
   * Checks of the first `size` leaves that each stored subtree hash follows from those below it. @throws DamagedStore
   */
  tiles(size: number): void {
    for (let [level, width] = [2, TILE * TILE]; width <= size; [level, width] = [level + 1, width * TILE]) {
      for (let number = 0; (number + 1) * width <= size; number += 1) {
        const below = foldHashes(this.tree.hashes(level - 1, number * TILE, TILE));
        this.same(this.tree.hashes(level, number, 1)[0], below, `tile ${number} of level ${level}`);
      }
    }
  }

  /** Checks that the stored tree of `size` leaves has this root. @returns its frontier @throws DamagedStore */
  root({ size, root }: { size: number; root: Uint8Array }): Frontier {
    const frontier = Frontier.of(size, this.tree.node);
    this.same(frontier.root(), root, `the signed head of ${size} events`);
    return frontier;
  }

  /** SQLite's own check of its pages and indexes. @param quick without comparing indexes with their tables */
  pages(quick: boolean): void {
    const found = this.db.pragma(quick ? 'quick_check(1)' : 'integrity_check(1)', { simple: true });
    if (found !== 'ok') throw new DamagedStore(`SQLite finds: ${String(found)}`);
  }

  private tile(number: number, leaves: readonly Uint8Array[]): void {
    this.same(
      this.tree.hashes(1, number, 1)[0],
      foldHashes(leaves),
      `events ${number * TILE} to ${(number + 1) * TILE - 1}`,
    );
  }

  private same(a: Uint8Array | undefined, b: Uint8Array, what: string): void {
    if (!a || Buffer.compare(a, b) !== 0) throw new DamagedStore(`the tree does not agree with ${what}`);
  }
}

interface StreamRow {
  readonly name: string;
  readonly last_number: number;
  readonly last_index: number;
  readonly end_number: number | null;
  readonly end_index: number | null;
}

/**
 * How many events of a range are found by their stream and number, follow their predecessor, and do not lie beyond the
 * end that the streams table knows. Each of the three is looked up in the index, or in the other table.
 */
const AGREEING_EVENTS = `
SELECT count(*) FROM events e NOT INDEXED CROSS JOIN streams s
WHERE s.name = e.stream AND e.idx >= ? AND e.idx < ?
  AND e.number <= s.last_number AND (e.number = s.last_number) = (e.idx = s.last_index)
  AND e.idx = (SELECT i.idx FROM events i INDEXED BY events_by_stream WHERE i.stream = e.stream AND i.number = e.number)
  AND (e.number = 0 OR e.idx > (SELECT p.idx FROM events p INDEXED BY events_by_stream
       WHERE p.stream = e.stream AND p.number = e.number - 1))`;

const STREAMS_WITH_END = `
SELECT name, last_number, last_index, e.number AS end_number, e.idx AS end_index
FROM streams LEFT JOIN events e INDEXED BY events_by_stream ON e.stream = name
  AND e.number = (SELECT max(number) FROM events WHERE stream = name)
WHERE name > ? ORDER BY name LIMIT ?`;
