import { type Amount, encodeBase32, equalBytes } from '@florin/encoding';
import {
  COIN_ENTRY_READERS,
  type CoinHistoryEntry,
  type CoinScope,
  paymentOf,
  type VerifiedCoinEntry,
} from './coin-history-entries.js';
import { ExchangeMisbehaved } from './errors.js';
import { amountIn, hash, type ReplyObject, text } from './reply.js';

/*
 * The history of a coin, which is also the proof behind "this coin has not enough left": whatever was taken from the
 * coin has to be signed by the coin, and what remains is its value less all of that. The wallet knows what it signed;
 * an entry that it cannot account for was made by somebody who has the coin's private key.
 * Source: protocol/endpoints.md B4, ledger-rules.md section 5
 */

/** A whole history: its entries explain the residual value. */
export interface CoinHistory {
  /** In the order of the reply: by type, not by time. */
  readonly entries: readonly CoinHistoryEntry[];
  /** What the coin may still spend. */
  readonly residual: Amount;
}

/** @throws ExchangeMisbehaved naming the entry that is malformed, not signed, or listed twice */
export function readCoinEntries(history: readonly ReplyObject[], scope: CoinScope): VerifiedCoinEntry[] {
  const seen = new Set<string>();
  return history.map((json) => {
    const verified = readerOf(json)(json, scope);
    if (seen.has(verified.once)) throw contradiction(json.place, 'is listed twice');
    seen.add(verified.once);
    return verified;
  });
}

/**
 * @param history all of it
 * @param value of the coin's denomination
 * @throws ExchangeMisbehaved as {@link readCoinEntries}, or when refunds do not fit payments, or more was spent than
 *   was there
 */
export function explainCoin(
  place: string,
  history: readonly ReplyObject[],
  value: Amount,
  scope: CoinScope,
): CoinHistory {
  const verified = readCoinEntries(history, scope);
  const entries = verified.map(({ entry }) => entry);
  checkPurseRefunds(place, entries);
  const change = verified.reduce((sum, entry) => sum + entry.change, 0n) + returnedFees(entries);
  const units = value.units + change;
  if (units < 0n) throw contradiction(place, `a coin of ${value.units} units spent ${value.units - units}`);
  return { entries, residual: { currency: value.currency, units } };
}

/**
 * @param reply holds `h_denom_pub`, `balance` and `history`, all of it
 * @throws ExchangeMisbehaved as {@link explainCoin}, or when the entries do not explain the balance
 */
export function readCoinHistory(reply: ReplyObject, value: Amount, scope: CoinScope): CoinHistory {
  requireDenomination(reply, scope.denominationHash);
  const balance = reply.read('balance', amountIn(scope.currency));
  const history = explainCoin(`${reply.place}.history`, reply.objects('history'), value, scope);
  if (history.residual.units === balance.units) return history;
  const problem = `the entries leave ${history.residual.units} units, the balance has ${balance.units}`;
  throw contradiction(`${reply.place}.balance`, problem);
}

export function requireDenomination(reply: ReplyObject, denominationHash: Uint8Array): void {
  if (equalBytes(reply.read('h_denom_pub', hash), denominationHash)) return;
  throw contradiction(`${reply.place}.h_denom_pub`, `is not the coin's denomination ${encodeBase32(denominationHash)}`);
}

/** Every purse that gave back is one that was paid into, and gives back the whole contribution. */
function checkPurseRefunds(place: string, entries: readonly CoinHistoryEntry[]): void {
  const refunds = new Map<string, bigint>();
  for (const entry of entries) {
    if (entry.type === 'PURSE-REFUND') refunds.set(entry.pursePub, entry.amount.units + entry.refundFee.units);
  }
  for (const entry of entries) {
    if (entry.type !== 'PURSE-DEPOSIT') continue;
    const back = refunds.get(entry.pursePub);
    refunds.delete(entry.pursePub);
    if (entry.refunded !== (back !== undefined)) throw contradiction(place, `is at odds about purse ${entry.pursePub}`);
    if (back !== undefined && back !== entry.amount.units) {
      throw contradiction(place, `purse ${entry.pursePub} gave back ${back} of ${entry.amount.units} units`);
    }
  }
  const [stray] = refunds.keys();
  if (stray !== undefined) throw contradiction(place, `purse ${stray} gave back what was never paid into it`);
}

/** A deposit that was refunded in full gives its fee back too. */
function returnedFees(entries: readonly CoinHistoryEntry[]): bigint {
  const refunded = new Map<string, bigint>();
  for (const entry of entries) {
    if (entry.type !== 'REFUND') continue;
    const name = paymentOf(entry);
    refunded.set(name, (refunded.get(name) ?? 0n) + entry.amount.units + entry.refundFee.units);
  }
  return entries.reduce((sum, entry) => {
    const isWhole = entry.type === 'DEPOSIT' && refunded.get(paymentOf(entry)) === entry.amount.units;
    return isWhole ? sum + entry.depositFee.units : sum;
  }, 0n);
}

function readerOf(json: ReplyObject) {
  const type = json.read('type', text);
  if (Object.hasOwn(COIN_ENTRY_READERS, type)) return COIN_ENTRY_READERS[type as CoinHistoryEntry['type']];
  throw new ExchangeMisbehaved('malformed', `${json.place}.type`, `no entry is known by the type ${type}`);
}

function contradiction(place: string, problem: string): ExchangeMisbehaved {
  return new ExchangeMisbehaved('contradiction', place, problem);
}
