/** What the endpoints answer that say who the exchange is, and what it offers. */
import {
  AMOUNT,
  arrayOf,
  BIG,
  COUNT,
  DURATION,
  KEY,
  LONG,
  mapOf,
  objectOf,
  only,
  PAYTO,
  TEXT,
  TIME,
  YES_OR_NO,
} from '../http/replies.js';

const CURRENCY_SPECIFICATION = objectOf({
  name: TEXT,
  num_fractional_input_digits: COUNT,
  num_fractional_normal_digits: COUNT,
  num_fractional_trailing_zero_digits: COUNT,
  alt_unit_names: mapOf(TEXT),
});
const REVOKED = arrayOf(objectOf({ h_denom_pub: LONG }));

export const CONFIG = objectOf({
  name: only('taler-exchange'),
  version: TEXT,
  currency: TEXT,
  currency_specification: CURRENCY_SPECIFICATION,
  implementation: TEXT,
  supported_kyc_requirements: arrayOf(TEXT),
  recoup: REVOKED,
});

const FEES = { value: AMOUNT, fee_withdraw: AMOUNT, fee_deposit: AMOUNT, fee_refresh: AMOUNT, fee_refund: AMOUNT };
const STAMPS = {
  stamp_start: TIME,
  stamp_expire_withdraw: TIME,
  stamp_expire_deposit: TIME,
  stamp_expire_legal: TIME,
};
const DENOMINATION = objectOf({
  master_sig: LONG,
  ...STAMPS,
  denom_pub: {
    oneOf: [
      objectOf({ cipher: only('RSA'), age_mask: COUNT, rsa_public_key: BIG, rsa_pub: BIG }),
      objectOf({ cipher: only('CS'), age_mask: COUNT, cs_public_key: KEY, cs_pub: KEY }),
    ],
  },
  ...FEES,
});
const DENOMINATION_GROUP = objectOf(
  {
    cipher: { enum: ['RSA', 'CS', 'RSA+age_restricted', 'CS+age_restricted'] },
    ...FEES,
    denoms: arrayOf(objectOf({ master_sig: LONG, ...STAMPS }, { rsa_pub: BIG, cs_pub: KEY })),
    hash: LONG,
  },
  { age_mask: COUNT },
);
const WIRE_FEES = mapOf(
  arrayOf(objectOf({ wire_fee: AMOUNT, closing_fee: AMOUNT, start_date: TIME, end_date: TIME, sig: LONG })),
);
const GLOBAL_FEES = objectOf({
  start_date: TIME,
  end_date: TIME,
  history_fee: AMOUNT,
  account_fee: AMOUNT,
  purse_fee: AMOUNT,
  history_expiration: DURATION,
  purse_timeout: DURATION,
  purse_account_limit: COUNT,
  master_sig: LONG,
});
const SIGNING_KEY = objectOf({
  key: KEY,
  stamp_start: TIME,
  stamp_expire: TIME,
  stamp_end: TIME,
  master_sig: LONG,
});
/** Always empty: no such thing is there to be listed. */
const NONE = { type: 'array', maxItems: 0 };

export const KEYS = objectOf(
  {
    version: TEXT,
    base_url: TEXT,
    currency: TEXT,
    currency_specification: CURRENCY_SPECIFICATION,
    stefan_abs: AMOUNT,
    stefan_log: AMOUNT,
    stefan_lin: { type: 'number' },
    asset_type: TEXT,
    rewards_allowed: YES_OR_NO,
    master_public_key: KEY,
    reserve_closing_delay: DURATION,
    hard_limits: NONE,
    zero_limits: NONE,
    wads: NONE,
    signkeys: arrayOf(SIGNING_KEY),
    recoup: REVOKED,
    accounts: arrayOf(
      objectOf({ payto_uri: PAYTO, credit_restrictions: NONE, debit_restrictions: NONE, master_sig: LONG }),
    ),
    wire_fees: WIRE_FEES,
    denoms: arrayOf(DENOMINATION),
    denominations: arrayOf(DENOMINATION_GROUP),
    auditors: NONE,
    global_fees: arrayOf(GLOBAL_FEES),
    list_issue_date: TIME,
    exchange_pub: KEY,
    exchange_sig: LONG,
    eddsa_pub: KEY,
    eddsa_sig: LONG,
    denominations_sig: LONG,
  },
  { extensions: { type: 'object', additionalProperties: true }, extensions_sig: LONG },
);

export const WIRE = objectOf({
  accounts: arrayOf(objectOf({ payto_uri: PAYTO, master_sig: LONG })),
  fees: WIRE_FEES,
  master_public_key: KEY,
});
