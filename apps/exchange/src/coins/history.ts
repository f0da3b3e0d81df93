/** A coin's history as clients see it, made from the stream that decides; signed where the exchange vouches. */
import { type CoinPub, type DenominationHash, Streams } from '@florin/domain';
import { decodeBase32, formatAmount, message, timestampJson } from '@florin/encoding';
import { type CoinHistory, type CoinHistoryEntry, coinHistoryOf } from '@florin/projections';
import { Injectable } from '@nestjs/common';
import { ExchangeSigners } from '../runtime/signers.js';
import { Config, EventStore } from '../runtime/tokens.js';

type Json = Record<string, unknown>;

export interface ReadCoinHistory {
  readonly denominationHash: DenominationHash;
  readonly balance: bigint;
  readonly lastRow: number;
  /** Entries after `start`, grouped by type, newest first within a type. */
  readonly entries: () => Promise<Json[]>;
}

@Injectable()
export class CoinHistories {
  constructor(
    private readonly store: EventStore,
    private readonly streams: Streams,
    private readonly signers: ExchangeSigners,
    private readonly config: Config,
  ) {}

  /** Undefined if the exchange never saw the coin. */
  async read(coinPub: CoinPub, start = 0): Promise<ReadCoinHistory | undefined> {
    const stream = this.streams.coin(coinPub);
    const events = [];
    for (let complete = false; !complete; ) {
      const page = await this.store.readStream(stream.name, { fromNumber: events.length });
      events.push(...page.events.map((event) => stream.decode(event)));
      complete = page.complete;
    }
    const history = coinHistoryOf(events, start);
    if (!history) return undefined;
    const { denominationHash, balance, lastRow } = history;
    return { denominationHash, balance, lastRow, entries: () => this.render(coinPub, history) };
  }

  /** The proof of a conflict: all entries. */
  async proof(coinPub: CoinPub): Promise<Json[]> {
    return (await this.read(coinPub))?.entries() ?? [];
  }

  private render(coinPub: CoinPub, history: CoinHistory): Promise<Json[]> {
    const entries = history.rows.map(({ entry }) => entry);
    const kinds = [...new Set(entries.map(({ kind }) => kind))];
    const ordered = kinds.flatMap((kind) => entries.filter((entry) => entry.kind === kind).reverse());
    return Promise.all(ordered.map((entry) => this.json(coinPub, entry, history)));
  }

  private async json(coinPub: CoinPub, entry: CoinHistoryEntry, history: CoinHistory): Promise<Json> {
    const type = entry.kind;
    const amount = formatAmount(this.money(entry.amount));
    switch (entry.kind) {
      case 'PURSE-DEPOSIT': {
        const { ageCommitmentHash, refundedPurses } = history;
        return {
          type,
          amount,
          exchange_base_url: entry.exchangeBaseUrl,
          ...(ageCommitmentHash === undefined ? {} : { h_age_commitment: ageCommitmentHash }),
          purse_pub: entry.pursePub,
          refunded: refundedPurses.includes(entry.pursePub),
          coin_sig: entry.coinSignature,
        };
      }
      case 'PURSE-REFUND': {
        const signed = await this.signers.sign(
          message('CoinPurseRefundConfirmation', {
            pursePub: decodeBase32(entry.pursePub, 32),
            coinPub: decodeBase32(coinPub, 32),
            refundedAmount: this.money(entry.amount),
            refundFee: this.money(0n),
          }),
        );
        return { type, amount, refund_fee: formatAmount(this.money(0n)), ...signed, purse_pub: entry.pursePub };
      }
      case 'RECOUP': {
        const signed = await this.signers.sign(
          message('RecoupConfirmation', {
            timestamp: entry.at,
            recoupAmount: this.money(entry.amount),
            coinPub: decodeBase32(coinPub, 32),
            reservePub: decodeBase32(entry.reservePub, 32),
          }),
        );
        return {
          type,
          amount,
          ...signed,
          reserve_pub: entry.reservePub,
          coin_sig: entry.coinSignature,
          coin_blind: entry.blindingSecret,
          timestamp: timestampJson(entry.at),
        };
      }
    }
  }

  private readonly money = (units: bigint) => ({ currency: this.config.currency, units });
}
