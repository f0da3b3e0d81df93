import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { encodeBase32 } from '@florin/encoding';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type RunningExchange, startExchange } from '../support/exchange.js';
import { newPlanchets, newReserve, withdraw } from './support/coins.js';
import { expectOk, expectRefusal, type Json, send } from './support/http.js';
import {
  expectSignedGone,
  expectSignedUnknown,
  now,
  type Offer,
  type Offers,
  readOffers,
  units,
} from './support/offers.js';
import {
  type Coin,
  coinHistory,
  coinsOf,
  create,
  createBody,
  depositItem,
  leftByHistory,
  newCoins,
  newPurse,
  postPurse,
  reserveHistory,
  termsOf,
} from './support/purses.js';
import { disclosed, recoup, revoke, withheld } from './support/recoup.js';
import { addFunds, balanceOf, newAccount } from './support/reserves.js';

// A denomination is revoked: its coins buy nothing any more, and their owners get back what they are worth.
let exchange: RunningExchange;
let offers: Offers;
let baseUrl: string;
let revoked: {
  rsa: Offer;
  cs: Offer;
  aged: Offer;
  twos: Coin;
  mixed: Coin[];
  checked: Coin[];
  spent: Coin;
  race: Coin;
};

beforeAll(async () => {
  exchange = await startExchange({ onTestServer: true });
  ({ baseUrl } = exchange);
  offers = await readOffers(baseUrl);
  const [rsa, cs, aged] = [offers.of('1'), offers.of('1', { cipher: 'CS' }), offers.of('1', { aged: true })];
  const mixed = await coinsOf(exchange, [rsa, cs, offers.of('2'), aged, rsa]);
  const checked = await coinsOf(exchange, [rsa, cs, offers.of('2'), aged, rsa]);
  const [spent, race] = (await newCoins(exchange, offers, '1', '1')) as [Coin, Coin];
  const [twos] = (await newCoins(exchange, offers, '2')) as [Coin];
  const { pub } = newReserve();
  const early = await send(`${baseUrl}management/denominations/${rsa.hash}/revoke`, {
    json: { master_sig: pub + pub },
  });
  expectRefusal(early, 400, 22);
  expectRefusal(await recoup(baseUrl, spent.reserve, [disclosed(spent), withheld(race)]), 410, 1555);
  const body = expectRefusal(await recoup(baseUrl, twos.reserve, [disclosed(twos)]), 410, 1555);
  expectSignedGone(body, { hash: twos.offer.hash, oper: 'RECOUP', signingKeys: offers.signingKeys });
  const keys = newPurse();
  const deposit = depositItem(baseUrl, keys, spent, { amount: units('0.6') });
  expectOk(await postPurse(baseUrl, keys, 'create', createBody(keys, termsOf('0.5'), [deposit])));
  for (const offer of [rsa, cs, aged]) await revoke(exchange, offer);
  revoked = { rsa, cs, aged, twos, mixed, checked, spent, race };
});
afterAll(async () => {
  expect(await exchange.stop()).toBe(0);
  exchange.remove();
});

test('what is revoked is replaced without waiting for the next look at the keys', { timeout: 30_000 }, async () => {
  const { rsa } = revoked;
  const isNew = ({ hash, value, cipher, ageMask, start }: Offer): boolean =>
    hash !== rsa.hash && value === rsa.value && cipher === rsa.cipher && ageMask === rsa.ageMask && start <= now();
  while (!(await readOffers(baseUrl)).denominations.some(isNew)) await sleep(100);
});

test('a revocation is published, binds at once and is said once', async () => {
  const { rsa, cs, mixed } = revoked;
  await revoke(exchange, rsa);
  for (const path of ['keys', 'config']) {
    const listed = (expectOk(await send(`${baseUrl}${path}`)).recoup as { h_denom_pub: string }[]).map(
      ({ h_denom_pub }) => h_denom_pub,
    );
    expect(listed).toContain(rsa.hash);
    expect(listed).toContain(cs.hash);
    expect(listed).toHaveLength(3);
  }
  const reserve = newReserve();
  const planchets = [newPlanchets({ of: () => rsa }, '1')].flat();
  expectRefusal(await withdraw(baseUrl, reserve, planchets), 410, 1010);
  expectRefusal(await create(baseUrl, newPurse(), termsOf('0.9'), [mixed[0] as Coin]), 410, 1010);
  const url = (hash: string) => `${baseUrl}management/denominations/${hash}/revoke`;
  const json = { master_sig: encodeBase32(randomBytes(64)) };
  expectRefusal(await send(url(offers.of('2').hash), { json }), 403, 1804);
  const unknown = encodeBase32(randomBytes(64));
  expectSignedUnknown(expectRefusal(await send(url(unknown), { json }), 404, 1005), unknown, offers);
});

test('a subset of a withdrawal comes back, RSA and CS, with and without age; then the rest; once', async () => {
  const [first, clause, standing, aged, last] = revoked.mixed as [Coin, Coin, Coin, Coin, Coin];
  const { reserve } = first;
  const before = await balanceOf(baseUrl, reserve);
  const some = [disclosed(first), disclosed(clause), withheld(standing), disclosed(aged), withheld(last)];
  const reply = await recoup(baseUrl, reserve, some);
  expect(units(String(expectOk(reply).balance)) - before).toBe(units('3'));
  expect(expectOk(await recoup(baseUrl, reserve, some))).toEqual(reply.json);
  const all = [disclosed(first), disclosed(clause), withheld(standing), disclosed(aged), disclosed(last)];
  expect(units(String(expectOk(await recoup(baseUrl, reserve, all)).balance)) - before).toBe(units('4'));
  expect(units(String(expectOk(await recoup(baseUrl, reserve, all)).balance)) - before).toBe(units('4'));

  for (const coin of [first, clause, aged, last]) {
    const told = expectOk(await coinHistory(baseUrl, coin));
    expect(told.balance).toBe('KUDOS:0');
    expect(told.history).toMatchObject([{ type: 'RECOUP', amount: 'KUDOS:1', reserve_pub: reserve.pub }]);
    expect(leftByHistory(coin, told.history, offers)).toBe(0n);
  }
  const { history } = expectOk(await reserveHistory(baseUrl, reserve));
  expect((history as Json[]).filter(({ type }) => type === 'RECOUP')).toHaveLength(4);
  expectRefusal(await recoup(baseUrl, reserve, [disclosed(standing), ...some.slice(1)]), 410, 1555);
});

test('what is left of a coin comes back while others race for it, and after a crash', async () => {
  const { spent, race } = revoked;
  const { reserve } = spent;
  const before = await balanceOf(baseUrl, reserve);
  const request = [disclosed(spent), disclosed(race)];
  const replies = await Promise.all(Array.from({ length: 8 }, () => recoup(baseUrl, reserve, request)));
  for (const reply of replies) expect(units(String(expectOk(reply).balance)) - before).toBe(units('1.4'));
  await exchange.kill();
  exchange = await startExchange({ data: exchange.data, ports: exchange.ports });
  expect(units(String(expectOk(await recoup(baseUrl, reserve, request)).balance)) - before).toBe(units('1.4'));
  expectRefusal(await create(baseUrl, newPurse(), termsOf('0.9'), [race]), 410, 1010);
  await addFunds(exchange, reserve, '2', newAccount());
  expectRefusal(await withdraw(baseUrl, reserve, newPlanchets({ of: () => revoked.rsa }, '1')), 410, 1010);
});

test('recoup checks in the order of the protocol', async () => {
  const [first, clause, standing, aged, last] = revoked.checked as [Coin, Coin, Coin, Coin, Coin];
  const { reserve } = first;
  const rest = [clause, standing, aged, last].map(withheld);
  const refused = async (coin: Json, status: number, code: number): Promise<Json> =>
    expectRefusal(await recoup(baseUrl, reserve, [coin, ...rest]), status, code);
  const good = disclosed(first);
  expect(await refused({ ...good, type: 'coin' }, 400, 22)).toMatchObject({ field: 'coin_data[0].type' });
  expect(await refused({ ...good, coin_sig: null }, 400, 22)).toMatchObject({ field: 'coin_data[0].coin_sig' });
  expectRefusal(await recoup(baseUrl, reserve, []), 400, 26);
  expectRefusal(await recoup(baseUrl, reserve, rest), 400, 26);
  expectRefusal(await recoup(baseUrl, reserve, [good, good]), 400, 26);
  expectRefusal(await recoup(baseUrl, reserve, Array(257).fill(withheld(first))), 400, 26);
  await refused(
    { ...good, denom_pub_h: encodeBase32(randomBytes(64)), coin_sig: encodeBase32(randomBytes(64)) },
    404,
    1005,
  );
  await refused({ ...good, denom_pub_sig: clause.signature }, 400, 1017);
  await refused({ ...good, cs_session_nonce: first.key.pub }, 400, 26);
  const { cs_r_pubs, ...without } = disclosed(clause);
  expectRefusal(await recoup(baseUrl, reserve, [without]), 400, 26);
  const { r_pub_1 } = cs_r_pubs as { r_pub_1: string };
  expectRefusal(await recoup(baseUrl, reserve, [{ ...without, cs_r_pubs: { r_pub_0: r_pub_1, r_pub_1 } }]), 400, 26);
  await refused({ ...good, denom_pub_sig: last.signature }, 403, 1006);
  await refused({ ...good, coin_sig: disclosed(last).coin_sig }, 403, 1550);
  expectRefusal(await recoup(baseUrl, reserve, [good]), 404, 1161);
  expectRefusal(await recoup(baseUrl, reserve, [good, ...rest.toReversed()]), 404, 1161);
  expectRefusal(await recoup(baseUrl, newReserve(), [good, ...rest]), 404, 1161);
  expectRefusal(await recoup(baseUrl, revoked.twos.reserve, [good]), 404, 1551);
  expectOk(await recoup(baseUrl, reserve, [good, ...rest]));
});
