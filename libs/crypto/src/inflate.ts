import { EncodingError } from '@florin/encoding';
import { adler32, DISTANCES, type ExtraCode, LENGTHS } from './deflate.js';

/*
 * Reads zlib streams (RFC 1950, 1951) strictly and within a bound: for contracts that somebody else encrypted. Codes
 * are read bit by bit, which is slow and short; contracts are small.
 */

interface HuffmanCode {
  /** Number of codes of each length, 0 to 15 bits. */
  readonly counts: readonly number[];
  /** Symbols in order of their codes. */
  readonly symbols: readonly number[];
}

const BITS_MAX = 15;
const END_OF_BLOCK = 256;
const LITERAL_CODES_MAX = 286;
const CODE_LENGTH_ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
const FIXED_LITERALS = huffman([
  ...new Array<number>(144).fill(8),
  ...new Array<number>(112).fill(9),
  ...new Array<number>(24).fill(7),
  ...new Array<number>(8).fill(8),
]);
const FIXED_DISTANCES = huffman(new Array<number>(32).fill(5)); // the last two stand for nothing

/**
 * Unpacks a zlib stream whose unpacked size is known.
 * @throws EncodingError unless the stream is well-formed, has exactly `sizeBytes` bytes inside and nothing behind it
 */
export function inflate(stream: Uint8Array, sizeBytes: number): Uint8Array {
  const bits = new BitReader(stream);
  const header = bits.take(8) * 256 + bits.take(8);
  if ((header & 0x0f00) !== 0x0800 || header >> 12 > 7 || (header & 0x20) !== 0 || header % 31 !== 0) {
    throw malformed('a zlib header');
  }
  const out = new Output(sizeBytes);
  let last = false;
  while (!last) {
    last = bits.take(1) === 1;
    const type = bits.take(2);
    if (type === 0) copyStored(bits, out);
    else if (type === 1) unpack(bits, out, FIXED_LITERALS, FIXED_DISTANCES);
    else if (type === 2) unpack(bits, out, ...readCodes(bits));
    else throw malformed('a block type of DEFLATE');
  }
  const checksum = bits.trailer();
  const data = out.whole();
  if (checksum !== adler32(data)) throw malformed('the checksum of the data');
  return data;
}

function copyStored(bits: BitReader, out: Output): void {
  bits.align();
  const length = bits.take(16);
  if ((bits.take(16) ^ length) !== 0xffff) throw malformed('a stored block');
  for (let i = 0; i < length; i++) out.push(bits.take(8));
}

function unpack(bits: BitReader, out: Output, literals: HuffmanCode, distances: HuffmanCode): void {
  for (;;) {
    const symbol = bits.symbol(literals);
    if (symbol === END_OF_BLOCK) return;
    if (symbol < END_OF_BLOCK) {
      out.push(symbol);
      continue;
    }
    const length = readExtra(bits, LENGTHS[symbol - END_OF_BLOCK - 1]);
    out.repeat(length, readExtra(bits, DISTANCES[bits.symbol(distances)]));
  }
}

function readExtra(bits: BitReader, code: ExtraCode | undefined): number {
  if (code === undefined) throw malformed('a length or distance of DEFLATE');
  return code.first + bits.take(code.extraBits);
}

/** The two codes of a block with codes of its own, whose lengths are coded themselves. */
function readCodes(bits: BitReader): [HuffmanCode, HuffmanCode] {
  const literalCount = bits.take(5) + 257;
  const distanceCount = bits.take(5) + 1;
  const lengthCount = bits.take(4) + 4;
  if (literalCount > LITERAL_CODES_MAX || distanceCount > DISTANCES.length) throw malformed('a number of codes');
  const codeLengths = new Array<number>(CODE_LENGTH_ORDER.length).fill(0);
  for (const symbol of CODE_LENGTH_ORDER.slice(0, lengthCount)) codeLengths[symbol] = bits.take(3);
  const code = huffman(codeLengths);
  const lengths: number[] = [];
  while (lengths.length < literalCount + distanceCount) {
    const symbol = bits.symbol(code);
    if (symbol < 16) lengths.push(symbol);
    else if (symbol === 16) lengths.push(...repeated(lengths.at(-1), 3 + bits.take(2)));
    else lengths.push(...repeated(0, symbol === 17 ? 3 + bits.take(3) : 11 + bits.take(7)));
  }
  const complete = lengths.length === literalCount + distanceCount;
  if (!complete || lengths[END_OF_BLOCK] === 0) throw malformed('code lengths of DEFLATE');
  return [huffman(lengths.slice(0, literalCount), true), huffman(lengths.slice(literalCount), true)];
}

function repeated(length: number | undefined, times: number): number[] {
  if (length === undefined) throw malformed('code lengths of DEFLATE');
  return new Array<number>(times).fill(length);
}

/**
 * @param lengths bits of each symbol's code, 0 for none
 * @param single whether a code with at most one symbol, of one bit, is in order though it wastes the other half
 */
function huffman(lengths: readonly number[], single = false): HuffmanCode {
  const counts = new Array<number>(BITS_MAX + 1).fill(0);
  for (const length of lengths) counts[length] = (counts[length] as number) + 1;
  let unused = 1;
  for (const count of counts.slice(1)) unused = 2 * unused - count;
  const used = lengths.length - (counts[0] as number);
  const wasteful = single && used <= 1 && (counts[1] as number) === used;
  if (unused < 0 || (unused > 0 && !wasteful)) throw malformed('a prefix code');
  const symbols = lengths
    .map((length, symbol) => ({ length, symbol }))
    .filter(({ length }) => length > 0)
    .sort((a, b) => a.length - b.length || a.symbol - b.symbol)
    .map(({ symbol }) => symbol);
  return { counts, symbols };
}

class BitReader {
  private position = 0;
  private pending = 0;
  private pendingBits = 0;

  constructor(private readonly stream: Uint8Array) {}

  /** @param count up to 16 */
  take(count: number): number {
    while (this.pendingBits < count) {
      const byte = this.stream[this.position++];
      if (byte === undefined) throw malformed('more of the zlib stream');
      this.pending |= byte << this.pendingBits;
      this.pendingBits += 8;
    }
    const value = this.pending & ((1 << count) - 1);
    this.pending >>>= count;
    this.pendingBits -= count;
    return value;
  }

  /** Codes of one length are consecutive numbers, so a code is known by its distance from the first of its length. */
  symbol({ counts, symbols }: HuffmanCode): number {
    let [code, first, index] = [0, 0, 0];
    for (let length = 1; length <= BITS_MAX; length++) {
      code |= this.take(1);
      const count = counts[length] as number;
      if (code - first < count) return symbols[index + code - first] as number;
      index += count;
      first = (first + count) << 1;
      code <<= 1;
    }
    throw malformed('a code of DEFLATE');
  }

  align(): void {
    this.pending = 0;
    this.pendingBits = 0;
  }

  /** The checksum, big-endian, which must be the last thing in the stream. */
  trailer(): number {
    this.align();
    const checksum = this.take(8) * 2 ** 24 + this.take(8) * 2 ** 16 + this.take(8) * 256 + this.take(8);
    if (this.position !== this.stream.length) throw malformed('the end of the zlib stream');
    return checksum;
  }
}

class Output {
  private readonly data: Uint8Array;
  private length = 0;

  constructor(sizeBytes: number) {
    this.data = new Uint8Array(sizeBytes);
  }

  push(byte: number): void {
    if (this.length === this.data.length) throw malformed(`${this.data.length} bytes`);
    this.data[this.length++] = byte;
  }

  repeat(length: number, distance: number): void {
    if (distance > this.length) throw malformed('a distance within the data');
    for (let i = 0; i < length; i++) this.push(this.data[this.length - distance] as number);
  }

  whole(): Uint8Array {
    if (this.length < this.data.length) throw malformed(`${this.data.length} bytes`);
    return this.data;
  }
}

const malformed = (expected: string) => new EncodingError(`${expected} in compressed data`, 'something else');
