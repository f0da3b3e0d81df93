import { randomBytes } from 'node:crypto';
import { encodeBase32 } from '@florin/encoding';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type RunningExchange, startExchange } from '../support/exchange.js';
import { expectCoins, newReserve, withdraw } from './support/coins.js';
import { expectOk, expectRefusal, type Json, send } from './support/http.js';
import { expectSignedGone, type Offer, type Offers, readOffers, units } from './support/offers.js';
import {
  type Coin,
  coinHistory,
  coinsOf,
  createBody,
  depositItem,
  leftByHistory,
  newCoins,
  newPurse,
  postPurse,
  reserveHistory,
  termsOf,
} from './support/purses.js';
import { disclosed, disclosedAlone, recoup, recoupCoin, revoke, withheld } from './support/recoup.js';
import { balanceOf, fundedReserve } from './support/reserves.js';

// The older recoup: one coin at a time, and the exchange finds the reserve by the envelope.
let exchange: RunningExchange;
let offers: Offers;
let baseUrl: string;
let revoked: { coins: Coin[]; spent: Coin; late: Coin; standing: Coin; twice: Coin };

beforeAll(async () => {
  exchange = await startExchange({ onTestServer: true });
  ({ baseUrl } = exchange);
  offers = await readOffers(baseUrl);
  const kinds: Offer[] = [offers.of('1'), offers.of('1', { cipher: 'CS' }), offers.of('1', { aged: true })];
  const coins = await coinsOf(exchange, [...kinds, offers.of('1')]);
  const [spent, standing] = (await newCoins(exchange, offers, '1', '2')) as [Coin, Coin];
  const [late, twice] = (await newCoins(exchange, offers, '1', '1')) as [Coin, Coin];
  expectRefusal(await recoupCoin(baseUrl, spent), 410, 1555);
  const keys = newPurse();
  const deposit = depositItem(baseUrl, keys, spent);
  expectOk(await postPurse(baseUrl, keys, 'create', createBody(keys, termsOf('0.5'), [deposit])));
  const part = newPurse();
  const some = depositItem(baseUrl, part, late, { amount: units('0.6') });
  expectOk(await postPurse(baseUrl, part, 'create', createBody(part, termsOf('0.5'), [some])));
  for (const offer of kinds) await revoke(exchange, offer);
  revoked = { coins, spent, late, standing, twice };
});
afterAll(async () => {
  expect(exchange.log()).not.toMatch(/"level":(50|60)/);
  expect(await exchange.stop()).toBe(0);
  exchange.remove();
});

test('coins come back one by one, RSA and CS, with and without age; each once, answered alike for ever', async () => {
  const [first, clause, aged, last] = revoked.coins as [Coin, Coin, Coin, Coin];
  const { reserve } = first;
  const before = await balanceOf(baseUrl, reserve);
  for (const [count, coin] of [first, clause, aged].entries()) {
    const replies = await Promise.all(Array.from({ length: 4 }, () => recoupCoin(baseUrl, coin)));
    for (const reply of replies) expect(expectOk(reply)).toEqual({ reserve_pub: reserve.pub });
    expect(await balanceOf(baseUrl, reserve)).toBe(before + units('1') * BigInt(count + 1));
    const told = expectOk(await coinHistory(baseUrl, coin));
    expect(told.history).toMatchObject([{ type: 'RECOUP', amount: 'KUDOS:1', reserve_pub: reserve.pub }]);
    expect(leftByHistory(coin, told.history, offers)).toBe(0n);
  }
  const none = encodeBase32(new Uint8Array(32)); // says the same as no age commitment
  expectOk(await recoupCoin(baseUrl, first, { h_age_commitment: none }));
  const told = { ...disclosed(last), age_commitment_h: none };
  const whole = [disclosed(first), disclosed(clause), disclosed(aged), told];
  expect(units(String(expectOk(await recoup(baseUrl, reserve, whole)).balance))).toBe(before + units('4'));
  expect(expectOk(await recoupCoin(baseUrl, last))).toEqual({ reserve_pub: reserve.pub });
  const { history } = expectOk(await reserveHistory(baseUrl, reserve));
  expect((history as Json[]).filter(({ type }) => type === 'RECOUP')).toHaveLength(4);
});

test('what is left of a coin comes back; a spent one proves that nothing is', async () => {
  const { late, spent } = revoked;
  const before = await balanceOf(baseUrl, late.reserve);
  expectOk(await recoupCoin(baseUrl, late));
  expect(await balanceOf(baseUrl, late.reserve)).toBe(before + units('0.4'));
  const body = expectRefusal(await recoupCoin(baseUrl, spent), 409, 1012);
  expect(body).toMatchObject({ coin_pub: spent.key.pub, h_denom_pub: spent.offer.hash });
  expect(leftByHistory(spent, body.history, offers)).toBe(0n);
});

test('checks come in the order of the protocol, for a coin that was recouped too if anything differs', async () => {
  const { coins, standing, twice } = revoked;
  const [first, clause] = coins as [Coin, Coin];
  const refused = async (coin: Coin, change: object, status: number, code: number): Promise<Json> =>
    expectRefusal(await recoupCoin(baseUrl, coin, change), status, code);
  expectRefusal(await send(`${baseUrl}coins/nonsense/recoup`, { json: disclosedAlone(twice) }), 400, 1004);
  for (const field of ['ewv', 'coin_sig', 'denom_sig', 'coin_blind_key_secret']) {
    expect(await refused(twice, { [field]: null }, 400, 22)).toMatchObject({ field });
  }
  await refused(twice, { denom_pub_hash: encodeBase32(randomBytes(64)), ewv: { cipher: 'RSA' } }, 404, 1005);
  const gone = await refused(standing, {}, 410, 1555);
  expectSignedGone(gone, { hash: standing.offer.hash, oper: 'RECOUP', signingKeys: offers.signingKeys });
  await refused(twice, { denom_sig: clause.signature }, 400, 1017);
  await refused(twice, { nonce: twice.key.pub }, 400, 26);
  await refused(clause, { nonce: null, coin_sig: disclosed(first).coin_sig }, 400, 26);
  await refused(clause, { ewv: { cipher: 'RSA' } }, 400, 26);
  for (const coin of [first, twice]) {
    await refused(coin, { denom_sig: revoked.late.signature }, 403, 1006);
    await refused(coin, { coin_sig: disclosed(revoked.late).coin_sig }, 403, 1550);
  }
  const forged = { ...twice, blinding: { ...twice.blinding, blindingSecret: randomBytes(32) } };
  expectRefusal(await recoupCoin(baseUrl, forged), 404, 1551);
  const elsewhere = [{ ...disclosed(first), denom_pub_sig: twice.signature }, ...coins.slice(1).map(withheld)];
  expectRefusal(await recoup(baseUrl, first.reserve, elsewhere), 403, 1006);
});

test('an envelope that two reserves withdrew goes back to the one that was first', async () => {
  const { twice } = revoked;
  expect(expectOk(await recoupCoin(baseUrl, twice))).toEqual({ reserve_pub: twice.reserve.pub });
  const offer = offers.of('2');
  const [coin] = (await coinsOf(exchange, [offer])) as [Coin];
  const other = await fundedReserve(exchange, '3');
  const { blinding, envelopeHash } = coin;
  const again = { offer, blinding, envelopeHash, blinded: offer.denomination.blind(blinding) };
  expectCoins(await withdraw(baseUrl, other, [again]), [again]);
  await revoke(exchange, offer);
  expect(expectOk(await recoupCoin(baseUrl, coin))).toEqual({ reserve_pub: coin.reserve.pub });
  expectRefusal(await recoup(baseUrl, other, [disclosed(coin)]), 409, 1012);
  expectRefusal(await recoup(baseUrl, newReserve(), [disclosed(coin)]), 404, 1161);
});
