import { afterAll, beforeAll, expect, test } from 'vitest';
import { approve, type Case } from '../e2e/support/admin.js';
import {
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
} from '../e2e/support/coins.js';
import { expectOk, expectRefusal, type Json, send } from '../e2e/support/http.js';
import { type Offers, readOffers } from '../e2e/support/offers.js';
import { randomText } from '../e2e/support/oracle.js';
import { close, fundedReserve, newAccount } from '../e2e/support/reserves.js';
import { type RunningExchange, smallKeys, startExchange } from '../support/exchange.js';
import { differences, FILES, type Recorded, readRecorded, shapeOf } from './recorded.js';

// What our replies consist of, beside the recorded ones: the same members of the same types, but for a list.
let exchange: RunningExchange;
let offers: Offers;
let reserve: Reserve;
const all = FILES.flatMap(readRecorded);

beforeAll(async () => {
  exchange = await startExchange({
    onTestServer: true,
    configure: (settings) => {
      smallKeys(settings);
      settings.keySchedule.lookahead = '1 week';
      settings.legitimization.withdraw = { threshold: 'KUDOS:20' };
    },
  });
  offers = await readOffers(exchange.baseUrl);
  reserve = await fundedReserve(exchange, '30');
});
afterAll(async () => {
  expect(await exchange.stop()).toBe(0);
  exchange.remove();
});

/** The recorded exchange of a case, or the first of an endpoint with a status. */
function recorded(wanted: { readonly name?: string; readonly endpoint?: string; readonly status?: number }): Recorded {
  const found = all.find((one) => Object.entries(wanted).every(([key, value]) => one[key as keyof Recorded] === value));
  if (!found) throw new Error(`nothing like ${JSON.stringify(wanted)} was recorded`);
  return found;
}

const single = (planchet: Planchet) =>
  send(`${exchange.baseUrl}reserves/${reserve.pub}/withdraw`, { json: withdrawItem(reserve, planchet) });
const unknown = (planchet: Planchet): Planchet => ({ ...planchet, offer: { ...planchet.offer, hash: randomText(64) } });

test('/keys holds what clients of 2023 read, and beside it what those of 2024 do', async () => {
  const found = differences(recorded({ name: 'keys' }).body, expectOk(await send(`${exchange.baseUrl}keys`)));
  const [lost, gained] = [/^[^+]/, /^\+/].map((sign) => found.filter((line) => sign.test(line)));
  expect(lost).toEqual([]);
  const since2023 = [
    /^\+(currency_specification|stefan_(abs|log|lin)|rewards_allowed|(hard|zero)_limits|wads|exchange_(pub|sig))\b/,
    /^\+(accounts|wire_fees|extensions|extensions_sig)\b/, // in /wire, or nothing was configured there
    /^\+denoms\[\]\.denom_pub\.(rsa_pub|cs_pub|cs_public_key)$/, // both names of the key; no CS key was recorded
    /^\+denominations\[(CS|RSA\+age_restricted|CS\+age_restricted)\]/, // ciphers that were not configured there
  ];
  expect(gained?.filter((line) => !since2023.some((pattern) => pattern.test(line)))).toEqual([]);
});

test('/wire and /config', async () => {
  const [wire, config] = await Promise.all(['wire', 'config'].map((path) => send(`${exchange.baseUrl}${path}`)));
  expect(differences(recorded({ name: 'wire' }).body, wire?.json)).toEqual([]);
  const gained = differences(recorded({ name: 'config' }).body, config?.json);
  expect(gained.filter((line) => !/^\+(currency_specification|implementation|recoup)\b/.test(line))).toEqual([]);
});

test('the summary of a reserve has origin and expiration since version 23', async () => {
  const summary = expectOk(await send(`${exchange.baseUrl}reserves/${reserve.pub}`));
  const gained = ['+last_origin', '+reserve_expiration', '+reserve_expiration.t_s'];
  expect(differences(recorded({ name: 'reserve-get-ok' }).body, summary)).toEqual(gained);
});

test('signatures of either cipher, alone and in a batch', async () => {
  const planchets = newPlanchets(offers, '1', '0.1');
  const batch = expectOk(await withdraw(exchange.baseUrl, reserve, planchets));
  expect(differences(recorded({ name: 'batch-withdraw-ok-8' }).body, batch)).toEqual([]);
  const alone = expectOk(await single(planchets[0] as Planchet));
  expect(differences(recorded({ name: 'withdraw-idempotent-of-batch-coin' }).body, alone)).toEqual([]);

  const clause = offers.of('1', { cipher: 'CS' });
  const session = { nonce: randomText(32), denom_pub_hash: clause.hash };
  const values = expectOk(await send(`${exchange.baseUrl}csr-withdraw`, { json: session }));
  expect(differences(recorded({ endpoint: 'POST /csr-withdraw' }).body, values)).toEqual([]);
  const theirs = all.find(({ body }) => shapeOf(body).has('ev_sig.s'))?.body;
  const ours = expectOk(await single(newPlanchet(clause, await newSession(exchange.baseUrl, clause))));
  expect(differences(theirs, ours)).toEqual([]);
});

test('what is refused about denominations is signed in the same form', async () => {
  const planchet = unknown(newPlanchet(offers.of('1')));
  const body = expectRefusal(await withdraw(exchange.baseUrl, reserve, [planchet]), 404, 1005);
  expect(differences(recorded({ name: 'batch-withdraw-denom-unknown (validly signed)' }).body, body)).toEqual([]);
  const [later] = offers.denominations.filter(({ start }) => start > Date.now() / 1000 + 60);
  if (!later) throw new Error('no key begins later');
  const future = { ...newPlanchet(offers.of('1')), offer: later };
  const gone = expectRefusal(await single(future), 410, 1008);
  expect(differences(recorded({ name: 'withdraw-denom-in-future' }).body, gone)).toEqual([]);
  expect(gone.oper).toBe((recorded({ name: 'withdraw-denom-in-future' }).body as Json).oper);
});

test('what is refused about planchets and signatures says no more than it did', async () => {
  const [item] = withdrawBody(reserve, newPlanchets(offers, '1')).planchets;
  const duplicate = await postWithdraw(exchange.baseUrl, reserve.pub, { planchets: [item, item] });
  const theirs = recorded({ name: 'batch-withdraw-duplicate-planchet' }).body as Json;
  expect(expectRefusal(duplicate, 400, 26).detail).toBe(theirs.detail);
  expect(differences(theirs, duplicate.json)).toEqual([]);
  const foreign = await postWithdraw(exchange.baseUrl, newReserve().pub, { planchets: [item] });
  expectRefusal(foreign, 403, 1154);
  expect(differences(recorded({ name: 'batch-withdraw-wrong-reserve-key' }).body, foreign.json)).toEqual([]);
});

test('an overdraft is proven by a history of the same entries', async () => {
  const poor = await fundedReserve(exchange, '1.5');
  expectOk(await withdraw(exchange.baseUrl, poor, newPlanchets(offers, '1')));
  const body = expectRefusal(await withdraw(exchange.baseUrl, poor, newPlanchets(offers, '1')), 409, 1150);
  expect(differences(recorded({ name: 'batch-withdraw-insufficient' }).body, body)).toEqual([]);
});

test('a legitimization, its question, and a close', async () => {
  const rich = await fundedReserve(exchange, '100');
  const limited = expectRefusal(await withdraw(exchange.baseUrl, rich, newPlanchets(offers, '10', '10')), 451, 1028);
  expect(differences(recorded({ endpoint: 'POST /reserves/$/withdraw', status: 451 }).body, limited)).toEqual([]);
  const target = newAccount();
  const designated = expectRefusal(await close(exchange.baseUrl, rich, { target }), 451, 1028);
  expect(differences(recorded({ endpoint: 'POST /reserves/$/close', status: 451 }).body, designated)).toEqual([]);

  const url = `${exchange.baseUrl}kyc-check/${designated.requirement_row}/${designated.h_payto}/individual`;
  const question = await send(url);
  const asked = recorded({ endpoint: 'GET /kyc-check/#/$/individual', status: 202 });
  expect([question.status, differences(asked.body, question.json)]).toEqual([202, []]);
  await approve(exchange, designated as unknown as Case);
  expect((await send(url)).status).toBe(recorded({ endpoint: 'GET /kyc-check/#/$/individual', status: 204 }).status);
  const closed = expectOk(await close(exchange.baseUrl, rich, { target }));
  expect(differences(recorded({ name: 'reserve-close-ok-origin-account' }).body, closed)).toEqual([]);
});
