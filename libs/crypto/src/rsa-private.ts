import {
  constants,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  privateDecrypt,
  publicEncrypt,
} from 'node:crypto';
import { EncodingError, equalBytes } from '@florin/encoding';
import { fromBigEndian, minimal, modInverse, toBigEndian } from './bigint.js';
import { checkRsaValue, padToModulus } from './rsa.js';
import { encodeRsaPub } from './rsa-key.js';

/*
 * The exchange's private half of RSA blind signatures, on OpenSSL. For the signer processes: a private operation holds
 * the thread it runs on (0.25 ms for 2048 bits).
 */

/** Numbers of a private key, unsigned big-endian without leading zero bytes. */
export interface RsaComponents {
  readonly n: Uint8Array;
  readonly e: Uint8Array;
  readonly d: Uint8Array;
  readonly p: Uint8Array;
  readonly q: Uint8Array;
}

export interface RsaSigner {
  /** The public key as on the wire. */
  readonly rsaPub: Uint8Array;
  /**
   * The raw private operation on a blinded planchet. @returns the blind signature, minimal length
   * @throws EncodingError unless the planchet is below the modulus, not zero and without leading zero byte
   */
  sign(blindedPlanchet: Uint8Array): Uint8Array;
}

/** @returns PKCS#8 in PEM, not encrypted: for a file that only its owner can read */
export function exportRsaPrivateKey(key: KeyObject): string {
  return checkedRsa(key).export({ type: 'pkcs8', format: 'pem' }) as string;
}

/** @param key PKCS#8 in PEM, or a JSON Web Key. @throws EncodingError unless it is an RSA private key */
export function importRsaPrivateKey(key: string | JsonWebKeyOfRsa): KeyObject {
  let imported: KeyObject;
  try {
    imported = createPrivateKey(typeof key === 'string' ? key : { key: { ...key }, format: 'jwk' });
  } catch {
    throw new EncodingError('an RSA private key in PEM or JWK', 'something else'); // OpenSSL's text may quote the key
  }
  return checkedRsa(imported);
}

/** The members of a JSON Web Key with private RSA numbers. */
export interface JsonWebKeyOfRsa {
  readonly kty: string;
  readonly [member: string]: string;
}

/** A key from its numbers, as test vectors give them. @throws EncodingError when they do not belong together */
export function rsaPrivateKeyOf({ n, e, d, p, q }: RsaComponents): KeyObject {
  const [modulus, exponent, primeP, primeQ] = [n, d, p, q].map(fromBigEndian) as [bigint, bigint, bigint, bigint];
  const inverse = modInverse(primeQ, primeP);
  if (primeP * primeQ !== modulus || inverse === undefined) {
    throw new EncodingError('the two factors of an RSA modulus', 'other numbers');
  }
  const member = (value: bigint) => base64url(minimal(toBigEndian(value, n.length)));
  return importRsaPrivateKey({
    kty: 'RSA',
    n: base64url(n),
    e: base64url(e),
    d: base64url(d),
    p: base64url(p),
    q: base64url(q),
    dp: member(exponent % (primeP - 1n)),
    dq: member(exponent % (primeQ - 1n)),
    qi: member(inverse),
  });
}

/**
 * Prepares a private key for signing. Each result is raised to the public exponent again before it leaves: a signature
 * that a fault spoiled in one of the two primes would give the key away.
 */
export function rsaSigner(privateKey: KeyObject): RsaSigner {
  const jwk = createPublicKey(checkedRsa(privateKey)).export({ format: 'jwk' });
  const [modulus, exponent] = [jwk.n, jwk.e].map((text) => new Uint8Array(Buffer.from(text as string, 'base64url')));
  const rsaPub = encodeRsaPub(modulus as Uint8Array, exponent as Uint8Array);
  const padding = constants.RSA_NO_PADDING;
  const priv = { key: privateKey, padding };
  const pub = { key: createPublicKey(privateKey), padding };
  const key = { modulus: modulus as Uint8Array };
  return {
    rsaPub,
    sign(blindedPlanchet) {
      checkRsaValue(key, blindedPlanchet, 'blinded planchet');
      const message = padToModulus(key, blindedPlanchet);
      const signature = privateDecrypt(priv, message);
      if (!equalBytes(publicEncrypt(pub, signature), message)) throw new Error('faulty RSA signature withheld');
      return minimal(new Uint8Array(signature));
    },
  };
}

function checkedRsa(key: KeyObject): KeyObject {
  if (key.type === 'private' && key.asymmetricKeyType === 'rsa') return key;
  throw new EncodingError('an RSA private key', `a ${key.type} key of type ${key.asymmetricKeyType}`);
}

const base64url = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url');
