/**
 * Maps that hold millions of entries in little memory: keys and values lie as bytes in pages, not as objects. A ledger
 * has a coin for almost every event, and an auditor has to remember each as long as it may be spent.
 *
 * Records lie in the order in which they came, for what is new is asked for most; an index finds them by the hashes of
 * their keys, open addressing, in pages as well. A slot holds a hash and the number of its record plus one, 0 if empty.
 */
import { encodeBase32 } from '@florin/encoding';
import { hashAt, KEY_BYTES, wordsOf } from './packed-key.js';
import { PAGE_BYTES, Pages } from './pages.js';

/** How a value lies in a record. */
export interface Layout<Value> {
  readonly bytes: number;
  write(view: DataView, offset: number, value: Value): void;
  read(view: DataView, offset: number): Value;
}

/** All maps of an audit, which share their memory. */
export class PackedMaps {
  private readonly pages: Pages;
  private readonly maps = new Map<string, PackedMap<never>>();

  /** @param folder for what does not fit into memory @param held pages in memory */
  constructor(folder?: string, held?: number) {
    this.pages = new Pages(folder, held);
  }

  /** A map with a name of its own. */
  make<Value>(name: string, layout: Layout<Value>): PackedMap<Value> {
    if (this.maps.has(name)) throw new Error(`there is a map ${name} already`);
    const map = new PackedMap(this.pages, layout);
    this.maps.set(name, map as PackedMap<never>);
    return map;
  }

  /** Some records of a map after the other; each holds until the next. */
  *save(): Generator<[name: string, bytes: Uint8Array]> {
    for (const [name, map] of this.maps) for (const bytes of map.save()) yield [name, bytes];
  }

  /** Takes one of what `save` gave; the map was made. @throws RangeError if it is of another layout */
  load(name: string, bytes: Uint8Array): void {
    const map = this.maps.get(name);
    if (!map) throw new RangeError(`there is no map ${name}`);
    map.load(bytes);
  }

  close(): void {
    this.pages.close();
  }
}

const SLOT_BYTES = 8;
const PAGE_SLOTS = PAGE_BYTES / SLOT_BYTES;
/** So full the index may get. */
const LOAD_MAX = 2 / 3;
const EMPTY = 0;
const NOT_THERE = -1;
/** So many pages are saved at a time. */
const SAVED_PAGES = 64;

export class PackedMap<Value> {
  private readonly recordBytes: number;
  private readonly pageRecords: number;
  /** Pages of records; all are full but the last. */
  private records: number[] = [];
  /** Pages of slots: a power of two. */
  private index: number[];
  private used = 0;

  constructor(
    private readonly pages: Pages,
    private readonly layout: Layout<Value>,
  ) {
    this.recordBytes = KEY_BYTES + Math.ceil(layout.bytes / 4) * 4;
    this.pageRecords = Math.floor(PAGE_BYTES / this.recordBytes);
    this.index = [pages.take()];
  }

  get size(): number {
    return this.used;
  }

  /** @param key base32 of at least 32 bytes, or any other text, which is hashed */
  get(key: string): Value | undefined {
    const record = this.find(key);
    if (record === NOT_THERE) return undefined;
    return this.valueOf(record);
  }

  has(key: string): boolean {
    return this.find(key) !== NOT_THERE;
  }

  set(key: string, value: Value): void {
    let record = this.find(key);
    const { view } = this.pages;
    if (record === NOT_THERE) {
      const { words, hash } = wordsOf(key);
      record = this.add(hash);
      const offset = this.offsetOf(record, true);
      for (let word = 0; word < words.length; word += 1) view.setUint32(offset + 4 * word, words[word] as number);
    }
    this.layout.write(view, this.offsetOf(record, true) + KEY_BYTES, value);
  }

  delete(key: string): boolean {
    const record = this.find(key);
    if (record === NOT_THERE) return false;
    this.remove(record);
    return true;
  }

  /** Forgets what `isGone` says. */
  deleteWhere(isGone: (value: Value) => boolean): void {
    for (let record = this.used - 1; record >= 0; record -= 1) if (isGone(this.valueOf(record))) this.remove(record);
  }

  /** Every entry, keys as the base32 of their 32 bytes; the map must not be changed meanwhile. */
  *entries(): Generator<[key: string, value: Value]> {
    for (let record = 0; record < this.used; record += 1) {
      const { buffer } = this.pages.view;
      const key = encodeBase32(new Uint8Array(buffer, this.offsetOf(record), KEY_BYTES));
      yield [key, this.valueOf(record)];
    }
  }

  /** Records in their order, some after the other; they hold until the next. */
  *save(): Generator<Uint8Array> {
    const full = this.pageRecords * this.recordBytes;
    const bytes = new Uint8Array(SAVED_PAGES * full);
    let filled = 0;
    for (let record = 0; record < this.used; record += this.pageRecords) {
      const length = Math.min(full, (this.used - record) * this.recordBytes);
      bytes.set(new Uint8Array(this.pages.view.buffer, this.offsetOf(record), length), filled);
      filled += length;
      if (filled < bytes.length) continue;
      yield bytes;
      filled = 0;
    }
    if (filled > 0) yield bytes.subarray(0, filled);
  }

  /** Adds what `save` gave. @throws RangeError if it is of another layout */
  load(bytes: Uint8Array): void {
    if (bytes.length % this.recordBytes !== 0) throw new RangeError('the content is of another layout');
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    for (let at = 0; at < bytes.length; at += this.recordBytes) {
      const offset = this.offsetOf(this.add(hashAt(view, at)), true);
      new Uint8Array(this.pages.view.buffer, offset, this.recordBytes).set(bytes.subarray(at, at + this.recordBytes));
    }
  }

  private valueOf(record: number): Value {
    return this.layout.read(this.pages.view, this.offsetOf(record) + KEY_BYTES);
  }

  /** @returns the record of a key, or NOT_THERE */
  private find(key: string): number {
    const { words, hash } = wordsOf(key);
    const { words: memory } = this.pages;
    for (let slot = this.homeOf(hash); ; slot = this.after(slot)) {
      const at = this.wordOf(slot);
      const found = memory[at + 1] as number;
      if (found === EMPTY) return NOT_THERE;
      if (memory[at] === hash && this.hasKey(found - 1, words)) return found - 1;
    }
  }

  private hasKey(record: number, words: Uint32Array): boolean {
    const { view } = this.pages;
    const offset = this.offsetOf(record);
    for (let word = 0; word < words.length; word += 1) {
      if (view.getUint32(offset + 4 * word) !== words[word]) return false;
    }
    return true;
  }

  /** @returns a record for a key that is not there, with this hash */
  private add(hash: number): number {
    if (this.used >= this.slots * LOAD_MAX) this.grow();
    const record = this.used;
    if (record % this.pageRecords === 0) this.records.push(this.pages.take());
    this.used += 1;
    this.enter(hash, record);
    return record;
  }

  private enter(hash: number, record: number): void {
    let slot = this.homeOf(hash);
    while (this.pages.words[this.wordOf(slot) + 1] !== EMPTY) slot = this.after(slot);
    this.write(slot, hash, record + 1);
  }

  /** The last record takes the place of one that goes. */
  private remove(record: number): void {
    const { view } = this.pages;
    this.vacate(this.slotOf(record));
    this.used -= 1;
    const last = this.used;
    if (record !== last) {
      const slot = this.slotOf(last);
      const offset = this.offsetOf(last);
      const bytes = new Uint8Array(view.buffer, offset, this.recordBytes).slice();
      this.write(slot, hashAt(view, offset), record + 1);
      new Uint8Array(view.buffer, this.offsetOf(record, true), this.recordBytes).set(bytes);
    }
    if (last % this.pageRecords === 0) this.pages.give(this.records.pop() as number);
  }

  private slotOf(record: number): number {
    let slot = this.homeOf(hashAt(this.pages.view, this.offsetOf(record)));
    while (this.pages.words[this.wordOf(slot) + 1] !== record + 1) slot = this.after(slot);
    return slot;
  }

  /** What was pushed along by the entry that goes moves back, so that no search ends too early. */
  private vacate(slot: number): void {
    const { words } = this.pages;
    let hole = slot;
    for (let next = this.after(hole); ; next = this.after(next)) {
      const at = this.wordOf(next);
      const [hash, found] = [words[at] as number, words[at + 1] as number];
      if (found === EMPTY) break;
      const mask = this.slots - 1;
      if (((next - this.homeOf(hash)) & mask) < ((next - hole) & mask)) continue;
      this.write(hole, hash, found);
      hole = next;
    }
    this.write(hole, 0, EMPTY);
  }

  private grow(): void {
    const before = this.index;
    this.index = Array.from({ length: 2 * before.length }, () => this.pages.take());
    for (const page of before) {
      for (let slot = 0; slot < PAGE_SLOTS; slot += 1) {
        const at = (this.pages.at(page) + slot * SLOT_BYTES) / 4;
        const [hash, found] = [this.pages.words[at] as number, this.pages.words[at + 1] as number];
        if (found !== EMPTY) this.enter(hash, found - 1);
      }
      this.pages.give(page);
    }
  }

  private get slots(): number {
    return this.index.length * PAGE_SLOTS;
  }

  /** By the first bits of a hash: what a larger index does with neighbours lies together, too. */
  private homeOf(hash: number): number {
    return hash >>> (Math.clz32(this.slots) + 1);
  }

  private after(slot: number): number {
    return slot + 1 === this.slots ? 0 : slot + 1;
  }

  /** Where a slot lies, in words. */
  private wordOf(slot: number): number {
    const page = this.index[Math.floor(slot / PAGE_SLOTS)] as number;
    return (this.pages.at(page) + (slot % PAGE_SLOTS) * SLOT_BYTES) / 4;
  }

  private write(slot: number, hash: number, found: number): void {
    const page = this.index[Math.floor(slot / PAGE_SLOTS)] as number;
    const at = (this.pages.change(page) + (slot % PAGE_SLOTS) * SLOT_BYTES) / 4;
    this.pages.words[at] = hash;
    this.pages.words[at + 1] = found;
  }

  /** Where a record lies, to be read or to be changed. */
  private offsetOf(record: number, isChanged = false): number {
    const page = this.records[Math.floor(record / this.pageRecords)] as number;
    const at = isChanged ? this.pages.change(page) : this.pages.at(page);
    return at + (record % this.pageRecords) * this.recordBytes;
  }
}
