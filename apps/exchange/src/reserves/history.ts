/** A reserve's history as clients see it, made from the stream that decides; signed where the exchange vouches. */
import { type ReservePub, Streams } from '@florin/domain';
import { decodeBase32, formatAmount, message, timestampJson } from '@florin/encoding';
import { type ReserveHistoryEntry, reserveHistoryEntries } from '@florin/projections';
import { Injectable } from '@nestjs/common';
import { Accounts } from '../runtime/accounts.js';
import { ExchangeSigners } from '../runtime/signers.js';
import { Config, EventStore } from '../runtime/tokens.js';

/** One entry and its number in the reserve's history, from 1. */
export interface HistoryRow {
  readonly row: number;
  readonly json: Record<string, unknown>;
}

@Injectable()
export class ReserveHistory {
  constructor(
    private readonly store: EventStore,
    private readonly streams: Streams,
    private readonly accounts: Accounts,
    private readonly signers: ExchangeSigners,
    private readonly config: Config,
  ) {}

  /** All entries after number `start`, grouped by type, newest first within a type, as the reference answers. */
  async entries(reservePub: ReservePub, start = 0): Promise<HistoryRow[]> {
    const stream = this.streams.reserve(reservePub);
    const rows: { row: number; entry: ReserveHistoryEntry }[] = [];
    let row = 0;
    for (let fromNumber = 0, complete = false; !complete; ) {
      const page = await this.store.readStream(stream.name, { fromNumber });
      for (const event of page.events) {
        for (const entry of reserveHistoryEntries(stream.decode(event))) {
          row += 1;
          if (row > start) rows.push({ row, entry });
        }
      }
      fromNumber += page.events.length;
      complete = page.complete;
    }
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
