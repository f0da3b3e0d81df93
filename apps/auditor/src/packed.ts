/**
 * Maps that hold millions of entries in little memory: keys and values lie as bytes in large blocks, not as objects. A
 * ledger has a coin for almost every event, and an auditor has to remember each as long as it may be spent.
 */
import { hash } from 'node:crypto';
import { encodeBase32 } from '@florin/encoding';

/** How a value lies in a record. */
export interface Layout<Value> {
  readonly bytes: number;
  write(view: DataView, offset: number, value: Value): void;
  read(view: DataView, offset: number): Value;
}

/** The content of a map as it is kept in a checkpoint. */
export interface PackedContent {
  readonly size: number;
  readonly bytes: Uint8Array;
}

const KEY_BYTES = 32;
const BLOCK_RECORDS = 16_384;
const FIRST_INDEX = 1_024;
/** A key of 32 bytes in base32; longer ones (hashes of 64 bytes) are told apart by their first 32. */
const KEY_CHARS = 52;
const EMPTY = 0;

export class PackedMap<Value> {
  private readonly recordBytes: number;
  private blocks: DataView[] = [];
  /** Record number plus one by hash, open addressing; 0 is empty. */
  private index = new Int32Array(FIRST_INDEX);
  private free: number[] = [];
  private used = 0;
  private readonly probe = new Uint32Array(KEY_BYTES / 4);

  constructor(private readonly layout: Layout<Value>) {
    this.recordBytes = KEY_BYTES + Math.ceil(layout.bytes / 4) * 4;
  }

  get size(): number {
    return this.used - this.free.length;
  }

  /** @param key base32 of at least 32 bytes, or any other text, which is hashed */
  get(key: string): Value | undefined {
    const found = this.index[this.find(key)] as number;
    if (found === EMPTY) return undefined;
    const [view, offset] = this.record(found - 1);
    return this.layout.read(view, offset + KEY_BYTES);
  }

  has(key: string): boolean {
    return this.index[this.find(key)] !== EMPTY;
  }

  set(key: string, value: Value): void {
    let slot = this.find(key);
    let found = this.index[slot] as number;
    if (found === EMPTY) {
      if ((this.size + 1) * 2 > this.index.length) {
        this.grow();
        slot = this.find(key);
      }
      found = this.take() + 1;
      this.index[slot] = found;
      const [view, offset] = this.record(found - 1);
      for (let word = 0; word < this.probe.length; word += 1) {
        view.setUint32(offset + 4 * word, this.probe[word] as number);
      }
    }
    const [view, offset] = this.record(found - 1);
    this.layout.write(view, offset + KEY_BYTES, value);
  }

  delete(key: string): boolean {
    let hole = this.find(key);
    const found = this.index[hole] as number;
    if (found === EMPTY) return false;
    this.free.push(found - 1);
    const mask = this.index.length - 1;
    // What was pushed along by the entry that goes moves back, so that no search ends too early.
    for (let next = (hole + 1) & mask; this.index[next] !== EMPTY; next = (next + 1) & mask) {
      const home = this.homeOf((this.index[next] as number) - 1);
      if (((next - home) & mask) < ((next - hole) & mask)) continue;
      this.index[hole] = this.index[next] as number;
      hole = next;
    }
    this.index[hole] = EMPTY;
    return true;
  }

  /** Forgets what `isGone` says. */
  deleteWhere(isGone: (value: Value) => boolean): void {
    const gone: string[] = [];
    for (const [key, value] of this.entries()) if (isGone(value)) gone.push(key);
    for (const key of gone) this.delete(key);
  }

  /** Every entry, keys as the base32 of their 32 bytes; the map must not be changed meanwhile. */
  *entries(): Generator<[key: string, value: Value]> {
    for (const found of this.index) {
      if (found === EMPTY) continue;
      const [view, offset] = this.record(found - 1);
      const key = new Uint8Array(view.buffer, view.byteOffset + offset, KEY_BYTES);
      yield [encodeBase32(key), this.layout.read(view, offset + KEY_BYTES)];
    }
  }

  save(): PackedContent {
    const bytes = new Uint8Array(this.size * this.recordBytes);
    let at = 0;
    for (const found of this.index) {
      if (found === EMPTY) continue;
      const [view, offset] = this.record(found - 1);
      bytes.set(new Uint8Array(view.buffer, view.byteOffset + offset, this.recordBytes), at);
      at += this.recordBytes;
    }
    return { size: this.size, bytes };
  }

  /** @throws RangeError if the content is of another layout */
  load({ size, bytes }: PackedContent): void {
    if (bytes.length !== size * this.recordBytes) throw new RangeError('the content is of another layout');
    this.blocks = [];
    this.free = [];
    this.used = 0;
    this.index = new Int32Array(Math.max(FIRST_INDEX, 2 ** Math.ceil(Math.log2(2 * size + 1))));
    for (let at = 0; at < bytes.length; at += this.recordBytes) {
      const number = this.take();
      const [view, offset] = this.record(number);
      new Uint8Array(view.buffer, view.byteOffset + offset, this.recordBytes).set(
        bytes.subarray(at, at + this.recordBytes),
      );
      this.place(number);
    }
  }

  /** Where the key is, or where it belongs. Leaves the key in `probe`. */
  private find(key: string): number {
    keyWords(key, this.probe);
    const mask = this.index.length - 1;
    for (let slot = mix(this.probe) & mask; ; slot = (slot + 1) & mask) {
      const found = this.index[slot] as number;
      if (found === EMPTY || this.isProbe(found - 1)) return slot;
    }
  }

  private isProbe(number: number): boolean {
    const [view, offset] = this.record(number);
    for (let word = 0; word < this.probe.length; word += 1) {
      if (view.getUint32(offset + 4 * word) !== this.probe[word]) return false;
    }
    return true;
  }

  private homeOf(number: number): number {
    const [view, offset] = this.record(number);
    const words = Uint32Array.from({ length: KEY_BYTES / 4 }, (_, word) => view.getUint32(offset + 4 * word));
    return mix(words) & (this.index.length - 1);
  }

  private place(number: number): void {
    const mask = this.index.length - 1;
    let slot = this.homeOf(number);
    while (this.index[slot] !== EMPTY) slot = (slot + 1) & mask;
    this.index[slot] = number + 1;
  }

  private grow(): void {
    const before = this.index;
    this.index = new Int32Array(before.length * 2);
    for (const found of before) if (found !== EMPTY) this.place(found - 1);
  }

  private take(): number {
    const again = this.free.pop();
    if (again !== undefined) return again;
    if (this.used % BLOCK_RECORDS === 0) {
      this.blocks.push(new DataView(new ArrayBuffer(BLOCK_RECORDS * this.recordBytes)));
    }
    this.used += 1;
    return this.used - 1;
  }

  private record(number: number): [DataView, number] {
    const block = this.blocks[Math.floor(number / BLOCK_RECORDS)] as DataView;
    return [block, (number % BLOCK_RECORDS) * this.recordBytes];
  }
}

const LETTERS = new Uint8Array(128).fill(255);
[...'0123456789ABCDEFGHJKMNPQRSTVWXYZ'].forEach((letter, value) => {
  LETTERS[letter.charCodeAt(0)] = value;
});

/** The last key and its words: one event asks several maps for one key, and each of them more than once. */
let lastKey: string | undefined;
const lastWords = new Uint32Array(KEY_BYTES / 4);

/** The 32 bytes of a key as eight words. */
function keyWords(key: string, into: Uint32Array): void {
  if (key !== lastKey) {
    makeWords(key, lastWords);
    lastKey = key;
  }
  for (let word = 0; word < into.length; word += 1) into[word] = lastWords[word] as number;
}

function makeWords(key: string, into: Uint32Array): void {
  if (key.length < KEY_CHARS || !fromBase32(key, into)) {
    const digest = hash('sha256', key, 'buffer');
    for (let word = 0; word < into.length; word += 1) into[word] = digest.readUInt32BE(4 * word);
  }
}

function fromBase32(key: string, into: Uint32Array): boolean {
  let [pending, bits, word] = [0, 0, 0];
  for (let at = 0; at < KEY_CHARS && word < into.length; at += 1) {
    const value = LETTERS[key.charCodeAt(at) & 127] as number;
    if (value === 255) return false;
    if (bits + 5 < 32) {
      pending = pending * 32 + value;
      bits += 5;
      continue;
    }
    const over = bits + 5 - 32;
    into[word] = pending * 2 ** (5 - over) + (value >> over);
    word += 1;
    pending = value & (2 ** over - 1);
    bits = over;
  }
  return word === into.length;
}

/** Keys are chosen by wallets: all of their words count, so that nobody fills one place of the index. */
const SEED = hash('sha256', `${process.pid} ${performance.now()}`, 'buffer').readUInt32BE(0);

function mix(words: Uint32Array): number {
  let state = SEED;
  for (const word of words) state = Math.imul(state ^ word, 0x9e3779b1) ^ (state >>> 15);
  return (state ^ (state >>> 13)) >>> 0;
}
