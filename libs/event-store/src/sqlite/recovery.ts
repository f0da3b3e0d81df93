/** What happens between opening the files and serving them. */
import type { Head } from '../checkpoint.js';
import { DamagedStore } from '../port.js';
import type { Frontier } from '../tree.js';
import { checkSchema, type Db, TILE } from './schema.js';
import { StoredTree } from './stored-tree.js';
import { StoreCheck } from './verify.js';

/** Up to so many events are checked whole at start (about a second); beyond, the rest is the scrub's. */
export const CHECK_ALL_MAX = 100_000;
/** How much of the end is checked in a larger store. */
const TAIL_EVENTS = 16 * TILE;
const STREAMS_PER_PAGE = 1_000;

/** What was found beyond the newest head: written, never acknowledged. */
export interface Tail {
  readonly fromIndex: number;
  readonly events: number;
}

/**
 * Checks that everything the head covers is there and unchanged: all of a small store, the end and the tree of a large
 * one. Changes nothing.
 * @returns the frontier of the covered tree, and the tail that no head covers
 * @throws DamagedStore
 */
export function checkCovered(db: Db, head: Head, checkAllMax: number): { frontier: Frontier; tail: Tail } {
  checkSchema(db);
  const tree = new StoredTree(db);
  const check = new StoreCheck(db, tree);
  const stored = ((db.prepare('SELECT max(idx) FROM events').pluck().get() as number | null) ?? -1) + 1;
  if (stored < head.size) {
    throw new DamagedStore(`the signed head covers ${head.size} events, events.db holds ${stored}`);
  }
  const tail = { fromIndex: head.size, events: stored - head.size };
  const frontier = check.root(head);
  check.tiles(head.size);
  if (head.size <= checkAllMax) {
    check.events(0, head.size);
    checkStreams(check);
    check.pages(false);
  } else {
    check.events(Math.floor(Math.max(0, head.size - TAIL_EVENTS) / TILE) * TILE, head.size);
  }
  return { frontier, tail };
}

/**
 * Removes the events from `size` on, as if they had never been written.
 * @param countAll check by counting that nothing of them is left, which takes long in a large store
 * @throws DamagedStore, and then nothing is changed
 */
export function cutTail(db: Db, size: number, countAll: boolean): void {
  db.transaction(() => {
    const ends = db.prepare(ENDS_WITHOUT_TAIL).all(size, size) as { stream: string; number: number; idx: number }[];
    const drop = db.prepare('DELETE FROM streams WHERE name = ?');
    const shorten = db.prepare('UPDATE streams SET last_number = ?, last_index = ? WHERE name = ?');
    for (const { stream, number, idx } of ends) {
      if (number === null) drop.run(stream);
      else shorten.run(number, idx, stream);
    }
    db.prepare('DELETE FROM events WHERE idx >= ?').run(size);
    const tree = new StoredTree(db);
    tree.cut(size);
    new StoreCheck(db, tree).tiles(size);
    const totals = countAll ? db.prepare(TOTALS).raw().get() : [];
    if ((totals as number[]).some((total) => total !== size)) {
      throw new DamagedStore('what no head covers cannot be cut off cleanly');
    }
  }).immediate();
}

/** Walks the whole streams table. @throws DamagedStore */
function checkStreams(check: StoreCheck): void {
  for (let after: string | undefined = ''; after !== undefined; ) after = check.streams(after, STREAMS_PER_PAGE);
}

/** For each stream in the tail, its last event before the tail. */
const ENDS_WITHOUT_TAIL = `
SELECT t.stream, max(e.number) AS number, e.idx AS idx
FROM (SELECT DISTINCT stream FROM events WHERE idx >= ?) t
LEFT JOIN events e ON e.stream = t.stream AND e.idx < ? GROUP BY t.stream`;

const TOTALS = `
SELECT (SELECT count(*) FROM events NOT INDEXED),
       (SELECT count(*) FROM events INDEXED BY events_by_stream),
       (SELECT coalesce(sum(last_number + 1), 0) FROM streams)`;
