/** What the reserve endpoints answer. */
import {
  AMOUNT,
  arrayOf,
  BIG,
  COUNT,
  KEY,
  LONG,
  objectOf,
  only,
  PAYTO,
  SIGNED,
  TIME,
  YES_OR_NO,
} from '../http/replies.js';
import { byCipher } from '../http/wire-crypto.js';

export const RESERVE_SUMMARY = objectOf(
  { balance: AMOUNT, reserve_expiration: TIME },
  { last_origin: PAYTO, maximum_age_group: COUNT },
);

const BLIND_SIGNATURE = byCipher({ blinded_rsa_signature: BIG }, { b: COUNT, s: KEY });
export const WITHDRAWN = objectOf({ ev_sig: BLIND_SIGNATURE });
export const BATCH_WITHDRAWN = objectOf({ ev_sigs: arrayOf(WITHDRAWN) });
export const CS_VALUES = objectOf({ ewv: objectOf({ cipher: only('CS'), r_pub_0: KEY, r_pub_1: KEY }) });
export const CLOSED = objectOf({ wire_amount: AMOUNT });

const HISTORY_ENTRY = {
  oneOf: [
    objectOf(
      { type: only('CREDIT'), timestamp: TIME, wire_reference: COUNT, amount: AMOUNT },
      { sender_account_url: PAYTO },
    ),
    objectOf({
      type: only('WITHDRAW'),
      reserve_sig: LONG,
      h_coin_envelope: LONG,
      h_denom_pub: LONG,
      withdraw_fee: AMOUNT,
      amount: AMOUNT,
    }),
    objectOf({ type: only('RECOUP'), amount: AMOUNT, coin_pub: KEY, timestamp: TIME, ...SIGNED }),
    objectOf(
      {
        type: only('CLOSING'),
        amount: AMOUNT,
        closing_fee: AMOUNT,
        wtid: KEY,
        h_payto: KEY,
        timestamp: TIME,
        ...SIGNED,
      },
      { receiver_account_details: PAYTO },
    ),
    objectOf({ type: only('CLOSE'), request_timestamp: TIME, reserve_sig: LONG }, { h_payto: KEY }),
    objectOf({
      type: only('MERGE'),
      amount: AMOUNT,
      purse_fee: AMOUNT,
      merge_timestamp: TIME,
      purse_expiration: TIME,
      h_contract_terms: LONG,
      merge_pub: KEY,
      purse_pub: KEY,
      min_age: COUNT,
      flags: COUNT,
      reserve_sig: LONG,
      merged: YES_OR_NO,
    }),
  ],
};
export const RESERVE_HISTORY = objectOf({ balance: AMOUNT, history: arrayOf(HISTORY_ENTRY) });
