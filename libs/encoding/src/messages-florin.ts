import { privateLayout, publicKey, timestamp } from './layout.js';

/*
 * Structures that only Florin signs and verifies. Their purpose numbers lie far above those of the protocol, so no
 * signature made for one can serve the other.
 */
export const FLORIN_PURPOSE = {
  /** Master key: from `start` on, heads of the log are signed by `logPub`. */
  LOG_KEY_VALIDITY: 4_602_001,
} as const;

export const FLORIN_MESSAGES = {
  LogKeyValidity: privateLayout('LOG_KEY_VALIDITY', FLORIN_PURPOSE.LOG_KEY_VALIDITY, {
    logPub: publicKey,
    start: timestamp,
  }),
} as const;
