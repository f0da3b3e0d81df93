import { randomBytes } from 'node:crypto';
import {
  type Coin,
  ExchangeClient,
  type ExchangeKeys,
  ExchangeRefused,
  type OfferedDenomination,
  type Payment,
  planPayments,
  type ReserveKeys,
  type SpendableCoin,
} from '@florin/client';
import type { Primitives } from '@florin/crypto';
import { type Amount, encodeBase32, formatAmount, parsePayto } from '@florin/encoding';
import { BankCustomer } from './bank.js';
import { CheckFailed } from './narrator.js';

/** The people of the demo: each with a client, a reserve and coins of their own, and what they share. */

export const draw = (sizeBytes: number): Uint8Array => new Uint8Array(randomBytes(sizeBytes));
export const now = (): number => Math.floor(Date.now() / 1000);
export const short = (bytes: Uint8Array): string => `${encodeBase32(bytes).slice(0, 12)}...`;
export const sum = (units: readonly bigint[]): bigint => units.reduce((total, each) => total + each, 0n);
export const newBankName = (): string => `demo-${encodeBase32(draw(5)).toLowerCase()}`;

export const SEED_SIZE = 32;
/** How long the demo waits for what has to happen. */
export const WAIT_MS = 60_000;

/** What went in and what the exchange kept, in units; whatever people have is asked of the exchange. */
export interface Tally {
  funded: bigint;
  fees: bigint;
}

export class Person {
  readonly client: ExchangeClient;
  readonly reserve: ReserveKeys;
  readonly coins: Coin[] = [];

  constructor(
    readonly name: string,
    { exchangeUrl, primitives }: { readonly exchangeUrl: string; readonly primitives: Primitives },
    private readonly tally: Tally,
  ) {
    this.client = new ExchangeClient({ baseUrl: exchangeUrl, anyBaseUrl: true, primitives, randomBytes: draw });
    this.reserve = this.client.newReserve();
  }

  /** Pays into the reserve from a new account at the bank, and waits until the exchange has noticed. */
  async fund(bankUrl: string, keys: ExchangeKeys, amount: Amount): Promise<void> {
    const customer = new BankCustomer(bankUrl, newBankName(), keys.currency);
    await customer.transfer(exchangeAccount(keys), amount, encodeBase32(this.reserve.reservePub));
    const summary = await this.client.reserve(this.reserve.reservePub, { timeoutMs: WAIT_MS });
    if (summary?.balance.units !== amount.units) throw new CheckFailed(`${this.name}'s money has not arrived`);
    this.tally.funded += amount.units;
  }

  /** Coins of these denominations, in one withdrawal. */
  async withdraw(denominations: readonly OfferedDenomination[], maxAge?: number): Promise<readonly Coin[]> {
    const options = maxAge === undefined ? {} : { maxAge };
    const planchets = await this.client.preparePlanchets(draw(SEED_SIZE), denominations, options);
    const coins = await this.client.batchWithdraw(this.reserve.reservePriv, planchets);
    this.coins.push(...coins);
    this.tally.fees += sum(denominations.map(({ fees }) => fees.withdraw.units));
    return coins;
  }

  /** Units. */
  async balance(): Promise<bigint> {
    return (await this.client.reserve(this.reserve.reservePub))?.balance.units ?? 0n;
  }

  /** The coins with what each may still spend, as their histories prove it. */
  spendable(coins: readonly Coin[] = this.coins): Promise<SpendableCoin[]> {
    return Promise.all(coins.map(async (coin) => ({ coin, residual: await this.client.coins.residual(coin) })));
  }

  /** Payments that bring exactly this amount into a purse. */
  async pay(keys: ExchangeKeys, amount: Amount, coins: readonly Coin[] = this.coins): Promise<readonly Payment[]> {
    const payments = planPayments(keys, await this.spendable(coins), amount);
    if (!payments) throw new CheckFailed(`${this.name}'s coins do not pay ${formatAmount(amount)}`);
    return payments;
  }
}

/** What the coins paid in deposit fees; theirs only once the purse is merged, in units. */
export const depositFees = ({ denominations }: ExchangeKeys, payments: readonly Payment[]): bigint =>
  sum(payments.map(({ coin }) => denominations.get(encodeBase32(coin.denominationHash))?.fees.deposit.units ?? 0n));

/** Name of the account that funds reserves. */
export function exchangeAccount({ accounts }: ExchangeKeys): string {
  const found = accounts.find(({ method }) => method === 'x-taler-bank');
  if (found) return parsePayto(found.paytoUri).account;
  throw new CheckFailed('the exchange has no account at a development bank, so the demo cannot pay into it');
}

/** What has to be refused. @throws CheckFailed when it is not */
export async function refusalOf(call: Promise<unknown>): Promise<ExchangeRefused> {
  try {
    await call;
  } catch (error) {
    if (error instanceof ExchangeRefused) return error;
    throw error;
  }
  throw new CheckFailed('the exchange did what it had to refuse');
}

/** Lets one wait while the other works; a failure of either ends both. @returns what the wait brought */
export async function meanwhile<Value>(
  wait: (signal: AbortSignal) => Promise<Value>,
  work: () => Promise<void>,
): Promise<Value> {
  const failure = new AbortController();
  const waiting = wait(failure.signal);
  waiting.catch(() => undefined); // whoever awaits it below is told
  try {
    await work();
    return await waiting;
  } catch (error) {
    failure.abort(error);
    throw error;
  }
}
