import type { Amount } from '@florin/encoding';

/*
 * What a bank says, as values. Instants are seconds since 1970. Row ids begin at 1 and increase with the bookings, not
 * without gaps; they end at 2^63 - 1, where integers in JSON end.
 * Source: protocol/wire.md
 */

interface CreditRow {
  readonly rowId: bigint;
  readonly date: number;
  readonly amount: Amount;
  /** payto URI as the bank says it; it need not have a receiver-name. */
  readonly debitAccount: string;
  /** What the bank kept back, where it says so. */
  readonly creditFee: Amount | undefined;
}

/** Money that came in for a reserve. */
export interface ReserveCredit extends CreditRow {
  readonly type: 'reserve';
  /** 32 bytes */
  readonly reservePub: Uint8Array;
}

/** A small amount whose purpose is to show that the account's owner has the key. */
export interface KycAuthCredit extends CreditRow {
  readonly type: 'kyc-auth';
  /** 32 bytes */
  readonly accountPub: Uint8Array;
}

/** A transfer from another exchange. */
export interface WadCredit extends CreditRow {
  readonly type: 'wad';
  readonly originExchangeUrl: string;
  /** Base32 as received: the size of a wad id is uncertain. */
  readonly wadId: string;
}

/** A row that cannot be credited: of a type that is not known, or in another currency. To be recorded and shown. */
export interface UnknownCredit {
  readonly type: 'unknown';
  readonly rowId: bigint;
  readonly date: number | undefined;
  /** In any currency. */
  readonly amount: Amount | undefined;
  readonly debitAccount: string | undefined;
  /** In words, without personal data. */
  readonly reason: string;
}

export type Credit = ReserveCredit | KycAuthCredit | WadCredit | UnknownCredit;

/** A transfer of the exchange that was carried out. */
export interface Debit {
  readonly rowId: bigint;
  readonly date: number;
  readonly amount: Amount;
  readonly creditAccount: string;
  readonly exchangeBaseUrl: string;
  /** 32 bytes */
  readonly wtid: Uint8Array;
  readonly debitFee: Amount | undefined;
}

export interface IncomingHistory {
  /** The exchange's account as the bank writes it; undefined when there is nothing to tell. */
  readonly creditAccount: string | undefined;
  readonly rows: readonly Credit[];
}

export interface OutgoingHistory {
  readonly debitAccount: string | undefined;
  readonly rows: readonly Debit[];
}

export interface GatewayConfig {
  /** libtool form `current:revision:age`. */
  readonly version: string;
  readonly currency: string;
  /** URN of the software, if it gives one. */
  readonly implementation: string | undefined;
}

/** An order to pay. The same `requestUid` with the same content is the same order, however often it is sent. */
export interface TransferRequest {
  /** 64 bytes */
  readonly requestUid: Uint8Array;
  readonly amount: Amount;
  /** Ends in `/`; stands in the subject of the transfer. */
  readonly exchangeBaseUrl: string;
  /** 32 bytes; stands in the subject of the transfer. */
  readonly wtid: Uint8Array;
  /** Full payto URI. */
  readonly creditAccount: string;
}

/** The bank's answer to an order: its row among the orders, and the time it gives it. */
export interface TransferReply {
  readonly rowId: bigint;
  readonly timestamp: number;
}

export const TRANSFER_STATES = ['pending', 'transient_failure', 'permanent_failure', 'success'] as const;
export type TransferState = (typeof TRANSFER_STATES)[number];

/** One of a list of orders. */
export interface TransferSummary extends TransferReply {
  readonly status: TransferState;
  readonly amount: Amount;
  readonly creditAccount: string;
}

/** What became of one order. */
export interface TransferStatus {
  readonly status: TransferState;
  /** The bank's words about the status, if any. */
  readonly statusMessage: string | undefined;
  readonly amount: Amount;
  readonly creditAccount: string;
  /** 32 bytes */
  readonly wtid: Uint8Array;
  readonly exchangeBaseUrl: string;
  readonly timestamp: number;
}
