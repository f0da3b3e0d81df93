import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeBase32, message } from '@florin/encoding';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ExchangeOptions, type RunningExchange, smallKeys, startExchange } from '../support/exchange.js';
import { admin, approve, type Case, openCases, verdictBytes } from './support/admin.js';
import {
  expectCoins,
  newPlanchet,
  newPlanchets,
  newSession,
  type Planchet,
  type Reserve,
  withdraw,
} from './support/coins.js';
import { expectOk, expectRefusal, type Json, type Reply, send } from './support/http.js';
import { now, type Offers, readOffers } from './support/offers.js';
import { type Key, newKey, normalizedHash, randomText } from './support/oracle.js';
import { close, eventually, fundedReserve, newAccount, summaryOf } from './support/reserves.js';

// More than 4.04 within an hour from one bank account: the law wants to know who that is.
let exchange: RunningExchange;
let offers: Offers;

const within =
  (window: string): NonNullable<ExchangeOptions['configure']> =>
  (settings) => {
    smallKeys(settings);
    settings.legitimization.withdraw = { threshold: 'KUDOS:4.04', window };
    settings.legitimization.kycUrl = 'https://kyc.example.com/start?case={row}&who={h_payto}';
    const clause = settings.denominations.find(({ cipher }: { cipher: string }) => cipher === 'CS');
    clause.feeWithdraw = 'KUDOS:0.01000001';
  };
const configure = within('1 hour');

beforeAll(async () => {
  exchange = await startExchange({ onTestServer: true, configure });
  offers = await readOffers(exchange.baseUrl);
});
afterAll(async () => {
  expect(exchange.log()).not.toMatch(/"level":(50|60)/);
  expect(await exchange.stop()).toBe(0);
  exchange.remove();
});

const take = (reserve: Reserve, ...values: string[]): Promise<Reply> =>
  withdraw(exchange.baseUrl, reserve, newPlanchets(offers, ...values));
const needed = (reply: Reply): Case & Json => expectRefusal(reply, 451, 1028) as unknown as Case & Json;
const checkUrl = ({ h_payto, requirement_row }: Case, userType = 'individual'): string =>
  `${exchange.baseUrl}kyc-check/${requirement_row}/${h_payto}/${userType}`;
/** A reserve whose account has an open case. */
async function limited(account = newAccount()): Promise<[reserve: Reserve, open: Case]> {
  const reserve = await fundedReserve(exchange, '50', account);
  return [reserve, needed(await take(reserve, '5'))];
}

describe('the limit', () => {
  test('counts per bank account over all of its reserves: exactly the sum is free, one unit more is not', async () => {
    const account = newAccount();
    const sameAccount = account.replace('receiver-name=', 'receiver-name=Dr.%20');
    const [one, other, stranger] = await Promise.all([
      fundedReserve(exchange, '20', account),
      fundedReserve(exchange, '20', sameAccount),
      fundedReserve(exchange, '20'),
    ]);
    const clause = offers.of('1', { cipher: 'CS' });
    const dearer = newPlanchet(clause, await newSession(exchange.baseUrl, clause));
    const first = newPlanchets(offers, '2', '1');
    expectCoins(await withdraw(exchange.baseUrl, one, first), first);

    const body = needed(await withdraw(exchange.baseUrl, other, [dearer]));
    expect(Object.keys(body).sort()).toEqual(['code', 'h_payto', 'hint', 'requirement_row']);
    expect(body).toMatchObject({ h_payto: normalizedHash(account), requirement_row: 1 });
    const second = newPlanchets(offers, '1');
    expectCoins(await withdraw(exchange.baseUrl, other, second), second);
    for (const reserve of [one, other]) expect(needed(await take(reserve, '0.1')).requirement_row).toBe(1);
    expectOk(await take(stranger, '2', '2'));
  });

  test('counts what lies within its time, and nothing that was before', async () => {
    const account = newAccount();
    const reserve = await fundedReserve(exchange, '20', account);
    expectOk(await take(reserve, '2', '2'));
    needed(await take(reserve, '0.1'));
    const restart = async (window: string): Promise<void> => {
      await exchange.kill();
      exchange = await startExchange({ data: exchange.data, ports: exchange.ports, configure: within(window) });
    };
    await restart('1 second');
    const later = newPlanchets(offers, '0.1');
    const reply = await eventually(async () => {
      const answer = await withdraw(exchange.baseUrl, reserve, later);
      return answer.status === 451 ? undefined : answer;
    });
    expectCoins(reply, later);
    await restart('1 hour');
    needed(await take(reserve, '0.1'));
  });

  test('is asked for once: the same case for every repeat, and in the list of the admin', async () => {
    const [reserve, open] = await limited();
    const cases = await Promise.all(Array.from({ length: 20 }, async () => needed(await take(reserve, '5'))));
    expect(cases.every(({ requirement_row }) => requirement_row === open.requirement_row)).toBe(true);
    const listed = (await openCases(exchange)).filter(({ h_payto }) => h_payto === open.h_payto);
    expect(listed).toMatchObject([{ requirement_row: 1, rule: 'WITHDRAW', reserve_pub: reserve.pub }]);
    expectOk(await take(reserve, '1'));
  });
});

describe('the question whether a case is decided', () => {
  test('is answered with the way to go, and waits for the decision', async () => {
    const [, open] = await limited();
    for (const userType of ['individual', 'business']) {
      const reply = await send(checkUrl(open, userType));
      expect(reply.status).toBe(202);
      expect(reply.json).toEqual({ kyc_url: `https://kyc.example.com/start?case=1&who=${open.h_payto}` });
    }
    let answered = false;
    const waiting = send(`${checkUrl(open)}?timeout_ms=100000`).finally(() => {
      answered = true;
    });
    expect((await send(`${checkUrl(open)}?timeout_ms=500`)).status).toBe(202);
    expect(answered).toBe(false);
    await approve(exchange, open);
    expect(await waiting).toMatchObject({ status: 204, text: '' });
    expect((await send(checkUrl(open))).status).toBe(204);
  });

  test('about no case is refused, and so is what is no question', async () => {
    const [, open] = await limited();
    expectRefusal(await send(checkUrl({ ...open, requirement_row: 2 })), 404, 1939);
    expectRefusal(await send(checkUrl({ ...open, h_payto: randomText(32) })), 404, 1939);
    expectRefusal(await send(checkUrl(open, 'robot')), 400, 26);
    expectRefusal(await send(checkUrl({ ...open, h_payto: 'x' })), 400, 26);
    expectRefusal(await send(checkUrl(open).replace('/1/', '/one/')), 400, 26);
    expectRefusal(await send(`${checkUrl(open)}?timeout_ms=x`), 400, 26);
    expectRefusal(await send(`${checkUrl(open)}/more`), 404, 1002);
  });

  test('in its present form, from the owner whom a transfer proved', async () => {
    const account = newAccount();
    const [, open] = await limited(account);
    const url = `${exchange.baseUrl}kyc-check/${open.h_payto}`;
    expectRefusal(await send(`${exchange.baseUrl}kyc-check/${randomText(32)}`), 404, 1939);
    expectRefusal(await send(url), 409, 1940);

    const owner = newKey();
    const gateway = `${exchange.bankUrl}accounts/exchange/taler-wire-gateway/admin/add-kycauth`;
    const transfer = { amount: 'KUDOS:0.01', account_pub: owner.pub, debit_account: account };
    expect((await send(gateway, { json: transfer })).status).toBe(200);
    const refused = await eventually(async () => {
      const reply = await send(url);
      return reply.status === 409 ? undefined : reply;
    });
    expect(expectRefusal(refused, 403, 1930).expected_account_pub).toBe(owner.pub);

    const query = message('KycQuery', {});
    const signed = (signature: string) => ({ headers: { 'Account-Owner-Signature': signature } });
    for (const wrong of ['x', newKey().sign(query), owner.sign(query.subarray(0, 4))]) {
      expectRefusal(await send(url, signed(wrong)), 403, 1930);
    }
    const good = signed(owner.sign(query));
    const pending = await send(url, good);
    expect(pending.status).toBe(202);
    expect(pending.json).toMatchObject({ aml_review: true, access_token: expect.stringMatching(/^[0-9A-Z]{52}$/) });
    await approve(exchange, open);
    expect(expectOk(await send(url, good))).toMatchObject({ aml_review: false });
  });
});

describe('the decision', () => {
  const decide = ({ h_payto, requirement_row }: Case, json: unknown): Promise<Reply> =>
    admin(exchange, `legitimizations/${h_payto}/${requirement_row}/decide`, json);
  const verdict = () => ({ approved: true, justification: 'seen in person', decided_at: now(), maximum_ages: [] });
  /** The development officer, whose key lies beside the data. */
  const officer = (): Key => {
    const file = JSON.parse(readFileSync(join(exchange.data, 'keys/officer.json'), 'utf8')) as { priv: string };
    return newKey(decodeBase32(file.priv, 32));
  };

  test('is signed by an enrolled officer, over this case and this verdict', async () => {
    const [reserve, open] = await limited();
    const key = officer();
    const said = verdict();
    const officer_sig = key.sign(verdictBytes(open, said));
    const signed = { ...said, officer_pub: key.pub, officer_sig };

    const stranger = newKey();
    const foreign = { ...said, officer_pub: stranger.pub, officer_sig: stranger.sign(verdictBytes(open, said)) };
    expect((await decide(open, foreign)).status).toBe(403);
    const forged: Json[] = [
      { ...signed, officer_sig: randomText(64) },
      { ...signed, justification: 'another reason' },
      { ...signed, decided_at: said.decided_at - 1 },
      { ...signed, approved: false },
      { ...signed, maximum_ages: [{ from: 0, age: 12 }] },
      { ...signed, officer_sig: key.sign(verdictBytes({ ...open, requirement_row: 2 }, said)) },
      { ...signed, officer_sig: key.sign(verdictBytes({ ...open, h_payto: randomText(32) }, said)) },
    ];
    for (const one of forged) expect((await decide(open, one)).json, JSON.stringify(one)).toMatchObject({ code: 1825 });
    needed(await take(reserve, '5'));

    expect((await decide(open, signed)).status).toBe(200);
    expect((await decide(open, signed)).status).toBe(200);
    expectOk(await take(reserve, '5'));
    expectOk(await take(reserve, '10', '10'));
  });

  test('that was overtaken takes nothing back when it is sent again', async () => {
    const [reserve, open] = await limited();
    const key = officer();
    const signed = (said: ReturnType<typeof verdict>): Json => ({
      ...said,
      officer_pub: key.pub,
      officer_sig: key.sign(verdictBytes(open, said)),
    });
    const earlier = signed({ ...verdict(), decided_at: now() - 60 });
    expect((await decide(open, earlier)).status).toBe(200);
    expect((await decide(open, signed({ ...verdict(), approved: false, justification: 'false papers' }))).status).toBe(
      200,
    );
    expect(await decide(open, earlier)).toMatchObject({ status: 409, json: { code: 1827 } });
    needed(await take(reserve, '5'));
  });

  test('against the owner leaves the case closed', async () => {
    const [reserve, open] = await limited();
    await approve(exchange, open, { approved: false });
    expect(needed(await take(reserve, '5')).requirement_row).toBe(1);
    expect((await send(checkUrl(open))).status).toBe(202);
    expectOk(await close(exchange.baseUrl, reserve));
  });

  test('may bind coins to an age: the summary shows its group, and withdrawals without it are refused', async () => {
    const account = newAccount();
    const [reserve, open] = await limited(account);
    await approve(exchange, open, { maximum_age: 15 });
    expect((await summaryOf(exchange.baseUrl, reserve)).maximum_age_group).toBe(14);
    const second = await fundedReserve(exchange, '5', account);
    expect((await summaryOf(exchange.baseUrl, second)).maximum_age_group).toBe(14);
    const restricted: Planchet[] = [newPlanchet(offers.of('1', { aged: true }))];
    for (const reply of [await take(reserve, '0.1'), await withdraw(exchange.baseUrl, second, restricted)]) {
      const body = expectRefusal(reply, 409, 1681);
      expect(body.maximum_allowed_age).toBe(14);
      expect(Object.keys(body).sort()).toEqual(['code', 'hint', 'maximum_allowed_age']);
    }
    const older = [
      { from: 0, age: 15 },
      { from: now() - 60, age: 17 },
      { from: now() + 3600, age: 19 },
    ];
    await approve(exchange, open, { maximum_ages: older });
    expect((await summaryOf(exchange.baseUrl, reserve)).maximum_age_group).toBe(16);
    await approve(exchange, open, { maximum_age: 7, justification: 'a child' });
    expect(expectRefusal(await take(reserve, '0.1'), 409, 1681).maximum_allowed_age).toBe(0);
    expectOk(await close(exchange.baseUrl, reserve));
  });

  test('needs the credential of the admin, a case, and its form', async () => {
    const [, open] = await limited();
    const path = `${exchange.adminUrl}legitimizations/${open.h_payto}/1/decide`;
    for (const headers of [{}, { Authorization: 'Bearer x' }, { Authorization: exchange.adminCredential }]) {
      const reply = await send(path, { headers, json: verdict() });
      expect([reply.status, reply.json.code]).toEqual([401, 40]);
    }
    expect((await decide({ ...open, requirement_row: 7 }, verdict())).json).toMatchObject({ code: 1939 });
    const wrong: unknown[] = [
      {},
      [],
      null,
      { ...verdict(), approved: 'yes' },
      { ...verdict(), justification: '' },
      { ...verdict(), justification: 5 },
      { ...verdict(), decided_at: 'now' },
      { ...verdict(), maximum_age: -1 },
      { ...verdict(), maximum_ages: {} },
      { ...verdict(), maximum_ages: [null] },
      { ...verdict(), maximum_ages: [{ from: 0 }] },
      { ...verdict(), officer_sig: randomText(64) },
      { ...verdict(), officer_sig: 5, officer_pub: randomText(32) },
      { ...verdict(), officer_sig: randomText(64), officer_pub: 'x' },
    ];
    for (const json of wrong) {
      const reply = await decide(open, json);
      expect({ json, status: reply.status }).toEqual({ json, status: 400 });
      expect(reply.json).toMatchObject({ code: expect.any(Number), hint: expect.stringMatching(/\w/) });
    }
    for (const broken of [
      { ...open, h_payto: 'x' },
      { ...open, requirement_row: 'one' as unknown as number },
    ]) {
      expect((await decide(broken, verdict())).status).toBe(400);
    }
    const unknown = await admin(exchange, 'nothing/here');
    expect([unknown.status, unknown.json.code]).toEqual([404, 21]);
  });
});

test('a restart forgets neither case nor decision nor age', async () => {
  const [[waiting, open], [approved, decided], [young, child]] = await Promise.all([limited(), limited(), limited()]);
  await approve(exchange, decided);
  await approve(exchange, child, { maximum_age: 12 });
  await exchange.kill();
  exchange = await startExchange({ data: exchange.data, ports: exchange.ports, configure });
  expect(needed(await take(waiting, '5'))).toMatchObject({ ...open, requirement_row: 1 });
  expectOk(await take(approved, '5'));
  expectRefusal(await take(young, '0.1'), 409, 1681);
  expect((await summaryOf(exchange.baseUrl, young)).maximum_age_group).toBe(12);
  expect((await send(checkUrl(open))).status).toBe(202);
  expect((await send(checkUrl(decided))).status).toBe(204);
  await approve(exchange, open);
  expectOk(await take(waiting, '5'));
});
