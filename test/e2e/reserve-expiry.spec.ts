import { afterAll, beforeAll, expect, test } from 'vitest';
import { fundReserve, type RunningExchange, smallKeys, startExchange } from '../support/exchange.js';
import { expectCoins, newPlanchets, newReserve, type Reserve, withdraw } from './support/coins.js';
import { expectHistory } from './support/history.js';
import { expectOk, expectRefusal, send } from './support/http.js';
import { now, type Offers, readOffers } from './support/offers.js';
import {
  balanceOf,
  close,
  eventually,
  fundedReserve,
  newAccount,
  paymentsOf,
  paymentsTo,
  summaryOf,
} from './support/reserves.js';

// Reserves whose time is over: closed by themselves, to where the money came from. Here after some seconds, in which a
// busy machine still serves a withdrawal.
let exchange: RunningExchange;
let offers: Offers;

beforeAll(async () => {
  exchange = await startExchange({
    onTestServer: true,
    configure: (settings) => {
      smallKeys(settings);
      settings.reserves.closingDelay = '12 seconds';
    },
  });
  offers = await readOffers(exchange.baseUrl);
});
afterAll(async () => {
  expect(await exchange.stop()).toBe(0);
  exchange.remove();
});

const expiration = async (reserve: Reserve): Promise<number> =>
  ((await summaryOf(exchange.baseUrl, reserve)).reserve_expiration as { t_s: number }).t_s;
async function overdue(reserve: Reserve): Promise<void> {
  const at = await expiration(reserve);
  await eventually(async () => (now() >= at ? true : undefined));
}

test('nobody has to ask: the rest arrives at the origin, less the fee, once', async () => {
  const accounts = Array.from({ length: 5 }, newAccount);
  const reserves = await Promise.all(accounts.map((account) => fundedReserve(exchange, '2', account)));
  for (const account of accounts) {
    expect((await paymentsTo(exchange, account)).map(({ amount }) => amount)).toEqual(['KUDOS:1.95']);
  }
  for (const reserve of reserves) expect(await balanceOf(exchange.baseUrl, reserve)).toBe(0n);
  const paid = (await paymentsOf(exchange)).filter(({ credit_account }) => accounts.includes(credit_account));
  expect(paid).toHaveLength(5);
});

test('expired is expired at once: summary, withdrawal and close find nothing left', async () => {
  const accounts = Array.from({ length: 3 }, newAccount);
  const [looked, spent, closed] = (await Promise.all(
    accounts.map((account) => fundedReserve(exchange, '2', account)),
  )) as [Reserve, Reserve, Reserve];
  await Promise.all([looked, spent, closed].map(overdue));
  const [summary, withdrawal, closing] = await Promise.all([
    send(`${exchange.baseUrl}reserves/${looked.pub}?timeout_ms=100000`),
    withdraw(exchange.baseUrl, spent, newPlanchets(offers, '1')),
    close(exchange.baseUrl, closed),
  ]);
  expect(expectOk(summary).balance).toBe('KUDOS:0');
  const body = expectRefusal(withdrawal, 409, 1150);
  expect(body.balance).toBe('KUDOS:0');
  expect(expectHistory(body, spent.pub, offers.signingKeys).map(({ type }) => type)).toEqual(['CREDIT', 'CLOSING']);
  expect(expectOk(closing).wire_amount).toBe('KUDOS:0');
  for (const account of accounts) {
    expect((await paymentsTo(exchange, account)).map(({ amount }) => amount)).toEqual(['KUDOS:1.95']);
  }
});

test('new money comes in time, or reopens; what was withdrawn is answered still', async () => {
  const account = newAccount();
  const reserve = await fundedReserve(exchange, '3', account);
  const planchets = newPlanchets(offers, '1');
  const first = await withdraw(exchange.baseUrl, reserve, planchets);
  expectCoins(first, planchets);
  await overdue(reserve);
  expect((await paymentsTo(exchange, account)).map(({ amount }) => amount)).toEqual(['KUDOS:1.94']);
  const again = await withdraw(exchange.baseUrl, reserve, planchets);
  expect(again.bytes.equals(first.bytes)).toBe(true);

  await fundReserve(exchange, reserve.pub, 'KUDOS:5', account);
  const payments = await paymentsTo(exchange, account, 2);
  expect(payments.map(({ amount }) => amount)).toEqual(['KUDOS:1.94', 'KUDOS:4.95']);
  expect(new Set(payments.map(({ wtid }) => wtid)).size).toBe(2);
});

test('a balance that the fee uses up is taken, and nothing is wired', async () => {
  const accounts = [newAccount(), newAccount()];
  const amounts = ['0.05', '0.03'];
  const reserves = await Promise.all(
    amounts.map((amount, index) => fundedReserve(exchange, amount, accounts[index] ?? '')),
  );
  await Promise.all(reserves.map(overdue));
  for (const [index, reserve] of reserves.entries()) {
    expect(await balanceOf(exchange.baseUrl, reserve)).toBe(0n);
    const body = expectRefusal(await withdraw(exchange.baseUrl, reserve, newPlanchets(offers, '0.1')), 409, 1150);
    const closing = expectHistory(body, reserve.pub, offers.signingKeys).find(({ type }) => type === 'CLOSING');
    expect(closing).toMatchObject({ amount: `KUDOS:${amounts[index]}`, closing_fee: `KUDOS:${amounts[index]}` });
  }
  const paid = await paymentsOf(exchange);
  expect(paid.filter(({ credit_account }) => accounts.includes(credit_account))).toEqual([]);
});

test('what falls due while the exchange is away is settled when it comes back', async () => {
  const account = newAccount();
  const reserve = await fundedReserve(exchange, '2', account);
  const at = await expiration(reserve);
  await exchange.kill();
  await eventually(async () => (now() >= at ? true : undefined));
  exchange = await startExchange({ data: exchange.data, ports: exchange.ports });
  expect((await paymentsTo(exchange, account)).map(({ amount }) => amount)).toEqual(['KUDOS:1.95']);
  expect(await balanceOf(exchange.baseUrl, reserve)).toBe(0n);
  expectRefusal(await send(`${exchange.baseUrl}reserves/${newReserve().pub}`), 404, 1027);
});
