import { HISTORY_LIMIT_MAX, type WireGateway } from './gateway-client.js';
import { GatewayError, type GatewayFault, GatewayMisconfigured } from './gateway-errors.js';
import type { Credit } from './gateway-rows.js';

/*
 * Wirewatch: takes over what the bank credited, row by row, for as long as the exchange runs. It decides nothing and
 * remembers nothing: where to go on is asked of the ledger every time, and `book` is what makes a row count once.
 */

export interface WatchProblem {
  /** What failed: the bank, by kind of fault, or the booking of its rows. */
  readonly kind: GatewayFault | 'booking';
  /** True if it will not pass by itself: an operator has to look. */
  readonly alarm: boolean;
  readonly error: unknown;
  readonly retryInMs: number;
}

export interface WatchPorts {
  readonly gateway: Pick<WireGateway, 'config' | 'historyIncoming'>;
  /** The highest row that is booked, 0 before the first. */
  readonly lastRow: () => Promise<bigint>;
  /**
   * Books rows, ascending, all after `lastRow`: all or none of them, each once, in one unit with the mark that
   * `lastRow` reads. A failure is tried again with what `lastRow` then says.
   */
  readonly book: (rows: readonly Credit[]) => Promise<void>;
  /** Ends the watch. A unit that is being booked is finished first. */
  readonly signal: AbortSignal;
  /** Waits; returns early, without an error, when the signal aborts. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  /** A clock that never goes back, milliseconds; tells a bank that waits from one that ignores the long poll. */
  readonly monotonicMs: () => number;
  readonly onProblem: (problem: WatchProblem) => void;
  /** 60 s by default. */
  readonly longPollMs?: number;
}

/** Most rows in one call of `book`. */
export const BOOK_ROWS_MAX = 100;

const LONG_POLL_MS = 60_000;
const RETRY_FIRST_MS = 500;
const RETRY_MAX_MS = 60_000;
/** Between attempts when an operator has to do something first. */
const ALARM_RETRY_MS = 60_000;
const PAUSE_FIRST_MS = 500;
/** An empty answer after this time came from a bank that waits; a quicker one is not to be asked in a tight loop. */
const WAITED_MS = 5_000;

/**
 * Watches one account until `signal` aborts; never throws. Before the first row, and after every fault of the
 * configuration, the bank is asked who it is: a mistyped address would otherwise look like an account without credits.
 */
export async function watchCredits(ports: WatchPorts): Promise<void> {
  const { gateway, lastRow, book, signal, sleep, monotonicMs, onProblem, longPollMs = LONG_POLL_MS } = ports;
  let [known, limit, retryMs, pauseMs] = [false, HISTORY_LIMIT_MAX, RETRY_FIRST_MS, PAUSE_FIRST_MS];

  while (!signal.aborted) {
    try {
      if (!known) await gateway.config(signal);
      known = true;
      const start = await lastRow();
      const askedAt = monotonicMs();
      const { rows } = await gateway.historyIncoming({ start, limit, longPollMs, signal });
      for (let first = 0; first < rows.length; ) {
        if (signal.aborted) return;
        const unit = rows.slice(first, first + Math.min(limit, BOOK_ROWS_MAX));
        await book(unit);
        first += unit.length;
      }
      retryMs = RETRY_FIRST_MS;
      limit = Math.min(HISTORY_LIMIT_MAX, limit + Math.ceil(limit / 2));
      if (rows.length > 0 || monotonicMs() - askedAt >= Math.min(WAITED_MS, longPollMs / 2)) {
        pauseMs = PAUSE_FIRST_MS;
        continue;
      }
      await sleep(pauseMs, signal);
      pauseMs = Math.min(2 * pauseMs, longPollMs);
    } catch (error) {
      if (signal.aborted) return;
      const kind = kindOf(error);
      const alarm = kind !== 'unavailable' && kind !== 'booking';
      const retryInMs = alarm ? ALARM_RETRY_MS : retryMs;
      known &&= !(error instanceof GatewayMisconfigured);
      limit = Math.max(1, limit >> 1);
      retryMs = Math.min(2 * retryMs, RETRY_MAX_MS);
      onProblem({ kind, alarm, error, retryInMs });
      await sleep(retryInMs, signal);
    }
  }
}

function kindOf(error: unknown): WatchProblem['kind'] {
  return error instanceof GatewayError ? error.fault : 'booking';
}
