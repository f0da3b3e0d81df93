/**
 * Keys that wait for the offline master key: made by the signers, ordered in the key folder, and unknown to wallets
 * until the signature comes back. All nodes of an exchange see the same ones.
 */
import type { DenominationHash, EddsaPub, KeyBook } from '@florin/domain';
import {
  denominationHashOf,
  denominationKeyName,
  KeyFolder,
  orderJson,
  parseOrder,
  Signers,
  signingKeyName,
} from '@florin/signing';
import { Injectable } from '@nestjs/common';
import { Clock } from '../runtime/clock.js';
import { Log } from '../runtime/tokens.js';
import { KeyPlans, type WaitingOrder } from './key-plans.js';

@Injectable()
export class FutureKeys {
  constructor(
    private readonly folder: KeyFolder,
    private readonly signers: Signers,
    private readonly plans: KeyPlans,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {}

  /** What waits, by hash of the denomination or by signing key, the first to begin before the others. */
  async waiting(): Promise<Map<string, WaitingOrder>> {
    const plans = await this.folder.plans();
    const orders = [...plans].map(([key, text]) => [key, parseOrder(JSON.parse(text)) as WaitingOrder] as const);
    return new Map(orders.sort(([, a], [, b]) => a.start - b.start));
  }

  /** Makes the keys that are due, and forgets those that nobody wants any more. */
  async round(book: KeyBook): Promise<void> {
    const orders = await this.waiting();
    for (const [key, order] of orders) {
      const isOffered = book.denominations.has(key as DenominationHash) || book.signingKeys.has(key as EddsaPub);
      if (!isOffered && this.isWanted(order)) continue;
      orders.delete(key);
      await this.forget(key);
      if (!isOffered) await this.destroy(key, order);
    }
    const waiting = [...orders.values()];
    for (const stamps of this.plans.signingKeys(book, waiting))
      await this.keep(await this.plans.makeSigningKey(stamps));
    for (const plan of this.plans.denominations(book, waiting))
      await this.keep(await this.plans.makeDenomination(plan));
  }

  /** The key is offered: its order has done its work. */
  async forget(key: string): Promise<void> {
    await this.folder.destroyPlan(key);
  }

  private isWanted(order: WaitingOrder): boolean {
    const now = this.clock.now();
    return order.kind === 'signing-key'
      ? order.expire > now
      : order.expireWithdraw > now && this.plans.isConfigured(order);
  }

  private async keep(order: WaitingOrder): Promise<void> {
    const key = keyOf(order);
    await this.folder.createPlan(key, `${JSON.stringify(orderJson(order))}\n`);
    this.log.info({ kind: order.kind, key, start: order.start }, 'a key was made and waits for the master key');
  }

  /** Nothing was ever signed with it. */
  private async destroy(key: string, order: WaitingOrder): Promise<void> {
    const name = order.kind === 'denomination' ? denominationKeyName(key) : signingKeyName(key);
    await this.signers.drop(name);
    await this.folder.destroyKey(name);
    this.log.info({ kind: order.kind, key }, 'a key that was never offered was destroyed');
  }
}

const keyOf = (order: WaitingOrder): string =>
  order.kind === 'denomination' ? denominationHashOf(order.pub) : order.exchangePub;
