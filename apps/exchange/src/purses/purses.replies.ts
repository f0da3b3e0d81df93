/** What the purse endpoints answer. */
import { AMOUNT, BIG, KEY, LONG, objectOf, SIGNED, TIME } from '../http/replies.js';

const CONFIRMATION = { total_deposited: AMOUNT, exchange_timestamp: TIME, ...SIGNED };
export const PURSE_CREATED = objectOf(CONFIRMATION);
export const DEPOSITED = objectOf({
  ...CONFIRMATION,
  purse_value_after_fees: AMOUNT,
  purse_expiration: TIME,
  h_contract_terms: LONG,
});
export const MERGED = objectOf({ merge_amount: AMOUNT, exchange_timestamp: TIME, ...SIGNED });
export const PURSE_STATUS = objectOf(
  { balance: AMOUNT, purse_expiration: TIME, ...SIGNED },
  { merge_timestamp: TIME, deposit_timestamp: TIME },
);
export const CONTRACT = objectOf({ purse_pub: KEY, econtract: BIG, econtract_sig: LONG });
