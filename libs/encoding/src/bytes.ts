import { EncodingError, kindOf } from './errors.js';

const U16_MAX = 0xffff;
const U32_MAX = 0xffff_ffff;
const U64_MAX = 0xffff_ffff_ffff_ffffn;
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));
const LONE_SURROGATE = /[\ud800-\udfff]/u;
const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** @returns one fresh array with the parts one after the other */
export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  let sizeBytes = 0;
  for (const part of parts) sizeBytes += part.length;
  const whole = new Uint8Array(sizeBytes);
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

/** Compares content, in a time that depends on the length only. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= (a[i] as number) ^ (b[i] as number);
  return difference === 0;
}

/** @throws EncodingError unless `value` is an integer from 0 to 2^16 - 1 */
export function encodeU16(value: number): Uint8Array {
  checkUnsigned(value, U16_MAX, 16);
  return Uint8Array.of(value >>> 8, value);
}

/** @throws EncodingError unless `value` is an integer from 0 to 2^32 - 1 */
export function encodeU32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  writeU32(bytes, 0, value);
  return bytes;
}

/** @throws EncodingError unless `value` lies from 0 to 2^64 - 1 */
export function encodeU64(value: bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  writeU64(bytes, 0, value);
  return bytes;
}

/** Reads 2 bytes, most significant first. @throws EncodingError when fewer are left */
export function readU16(bytes: Uint8Array, offset: number): number {
  checkSpace(bytes, offset, 2);
  return ((bytes[offset] as number) << 8) | (bytes[offset + 1] as number);
}

/** Reads 4 bytes, most significant first. @throws EncodingError when fewer are left */
export function readU32(bytes: Uint8Array, offset: number): number {
  checkSpace(bytes, offset, 4);
  return readU16(bytes, offset) * 0x1_0000 + readU16(bytes, offset + 2);
}

/** Reads 8 bytes, most significant first. @throws EncodingError when fewer are left */
export function readU64(bytes: Uint8Array, offset: number): bigint {
  checkSpace(bytes, offset, 8);
  return (BigInt(readU32(bytes, offset)) << 32n) | BigInt(readU32(bytes, offset + 4));
}

/** Writes `value` into 4 bytes at `offset`. @throws EncodingError on a wrong value or too little space */
export function writeU32(target: Uint8Array, offset: number, value: number): void {
  checkUnsigned(value, U32_MAX, 32);
  checkSpace(target, offset, 4);
  target[offset] = value >>> 24;
  target[offset + 1] = value >>> 16;
  target[offset + 2] = value >>> 8;
  target[offset + 3] = value;
}

/** Writes `value` into 8 bytes at `offset`. @throws EncodingError on a wrong value or too little space */
export function writeU64(target: Uint8Array, offset: number, value: bigint): void {
  if (typeof value !== 'bigint') throw new EncodingError('an unsigned integer of 64 bits (bigint)', kindOf(value));
  if (value < 0n || value > U64_MAX) throw new EncodingError('an unsigned integer of 64 bits', value.toString());
  writeU32(target, offset, Number(value >> 32n));
  writeU32(target, offset + 4, Number(value & 0xffff_ffffn));
}

/** @returns two lower-case digits per byte */
export function toHex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += HEX[byte];
  return text;
}

/** Accepts both cases. @throws EncodingError on an odd length or any other character */
export function fromHex(text: string): Uint8Array {
  if (typeof text !== 'string') throw new EncodingError('hexadecimal text', kindOf(text));
  if (!/^(?:[0-9a-fA-F]{2})*$/.test(text)) throw new EncodingError('pairs of hexadecimal digits', kindOf(text));
  return Uint8Array.from({ length: text.length / 2 }, (_, i) => Number.parseInt(text.slice(2 * i, 2 * i + 2), 16));
}

/**
 * The UTF-8 bytes of a text.
 * @throws EncodingError on a lone surrogate: it has no UTF-8 form, and a replacement would give two texts one hash
 */
export function utf8(text: string): Uint8Array {
  if (typeof text !== 'string') throw new EncodingError('text', kindOf(text));
  if (LONE_SURROGATE.test(text)) throw new EncodingError('well-formed Unicode', 'a lone surrogate');
  return encoder.encode(text);
}

/**
 * The UTF-8 bytes of a text and one NUL byte: what the protocol hashes for URIs, URLs, names and contract terms.
 * @throws EncodingError on a lone surrogate, or on a NUL inside, which would end the text early for a C reader
 */
export function utf8z(text: string): Uint8Array {
  const bytes = utf8(text);
  if (bytes.includes(0)) throw new EncodingError('text without NUL', 'a NUL character');
  const terminated = new Uint8Array(bytes.length + 1);
  terminated.set(bytes);
  return terminated;
}

/** @throws EncodingError unless the bytes are well-formed UTF-8 */
export function fromUtf8(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw new EncodingError('UTF-8', `${bytes.length} bytes that are not`);
  }
}

function checkUnsigned(value: number, max: number, bits: number): void {
  if (Number.isInteger(value) && value >= 0 && value <= max) return;
  throw new EncodingError(
    `an unsigned integer of ${bits} bits`,
    typeof value === 'number' ? String(value) : kindOf(value),
  );
}

function checkSpace(bytes: Uint8Array, offset: number, sizeBytes: number): void {
  if (offset >= 0 && offset + sizeBytes <= bytes.length) return;
  throw new EncodingError(`${sizeBytes} bytes at offset ${offset}`, `${bytes.length} bytes in all`);
}
