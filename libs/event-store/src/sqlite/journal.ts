import { storedLeaf } from '../leaf.js';
import { NO_EVENTS } from '../port.js';
import type { Frontier } from '../tree.js';
import type { PreparedUnit } from '../unit.js';
import type { Db } from './schema.js';
import { StoredTree } from './stored-tree.js';

/**
 * A unit on its way to the writer, flat, which is the cheapest form to be cloned between threads:
 * id, writer's time, the index where it must come (-1: anywhere), streams, then for each stream: name, expected number
 * (-1: none), events, then for each event: type, version, data.
 */
export type PackedUnit = (string | number)[];

/**
 * What became of each unit of a group: id, then the index of its first event, or -1 - n: its stream n has moved, or, n
 * being the number of its streams, another index comes next.
 */
export type Verdicts = number[];

export interface UnitHeader {
  readonly id: number;
  /** Whole microseconds since 1970. */
  readonly writtenAtUs: number;
  readonly index?: number | undefined;
}

export function packUnit({ id, writtenAtUs, index = -1 }: UnitHeader, { appends }: PreparedUnit): PackedUnit {
  const packed: PackedUnit = [id, writtenAtUs, index, appends.length];
  for (const { stream, expected, events, texts } of appends) {
    packed.push(stream, expected === NO_EVENTS ? -1 : Number(expected), events.length);
    for (let i = 0; i < events.length; i++) {
      const event = events[i] as (typeof events)[number];
      packed.push(event.type, event.version, texts[i] as string);
    }
  }
  return packed;
}

const HEADER = 4;

/** Writes units into the database, as many as wait in one transaction. */
export class Journal {
  private readonly statements;
  private readonly tree: StoredTree;

  constructor(
    private readonly db: Db,
    private committed: Frontier,
  ) {
    this.tree = new StoredTree(db);
    this.statements = {
      begin: db.prepare('BEGIN IMMEDIATE'),
      commit: db.prepare('COMMIT'),
      savepoint: db.prepare('SAVEPOINT unit'),
      release: db.prepare('RELEASE unit'),
      undo: db.prepare('ROLLBACK TO unit'),
      openStream: db.prepare(
        'INSERT INTO streams (name, last_number, last_index) VALUES (?, ?, ?) ON CONFLICT (name) DO NOTHING',
      ),
      moveStream: db.prepare('UPDATE streams SET last_number = ?, last_index = ? WHERE name = ? AND last_number = ?'),
      insert: db.prepare('INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)'),
    };
  }

  /** The tree over everything that is durable in the database. */
  get frontier(): Frontier {
    return this.committed;
  }

  /** Commits a group; durable when it returns. A unit whose expectation fails leaves no trace and hinders no other. */
  write(units: readonly PackedUnit[]): Verdicts {
    const grown = this.committed.clone();
    const verdicts: Verdicts = [];
    this.statements.begin.run();
    try {
      for (const unit of units) verdicts.push(unit[0] as number, this.writeUnit(unit, grown));
      this.statements.commit.run();
    } catch (error) {
      if (this.db.inTransaction) this.db.exec('ROLLBACK');
      throw error;
    }
    this.committed = grown;
    return verdicts;
  }

  private writeUnit(unit: PackedUnit, grown: Frontier): number {
    const first = grown.size;
    this.statements.savepoint.run();
    const written = this.writeAppends(unit, first);
    if (typeof written === 'number') this.statements.undo.run();
    this.statements.release.run();
    if (typeof written === 'number') return written;
    for (const leaf of written) grown.append(leaf, this.tree.keep);
    return first;
  }

  /** @returns the leaves, or a verdict below 0 */
  private writeAppends(unit: PackedUnit, first: number): Uint8Array[] | number {
    const [, writtenAtUs, index, streams] = unit as [number, number, number, number];
    if (index >= 0 && index !== first) return -1 - streams;
    const size = countEvents(unit);
    const last = first + size - 1;
    const leaves: Uint8Array[] = [];
    let at = HEADER;
    for (let n = 0; n < streams; n++) {
      const [stream, expected, events] = [unit[at] as string, unit[at + 1] as number, unit[at + 2] as number];
      const [lastNumber, lastIndex] = [expected + events, first + leaves.length + events - 1];
      const moved =
        expected < 0
          ? this.statements.openStream.run(stream, lastNumber, lastIndex)
          : this.statements.moveStream.run(lastNumber, lastIndex, stream, expected);
      if (moved.changes === 0) return -1 - n;
      at += 3;
      for (let number = expected + 1; number <= lastNumber; number++, at += 3) {
        const [type, version, text] = [unit[at] as string, unit[at + 1] as number, unit[at + 2] as string];
        const leaf = storedLeaf({ stream, number, type, version, writtenAtUs, text });
        const place = first + leaves.length;
        this.statements.insert.run(place, stream, number, type, version, text, writtenAtUs, first, last, size, leaf);
        leaves.push(leaf);
      }
    }
    return leaves;
  }
}

function countEvents(unit: PackedUnit): number {
  let count = 0;
  for (let at = HEADER; at < unit.length; at += 3 + 3 * (unit[at + 2] as number)) count += unit[at + 2] as number;
  return count;
}
