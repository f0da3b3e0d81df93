/**
 * Kills the exchange in the middle of its work, again and again, and looks whether everything that it acknowledged is
 * still so, and every amount is where it belongs. The bank is a process of its own and goes on.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { fundReserve, type RunningExchange, smallKeys, startExchange } from '../../support/exchange.js';
import { type BankProcess, startBank } from './bank-process.js';
import {
  expectCoins,
  newPlanchet,
  newReserve,
  type Planchet,
  postWithdraw,
  type Reserve,
  type WithdrawItem,
  withdrawBody,
} from './coins.js';
import { expectOk, type Reply, send } from './http.js';
import { now, type Offer, readOffers, units } from './offers.js';
import { balanceOf, closeBody, eventually, formatUnits, newAccount, paymentsOf, postClose } from './reserves.js';

/** A request that was sent, and what was answered, if anything was. */
interface Asked<Body> {
  readonly body: Body;
  readonly planchets: readonly Planchet[];
  answer: Reply | undefined;
}

/** A reserve, and what the books of the test say about it. */
interface Account {
  readonly reserve: Reserve;
  readonly bankAccount: string;
  credited: bigint;
  /** How many of the withdrawals were repeated. */
  repeated: number;
  readonly withdrawals: Asked<{ planchets: WithdrawItem[] }>[];
  readonly closings: Asked<object>[];
}

const CREDIT = units('7');
const COIN = units('0.11');
const CLOSING_FEE = units('0.05');

export async function crashRounds(rounds: number): Promise<{ withdrawals: number; closings: number }> {
  const bank = await startBank();
  const configure = (settings: Parameters<typeof smallKeys>[0]): void => {
    smallKeys(settings);
    bank.configure(settings);
  };
  let exchange = await startExchange({ onTestServer: true, configure });
  try {
    const offer = (await readOffers(exchange.baseUrl)).of('0.1');
    const accounts = Array.from({ length: 4 }, (): Account => {
      return {
        reserve: newReserve(),
        bankAccount: newAccount(),
        credited: 0n,
        repeated: 0,
        withdrawals: [],
        closings: [],
      };
    });
    for (const account of accounts) await credit(bank, account);
    for (const { reserve } of accounts) {
      expectOk(await send(`${exchange.baseUrl}reserves/${reserve.pub}?timeout_ms=60000`));
    }
    for (let round = 0; round < rounds; round += 1) {
      await killUnderLoad(exchange, bank, { accounts, offer, round });
      for (const account of accounts) await credit(bank, account); // while nobody listens
      const { data, ports } = exchange;
      exchange = await startExchange({ data, ports, configure });
      await repeat(exchange, accounts, { all: round === rounds - 1 });
      for (const account of accounts) await settled(exchange, account);
    }
    await everythingPaid(bank, accounts);
    expect(await exchange.stop()).toBe(0);
    const count = (of: (account: Account) => readonly unknown[]): number =>
      accounts.reduce((sum, account) => sum + of(account).length, 0);
    return { withdrawals: count((one) => one.withdrawals), closings: count((one) => one.closings) };
  } finally {
    await exchange.kill();
    exchange.remove();
    await bank.stop();
  }
}

async function credit(bank: BankProcess, account: Account): Promise<void> {
  await fundReserve(bank, account.reserve.pub, formatUnits(CREDIT), account.bankAccount);
  account.credited += CREDIT;
}

/** Withdraws, closes and credits until the kill, which falls anywhere. */
async function killUnderLoad(
  exchange: RunningExchange,
  bank: BankProcess,
  { accounts, offer, round }: { accounts: readonly Account[]; offer: Offer; round: number },
): Promise<void> {
  let alive = true;
  let answered = 0;
  const ask = async <Body>(list: Asked<Body>[], asked: Asked<Body>, post: () => Promise<Reply>): Promise<void> => {
    list.push(asked);
    asked.answer = await post().catch(() => undefined);
    if (asked.answer?.status === 200) answered += 1;
  };
  const withdrawing = async (account: Account): Promise<void> => {
    while (alive) {
      const planchets = [newPlanchet(offer), newPlanchet(offer)];
      const body = withdrawBody(account.reserve, planchets);
      const asked = { body, planchets, answer: undefined };
      await ask(account.withdrawals, asked, () => postWithdraw(exchange.baseUrl, account.reserve.pub, body));
    }
  };
  const others = async (account: Account): Promise<void> => {
    await sleep(300);
    const body = closeBody(account.reserve, { timestamp: now() + round });
    const asked = { body, planchets: [], answer: undefined };
    await ask(account.closings, asked, () => postClose(exchange.baseUrl, account.reserve.pub, body));
    if (alive) await credit(bank, account);
  };
  const work = accounts.flatMap((account) => [withdrawing(account), withdrawing(account), others(account)]);
  while (answered < 20 + 7 * (round % 5)) await sleep(5);
  alive = false;
  await exchange.kill();
  await Promise.all(work);
}

/** What was acknowledged is answered with the same bytes; what was not gets its answer now. */
async function repeat(
  { baseUrl }: RunningExchange,
  accounts: readonly Account[],
  { all }: { all: boolean },
): Promise<void> {
  for (const account of accounts) {
    const { reserve, withdrawals, closings, repeated } = account;
    for (const asked of all ? withdrawals : withdrawals.slice(repeated)) {
      const reply = await postWithdraw(baseUrl, reserve.pub, asked.body);
      if (asked.answer?.status === 200) expect(reply.text).toBe(asked.answer.text);
      else if (reply.status === 200) expectCoins(reply, asked.planchets);
      else expect(reply.json.code).toBe(1150);
      asked.answer = reply;
    }
    account.repeated = withdrawals.length;
    for (const asked of closings) {
      const reply = await postClose(baseUrl, reserve.pub, asked.body);
      if (asked.answer?.status === 200) expect(reply.text).toBe(asked.answer.text);
      expectOk(reply);
      asked.answer = reply;
    }
  }
}

const wired = ({ answer }: Asked<object>): bigint => units(String(answer?.json.wire_amount));

/** The balance that the books of the test say, once the exchange has seen every credit. */
async function settled({ baseUrl }: RunningExchange, account: Account): Promise<void> {
  const coins = account.withdrawals.filter(({ answer }) => answer?.status === 200).length * 2;
  const closed = account.closings.map(wired).filter((amount) => amount > 0n);
  const spent = BigInt(coins) * COIN + closed.reduce((sum, amount) => sum + amount + CLOSING_FEE, 0n);
  const expected = account.credited - spent;
  await eventually(async () => {
    const balance = await balanceOf(baseUrl, account.reserve);
    expect(balance).toBeLessThanOrEqual(expected);
    return balance === expected ? true : undefined;
  });
}

/** Every closing arrived, exactly, once; and nothing else did. */
async function everythingPaid(bank: BankProcess, accounts: readonly Account[]): Promise<void> {
  const owed = accounts.flatMap(({ closings, bankAccount }) =>
    closings
      .map((asked) => `${formatUnits(wired(asked))} ${bankAccount}`)
      .filter((line) => !line.startsWith('KUDOS:0 ')),
  );
  const paid = await eventually(async () => {
    const payments = await paymentsOf(bank);
    return payments.length >= owed.length ? payments : undefined;
  });
  expect(paid.map(({ amount, credit_account }) => `${amount} ${credit_account}`).sort()).toEqual(owed.sort());
  expect(new Set(paid.map(({ wtid }) => wtid)).size).toBe(paid.length);
}
