import { EncodingError, kindOf } from '@florin/encoding';

/** A member of a JSON object that is missing or malformed. */
export class MemberError extends EncodingError {
  override readonly name = 'MemberError';

  constructor(
    /** Name of the member as on the wire, such as `rsa_pub`. */
    readonly member: string,
    expected: string,
    got: string,
  ) {
    super(`${expected} as ${member}`, got);
  }
}

/**
 * An RSA public key under which a full-domain hash or a blinding factor shares a factor with the modulus. Such a key is
 * made to unmask coins: nothing may be blinded for it.
 */
export class MaliciousKey extends Error {
  override readonly name = 'MaliciousKey';

  constructor() {
    super('the RSA modulus shares a factor with a hash or a blinding factor: the key is malicious');
  }
}

/** The exchange answered with a blind signature that does not make a valid signature of the coin. */
export class BadBlindSignature extends Error {
  override readonly name = 'BadBlindSignature';

  constructor() {
    super('the blind signature does not unblind to a valid signature');
  }
}

/** @throws EncodingError unless `bytes` has exactly `sizeBytes` bytes */
export function checkSize(bytes: Uint8Array, sizeBytes: number, what: string): void {
  if (bytes instanceof Uint8Array && bytes.length === sizeBytes) return;
  throw new EncodingError(`${sizeBytes} bytes as ${what}`, kindOf(bytes));
}
