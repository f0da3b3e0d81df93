/** The bank's side: every row of its history against every row of the ledger, and what the accounts hold. */

import { readFileSync } from 'node:fs';
import { EncodingError, encodeBase32 } from '@florin/encoding';
import { type Credit, type Debit, GatewayError, HISTORY_LIMIT_MAX, WireGateway } from '@florin/wire';
import type { FindingCode } from './catalogue.js';
import { inMoney } from './findings.js';
import { accountHash } from './ledger/hashes.js';
import type { Booked } from './ledger/wire.js';
import type { Replay } from './replay.js';
import { SourceError } from './source/source.js';

/** What the bank says of one account. */
export interface BankHistory {
  /** Section name of the account in the ledger, if the auditor said it. */
  readonly account: string | undefined;
  /** The account's URI as the bank shows it. */
  readonly paytoUri: string | undefined;
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
  /** Accounts that money moved through, and of which no history was there. */
  readonly missing: readonly string[];
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
    let paytoUri: string | undefined;
    const credits = await allRows(async (start) => {
      const { creditAccount, rows } = await gateway.historyIncoming({ limit: PAGE, start });
      paytoUri ??= creditAccount;
      return rows;
    });
    const debits = await allRows(async (start) => {
      const { debitAccount, rows } = await gateway.historyOutgoing({ limit: PAGE, start });
      paytoUri ??= debitAccount;
      return rows;
    });
    return { account, paytoUri, credits, debits, askedAt };
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
    const account = history.account ?? accountOf(replay, history);
    compareCredits(replay, account, history);
    paidUnconfirmed += compareDebits(replay, history, wtids);
    const balance = sum(replay, history.credits) - sum(replay, history.debits);
    return { account, credits: history.credits.length, debits: history.debits.length, balance };
  });
  const missing = [...new Set([...replay.keys.everEnabled.keys(), ...replay.wire.accounts.keys()])].filter(
    (name) => !accounts.some(({ account }) => account === name) && replay.wire.accounts.has(name),
  );
  const askedAt = Math.min(...histories.map((history) => history.askedAt));
  checkOrders(replay, wtids, { now, askedAt });
  const balance = accounts.reduce((total, account) => total + account.balance, 0n);
  const owed = replay.totals.liabilities - paidUnconfirmed;
  if (balance < owed) {
    const detail = `${inMoney(balance)} are there, ${inMoney(owed)} are owed`;
    replay.findings.add({ code: 'bank-balance-short', detail, gain: balance - owed });
  }
  return { accounts, missing, balance };
}

function compareCredits(replay: Replay, account: string, { credits, askedAt }: BankHistory): void {
  const known = new Set<bigint>();
  for (const credit of credits) {
    known.add(credit.rowId);
    const booked = replay.wire.row(account, credit.rowId);
    if (booked) compareCredit(replay, credit, booked);
    else if ((credit.date ?? 0) + BOOKING_LAG_S < askedAt && !replay.damage.touches('wire')) {
      const detail = `row ${credit.rowId} of ${account} was never booked`;
      const gain = credit.amount?.units;
      replay.findings.add({ code: 'bank-credit-unbooked', detail, ...(gain !== undefined && { gain }) });
    }
  }
  for (const { row, index, amount, bankTime, at: bookedAt } of replay.wire.rows(account)) {
    if (known.has(row) || bookedAt >= askedAt) continue;
    const event = at(index, bankTime, `wire-${account}`);
    const detail = `row ${row} of ${account} is not in the bank's history`;
    replay.findings.add({ code: 'bank-credit-unknown', event, detail, ...(amount >= 0n && { gain: -amount }) });
  }
}

function compareCredit(replay: Replay, credit: Credit, booked: Booked): void {
  const { index, bankTime } = booked;
  const report = (code: FindingCode, detail: string, gain?: bigint): void => {
    const finding = { code, event: at(index, bankTime, ''), detail: `row ${credit.rowId}: ${detail}` };
    replay.findings.add({ ...finding, ...(gain !== undefined && { gain }) });
  };
  const amount = credit.amount?.currency === replay.currency ? credit.amount?.units : undefined;
  const bookedAmount = booked.amount < 0n ? undefined : booked.amount;
  const subject = subjectOf(credit);
  const kind = credit.type === 'reserve' || credit.type === 'kyc-auth' ? credit.type : 'unusable';
  if (kind !== booked.kind) {
    // What else differs follows from it.
    const [due, got] = [kind, booked.kind].map((one) => (one === 'reserve' ? 1n : 0n)) as [bigint, bigint];
    const gain = due * (amount ?? 0n) - got * (bookedAmount ?? 0n);
    report('bank-credit-misattributed', `the bank shows ${kind}, it was booked as ${booked.kind}`, gain);
    return;
  }
  if (amount !== bookedAmount) {
    const [said, written] = [amount, bookedAmount].map((units) => (units === undefined ? 'no sum' : inMoney(units)));
    const gain = (amount ?? 0n) - (bookedAmount ?? 0n);
    report('bank-credit-amount-wrong', `${said} at the bank, ${written} in the ledger`, gain);
  }
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
      const isKnowable = debit.date < askedAt && !replay.damage.touches('transfer');
      if (isKnowable) report('bank-debit-unjustified', `nobody ordered ${wtid}`, -units);
      continue;
    }
    if (order.status === 'rejected' || order.status === 'replaced') {
      report('bank-debit-unjustified', `${wtid} was ${order.status}, and paid nonetheless`, -units);
    }
    if (!replay.keys.isBaseUrl(debit.exchangeBaseUrl)) {
      report('bank-debit-subject-wrong', `${wtid} was paid in the name of another exchange`, 0n);
    }
    if (order.status === 'requested') unconfirmed += order.amount;
    if (units !== order.amount) {
      report(
        'bank-debit-amount-wrong',
        `${inMoney(units)} were paid, ${inMoney(order.amount)} were ordered`,
        order.amount - units,
      );
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
const NO_ACCOUNT = 'payto://unknown/unknown';
const rowIdOf = (value: unknown): number => (Number.isSafeInteger(value) ? (value as number) : Number.NaN);

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
  const json = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown> | null;
  if (typeof json !== 'object' || json === null) throw new EncodingError('an object in the file', 'something else');
  // Gateways name the account beside the rows; a file of rows alone will do.
  const { credit_account = NO_ACCOUNT, debit_account = NO_ACCOUNT } = json;
  return async (input) => {
    const url = new URL(input instanceof Request ? input.url : input);
    const member = url.pathname.endsWith('incoming') ? 'incoming_transactions' : 'outgoing_transactions';
    const start = BigInt(url.searchParams.get('start') ?? '0');
    const all = json[member] ?? [];
    if (!Array.isArray(all)) throw new EncodingError(`a list of ${member}`, 'something else');
    const rows = all
      .map((row: { row_id?: unknown } | null) => ({ row, rowId: rowIdOf(row?.row_id) }))
      .sort((one, other) => one.rowId - other.rowId) // whoever asked for the newest first has them so
      .filter(({ rowId }) => Number.isNaN(rowId) || BigInt(rowId) > start)
      .slice(0, PAGE)
      .map(({ row }) => row);
    if (rows.length === 0) return new Response(null, { status: 204 });
    return Response.json({ credit_account, debit_account, [member]: rows });
  };
}

/**
 * Which account a history is of, if the auditor did not say: that with the URI that the bank shows, or the first. It is
 * no reason to stop if there are several, for whoever wants no audit would enable one more.
 */
function accountOf({ keys }: Replay, { paytoUri }: BankHistory): string {
  const known = [...keys.everEnabled];
  const shown = paytoUri === undefined ? undefined : hashOf(paytoUri);
  const [name = ''] = known.find(([, uri]) => shown !== undefined && hashOf(uri) === shown) ?? known[0] ?? [];
  return name;
}

function sum(replay: Replay, rows: readonly (Credit | Debit)[]): bigint {
  return rows.reduce(
    (total, { amount }) => total + (amount?.currency === replay.currency ? (amount?.units ?? 0n) : 0n),
    0n,
  );
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
