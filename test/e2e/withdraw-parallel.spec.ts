import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RunningExchange, startExchange } from '../support/exchange.js';
import {
  costOf,
  expectCoins,
  newPlanchet,
  newPlanchets,
  newSession,
  type Planchet,
  postWithdraw,
  withdraw,
  withdrawBody,
} from './support/coins.js';
import { expectOk, expectRefusal, type Reply, send } from './support/http.js';
import { expectSignedUnknown, type Offer, type Offers, readOffers, units } from './support/offers.js';
import { randomText } from './support/oracle.js';
import { balanceOf, close, formatUnits, fundedReserve, paymentsTo, summaryOf } from './support/reserves.js';

// Many requests at once never make more of a reserve, nor of a session nonce, than one after the other.
let exchange: RunningExchange;
let offers: Offers;
let clause: Offer;

beforeAll(async () => {
  exchange = await startExchange({ onTestServer: true });
  offers = await readOffers(exchange.baseUrl);
  clause = offers.of('1', { cipher: 'CS' });
});
afterAll(async () => {
  expect(await exchange.stop()).toBe(0);
  exchange.remove();
});

const fifty = <T>(make: (index: number) => T): T[] => Array.from({ length: 50 }, (_, index) => make(index));
const clausePlanchet = async (): Promise<Planchet> => newPlanchet(clause, await newSession(exchange.baseUrl, clause));

describe('a reserve', () => {
  test('fifty times the same request at once is one withdrawal', async () => {
    const reserve = await fundedReserve(exchange, '10');
    const planchets = newPlanchets(offers, '1', '0.1');
    const body = withdrawBody(reserve, planchets);
    const replies = await Promise.all(fifty(() => postWithdraw(exchange.baseUrl, reserve.pub, body)));
    expectCoins(replies[0] as Reply, planchets);
    expect(new Set(replies.map(({ text }) => text)).size).toBe(1);
    expect(await balanceOf(exchange.baseUrl, reserve)).toBe(units('10') - costOf(planchets));
  });

  test('fifty different requests at once take what there is and not more', async () => {
    const reserve = await fundedReserve(exchange, '15.15');
    const batches = fifty(() => newPlanchets(offers, '1'));
    const replies = await Promise.all(batches.map((batch) => withdraw(exchange.baseUrl, reserve, batch)));
    const paid = replies.filter(({ status }) => status === 200);
    expect(paid).toHaveLength(15);
    for (const [index, reply] of replies.entries()) {
      if (reply.status === 200) expectCoins(reply, batches[index] as Planchet[]);
      else expect(expectRefusal(reply, 409, 1150).balance).toBe('KUDOS:0');
    }
    expect(await balanceOf(exchange.baseUrl, reserve)).toBe(0n);
  });

  test('withdrawals and closings at once share the balance out', async () => {
    const account = 'payto://x-taler-bank/localhost/racer?receiver-name=Racer';
    const reserve = await fundedReserve(exchange, '8', account);
    const batches = fifty(() => newPlanchets(offers, '1')).slice(0, 12);
    const [withdrawals, closings] = await Promise.all([
      Promise.all(batches.map((batch) => withdraw(exchange.baseUrl, reserve, batch))),
      Promise.all(
        [5, 6, 7].map((ago) => close(exchange.baseUrl, reserve, { timestamp: Math.floor(Date.now() / 1000) - ago })),
      ),
    ]);
    const coins = withdrawals.filter(({ status }) => status === 200).length;
    const wired = closings.map((reply) => units(expectOk(reply).wire_amount as string));
    const left = await balanceOf(exchange.baseUrl, reserve);
    const fees = wired.filter((amount) => amount > 0n).length === 1 ? units('0.05') : 0n;
    const total = wired.reduce((sum, amount) => sum + amount, 0n) + fees + left + BigInt(coins) * units('1.01');
    expect(total).toBe(units('8'));
    const expected = wired.filter((amount) => amount > 0n).map(formatUnits);
    const arrived = expected.length > 0 ? await paymentsTo(exchange, account, expected.length) : [];
    expect(arrived.map(({ amount }) => amount)).toEqual(expected);
  });

  test('a batch of 256 planchets is served, and half of it again as a repeat', async () => {
    const planchets = Array.from({ length: 256 }, () => newPlanchet(offers.of('0.1')));
    const reserve = await fundedReserve(exchange, '30');
    const reply = await withdraw(exchange.baseUrl, reserve, planchets);
    const signatures = expectCoins(reply, planchets);
    const half = planchets.filter((_, index) => index % 2 === 0);
    const again = await withdraw(exchange.baseUrl, reserve, half);
    expect(again.json).toEqual({ ev_sigs: signatures.filter((_, index) => index % 2 === 0) });
    expect((await summaryOf(exchange.baseUrl, reserve)).balance).toBe(formatUnits(units('30') - costOf(planchets)));
  });
});

describe('a session nonce of a Clause-Schnorr denomination', () => {
  test('has one answer, for ever', async () => {
    const nonce = randomText(32);
    const ask = () => send(`${exchange.baseUrl}csr-withdraw`, { json: { nonce, denom_pub_hash: clause.hash } });
    const answers = await Promise.all([ask(), ask(), ask()]);
    expect(Object.keys(expectOk(answers[0] as Reply))).toEqual(['ewv']);
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    const other = { nonce: randomText(32), denom_pub_hash: clause.hash };
    expect((await send(`${exchange.baseUrl}csr-withdraw`, { json: other })).text).not.toBe(answers[0]?.text);
  });

  test('serves one envelope: twice in one request is refused, and claims no nonce of the request', async () => {
    const reserve = await fundedReserve(exchange, '10');
    const session = await newSession(exchange.baseUrl, clause);
    const [one, two] = [newPlanchet(clause, session), newPlanchet(clause, session)];
    const fresh = await clausePlanchet();
    expectRefusal(await withdraw(exchange.baseUrl, reserve, [fresh, one, two]), 400, 1160);
    expectCoins(await withdraw(exchange.baseUrl, reserve, [one]), [one]);
    expectRefusal(await withdraw(exchange.baseUrl, reserve, [fresh, two]), 400, 1160);
    expectCoins(await withdraw(exchange.baseUrl, reserve, [fresh]), [fresh]);
    expect(await balanceOf(exchange.baseUrl, reserve)).toBe(units('10') - costOf([one, fresh]));
  });

  test('serves one envelope, whichever of many reserves comes first', async () => {
    const reserves = await Promise.all(fifty(() => fundedReserve(exchange, '1.01')).slice(0, 12));
    const session = await newSession(exchange.baseUrl, clause);
    const planchets = reserves.map(() => newPlanchet(clause, session));
    const replies = await Promise.all(
      reserves.map((reserve, index) => withdraw(exchange.baseUrl, reserve, [planchets[index] as Planchet])),
    );
    expect(replies.filter(({ status }) => status === 200)).toHaveLength(1);
    for (const [index, reply] of replies.entries()) {
      if (reply.status === 200) expectCoins(reply, [planchets[index] as Planchet]);
      else expectRefusal(reply, 400, 1160);
    }
    const balances = await Promise.all(reserves.map((reserve) => balanceOf(exchange.baseUrl, reserve)));
    expect(balances.filter((balance) => balance === 0n)).toHaveLength(1);
  });

  test('the same nonce under another denomination is another nonce', async () => {
    const reserve = await fundedReserve(exchange, '10');
    const five = offers.of('5', { cipher: 'CS' });
    const { nonce } = await newSession(exchange.baseUrl, clause);
    const [a, b] = await Promise.all([clause, five].map((offer) => newSession(exchange.baseUrl, offer, nonce)));
    const planchets = [newPlanchet(clause, a), newPlanchet(five, b)];
    expectCoins(await withdraw(exchange.baseUrl, reserve, planchets), planchets);
  });

  test('is asked for only where there is one to be had', async () => {
    const ask = async (denom_pub_hash: string, status: number, code: number) =>
      expectRefusal(
        await send(`${exchange.baseUrl}csr-withdraw`, { json: { nonce: randomText(32), denom_pub_hash } }),
        status,
        code,
      );
    const unknown = randomText(64);
    expectSignedUnknown(await ask(unknown, 404, 1005), unknown, offers);
    const { hash } = offers.of('1');
    expectSignedUnknown(await ask(hash, 404, 1016), hash, offers);
    for (const nonce of [undefined, null, 5, '', randomText(31), randomText(33), `${randomText(32).slice(0, 51)}!`]) {
      const reply = await send(`${exchange.baseUrl}csr-withdraw`, { json: { nonce, denom_pub_hash: clause.hash } });
      expect(expectRefusal(reply, 400, 22).field).toBe('nonce');
    }
  });
});
