/** Pays what was ordered: sends each transfer until the bank confirms it, or refuses it for good. */
import { accept, type HashCode, repeat, Streams } from '@florin/domain';
import { decodeBase32 } from '@florin/encoding';
import { Ledger } from '@florin/event-store';
import { type OutgoingTransfer, Views } from '@florin/projections';
import { executeTransfer, prepareTransfer, type TransferOutcome } from '@florin/wire';
import { Injectable } from '@nestjs/common';
import { Accounts } from '../runtime/accounts.js';
import { Clock } from '../runtime/clock.js';
import { Config, Log } from '../runtime/tokens.js';
import { Gateways } from './gateways.js';

/** How many orders are looked at in one round, and how many are with the bank at a time. */
const ORDERS_PER_ROUND = 200;
const AT_A_TIME = 8;
const RETRY_FIRST_MS = 1_000;
const RETRY_MAX_MS = 300_000;

interface Waiting {
  readonly untilMs: number;
  readonly delayMs: number;
}

@Injectable()
export class PayTransfers {
  /** Orders that the bank could not take now; forgotten with the process, which only means to ask sooner. */
  private readonly waiting = new Map<HashCode, Waiting>();

  constructor(
    private readonly ledger: Ledger,
    private readonly views: Views,
    private readonly streams: Streams,
    private readonly gateways: Gateways,
    private readonly accounts: Accounts,
    private readonly clock: Clock,
    private readonly config: Config,
    private readonly log: Log,
  ) {}

  /** One look at the table of open orders. */
  async round(signal: AbortSignal): Promise<void> {
    let after: number | undefined;
    for (;;) {
      const page = { limit: ORDERS_PER_ROUND, ...(after === undefined ? {} : { after }) };
      const open = await this.views.ask('transfers', 'byStatus', 'requested', page);
      const due = open.filter(({ requestUid }) => (this.waiting.get(requestUid)?.untilMs ?? 0) <= performance.now());
      for (let first = 0; first < due.length && !signal.aborted; first += AT_A_TIME) {
        await Promise.all(due.slice(first, first + AT_A_TIME).map((order) => this.pay(order)));
      }
      if (open.length < ORDERS_PER_ROUND || signal.aborted) return;
      after = open.at(-1)?.orderedAs;
    }
  }

  private async pay(order: OutgoingTransfer): Promise<void> {
    const { requestUid } = order;
    try {
      const outcome = await this.send(order);
      if (outcome.kind === 'retry') this.postpone(requestUid, outcome.reason);
      else await this.record(requestUid, outcome);
    } catch (error) {
      this.postpone(requestUid, error instanceof Error ? error.message : 'unknown fault');
    }
  }

  private async send(order: OutgoingTransfer): Promise<TransferOutcome> {
    const creditAccount = await this.accounts.unseal(order.targetAccount, order.sealedTarget);
    if (creditAccount === undefined) {
      return { kind: 'failed', reason: 'the account was forgotten before it was paid', bankSaid: undefined };
    }
    const prepared = prepareTransfer({
      requestUid: decodeBase32(order.requestUid, 64),
      amount: { currency: this.config.currency, units: order.amount },
      exchangeBaseUrl: order.exchangeBaseUrl,
      wtid: decodeBase32(order.wtid, 32),
      creditAccount,
    });
    return executeTransfer(this.gateways.of(order.wireAccount), prepared);
  }

  private async record(requestUid: HashCode, outcome: Exclude<TransferOutcome, { kind: 'retry' }>): Promise<void> {
    const stream = this.streams.transfer(requestUid);
    await this.ledger.transact([stream.name], async (tx) => {
      const { status } = await tx.load(stream);
      if (status !== 'requested') return repeat(undefined);
      const at = this.clock.now();
      tx.append(
        stream.append(
          outcome.kind === 'confirmed'
            ? { type: 'TransferConfirmed', bankRow: outcome.rowId, bankTime: outcome.timestamp, at }
            : { type: 'TransferRejected', reason: outcome.reason, at },
        ),
      );
      return accept(undefined);
    });
    this.waiting.delete(requestUid);
    if (outcome.kind === 'failed') {
      this.log.error({ requestUid, reason: outcome.reason }, 'the bank refused a transfer for good: an admin must act');
    }
    await this.views.caughtUpWith(this.ledger.lastCommitted);
  }

  private postpone(requestUid: HashCode, reason: string): void {
    const delayMs = Math.min((this.waiting.get(requestUid)?.delayMs ?? RETRY_FIRST_MS / 2) * 2, RETRY_MAX_MS);
    this.waiting.set(requestUid, { untilMs: performance.now() + delayMs, delayMs });
    this.log.warn({ requestUid, reason, retryInMs: delayMs }, 'a transfer could not be sent yet');
  }
}
