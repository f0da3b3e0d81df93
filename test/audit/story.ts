/**
 * An honest history with every kind of event in it, as the exchange writes it: reserves, coins of both ciphers, purses
 * that are merged, deleted, expired and requested, closings to everybody they may go to, a revocation and recoups.
 */
import { expect } from 'vitest';
import { admin, approve, type Case } from '../e2e/support/admin.js';
import { newPlanchets, withdraw } from '../e2e/support/coins.js';
import { expectOk, expectRefusal, send } from '../e2e/support/http.js';
import { now, readOffers, units } from '../e2e/support/offers.js';
import { postRequest, requestBody } from '../e2e/support/purse-requests.js';
import {
  type Coin,
  coinsOf,
  contractOf,
  create,
  createBody,
  deletePurse,
  depositItem,
  mergeBody,
  newCoins,
  newPurse,
  postPurse,
  termsOf,
} from '../e2e/support/purses.js';
import { disclosed, recoup, revoke, withheld } from '../e2e/support/recoup.js';
import {
  accountName,
  addFunds,
  balanceOf,
  close,
  eventually,
  failTransfers,
  fundedReserve,
  newAccount,
  paymentsTo,
} from '../e2e/support/reserves.js';
import type { RunningExchange, Settings } from '../support/exchange.js';

/** Small keys, and reserves that are overdue after some seconds. */
export function configure(settings: Settings): void {
  settings.denominations = settings.denominations.map((denomination: Record<string, unknown>) => ({
    ...denomination,
    ...(denomination.cipher === 'RSA' ? { bits: 1024 } : {}),
  }));
  settings.keySchedule.lookahead = '1 day';
  settings.legitimization.withdraw = { threshold: 'KUDOS:20', window: '30 days' };
}

/** Lives it through. Every step is answered before the next one begins. */
export async function live(exchange: RunningExchange): Promise<void> {
  const { baseUrl } = exchange;
  const begunAt = now();
  const offers = await readOffers(baseUrl);
  const [two, one, other, third] = (await newCoins(exchange, offers, '2', '1', '1', '1')) as [Coin, Coin, Coin, Coin];
  const [clause] = (await coinsOf(exchange, [offers.of('1', { cipher: 'CS' })])) as [Coin];
  const [aged] = (await coinsOf(exchange, [offers.of('1', { aged: true })])) as [Coin];

  // A push payment with a contract and a minimum age, paid in two parts and merged.
  const push = newPurse();
  const pushTerms = termsOf('2.5', { minAge: 14 });
  const deposits = [two, aged].map((coin) => depositItem(baseUrl, push, coin, { minAge: 14 }));
  expectOk(await postPurse(baseUrl, push, 'create', createBody(push, pushTerms, deposits, contractOf(push))));
  const payee = await fundedReserve(exchange, '0.5');
  const half = depositItem(baseUrl, push, one, { amount: units('0.5') });
  expectOk(await postPurse(baseUrl, push, 'deposit', { deposits: [half] }));
  expectOk(await postPurse(baseUrl, push, 'merge', mergeBody(baseUrl, push, pushTerms, payee)));
  expectOk(await withdraw(baseUrl, payee, newPlanchets(offers, '1')));

  // One that is deleted, and one that expires.
  const deleted = newPurse();
  expectOk(await create(baseUrl, deleted, termsOf('3'), [other]));
  expect((await deletePurse(baseUrl, deleted)).status).toBe(204);
  // It has to be made before it expires, which takes less than all that was done so far.
  const expired = newPurse();
  const expiration = now() + 3 + (now() - begunAt);
  expectOk(await create(baseUrl, expired, termsOf('3', { expiration }), [third, clause]));

  // Pull payments: one for a fee, one out of the quota, which is deleted.
  const asking = await fundedReserve(exchange, '1');
  const pull = newPurse();
  const pullTerms = termsOf('0.9');
  const request = { terms: pullTerms, reserve: asking, fee: units('0.04') };
  expectOk(await postRequest(baseUrl, asking, requestBody(baseUrl, pull, request)));
  expectOk(await postPurse(baseUrl, pull, 'deposit', { deposits: [depositItem(baseUrl, pull, other)] }));
  const quota = newPurse();
  const quotaTerms = termsOf('1');
  expectOk(await postRequest(baseUrl, asking, requestBody(baseUrl, quota, { terms: quotaTerms, reserve: asking })));
  expect((await deletePurse(baseUrl, quota)).status).toBe(204);

  const idle = await fundedReserve(exchange, '0.1');
  const nothing = newPurse();
  const noTerms = termsOf('0');
  const free = requestBody(baseUrl, nothing, { terms: noTerms, reserve: idle, fee: units('0.04') });
  expectOk(await postRequest(baseUrl, idle, free));
  const same = mergeBody(baseUrl, nothing, noTerms, idle, (free.merge_timestamp as { t_s: number }).t_s);
  expectOk(await postPurse(baseUrl, nothing, 'merge', same));

  // Closings: home, to a stranger whom an officer approves, refused for good and ordered again, and one of nothing.
  const home = newAccount();
  const rich = await fundedReserve(exchange, '3.005', home);
  expectOk(await close(baseUrl, rich));
  await paymentsTo(exchange, home);
  const poor = await fundedReserve(exchange, '0.04');
  expectOk(await close(baseUrl, poor));
  const moving = await fundedReserve(exchange, '2');
  const target = newAccount();
  const asked = expectRefusal(await close(baseUrl, moving, { target }), 451, 1028) as unknown as Case;
  await approve(exchange, asked);
  expectOk(await close(baseUrl, moving, { target }));
  await paymentsTo(exchange, target);
  const unlucky = newAccount();
  const troubled = await fundedReserve(exchange, '1', unlucky);
  await failTransfers(exchange, accountName(unlucky), 'permanent_failure', 2);
  expectOk(await close(baseUrl, troubled));
  await orderAgain(exchange, 'retry', {});
  const elsewhere = newAccount();
  await orderAgain(exchange, 'redirect', { payto_uri: elsewhere });
  await paymentsTo(exchange, elsewhere);

  // A limit, and the age to which an officer binds the owner's coins; proof of who owns an account.
  const limited = await fundedReserve(exchange, '60');
  const over = newPlanchets(offers, '10', '10', '5');
  const needed = expectRefusal(await withdraw(baseUrl, limited, over), 451, 1028) as unknown as Case;
  await approve(exchange, needed);
  expectOk(await withdraw(baseUrl, limited, over));
  await addFunds(exchange, limited, '1', newAccount());
  await proveOwner(exchange);

  // Recoups, when the expired purse has given back what it held.
  await eventually(async () => {
    const { status } = await send(`${baseUrl}purses/${expired.purse.pub}/merge`);
    return status === 410 ? true : undefined;
  });
  const rsa = (await coinsOf(exchange, [offers.of('0.10'), offers.of('0.10')])) as [Coin, Coin];
  await revoke(exchange, offers.of('0.10'));
  expectOk(await recoup(baseUrl, rsa[0].reserve, [disclosed(rsa[0]), withheld(rsa[1])]));
  await revoke(exchange, offers.of('1', { cipher: 'CS' }));
  expectOk(await recoup(baseUrl, clause.reserve, [disclosed(clause)]));
  expect(await balanceOf(baseUrl, clause.reserve)).toBeGreaterThan(0n);
}

/** An admin decides about the transfer that the bank has refused. */
async function orderAgain(exchange: RunningExchange, how: 'retry' | 'redirect', more: object): Promise<void> {
  const rejected = await eventually(async () => {
    const { json } = await admin(exchange, 'transfers?status=rejected');
    return (json.transfers as { request_uid: string }[])[0];
  });
  const path = `transfers/${rejected.request_uid}/${how}`;
  expect((await admin(exchange, path, { reason: 'as the owner asked', ...more })).status).toBe(200);
}

async function proveOwner({ bankUrl }: RunningExchange): Promise<void> {
  const { pub } = newPurse().purse;
  const json = { amount: 'KUDOS:0.01', account_pub: pub, debit_account: newAccount() };
  const url = `${bankUrl}accounts/exchange/taler-wire-gateway/admin/add-kycauth`;
  expect((await send(url, { json })).status).toBe(200);
}
