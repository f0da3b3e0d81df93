/**
 * What a coin paid for and what it got back: GET /coins/$COIN_PUB/history, and the entries that a 409 proves a double
 * spend with. Those come from the stream that decided, through the same {@link coinHistoryEntries}.
 *
 * A kind of entry more is a member of the union, a line in `effectOf` and a case in `coinHistoryEntries`.
 */
import {
  type AgeCommitmentHash,
  assert,
  type BlindingSecret,
  type CoinEvent,
  type CoinPub,
  type DenominationHash,
  type EddsaSignature,
  type FirstSight,
  type PursePub,
  type ReservePub,
  unreachable,
} from '@florin/domain';
import { detailsColumn, detailsOf, type Page } from './columns.js';
import { defineView } from './view.js';

/** Named as in the protocol. Amounts are units of 1e-8, times whole seconds since 1970. */
export type CoinHistoryEntry =
  | {
      readonly kind: 'PURSE-DEPOSIT';
      /** With the deposit fee. */
      readonly amount: bigint;
      readonly pursePub: PursePub;
      readonly exchangeBaseUrl: string;
      readonly coinSignature: EddsaSignature;
    }
  | {
      readonly kind: 'PURSE-REFUND';
      /** All that was paid, its fee included. */
      readonly amount: bigint;
      readonly pursePub: PursePub;
    }
  | {
      readonly kind: 'RECOUP';
      readonly amount: bigint;
      readonly reservePub: ReservePub;
      readonly coinSignature: EddsaSignature;
      readonly blindingSecret: BlindingSecret;
      readonly at: number;
    };

/** An entry with its number in the coin's history, from 1: the ETag counts by it. */
export interface CoinHistoryRow {
  readonly row: number;
  readonly entry: CoinHistoryEntry;
}

export interface CoinHistory {
  readonly denominationHash: DenominationHash;
  readonly ageCommitmentHash?: AgeCommitmentHash;
  /** What the coin may still spend. */
  readonly balance: bigint;
  /** Number of the coin's last entry, whether it is among `rows` or not. */
  readonly lastRow: number;
  /** Purses that gave the coin its money back. */
  readonly refundedPurses: readonly PursePub[];
  /** Oldest first. */
  readonly rows: readonly CoinHistoryRow[];
}

/** The entry that an event adds to its coin's history. */
export function coinHistoryEntry(event: CoinEvent): CoinHistoryEntry {
  switch (event.type) {
    case 'CoinSpentIntoPurse': {
      const { amount, pursePub, exchangeBaseUrl, coinSignature } = event;
      return { kind: 'PURSE-DEPOSIT', amount, pursePub, exchangeBaseUrl, coinSignature };
    }
    case 'CoinRefundedFromPurse':
      return { kind: 'PURSE-REFUND', amount: event.amount, pursePub: event.pursePub };
    case 'CoinRecouped': {
      const { amount, reservePub, coinSignature, blindingSecret, at } = event;
      return { kind: 'RECOUP', amount, reservePub, coinSignature, blindingSecret, at };
    }
    default:
      return unreachable(event);
  }
}

/** The history that a coin's whole stream gives, of entries after number `after`; undefined for an empty one. */
export function coinHistoryOf(events: readonly CoinEvent[], after = 0): CoinHistory | undefined {
  const known = events[0] && firstSightOf(events[0]);
  if (!known) return undefined;
  const rows = events.map((event, index) => ({ row: index + 1, entry: coinHistoryEntry(event) }));
  return historyOf({ known, rows, after });
}

function historyOf({ known, rows, after }: { known: FirstSight; rows: CoinHistoryRow[]; after: number }): CoinHistory {
  const { denominationHash, ageCommitmentHash, value } = known;
  return {
    denominationHash,
    ...(ageCommitmentHash !== undefined && { ageCommitmentHash }),
    balance: rows.reduce((balance, { entry }) => balance + effectOf(entry), value),
    lastRow: rows.length,
    refundedPurses: rows.flatMap(({ entry }) => (entry.kind === 'PURSE-REFUND' ? [entry.pursePub] : [])),
    rows: rows.filter(({ row }) => row > after),
  };
}

function firstSightOf(event: CoinEvent): FirstSight {
  const known = event.type === 'CoinRefundedFromPurse' ? undefined : event.firstSight;
  assert(known !== undefined, `a coin begins with ${event.type}`);
  return known;
}

/** By how much an entry changes what the coin may spend. */
function effectOf(entry: CoinHistoryEntry): bigint {
  return entry.kind === 'PURSE-REFUND' ? entry.amount : -entry.amount;
}

export const coinHistory = defineView({
  name: 'coin-history',
  version: 1,
  reads: ['coin'],
  schema: `
    CREATE TABLE coins (
      coin_pub TEXT PRIMARY KEY,
      first_sight TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE coin_history (
      coin_pub TEXT NOT NULL,
      row INTEGER NOT NULL,
      kind TEXT NOT NULL,
      details TEXT NOT NULL,
      PRIMARY KEY (coin_pub, row)
    ) STRICT, WITHOUT ROWID;`,
  shownAs: { first_sight: 'details', details: 'details' },

  open(db) {
    const see = db.prepare<[string, string]>('INSERT INTO coins VALUES (?, ?)');
    const insert = db.prepare<[string, number, string, string]>('INSERT INTO coin_history VALUES (?, ?, ?, ?)');
    const seen = db.prepare<[string], { first_sight: string }>('SELECT first_sight FROM coins WHERE coin_pub = ?');
    const rowsOf = db.prepare<[string], { row: number; kind: string; details: string }>(
      'SELECT row, kind, details FROM coin_history WHERE coin_pub = ? ORDER BY row',
    );

    return {
      apply({ key, number, event }) {
        if (number === 0) {
          const { denominationHash, value, ageCommitmentHash } = firstSightOf(event);
          const age = ageCommitmentHash === undefined ? {} : { ageCommitmentHash };
          see.run(key, detailsColumn({ denominationHash, value, ...age }));
        }
        const { kind, ...details } = coinHistoryEntry(event);
        insert.run(key, number + 1, kind, detailsColumn(details));
      },

      queries: {
        /** Entries after number `after`; undefined if the exchange never saw the coin. */
        history(coinPub: CoinPub, { after = 0 }: Pick<Page<number>, 'after'>): CoinHistory | undefined {
          const coin = seen.get(coinPub);
          if (!coin) return undefined;
          const rows = rowsOf.all(coinPub).map(({ row, kind, details }) => {
            return { row, entry: { kind, ...detailsOf(details) } as CoinHistoryEntry };
          });
          return historyOf({ known: detailsOf(coin.first_sight) as FirstSight, rows, after });
        },
      },
    };
  },
});
