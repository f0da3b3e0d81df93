/** A reserve's history as clients see it, made from the stream that decides; signed where the exchange vouches. */
import { type ReservePub, Streams } from '@florin/domain';
import { decodeBase32, formatAmount, message, timestampJson } from '@florin/encoding';
import type { Transaction } from '@florin/event-store';
import { type ReserveHistoryEntry, reserveHistoryEntries, withoutSettledRequests } from '@florin/projections';
import { Injectable } from '@nestjs/common';
import { Accounts } from '../runtime/accounts.js';
import { ExchangeSigners } from '../runtime/signers.js';
import { Config, EventStore } from '../runtime/tokens.js';

/** One entry and its number in the reserve's history, from 1. */
export interface HistoryRow {
  readonly row: number;
  readonly json: Record<string, unknown>;
}

export interface ReadHistory {
  readonly balance: bigint;
  readonly lastRow: number;
  /**
   * Entries after number `start`, grouped by type, newest first within a type, as the reference answers. A purse has
   * one entry: that of its merge takes the place of that of the request, also of one that the client read before, for
   * what is signed names fee and target together.
   */
  readonly entries: (start: number) => Promise<HistoryRow[]>;
}

/** What AccountMergePS says of how the purse is paid. */
const MERGE_FLAGS = { merge: 1, quota: 2, fee: 3 } as const;

@Injectable()
export class ReserveHistory {
  constructor(
    private readonly store: EventStore,
    private readonly streams: Streams,
    private readonly accounts: Accounts,
    private readonly signers: ExchangeSigners,
    private readonly config: Config,
  ) {}

  /**
   * The reserve as its stream says, and its history on demand; `lastRow` is 0 if the reserve does not exist.
   * @param from the transaction, for the reserve as its decision sees it: should it have moved, the attempt is made
   * again
   */
  async read(reservePub: ReservePub, from: Pick<Transaction, 'readStream'> = this.store): Promise<ReadHistory> {
    const stream = this.streams.reserve(reservePub);
    const rows: { row: number; entry: ReserveHistoryEntry }[] = [];
    let state = stream.initial();
    for (let fromNumber = 0, complete = false; !complete; ) {
      const page = await from.readStream(stream.name, { fromNumber });
      for (const event of page.events) {
        const decoded = stream.decode(event);
        for (const entry of reserveHistoryEntries(decoded)) rows.push({ row: rows.length + 1, entry });
        state = stream.evolve(state, decoded);
      }
      fromNumber += page.events.length;
      complete = page.complete;
    }
    return {
      balance: state.balance,
      lastRow: rows.length,
      entries: (start) => this.ordered(reservePub, withoutSettledRequests(rows.slice(start))),
    };
  }

  private ordered(
    reservePub: ReservePub,
    rows: readonly { row: number; entry: ReserveHistoryEntry }[],
  ): Promise<HistoryRow[]> {
    const kinds = [...new Set(rows.map(({ entry }) => entry.kind))];
    const ordered = kinds.flatMap((kind) => rows.filter(({ entry }) => entry.kind === kind).reverse());
    return Promise.all(ordered.map(async ({ row, entry }) => ({ row, json: await this.render(reservePub, entry) })));
  }

  private async render(reservePub: ReservePub, entry: ReserveHistoryEntry): Promise<Record<string, unknown>> {
    const type = entry.kind;
    switch (entry.kind) {
      case 'CREDIT':
        return {
          type,
          timestamp: timestampJson(entry.bankTime),
          ...(await this.uri('sender_account_url', entry.originAccount, entry.sealedOrigin)),
          wire_reference: Number(entry.bankRow),
          amount: this.amount(entry.amount),
        };
      case 'WITHDRAW':
        return {
          type,
          reserve_sig: entry.reserveSignature,
          h_coin_envelope: entry.envelopeHash,
          h_denom_pub: entry.denominationHash,
          withdraw_fee: this.amount(entry.fee),
          amount: this.amount(entry.amount),
        };
      case 'RECOUP': {
        const signed = await this.signers.sign(
          message('RecoupConfirmation', {
            timestamp: entry.at,
            recoupAmount: this.money(entry.amount),
            coinPub: decodeBase32(entry.coinPub, 32),
            reservePub: decodeBase32(reservePub, 32),
          }),
        );
        const amount = this.amount(entry.amount);
        return { type, amount, coin_pub: entry.coinPub, timestamp: timestampJson(entry.at), ...signed };
      }
      case 'CLOSING':
        return this.closing(reservePub, entry);
      case 'CLOSE':
        return {
          type,
          request_timestamp: timestampJson(entry.requestTimestamp),
          ...(entry.designatedHash === undefined ? {} : { h_payto: entry.designatedHash }),
          reserve_sig: entry.reserveSignature,
        };
      case 'MERGE':
        return {
          type,
          amount: this.amount(entry.amount),
          purse_fee: this.amount(entry.purseFee),
          merge_timestamp: timestampJson(entry.mergeTimestamp),
          purse_expiration: timestampJson(entry.purseExpiresAt),
          h_contract_terms: entry.contractTermsHash,
          merge_pub: entry.mergePub,
          purse_pub: entry.pursePub,
          min_age: entry.minAge,
          flags: MERGE_FLAGS[entry.paidFrom],
          reserve_sig: entry.reserveSignature,
          merged: entry.merged,
        };
    }
  }

  private async closing(
    reservePub: ReservePub,
    entry: Extract<ReserveHistoryEntry, { kind: 'CLOSING' }>,
  ): Promise<Record<string, unknown>> {
    // A closing that wired nothing has no wtid; zeros say so in the signature and in the entry.
    const wtid = entry.wtid ?? '0'.repeat(52);
    const signed = await this.signers.sign(
      message('ReserveCloseConfirmation', {
        timestamp: entry.at,
        closingAmount: this.money(entry.amount),
        closingFee: this.money(entry.closingFee),
        reservePub: decodeBase32(reservePub, 32),
        hPayto: decodeBase32(entry.targetHash, 32),
        wtid: decodeBase32(wtid, 32),
      }),
    );
    return {
      type: 'CLOSING',
      amount: this.amount(entry.amount),
      closing_fee: this.amount(entry.closingFee),
      wtid,
      h_payto: entry.targetHash, // what is signed, also after the account was forgotten
      ...(await this.uri('receiver_account_details', entry.targetAccount, entry.sealedTarget)),
      timestamp: timestampJson(entry.at),
      ...signed,
    };
  }

  /** The account, unless its owner was forgotten. */
  private async uri(member: string, ...sealed: Parameters<Accounts['unseal']>): Promise<Record<string, string>> {
    const uri = await this.accounts.unseal(...sealed);
    return uri === undefined ? {} : { [member]: uri };
  }

  private readonly money = (units: bigint) => ({ currency: this.config.currency, units });
  private readonly amount = (units: bigint): string => formatAmount(this.money(units));
}
