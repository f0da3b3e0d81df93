/** Everything secret in the vectors, from fixed seeds: the same on every machine, and worthless. */
import { checkPrimeSync } from 'node:crypto';
import { type Taler, taler } from '@florin/crypto';
import { portablePrimitives } from '@florin/crypto/portable';
import { type RsaSigner, rsaPrivateKeyOf, rsaSigner } from '@florin/crypto/server';
import { utf8 } from '@florin/encoding';

export const crypto: Taler = taler(portablePrimitives);

const SALT = utf8('florin recoup-withdraw vectors');
const EXPONENT = 65_537n;

/** `kdf(sizeBytes, salt SALT, ikm label)` */
export const secret = (label: string, sizeBytes = 32): Uint8Array =>
  crypto.kdf.derive(sizeBytes, { salt: SALT, ikm: utf8(label) });

export interface RsaSecret {
  readonly signer: RsaSigner;
  readonly numbers: Readonly<Record<'n' | 'e' | 'd' | 'p' | 'q', Uint8Array>>;
}

/** 1,024 bits: the first primes at or above two numbers from the label, the two highest bits of which are set. */
export function rsaSecret(label: string): RsaSecret {
  const [p, q] = [primeFrom(`${label} p`), primeFrom(`${label} q`)];
  const totient = (p - 1n) * (q - 1n);
  const numbers = {
    n: bytesOf(p * q),
    e: bytesOf(EXPONENT),
    d: bytesOf(inverse(EXPONENT, totient)),
    p: bytesOf(p),
    q: bytesOf(q),
  };
  return { signer: rsaSigner(rsaPrivateKeyOf(numbers)), numbers };
}

function primeFrom(label: string): bigint {
  let candidate = integerOf(secret(label, 64)) | (3n << 510n) | 1n;
  while (!checkPrimeSync(candidate) || (candidate - 1n) % EXPONENT === 0n) candidate += 2n;
  return candidate;
}

/** Big-endian. */
export const integerOf = (bytes: Uint8Array): bigint => BigInt(`0x${Buffer.from(bytes).toString('hex')}`);

/** Big-endian without leading zero bytes. */
export function bytesOf(value: bigint): Uint8Array {
  const digits = value.toString(16);
  return new Uint8Array(Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, 'hex'));
}

export function inverse(value: bigint, modulus: bigint): bigint {
  let [r0, r1, s0, s1] = [modulus, value % modulus, 0n, 1n];
  while (r1 !== 0n) {
    const quotient = r0 / r1;
    [r0, r1, s0, s1] = [r1, r0 - quotient * r1, s1, s0 - quotient * s1];
  }
  if (r0 !== 1n) throw new Error('these have a common factor');
  return ((s0 % modulus) + modulus) % modulus;
}

export function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let [result, square] = [1n, base % modulus];
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest % 2n === 1n) result = (result * square) % modulus;
    square = (square * square) % modulus;
  }
  return result;
}
