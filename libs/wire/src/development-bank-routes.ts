import { decodeBase32, ErrorCode, encodeBase32, formatAmount, timestampJson } from '@florin/encoding';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Bell } from './development-bank-bell.js';
import type { BankLedger, Page, Party, Transaction, TransactionKind } from './development-bank-ledger.js';
import type { BankOrders, Order } from './development-bank-orders.js';
import {
  BankFault,
  type Gatekeeper,
  partyNamed,
  type Query,
  readCustomerTransfer,
  readHistoryRequest,
  readIncomingRequest,
  readOrder,
  readPlannedFailures,
  readRowId,
  readStatusFilter,
} from './development-bank-requests.js';
import { formatSubject, parseSubject } from './subject.js';

/*
 * The development bank's HTTP interface: the wire gateway of every account (protocol/wire.md), and what customers and
 * developers need beside it.
 */

export interface Bank {
  readonly ledger: BankLedger;
  readonly orders: BankOrders;
  readonly bell: Bell;
  readonly gatekeeper: Gatekeeper;
  /** Name of the account whose credits must name a reserve or an account key. */
  readonly exchangeAccount: string;
}

/** What `config` says the software is; an exchange in production refuses to work with it. */
export const DEVELOPMENT_BANK = 'urn:florin:development-bank';

const GATEWAY_VERSION = '3:0:3';
const TRANSFERS_DEFAULT = '-20';
const STATEMENT_DEFAULT = '-100';

type Handler = (request: FastifyRequest, reply: FastifyReply) => unknown;

/** `POST /accounts/:account/...` and the rest, by method and path. */
export function bankRoutes(bank: Bank): readonly (readonly ['GET' | 'POST', string, Handler])[] {
  const gateway = '/accounts/:account/taler-wire-gateway';
  const guarded =
    (handler: Handler): Handler =>
    (request, reply) => {
      bank.gatekeeper.check(request.headers.authorization);
      return handler(request, reply);
    };
  return [
    ['GET', `${gateway}/config`, () => gatewayConfig(bank)],
    ['GET', `${gateway}/history/incoming`, guarded((request, reply) => incoming(bank, request, reply))],
    ['GET', `${gateway}/history/outgoing`, guarded((request, reply) => outgoing(bank, request, reply))],
    ['POST', `${gateway}/transfer`, guarded((request) => transfer(bank, request))],
    ['GET', `${gateway}/transfers`, guarded((request, reply) => transfers(bank, request, reply))],
    ['GET', `${gateway}/transfers/:row`, guarded((request) => transferStatus(bank, request))],
    ['POST', `${gateway}/admin/add-incoming`, guarded((request) => addIncoming(bank, request, 'reserve'))],
    ['POST', `${gateway}/admin/add-kycauth`, guarded((request) => addIncoming(bank, request, 'kyc'))],
    ['GET', '/accounts/:account', (request) => statement(bank, request)],
    ['POST', '/accounts/:account/transactions', (request) => customerTransfer(bank, request)],
    ['POST', '/accounts/:account/development/fail-transfers', guarded((request) => failTransfers(bank, request))],
  ];
}

function gatewayConfig({ ledger }: Bank): object {
  return {
    name: 'taler-wire-gateway',
    version: GATEWAY_VERSION,
    currency: ledger.currency,
    implementation: DEVELOPMENT_BANK,
  };
}

async function incoming(bank: Bank, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const account = knownAccount(bank, request);
  const rows = await history(bank, request, (page) => bank.ledger.incoming(account.key, page));
  if (rows.length === 0) return reply.code(204).send();
  return { credit_account: account.payto, incoming_transactions: rows.map(creditJson) };
}

async function outgoing(bank: Bank, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const account = knownAccount(bank, request);
  const rows = await history(bank, request, (page) => bank.ledger.outgoing(account.key, page));
  if (rows.length === 0) return reply.code(204).send();
  return { debit_account: account.payto, outgoing_transactions: rows.map(debitJson) };
}

function history(bank: Bank, request: FastifyRequest, look: (page: Page) => Transaction[]): Promise<Transaction[]> {
  const wanted = readHistoryRequest(request.query as Query);
  const gone = new AbortController();
  request.raw.once('close', () => gone.abort());
  return bank.bell.await(() => look(wanted), wanted.waitMs, gone.signal);
}

function transfer(bank: Bank, request: FastifyRequest): object {
  const account = knownAccount(bank, request);
  const placed = bank.orders.place(account, readOrder(bank.ledger, request.body));
  switch (placed.kind) {
    case 'request-uid-reused':
      throw new BankFault(409, ErrorCode.BANK_TRANSFER_REQUEST_UID_REUSED);
    case 'wtid-reused':
      throw new BankFault(409, ErrorCode.BANK_TRANSFER_WTID_REUSED);
    case 'placed':
      bank.bell.ring();
      return { row_id: placed.order.rowId, timestamp: timestampJson(placed.order.orderedAt) };
  }
}

function transfers(bank: Bank, request: FastifyRequest, reply: FastifyReply): unknown {
  const account = knownAccount(bank, request);
  const query = request.query as Query;
  const page = readHistoryRequest(query, TRANSFERS_DEFAULT);
  const orders = bank.orders.list(account.key, page, readStatusFilter(query));
  if (orders.length === 0) return reply.code(204).send();
  const rows = orders.map((order) => ({ row_id: order.rowId, ...orderJson(order) }));
  return { debit_account: account.payto, transfers: rows };
}

function transferStatus(bank: Bank, request: FastifyRequest): object {
  const account = knownAccount(bank, request);
  const order = bank.orders.get(account.key, readRowId(pathParameter(request, 'row')));
  if (!order) throw new BankFault(404, ErrorCode.GENERIC_ENDPOINT_UNKNOWN, 'no transfer has this row');
  const message = order.statusMessage === '' ? {} : { status_msg: order.statusMessage };
  return { ...orderJson(order), ...message, wtid: order.wtid, exchange_base_url: order.url };
}

function addIncoming(bank: Bank, request: FastifyRequest, kind: 'reserve' | 'kyc'): object {
  const creditor = knownAccount(bank, request);
  const keyMember = kind === 'reserve' ? 'reserve_pub' : 'account_pub';
  const { amount, key, debtor } = readIncomingRequest(bank.ledger, request.body, keyMember);
  const subject = formatSubject({ kind, key: decodeBase32(key) });
  const booked = bank.ledger.atomically(() =>
    bank.ledger.book({ kind, debtor, creditor, amount, subject, key, url: '' }),
  );
  bank.bell.ring();
  return receipt(booked);
}

/**
 * A customer's transfer with a subject in text. To the exchange's account it has to name a reserve or an account key;
 * otherwise the money goes back in the same commit, and no gateway ever lists it.
 */
function customerTransfer(bank: Bank, request: FastifyRequest): object {
  const { ledger } = bank;
  const creditor = partyNamed(ledger, pathParameter(request, 'account'));
  const { amount, subject, debtor } = readCustomerTransfer(ledger, request.body);
  const named = creditor.key === bank.exchangeAccount ? parseSubject(subject) : undefined;
  const bounces = creditor.key === bank.exchangeAccount && named === undefined;
  const kind: TransactionKind = named?.kind ?? 'plain';
  const key = named ? encodeBase32(named.key) : '';
  const answer = ledger.atomically(() => {
    const booked = ledger.book({ kind, debtor, creditor, amount, subject, key, url: '' });
    if (!bounces) return { ...receipt(booked), bounced: false };
    const back = `bounced row ${booked.rowId}: the subject names no reserve`;
    ledger.book({ kind: 'plain', debtor: creditor, creditor: debtor, amount, subject: back, key: '', url: '' });
    return { ...receipt(booked), bounced: true };
  });
  bank.bell.ring();
  return answer;
}

function statement(bank: Bank, request: FastifyRequest): object {
  const account = knownAccount(bank, request);
  const page = readHistoryRequest(request.query as Query, STATEMENT_DEFAULT);
  const units = bank.ledger.balance(account.key) ?? 0n;
  const magnitude = { currency: bank.ledger.currency, units: units < 0n ? -units : units };
  return {
    name: account.key,
    payto: account.payto,
    balance: { amount: formatAmount(magnitude), credit_debit_indicator: units < 0n ? 'debit' : 'credit' },
    transactions: bank.ledger.statement(account.key, page).map((row) => statementJson(account, row)),
  };
}

function failTransfers(bank: Bank, request: FastifyRequest): object {
  const creditor = partyNamed(bank.ledger, pathParameter(request, 'account'));
  const { status, count } = readPlannedFailures(request.body);
  bank.orders.planFailures(creditor.key, status, count);
  return { account: creditor.key, status, count };
}

function creditJson(row: Transaction): object {
  const common = {
    row_id: row.rowId,
    date: timestampJson(row.bookedAt),
    amount: row.amount,
    debit_account: row.debtorPayto,
  };
  return row.kind === 'kyc'
    ? { type: 'KYCAUTH', ...common, account_pub: row.key }
    : { type: 'RESERVE', ...common, reserve_pub: row.key };
}

function debitJson(row: Transaction): object {
  return {
    row_id: row.rowId,
    date: timestampJson(row.bookedAt),
    amount: row.amount,
    credit_account: row.creditorPayto,
    exchange_base_url: row.url,
    wtid: row.key,
  };
}

function orderJson(order: Order): object {
  return {
    status: order.status,
    amount: order.amount,
    credit_account: order.creditorPayto,
    timestamp: timestampJson(order.orderedAt),
  };
}

function statementJson(account: Party, row: Transaction): object {
  const credited = row.creditor === account.key;
  return {
    row_id: row.rowId,
    date: timestampJson(row.bookedAt),
    direction: credited ? 'credit' : 'debit',
    amount: row.amount,
    other_account: credited ? row.debtorPayto : row.creditorPayto,
    subject: row.subject,
  };
}

function receipt(row: Transaction): { readonly row_id: number; readonly timestamp: object } {
  return { row_id: row.rowId, timestamp: timestampJson(row.bookedAt) };
}

/** @throws BankFault 404/5106 until the account took part in a transaction; the exchange's is there from the start */
function knownAccount({ ledger }: Bank, request: FastifyRequest): Party {
  const account = partyNamed(ledger, pathParameter(request, 'account'));
  if (ledger.balance(account.key) === undefined) throw new BankFault(404, ErrorCode.BANK_UNKNOWN_ACCOUNT);
  return account;
}

function pathParameter(request: FastifyRequest, name: string): string {
  return (request.params as Readonly<Record<string, string>>)[name] ?? '';
}
