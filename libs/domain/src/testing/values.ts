/** Values for specs: bytes that depend on a label alone, and amounts as they are written. */
import { createHash } from 'node:crypto';
import { encodeBase32, parseAmount } from '@florin/encoding';
import fc from 'fast-check';
import type { Shape } from '../events/fields.js';

/** Canonical base32 of `sizeBytes` bytes. */
export function bytesOf<Text extends string>(label: string, sizeBytes: number): Text {
  return encodeBase32(createHash('shake128', { outputLength: sizeBytes }).update(label).digest()) as Text;
}

/** Units of `EUR:value`, for example `eur('1.5')`. */
export const eur = (value: string): bigint => parseAmount(`EUR:${value}`, 'EUR').units;

const anyBytes = (sizeBytes: fc.Arbitrary<number>): fc.Arbitrary<string> =>
  sizeBytes.chain((size) => fc.uint8Array({ minLength: size, maxLength: size })).map(encodeBase32);

/** Any value that a field of this shape may hold. */
export function anyValueOf(shape: Shape): fc.Arbitrary<unknown> {
  switch (shape.kind) {
    case 'blob':
      return anyBytes(fc.nat(40));
    case 'bytes':
      return anyBytes(fc.constant(shape.sizeBytes));
    case 'text':
      return fc.string();
    case 'words':
      return fc.constantFrom(...shape.words);
    case 'amount':
      return fc.oneof(fc.constantFrom(0n, 2n ** 52n * 100_000_000n), fc.bigInt(0n, 10n ** 12n));
    case 'instant':
      return fc.oneof(fc.maxSafeNat(), fc.constant(Number.POSITIVE_INFINITY));
    case 'count':
      return fc.maxSafeNat();
    case 'u64':
      return fc.bigInt(0n, 2n ** 64n - 1n);
    case 'flag':
      return fc.boolean();
    case 'list':
      return fc.array(anyValueOf(shape.item), { maxLength: 3 });
    case 'object': {
      const members = shape.members.map(({ name, shape }) => [name, anyValueOf(shape)] as const);
      const requiredKeys = shape.members.flatMap(({ name, optional }) => (optional ? [] : [name]));
      return fc.record(Object.fromEntries(members), { requiredKeys, noNullPrototype: true });
    }
    case 'variants':
      return fc.oneof(...shape.variants.map(anyValueOf));
  }
}
