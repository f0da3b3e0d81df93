/** What the endpoints of the log answer. */
import { arrayOf, BASE64, COUNT, KEY, LONG, objectOf, TEXT, TIME, YES_OR_NO } from '../http/replies.js';

export const LOG_KEY = objectOf({
  origin: TEXT,
  log_pub: KEY,
  keys: arrayOf(objectOf({ log_pub: KEY, validity_start: TIME, master_sig: LONG })),
});
const PROOF = arrayOf(BASE64);
export const CONSISTENCY = objectOf({ from: COUNT, to: COUNT, proof: PROOF });
export const INCLUSION = objectOf({ index: COUNT, size: COUNT, proof: PROOF });
export const PROVEN_EVENTS = objectOf({
  stream: TEXT,
  checkpoint: TEXT,
  events: arrayOf(
    objectOf({
      index: COUNT,
      number: COUNT,
      type: TEXT,
      version: COUNT,
      written_at_us: COUNT,
      data: { type: 'string', contentMediaType: 'application/json' },
      proof: PROOF,
    }),
  ),
  complete: YES_OR_NO,
});
