/**
 * Which reserve a blinded envelope was first withdrawn from: the older POST /coins/$COIN_PUB/recoup names none. It
 * finds the reserve's stream, which decides.
 */
import type { EnvelopeHash, ReservePub } from '@florin/domain';
import { defineView } from './view.js';

export const envelopes = defineView({
  name: 'envelopes',
  version: 1,
  reads: ['reserve'],
  schema: `
    CREATE TABLE envelopes (
      envelope_hash TEXT PRIMARY KEY,
      reserve_pub TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;`,

  open(db) {
    const insert = db.prepare<[string, string]>('INSERT OR IGNORE INTO envelopes VALUES (?, ?)');
    const select = db.prepare<[string], { reserve_pub: ReservePub }>(
      'SELECT reserve_pub FROM envelopes WHERE envelope_hash = ?',
    );
    return {
      apply({ key, event }) {
        if (event.type !== 'CoinsWithdrawn') return;
        for (const { envelopeHash } of event.coins) insert.run(envelopeHash, key);
      },

      queries: {
        /** Undefined if no reserve ever withdrew it; of several, the earliest. */
        reserve: (envelopeHash: EnvelopeHash): ReservePub | undefined => select.get(envelopeHash)?.reserve_pub,
      },
    };
  },
});
