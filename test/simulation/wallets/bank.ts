import { encodeBase32, formatAmount, parseAmount, timestampJson } from '@florin/encoding';
import { CURRENCY } from './settings.js';

/** A transfer of a customer to the exchange. */
export interface BankCredit {
  readonly row: number;
  /** Units. */
  readonly amount: bigint;
  readonly reservePub: string;
  readonly debitAccount: string;
  /** Seconds. */
  readonly at: number;
}

/** A transfer of the exchange to a customer. */
export interface BankDebit {
  readonly row: number;
  readonly requestUid: string;
  readonly amount: bigint;
  readonly wtid: string;
  readonly creditAccount: string;
  readonly at: number;
}

interface TransferBody {
  readonly request_uid: string;
  readonly amount: string;
  readonly wtid: string;
  readonly credit_account: string;
}

/** The bank at which the exchange has its account: rows of money, and the wire gateway that shows and takes them. */
export class Bank {
  readonly credits: BankCredit[] = [];
  readonly debits: BankDebit[] = [];
  private rows = 0;
  private waiting: (() => void)[] = [];

  /** Orders that this bank will never carry out. */
  private readonly refused = new Set<string>();

  constructor(
    /** Seconds since 1970. */
    private readonly now: () => number,
    /** Whether it cannot carry out an order that is new to it. */
    private readonly refuses: () => boolean,
  ) {}

  /** A customer pays into a reserve. @param amount units */
  credit(amount: bigint, reservePub: Uint8Array, debitAccount: string): void {
    const at = this.now();
    this.credits.push({ row: this.nextRow(), amount, reservePub: encodeBase32(reservePub), debitAccount, at });
    for (const wake of this.waiting.splice(0)) wake();
  }

  /** One request of the exchange. @param url below the gateway's base URL, query included */
  async answer(url: URL, body: string | undefined): Promise<Response> {
    const operation = url.pathname.slice(url.pathname.indexOf('/taler-wire-gateway/') + '/taler-wire-gateway/'.length);
    switch (operation) {
      case 'config':
        return json(200, { name: 'taler-wire-gateway', version: '3:0:3', currency: CURRENCY });
      case 'history/incoming':
        return this.incoming(Number(url.searchParams.get('start') ?? 0), Number(url.searchParams.get('timeout_ms')));
      case 'transfer':
        return this.transfer(JSON.parse(body ?? '{}') as TransferBody);
      default:
        return json(404, { code: 9999, hint: 'this bank does not offer that' });
    }
  }

  /** Waits for a row if there is none. */
  private async incoming(start: number, waitMs: number): Promise<Response> {
    const found = () => this.credits.filter(({ row }) => row > start);
    if (found().length === 0 && waitMs > 0) {
      await new Promise<void>((resolve) => {
        this.waiting.push(resolve);
        setTimeout(resolve, waitMs);
      });
    }
    const rows = found();
    if (rows.length === 0) return new Response(null, { status: 204 });
    return json(200, {
      credit_account: EXCHANGE_ACCOUNT,
      incoming_transactions: rows.map(({ row, amount, reservePub, debitAccount, at }) => ({
        type: 'RESERVE',
        row_id: row,
        date: timestampJson(at),
        amount: formatAmount({ currency: CURRENCY, units: amount }),
        debit_account: debitAccount,
        reserve_pub: reservePub,
      })),
    });
  }

  private transfer({ request_uid, amount, wtid, credit_account }: TransferBody): Response {
    const { units } = parseAmount(amount, CURRENCY);
    let debit = this.debits.find(({ requestUid }) => requestUid === request_uid);
    if (debit && (debit.amount !== units || debit.wtid !== wtid || debit.creditAccount !== credit_account)) {
      return json(409, { code: 5112, hint: 'another transfer has this request_uid' });
    }
    if (!debit && this.debits.some((other) => other.wtid === wtid)) {
      return json(409, { code: 5154, hint: 'another transfer has this wtid' });
    }
    if (!debit && (this.refused.has(request_uid) || this.refuses())) {
      this.refused.add(request_uid);
      return json(400, { code: 24, hint: 'this bank cannot pay to that account' });
    }
    if (!debit) {
      const about = { requestUid: request_uid, amount: units, wtid, creditAccount: credit_account };
      debit = { row: this.nextRow(), ...about, at: this.now() };
      this.debits.push(debit);
    }
    return json(200, { row_id: debit.row, timestamp: timestampJson(debit.at) });
  }

  private nextRow(): number {
    this.rows += 1;
    return this.rows;
  }
}

export const EXCHANGE_ACCOUNT = 'payto://x-taler-bank/bank.simulation/exchange?receiver-name=Exchange';
export const GATEWAY_URL = 'http://bank.simulation/accounts/exchange/taler-wire-gateway/';

const json = (status: number, body: object): Response => new Response(JSON.stringify(body), { status });
