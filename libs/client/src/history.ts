import { type Amount, encodeBase32 } from '@florin/encoding';
import { ExchangeMisbehaved } from './errors.js';
import { ENTRY_READERS, type HistoryScope, type ReserveHistoryEntry } from './history-entries.js';
import { amountIn, type ReplyObject, text } from './reply.js';

/*
 * The history of a reserve, which is also the proof behind "you have not enough": whatever left the reserve has to
 * carry a signature, and the sum has to be the balance. What came from the bank carries none: the owner knows it, and
 * compares.
 * Source: protocol/endpoints.md B2, ledger-rules.md section 1
 */

/** Entries of which every signature was verified. */
export interface ReserveEntries {
  /** In the order of the reply: by type, not by time. */
  readonly entries: readonly ReserveHistoryEntry[];
  /** What they change the balance by, in units. */
  readonly change: bigint;
}

/** A whole history: its entries explain the balance. */
export interface ReserveHistory {
  readonly entries: readonly ReserveHistoryEntry[];
  readonly balance: Amount;
}

/** @throws ExchangeMisbehaved naming the entry that is malformed, not signed, or charged twice */
export function readEntries(history: readonly ReplyObject[], scope: Omit<HistoryScope, 'origins'>): ReserveEntries {
  const origins = originsOf(history, scope);
  const charged = new Set<string>();
  let change = 0n;
  const entries = history.map((json) => {
    const verified = readerOf(json)(json, { ...scope, origins });
    const { once } = verified;
    if (once !== undefined && charged.has(once)) {
      throw new ExchangeMisbehaved('contradiction', json.place, 'is listed twice');
    }
    if (once !== undefined) charged.add(once);
    change += verified.change;
    return verified.entry;
  });
  return { entries, change };
}

/**
 * @param reply holds `history`, all of it, and `balance`
 * @throws ExchangeMisbehaved as {@link readEntries}, or when the entries do not sum up to the balance
 */
export function readHistory(reply: ReplyObject, scope: Omit<HistoryScope, 'origins'>): ReserveHistory {
  const balance = reply.read('balance', amountIn(scope.currency));
  const { entries, change } = readEntries(reply.objects('history'), scope);
  if (change !== balance.units) {
    const problem = `the entries sum up to ${change} units, the balance has ${balance.units}`;
    throw new ExchangeMisbehaved('contradiction', `${reply.place}.balance`, problem);
  }
  return { entries, balance };
}

function readerOf(json: ReplyObject) {
  const type = json.read('type', text);
  if (Object.hasOwn(ENTRY_READERS, type)) return ENTRY_READERS[type as ReserveHistoryEntry['type']];
  throw new ExchangeMisbehaved('malformed', `${json.place}.type`, `no entry is known by the type ${type}`);
}

function originsOf(history: readonly ReplyObject[], { checker }: Omit<HistoryScope, 'origins'>): Set<string> {
  const uris = history.map((json) => json.optional('sender_account_url', text)).filter((uri) => uri !== undefined);
  return new Set(uris.map((uri) => encodeBase32(checker.taler.hash.fullPayto(uri))));
}
