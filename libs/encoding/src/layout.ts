import { AMOUNT_SIZE, type Amount, writeAmount } from './amount.js';
import { writeU32, writeU64 } from './bytes.js';
import { EncodingError, kindOf } from './errors.js';
import { PURPOSE, type PurposeName, UNVERIFIED_PURPOSES } from './purposes.js';
import { TIME_SIZE, writeDuration, writeTimestamp } from './time.js';

/*
 * Layouts of packed structures as data: fields follow each other without gaps, in the order they are declared, numbers
 * big-endian. A signed structure begins with a header of its whole size and its purpose.
 * Source: protocol/encoding.md section 4
 */

/** How one field is written; T is what a caller passes for it. */
export interface Field<T> {
  readonly kind: string;
  readonly size: number;
  /** Writes `size` bytes at `offset` of a zeroed target. @throws EncodingError on a value of another form */
  write(target: Uint8Array, offset: number, value: T): void;
}

// biome-ignore lint/suspicious/noExplicitAny: a map of fields of any value types
export type FieldMap = Readonly<Record<string, Field<any>>>;

/** The values of a structure: every field by name, none left out, none added. */
export type FieldValues<F extends FieldMap> = keyof F extends never
  ? Readonly<Record<string, never>>
  : { readonly [K in keyof F]: F[K] extends Field<infer T> ? T : never };

/** A structure that is signed. */
export interface Layout<F extends FieldMap = FieldMap> {
  readonly purposeName: string;
  readonly purpose: number;
  /** False when the number comes from general knowledge; see {@link UNVERIFIED_PURPOSES}. */
  readonly purposeVerified: boolean;
  /** Size in bytes, header included. */
  readonly size: number;
  readonly fields: F;
}

/** Size of the header: u32 total size, u32 purpose. */
export const HEADER_SIZE = 8;

/** Declares a signed structure of the protocol. */
export function layout<const F extends FieldMap>(purposeName: PurposeName, fields: F): Layout<F> {
  return {
    purposeName,
    purpose: PURPOSE[purposeName],
    purposeVerified: !UNVERIFIED_PURPOSES.has(purposeName),
    size: HEADER_SIZE + sizeOf(fields),
    fields,
  };
}

/** Declares a signed structure of our own, under a number outside of the protocol's. */
export function privateLayout<const F extends FieldMap>(purposeName: string, purpose: number, fields: F): Layout<F> {
  return { purposeName, purpose, purposeVerified: true, size: HEADER_SIZE + sizeOf(fields), fields };
}

/** Sum of the sizes of the fields, in bytes. */
export function sizeOf(fields: FieldMap): number {
  return Object.values(fields).reduce((sum, field) => sum + field.size, 0);
}

/** Writes the fields one after the other. @throws EncodingError naming the field */
export function writeFields<F extends FieldMap>(
  target: Uint8Array,
  offset: number,
  fields: F,
  values: FieldValues<F>,
): void {
  let position = offset;
  let current = '';
  try {
    for (current in fields) {
      const field = fields[current] as Field<unknown>;
      field.write(target, position, values[current]);
      position += field.size;
    }
  } catch (error) {
    if (error instanceof EncodingError) throw new EncodingError(`${error.expected} as ${current}`, error.got);
    throw error;
  }
}

/** A key, hash or signature of exactly `size` bytes. */
export function bytes(size: number): Field<Uint8Array> {
  return {
    kind: 'bytes',
    size,
    write(target, offset, value) {
      if (!(value instanceof Uint8Array) || value.length !== size) {
        throw new EncodingError(`${size} bytes`, kindOf(value));
      }
      target.set(value, offset);
    },
  };
}

/** A hash that may be absent; `undefined` is signed as zeros of the full size. */
export function absentAsZeros(field: Field<Uint8Array>): Field<Uint8Array | undefined> {
  return {
    kind: field.kind,
    size: field.size,
    write(target, offset, value) {
      if (value !== undefined) field.write(target, offset, value);
    },
  };
}

/** SHA-512, whole. */
export const hash = bytes(64);
export const hashOrZeros = absentAsZeros(hash);
export const signature = bytes(64);
export const publicKey = bytes(32);
export const secret = bytes(32);
/** First half of SHA-512 over a payto URI and NUL. */
export const paytoHash = bytes(32);
/** Hash of a coin's age commitment, absent where the coin has none. */
export const ageHash = absentAsZeros(bytes(32));
/** Identifier of a wire transfer. */
export const wtid = bytes(32);

export const amount: Field<Amount> = { kind: 'amount', size: AMOUNT_SIZE, write: writeAmount };
/** Whole seconds since 1970, or NEVER. */
export const timestamp: Field<number> = { kind: 'timestamp', size: TIME_SIZE, write: writeTimestamp };
/** Microseconds, or FOREVER. */
export const duration: Field<number> = { kind: 'duration', size: TIME_SIZE, write: writeDuration };
export const u32: Field<number> = { kind: 'u32', size: 4, write: writeU32 };
export const u64: Field<bigint> = { kind: 'u64', size: 8, write: writeU64 };

export const u8: Field<number> = {
  kind: 'u8',
  size: 1,
  write(target, offset, value) {
    if (!Number.isInteger(value) || value < 0 || value > 0xff) {
      throw new EncodingError('an unsigned integer of 8 bits', typeof value === 'number' ? `${value}` : kindOf(value));
    }
    target[offset] = value;
  },
};

/** The one field that the build of 2023 signed in the byte order of its machine. */
export const u32LittleEndian: Field<number> = {
  kind: 'u32-little-endian',
  size: 4,
  write(target, offset, value) {
    writeU32(target, offset, value);
    target.subarray(offset, offset + 4).reverse();
  },
};

/** A word in eight ASCII bytes, cut or filled with zeros: `PURSE CREATE` is signed as `PURSE CR`. */
export const word8: Field<string> = {
  kind: 'word8',
  size: 8,
  write(target, offset, value) {
    if (typeof value !== 'string' || !/^[\x20-\x7e]+$/.test(value)) {
      throw new EncodingError('printable ASCII', kindOf(value));
    }
    for (let i = 0; i < Math.min(value.length, 8); i++) target[offset + i] = value.charCodeAt(i);
  },
};

/** Amounts in a fixed order, given by name. */
function amounts<const N extends string>(kind: string, names: readonly N[]): Field<Readonly<Record<N, Amount>>> {
  return {
    kind,
    size: AMOUNT_SIZE * names.length,
    write(target, offset, value) {
      if (typeof value !== 'object' || value === null) throw new EncodingError(`amounts ${names}`, kindOf(value));
      names.forEach((name, i) => {
        writeAmount(target, offset + i * AMOUNT_SIZE, value[name]);
      });
    },
  };
}

export const denominationFees = amounts('denomination-fees', ['withdraw', 'deposit', 'refresh', 'refund']);
export const globalFees = amounts('global-fees', ['history', 'account', 'purse']);
export const wireFees = amounts('wire-fees', ['wire', 'closing']);
