import { type Amount, decodeBase32, EncodingError, kindOf, parseAmount, parseTimestamp } from '@florin/encoding';
import { BankInconsistency, GatewayMisconfigured, MalformedReply } from './gateway-errors.js';
import {
  type Credit,
  type Debit,
  type GatewayConfig,
  type IncomingHistory,
  type OutgoingHistory,
  TRANSFER_STATES,
  type TransferReply,
  type TransferState,
  type TransferStatus,
  type TransferSummary,
} from './gateway-rows.js';
import { JsonMembers, plainText } from './json-members.js';

/*
 * The bodies that a bank sends, checked member by member before anything is believed. Every function here throws
 * MalformedReply, naming the member, when a body is not what the protocol says. Source: protocol/wire.md
 */

/** The order of a list: ascending from after `start`, or descending from before it. */
export interface RowOrder {
  readonly start: bigint;
  readonly ascending: boolean;
}

export const U64_MAX = 0xffff_ffff_ffff_ffffn;

const GATEWAY_NAME = 'taler-wire-gateway';
const VERSION = /^\d{1,9}:\d{1,9}:\d{1,9}$/;
const KEY_SIZE = 32;

/** @throws GatewayMisconfigured when it is no wire gateway, or one of another currency */
export function readConfig(json: unknown, currency: string): GatewayConfig {
  const config = reply(json, 'config');
  if (config.read('name', plainText) !== GATEWAY_NAME) {
    throw new GatewayMisconfigured('the address is not that of a wire gateway');
  }
  const version = config.read('version', libtoolVersion);
  const actual = config.read('currency', plainText);
  if (actual !== currency) throw new GatewayMisconfigured(`the currency of the bank is not ${currency}`);
  return { version, currency, implementation: config.readOptional('implementation', plainText) };
}

/** @throws BankInconsistency when rows are not in `order` */
export function readIncoming(json: unknown, currency: string, order: RowOrder): IncomingHistory {
  const history = reply(json, 'history/incoming');
  const creditAccount = history.read('credit_account', account);
  const rows = history.readObjects('incoming_transactions').map((row) => readCredit(row, currency));
  return { creditAccount, rows: inOrder(rows, order) };
}

/** @throws BankInconsistency when rows are not in `order` */
export function readOutgoing(json: unknown, currency: string, order: RowOrder): OutgoingHistory {
  const history = reply(json, 'history/outgoing');
  const debitAccount = history.read('debit_account', account);
  const rows = history.readObjects('outgoing_transactions').map(
    (row): Debit => ({
      rowId: row.read('row_id', rowId),
      date: row.read('date', instant),
      amount: row.read('amount', amountIn(currency)),
      creditAccount: row.read('credit_account', account),
      exchangeBaseUrl: row.read('exchange_base_url', plainText),
      wtid: row.read('wtid', key),
      debitFee: row.readOptional('debit_fee', amountIn(currency)),
    }),
  );
  return { debitAccount, rows: inOrder(rows, order) };
}

export function readTransferReply(json: unknown): TransferReply {
  const order = reply(json, 'transfer');
  return { rowId: order.read('row_id', rowId), timestamp: order.read('timestamp', instant) };
}

/** @throws BankInconsistency when rows are not in `order` */
export function readTransfers(json: unknown, currency: string, order: RowOrder): readonly TransferSummary[] {
  const rows = reply(json, 'transfers')
    .readObjects('transfers')
    .map((row) => ({ rowId: row.read('row_id', rowId), ...readOrder(row, currency) }));
  return inOrder(rows, order);
}

/** Newer banks may call the base URL `origin_exchange_url`: both are read. */
export function readTransferStatus(json: unknown, currency: string): TransferStatus {
  const order = reply(json, 'transfers/ROW');
  return {
    ...readOrder(order, currency),
    statusMessage: order.readOptional('status_msg', plainText),
    wtid: order.read('wtid', key),
    exchangeBaseUrl: order.read(
      order.has('origin_exchange_url') ? 'origin_exchange_url' : 'exchange_base_url',
      plainText,
    ),
  };
}

function readCredit(row: JsonMembers, currency: string): Credit {
  const id = row.read('row_id', rowId);
  const type = row.read('type', plainText);
  if (type !== 'RESERVE' && type !== 'KYCAUTH' && type !== 'WAD') return unknown(row, id, 'a row of an unknown type');
  const amount = row.read('amount', amountIn());
  if (amount.currency !== currency) return unknown(row, id, `an amount in ${amount.currency}`);
  const common = {
    rowId: id,
    date: row.read('date', instant),
    amount,
    debitAccount: row.read('debit_account', account),
    creditFee: row.readOptional('credit_fee', amountIn(currency)),
  };
  switch (type) {
    case 'RESERVE':
      return { type: 'reserve', ...common, reservePub: row.read('reserve_pub', key) };
    case 'KYCAUTH':
      return { type: 'kyc-auth', ...common, accountPub: row.read('account_pub', key) };
    case 'WAD':
      return {
        type: 'wad',
        ...common,
        originExchangeUrl: row.read('origin_exchange_url', plainText),
        wadId: row.read('wad_id', base32Text),
      };
  }
}

function unknown(row: JsonMembers, id: bigint, reason: string): Credit {
  return {
    type: 'unknown',
    rowId: id,
    date: row.readLenient('date', instant),
    amount: row.readLenient('amount', amountIn()),
    debitAccount: row.readLenient('debit_account', account),
    reason,
  };
}

function readOrder(order: JsonMembers, currency: string): Omit<TransferSummary, 'rowId'> {
  return {
    status: order.read('status', transferState),
    amount: order.read('amount', amountIn(currency)),
    creditAccount: order.read('credit_account', account),
    timestamp: order.read('timestamp', instant),
  };
}

function inOrder<Row extends { readonly rowId: bigint }>(rows: Row[], { start, ascending }: RowOrder): Row[] {
  let previous = start;
  for (const row of rows) {
    if (ascending ? row.rowId <= previous : row.rowId >= previous) {
      throw new BankInconsistency(`the bank lists row ${row.rowId} after row ${previous}`);
    }
    previous = row.rowId;
  }
  return rows;
}

function reply(json: unknown, place: string): JsonMembers {
  return new JsonMembers(json, place, (member, problem) => new MalformedReply(`${member}: ${problem}`));
}

function rowId(value: unknown): bigint {
  const id = Number.isSafeInteger(value) ? BigInt(value as number) : value;
  if (typeof id !== 'bigint') throw new EncodingError('a row id', kindOf(value));
  if (id < 1n) throw new EncodingError('a row id from 1', `${id}`);
  return id;
}

function instant(value: unknown): number {
  const seconds = parseTimestamp(value);
  if (!Number.isFinite(seconds)) throw new EncodingError('an instant', 'never');
  return seconds;
}

function amountIn(currency?: string): (value: unknown) => Amount {
  return (value) => parseAmount(value as string, currency);
}

function libtoolVersion(value: unknown): string {
  const version = plainText(value);
  if (!VERSION.test(version)) throw new EncodingError('a version like 3:0:3', kindOf(value));
  return version;
}

/** Banks are not held to the rules for accounts that a client names: their money is here already. */
function account(value: unknown): string {
  const uri = plainText(value);
  if (!/^payto:\/\/[^/]+\//i.test(uri)) throw new EncodingError('a payto URI', kindOf(value));
  return uri;
}

function key(value: unknown): Uint8Array {
  return decodeBase32(value as string, KEY_SIZE);
}

function base32Text(value: unknown): string {
  const encoded = plainText(value);
  decodeBase32(encoded);
  return encoded;
}

function transferState(value: unknown): TransferState {
  const state = TRANSFER_STATES.find((name) => name === value);
  if (state === undefined) throw new EncodingError(`one of ${TRANSFER_STATES.join(', ')}`, kindOf(value));
  return state;
}
