/** What `/kyc-check` answers. */
import { KEY, objectOf, TEXT, YES_OR_NO } from '../http/replies.js';

/** The older form: where the owner has to go. */
export const TO_BE_DECIDED = objectOf({ kyc_url: TEXT });
export const ACCOUNT_KYC_STATUS = objectOf({ aml_review: YES_OR_NO, access_token: KEY }, { kyc_url: TEXT });
