import type { DenominationPub } from '@florin/crypto';
import { type Amount, decodeBase32, message } from '@florin/encoding';
import type { DenominationKey, Ed25519Key } from './protocol.js';
import type { DenominationFees, DenominationStamps, PlannedDenomination, SigningKeyStamps } from './schedule.js';

/*
 * What is offered to wallets, and the messages with which the master key vouches for it. The order is:
 *
 *   plan -> key generated, its file synced, loaded by every live signer -> master signature -> event -> /keys
 */

/** A denomination that is ready to be offered, but for the signature of the master key. */
export interface DenominationOffer extends DenominationStamps {
  /** Canonical base32 of 64 bytes. */
  readonly denominationHash: string;
  readonly pub: DenominationPub;
  readonly value: Amount;
  readonly fees: DenominationFees;
}

export interface OfferedDenomination extends DenominationOffer {
  /** By the master key, over {@link denominationMessage}. */
  readonly masterSignature: Uint8Array;
}

/** An online signing key that is ready to be offered, but for the signature of the master key. */
export interface SigningKeyOffer extends SigningKeyStamps {
  readonly exchangePub: Uint8Array;
}

export interface OfferedSigningKey extends SigningKeyOffer {
  /** By the master key, over {@link signingKeyMessage}. */
  readonly masterSignature: Uint8Array;
}

/** The log key: it vouches for the heads of the log from `start` on. */
export interface LogKeyOffer {
  readonly logPub: Uint8Array;
  /** Whole seconds since 1970. */
  readonly start: number;
}

export interface OfferedLogKey extends LogKeyOffer {
  /** By the master key, over {@link logKeyMessage}. */
  readonly masterSignature: Uint8Array;
}

const HASH_SIZE = 64;

/** The offer of a key that was made for a plan. */
export function denominationOffer(planned: PlannedDenomination, key: DenominationKey): DenominationOffer {
  const { value, fees, start, expireWithdraw, expireDeposit, expireLegal } = planned;
  const { denominationHash, pub } = key;
  return { denominationHash, pub, value, fees, start, expireWithdraw, expireDeposit, expireLegal };
}

/** The offer of an online signing key that was made for a plan. */
export function signingKeyOffer({ start, expire, end }: SigningKeyStamps, key: Ed25519Key): SigningKeyOffer {
  return { exchangePub: key.pub, start, expire, end };
}

/** What the master key signs for a denomination: DenominationKeyValidity. @param masterPub 32 bytes */
export function denominationMessage(masterPub: Uint8Array, offer: DenominationOffer): Uint8Array {
  const { value, fees, start, expireWithdraw, expireDeposit, expireLegal } = offer;
  return message('DenominationKeyValidity', {
    master: masterPub,
    start,
    expireWithdraw,
    expireDeposit,
    expireLegal,
    value,
    fees,
    denomHash: decodeBase32(offer.denominationHash, HASH_SIZE),
  });
}

/** What the master key signs for an online signing key: ExchangeSigningKeyValidity. */
export function signingKeyMessage({ start, expire, end, exchangePub }: SigningKeyOffer): Uint8Array {
  return message('ExchangeSigningKeyValidity', { start, expire, end, signkeyPub: exchangePub });
}

/** What the master key signs for the log key: LogKeyValidity, a structure of Florin's own. */
export function logKeyMessage({ logPub, start }: LogKeyOffer): Uint8Array {
  return message('LogKeyValidity', { logPub, start });
}
