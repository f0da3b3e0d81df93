import type { Taler } from '@florin/crypto';
import {
  type Amount,
  canonicalJson,
  EncodingError,
  formatAmount,
  type JsonObject,
  parseAmount,
  parseJson,
  timestampJson,
} from '@florin/encoding';
import { BadContract, ExchangeMisbehaved } from './errors.js';
import { amountIn, instant, ReplyObject, text, u32 } from './reply.js';

/*
 * What two people agree on when one pays the other. The exchange sees its hash only, and the purse's key signs amount,
 * expiration and minimum age beside that hash, so both wallets take all of it from the contract, and from nowhere else.
 * Source: wallet-core's PeerContractTerms; protocol/encoding.md section 5
 */

export interface PeerContract {
  /** As it was written, members that nobody here knows included: they are hashed too. */
  readonly json: JsonObject;
  /** `h_contract_terms`, 64 bytes. */
  readonly hash: Uint8Array;
  /** What the purse is to hold, without fees. */
  readonly amount: Amount;
  /** What it is for, in a few words. */
  readonly summary: string;
  /** When the purse ends unless it is merged, in seconds since 1970. */
  readonly expiration: number;
  /** Of whoever pays, in years; 0 for anybody. */
  readonly minAge: number;
}

export interface PeerTerms {
  readonly amount: Amount;
  readonly summary: string;
  readonly expiration: number;
  readonly minAge?: number;
}

export function writeContract(taler: Taler, { amount, summary, expiration, minAge = 0 }: PeerTerms): PeerContract {
  const json: JsonObject = {
    amount: formatAmount(amount),
    summary,
    purse_expiration: { t_s: timestampJson(expiration).t_s },
    ...(minAge > 0 && { minimum_age: minAge }),
  };
  return {
    json,
    hash: taler.hash.contract(json),
    amount: parseAmount(formatAmount(amount)),
    summary,
    expiration,
    minAge,
  };
}

/** @throws BadContract when it is none, or about another currency */
export function readContract(taler: Taler, contractText: string, currency: string): PeerContract {
  try {
    const contract = new ReplyObject(parseJson(contractText), 'contract');
    return {
      json: contract.json,
      hash: taler.hash.contract(contract.json),
      amount: contract.read('amount', amountIn(currency)),
      summary: contract.read('summary', text),
      expiration: contract.read('purse_expiration', instant),
      minAge: contract.optional('minimum_age', u32) ?? 0,
    };
  } catch (error) {
    // What is wrong with it is the other wallet's doing, not the exchange's.
    if (error instanceof ExchangeMisbehaved || error instanceof EncodingError) throw new BadContract(error.message);
    throw error;
  }
}

export const contractText = ({ json }: PeerContract): string => canonicalJson(json);
