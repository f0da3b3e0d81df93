import { afterAll, beforeAll, expect, test } from 'vitest';
import { type RunningExchange, startExchange } from '../support/exchange.js';
import {
  costOf,
  expectCoin,
  expectCoins,
  newPlanchet,
  newPlanchets,
  newReserve,
  newSession,
  type Planchet,
  postWithdraw,
  type Reserve,
  withdraw,
  withdrawBody,
  withdrawItem,
} from './support/coins.js';
import { expectHistory } from './support/history.js';
import { expectOk, expectRefusal, send } from './support/http.js';
import { type Offers, readOffers, units } from './support/offers.js';
import {
  addFunds,
  balanceOf,
  close,
  closeBody,
  formatUnits,
  fundedReserve,
  newAccount,
  postClose,
  summaryOf,
} from './support/reserves.js';

// A withdrawal that succeeds, and the promise that the same request is answered alike for ever.
let exchange: RunningExchange;
let offers: Offers;

beforeAll(async () => {
  exchange = await startExchange({ onTestServer: true });
  offers = await readOffers(exchange.baseUrl);
});
afterAll(async () => {
  expect(await exchange.stop()).toBe(0);
  exchange.remove();
});

const single = (reserve: Reserve, planchet: Planchet) =>
  send(`${exchange.baseUrl}reserves/${reserve.pub}/withdraw`, { json: withdrawItem(reserve, planchet) });

test('coins of every kind are withdrawn in one batch, in the order of the request, for value and fees', async () => {
  const reserve = await fundedReserve(exchange, '20');
  const restricted = newPlanchet(offers.of('1', { aged: true }));
  const clause = offers.of('1', { cipher: 'CS' });
  const planchets = [
    ...newPlanchets(offers, '5', '1'),
    newPlanchet(clause, await newSession(exchange.baseUrl, clause)),
    restricted,
    ...newPlanchets(offers, '1', '0.1'),
  ];
  expectCoins(await withdraw(exchange.baseUrl, reserve, planchets), planchets);
  expect(await balanceOf(exchange.baseUrl, reserve)).toBe(units('20') - costOf(planchets));
});

test('exactly the balance may be withdrawn; what is too little is proven', async () => {
  const planchets = newPlanchets(offers, '2', '1');
  const reserve = await fundedReserve(exchange, formatUnits(costOf(planchets)).slice('KUDOS:'.length));
  expectCoins(await withdraw(exchange.baseUrl, reserve, planchets), planchets);
  expect(await balanceOf(exchange.baseUrl, reserve)).toBe(0n);

  const another = newPlanchets(offers, '0.1');
  const body = expectRefusal(await withdraw(exchange.baseUrl, reserve, another), 409, 1150);
  expect(body).toMatchObject({ balance: 'KUDOS:0', requested_amount: formatUnits(costOf(another)) });
  expect(Object.keys(body).sort()).toEqual(['balance', 'code', 'hint', 'history', 'requested_amount']);
  const entries = expectHistory(body, reserve.pub, offers.signingKeys);
  expect(entries.map(({ type }) => type).sort()).toEqual(['CREDIT', 'WITHDRAW', 'WITHDRAW']);
});

test('the proof of an overdraft tells of every credit, withdrawal, request and closing', async () => {
  const account = newAccount();
  const reserve = await fundedReserve(exchange, '3', account);
  const first = newPlanchets(offers, '1', '0.1');
  expectCoins(await withdraw(exchange.baseUrl, reserve, first), first);
  expectOk(await close(exchange.baseUrl, reserve));
  await addFunds(exchange, reserve, '0.03', account);
  expect(expectOk(await close(exchange.baseUrl, reserve, { target: account }))).toEqual({ wire_amount: 'KUDOS:0' });
  const second = newPlanchets(offers, '1');
  const body = expectRefusal(await withdraw(exchange.baseUrl, reserve, second), 409, 1150);
  expect(body.balance).toBe('KUDOS:0.03');
  const types = expectHistory(body, reserve.pub, offers.signingKeys).map(({ type }) => type);
  expect(types.sort()).toEqual(['CLOSE', 'CLOSE', 'CLOSING', 'CREDIT', 'CREDIT', 'WITHDRAW', 'WITHDRAW']);
  const credits = (body.history as { type: string; sender_account_url?: string }[]).filter((e) => e.type === 'CREDIT');
  expect(credits.map(({ sender_account_url }) => sender_account_url)).toEqual([account, account]);
});

test('the single form gives one signature, and shares its memory with the batch', async () => {
  const reserve = await fundedReserve(exchange, '5');
  const [alone, batched] = newPlanchets(offers, '1', '2') as [Planchet, Planchet];
  const reply = await single(reserve, alone);
  expect(Object.keys(expectOk(reply))).toEqual(['ev_sig']);
  expectCoin(reply.json.ev_sig, alone);

  const [signature] = expectCoins(await withdraw(exchange.baseUrl, reserve, [batched]), [batched]);
  expect((await single(reserve, batched)).json).toEqual(signature);
  expect((await withdraw(exchange.baseUrl, reserve, [alone])).json).toEqual({ ev_sigs: [reply.json] });
  expect(await balanceOf(exchange.baseUrl, reserve)).toBe(units('5') - costOf([alone, batched]));
});

test('a repeat gives the same bytes; reordered, or drawn from several batches, the same signatures', async () => {
  const reserve = await fundedReserve(exchange, '10');
  const first = newPlanchets(offers, '1', '2', '0.1');
  const second = newPlanchets(offers, '1', '1');
  const replies = [await withdraw(exchange.baseUrl, reserve, first), await withdraw(exchange.baseUrl, reserve, second)];
  const signatures = replies.flatMap((reply, index) => expectCoins(reply, index === 0 ? first : second));
  const all = [...first, ...second];
  const spent = await balanceOf(exchange.baseUrl, reserve);

  const repeated = await withdraw(exchange.baseUrl, reserve, first);
  expect(repeated.bytes.equals(replies[0]?.bytes ?? Buffer.of())).toBe(true);
  for (const order of [[2, 0, 1], [4], [3, 0], [4, 3, 2, 1, 0], [1, 4]]) {
    const wanted = order.map((index) => all[index] as Planchet);
    const reply = await withdraw(exchange.baseUrl, reserve, wanted);
    expect(expectOk(reply)).toEqual({ ev_sigs: order.map((index) => signatures[index]) });
  }
  expect(await balanceOf(exchange.baseUrl, reserve)).toBe(spent);
});

test('some planchets known and some new: refused, and nothing is taken', async () => {
  const reserve = await fundedReserve(exchange, '10');
  const known = newPlanchets(offers, '1', '2');
  const fresh = newPlanchets(offers, '1');
  expectCoins(await withdraw(exchange.baseUrl, reserve, known), known);
  const left = await balanceOf(exchange.baseUrl, reserve);
  for (const mixed of [
    [...known, ...fresh],
    [...fresh, ...known.slice(1)],
  ]) {
    expectRefusal(await withdraw(exchange.baseUrl, reserve, mixed), 409, 1175);
  }
  expect(await balanceOf(exchange.baseUrl, reserve)).toBe(left);
  expectCoins(await withdraw(exchange.baseUrl, reserve, fresh), fresh);
});

test('the same blinded coin may be withdrawn from another reserve: uniqueness is per reserve', async () => {
  const [one, other] = await Promise.all([fundedReserve(exchange, '2'), fundedReserve(exchange, '2')]);
  const planchets = newPlanchets(offers, '1');
  expectCoins(await withdraw(exchange.baseUrl, one, planchets), planchets);
  expectCoins(await withdraw(exchange.baseUrl, other, planchets), planchets);
});

test('withdrawing moves no expiration; a reserve without money from the bank is not there, and may come', async () => {
  const reserve = await fundedReserve(exchange, '3');
  const { reserve_expiration: expiration } = await summaryOf(exchange.baseUrl, reserve);
  const planchets = newPlanchets(offers, '1');
  expectCoins(await withdraw(exchange.baseUrl, reserve, planchets), planchets);
  expect((await summaryOf(exchange.baseUrl, reserve)).reserve_expiration).toEqual(expiration);

  const early = newReserve();
  const request = withdrawBody(early, newPlanchets(offers, '1'));
  expect(expectRefusal(await postWithdraw(exchange.baseUrl, early.pub, request), 404, 1027).detail).toBe(early.pub);
  expectRefusal(await send(`${exchange.baseUrl}reserves/${early.pub}`), 404, 1027);
});

test('repeats are answered after the reserve was closed, and after the exchange was started again', async () => {
  const reserve = await fundedReserve(exchange, '10');
  const batches = [newPlanchets(offers, '1', '2'), newPlanchets(offers, '0.1')];
  const [first, second] = await Promise.all(batches.map((batch) => withdraw(exchange.baseUrl, reserve, batch)));
  if (!first || !second) throw new Error('two replies are expected');
  expectCoins(first, batches[0] ?? []);
  const request = closeBody(reserve);
  const closed = await postClose(exchange.baseUrl, reserve.pub, request);
  expect(units(expectOk(closed).wire_amount as string)).toBeGreaterThan(0n);

  const check = async (): Promise<void> => {
    const again = await withdraw(exchange.baseUrl, reserve, batches[0] ?? []);
    expect(again.bytes.equals(first.bytes)).toBe(true);
    const [a, b] = batches[0] as [Planchet, Planchet];
    const mixed = await withdraw(exchange.baseUrl, reserve, [...(batches[1] as Planchet[]), b, a]);
    const [sigA, sigB] = first.json.ev_sigs as unknown[];
    expect(expectOk(mixed).ev_sigs).toEqual([...(second.json.ev_sigs as unknown[]), sigB, sigA]);
    expect((await postClose(exchange.baseUrl, reserve.pub, request)).bytes.equals(closed.bytes)).toBe(true);
    expect(await balanceOf(exchange.baseUrl, reserve)).toBe(0n);
  };
  await check();
  expect(await exchange.stop()).toBe(0);
  exchange = await startExchange({ data: exchange.data, ports: exchange.ports });
  await check();
});
