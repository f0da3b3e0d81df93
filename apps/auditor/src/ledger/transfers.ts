/** Orders to the bank: each pays one closing, once; and what became of it. */
import type { TransferEvent } from '@florin/domain';
import type { EventRef } from '../findings.js';
import {
  INSTANT_BYTES,
  KEY_BYTES,
  readInstant,
  readKey,
  readUnits,
  UNITS_BYTES,
  writeInstant,
  writeKey,
  writeUnits,
} from '../layouts.js';
import type { Layout, PackedMap } from '../packed.js';
import type { Accounts } from './accounts.js';
import { transferIds } from './closings.js';
import { type Context, type Report, reporter } from './context.js';
import type { Keys } from './keys.js';
import type { Totals } from './totals.js';
import { ANYTHING } from './unit.js';

type Of<Type extends TransferEvent['type']> = Extract<TransferEvent, { type: Type }>;

const STATUS = ['requested', 'confirmed', 'rejected', 'replaced'] as const;

/** What the bank must show, or must not. By its wtid. */
export interface Order {
  readonly status: (typeof STATUS)[number];
  readonly amount: bigint;
  readonly targetAccount: string;
  /** Seconds, of the order. */
  readonly at: number;
  readonly index: number;
}

const ORDER: Layout<Order> = {
  bytes: 4 + UNITS_BYTES + KEY_BYTES + INSTANT_BYTES + 8,
  write(view, offset, { status, amount, targetAccount, at, index }) {
    view.setUint32(offset, STATUS.indexOf(status));
    writeUnits(view, offset + 4, amount);
    writeKey(view, offset + 4 + UNITS_BYTES, targetAccount);
    writeInstant(view, offset + 4 + UNITS_BYTES + KEY_BYTES, at);
    view.setFloat64(offset + 4 + UNITS_BYTES + KEY_BYTES + INSTANT_BYTES, index);
  },
  read: (view, offset) => ({
    status: STATUS[view.getUint32(offset)] ?? 'requested',
    amount: readUnits(view, offset + 4),
    targetAccount: readKey(view, offset + 4 + UNITS_BYTES),
    at: readInstant(view, offset + 4 + UNITS_BYTES + KEY_BYTES),
    index: view.getFloat64(offset + 4 + UNITS_BYTES + KEY_BYTES + INSTANT_BYTES),
  }),
};

/** An admin let a rejected transfer be paid to another account. Not signed by anybody: shown to people. */
export interface Redirection {
  readonly event: EventRef;
  readonly amount: bigint;
  readonly reason: string;
}

export class Transfers {
  readonly orders: PackedMap<Order>;
  redirections: Redirection[] = [];
  /** Orders that are not confirmed, by request_uid. */
  private open = new Map<string, Of<'TransferRequested'> & { readonly index: number; readonly rejected: boolean }>();

  constructor(
    private readonly context: Context,
    private readonly parts: { readonly keys: Keys; readonly accounts: Accounts; readonly totals: Totals },
  ) {
    this.orders = context.packed.make('orders', ORDER);
  }

  get size(): number {
    return this.open.size;
  }

  apply(event: TransferEvent, ref: EventRef, requestUid: string): void {
    const said = reporter(this.context, ref);
    // On a stream that is uncertain nobody knows what became of an order.
    const isUncertain = this.context.damage.has(ref.stream);
    const report: Report = (code, ...what) => {
      if (!(isUncertain && code === 'transfer-state-wrong')) said(code, ...what);
    };
    switch (event.type) {
      case 'TransferRequested':
        this.request(event, ref, requestUid, report);
        return;
      case 'TransferConfirmed':
        this.confirm(ref, requestUid, report);
        return;
      case 'TransferRejected':
        this.reject(ref, requestUid, report);
        return;
      case 'TransferFailed':
      case 'TransferRedirected':
        this.replace(event, ref, requestUid, report);
        return;
    }
  }

  save(): unknown {
    return { redirections: this.redirections, open: this.open };
  }

  load(saved: unknown): void {
    Object.assign(this, saved);
  }

  private request(event: Of<'TransferRequested'>, ref: EventRef, requestUid: string, report: Report): void {
    const { wtid, amount, targetHash, targetAccount, sealedTarget, reservePub, closing, attempt, at } = event;
    const { keys, accounts } = this.parts;
    keys.checkBaseUrl(event.exchangeBaseUrl, ref);
    keys.checkAccount(event.wireAccount, ref);
    accounts.checkSealed(ref, { sealed: sealedTarget, account: targetAccount, hash: targetHash });
    const ids = transferIds(reservePub, closing, attempt);
    if (event.requestUid !== requestUid || ids.requestUid !== requestUid || ids.wtid !== wtid) {
      report('close-id-wrong', `attempt ${attempt} at closing ${closing} of ${reservePub} has another name`);
    }
    const facts = [wtid, targetHash, targetAccount, reservePub, closing, attempt];
    this.context.unit.take('order', requestUid, { event: ref, units: amount, facts });
    if (this.open.has(requestUid) || this.orders.has(wtid)) {
      report('transfer-state-wrong', 'the order was given before', -amount);
      return;
    }
    this.open.set(requestUid, { ...event, index: ref.index, rejected: false });
    this.orders.set(wtid, { status: 'requested', amount, targetAccount, at, index: ref.index });
  }

  private confirm(ref: EventRef, requestUid: string, report: Report): void {
    const order = this.opened(ref, requestUid, report);
    if (!order) return;
    if (order.rejected) report('transfer-state-wrong', 'confirmed after it was rejected');
    this.open.delete(requestUid);
    this.mark(order, 'confirmed');
    this.parts.totals.sums.transfers -= order.amount;
    this.parts.totals.sums.paid += order.amount;
  }

  private reject(ref: EventRef, requestUid: string, report: Report): void {
    const order = this.opened(ref, requestUid, report);
    if (!order) return;
    if (order.rejected) report('transfer-state-wrong', 'rejected twice');
    this.open.set(requestUid, { ...order, rejected: true });
    this.mark(order, 'rejected');
  }

  /** The next attempt is in the same unit: the same sum, to the same account or to the one that is named. */
  private replace(
    event: Of<'TransferFailed' | 'TransferRedirected'>,
    ref: EventRef,
    requestUid: string,
    report: Report,
  ): void {
    const order = this.opened(ref, requestUid, report);
    if (!order) return;
    if (!order.rejected) report('transfer-state-wrong', 'given up though the bank had not refused it');
    this.open.delete(requestUid);
    this.mark(order, 'replaced');
    const { amount, reservePub, closing, attempt, targetHash, targetAccount } = order;
    const next = transferIds(reservePub, closing, attempt + 1);
    const half = { event: ref, units: amount };
    if (event.type === 'TransferFailed') {
      const facts = [next.wtid, targetHash, targetAccount, reservePub, closing, attempt + 1];
      this.context.unit.give('order', event.nextRequestUid, { ...half, facts });
      return;
    }
    this.redirections.push({ event: ref, amount, reason: event.reason });
    const target = [event.nextTargetHash, ANYTHING] as const;
    const facts = [next.wtid, ...target, reservePub, closing, attempt + 1];
    this.context.unit.give('order', event.nextRequestUid, { ...half, facts });
  }

  private opened(ref: EventRef, requestUid: string, report: Report) {
    const order = this.open.get(requestUid);
    if (!order && this.context.damage.has(ref.stream)) this.context.unit.tear();
    else if (!order) {
      report('transfer-state-wrong', `${ref.type} of a transfer that is not open`);
    }
    return order;
  }

  private mark({ wtid }: { readonly wtid: string }, status: Order['status']): void {
    const order = this.orders.get(wtid);
    if (order) this.orders.set(wtid, { ...order, status });
  }
}
