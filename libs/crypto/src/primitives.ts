/*
 * What the protocol is built from, as one argument of everything else. Two sets exist and agree on every input:
 * `serverPrimitives` (libsodium, OpenSSL) and `portablePrimitives` (tweetnacl, @noble, BigInt). All values are byte
 * strings; all calls are synchronous and deterministic; nothing here draws randomness.
 */

/** Hashes, curve operations, symmetric encryption and RSA's public operation. */
export interface Primitives {
  /** SHA-512 of the parts one after the other. */
  sha512(...parts: readonly Uint8Array[]): Uint8Array;

  /** SHA-256 of the parts one after the other; the log of events is hashed with it. */
  sha256(...parts: readonly Uint8Array[]): Uint8Array;

  /** HMAC-SHA512 (RFC 2104); any key length, the empty one included. */
  hmacSha512(key: Uint8Array, message: Uint8Array): Uint8Array;

  /** The expand step of RFC 5869 with HMAC-SHA256. @param prk 64 bytes. @param sizeBytes at most 8,160 */
  hkdfExpandSha256(prk: Uint8Array, info: Uint8Array, sizeBytes: number): Uint8Array;

  readonly ed25519: Ed25519;
  readonly group: EdwardsGroup;
  readonly x25519: X25519;
  readonly secretbox: Secretbox;

  /**
   * Prepares RSA's public operation for one key, so that a key used often is parsed once.
   * @param modulus odd, 512 bits or more, no leading zero byte
   * @param exponent odd, 3 to 2^64 - 1, no leading zero byte
   * @returns `base^exponent mod modulus`, as long as the modulus, for any base below the modulus
   */
  rsaPublic(modulus: Uint8Array, exponent: Uint8Array): (base: Uint8Array) => Uint8Array;
}

/** A key pair that is expanded once and signs often. */
export interface Ed25519KeyPair {
  readonly publicKey: Uint8Array;
  /** @returns 64 bytes, deterministic (RFC 8032) */
  sign(message: Uint8Array): Uint8Array;
}

export interface Ed25519 {
  /** @param seed 32 bytes: the private key of RFC 8032 */
  keyPair(seed: Uint8Array): Ed25519KeyPair;

  /**
   * The rules of libsodium, which the reference implementation uses: the equation without cofactor; refused are S >= L,
   * a key that is not canonical, and a key or R of small order. Wrong lengths are `false` too.
   */
  verify(message: Uint8Array, signature: Uint8Array, publicKey: Uint8Array): boolean;
}

/** The subgroup of prime order L of Ed25519. Points are 32 bytes compressed, scalars 32 bytes little-endian. */
export interface EdwardsGroup {
  /** Whether these are 32 bytes that canonically encode an element of order L: not the identity, no torsion. */
  isElement(point: Uint8Array): boolean;
  /** Generator times scalar, not clamped. @param scalar from 1 to L - 1 */
  multiplyBase(scalar: Uint8Array): Uint8Array;
  /** Element times scalar, not clamped. @param scalar 1 to L - 1. @throws EncodingError unless {@link isElement} */
  multiply(scalar: Uint8Array, point: Uint8Array): Uint8Array;
  /** The sum of two elements; their difference may be any, the sum may be the identity. */
  add(p: Uint8Array, q: Uint8Array): Uint8Array;
  /** The X25519 public key of the same element. @throws EncodingError unless {@link isElement} */
  toMontgomery(point: Uint8Array): Uint8Array;
}

/** RFC 7748. Scalars are clamped here. */
export interface X25519 {
  publicKey(scalar: Uint8Array): Uint8Array;
  /** @throws EncodingError when the result is zero: the other side sent a point of small order */
  multiply(scalar: Uint8Array, point: Uint8Array): Uint8Array;
}

/** XSalsa20 and Poly1305; the 16 bytes of the authenticator come first. */
export interface Secretbox {
  /** @param nonce 24 bytes, never used twice with one key. @param key 32 bytes */
  seal(plaintext: Uint8Array, nonce: Uint8Array, key: Uint8Array): Uint8Array;
  /** @returns undefined when the box was not sealed with this nonce and key */
  open(box: Uint8Array, nonce: Uint8Array, key: Uint8Array): Uint8Array | undefined;
}
