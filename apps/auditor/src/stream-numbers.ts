import type { Layout, PackedMap, PackedMaps } from './packed.js';

const NUMBER: Layout<number> = {
  bytes: 8,
  write: (view, offset, number) => view.setFloat64(offset, number),
  read: (view, offset) => view.getFloat64(offset),
};

/** How many events each stream has. Keys of 32 bytes are kept as they are, by category; other names are hashed. */
export class StreamNumbers {
  private readonly maps = new Map<string, PackedMap<number>>();

  constructor(private readonly packed: PackedMaps) {}

  get size(): number {
    let size = 0;
    for (const map of this.maps.values()) size += map.size;
    return size;
  }

  get(stream: string): number | undefined {
    const [category, key] = split(stream);
    return this.maps.get(category)?.get(key);
  }

  set(stream: string, number: number): void {
    const [category, key] = split(stream);
    this.of(category).set(key, number);
  }

  save(): readonly string[] {
    return [...this.maps.keys()];
  }

  load(categories: readonly string[]): void {
    for (const category of categories) this.of(category);
  }

  private of(category: string): PackedMap<number> {
    let map = this.maps.get(category);
    if (!map) {
      map = this.packed.make(`numbers of ${category}`, NUMBER);
      this.maps.set(category, map);
    }
    return map;
  }
}

/** A nonce's name begins with the hash of its denomination, and tells nothing by its first bytes. */
function split(stream: string): [category: string, key: string] {
  const hyphen = stream.indexOf('-');
  const category = hyphen < 0 ? '' : stream.slice(0, hyphen);
  return category.endsWith('.nonce') || category === '' ? ['', `:${stream}`] : [category, stream.slice(hyphen + 1)];
}
