/** What Florin ordered the bank to pay, and what became of it: work for the transfer process, lists for the admin. */
import {
  type AccountHash,
  assert,
  type EddsaPub,
  type FullPaytoHash,
  type HashCode,
  type ReservePub,
  type SealedUri,
  type Transfer,
  unreachable,
} from '@florin/domain';
import { bigintOf, instantColumn, instantOf, type Page, present, u64Column } from './columns.js';
import { defineView } from './view.js';

export type TransferStatus = Exclude<Transfer['status'], 'none'>;

export interface OutgoingTransfer {
  readonly requestUid: HashCode;
  readonly status: TransferStatus;
  /** Units of 1e-8. */
  readonly amount: bigint;
  readonly wtid: string;
  readonly exchangeBaseUrl: string;
  readonly wireAccount: string;
  readonly targetHash: FullPaytoHash;
  readonly targetAccount: AccountHash;
  readonly sealedTarget: SealedUri;
  readonly reservePub: ReservePub;
  readonly closing: number;
  readonly attempt: number;
  /** Number of the order in the ledger: transfers are listed in the order in which they were ordered. */
  readonly orderedAs: number;
  readonly requestedAt: number;
  /** When the status became what it is. */
  readonly statusAt: number;
  /** The bank's row, once confirmed. */
  readonly bankRow?: bigint;
  /** Why the bank rejected it, and then why an admin gave it up. */
  readonly reason?: string;
  readonly nextRequestUid?: HashCode;
  readonly decidedBy?: EddsaPub;
}

interface Row {
  request_uid: HashCode;
  status: TransferStatus;
  amount: string;
  wtid: string;
  exchange_base_url: string;
  wire_account: string;
  target_hash: FullPaytoHash;
  target_account: AccountHash;
  sealed_target: SealedUri;
  reserve_pub: ReservePub;
  closing: number;
  attempt: number;
  ordered_as: number;
  requested_at: number;
  status_at: number;
  bank_row: string | null;
  reason: string | null;
  next_request_uid: HashCode | null;
  decided_by: EddsaPub | null;
}

export const transfers = defineView({
  name: 'transfers',
  version: 1,
  reads: ['transfer'],
  schema: `
    CREATE TABLE transfers (
      request_uid TEXT PRIMARY KEY,
      status TEXT NOT NULL,
      amount TEXT NOT NULL,
      wtid TEXT NOT NULL,
      exchange_base_url TEXT NOT NULL,
      wire_account TEXT NOT NULL,
      target_hash TEXT NOT NULL,
      target_account TEXT NOT NULL,
      sealed_target TEXT NOT NULL,
      reserve_pub TEXT NOT NULL,
      closing INTEGER NOT NULL,
      attempt INTEGER NOT NULL,
      ordered_as INTEGER NOT NULL,
      requested_at INTEGER NOT NULL,
      status_at INTEGER NOT NULL,
      bank_row TEXT,
      reason TEXT,
      next_request_uid TEXT,
      decided_by TEXT
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX transfers_by_status ON transfers (status, ordered_as);
    CREATE INDEX transfers_by_reserve ON transfers (reserve_pub, ordered_as);`,
  shownAs: { amount: 'amount', bank_row: 'number' },

  open(db) {
    const insert = db.prepare<[Row]>(`
      INSERT INTO transfers VALUES (@request_uid, @status, @amount, @wtid, @exchange_base_url, @wire_account,
        @target_hash, @target_account, @sealed_target, @reserve_pub, @closing, @attempt, @ordered_as, @requested_at,
        @status_at, @bank_row, @reason, @next_request_uid, @decided_by)`);
    const settle = db.prepare<[Settled & { from: TransferStatus; request_uid: string }]>(`
      UPDATE transfers SET status = @status, status_at = @status_at, bank_row = @bank_row, reason = @reason,
        next_request_uid = @next_request_uid, decided_by = @decided_by
      WHERE request_uid = @request_uid AND status = @from`);
    const byUid = db.prepare<[string], Row>('SELECT * FROM transfers WHERE request_uid = ?');
    const byStatus = db.prepare<[string, number, number], Row>(
      'SELECT * FROM transfers WHERE status = ? AND ordered_as > ? ORDER BY ordered_as LIMIT ?',
    );
    const owedTo = db.prepare<[string, number], Row>(
      "SELECT * FROM transfers WHERE target_account = ? AND status IN ('requested', 'rejected') LIMIT ?",
    );
    const byReserve = db.prepare<[string], Row>('SELECT * FROM transfers WHERE reserve_pub = ? ORDER BY ordered_as');

    function become(requestUid: string, from: TransferStatus, settled: Partial<Settled> & Became): void {
      const nothing = { bank_row: null, reason: null, next_request_uid: null, decided_by: null };
      const { changes } = settle.run({ ...nothing, ...settled, from, request_uid: requestUid });
      assert(changes === 1, `the transfer ${requestUid} is not ${from} and cannot become ${settled.status}`);
    }

    return {
      apply({ key, index, event }) {
        const status_at = instantColumn(event.at);
        switch (event.type) {
          case 'TransferRequested':
            insert.run({
              request_uid: event.requestUid,
              status: 'requested',
              amount: event.amount.toString(),
              wtid: event.wtid,
              exchange_base_url: event.exchangeBaseUrl,
              wire_account: event.wireAccount,
              target_hash: event.targetHash,
              target_account: event.targetAccount,
              sealed_target: event.sealedTarget,
              reserve_pub: event.reservePub,
              closing: event.closing,
              attempt: event.attempt,
              ordered_as: index,
              requested_at: status_at,
              status_at,
              bank_row: null,
              reason: null,
              next_request_uid: null,
              decided_by: null,
            });
            return;
          case 'TransferConfirmed':
            become(key, 'requested', { status: 'confirmed', status_at, bank_row: u64Column(event.bankRow) });
            return;
          case 'TransferRejected':
            become(key, 'requested', { status: 'rejected', status_at, reason: event.reason });
            return;
          case 'TransferFailed':
          case 'TransferRedirected': {
            const { nextRequestUid: next_request_uid, decidedBy: decided_by, reason } = event;
            become(key, 'rejected', { status: 'replaced', status_at, reason, next_request_uid, decided_by });
            return;
          }
          default:
            unreachable(event);
        }
      },

      queries: {
        transfer(requestUid: HashCode): OutgoingTransfer | undefined {
          const row = byUid.get(requestUid);
          return row && transferOf(row);
        },

        /** In the order of their ordering, after the `orderedAs` of `after`. `requested` is what is due. */
        byStatus: (status: TransferStatus, { after, limit }: Page<number>): OutgoingTransfer[] =>
          byStatus.all(status, after ?? -1, limit).map(transferOf),

        /** What this account was promised and has not got: looks at all. */
        owedTo: (account: AccountHash, limit: number): OutgoingTransfer[] => owedTo.all(account, limit).map(transferOf),

        /** Every try for every closing of one reserve. */
        ofReserve: (reservePub: ReservePub): OutgoingTransfer[] => byReserve.all(reservePub).map(transferOf),
      },
    };
  },
});

type Became = Pick<Row, 'status' | 'status_at'>;
type Settled = Became & Pick<Row, 'bank_row' | 'reason' | 'next_request_uid' | 'decided_by'>;

function transferOf(row: Row): OutgoingTransfer {
  return {
    requestUid: row.request_uid,
    status: row.status,
    amount: BigInt(row.amount),
    wtid: row.wtid,
    exchangeBaseUrl: row.exchange_base_url,
    wireAccount: row.wire_account,
    targetHash: row.target_hash,
    targetAccount: row.target_account,
    sealedTarget: row.sealed_target,
    reservePub: row.reserve_pub,
    closing: row.closing,
    attempt: row.attempt,
    orderedAs: row.ordered_as,
    requestedAt: instantOf(row.requested_at),
    statusAt: instantOf(row.status_at),
    ...present({
      bankRow: bigintOf(row.bank_row),
      reason: row.reason,
      nextRequestUid: row.next_request_uid,
      decidedBy: row.decided_by,
    }),
  };
}
