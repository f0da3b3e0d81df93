import { parseAmount } from '@florin/encoding';
import { type BankLedger, type Page, type Party, sqlInteger } from './development-bank-ledger.js';
import type { TransferState } from './gateway-rows.js';

/*
 * Orders of an exchange to pay somebody, in the books of the development bank. An order has a row of its own; the
 * transaction that carries it out gets a later one, so that whoever reads the history by row numbers misses nothing.
 * A failed order moves no money. One that failed for now is tried again whenever the same order is sent again.
 */

export interface NewOrder {
  /** Canonical base32. */
  readonly requestUid: string;
  /** Canonical base32. */
  readonly wtid: string;
  readonly url: string;
  readonly creditor: Party;
  /** Canonical `CUR:1.5` */
  readonly amount: string;
}

export interface Order {
  readonly rowId: number;
  readonly account: string;
  readonly requestUid: string;
  readonly wtid: string;
  readonly url: string;
  readonly creditor: string;
  readonly creditorPayto: string;
  readonly amount: string;
  /** Seconds since 1970. */
  readonly orderedAt: number;
  readonly status: TransferState;
  readonly statusMessage: string;
}

/** What a failure planned for development makes of an order. */
export type PlannedStatus = Exclude<TransferState, 'success'>;

export type Placed =
  | { readonly kind: 'placed'; readonly order: Order }
  /** The request_uid is known with other content. */
  | { readonly kind: 'request-uid-reused' }
  /** The wtid is known from another request_uid. */
  | { readonly kind: 'wtid-reused' };

const COLUMNS = `row_id AS rowId, account, request_uid AS requestUid, wtid, url, creditor,
  creditor_payto AS creditorPayto, amount, ordered_at AS orderedAt, status, status_message AS statusMessage`;

export class BankOrders {
  constructor(private readonly ledger: BankLedger) {}

  /** Takes an order of `account`, once by its request_uid, and tries to carry it out. @throws BalanceOverflow */
  place(account: Party, wanted: NewOrder): Placed {
    return this.ledger.atomically((): Placed => {
      const earlier = this.#find('account = ? AND request_uid = ?', [account.key, wanted.requestUid]);
      if (earlier && !isSame(earlier, wanted)) return { kind: 'request-uid-reused' };
      const order = earlier ?? this.#insert(account, wanted);
      if (!order) return { kind: 'wtid-reused' };
      if (order.status === 'pending' || order.status === 'transient_failure') this.#attempt(account, order);
      return { kind: 'placed', order };
    });
  }

  get(account: string, rowId: bigint): Order | undefined {
    return this.#find('account = ? AND row_id = ?', [account, sqlInteger(rowId)]);
  }

  /** @param status undefined for every status */
  list(account: string, { ascending, start, limit }: Page, status: TransferState | undefined): Order[] {
    return this.ledger.database
      .prepare(
        `SELECT ${COLUMNS} FROM orders
          WHERE account = ? AND row_id ${ascending ? '>' : '<'} ? AND status = COALESCE(?, status)
          ORDER BY row_id ${ascending ? 'ASC' : 'DESC'} LIMIT ?`,
      )
      .all(account, sqlInteger(start), status ?? null, limit) as Order[];
  }

  /** The next `count` attempts to pay `creditor` end with `status`; 0 takes the plan back. */
  planFailures(creditor: string, status: PlannedStatus, count: number): void {
    this.ledger.database
      .prepare('INSERT OR REPLACE INTO planned_failures (creditor, status, remaining) VALUES (?, ?, ?)')
      .run(creditor, status, count);
  }

  #insert(account: Party, { requestUid, wtid, url, creditor, amount }: NewOrder): Order | undefined {
    if (this.#find('account = ? AND wtid = ?', [account.key, wtid])) return undefined;
    const order: Order = {
      rowId: this.ledger.nextRow(),
      account: account.key,
      requestUid,
      wtid,
      url,
      creditor: creditor.key,
      creditorPayto: creditor.payto,
      amount,
      orderedAt: this.ledger.now(),
      status: 'pending',
      statusMessage: '',
    };
    this.ledger.database
      .prepare(
        `INSERT INTO orders VALUES (:rowId, :account, :requestUid, :wtid, :url, :creditor, :creditorPayto, :amount,
          :orderedAt, :status, :statusMessage)`,
      )
      .run(order);
    return order;
  }

  #attempt(account: Party, order: Order): void {
    const planned = this.ledger.database
      .prepare(
        `UPDATE planned_failures SET remaining = remaining - 1 WHERE creditor = ? AND remaining > 0 RETURNING status`,
      )
      .pluck()
      .get(order.creditor) as PlannedStatus | undefined;
    if (planned === undefined) {
      this.ledger.book({
        kind: 'transfer',
        debtor: account,
        creditor: { key: order.creditor, payto: order.creditorPayto },
        amount: parseAmount(order.amount, this.ledger.currency),
        subject: `${order.wtid} ${order.url}`,
        key: order.wtid,
        url: order.url,
      });
    }
    this.ledger.database
      .prepare('UPDATE orders SET status = ?, status_message = ? WHERE row_id = ?')
      .run(planned ?? 'success', planned === undefined ? '' : 'planned for development', order.rowId);
  }

  #find(condition: string, values: readonly (string | bigint)[]): Order | undefined {
    const statement = this.ledger.database.prepare(`SELECT ${COLUMNS} FROM orders WHERE ${condition}`);
    return statement.get(...values) as Order | undefined;
  }
}

function isSame(order: Order, wanted: NewOrder): boolean {
  return (
    order.wtid === wanted.wtid &&
    order.url === wanted.url &&
    order.creditorPayto === wanted.creditor.payto &&
    order.amount === wanted.amount
  );
}
