/** What a reserve holds and until when: GET /reserves/$RESERVE_PUB, and which reserves are to be closed by now. */
import {
  type AccountHash,
  assert,
  type FullPaytoHash,
  type ReserveEvent,
  type ReservePub,
  type ReservePurseEvent,
  type SealedUri,
  unreachable,
} from '@florin/domain';
import { instantColumn, instantOf, totalOf } from './columns.js';
import { defineView } from './view.js';

export interface ReserveSummary {
  /** Units of 1e-8. */
  readonly balance: bigint;
  /** Whole seconds since 1970. */
  readonly expiresAt: number;
  readonly collectableAt: number;
  /** The account of the latest bank credit; absent if only purses filled the reserve. */
  readonly origin?: { readonly sealed: SealedUri; readonly account: AccountHash; readonly hash: FullPaytoHash };
  readonly receivedFromPurse: boolean;
  /** Number of the reserve's last event in its stream. */
  readonly lastEvent: number;
}

interface Row {
  reserve_pub: string;
  balance: string;
  expires_at: number;
  collectable_at: number;
  sealed_origin: SealedUri | null;
  origin_account: AccountHash | null;
  origin_hash: FullPaytoHash | null;
  received_from_purse: 0 | 1;
  last_event: number;
  due_at: number | null;
}

export const reserveSummary = defineView({
  name: 'reserve-summary',
  version: 1,
  reads: ['reserve'],
  schema: `
    CREATE TABLE reserve_summary (
      reserve_pub TEXT PRIMARY KEY,
      balance TEXT NOT NULL,
      expires_at INTEGER NOT NULL,
      collectable_at INTEGER NOT NULL,
      sealed_origin TEXT,
      origin_account TEXT,
      origin_hash TEXT,
      received_from_purse INTEGER NOT NULL,
      last_event INTEGER NOT NULL,
      due_at INTEGER -- expires_at if there is something to pay back to an account, else NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX reserve_summary_due ON reserve_summary (due_at) WHERE due_at IS NOT NULL;`,
  shownAs: { balance: 'amount' },

  open(db) {
    const select = db.prepare<[string], Row>('SELECT * FROM reserve_summary WHERE reserve_pub = ?');
    const replace = db.prepare<(string | number | null)[]>(
      'INSERT OR REPLACE INTO reserve_summary VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
    );
    // Most events are withdrawals that leave something: they touch neither the index nor the long columns.
    const move = db.prepare<[string, number, number, string]>(
      'UPDATE reserve_summary SET balance = ?, collectable_at = ?, last_event = ? WHERE reserve_pub = ?',
    );
    const overdue = db.prepare<[number, number], { reserve_pub: ReservePub }>(`
      SELECT reserve_pub FROM reserve_summary
      WHERE due_at <= ? ORDER BY due_at, reserve_pub LIMIT ?`);

    const filledFrom = db
      .prepare<[string, number], ReservePub>(
        "SELECT reserve_pub FROM reserve_summary WHERE balance <> '0' AND origin_account = ? LIMIT ?",
      )
      .pluck();
    const held = db.prepare<[], string>("SELECT balance FROM reserve_summary WHERE balance <> '0'").pluck();

    return {
      apply({ key, number, event }) {
        const known = select.get(key);
        assert(number === (known ? known.last_event + 1 : 0), `event ${number} of reserve ${key} is out of order`);
        const row = changed(known ?? emptyRow(key), event);
        row.last_event = number;
        const dueAt = row.balance !== '0' && row.sealed_origin !== null ? row.expires_at : null;
        if (known && event.type === 'CoinsWithdrawn' && dueAt === row.due_at) {
          move.run(row.balance, row.collectable_at, number, key);
        } else {
          row.due_at = dueAt;
          replace.run(...columnsOf(row));
        }
      },

      queries: {
        /** Undefined if the reserve is unknown. */
        summary(reservePub: ReservePub): ReserveSummary | undefined {
          const row = select.get(reservePub);
          return row && summaryOf(row);
        },

        /** What all reserves hold together, in units: looks at each that holds something. */
        held: (): bigint => totalOf(held.iterate()),

        /** Reserves that hold something and whose money would go back to this account: looks at all. */
        filledFrom: (account: AccountHash, limit: number): ReservePub[] => filledFrom.all(account, limit),

        /** Reserves that hold money from a bank and whose time is over at `now`, the longest overdue first. */
        overdue: ({ now, limit }: { readonly now: number; readonly limit: number }): ReservePub[] =>
          overdue.all(instantColumn(now), limit).map(({ reserve_pub }) => reserve_pub),
      },
    };
  },
});

const emptyRow = (reserve_pub: string): Row => ({
  reserve_pub,
  balance: '0',
  expires_at: 0,
  collectable_at: 0,
  sealed_origin: null,
  origin_account: null,
  origin_hash: null,
  received_from_purse: 0,
  last_event: -1,
  due_at: null,
});

/** In the order of the table. */
const columnsOf = (row: Row): (string | number | null)[] => [
  row.reserve_pub,
  row.balance,
  row.expires_at,
  row.collectable_at,
  row.sealed_origin,
  row.origin_account,
  row.origin_hash,
  row.received_from_purse,
  row.last_event,
  row.due_at,
];

/** Changes `row` in place. */
function changed(row: Row, event: ReserveEvent | ReservePurseEvent): Row {
  switch (event.type) {
    case 'ReserveFunded':
      row.sealed_origin = event.sealedOrigin;
      row.origin_account = event.originAccount;
      row.origin_hash = event.originHash;
      return credited(row, event);
    case 'CoinsWithdrawn':
      row.collectable_at = instantColumn(event.collectableAt);
      return moved(row, -event.cost);
    case 'CloseRequested':
      return row;
    case 'ReserveClosed':
      return moved(row, -event.debited);
    case 'CoinsRecouped':
      return credited(row, event);
    case 'PurseRequested':
      return moved(row, -event.purseFee);
    case 'RequestedPurseDeleted':
      return row;
    case 'PurseMergedIntoReserve':
      row.received_from_purse = 1;
      return credited(row, { ...event, amount: event.target });
    default:
      return unreachable(event);
  }
}

function credited(row: Row, event: { amount: bigint; expiresAt: number; collectableAt: number }): Row {
  row.expires_at = instantColumn(event.expiresAt);
  row.collectable_at = instantColumn(event.collectableAt);
  return moved(row, event.amount);
}

function moved(row: Row, units: bigint): Row {
  const after = BigInt(row.balance) + units;
  assert(after >= 0n, `a reserve is overdrawn by ${-after}`);
  row.balance = after.toString();
  return row;
}

function summaryOf(row: Row): ReserveSummary {
  const { sealed_origin: sealed, origin_account: account, origin_hash: hash } = row;
  return {
    balance: BigInt(row.balance),
    expiresAt: instantOf(row.expires_at),
    collectableAt: instantOf(row.collectable_at),
    ...(sealed && account && hash && { origin: { sealed, account, hash } }),
    receivedFromPurse: row.received_from_purse === 1,
    lastEvent: row.last_event,
  };
}
