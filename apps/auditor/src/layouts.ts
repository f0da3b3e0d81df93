/** How the fields of packed records are written: amounts that may be negative, instants, keys and small numbers. */
import { decodeBase32, encodeBase32 } from '@florin/encoding';

/** Size of an amount in units: 128 bits, for 2^52 whole values of 10^8 units need 79, and a sum may be negative. */
export const UNITS_BYTES = 16;
export const INSTANT_BYTES = 8;
export const KEY_BYTES = 32;

export function writeUnits(view: DataView, offset: number, units: bigint): void {
  view.setBigInt64(offset, units >> 64n);
  view.setBigUint64(offset + 8, BigInt.asUintN(64, units));
}

export const readUnits = (view: DataView, offset: number): bigint =>
  (view.getBigInt64(offset) << 64n) | view.getBigUint64(offset + 8);

/** Seconds, or NEVER. */
export const writeInstant = (view: DataView, offset: number, seconds: number): void => view.setFloat64(offset, seconds);
export const readInstant = (view: DataView, offset: number): number => view.getFloat64(offset);

/** 32 bytes in base32; the empty text where there is none. */
export function writeKey(view: DataView, offset: number, text: string): void {
  const bytes = new Uint8Array(view.buffer, view.byteOffset + offset, KEY_BYTES);
  if (text === '') bytes.fill(0);
  else bytes.set(decodeBase32(text, KEY_BYTES));
}

export function readKey(view: DataView, offset: number): string {
  const bytes = new Uint8Array(view.buffer, view.byteOffset + offset, KEY_BYTES);
  return bytes.every((byte) => byte === 0) ? '' : encodeBase32(bytes);
}
