/*
 * zlib's container (RFC 1950) around DEFLATE (RFC 1951), for encrypted contracts: small texts, compressed by wallets.
 * Written here so that a contract becomes the same bytes on every platform: Node, its releases and browsers carry
 * zlibs that differ. One block of fixed codes; matches are searched as zlib's level 6 does, so that small texts come
 * out as the reference writes them.
 */

const MATCH_MIN = 3;
const MATCH_MAX = 258;
/** A match of three bytes that lies further back costs more than three literals. */
const SHORT_MATCH_DISTANCE_MAX = 4096;
const WINDOW_SIZE = 32768;
const DISTANCE_MAX = WINDOW_SIZE - (MATCH_MAX + MATCH_MIN + 1);
const HASH_SIZE = 32768;
/** Level 6: how many candidates are tried, and when a match is long enough to try fewer, none later, or stop. */
const CHAIN_MAX = 128;
const GOOD_LENGTH = 8;
const LAZY_LENGTH = 16;
const NICE_LENGTH = 128;

/** First length of each length code from 257 on, and first distance of each distance code, with their extra bits. */
export const LENGTHS = codes(29, [3, 4, 5, 6, 7, 8, 9, 10], 4);
LENGTHS[28] = { first: MATCH_MAX, extraBits: 0 };
export const DISTANCES = codes(30, [1, 2, 3, 4], 2);

export interface ExtraCode {
  readonly first: number;
  readonly extraBits: number;
}

/** @returns a zlib stream with one block of fixed Huffman codes */
export function deflate(data: Uint8Array): Uint8Array {
  const bits = new BitWriter();
  bits.write(0x78, 8); // DEFLATE, window of 32 KiB
  bits.write(0x9c, 8); // default level; makes the first two bytes a multiple of 31
  bits.write(1, 1); // last block
  bits.write(1, 2); // fixed codes
  compress(data, bits);
  bits.writeLiteral(256); // end of block
  bits.align();
  const checksum = adler32(data);
  for (const shift of [24, 16, 8, 0]) bits.write((checksum >>> shift) & 255, 8);
  return bits.bytes();
}

/** The checksum of RFC 1950. */
export function adler32(data: Uint8Array): number {
  let [a, b] = [1, 0];
  for (const byte of data) {
    a = (a + byte) % 65521;
    b = (b + a) % 65521;
  }
  return b * 65536 + a;
}

/** Lazy matching: a match is taken only if the next position has none that is longer. */
function compress(data: Uint8Array, bits: BitWriter): void {
  const matches = new MatchFinder(data);
  let previous = { length: MATCH_MIN - 1, start: 0 };
  let pending = false; // the byte before the current one is neither written nor covered
  for (let at = 0; at < data.length; at++) {
    const current = matches.find(at, previous.length);
    if (previous.length >= MATCH_MIN && current.length <= previous.length) {
      bits.writeMatch(previous.length, at - 1 - previous.start);
      const end = at - 1 + previous.length;
      for (at++; at < end; at++) matches.insert(at);
      at--;
      previous = { length: MATCH_MIN - 1, start: 0 };
      pending = false;
    } else {
      if (pending) bits.writeLiteral(data[at - 1] as number);
      pending = true;
      previous = current;
    }
  }
  if (pending) bits.writeLiteral(data[data.length - 1] as number);
}

/** Chains of earlier positions with the same hash of three bytes. Position 0 ends a chain, as in zlib. */
class MatchFinder {
  private readonly head = new Int32Array(HASH_SIZE);
  private readonly before: Int32Array;

  constructor(private readonly data: Uint8Array) {
    this.before = new Int32Array(data.length);
  }

  /** Remembers a position. @returns the latest earlier one with the same hash, 0 for none */
  insert(at: number): number {
    const { data } = this;
    if (at + MATCH_MIN > data.length) return 0;
    const [a, b, c] = [data[at] as number, data[at + 1] as number, data[at + 2] as number];
    const hash = ((a << 10) ^ (b << 5) ^ c) % HASH_SIZE;
    const earlier = this.head[hash] as number;
    this.before[at] = earlier;
    this.head[hash] = at;
    return earlier;
  }

  /** Remembers a position and looks for the longest earlier match that beats `best`, the match one byte before. */
  find(at: number, best: number): { length: number; start: number } {
    let candidate = this.insert(at);
    const match = { length: MATCH_MIN - 1, start: 0 };
    if (best >= LAZY_LENGTH) return match;
    match.length = best;
    const ahead = Math.min(this.data.length - at, MATCH_MAX);
    const nice = Math.min(NICE_LENGTH, ahead);
    let tries = best >= GOOD_LENGTH ? CHAIN_MAX / 4 : CHAIN_MAX;
    while (candidate > 0 && at - candidate <= DISTANCE_MAX && tries-- > 0) {
      const length = this.commonLength(candidate, at, ahead);
      if (length > match.length) {
        match.length = length;
        match.start = candidate;
        if (length >= nice) break;
      }
      candidate = this.before[candidate] as number;
    }
    const tooFar = match.length === MATCH_MIN && at - match.start > SHORT_MATCH_DISTANCE_MAX;
    return tooFar ? { length: MATCH_MIN - 1, start: 0 } : match;
  }

  private commonLength(a: number, b: number, max: number): number {
    let length = 0;
    while (length < max && this.data[a + length] === this.data[b + length]) length++;
    return length;
  }
}

/** Bits from the least significant end of each byte; Huffman codes with their own most significant bit first. */
class BitWriter {
  private readonly out: number[] = [];
  private pending = 0;
  private pendingBits = 0;

  write(value: number, count: number): void {
    this.pending |= value << this.pendingBits;
    this.pendingBits += count;
    while (this.pendingBits >= 8) {
      this.out.push(this.pending & 255);
      this.pending >>>= 8;
      this.pendingBits -= 8;
    }
  }

  /** A byte, the end of the block (256) or a length code, by the fixed code of RFC 1951. */
  writeLiteral(symbol: number): void {
    if (symbol < 144) this.writeCode(0x30 + symbol, 8);
    else if (symbol < 256) this.writeCode(0x190 + symbol - 144, 9);
    else if (symbol < 280) this.writeCode(symbol - 256, 7);
    else this.writeCode(0xc0 + symbol - 280, 8);
  }

  writeMatch(length: number, distance: number): void {
    const lengthCode = LENGTHS.findLastIndex(({ first }) => first <= length);
    this.writeLiteral(257 + lengthCode);
    this.writeExtra(LENGTHS[lengthCode] as ExtraCode, length);
    const distanceCode = DISTANCES.findLastIndex(({ first }) => first <= distance);
    this.writeCode(distanceCode, 5);
    this.writeExtra(DISTANCES[distanceCode] as ExtraCode, distance);
  }

  align(): void {
    if (this.pendingBits > 0) this.write(0, 8 - this.pendingBits);
  }

  bytes(): Uint8Array {
    return Uint8Array.from(this.out);
  }

  private writeExtra({ first, extraBits }: ExtraCode, value: number): void {
    this.write(value - first, extraBits);
  }

  private writeCode(code: number, count: number): void {
    for (let bit = count - 1; bit >= 0; bit--) this.write((code >> bit) & 1, 1);
  }
}

/** Tables of RFC 1951 3.2.5: after the first codes, every `perBit` codes take one extra bit more. */
function codes(count: number, firsts: readonly number[], perBit: number): ExtraCode[] {
  const table: ExtraCode[] = firsts.map((first) => ({ first, extraBits: 0 }));
  for (let code = table.length; code < count; code++) {
    const last = table[code - 1] as ExtraCode;
    const extraBits = Math.floor((code - firsts.length) / perBit) + 1;
    table.push({ first: last.first + 2 ** last.extraBits, extraBits });
  }
  return table;
}
