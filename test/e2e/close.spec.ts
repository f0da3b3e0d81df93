import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RunningExchange, smallKeys, startExchange } from '../support/exchange.js';
import { approve, type Case } from './support/admin.js';
import { expectCoins, newPlanchets, newReserve, type Reserve, withdraw } from './support/coins.js';
import { expectOk, expectRefusal, type Json, send } from './support/http.js';
import { now, readOffers, units } from './support/offers.js';
import { newKey, normalizedHash, randomText } from './support/oracle.js';
import {
  addFunds,
  balanceOf,
  close,
  closeBody,
  formatUnits,
  fundedReserve,
  newAccount,
  paymentsTo,
  postClose,
} from './support/reserves.js';

// Closing debits when it answers, and what it answers is what arrives. Fee 0.05, rounded down to 0.01.
let exchange: RunningExchange;

beforeAll(async () => {
  exchange = await startExchange({
    onTestServer: true,
    configure: (settings) => {
      smallKeys(settings);
      settings.wireFees.push({ ...settings.wireFees[0], method: 'iban', closingFee: 'KUDOS:0.07' });
    },
  });
});
afterAll(async () => {
  expect(await exchange.stop()).toBe(0);
  exchange.remove();
});

const wired = async (reserve: Reserve, how = {}): Promise<string> => {
  const body = expectOk(await close(exchange.baseUrl, reserve, how));
  expect(Object.keys(body)).toEqual(['wire_amount']);
  return body.wire_amount as string;
};
const balance = (reserve: Reserve): Promise<bigint> => balanceOf(exchange.baseUrl, reserve);

describe('to the origin', () => {
  test('the balance less the fee leaves at once, rounded down, and exactly the answer arrives', async () => {
    const account = newAccount();
    const reserve = await fundedReserve(exchange, '7.1234', account);
    expect(await wired(reserve)).toBe('KUDOS:7.07');
    expect(await balance(reserve)).toBe(0n);
    const [payment, ...others] = await paymentsTo(exchange, account);
    expect(payment).toMatchObject({ amount: 'KUDOS:7.07', exchange_base_url: exchange.baseUrl });
    expect(others).toEqual([]);
  });

  test('naming the origin byte by byte is not another account', async () => {
    const account = newAccount();
    const reserve = await fundedReserve(exchange, '1', account);
    expect(await wired(reserve, { target: account })).toBe('KUDOS:0.95');
    expect((await paymentsTo(exchange, account))[0]?.amount).toBe('KUDOS:0.95');
  });

  test('the origin is the account of the latest credit', async () => {
    const [first, second] = [newAccount(), newAccount()];
    const reserve = await fundedReserve(exchange, '1', first);
    await addFunds(exchange, reserve, '2', second);
    expect(await wired(reserve)).toBe('KUDOS:2.95');
    expect((await paymentsTo(exchange, second))[0]?.amount).toBe('KUDOS:2.95');
  });

  test('new money reopens a closed reserve; every closing is a transfer of its own', async () => {
    const account = newAccount();
    const reserve = await fundedReserve(exchange, '1', account);
    const start = now();
    expect(await wired(reserve, { timestamp: start })).toBe('KUDOS:0.95');
    await addFunds(exchange, reserve, '2', account);
    const planchets = newPlanchets(await readOffers(exchange.baseUrl), '1');
    expectCoins(await withdraw(exchange.baseUrl, reserve, planchets), planchets);
    expect(await wired(reserve, { timestamp: start - 1 })).toBe('KUDOS:0.94');
    expect(await balance(reserve)).toBe(0n);
    const payments = await paymentsTo(exchange, account, 2);
    expect(payments.map(({ amount }) => amount)).toEqual(['KUDOS:0.95', 'KUDOS:0.94']);
    expect(new Set(payments.map(({ wtid }) => wtid)).size).toBe(2);
  });
});

describe('the edges of the fee', () => {
  const cases: [amount: string, answer: string, left: string][] = [
    ['0.04999999', 'KUDOS:0', '0.04999999'],
    ['0.05', 'KUDOS:0', '0.05'],
    ['0.05000001', 'KUDOS:0', '0'],
    ['0.05999999', 'KUDOS:0', '0'],
    ['0.06', 'KUDOS:0.01', '0'],
    ['0.06999999', 'KUDOS:0.01', '0'],
  ];
  test.each(cases)('a balance of %s answers %s and leaves %s', async (amount, answer, left) => {
    const account = newAccount();
    const reserve = await fundedReserve(exchange, amount, account);
    const request = closeBody(reserve);
    const reply = await postClose(exchange.baseUrl, reserve.pub, request);
    expect(expectOk(reply).wire_amount).toBe(answer);
    expect(formatUnits(await balance(reserve))).toBe(`KUDOS:${left}`);
    await addFunds(exchange, reserve, '5', account);
    expect((await postClose(exchange.baseUrl, reserve.pub, request)).bytes.equals(reply.bytes)).toBe(true);
    expect(await balance(reserve)).toBe(units('5') + units(left));
  });

  test('a reserve that is empty answers zero, as often as it is asked', async () => {
    const reserve = await fundedReserve(exchange, '1');
    const start = now();
    expect(await wired(reserve, { timestamp: start })).toBe('KUDOS:0.95');
    for (const ago of [1, 2, 1]) expect(await wired(reserve, { timestamp: start - ago })).toBe('KUDOS:0');
    expect(await wired(reserve, { timestamp: start })).toBe('KUDOS:0.95');
  });
});

describe('a repeat', () => {
  test('is known by timestamp and target, answered alike for ever, and pays once', async () => {
    const account = newAccount();
    const reserve = await fundedReserve(exchange, '3', account);
    const request = closeBody(reserve);
    const replies = await Promise.all(
      Array.from({ length: 20 }, () => postClose(exchange.baseUrl, reserve.pub, request)),
    );
    expect(new Set(replies.map(({ text }) => text))).toEqual(new Set(['{"wire_amount":"KUDOS:2.95"}']));
    await addFunds(exchange, reserve, '4', account);
    expect(expectOk(await postClose(exchange.baseUrl, reserve.pub, request)).wire_amount).toBe('KUDOS:2.95');
    expect(await balance(reserve)).toBe(units('4'));
    expect(await wired(reserve, { timestamp: now() - 60 })).toBe('KUDOS:3.95');
    const payments = await paymentsTo(exchange, account, 2);
    expect(payments.map(({ amount }) => amount)).toEqual(['KUDOS:2.95', 'KUDOS:3.95']);
  });

  test('is the owner who repeats: the same time and target under another signature is refused', async () => {
    const reserve = await fundedReserve(exchange, '3');
    const request = closeBody(reserve);
    expectOk(await postClose(exchange.baseUrl, reserve.pub, request));
    const forged = { ...request, reserve_sig: randomText(64) };
    expectRefusal(await postClose(exchange.baseUrl, reserve.pub, forged), 403, 1786);
  });

  test('of two different requests at once one finds the balance, the other the rest', async () => {
    const account = newAccount();
    const reserve = await fundedReserve(exchange, '3', account);
    const at = now();
    const answers = await Promise.all([0, 1, 2, 3].map((ago) => wired(reserve, { timestamp: at - ago })));
    expect(answers.sort()).toEqual(['KUDOS:0', 'KUDOS:0', 'KUDOS:0', 'KUDOS:2.95']);
    expect((await paymentsTo(exchange, account)).map(({ amount }) => amount)).toEqual(['KUDOS:2.95']);
  });
});

describe('to a designated account', () => {
  test('waits for its legitimization, of the normalised account, and then pays it', async () => {
    const [origin, target] = [newAccount(), newAccount()];
    const reserve = await fundedReserve(exchange, '6', origin);
    const request = closeBody(reserve, { target, timestamp: now() - 5 });
    const first = expectRefusal(await postClose(exchange.baseUrl, reserve.pub, request), 451, 1028);
    expect(first).toMatchObject({ h_payto: normalizedHash(target), requirement_row: 1 });
    expect(await balance(reserve)).toBe(units('6'));
    expectRefusal(await postClose(exchange.baseUrl, reserve.pub, request), 451, 1028);

    const check = `${exchange.baseUrl}kyc-check/${first.requirement_row}/${first.h_payto}/individual`;
    const pending = await send(check);
    expect(pending.status).toBe(202);
    expect(Object.keys(pending.json)).toEqual(['kyc_url']);
    expect(String(pending.json.kyc_url)).toMatch(/^http/);
    await approve(exchange, first as unknown as Case);
    const decided = await send(check);
    expect([decided.status, decided.text]).toEqual([204, '']);

    expect(await wired(reserve, { target })).toBe('KUDOS:5.95');
    expect((await paymentsTo(exchange, target)).map(({ amount }) => amount)).toEqual(['KUDOS:5.95']);
    await addFunds(exchange, reserve, '1', origin);
    expect(await wired(reserve, { timestamp: now() - 1 })).toBe('KUDOS:0.95');
    expect((await paymentsTo(exchange, origin)).map(({ amount }) => amount)).toEqual(['KUDOS:0.95']);
  });

  test('another receiver name counts as another account, with the case of the same person', async () => {
    const origin = newAccount();
    const target = origin.replace('receiver-name=', 'receiver-name=Dr.%20');
    const reserve = await fundedReserve(exchange, '6', origin);
    const body = expectRefusal(await close(exchange.baseUrl, reserve, { target }), 451, 1028);
    expect(body.h_payto).toBe(normalizedHash(origin));
  });

  test('a payto method without an account of ours is refused before clock and signature are looked at', async () => {
    const reserve = await fundedReserve(exchange, '6');
    for (const target of [
      'payto://iban/DE75512108001245126199?receiver-name=Jane',
      'payto://void/x?receiver-name=Jane',
    ]) {
      const request = { ...closeBody(reserve, { target, timestamp: now() - 4000 }), reserve_sig: randomText(64) };
      const body = expectRefusal(await postClose(exchange.baseUrl, reserve.pub, request), 400, 26);
      expect(body.detail).toBe('payto_uri');
    }
  });
});

describe('is refused', () => {
  test('beyond fifteen minutes in both directions, and no sooner', async () => {
    const reserve = await fundedReserve(exchange, '1');
    const skewed = async (seconds: number) =>
      expectRefusal(await close(exchange.baseUrl, reserve, { timestamp: now() + seconds }), 400, 1020);
    await skewed(-901);
    await skewed(960);
    await skewed(-86_400);
    expectRefusal(await close(exchange.baseUrl, reserve, { timestamp: Number.POSITIVE_INFINITY }), 400, 1020);
    const bad = { ...closeBody(reserve, { timestamp: now() - 901 }), reserve_sig: randomText(64) };
    expectRefusal(await postClose(exchange.baseUrl, reserve.pub, bad), 400, 1020);
    expect(await balance(reserve)).toBe(units('1'));
    expect(await wired(reserve, { timestamp: now() + 900 })).toBe('KUDOS:0.95');
    expect(await wired(reserve, { timestamp: now() - 840 })).toBe('KUDOS:0');
  });

  test('with a signature of another key, time or target', async () => {
    const reserve = await fundedReserve(exchange, '1');
    const at = now();
    const good = closeBody(reserve, { timestamp: at });
    const forgeries = [
      closeBody({ ...newKey(), pub: reserve.pub }, { timestamp: at }),
      { ...good, request_timestamp: { t_s: at - 1 } },
      { ...good, payto_uri: newAccount() },
      { ...closeBody(reserve, { timestamp: at, target: newAccount() }), payto_uri: newAccount() },
    ];
    for (const forged of forgeries) expectRefusal(await postClose(exchange.baseUrl, reserve.pub, forged), 403, 1786);
    expect(await balance(reserve)).toBe(units('1'));
  });

  test('for a reserve that is not there', async () => {
    const reserve = newReserve();
    expectRefusal(await close(exchange.baseUrl, reserve), 404, 1027);
    expectRefusal(await close(exchange.baseUrl, reserve, { target: newAccount() }), 404, 1027);
  });

  test('malformed, naming the member', async () => {
    const reserve = await fundedReserve(exchange, '1');
    const good: Json = closeBody(reserve);
    const wrong: [string, unknown[]][] = [
      [
        'request_timestamp',
        [undefined, null, 5, 'never', {}, { t_s: -1 }, { t_s: 1.5 }, { t_s: '5' }, { t_s: 2 ** 60 }],
      ],
      ['reserve_sig', [undefined, null, 5, '', randomText(63), `${randomText(64)}0`]],
      [
        'payto_uri',
        [5, {}, '', 'payto://', 'http://x/y', 'payto://iban/DE00?receiver-name=x', 'payto://x-taler-bank/localhost/a'],
      ],
    ];
    for (const [member, values] of wrong) {
      for (const value of values) {
        const reply = await postClose(exchange.baseUrl, reserve.pub, { ...good, [member]: value });
        expect(expectRefusal(reply, 400, 22).field, `${member} ${JSON.stringify(value)}`).toBe(member);
      }
    }
    const url = `${exchange.baseUrl}reserves/${reserve.pub}/close`;
    expectRefusal(await send(url, { body: Buffer.alloc(16 * 1024 * 1024 + 1, ' ') }), 413, 32);
    expectRefusal(await send(url.replace(reserve.pub, 'ABC'), { json: good }), 400, 27);
    expect(await balance(reserve)).toBe(units('1'));
    expect(expectOk(await postClose(exchange.baseUrl, reserve.pub, { ...good, payto_uri: null })).wire_amount).toBe(
      'KUDOS:0.95',
    );
  });
});
