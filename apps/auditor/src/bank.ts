/** The bank's side: every row of its history against every row of the ledger, and what the accounts hold. */
import { readFileSync } from 'node:fs';
import { EncodingError, encodeBase32 } from '@florin/encoding';
import { type Credit, type Debit, GatewayError, HISTORY_LIMIT_MAX, WireGateway } from '@florin/wire';
import type { FindingCode } from './catalogue.js';
import { accountHash } from './ledger/hashes.js';
import type { Booked } from './ledger/wire.js';
import type { Replay } from './replay.js';
import { SourceError } from './source/source.js';

/** What the bank says of one account. */
export interface BankHistory {
  /** Section name of the account in the ledger; undefined for the only one. */
  readonly account: string | undefined;
  readonly credits: readonly Credit[];
  readonly debits: readonly Debit[];
  /** When it was asked: seconds. */
  readonly askedAt: number;
}

/** What the comparison found out besides its findings. */
export interface BankComparison {
  readonly accounts: readonly {
    readonly account: string;
    readonly credits: number;
    readonly debits: number;
    /** Units: everything in less everything out. */
    readonly balance: bigint;
  }[];
  readonly balance: bigint;
}

/** A credit is booked within seconds, an order sent within seconds: so long each may take nonetheless. */
const BOOKING_LAG_S = 600;
const PAYING_LAG_S = 24 * 3600;

/**
 * Asks a wire gateway, or reads a file with the members `incoming_transactions` and `outgoing_transactions` as a
 * gateway writes them.
 * @param where `[ACCOUNT=]URL|FILE`; credentials of an URL stand in FLORIN_BANK_TOKEN
 * @throws SourceError
 */
export async function readBank(where: string, currency: string): Promise<BankHistory> {
  const [, account, place = where] = /^([a-z0-9-]+)=(.*)$/.exec(where) ?? [];
  const isUrl = /^https?:/.test(place);
  const token = process.env.FLORIN_BANK_TOKEN;
  try {
    const gateway = new WireGateway({
      baseUrl: isUrl ? withSlash(place) : 'http://file.invalid/',
      currency,
      ...(isUrl ? token && { auth: { kind: 'bearer', token } as const } : { fetch: fetchFrom(place) }),
    });
    const askedAt = Math.floor(Date.now() / 1000);
    const credits = await allRows(async (start) => (await gateway.historyIncoming({ limit: PAGE, start })).rows);
    const debits = await allRows(async (start) => (await gateway.historyOutgoing({ limit: PAGE, start })).rows);
    return { account, credits, debits, askedAt };
  } catch (error) {
    if (error instanceof GatewayError || error instanceof EncodingError || isFileError(error)) {
      throw new SourceError(`the bank's history cannot be read from ${place}: ${(error as Error).message}`);
    }
    throw error;
  }
}

/** Compares, and adds what is wrong to the findings of the replay. @param now seconds */
export function compareBank(replay: Replay, histories: readonly BankHistory[], now: number): BankComparison {
  let paidUnconfirmed = 0n;
  const wtids = new Set<string>();
  const accounts = histories.map((history) => {
    const account = history.account ?? onlyAccount(replay);
    compareCredits(replay, account, history);
    paidUnconfirmed += compareDebits(replay, history, wtids);
    const balance = sum(replay, history.credits) - sum(replay, history.debits);
    return { account, credits: history.credits.length, debits: history.debits.length, balance };
  });
  const askedAt = Math.min(...histories.map((history) => history.askedAt));
  checkOrders(replay, wtids, { now, askedAt });
  const balance = accounts.reduce((total, account) => total + account.balance, 0n);
  const owed = replay.totals.liabilities - paidUnconfirmed;
  if (balance < owed) {
    const detail = `${balance} units are there, ${owed} are owed`;
    replay.findings.add({ code: 'bank-balance-short', detail, gain: balance - owed });
  }
  return { accounts, balance };
}

function compareCredits(replay: Replay, account: string, { credits, askedAt }: BankHistory): void {
  const known = new Set<bigint>();
  for (const credit of credits) {
    known.add(credit.rowId);
    const booked = replay.wire.row(account, credit.rowId);
    if (booked) compareCredit(replay, credit, booked);
    else if ((credit.date ?? 0) + BOOKING_LAG_S < askedAt) {
      const detail = `row ${credit.rowId} of ${account} was never booked`;
      const gain = credit.amount?.units;
      replay.findings.add({ code: 'bank-credit-unbooked', detail, ...(gain !== undefined && { gain }) });
    }
  }
  for (const { row, index, amount, bankTime } of replay.wire.rows(account)) {
    if (known.has(row) || bankTime >= askedAt) continue;
    const event = at(index, bankTime, `wire-${account}`);
    const detail = `row ${row} of ${account} is not in the bank's history`;
    replay.findings.add({ code: 'bank-credit-unknown', event, detail, gain: -amount });
  }
}

function compareCredit(replay: Replay, credit: Credit, booked: Booked): void {
  const { index, bankTime } = booked;
  const report = (code: FindingCode, detail: string, gain?: bigint): void => {
    const finding = { code, event: at(index, bankTime, ''), detail: `row ${credit.rowId}: ${detail}` };
    replay.findings.add({ ...finding, ...(gain !== undefined && { gain }) });
  };
  const currency = replay.keys.terms?.currency;
  const amount = credit.amount?.currency === currency ? (credit.amount?.units ?? -1n) : -1n;
  if (amount !== booked.amount) {
    report('bank-credit-amount-wrong', `${amount} units, ${booked.amount} were booked`, amount - booked.amount);
  }
  const subject = subjectOf(credit);
  if (subject !== undefined && subject !== booked.subjectPub) {
    report(
      'bank-credit-misattributed',
      `the subject names ${subject}, ${booked.subjectPub || 'nobody'} got it`,
      amount,
    );
  }
  if (credit.debitAccount !== undefined && hashOf(credit.debitAccount) !== booked.originAccount) {
    report('bank-credit-origin-wrong', `another sender than account ${booked.originAccount}`);
  }
  if (credit.date !== undefined && credit.date !== bankTime) {
    report('bank-credit-date-wrong', `at ${credit.date}, booked as of ${bankTime}`);
  }
}

/** @returns units of orders that the bank paid and the ledger does not know to be paid */
function compareDebits(replay: Replay, { debits, askedAt }: BankHistory, wtids: Set<string>): bigint {
  let unconfirmed = 0n;
  for (const debit of debits) {
    const wtid = encodeBase32(debit.wtid);
    const { units } = debit.amount;
    const order = replay.transfers.orders.get(wtid);
    const report = (code: FindingCode, detail: string, gain: bigint): void => {
      const event = order && at(order.index, order.at, 'transfer');
      replay.findings.add({ code, ...(event && { event }), detail: `row ${debit.rowId}: ${detail}`, gain });
    };
    if (wtids.has(wtid)) {
      report('bank-debit-repeated', `${wtid} was paid before`, -units);
      continue;
    }
    wtids.add(wtid);
    if (!order) {
      if (debit.date < askedAt) report('bank-debit-unjustified', `nobody ordered ${wtid}`, -units);
      continue;
    }
    if (order.status === 'rejected' || order.status === 'replaced') {
      report('bank-debit-unjustified', `${wtid} was ${order.status}, and paid nonetheless`, -units);
    }
    if (order.status === 'requested') unconfirmed += order.amount;
    if (units !== order.amount) {
      report('bank-debit-amount-wrong', `${units} units, ${order.amount} were ordered`, order.amount - units);
    }
    if (hashOf(debit.creditAccount) !== order.targetAccount) {
      report('bank-debit-target-wrong', `another account than ${order.targetAccount} was paid`, -units);
    }
  }
  return unconfirmed;
}

/** Orders that the bank should have carried out. */
function checkOrders(
  replay: Replay,
  wtids: ReadonlySet<string>,
  { now, askedAt }: { now: number; askedAt: number },
): void {
  for (const [wtid, { status, amount, index, at: orderedAt }] of replay.transfers.orders.entries()) {
    if (wtids.has(wtid) || orderedAt + 60 >= askedAt) continue;
    const event = at(index, orderedAt, 'transfer');
    if (status === 'confirmed') {
      const detail = `${wtid} was confirmed, the bank does not know it`;
      replay.findings.add({ code: 'bank-debit-missing', event, detail, gain: amount });
    } else if (status === 'requested' && orderedAt + PAYING_LAG_S < now) {
      const detail = `${wtid} was ordered at ${orderedAt}`;
      replay.findings.add({ code: 'bank-debit-late', event, detail, gain: amount });
    }
  }
}

const PAGE = HISTORY_LIMIT_MAX;

async function allRows<Row extends { readonly rowId: bigint }>(
  page: (start: bigint) => Promise<readonly Row[]>,
): Promise<Row[]> {
  const rows: Row[] = [];
  for (;;) {
    const next = await page(rows.at(-1)?.rowId ?? 0n);
    if (next.length === 0) return rows;
    rows.push(...next);
  }
}

/** Serves a file as a gateway serves its history, so that both are read by the same rules. */
function fetchFrom(path: string): typeof fetch {
  const json = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
  return async (input) => {
    const url = new URL(input instanceof Request ? input.url : input);
    const member = url.pathname.endsWith('incoming') ? 'incoming_transactions' : 'outgoing_transactions';
    const start = BigInt(url.searchParams.get('start') ?? '0');
    const all = (json[member] ?? []) as { row_id: number }[];
    const rows = all.filter(({ row_id }) => BigInt(row_id) > start).slice(0, PAGE);
    if (rows.length === 0) return new Response(null, { status: 204 });
    return Response.json({
      ...json,
      incoming_transactions: undefined,
      outgoing_transactions: undefined,
      [member]: rows,
    });
  };
}

function onlyAccount(replay: Replay): string {
  const [first, ...others] = replay.keys.accounts;
  if (!first || others.length > 0) {
    throw new SourceError(`say which account the bank's history is of: --bank ACCOUNT=URL|FILE`);
  }
  return first.account;
}

function sum(replay: Replay, rows: readonly (Credit | Debit)[]): bigint {
  const currency = replay.keys.terms?.currency;
  return rows.reduce((total, { amount }) => total + (amount?.currency === currency ? (amount?.units ?? 0n) : 0n), 0n);
}

function subjectOf(credit: Credit): string | undefined {
  if (credit.type === 'reserve') return encodeBase32(credit.reservePub);
  return credit.type === 'kyc-auth' ? encodeBase32(credit.accountPub) : undefined;
}

/** The name of an account, whatever way the bank spells it; undefined if it is no payto URI. */
function hashOf(uri: string): string | undefined {
  try {
    return accountHash(uri);
  } catch (error) {
    if (error instanceof EncodingError) return undefined;
    throw error;
  }
}

const at = (index: number, time: number, stream: string) => ({ index, stream, number: 0, type: '', at: time });
const withSlash = (url: string): string => (url.endsWith('/') ? url : `${url}/`);
const isFileError = (error: unknown): boolean =>
  error instanceof SyntaxError || typeof (error as { code?: unknown }).code === 'string';
