/** A coin's history as clients see it, made from the stream that decides; signed where the exchange vouches. */
import { type CoinPub, type CoinRefusal, type DenominationHash, type Refuse, refuse, Streams } from '@florin/domain';
import { decodeBase32, formatAmount, message, timestampJson } from '@florin/encoding';
import type { Transaction } from '@florin/event-store';
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

/** With all entries of the coin's stream, as the decision saw it. */
export type Proven<R> = R extends CoinRefusal ? R & { readonly history: ReadCoinHistory | undefined } : R;

const isAboutCoin = (refusal: { readonly code: string }): refusal is CoinRefusal =>
  /^COIN_(VALUE_INSUFFICIENT|DENOMINATION_CONFLICT|AGE_CONFLICT)$/.test(refusal.code);

@Injectable()
export class CoinHistories {
  constructor(
    private readonly store: EventStore,
    private readonly streams: Streams,
    private readonly signers: ExchangeSigners,
    private readonly config: Config,
  ) {}

  /**
   * Undefined if the exchange never saw the coin.
   * @param from the transaction, for the coin as its decision sees it: should it have moved, the attempt is made again
   */
  async read(
    coinPub: CoinPub,
    { start = 0, from = this.store }: { start?: number; from?: Pick<Transaction, 'readStream'> } = {},
  ): Promise<ReadCoinHistory | undefined> {
    const stream = this.streams.coin(coinPub);
    const events = [];
    for (let complete = false; !complete; ) {
      const page = await from.readStream(stream.name, { fromNumber: events.length });
      events.push(...page.events.map((event) => stream.decode(event)));
      complete = page.complete;
    }
    const history = coinHistoryOf(events, start);
    if (!history) return undefined;
    const { denominationHash, balance, lastRow } = history;
    return { denominationHash, balance, lastRow, entries: () => this.render(coinPub, history) };
  }

  /** A refusal with its proof, if it is about what a coin did before. */
  async proven<R extends { readonly code: string }>(tx: Transaction, refusal: R): Promise<Refuse<Proven<R>>> {
    if (!isAboutCoin(refusal)) return refuse(refusal as Proven<R>);
    const history = await this.read(refusal.coinPub, { from: tx });
    return refuse({ ...refusal, history } as Proven<R>);
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
