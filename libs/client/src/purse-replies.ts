import { type Amount, message, NEVER } from '@florin/encoding';
import { ExchangeMisbehaved } from './errors.js';
import { type Payment, withoutFees } from './payments.js';
import type { PeerContract } from './peer-contract.js';
import type { ProofScope } from './refusals.js';
import { amountIn, type ReplyObject, timestamp } from './reply.js';
import { requireExchangeSignature } from './signing-keys.js';

/*
 * What the exchange says about purses, each with its signature.
 * Source: protocol/endpoints.md A2, B3; signatures.md
 */

/** What the exchange signed about the money in a purse. */
export interface PurseConfirmation {
  /** All that was paid in so far, without fees. */
  readonly totalDeposited: Amount;
  /** Seconds since 1970. */
  readonly at: number;
}

/** What is said of a purse; the signature under it names balance and times, not the purse. */
export type PurseStatus =
  | {
      readonly state: 'open' | 'full' | 'merged';
      /** Without deposit fees. */
      readonly balance: Amount;
      /** Seconds since 1970; not signed. */
      readonly expiration: number;
      readonly mergedAt?: number;
    }
  /** Over without a merge: every coin got its money back. */
  | { readonly state: 'expired' | 'deleted' };

/** @throws ExchangeMisbehaved unless it signs that these payments are in the purse */
export function readConfirmation(
  reply: ReplyObject,
  scope: ProofScope,
  { pursePub, contract, payments }: { pursePub: Uint8Array; contract: PeerContract; payments: readonly Payment[] },
): PurseConfirmation {
  const totalDeposited = reply.read('total_deposited', amountIn(scope.currency));
  const at = reply.read('exchange_timestamp', timestamp);
  const signed = message('PurseCreateDepositConfirmation', {
    exchangeTime: at,
    purseExpiration: contract.expiration,
    amountWithoutFee: contract.amount,
    totalDeposited,
    pursePub,
    hContractTerms: contract.hash,
  });
  requireExchangeSignature(reply, signed, scope);
  if (totalDeposited.units >= withoutFees(scope, payments)) return { totalDeposited, at };
  const place = `${reply.place}.total_deposited`;
  throw new ExchangeMisbehaved('contradiction', place, 'is less than was paid with this request');
}

/** @returns what the reserve got. @throws ExchangeMisbehaved unless it signs that this is what was agreed on */
export function readMerge(
  reply: ReplyObject,
  scope: ProofScope,
  merge: { pursePub: Uint8Array; contract: PeerContract; reservePub: Uint8Array; baseUrl: string },
): Amount {
  const { pursePub, contract, reservePub, baseUrl } = merge;
  const merged = reply.read('merge_amount', amountIn(scope.currency));
  if (merged.units !== contract.amount.units) {
    throw new ExchangeMisbehaved('contradiction', `${reply.place}.merge_amount`, 'is not what was agreed on');
  }
  const signed = message('PurseMergedConfirmation', {
    exchangeTime: reply.read('exchange_timestamp', timestamp),
    purseExpiration: contract.expiration,
    amountWithoutFee: merged,
    pursePub,
    reservePub,
    hContractTerms: contract.hash,
    hProviderUrl: scope.checker.taler.hash.text(baseUrl),
  });
  requireExchangeSignature(reply, signed, scope);
  return merged;
}

/** @throws ExchangeMisbehaved */
export function readPurseStatus(reply: ReplyObject, scope: ProofScope): PurseStatus {
  const balance = reply.read('balance', amountIn(scope.currency));
  const expiration = reply.read('purse_expiration', timestamp);
  const mergedAt = reply.optional('merge_timestamp', timestamp);
  const fullAt = reply.optional('deposit_timestamp', timestamp);
  const signed = { mergeTimestamp: mergedAt ?? NEVER, depositTimestamp: fullAt ?? 0, balance };
  requireExchangeSignature(reply, message('PurseStatus', signed), scope);
  if (mergedAt !== undefined) return { state: 'merged', balance, expiration, mergedAt };
  return { state: fullAt === undefined ? 'open' : 'full', balance, expiration };
}
