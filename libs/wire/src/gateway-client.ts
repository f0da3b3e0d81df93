import { encodeBase32, formatAmount } from '@florin/encoding';
import { GatewayMisconfigured, MalformedReply } from './gateway-errors.js';
import {
  type RowOrder,
  readConfig,
  readIncoming,
  readOutgoing,
  readTransferReply,
  readTransferStatus,
  readTransfers,
  U64_MAX,
} from './gateway-replies.js';
import type {
  GatewayConfig,
  IncomingHistory,
  OutgoingHistory,
  TransferReply,
  TransferRequest,
  TransferState,
  TransferStatus,
  TransferSummary,
} from './gateway-rows.js';
import { type GatewayReply, GatewayTransport, type GatewayTransportOptions } from './gateway-transport.js';

export interface WireGatewayOptions extends GatewayTransportOptions {
  /** The only currency that is accepted. */
  readonly currency: string;
}

/** Which part of a list is asked for. */
export interface ListOptions {
  /** Rows after this one (before it when `limit` is negative); the beginning (the end) by default. */
  readonly start?: bigint;
  /** At most this many rows, 1 to 1024; negative for the newest first. */
  readonly limit: number;
  readonly signal?: AbortSignal;
}

export interface HistoryOptions extends ListOptions {
  /** The bank waits this long for a row if there is none; at most four minutes. Only with a positive limit. */
  readonly longPollMs?: number;
}

export interface TransfersOptions extends ListOptions {
  readonly status?: TransferState;
}

/** Most rows that are asked for at once. */
export const HISTORY_LIMIT_MAX = 1024;
/** Longest long poll; what lies between client and bank cuts longer ones. */
export const LONG_POLL_MAX_MS = 240_000;

/**
 * A bank's Taler Wire Gateway, seen from the exchange. Every call has a time limit of its own, every reply a limit of
 * its size, and nothing of a reply is believed before it is checked. All errors are GatewayErrors, unless `signal`
 * aborts a call, which throws the signal's reason. Source: protocol/wire.md
 */
export class WireGateway {
  readonly #currency: string;
  readonly #transport: GatewayTransport;

  /** @throws GatewayMisconfigured on a base URL that is none, or holds credentials, query or fragment */
  constructor({ currency, ...transport }: WireGatewayOptions) {
    this.#currency = currency;
    this.#transport = new GatewayTransport(transport);
  }

  /** Asks who is there. @throws GatewayMisconfigured when it is no wire gateway or has another currency */
  async config(signal?: AbortSignal): Promise<GatewayConfig> {
    const { status, json } = await this.#transport.call({ path: 'config', signal });
    if (status !== 200) throw new GatewayMisconfigured(`config: status ${status}: no wire gateway at the address`);
    return readConfig(json, this.#currency);
  }

  /** Credits. An account without transactions, which some banks answer with 404, has no rows. */
  async historyIncoming(options: HistoryOptions): Promise<IncomingHistory> {
    const { status, json } = await this.#history('history/incoming', options);
    if (status !== 200) return { creditAccount: undefined, rows: [] };
    return readIncoming(json, this.#currency, orderOf(options));
  }

  /** Debits, as {@link historyIncoming}. */
  async historyOutgoing(options: HistoryOptions): Promise<OutgoingHistory> {
    const { status, json } = await this.#history('history/outgoing', options);
    if (status !== 200) return { debitAccount: undefined, rows: [] };
    return readOutgoing(json, this.#currency, orderOf(options));
  }

  /**
   * Orders a transfer. Safe to repeat with the same content: the bank answers the same row again.
   * @throws RequestUidReused, WtidReused, BadAccount, which are final; anything else leaves the outcome open
   */
  async transfer(request: TransferRequest): Promise<TransferReply> {
    if (request.amount.currency !== this.#currency) {
      throw new GatewayMisconfigured(`the account that is to pay holds no ${request.amount.currency}`);
    }
    const body = JSON.stringify({
      request_uid: encodeBase32(request.requestUid),
      amount: formatAmount(request.amount),
      exchange_base_url: request.exchangeBaseUrl,
      wtid: encodeBase32(request.wtid),
      credit_account: request.creditAccount,
    });
    const { status, json } = await this.#transport.call({ path: 'transfer', body });
    if (status === 404) throw new GatewayMisconfigured('the bank does not know the account that is to pay');
    if (status !== 200) throw new MalformedReply(`transfer: status ${status} without a row`);
    return readTransferReply(json);
  }

  /** @returns undefined when the bank does not know the row, or does not offer this (404, 501) */
  async transferStatus(rowId: bigint, signal?: AbortSignal): Promise<TransferStatus | undefined> {
    const { status, json } = await this.#transport.call({ path: `transfers/${rowId}`, signal });
    return status === 200 ? readTransferStatus(json, this.#currency) : undefined;
  }

  /** Orders in the order of their rows. @returns undefined when the bank does not offer this (404, 501) */
  async transfers(options: TransfersOptions): Promise<readonly TransferSummary[] | undefined> {
    const query = listQuery(options);
    if (options.status !== undefined) query.set('status', options.status);
    const { status, json } = await this.#transport.call({ path: 'transfers', query, signal: options.signal });
    if (status === 204) return [];
    return status === 200 ? readTransfers(json, this.#currency, orderOf(options)) : undefined;
  }

  async #history(path: string, options: HistoryOptions): Promise<GatewayReply> {
    const { longPollMs = 0, signal } = options;
    if (!(longPollMs >= 0 && longPollMs <= LONG_POLL_MAX_MS)) throw new RangeError(`a long poll of ${longPollMs} ms`);
    const query = listQuery(options);
    if (longPollMs > 0) {
      query.set('long_poll_ms', String(longPollMs));
      query.set('timeout_ms', String(longPollMs));
    }
    const reply = await this.#transport.call({ path, query, longPollMs, signal });
    if (reply.status === 501) throw new GatewayMisconfigured(`the bank does not offer ${path}`);
    return reply;
  }
}

/** Both generations of parameter names; a start that is the default is left out. */
function listQuery({ start, limit }: ListOptions): URLSearchParams {
  if (!Number.isInteger(limit) || limit === 0 || Math.abs(limit) > HISTORY_LIMIT_MAX) {
    throw new RangeError(`a limit of ${limit} rows`);
  }
  const query = new URLSearchParams({ delta: String(limit), limit: String(limit) });
  if (start !== undefined && start !== defaultStart(limit)) {
    query.set('start', String(start));
    query.set('offset', String(start));
  }
  return query;
}

function orderOf({ start, limit }: ListOptions): RowOrder {
  return { start: start ?? defaultStart(limit), ascending: limit > 0 };
}

function defaultStart(limit: number): bigint {
  return limit > 0 ? 0n : U64_MAX;
}
