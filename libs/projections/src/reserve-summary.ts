/** What a reserve holds and until when: GET /reserves/$RESERVE_PUB, and which reserves are to be closed by now. */
import {
  type AccountHash,
  assert,
  type FullPaytoHash,
  type ReserveEvent,
  type ReservePub,
  type SealedUri,
  unreachable,
} from '@florin/domain';
import { instantColumn, instantOf } from './columns.js';
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
  balance: string;
  expires_at: number;
  collectable_at: number;
  sealed_origin: SealedUri | null;
  origin_account: AccountHash | null;
  origin_hash: FullPaytoHash | null;
  received_from_purse: 0 | 1;
  last_event: number;
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
      last_event INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX reserve_summary_by_expiration ON reserve_summary (expires_at, reserve_pub)
      WHERE balance <> '0' AND sealed_origin IS NOT NULL;`,

  open(db) {
    const select = db.prepare<[string], Row>('SELECT * FROM reserve_summary WHERE reserve_pub = ?');
    const insert = db.prepare<[Row & { reserve_pub: string }]>(`
      INSERT INTO reserve_summary VALUES (@reserve_pub, @balance, @expires_at, @collectable_at, @sealed_origin,
        @origin_account, @origin_hash, @received_from_purse, @last_event)`);
    const update = db.prepare<[Row & { reserve_pub: string }]>(`
      UPDATE reserve_summary SET balance = @balance, expires_at = @expires_at, collectable_at = @collectable_at,
        sealed_origin = @sealed_origin, origin_account = @origin_account, origin_hash = @origin_hash,
        received_from_purse = @received_from_purse, last_event = @last_event
      WHERE reserve_pub = @reserve_pub`);
    const overdue = db.prepare<[number, number], { reserve_pub: ReservePub }>(`
      SELECT reserve_pub FROM reserve_summary
      WHERE balance <> '0' AND sealed_origin IS NOT NULL AND expires_at <= ?
      ORDER BY expires_at, reserve_pub LIMIT ?`);

    return {
      apply({ key, number, event }) {
        const known = select.get(key);
        assert(number === (known ? known.last_event + 1 : 0), `event ${number} of reserve ${key} is out of order`);
        const row = { ...changed(known ?? EMPTY, event), last_event: number, reserve_pub: key };
        (known ? update : insert).run(row);
      },

      queries: {
        /** Undefined if the reserve is unknown. */
        summary(reservePub: ReservePub): ReserveSummary | undefined {
          const row = select.get(reservePub);
          return row && summaryOf(row);
        },

        /** Reserves that hold money from a bank and whose time is over at `now`, the longest overdue first. */
        overdue: ({ now, limit }: { readonly now: number; readonly limit: number }): ReservePub[] =>
          overdue.all(instantColumn(now), limit).map(({ reserve_pub }) => reserve_pub),
      },
    };
  },
});

const EMPTY: Row = {
  balance: '0',
  expires_at: 0,
  collectable_at: 0,
  sealed_origin: null,
  origin_account: null,
  origin_hash: null,
  received_from_purse: 0,
  last_event: -1,
};

function changed(row: Row, event: ReserveEvent): Row {
  switch (event.type) {
    case 'ReserveFunded':
      return {
        ...credited(row, event),
        sealed_origin: event.sealedOrigin,
        origin_account: event.originAccount,
        origin_hash: event.originHash,
      };
    case 'CoinsWithdrawn':
      return { ...row, balance: moved(row, -event.cost), collectable_at: instantColumn(event.collectableAt) };
    case 'CloseRequested':
      return row;
    case 'ReserveClosed':
      return { ...row, balance: moved(row, -event.debited) };
    case 'CoinsRecouped':
      return credited(row, event);
    default:
      return unreachable(event);
  }
}

function credited(row: Row, event: { amount: bigint; expiresAt: number; collectableAt: number }): Row {
  return {
    ...row,
    balance: moved(row, event.amount),
    expires_at: instantColumn(event.expiresAt),
    collectable_at: instantColumn(event.collectableAt),
  };
}

function moved({ balance }: Row, units: bigint): string {
  const after = BigInt(balance) + units;
  assert(after >= 0n, `a reserve is overdrawn by ${-after}`);
  return after.toString();
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
