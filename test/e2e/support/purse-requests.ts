/** Pull payments: a reserve asks others to pay, signed as wallets sign it. */
import { decodeBase32, encodeBase32, message, reservePayto, timestampJson } from '@florin/encoding';
import { type Json, type Reply, send } from './http.js';
import { CURRENCY, now } from './offers.js';
import { type Key, oracle } from './oracle.js';
import { createBody, type PurseKeys, type Terms } from './purses.js';
import { formatUnits } from './reserves.js';

export interface RequestOptions {
  /** Units; without it the purse comes out of the reserve's quota. */
  readonly fee?: bigint;
  readonly contract?: Json;
  readonly mergeTimestamp?: number;
}

export function requestBody(
  baseUrl: string,
  keys: PurseKeys,
  { terms, reserve, fee, contract, mergeTimestamp = now() }: RequestOptions & { terms: Terms; reserve: Key },
) {
  const pursePub = decodeBase32(keys.purse.pub, 32);
  const payto = reservePayto(baseUrl, decodeBase32(reserve.pub, 32));
  const merged = message('PurseMerge', { mergeTimestamp, pursePub, hPayto: oracle.hash.normalizedPayto(payto) });
  const agreed = message('AccountMerge', {
    purseExpiration: terms.expiration,
    purseAmount: { currency: CURRENCY, units: terms.target },
    purseFee: { currency: CURRENCY, units: fee ?? 0n },
    hContractTerms: terms.contractHash,
    pursePub,
    mergeTimestamp,
    minAge: terms.minAge,
    flags: fee === undefined ? 2 : 3,
  });
  return {
    purse_value: formatUnits(terms.target),
    min_age: terms.minAge,
    ...(fee === undefined ? {} : { purse_fee: formatUnits(fee) }),
    ...(contract && { econtract: contract }),
    merge_pub: keys.merge.pub,
    merge_sig: keys.merge.sign(merged),
    reserve_sig: reserve.sign(agreed),
    purse_pub: keys.purse.pub,
    purse_sig: createBody(keys, terms, []).purse_sig,
    h_contract_terms: encodeBase32(terms.contractHash),
    merge_timestamp: timestampJson(mergeTimestamp),
    purse_expiration: timestampJson(terms.expiration),
  };
}

export const postRequest = (baseUrl: string, reserve: Key, json: unknown): Promise<Reply> =>
  send(`${baseUrl}reserves/${reserve.pub}/purse`, { json });
