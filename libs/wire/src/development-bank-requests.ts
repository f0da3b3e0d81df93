import { createHash, timingSafeEqual } from 'node:crypto';
import {
  type Amount,
  CurrencyMismatch,
  canonicalBase32,
  EncodingError,
  ErrorCode,
  formatAmount,
  kindOf,
  parseAmount,
  parseJson,
  type SentErrorCode,
} from '@florin/encoding';
import type { BankLedger, Page, Party } from './development-bank-ledger.js';
import type { NewOrder, PlannedStatus } from './development-bank-orders.js';
import { TRANSFER_STATES, type TransferState } from './gateway-rows.js';
import { JsonMembers, plainText } from './json-members.js';
import { SUBJECT_LENGTH_MAX } from './subject.js';

/*
 * Requests to the development bank, read strictly: what is malformed is answered with the status and the code that
 * protocol/wire.md and protocol/encoding.md (7.2) name, and changes nothing.
 */

/** A request that is answered with an error. */
export class BankFault extends Error {
  override readonly name = 'BankFault';

  constructor(
    readonly status: number,
    readonly code: SentErrorCode,
    /** What the fault is about: the parameter, or a phrase. Goes into `detail`. */
    readonly detail?: string,
    /** The member of the body that is wrong, for code 22. */
    readonly field?: string,
  ) {
    super(`${status}/${code}${detail === undefined ? '' : `: ${detail}`}`);
  }
}

/** Most rows in one reply. */
export const LIST_ROWS_MAX = 1024;
/** A long poll is held no longer than this, whatever was asked for. */
export const LONG_POLL_MAX_MS = 600_000;
const FAILURES_MAX = 1_000_000;

const SIGNED = /^-?[0-9]{1,19}$/;
const UNSIGNED = /^[0-9]{1,20}$/;
const U64_MAX = 2n ** 64n - 1n;
const KEY_SIZE = 32;
const REQUEST_UID_SIZE = 64;

export type Query = Readonly<Record<string, unknown>>;

export interface HistoryRequest extends Page {
  /** How long to wait for a row when there is none. */
  readonly waitMs: number;
}

/**
 * `delta`, `start`, `long_poll_ms`, also under their newer names `limit`, `offset`, `timeout_ms`.
 * @param deltaDefault for lists that may be asked for without one
 * @throws BankFault 400/26 with the (older) name of the parameter
 */
export function readHistoryRequest(query: Query, deltaDefault?: string): HistoryRequest {
  const delta = BigInt(parameter(query, ['delta', 'limit'], SIGNED) ?? deltaDefault ?? '0');
  if (delta === 0n) throw malformed('delta');
  const ascending = delta > 0n;
  const rows = ascending ? delta : -delta;
  const start = BigInt(parameter(query, ['start', 'offset'], UNSIGNED) ?? (ascending ? 0n : U64_MAX));
  if (start > U64_MAX) throw malformed('start');
  const waitMs = BigInt(parameter(query, ['long_poll_ms', 'timeout_ms'], UNSIGNED) ?? '0');
  return {
    ascending,
    start,
    limit: Number(rows < BigInt(LIST_ROWS_MAX) ? rows : BigInt(LIST_ROWS_MAX)),
    waitMs: ascending ? Number(waitMs < BigInt(LONG_POLL_MAX_MS) ? waitMs : BigInt(LONG_POLL_MAX_MS)) : 0,
  };
}

/** @throws BankFault 400/26 when it is none of the four */
export function readStatusFilter(query: Query): TransferState | undefined {
  const wanted = query.status;
  if (wanted === undefined) return undefined;
  const state = TRANSFER_STATES.find((name) => name === wanted);
  if (state === undefined) throw malformed('status');
  return state;
}

/** @throws BankFault 400/26 */
export function readRowId(text: string): bigint {
  if (!UNSIGNED.test(text)) throw malformed('row_id');
  return BigInt(text);
}

export interface IncomingRequest {
  readonly amount: Amount;
  /** Canonical base32 of 32 bytes. */
  readonly key: string;
  readonly debtor: Party;
}

/** @param keyMember `reserve_pub` or `account_pub`. @throws BankFault */
export function readIncomingRequest(ledger: BankLedger, text: unknown, keyMember: string): IncomingRequest {
  const body = readBody(text);
  const key = body.read(keyMember, (value) => canonicalBase32(value as string, KEY_SIZE));
  return { amount: readAmount(ledger, body), key, debtor: readParty(ledger, body, 'debit_account') };
}

/** @throws BankFault */
export function readOrder(ledger: BankLedger, text: unknown): NewOrder {
  const body = readBody(text);
  return {
    requestUid: body.read('request_uid', (value) => canonicalBase32(value as string, REQUEST_UID_SIZE)),
    wtid: body.read('wtid', (value) => canonicalBase32(value as string, KEY_SIZE)),
    url: body.read('exchange_base_url', baseUrl),
    amount: formatAmount(readAmount(ledger, body)),
    creditor: readParty(ledger, body, 'credit_account'),
  };
}

export interface CustomerTransfer {
  readonly amount: Amount;
  readonly debtor: Party;
  readonly subject: string;
}

/** `from` is the name of an account of this bank, `debit_account` the payto URI of any. @throws BankFault */
export function readCustomerTransfer(ledger: BankLedger, text: unknown): CustomerTransfer {
  const body = readBody(text);
  const amount = readAmount(ledger, body);
  const subject = body.read('subject', plainText);
  if (subject.length > SUBJECT_LENGTH_MAX) throw malformed('subject');
  if (body.has('debit_account')) return { amount, subject, debtor: readParty(ledger, body, 'debit_account') };
  const from = body.read('from', plainText);
  return { amount, subject, debtor: partyNamed(ledger, from) };
}

/** @throws BankFault */
export function readPlannedFailures(text: unknown): { readonly status: PlannedStatus; readonly count: number } {
  const body = readBody(text);
  const status = body.read('status', (value) => {
    const found = TRANSFER_STATES.find((name) => name === value);
    if (found === undefined || found === 'success') throw new EncodingError('a status of failure', kindOf(value));
    return found;
  });
  const count = body.read('count', (value) => {
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > FAILURES_MAX) {
      throw new EncodingError(`an integer from 0 to ${FAILURES_MAX}`, kindOf(value));
    }
    return value;
  });
  return { status, count };
}

/** An account of this bank by its name. @throws BankFault 404/5106 when no account can have this name */
export function partyNamed(ledger: BankLedger, name: string): Party {
  const party = ledger.partyNamed(name);
  if (!party) throw new BankFault(404, ErrorCode.BANK_UNKNOWN_ACCOUNT, 'no account can have this name');
  return party;
}

/** What `Authorization` has to say. Compared by hash, so that the time taken tells nothing. */
export class Gatekeeper {
  readonly #expected: Buffer | undefined;

  /** @param header the only value that is let in; undefined lets everybody in */
  constructor(header: string | undefined) {
    this.#expected = header === undefined ? undefined : digest(header);
  }

  /** @throws BankFault 401/40 */
  check(header: string | undefined): void {
    if (this.#expected === undefined || timingSafeEqual(digest(header ?? ''), this.#expected)) return;
    throw new BankFault(401, ErrorCode.GENERIC_UNAUTHORIZED, 'Authorization');
  }
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function readBody(text: unknown): JsonMembers {
  const fault = (field: string, problem: string) =>
    new BankFault(400, ErrorCode.GENERIC_JSON_INVALID, problem, field === '' ? undefined : field);
  try {
    return new JsonMembers(parseJson(typeof text === 'string' ? text : ''), '', fault);
  } catch (error) {
    if (error instanceof EncodingError) throw new BankFault(400, ErrorCode.GENERIC_JSON_INVALID, error.message);
    throw error;
  }
}

function readAmount(ledger: BankLedger, body: JsonMembers): Amount {
  const amount = body.read('amount', (value) => {
    try {
      return parseAmount(value as string, ledger.currency);
    } catch (error) {
      if (!(error instanceof CurrencyMismatch)) throw error;
      throw new BankFault(409, ErrorCode.GENERIC_CURRENCY_MISMATCH, `this bank holds ${ledger.currency}`);
    }
  });
  if (amount.units === 0n) throw malformed('amount');
  return amount;
}

function readParty(ledger: BankLedger, body: JsonMembers, member: string): Party {
  const uri = body.read(member, plainText);
  try {
    return ledger.partyAt(uri);
  } catch (error) {
    if (!(error instanceof EncodingError)) throw error;
    throw new BankFault(400, ErrorCode.GENERIC_PAYTO_URI_MALFORMED, `${member}: ${error.message}`);
  }
}

function baseUrl(value: unknown): string {
  const url = plainText(value);
  if (!/^https?:\/\/\S+\/$/.test(url)) throw new EncodingError('an http(s) URL that ends in /', kindOf(value));
  return url;
}

/** A query parameter under either of two names; given under both, they have to agree. */
function parameter(query: Query, names: readonly [string, string], form: RegExp): string | undefined {
  const given = names.map((name) => query[name]).filter((value) => value !== undefined);
  const [value] = given;
  if (value === undefined) return undefined;
  const fine = typeof value === 'string' && form.test(value) && given.every((other) => other === value);
  if (!fine) throw malformed(names[0]);
  return value;
}

function malformed(name: string): BankFault {
  return new BankFault(400, ErrorCode.GENERIC_PARAMETER_MALFORMED, name);
}
