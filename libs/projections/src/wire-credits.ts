/** What the bank credited, row by row: how each was booked, and the money that found no reserve. */
import type { AccountHash, EddsaPub, FullPaytoHash, SealedUri, WireEvent } from '@florin/domain';
import { bigintOf, instantColumn, instantOf, type Page, present, u64Column } from './columns.js';
import { defineView } from './view.js';

export interface WireCredit {
  /** Section name of the exchange's account that received the money. */
  readonly wireAccount: string;
  readonly bankRow: bigint;
  readonly kind: WireEvent['kind'];
  /** Number of the booking in the ledger. */
  readonly bookedAs: number;
  readonly bankTime: number;
  readonly bookedAt: number;
  /** Units of 1e-8; absent if the bank's amount is in another currency. */
  readonly amount?: bigint;
  /** The reserve that was funded, or the account key that was bound. */
  readonly subjectPub?: EddsaPub;
  readonly originHash?: FullPaytoHash;
  readonly originAccount?: AccountHash;
  readonly sealedOrigin?: SealedUri;
  /** Why it is unusable. */
  readonly reason?: string;
}

interface Row {
  wire_account: string;
  bank_row: string;
  kind: WireEvent['kind'];
  booked_as: number;
  bank_time: number;
  booked_at: number;
  amount: string | null;
  subject_pub: EddsaPub | null;
  origin_hash: FullPaytoHash | null;
  origin_account: AccountHash | null;
  sealed_origin: SealedUri | null;
  reason: string | null;
}

export const wireCredits = defineView({
  name: 'wire-credits',
  version: 1,
  reads: ['wire'],
  schema: `
    CREATE TABLE wire_credits (
      wire_account TEXT NOT NULL,
      bank_row TEXT NOT NULL,
      kind TEXT NOT NULL,
      booked_as INTEGER NOT NULL,
      bank_time INTEGER NOT NULL,
      booked_at INTEGER NOT NULL,
      amount TEXT,
      subject_pub TEXT,
      origin_hash TEXT,
      origin_account TEXT,
      sealed_origin TEXT,
      reason TEXT,
      PRIMARY KEY (wire_account, bank_row)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX wire_credits_unusable ON wire_credits (booked_as) WHERE kind = 'unusable';`,
  shownAs: { bank_row: 'number', amount: 'amount' },

  open(db) {
    const insert = db.prepare<[Row]>(`
      INSERT INTO wire_credits VALUES (@wire_account, @bank_row, @kind, @booked_as, @bank_time, @booked_at, @amount,
        @subject_pub, @origin_hash, @origin_account, @sealed_origin, @reason)`);
    const byRow = db.prepare<[string, string], Row>(
      'SELECT * FROM wire_credits WHERE wire_account = ? AND bank_row = ?',
    );
    const after = db.prepare<[string, string, number], Row>(
      'SELECT * FROM wire_credits WHERE wire_account = ? AND bank_row > ? ORDER BY bank_row LIMIT ?',
    );
    const unusable = db.prepare<[number, number], Row>(
      `SELECT * FROM wire_credits WHERE kind = 'unusable' AND booked_as > ? ORDER BY booked_as LIMIT ?`,
    );

    return {
      apply({ key, index, event }) {
        insert.run({
          wire_account: key,
          bank_row: u64Column(event.row),
          kind: event.kind,
          booked_as: index,
          bank_time: instantColumn(event.bankTime),
          booked_at: instantColumn(event.at),
          amount: event.amount?.toString() ?? null,
          subject_pub: event.subjectPub ?? null,
          origin_hash: event.originHash ?? null,
          origin_account: event.originAccount ?? null,
          sealed_origin: event.sealedOrigin ?? null,
          reason: event.reason ?? null,
        });
      },

      queries: {
        credit(at: { readonly wireAccount: string; readonly bankRow: bigint }): WireCredit | undefined {
          const row = byRow.get(at.wireAccount, u64Column(at.bankRow));
          return row && creditOf(row);
        },

        /** What was booked on one account, in the bank's order, after bank row `after`. */
        credits: (wireAccount: string, page: Page<bigint>): WireCredit[] =>
          after.all(wireAccount, page.after === undefined ? '' : u64Column(page.after), page.limit).map(creditOf),

        /** Money without a reserve on any account, in the order of booking, after the `bookedAs` of `after`. */
        unusable: (page: Page<number>): WireCredit[] => unusable.all(page.after ?? -1, page.limit).map(creditOf),
      },
    };
  },
});

function creditOf(row: Row): WireCredit {
  return {
    wireAccount: row.wire_account,
    bankRow: BigInt(row.bank_row),
    kind: row.kind,
    bookedAs: row.booked_as,
    bankTime: instantOf(row.bank_time),
    bookedAt: instantOf(row.booked_at),
    ...present({
      amount: bigintOf(row.amount),
      subjectPub: row.subject_pub,
      originHash: row.origin_hash,
      originAccount: row.origin_account,
      sealedOrigin: row.sealed_origin,
      reason: row.reason,
    }),
  };
}
