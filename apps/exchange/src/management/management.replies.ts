/** What `GET /management/keys` answers. */
import { AMOUNT, arrayOf, BIG, COUNT, KEY, LONG, objectOf, only, TEXT, TIME } from '../http/replies.js';

const FUTURE_DENOMINATION = objectOf({
  section_name: TEXT,
  value: AMOUNT,
  stamp_start: TIME,
  stamp_expire_withdraw: TIME,
  stamp_expire_deposit: TIME,
  stamp_expire_legal: TIME,
  denom_pub: {
    oneOf: [
      objectOf({ cipher: only('RSA'), age_mask: COUNT, rsa_pub: BIG }),
      objectOf({ cipher: only('CS'), age_mask: COUNT, cs_pub: KEY }),
    ],
  },
  fee_withdraw: AMOUNT,
  fee_deposit: AMOUNT,
  fee_refresh: AMOUNT,
  fee_refund: AMOUNT,
  denom_secmod_sig: LONG,
});
const FUTURE_SIGNING_KEY = objectOf({
  key: KEY,
  stamp_start: TIME,
  stamp_expire: TIME,
  stamp_end: TIME,
  signkey_secmod_sig: LONG,
});
export const FUTURE_KEYS = objectOf({
  future_denoms: arrayOf(FUTURE_DENOMINATION),
  future_signkeys: arrayOf(FUTURE_SIGNING_KEY),
  master_pub: KEY,
  denom_secmod_public_key: KEY,
  denom_secmod_cs_public_key: KEY,
  signkey_secmod_public_key: KEY,
});
