import { closeSync, openSync } from 'node:fs';
import {
  type Amount,
  EncodingError,
  formatAmount,
  MAX_UNITS,
  normalizePayto,
  parseAmount,
  parsePayto,
} from '@florin/encoding';
import Database from 'better-sqlite3';

/*
 * The books of the development bank: every transaction debits one account and credits another with the same amount, so
 * all balances together are zero, always. Rows are numbered by one counter for the whole bank, which is part of the
 * commit and never goes back. One SQLite file, written and read by one process, synced before a caller hears of it.
 */

/** Somebody's account: one of this bank's, or one elsewhere. */
export interface Party {
  /** Name of an account of this bank, or the normalised payto URI of one elsewhere. */
  readonly key: string;
  /** payto URI as it was given. */
  readonly payto: string;
}

/**
 * - `reserve`, `kyc`: a credit of an exchange; `key` is the reserve's or account's, listed as incoming
 * - `transfer`: a debit of an exchange; `key` is the wtid, listed as outgoing
 * - `plain`: any other transfer; never listed by a gateway
 */
export type TransactionKind = 'reserve' | 'kyc' | 'transfer' | 'plain';

export interface NewTransaction {
  readonly kind: TransactionKind;
  readonly debtor: Party;
  readonly creditor: Party;
  readonly amount: Amount;
  readonly subject: string;
  /** Canonical base32; empty for `plain`. */
  readonly key: string;
  /** Base URL of the exchange, for `transfer`; else empty. */
  readonly url: string;
}

/** A transaction as it is stored. */
export interface Transaction {
  readonly rowId: number;
  /** Seconds since 1970. */
  readonly bookedAt: number;
  readonly kind: TransactionKind;
  readonly debtor: string;
  readonly creditor: string;
  readonly debtorPayto: string;
  readonly creditorPayto: string;
  /** `CUR:1.5` */
  readonly amount: string;
  readonly subject: string;
  readonly key: string;
  readonly url: string;
}

/** A stretch of a list: ascending from after `start`, or descending from before it. */
export interface Page {
  readonly ascending: boolean;
  readonly start: bigint;
  readonly limit: number;
}

export interface LedgerOptions {
  /** Path of the SQLite file; made when missing. */
  readonly file: string;
  readonly currency: string;
  /** Host in the payto URIs of this bank's accounts, with a port or without. */
  readonly paytoHost: string;
  /** Seconds since 1970. */
  readonly now: () => number;
}

/** The bank was begun in another currency, which it keeps. */
export class OtherCurrency extends Error {
  override readonly name = 'OtherCurrency';
}

/** A balance would leave what an amount can express. */
export class BalanceOverflow extends Error {
  override readonly name = 'BalanceOverflow';
}

const ACCOUNT_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

const SCHEMA_VERSION = 1;
const SQL_INTEGER_MAX = 2n ** 63n - 1n;
const LOCK_TIMEOUT_MS = 2_000;

const SCHEMA = `
  CREATE TABLE bank (currency TEXT NOT NULL, last_row INTEGER NOT NULL) STRICT;
  CREATE TABLE accounts (
    key TEXT PRIMARY KEY,
    payto TEXT NOT NULL,
    units TEXT NOT NULL
  ) STRICT;
  CREATE TABLE transactions (
    row_id INTEGER PRIMARY KEY,
    booked_at INTEGER NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('reserve', 'kyc', 'transfer', 'plain')),
    debtor TEXT NOT NULL REFERENCES accounts (key),
    creditor TEXT NOT NULL REFERENCES accounts (key),
    debtor_payto TEXT NOT NULL,
    creditor_payto TEXT NOT NULL,
    amount TEXT NOT NULL,
    subject TEXT NOT NULL,
    key TEXT NOT NULL,
    url TEXT NOT NULL
  ) STRICT;
  CREATE INDEX transactions_by_debtor ON transactions (debtor, row_id);
  CREATE INDEX transactions_by_creditor ON transactions (creditor, row_id);
  CREATE TABLE orders (
    row_id INTEGER PRIMARY KEY,
    account TEXT NOT NULL REFERENCES accounts (key),
    request_uid TEXT NOT NULL,
    wtid TEXT NOT NULL,
    url TEXT NOT NULL,
    creditor TEXT NOT NULL,
    creditor_payto TEXT NOT NULL,
    amount TEXT NOT NULL,
    ordered_at INTEGER NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('pending', 'transient_failure', 'permanent_failure', 'success')),
    status_message TEXT NOT NULL,
    UNIQUE (account, request_uid),
    UNIQUE (account, wtid)
  ) STRICT;
  CREATE TABLE planned_failures (
    creditor TEXT PRIMARY KEY,
    status TEXT NOT NULL,
    remaining INTEGER NOT NULL
  ) STRICT;
`;

const TRANSACTION_COLUMNS = `row_id AS rowId, booked_at AS bookedAt, kind, debtor, creditor,
  debtor_payto AS debtorPayto, creditor_payto AS creditorPayto, amount, subject, key, url`;

export class BankLedger {
  readonly currency: string;
  /** Shared with `development-bank-orders.ts`, which keeps its tables in the same file. */
  readonly database: Database.Database;
  readonly now: () => number;
  readonly #paytoHost: string;

  /** @throws Error when the file is in use, damaged, kept in another currency, or does not add up; EncodingError when
   *   `currency` is none */
  constructor({ file, currency, paytoHost, now }: LedgerOptions) {
    formatAmount({ currency, units: 0n });
    this.currency = currency;
    this.now = now;
    this.#paytoHost = paytoHost;
    closeSync(openSync(file, 'a', 0o600));
    this.database = new Database(file, { timeout: LOCK_TIMEOUT_MS });
    try {
      // The lock is kept until the process ends: a second bank on the file would not wake this one's long polls.
      this.database.pragma('locking_mode = EXCLUSIVE');
      this.database.pragma('journal_mode = WAL');
      this.database.pragma('synchronous = FULL');
      this.database.pragma('foreign_keys = ON');
      this.#createSchema();
      this.#audit();
    } catch (error) {
      this.database.close();
      if (!(error instanceof Database.SqliteError)) throw error;
      throw new Error(
        error.code === 'SQLITE_BUSY' ? `${file} is in use by another process` : `${file}: ${error.message}`,
      );
    }
  }

  close(): void {
    this.database.close();
  }

  /** Runs `work` in one commit, all or nothing. */
  atomically<Result>(work: () => Result): Result {
    return this.database.transaction(work).immediate();
  }

  /** An account of this bank, whether it is there yet or not; undefined when none can have this name. */
  partyNamed(name: string): Party | undefined {
    if (!ACCOUNT_NAME.test(name)) return undefined;
    const receiver = name.charAt(0).toUpperCase() + name.slice(1);
    return { key: name, payto: `payto://x-taler-bank/${this.#paytoHost}/${name}?receiver-name=${receiver}` };
  }

  /**
   * The account behind a payto URI; without receiver-name it is accepted too.
   * @throws EncodingError when it is no valid URI, or names an account that this bank cannot have
   */
  partyAt(payto: string): Party {
    const parameter = /[?&]receiver-name=/i.test(payto) ? '' : `${payto.includes('?') ? '&' : '?'}receiver-name=`;
    const { method, segments, account } = parsePayto(`${payto}${parameter}`);
    if (method !== 'x-taler-bank' || !sameHost(segments[0] ?? '', this.#paytoHost)) {
      return { key: normalizePayto(payto), payto };
    }
    if (segments.length !== 2 || !ACCOUNT_NAME.test(account))
      throw new EncodingError('an account of this bank', 'none');
    return { key: account, payto };
  }

  /** Makes an account without a transaction. */
  open(party: Party): void {
    this.database
      .prepare('INSERT INTO accounts (key, payto, units) VALUES (?, ?, ?) ON CONFLICT DO NOTHING')
      .run(party.key, party.payto, '0');
  }

  /** @returns units, negative when overdrawn; undefined when there is no such account */
  balance(key: string): bigint | undefined {
    const units = this.database.prepare('SELECT units FROM accounts WHERE key = ?').pluck().get(key);
    return units === undefined ? undefined : BigInt(units as string);
  }

  /** The next number of the bank's one sequence. Only inside {@link atomically}. */
  nextRow(): number {
    return this.database.prepare('UPDATE bank SET last_row = last_row + 1 RETURNING last_row').pluck().get() as number;
  }

  /** Books a transaction. Only inside {@link atomically}. @throws BalanceOverflow */
  book({ kind, debtor, creditor, amount, subject, key, url }: NewTransaction): Transaction {
    const transaction: Transaction = {
      rowId: this.nextRow(),
      bookedAt: this.now(),
      kind,
      debtor: debtor.key,
      creditor: creditor.key,
      debtorPayto: debtor.payto,
      creditorPayto: creditor.payto,
      amount: formatAmount(amount),
      subject,
      key,
      url,
    };
    for (const party of [debtor, creditor]) this.open(party);
    this.#addTo(debtor.key, -amount.units);
    this.#addTo(creditor.key, amount.units);
    this.database
      .prepare(
        `INSERT INTO transactions VALUES (:rowId, :bookedAt, :kind, :debtor, :creditor, :debtorPayto, :creditorPayto,
          :amount, :subject, :key, :url)`,
      )
      .run(transaction);
    return transaction;
  }

  /** Credits that name a reserve or an account key. */
  incoming(key: string, page: Page): Transaction[] {
    return this.#list(`creditor = ? AND kind IN ('reserve', 'kyc')`, [key], page);
  }

  /** Transfers of an exchange that were carried out. */
  outgoing(key: string, page: Page): Transaction[] {
    return this.#list(`debtor = ? AND kind = 'transfer'`, [key], page);
  }

  /** Every transaction of an account. */
  statement(key: string, page: Page): Transaction[] {
    return this.#list('(debtor = ? OR creditor = ?)', [key, key], page);
  }

  #list(condition: string, values: readonly string[], { ascending, start, limit }: Page): Transaction[] {
    return this.database
      .prepare(
        `SELECT ${TRANSACTION_COLUMNS} FROM transactions WHERE ${condition} AND row_id ${ascending ? '>' : '<'} ?
          ORDER BY row_id ${ascending ? 'ASC' : 'DESC'} LIMIT ?`,
      )
      .all(...values, sqlInteger(start), limit) as Transaction[];
  }

  #addTo(key: string, units: bigint): void {
    const sum = (this.balance(key) ?? 0n) + units;
    if (sum > MAX_UNITS || -sum > MAX_UNITS) throw new BalanceOverflow('a balance beyond the limit of an amount');
    this.database.prepare('UPDATE accounts SET units = ? WHERE key = ?').run(String(sum), key);
  }

  #createSchema(): void {
    const version = this.database.pragma('user_version', { simple: true });
    if (version === 0) {
      this.atomically(() => {
        this.database.exec(SCHEMA);
        this.database.prepare('INSERT INTO bank VALUES (?, 0)').run(this.currency);
        this.database.pragma(`user_version = ${SCHEMA_VERSION}`);
      });
    } else if (version !== SCHEMA_VERSION) {
      throw new Error(`the bank's ledger has schema ${version}; this program knows ${SCHEMA_VERSION}`);
    }
    const currency = this.database.prepare('SELECT currency FROM bank').pluck().get();
    if (currency !== this.currency) {
      throw new OtherCurrency(`the bank's ledger is kept in ${currency}, not in ${this.currency}`);
    }
  }

  /** Adds every transaction up again and compares: a ledger that does not balance is not served. */
  #audit(): void {
    const sums = new Map<string, bigint>();
    const add = (key: string, units: bigint) => sums.set(key, (sums.get(key) ?? 0n) + units);
    for (const row of this.database.prepare('SELECT debtor, creditor, amount FROM transactions').iterate()) {
      const { debtor, creditor, amount } = row as Pick<Transaction, 'debtor' | 'creditor' | 'amount'>;
      const { units } = parseAmount(amount, this.currency);
      add(debtor, -units);
      add(creditor, units);
    }
    for (const row of this.database.prepare('SELECT key, units FROM accounts').iterate()) {
      const { key, units } = row as { key: string; units: string };
      if (BigInt(units) !== (sums.get(key) ?? 0n)) throw new Error(`the balance of ${key} is not the sum of its rows`);
    }
  }
}

/** A row id as SQLite takes it; the end of the unsigned range is beyond every row. */
export function sqlInteger(value: bigint): bigint {
  return value > SQL_INTEGER_MAX ? SQL_INTEGER_MAX : value;
}

function sameHost(a: string, b: string): boolean {
  const host = (text: string) => text.toLowerCase().replace(/:\d+$/, '');
  return host(a) === host(b);
}
