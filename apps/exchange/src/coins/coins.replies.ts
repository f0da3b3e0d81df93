/** What the coin endpoints answer. */
import { AMOUNT, arrayOf, KEY, LONG, objectOf, only, SIGNED, TEXT, TIME, YES_OR_NO } from '../http/replies.js';

const HISTORY_ENTRY = {
  oneOf: [
    objectOf(
      {
        type: only('PURSE-DEPOSIT'),
        amount: AMOUNT,
        exchange_base_url: TEXT,
        purse_pub: KEY,
        refunded: YES_OR_NO,
        coin_sig: LONG,
      },
      { h_age_commitment: KEY },
    ),
    objectOf({ type: only('PURSE-REFUND'), amount: AMOUNT, refund_fee: AMOUNT, purse_pub: KEY, ...SIGNED }),
    objectOf({
      type: only('RECOUP'),
      amount: AMOUNT,
      reserve_pub: KEY,
      coin_sig: LONG,
      coin_blind: KEY,
      timestamp: TIME,
      ...SIGNED,
    }),
  ],
};
export const COIN_HISTORY = objectOf({ h_denom_pub: LONG, balance: AMOUNT, history: arrayOf(HISTORY_ENTRY) });
export const RECOUPED = objectOf({ reserve_pub: KEY });
