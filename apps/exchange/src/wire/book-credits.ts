/** Books what the bank credited: one unit for a batch of rows, each row once, decided on the wire account's stream. */
import { accept, type EddsaPub, extended, type ReservePub, repeat, Streams } from '@florin/domain';
import { encodeBase32 } from '@florin/encoding';
import { Ledger, type Transaction } from '@florin/event-store';
import type { Credit, KycAuthCredit, ReserveCredit } from '@florin/wire';
import { Injectable } from '@nestjs/common';
import { Accounts } from '../runtime/accounts.js';
import { Clock } from '../runtime/clock.js';
import { Config } from '../runtime/tokens.js';

@Injectable()
export class BookCredits {
  constructor(
    private readonly ledger: Ledger,
    private readonly streams: Streams,
    private readonly accounts: Accounts,
    private readonly clock: Clock,
    private readonly config: Config,
  ) {}

  /** The highest row that is booked for this account of ours, 0 before the first. */
  async lastRow(wireAccount: string): Promise<bigint> {
    return (await this.ledger.refresh(this.streams.wire(wireAccount))).lastRow;
  }

  /** Rows ascending; those that are booked already are passed over. */
  async book(wireAccount: string, rows: readonly Credit[]): Promise<void> {
    const wire = this.streams.wire(wireAccount);
    await this.ledger.transact([wire.name], async (tx) => {
      const { lastRow } = await tx.load(wire);
      const fresh = rows.filter(({ rowId }) => rowId > lastRow);
      if (fresh.length === 0) return repeat(undefined);
      for (const credit of fresh) await this.append(tx, wireAccount, credit);
      return accept(undefined);
    });
  }

  private async append(tx: Transaction, wireAccount: string, credit: Credit): Promise<void> {
    switch (credit.type) {
      case 'reserve':
        return this.fund(tx, wireAccount, credit);
      case 'kyc-auth':
        return this.bindOwner(tx, wireAccount, credit);
      case 'wad':
        return this.setAside(tx, wireAccount, credit, 'transfers from other exchanges are not served');
      case 'unknown':
        return this.setAside(tx, wireAccount, credit, credit.reason);
    }
  }

  private async fund(tx: Transaction, wireAccount: string, credit: ReserveCredit): Promise<void> {
    const at = this.clock.now();
    const reservePub = encodeBase32(credit.reservePub) as ReservePub;
    const reserve = this.streams.reserve(reservePub);
    const { closingDelay, legalDelay } = this.config.reserves;
    const dates = extended(await tx.load(reserve), { now: at, closingDelayS: closingDelay, legalDelayS: legalDelay });
    const origin = await this.origin(credit.debitAccount);
    const { units } = credit.amount;
    tx.append(
      this.streams.wire(wireAccount).append({
        type: 'CreditBooked',
        row: credit.rowId,
        kind: 'reserve',
        amount: units,
        subjectPub: reservePub as string as EddsaPub,
        ...origin,
        bankTime: credit.date,
        at,
      }),
      reserve.append({
        type: 'ReserveFunded',
        amount: units,
        wireAccount,
        bankRow: credit.rowId,
        bankTime: credit.date,
        ...origin,
        at,
        ...dates,
      }),
    );
  }

  private async bindOwner(tx: Transaction, wireAccount: string, credit: KycAuthCredit): Promise<void> {
    const at = this.clock.now();
    const origin = await this.origin(credit.debitAccount);
    const account = this.streams.account(origin.originAccount);
    await tx.load(account);
    const accountPub = encodeBase32(credit.accountPub) as EddsaPub;
    tx.append(
      this.streams.wire(wireAccount).append({
        type: 'CreditBooked',
        row: credit.rowId,
        kind: 'kyc-auth',
        amount: credit.amount.units,
        subjectPub: accountPub,
        ...origin,
        bankTime: credit.date,
        at,
      }),
      account.append({ type: 'AccountOwnerBound', accountPub, wireAccount, bankRow: credit.rowId, at }),
    );
  }

  /** Money without a reserve: recorded, shown to the admin, owed to nobody that the ledger knows. */
  private async setAside(
    tx: Transaction,
    wireAccount: string,
    credit: Extract<Credit, { type: 'wad' | 'unknown' }>,
    reason: string,
  ): Promise<void> {
    const at = this.clock.now();
    const { amount, debitAccount } = credit;
    tx.append(
      this.streams.wire(wireAccount).append({
        type: 'CreditBooked',
        row: credit.rowId,
        kind: 'unusable',
        ...(amount?.currency === this.config.currency ? { amount: amount.units } : {}),
        ...(debitAccount === undefined ? {} : await this.origin(debitAccount)),
        bankTime: credit.date ?? at,
        reason,
        at,
      }),
    );
  }

  private async origin(uri: string) {
    const { hash: originHash, account: originAccount } = this.accounts.identify(uri);
    return { originHash, originAccount, sealedOrigin: await this.accounts.seal(originAccount, uri) };
  }
}
