import { DamagedStore } from '../port.js';
import { HASH_BYTES, type NodeSource, nodeHash } from '../tree.js';
import { type Db, TILE, TILE_HEIGHT } from './schema.js';

/** The tree as it is stored: leaves beside their events, and the roots of complete subtrees of 256^level leaves. */
export class StoredTree {
  private readonly leaves;
  private readonly tiles;
  private readonly insertTile;

  constructor(private readonly db: Db) {
    this.leaves = db
      .prepare<[number, number]>('SELECT leaf FROM events WHERE idx >= ? AND idx < ? ORDER BY idx')
      .pluck();
    this.tiles = db
      .prepare<[number, number, number]>(
        'SELECT hash FROM tiles WHERE level = ? AND number >= ? AND number < ? ORDER BY number',
      )
      .pluck();
    this.insertTile = db.prepare('INSERT INTO tiles (level, number, hash) VALUES (?, ?, ?)');
  }

  /** The node source of this tree. @throws DamagedStore when hashes are missing */
  readonly node: NodeSource = (height, number) => {
    const level = Math.floor(height / TILE_HEIGHT);
    const span = 2 ** (height - level * TILE_HEIGHT);
    return foldHashes(this.hashes(level, number * span, span));
  };

  /** `count` hashes of one level from `first` on. Level 0 are the leaves. @throws DamagedStore if one is missing */
  hashes(level: number, first: number, count: number): Uint8Array[] {
    const end = first + count;
    const found = (level === 0 ? this.leaves.all(first, end) : this.tiles.all(level, first, end)) as Uint8Array[];
    if (found.length !== count || found.some((hash) => !(hash instanceof Uint8Array) || hash.length !== HASH_BYTES)) {
      throw new DamagedStore(`hashes ${first} to ${end - 1} of level ${level} of the tree are not all there`);
    }
    return found;
  }

  /** Told of every subtree that is completed; keeps those of whole tiles. */
  readonly keep = (height: number, number: number, hash: Uint8Array): void => {
    if (height % TILE_HEIGHT === 0) this.insertTile.run(height / TILE_HEIGHT, number, hash);
  };

  /** Forgets the tiles that reach beyond the first `size` leaves. */
  cut(size: number): void {
    this.db.prepare('DELETE FROM tiles WHERE level >= 1 AND number > ? / pow(?, level) - 1').run(size, TILE);
  }
}

/** The root over a number of hashes that is a power of two. */
export function foldHashes(hashes: readonly Uint8Array[]): Uint8Array {
  let row = hashes;
  while (row.length > 1) {
    row = Array.from({ length: row.length / 2 }, (_, i) =>
      nodeHash(row[2 * i] as Uint8Array, row[2 * i + 1] as Uint8Array),
    );
  }
  return row[0] as Uint8Array;
}
