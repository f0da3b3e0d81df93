/**
 * What happened to a reserve, entry by entry: GET /reserves/$RESERVE_PUB/history, and the entries that a 409 proves an
 * overdraft with. Those come from the stream that decided, through the same `reserveHistoryEntries`.
 *
 * A kind of entry more is a member of the union, a line in `effectOf` and a case in `reserveHistoryEntries`.
 */
import {
  type AccountHash,
  assert,
  type CoinPub,
  type DenominationHash,
  type EddsaPub,
  type EddsaSignature,
  type EnvelopeHash,
  type FullPaytoHash,
  type HashCode,
  type PursePub,
  type ReserveEvent,
  type ReservePub,
  type ReservePurseEvent,
  type SealedUri,
  unreachable,
} from '@florin/domain';
import { detailsColumn, detailsOf, type Page } from './columns.js';
import { defineView } from './view.js';

/** Named as in the protocol. Amounts are units of 1e-8, times whole seconds since 1970. */
export type ReserveHistoryEntry =
  | {
      readonly kind: 'CREDIT';
      readonly amount: bigint;
      readonly wireAccount: string;
      readonly bankRow: bigint;
      readonly bankTime: number;
      readonly originHash: FullPaytoHash;
      readonly originAccount: AccountHash;
      readonly sealedOrigin: SealedUri;
    }
  | {
      readonly kind: 'WITHDRAW';
      /** Value and fee of one coin. */
      readonly amount: bigint;
      readonly fee: bigint;
      readonly denominationHash: DenominationHash;
      readonly envelopeHash: EnvelopeHash;
      readonly reserveSignature: EddsaSignature;
    }
  | {
      readonly kind: 'RECOUP';
      readonly amount: bigint;
      readonly coinPub: CoinPub;
      readonly envelopeHash: EnvelopeHash;
      readonly at: number;
    }
  | {
      /** The owner asked for it; what left the reserve, if anything did, is the CLOSING that follows. */
      readonly kind: 'CLOSE';
      readonly requestTimestamp: number;
      /** Absent if the client designated no account. */
      readonly designatedHash?: FullPaytoHash;
      readonly reserveSignature: EddsaSignature;
    }
  | {
      readonly kind: 'CLOSING';
      /** All that left the reserve: what is wired, the fee and the dust. */
      readonly amount: bigint;
      readonly closingFee: bigint;
      readonly wireAmount: bigint;
      /** Absent if nothing was left to wire. */
      readonly wtid?: string;
      readonly targetHash: FullPaytoHash;
      readonly targetAccount: AccountHash;
      readonly sealedTarget: SealedUri;
      readonly at: number;
    }
  | {
      /** A purse for this reserve: first requested, where it was, then merged. */
      readonly kind: 'MERGE';
      /** The purse's target: comes in once `merged`. */
      readonly amount: bigint;
      /** Left the reserve when the purse was requested. */
      readonly purseFee: bigint;
      readonly pursePub: PursePub;
      readonly minAge: number;
      readonly purseExpiresAt: number;
      readonly contractTermsHash: HashCode;
      readonly mergePub: EddsaPub;
      readonly mergeTimestamp: number;
      readonly paidFrom: 'merge' | 'quota' | 'fee';
      /** AccountMergePS. */
      readonly reserveSignature: EddsaSignature;
      readonly merged: boolean;
    };

/** An entry with its number in the reserve's history, from 1, the same after every rebuild: the ETag counts by it. */
export interface ReserveHistoryRow {
  readonly row: number;
  readonly entry: ReserveHistoryEntry;
}

export interface ReserveHistory {
  /** After the reserve's last entry. */
  readonly balance: bigint;
  /** Number of the reserve's last entry, whether it is on this page or not. */
  readonly lastRow: number;
  /** Oldest first. */
  readonly rows: readonly ReserveHistoryRow[];
}

/** The entries that an event adds to its reserve's history, in order. */
export function reserveHistoryEntries(event: ReserveEvent | ReservePurseEvent): ReserveHistoryEntry[] {
  switch (event.type) {
    case 'ReserveFunded': {
      const { amount, wireAccount, bankRow, bankTime, originHash, originAccount, sealedOrigin } = event;
      const origin = { originHash, originAccount, sealedOrigin };
      return [{ kind: 'CREDIT', amount, wireAccount, bankRow, bankTime, ...origin }];
    }
    case 'CoinsWithdrawn':
      return event.coins.map(({ value, fee, denominationHash, envelopeHash, reserveSignature }) => {
        return { kind: 'WITHDRAW', amount: value + fee, fee, denominationHash, envelopeHash, reserveSignature };
      });
    case 'CoinsRecouped':
      return event.coins.map((coin) => ({ kind: 'RECOUP', ...coin, at: event.at }));
    case 'CloseRequested':
      return [closeEntry(event)];
    case 'ReserveClosed': {
      const { debited: amount, closingFee, wireAmount, wtid, targetHash, targetAccount, sealedTarget, at } = event;
      const paid = { amount, closingFee, wireAmount, ...(wtid !== undefined && { wtid }) };
      const closing = { kind: 'CLOSING', ...paid, targetHash, targetAccount, sealedTarget, at } as const;
      return event.cause === 'request' ? [closeEntry(event), closing] : [closing];
    }
    case 'PurseRequested':
      return [mergeEntry(event, false)];
    case 'PurseMergedIntoReserve':
      return [mergeEntry(event, true)];
    case 'RequestedPurseDeleted':
      return [];
    default:
      return unreachable(event);
  }
}

function closeEntry(event: Extract<ReserveEvent, { type: 'CloseRequested' | 'ReserveClosed' }>): ReserveHistoryEntry {
  const { requestTimestamp, designatedHash, reserveSignature } = event;
  assert(requestTimestamp !== undefined && reserveSignature !== undefined, 'a requested close without its signature');
  return { kind: 'CLOSE', requestTimestamp, ...(designatedHash && { designatedHash }), reserveSignature };
}

function mergeEntry(
  event: Extract<ReservePurseEvent, { type: 'PurseRequested' | 'PurseMergedIntoReserve' }>,
  merged: boolean,
): ReserveHistoryEntry {
  const { target: amount, purseFee, pursePub, minAge, purseExpiresAt, contractTermsHash, mergePub } = event;
  const { mergeTimestamp, paidFrom, reserveSignature } = event;
  const terms = { pursePub, minAge, purseExpiresAt, contractTermsHash, mergePub, mergeTimestamp };
  return { kind: 'MERGE', amount, purseFee, ...terms, paidFrom, reserveSignature, merged };
}

/** A purse that was requested and then merged is one entry for clients: the later, with fee and target. */
export function withoutSettledRequests<Row extends { readonly entry: ReserveHistoryEntry }>(
  rows: readonly Row[],
): Row[] {
  const merged = new Set(
    rows.map(({ entry }) => (entry.kind === 'MERGE' && entry.merged ? entry.pursePub : undefined)),
  );
  return rows.filter(({ entry }) => entry.kind !== 'MERGE' || entry.merged || !merged.has(entry.pursePub));
}

/** By how much an entry changes the balance. */
function effectOf(entry: ReserveHistoryEntry): bigint {
  switch (entry.kind) {
    case 'CREDIT':
    case 'RECOUP':
      return entry.amount;
    case 'WITHDRAW':
    case 'CLOSING':
      return -entry.amount;
    case 'CLOSE':
      return 0n;
    case 'MERGE':
      return entry.merged ? entry.amount : -entry.purseFee;
    default:
      return unreachable(entry);
  }
}

export const reserveHistory = defineView({
  name: 'reserve-history',
  version: 1,
  reads: ['reserve'],
  schema: `
    CREATE TABLE reserve_history (
      reserve_pub TEXT NOT NULL,
      row INTEGER NOT NULL,
      kind TEXT NOT NULL,
      balance TEXT NOT NULL, -- after this entry
      event INTEGER NOT NULL, -- number in the reserve's stream
      details TEXT NOT NULL,
      PRIMARY KEY (reserve_pub, row)
    ) STRICT, WITHOUT ROWID;`,
  shownAs: { balance: 'amount', details: 'details' },

  open(db) {
    const last = db.prepare<[string], { row: number; balance: string }>(
      'SELECT row, balance FROM reserve_history WHERE reserve_pub = ? ORDER BY row DESC LIMIT 1',
    );
    const insert = db.prepare<[string, number, string, string, number, string]>(
      'INSERT INTO reserve_history VALUES (?, ?, ?, ?, ?, ?)',
    );
    const after = db.prepare<[string, number, number], { row: number; kind: string; details: string }>(
      'SELECT row, kind, details FROM reserve_history WHERE reserve_pub = ? AND row > ? ORDER BY row LIMIT ?',
    );

    return {
      apply({ key, number, event }) {
        const before = last.get(key);
        let row = before?.row ?? 0;
        let balance = BigInt(before?.balance ?? 0);
        for (const entry of reserveHistoryEntries(event)) {
          row += 1;
          balance += effectOf(entry);
          assert(balance >= 0n, `the history of a reserve goes ${-balance} below zero`);
          const { kind, ...details } = entry;
          insert.run(key, row, kind, balance.toString(), number, detailsColumn(details));
        }
      },

      queries: {
        /** Entries after number `after`; undefined if the reserve is unknown. */
        history(reservePub: ReservePub, page: Page<number>): ReserveHistory | undefined {
          const newest = last.get(reservePub);
          if (!newest) return undefined;
          const rows = after.all(reservePub, page.after ?? 0, page.limit).map(({ row, kind, details }) => {
            return { row, entry: { kind, ...detailsOf(details) } as ReserveHistoryEntry };
          });
          return { balance: BigInt(newest.balance), lastRow: newest.row, rows };
        },
      },
    };
  },
});
