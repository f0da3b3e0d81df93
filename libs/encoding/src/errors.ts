/**
 * A text or byte string that is not what the protocol demands. The message names what was expected and what was got,
 * and never repeats a secret.
 */
export class EncodingError extends Error {
  override readonly name: string = 'EncodingError';

  constructor(
    readonly expected: string,
    readonly got: string,
  ) {
    super(`expected ${expected}, got ${got}`);
  }
}

/** A sum or product above the largest amount the protocol can write (value 2^52 and a fraction). */
export class AmountOverflow extends EncodingError {
  override readonly name = 'AmountOverflow';
}

/** A difference below zero. Amounts have no sign. */
export class NegativeAmount extends EncodingError {
  override readonly name = 'NegativeAmount';
}

/** Two amounts of different currencies, or an amount that is not in the currency that was asked for. */
export class CurrencyMismatch extends EncodingError {
  override readonly name = 'CurrencyMismatch';
}

/** Describes a value of unknown origin by kind and size only: it may be a secret. */
export function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (typeof value === 'string') return `a string of ${value.length} characters`;
  if (typeof value === 'object') return 'an object';
  return value === undefined ? 'nothing' : `a ${typeof value}`;
}
