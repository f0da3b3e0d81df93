/** Test support: keys and hashes that depend on a label alone, so that every run makes the same ledger. */
import { createHash } from 'node:crypto';
import type { AccountHash, DenominationHash, ReservePub } from '@florin/domain';
import { encodeBase32 } from '@florin/encoding';

/** `sizeBytes` bytes that depend on the label alone. */
export function bytesOf<Text extends string>(label: string, sizeBytes: number): Text {
  return encodeBase32(createHash('shake128', { outputLength: sizeBytes }).update(label).digest()) as Text;
}

export const reserveAt = (place: number): ReservePub => bytesOf(`reserve ${place}`, 32);
/** The account behind a reserve; two reserves share one. */
export const accountAt = (place: number): AccountHash => bytesOf(`account ${place >> 1}`, 32);
export const denominationAt = (place: number): DenominationHash => bytesOf(`denomination ${place}`, 64);
