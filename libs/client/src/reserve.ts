import { type Amount, ErrorCode, encodeBase32, message, timestampJson } from '@florin/encoding';
import type { CallOptions, Connection, LongPollOptions } from './connection.js';
import { ExchangeRefused } from './errors.js';
import { readEntries, readHistory } from './history.js';
import type { ReserveHistoryEntry } from './history-entries.js';
import { jsonOf } from './http.js';
import { amountIn, ReplyObject, text, timestamp, u32 } from './reply.js';

/*
 * A reserve: money between bank account and coins. Its private key is all that is needed to own it.
 * Source: spec/reserve-get.txt, spec/reserve-close.txt, protocol/endpoints.md A4, A5, B2
 */

export interface ReserveKeys {
  /** 32 bytes; whoever knows it can withdraw. */
  readonly reservePriv: Uint8Array;
  /** Subject of the wire transfer that funds the reserve. */
  readonly reservePub: Uint8Array;
}

export interface ReserveSummary {
  readonly balance: Amount;
  /** Full payto URI of the account that funded it last. */
  readonly lastOrigin?: string;
  /** When what is left goes back to the origin, in seconds; exchanges before `recoup-withdraw` do not say. */
  readonly expiration?: number;
  /** Coins have to be restricted to this age. */
  readonly maximumAgeGroup?: number;
}

/** Said by today's exchanges and by those of 2023. */
const RESERVE_UNKNOWN: ReadonlySet<number> = new Set([
  ErrorCode.EXCHANGE_GENERIC_RESERVE_UNKNOWN,
  ErrorCode.EXCHANGE_RESERVES_STATUS_UNKNOWN,
]);

export async function getReserve(
  connection: Connection,
  reservePub: Uint8Array,
  { timeoutMs = 0, signal }: LongPollOptions,
): Promise<ReserveSummary | undefined> {
  const { currency } = await connection.keys();
  const query = timeoutMs > 0 ? `?timeout_ms=${timeoutMs}` : '';
  const path = `reserves/${encodeBase32(reservePub)}${query}`;
  try {
    const request = { method: 'GET', path, holdMs: timeoutMs, signal, accept: [200] } as const;
    return readSummary(await connection.http.sendForObject(request, 'reserve'), currency);
  } catch (error) {
    if (error instanceof ExchangeRefused && RESERVE_UNKNOWN.has(error.code)) return undefined;
    throw error;
  }
}

/** @throws ExchangeMisbehaved */
export function readSummary(reply: ReplyObject, currency: string): ReserveSummary {
  const lastOrigin = reply.optional('last_origin', text);
  const expiration = reply.optional('reserve_expiration', timestamp);
  const maximumAgeGroup = reply.optional('maximum_age_group', u32);
  return {
    balance: reply.read('balance', amountIn(currency)),
    ...(lastOrigin !== undefined && { lastOrigin }),
    ...(expiration !== undefined && { expiration }),
    ...(maximumAgeGroup !== undefined && { maximumAgeGroup }),
  };
}

export interface CloseOptions extends CallOptions {
  /** Full URI of the account to pay; the account of origin without. */
  readonly paytoUri?: string;
  /** Seconds since 1970, at most 15 minutes off; now, without. With the account it names the request. */
  readonly timestamp?: number;
}

export async function closeReserve(
  connection: Connection,
  reservePriv: Uint8Array,
  { paytoUri, timestamp: requestTimestamp = connection.now(), signal }: CloseOptions,
): Promise<Amount> {
  const { http, taler } = connection;
  const { currency } = await connection.keys();
  const targetAccountHPayto = paytoUri === undefined ? undefined : taler.hash.fullPayto(paytoUri);
  const signed = message('ReserveClose', { requestTimestamp, targetAccountHPayto });
  const body = {
    request_timestamp: timestampJson(requestTimestamp),
    ...(paytoUri !== undefined && { payto_uri: paytoUri }),
    reserve_sig: encodeBase32(taler.eddsa.sign(signed, reservePriv)),
  };
  const path = `reserves/${encodeBase32(taler.eddsa.publicKey(reservePriv))}/close`;
  const reply = await http.sendForObject({ method: 'POST', path, body, signal, accept: [200] }, 'closing');
  return reply.read('wire_amount', amountIn(currency));
}

/** Entries of a history. */
export interface HistoryReply {
  readonly entries: readonly ReserveHistoryEntry[];
  /** Missing when there is no entry. */
  readonly balance?: Amount;
}

/** Shows the exchange who wants to see the history: a signature of the reserve. */
const HISTORY_HEADER = 'Taler-Reserve-History-Signature';

export async function getReserveHistory(
  connection: Connection,
  reservePriv: Uint8Array,
  { start, signal }: CallOptions & { readonly start: number },
): Promise<HistoryReply> {
  const { http, taler } = connection;
  const reserve = taler.eddsa.keyPair(reservePriv);
  const path = `reserves/${encodeBase32(reserve.publicKey)}/history${start > 0 ? `?start=${start}` : ''}`;
  const signature = reserve.sign(message('ReserveHistoryRequest', { startOff: BigInt(start) }));
  const headers = { [HISTORY_HEADER]: encodeBase32(signature) };
  const reply = await http.send({ method: 'GET', path, headers, signal, accept: [200, 204, 304] });
  if (reply.status !== 200) return { entries: [] };
  const json = new ReplyObject(jsonOf(reply), 'history');
  return connection.withKeys((keys) => {
    const scope = { ...connection.voices(keys), reservePub: reserve.publicKey };
    if (start === 0) return readHistory(json, scope);
    const balance = json.read('balance', amountIn(keys.currency));
    return { entries: readEntries(json.objects('history'), scope).entries, balance };
  });
}
