/** Closing: what is debited, what it costs, who is paid, and who wanted it. With arithmetic of its own. */
import type { ReserveEvent } from '@florin/domain';
import { decodeBase32, encodeBase32, encodeU32, utf8z } from '@florin/encoding';
import { type EventRef, inMoney } from '../findings.js';
import type { Context, Report } from './context.js';
import { sha512 } from './hashes.js';
import type { Reserve } from './reserve-record.js';
import type { ReserveParts } from './reserves.js';

type Closed = Extract<ReserveEvent, { type: 'ReserveClosed' }>;
type Refused = Extract<ReserveEvent, { type: 'CloseRequested' }>;

interface Closing<Event> {
  readonly event: Event;
  readonly ref: EventRef;
  readonly report: Report;
  /** As it stood before. */
  readonly reserve: Reserve;
  readonly reservePub: string;
}

/** How far the clock of a client may be off. */
const CLOCK_SKEW_MAX_S = 15 * 60;

type Parts = Pick<ReserveParts, 'keys' | 'accounts'>;

/** A close that had nothing to wire: the balance does not exceed the fee. */
export function checkCloseRefusal(context: Context, { keys }: Parts, closing: Closing<Refused>): void {
  const { event, ref, report, reserve, reservePub } = closing;
  const { balance, closingFee, requestTimestamp, designatedHash, reserveSignature } = event;
  signed(context, ref, { requestTimestamp, designatedHash, reservePub, signature: reserveSignature });
  checkRequestTime(event.at, requestTimestamp, report);
  if (context.damage.has(ref.stream)) return;
  if (balance !== reserve.balance) {
    report('close-refused-wrongly', `it says ${inMoney(balance)}, the balance is ${inMoney(reserve.balance)}`);
  } else if (balance > closingFee) {
    report(
      'close-refused-wrongly',
      `${inMoney(balance)} exceed the fee of ${inMoney(closingFee)}`,
      balance - closingFee,
    );
  }
  const fees = keys.accounts.map(({ paytoUri }) => {
    return keys.closingFee(event.keysRevision, methodOf(paytoUri), requestTimestamp);
  });
  if (!fees.includes(closingFee) && !keys.isUncertain) {
    report('close-fee-wrong', `no account pays for a fee of ${inMoney(closingFee)}`);
  }
}

export function checkClosing(context: Context, parts: Parts, closing: Closing<Closed>): void {
  const { event, ref } = closing;
  checkWho(context, closing);
  checkSum(context, parts, closing);
  checkTarget(context, parts, closing);
  checkIds(closing);
  const { wireAmount, requestUid, wtid, targetHash, targetAccount, sealedTarget } = event;
  parts.accounts.checkSealed(ref, { sealed: sealedTarget, account: targetAccount, hash: targetHash });
  if (wireAmount === 0n || requestUid === undefined) return;
  const facts = [wtid, targetHash, targetAccount, closing.reservePub, event.closing, 1];
  context.unit.give('order', requestUid, { event: ref, units: wireAmount, facts });
}

/** The owner wanted it, or its time was over. */
function checkWho(context: Context, { event, ref, report, reserve, reservePub }: Closing<Closed>): void {
  const { cause, requestTimestamp, designatedHash, reserveSignature, at } = event;
  if (cause === 'request') {
    if (requestTimestamp === undefined || reserveSignature === undefined) {
      report('bad-signature-close', 'a close by request carries no signature', event.debited);
      return;
    }
    signed(context, ref, { requestTimestamp, designatedHash, reservePub, signature: reserveSignature }, event.debited);
    checkRequestTime(at, requestTimestamp, report);
  } else if (at < reserve.expiresAt && !context.damage.has(ref.stream)) {
    report('close-early', `closed at ${at}, it expires at ${reserve.expiresAt}`);
  }
}

/** An owner's request is served when it is made; an old one may have been a wish that is none any more. */
function checkRequestTime(at: number, requestTimestamp: number, report: Report): void {
  if (Math.abs(at - requestTimestamp) <= CLOCK_SKEW_MAX_S) return;
  report('close-request-stale', `asked for at ${requestTimestamp}, served at ${at}`);
}

function checkSum(context: Context, { keys }: Parts, { event, ref, report, reserve }: Closing<Closed>): void {
  const { debited, closingFee, dust, wireAmount, wireMethod, cause, requestTimestamp, keysRevision, at } = event;
  if (debited !== wireAmount + closingFee + dust) {
    const rest = debited - wireAmount - closingFee - dust;
    const parts = [wireAmount, closingFee, dust].map(inMoney).join(' + ');
    report('close-arithmetic-wrong', `${inMoney(debited)} became ${parts}`, rest);
  }
  if (context.damage.has(ref.stream)) return;
  if (debited !== reserve.balance) {
    const detail = `${inMoney(debited)} were debited, the balance was ${inMoney(reserve.balance)}`;
    report('close-arithmetic-wrong', detail, debited - reserve.balance);
  }
  const time = cause === 'request' ? (requestTimestamp ?? at) : reserve.expiresAt;
  const scheduled = keys.closingFee(keysRevision, wireMethod, time);
  if (scheduled === undefined) {
    if (!keys.isUncertain) report('fee-missing', `no wire fee of ${wireMethod} holds at ${time}`);
    return;
  }
  const isUsedUp = cause === 'expiration' && debited <= scheduled;
  const fee = isUsedUp ? debited : scheduled;
  if (closingFee !== fee) {
    report('close-fee-wrong', `${inMoney(closingFee)} instead of ${inMoney(fee)}`, closingFee - fee);
    return;
  }
  if (!keys.terms) return; // what is wired is rounded by them
  const { roundUnit } = keys.terms;
  const payable = debited - fee;
  const wired = payable - (roundUnit > 0n ? payable % roundUnit : 0n);
  if (wireAmount !== wired && debited === wireAmount + closingFee + dust) {
    report(
      'close-arithmetic-wrong',
      `${inMoney(wireAmount)} are wired instead of ${inMoney(wired)}`,
      wired - wireAmount,
    );
  }
  if (cause === 'request' && debited <= scheduled) {
    const detail = `${inMoney(debited)} do not exceed the fee: the balance had to stay`;
    report('close-arithmetic-wrong', detail, debited);
  }
}

/** The origin of the money, or whom the owner designated; and a stranger only with an officer's approval. */
function checkTarget(context: Context, { accounts }: Parts, { event, ref, report, reserve }: Closing<Closed>): void {
  const { cause, designatedHash, targetHash, targetAccount, wireAmount } = event;
  if (context.damage.has(ref.stream)) return;
  const due = cause === 'request' ? (designatedHash ?? reserve.originHash) : reserve.originHash;
  if (targetHash !== due) {
    report('close-target-wrong', `${targetHash} is paid instead of ${due || 'nobody'}`, wireAmount);
    return;
  }
  if (targetHash === reserve.originHash) {
    if (targetAccount === reserve.originAccount) return;
    report('close-target-wrong', `account ${targetAccount} is named instead of ${reserve.originAccount}`, wireAmount);
    return;
  }
  if (!accounts.isApproved(targetAccount, 'RESERVE_CLOSE') && !context.damage.touches('account')) {
    report('close-target-unlegitimized', `nobody approved account ${targetAccount}`);
  }
}

function checkIds({ event, report, reserve, reservePub }: Closing<Closed>): void {
  const { closing, requestUid, wtid, wireAmount } = event;
  if (closing !== reserve.closings + 1) {
    report('close-number-wrong', `closing ${closing} follows closing ${reserve.closings}`);
  }
  if (wireAmount > 0n !== (requestUid !== undefined && wtid !== undefined)) {
    report('close-id-wrong', wireAmount > 0n ? 'a payment without a name' : 'a name without a payment');
  }
  if (requestUid === undefined || wtid === undefined) return;
  const ids = transferIds(reservePub, closing, 1);
  if (ids.requestUid !== requestUid || ids.wtid !== wtid) {
    report('close-id-wrong', `closing ${closing} of ${reservePub} has another request_uid and wtid`);
  }
}

/**
 * The names of a payment: SHA-512 over a label with its NUL, the reserve's key, closing and attempt (u32 each); of the
 * wtid the first 32 bytes. Florin's own definition, in docs/ledger.md.
 */
export function transferIds(
  reservePub: string,
  closing: number,
  attempt: number,
): { requestUid: string; wtid: string } {
  const origin = [decodeBase32(reservePub, 32), encodeU32(closing), encodeU32(attempt)];
  return {
    requestUid: encodeBase32(sha512(utf8z('florin-transfer-request-uid'), ...origin)),
    wtid: encodeBase32(sha512(utf8z('florin-transfer-wtid'), ...origin).slice(0, 32)),
  };
}

function signed(
  context: Context,
  ref: EventRef,
  close: { requestTimestamp: number; designatedHash: string | undefined; reservePub: string; signature: string },
  gain = 0n,
): void {
  const { requestTimestamp, designatedHash: targetAccountHPayto, reservePub: pub, signature } = close;
  const fields = { requestTimestamp, targetAccountHPayto };
  const what = 'a close';
  context.verify(
    ref,
    { check: 'signed', name: 'ReserveClose', fields, pub, signature, code: 'bad-signature-close', what },
    [gain],
  );
}

const methodOf = (paytoUri: string): string => paytoUri.slice('payto://'.length).split('/', 1)[0] ?? '';
