/** The cryptography that judges the exchange: the portable primitives, which share no code with the server's. */
import { randomBytes } from 'node:crypto';
import { type Taler, taler } from '@florin/crypto';
import { portablePrimitives } from '@florin/crypto/portable';
import { serverPrimitives } from '@florin/crypto/server';
import { decodeBase32, encodeBase32 } from '@florin/encoding';

/** For what the exchange says. */
export const oracle: Taler = taler(portablePrimitives);
/** For what wallets do, which has to be quick. */
export const wallet: Taler = taler(serverPrimitives);

/** An Ed25519 key pair of a client. */
export interface Key {
  readonly pub: string;
  /** @returns base32 */
  sign(message: Uint8Array): string;
}

export function newKey(seed: Uint8Array = randomBytes(32)): Key {
  return {
    pub: encodeBase32(wallet.eddsa.publicKey(seed)),
    sign: (message) => encodeBase32(wallet.eddsa.sign(message, seed)),
  };
}

/** Whether the base32 signature is good, by the oracle. */
export const isSigned = (message: Uint8Array, signature: unknown, pub: unknown): boolean =>
  oracle.eddsa.verify(message, decodeBase32(String(signature), 64), decodeBase32(String(pub), 32));

/** As base32 text, the hash of a payto URI as wallets and officers name the account. */
export const normalizedHash = (uri: string): string => encodeBase32(oracle.hash.normalizedPayto(uri));

/** Text in base32 of `sizeBytes` random bytes. */
export const randomText = (sizeBytes: number): string => encodeBase32(randomBytes(sizeBytes));
