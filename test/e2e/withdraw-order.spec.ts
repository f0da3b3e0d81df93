import { setTimeout as sleep } from 'node:timers/promises';
import { decodeBase32 } from '@florin/encoding';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RunningExchange, smallKeys, startExchange } from '../support/exchange.js';
import { approve, type Case } from './support/admin.js';
import {
  costOf,
  expectCoins,
  newPlanchet,
  newPlanchets,
  newReserve,
  newSession,
  type Planchet,
  planchetOf,
  postWithdraw,
  type Reserve,
  type WithdrawItem,
  withdraw,
  withdrawItem,
} from './support/coins.js';
import { expectRefusal, type Json, send } from './support/http.js';
import { expectSignedGone, expectSignedUnknown, now, type Offer, type Offers, readOffers } from './support/offers.js';
import { randomText } from './support/oracle.js';
import { addFunds, balanceOf, formatUnits, fundedReserve, newAccount } from './support/reserves.js';

// The checks of a withdrawal come in the order of the protocol: of several faults, the first one is answered. Each
// request here has its fault and, as far as they go together, all that come after it.
let exchange: RunningExchange;
let offers: Offers;

/** The value whose keys sign for seconds only, one after the other. */
const SHORT_LIVED = '3';
/** One of them signs for half of this time at least: enough for a request on a busy machine. */
const SHORT_LIFE_S = 30;
const HUGE = '4503599627370496';

beforeAll(async () => {
  exchange = await startExchange({
    onTestServer: true,
    configure: (settings) => {
      smallKeys(settings);
      const [first] = settings.denominations;
      settings.denominations.push(
        { ...first, value: `KUDOS:${SHORT_LIVED}`, withdrawFor: `${SHORT_LIFE_S} seconds` },
        { ...first, value: `KUDOS:${SHORT_LIVED}`, withdrawFor: `${SHORT_LIFE_S} seconds`, cipher: 'CS' },
        { ...first, value: `KUDOS:${HUGE}`, feeWithdraw: 'KUDOS:0' },
      );
      Object.assign(settings.keySchedule, { overlap: `${SHORT_LIFE_S / 2} seconds`, lookahead: '2 minutes' });
      settings.legitimization.withdraw = { threshold: 'KUDOS:5', window: '30 days' };
    },
  });
  offers = await readOffers(exchange.baseUrl);
});
afterAll(async () => {
  expect(await exchange.stop()).toBe(0);
  exchange.remove();
});

const rsa = (value = '1'): Planchet => newPlanchet(offers.of(value));
const items = (reserve: Reserve, ...planchets: Planchet[]): WithdrawItem[] =>
  planchets.map((planchet) => withdrawItem(reserve, planchet));
const unsigned = (list: WithdrawItem[]): WithdrawItem[] =>
  list.map((item) => ({ ...item, reserve_sig: randomText(64) }));
const refused = async (pub: string, planchets: unknown, status: number, code: number): Promise<Json> =>
  expectRefusal(await postWithdraw(exchange.baseUrl, pub, { planchets }), status, code);

const elsewhere = (planchet: Planchet, offer: Offer): Planchet =>
  planchetOf(offer, planchet.blinding, planchet.blinded);
/** Above every modulus of this size. */
const tooLarge = (planchet: Planchet): Planchet =>
  planchetOf(planchet.offer, planchet.blinding, { cipher: 'RSA', blindedPlanchet: new Uint8Array(128).fill(255) });
const unknownOffer = (): Offer => ({ ...offers.of('1'), hash: randomText(64) });
async function future(wanted: 'RSA' | 'CS' = 'RSA'): Promise<Offer> {
  const { denominations } = await readOffers(exchange.baseUrl);
  const found = denominations.find(({ cipher, start }) => cipher === wanted && start > now() + 30);
  if (!found) throw new Error('no key begins later');
  return found;
}
async function expired(wanted: 'RSA' | 'CS' = 'RSA'): Promise<Offer> {
  const [first] = offers.denominations
    .filter(({ cipher, expireWithdraw, start }) => cipher === wanted && expireWithdraw - start === SHORT_LIFE_S)
    .sort((a, b) => a.expireWithdraw - b.expireWithdraw);
  if (!first) throw new Error('no key is short-lived');
  while (now() < first.expireWithdraw) await sleep(200);
  return first;
}

describe('before anything is looked up', () => {
  test('the key in the path comes first, before the body is read at all', async () => {
    const url = `${exchange.baseUrl}reserves/${'0'.repeat(51)}/batch-withdraw`;
    for (const body of ['{', '{}', JSON.stringify({ planchets: [] })]) {
      expect(expectRefusal(await send(url, { body }), 400, 27).detail).toBe('0'.repeat(51));
    }
  });

  test('the number of planchets, before any of them is looked at', async () => {
    const { pub } = newReserve();
    expect(await refused(pub, [], 400, 26)).toMatchObject({ detail: 'planchets' });
    const many = Array.from({ length: 257 }, () => null);
    expect(await refused(pub, many, 400, 26)).toMatchObject({ detail: 'too many planchets' });
    expect(await refused(pub, many.slice(1), 400, 22)).toMatchObject({ field: 'planchets[0]' });
  });

  test('their form, in order', async () => {
    const reserve = newReserve();
    const [good, twin] = items(reserve, rsa(), rsa()) as [WithdrawItem, WithdrawItem];
    const broken = { ...twin, coin_ev: { cipher: 'RSA' } };
    expect(await refused(reserve.pub, [good, good, broken, {}], 400, 22)).toMatchObject({
      field: 'planchets[2].coin_ev',
    });
  });

  test('two that are alike, of known and of unknown denominations, new and withdrawn', async () => {
    const reserve = await fundedReserve(exchange, '3');
    const known = newPlanchets(offers, '1');
    expectCoins(await withdraw(exchange.baseUrl, reserve, known), known);
    for (const planchet of [rsa(), elsewhere(rsa(), unknownOffer()), known[0] as Planchet]) {
      const alike = unsigned(items(reserve, planchet, rsa(), planchet));
      expect(await refused(reserve.pub, alike, 400, 26)).toMatchObject({ detail: 'duplicate planchet' });
    }
  });
});

describe('what was answered before', () => {
  test('all known: answered although signature, keys, denomination, limit and balance say no', async () => {
    const reserve = await fundedReserve(exchange, '3.02');
    const planchets = [newPlanchet((await readOffers(exchange.baseUrl)).of(SHORT_LIVED))];
    const first = await withdraw(exchange.baseUrl, reserve, planchets);
    expectCoins(first, planchets);
    while (now() < (planchets[0]?.offer.expireWithdraw ?? 0)) await sleep(200);
    const again = { planchets: unsigned(items(reserve, ...planchets)) };
    expect((await postWithdraw(exchange.baseUrl, reserve.pub, again)).bytes.equals(first.bytes)).toBe(true);
  });

  test('some known: refused before everything that is wrong with the others', async () => {
    const reserve = await fundedReserve(exchange, '1.01');
    const known = newPlanchets(offers, '1');
    expectCoins(await withdraw(exchange.baseUrl, reserve, known), known);
    const worst = [...known, elsewhere(rsa(), unknownOffer()), elsewhere(rsa(), await expired())];
    await refused(reserve.pub, unsigned(items(reserve, ...worst)), 409, 1175);
  });
});

describe('denominations, planchet by planchet', () => {
  test('unknown: signed by the exchange', async () => {
    const reserve = newReserve();
    const unknown = elsewhere(rsa(), unknownOffer());
    const body = await refused(reserve.pub, unsigned(items(reserve, unknown, rsa())), 404, 1005);
    expectSignedUnknown(body, unknown.offer.hash, offers);
  });

  test('no longer valid, and not yet valid: signed for the operation', async () => {
    const reserve = newReserve();
    const clause = offers.of('1', { cipher: 'CS' });
    const mismatched = newPlanchet(clause, await newSession(exchange.baseUrl, clause));
    const { signingKeys } = offers;
    for (const [offer, code] of [
      [await expired(), 1009],
      [await future(), 1008],
    ] as const) {
      const [item] = unsigned(items(reserve, elsewhere(mismatched, offer))) as [WithdrawItem];
      const batch = await refused(reserve.pub, [item], 410, code);
      expectSignedGone(batch, { hash: offer.hash, oper: 'batch-withdraw', signingKeys });
      const single = await send(`${exchange.baseUrl}reserves/${reserve.pub}/withdraw`, { json: item });
      expectSignedGone(expectRefusal(single, 410, code), { hash: offer.hash, oper: 'WITHDRAW', signingKeys });
    }
  });

  test('the same for session nonces', async () => {
    const { signingKeys } = offers;
    for (const [{ hash }, code] of [
      [await expired('CS'), 1009],
      [await future('CS'), 1008],
    ] as const) {
      const asked = { nonce: randomText(32), denom_pub_hash: hash };
      const body = expectRefusal(await send(`${exchange.baseUrl}csr-withdraw`, { json: asked }), 410, code);
      expectSignedGone(body, { hash, oper: 'csr-withdraw', signingKeys });
    }
  });

  test('the cipher; then a blinded value that is not below the modulus', async () => {
    const reserve = newReserve();
    const clause = offers.of('1', { cipher: 'CS' });
    const session = await newSession(exchange.baseUrl, clause);
    for (const mismatched of [elsewhere(rsa(), clause), elsewhere(newPlanchet(clause, session), offers.of('1'))]) {
      await refused(reserve.pub, unsigned(items(reserve, mismatched, tooLarge(rsa()))), 400, 1017);
    }
    const large = await refused(reserve.pub, unsigned(items(reserve, tooLarge(rsa()))), 400, 26);
    expect(large.detail).toBe('coin_ev');
  });

  test('the sum of values and fees', async () => {
    const reserve = newReserve();
    await refused(reserve.pub, unsigned(items(reserve, rsa(HUGE), rsa('1'))), 500, 1152);
    await refused(reserve.pub, items(reserve, rsa(HUGE)), 404, 1027);
  });

  test('the signatures, each over its own planchet, denomination and price', async () => {
    const reserve = newReserve();
    const [a, b] = [rsa(), rsa()];
    const [good, other] = items(reserve, a, b) as [WithdrawItem, WithdrawItem];
    const forgeries: WithdrawItem[] = [
      { ...good, reserve_sig: other.reserve_sig },
      { ...good, reserve_sig: items(newReserve(), a)[0]?.reserve_sig ?? '' },
      withdrawItem(reserve, a, { amountWithFee: { currency: 'KUDOS', units: a.offer.value } }),
      withdrawItem(reserve, a, { hDenominationPub: decodeBase32(offers.of('2').hash, 64) }),
    ];
    for (const forged of forgeries) await refused(reserve.pub, [other, forged], 403, 1154);
    await refused(reserve.pub, [good, other], 404, 1027);
  });
});

describe('what the ledger says', () => {
  test('the law, then the age, then the balance, then the nonce', async () => {
    const clause = offers.of('1', { cipher: 'CS' });
    const session = await newSession(exchange.baseUrl, clause);
    const first = [newPlanchet(clause, session)];
    const poor = await fundedReserve(exchange, '1.01');
    expectCoins(await withdraw(exchange.baseUrl, poor, first), first);
    const reused = newPlanchet(clause, session);

    await refused(newReserve().pub, items(newReserve(), reused), 403, 1154);
    const nobody = newReserve();
    await refused(nobody.pub, items(nobody, reused, rsa('10')), 404, 1027);

    const account = newAccount();
    const reserve = await fundedReserve(exchange, '1.01', account);
    const much = items(reserve, reused, rsa('5'));
    const needed = (await refused(reserve.pub, much, 451, 1028)) as unknown as Case & Json;
    expect(Object.keys(needed).sort()).toEqual(['code', 'h_payto', 'hint', 'requirement_row']);
    await approve(exchange, needed, { maximum_age: 13 });
    expect((await refused(reserve.pub, much, 409, 1681)).maximum_allowed_age).toBe(12);
    await approve(exchange, needed, {
      maximum_ages: [{ from: now() + 3600, age: 13 }],
      justification: 'of age so far',
    });
    const body = await refused(reserve.pub, much, 409, 1150);
    expect(body.requested_amount).toBe(formatUnits(costOf([reused, rsa('5')])));
    await addFunds(exchange, reserve, '20', account);
    await refused(reserve.pub, much, 400, 1160);
    expect(await balanceOf(exchange.baseUrl, reserve)).toBe(2_101_000_000n);
  });
});
