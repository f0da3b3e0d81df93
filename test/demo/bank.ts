import { setTimeout as delay } from 'node:timers/promises';
import { type Amount, formatAmount, parseAmount } from '@florin/encoding';
import { CheckFailed } from './narrator.js';

/** A line of a bank statement. */
export interface StatementLine {
  readonly direction: 'credit' | 'debit';
  readonly amount: Amount;
  readonly subject: string;
}

/** Nothing that speaks as the development bank does is at its URL. */
export class BankMissing extends Error {
  override readonly name = 'BankMissing';
}

const POLL_MS = 100;
const PATIENCE_MS = 30_000;

/** A customer of the development bank, whose account is made at its first transfer. */
export class BankCustomer {
  constructor(
    private readonly bankUrl: string,
    /** Name of the account. */
    readonly name: string,
    private readonly currency: string,
  ) {}

  /** Transfers money to another account of this bank. */
  async transfer(to: string, amount: Amount, subject: string): Promise<void> {
    const order = { amount: formatAmount(amount), from: this.name, subject };
    const receipt = await this.#call(`accounts/${encodeURIComponent(to)}/transactions`, order);
    if (receipt.bounced !== false) throw new CheckFailed('the bank sent the transfer back');
  }

  /** What this account holds, in units; below zero when it owes: everybody may overdraw at this bank. */
  async balance(): Promise<bigint> {
    const { balance } = await this.#call(`accounts/${this.name}`);
    const { units } = parseAmount(balance.amount, this.currency);
    return balance.credit_debit_indicator === 'debit' ? -units : units;
  }

  /** Waits until a credit arrives whose subject begins with `subject`. */
  async waitForCredit(subject: string): Promise<StatementLine> {
    const deadline = performance.now() + PATIENCE_MS;
    for (;;) {
      const found = (await this.statement()).find(
        (line) => line.direction === 'credit' && line.subject.startsWith(subject),
      );
      if (found) return found;
      if (performance.now() > deadline) throw new CheckFailed('the money has not come back to the bank account');
      await delay(POLL_MS);
    }
  }

  /** Newest first. */
  async statement(): Promise<StatementLine[]> {
    const { transactions } = await this.#call(`accounts/${this.name}`);
    return transactions.map(({ direction, amount, subject }: Record<string, string>) => ({
      direction,
      amount: parseAmount(amount as string, this.currency),
      subject,
    }));
  }

  // biome-ignore lint/suspicious/noExplicitAny: replies of the development bank, of which a wallet believes nothing
  async #call(path: string, body?: object): Promise<any> {
    const post = body && { method: 'POST', body: JSON.stringify(body) };
    let reply: Response;
    try {
      reply = await fetch(`${this.bankUrl}${path}`, post);
    } catch (cause) {
      throw new BankMissing(`no bank answers at ${this.bankUrl}; name it in FLORIN_BANK_URL`, { cause });
    }
    if (reply.ok) return reply.json();
    throw new BankMissing(`${this.bankUrl}${path} answered with ${reply.status}; is it the development bank?`);
  }
}
