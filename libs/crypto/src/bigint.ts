import { toHex } from '@florin/encoding';

/* Integers of any size and their byte forms. BigInt is not constant in time; what that means is said where used. */

/** Reads an unsigned integer, most significant byte first; no bytes are 0. */
export function fromBigEndian(bytes: Uint8Array): bigint {
  return bytes.length === 0 ? 0n : BigInt(`0x${toHex(bytes)}`);
}

/** Reads an unsigned integer, least significant byte first. */
export function fromLittleEndian(bytes: Uint8Array): bigint {
  return fromBigEndian(bytes.slice().reverse());
}

/** Writes a non-negative integer into exactly `sizeBytes` bytes; the caller knows that it fits. */
export function toBigEndian(value: bigint, sizeBytes: number): Uint8Array {
  const words = Math.ceil(sizeBytes / 8);
  const bytes = new Uint8Array(words * 8);
  const view = new DataView(bytes.buffer);
  let rest = value;
  for (let word = words - 1; word >= 0; word--) {
    view.setBigUint64(word * 8, rest);
    rest >>= 64n;
  }
  return bytes.slice(bytes.length - sizeBytes);
}

/** Writes a non-negative integer below 2^256, least significant byte first. */
export function toLittleEndian32(value: bigint): Uint8Array {
  return toBigEndian(value, 32).reverse();
}

/** The shortest form of a big-endian integer: without leading zero bytes. */
export function minimal(bytes: Uint8Array): Uint8Array {
  const first = bytes.findIndex((byte) => byte !== 0);
  return first < 0 ? new Uint8Array(0) : bytes.slice(first);
}

/** Whether `a` is below `b`, both big-endian and of one length. */
export function isBelow(a: Uint8Array, b: Uint8Array): boolean {
  for (let i = 0; i < a.length; i++) {
    const difference = (a[i] as number) - (b[i] as number);
    if (difference !== 0) return difference < 0;
  }
  return false;
}

/** Greatest common divisor of two non-negative integers. */
export function gcd(a: bigint, b: bigint): bigint {
  let [x, y] = [a, b];
  while (y !== 0n) [x, y] = [y, x % y];
  return x;
}

/** The inverse of `value` modulo `modulus`, or undefined when they share a factor. */
export function modInverse(value: bigint, modulus: bigint): bigint | undefined {
  let [r, previousR] = [modulus, value % modulus];
  let [t, previousT] = [0n, 1n];
  while (r !== 0n) {
    const quotient = previousR / r;
    [previousR, r] = [r, previousR - quotient * r];
    [previousT, t] = [t, previousT - quotient * t];
  }
  if (previousR !== 1n) return undefined;
  return previousT < 0n ? previousT + modulus : previousT;
}

/** `base^exponent mod modulus` by squaring. For public exponents: its time depends on every bit. */
export function modPow(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n;
  for (const bit of exponent.toString(2)) {
    result = (result * result) % modulus;
    if (bit === '1') result = (result * base) % modulus;
  }
  return result;
}
