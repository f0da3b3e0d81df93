import {
  type Coin,
  ExchangeClient,
  type ExchangeKeys,
  ExchangeRefused,
  type OfferedDenomination,
  type Planchet,
  planWithdraw,
  type ReserveHistory,
  type ReserveHistoryEntry,
  type ReserveKeys,
} from '@florin/client';
import type { Primitives } from '@florin/crypto';
import { type Amount, encodeBase32, equalBytes, formatAmount, parseAmount } from '@florin/encoding';
import { BankCustomer } from './bank.js';
import { type Books, checkBooks } from './books.js';
import { CheckFailed, type Narrator, type StepTeller } from './narrator.js';
import { draw, exchangeAccount, newBankName, now, SEED_SIZE, short, sum, WAIT_MS } from './person.js';
import type { Surroundings } from './surroundings.js';

/*
 * One person, one reserve: money goes from the bank into coins, and what is left goes back. The story believes nothing:
 * it verifies every signature, and counts the money at both ends.
 */

export interface StoryOptions extends Surroundings {
  /** What is paid in; in the exchange's currency. */
  readonly amount: string | undefined;
  readonly primitives: Primitives;
}

export interface Outcome {
  readonly books: Books;
  readonly masterPub: string;
  readonly reservePub: string;
  readonly coins: number;
}

/** Not a whole number of cents, so that rounding has something to do. */
const DEFAULT_VALUE = '30.005';
/** Age of the owner of the restricted coins, and one that they can prove, and one that they cannot. */
const [AGE, PROVABLE_AGE, TOO_OLD] = [13, 12, 14];
/** In units. */
const MORE_THAN_ANY_COIN = 2n ** 50n;

/** @throws CheckFailed, and what client and bank throw */
export async function tellStory(narrator: Narrator, options: StoryOptions): Promise<Outcome> {
  const { exchangeUrl, bankUrl, primitives } = options;
  const client = new ExchangeClient({ baseUrl: exchangeUrl, anyBaseUrl: true, primitives, randomBytes: draw });
  narrator.watch(client);

  const keys = await narrator.step('Meet the exchange', (step: StepTeller) => meet(client, step));
  const money = (units: bigint): Amount => ({ currency: keys.currency, units });
  const funding = parseAmount(options.amount ?? `${keys.currency}:${DEFAULT_VALUE}`, keys.currency);
  const bank = new BankCustomer(bankUrl, newBankName(), keys.currency);

  const reserve = await narrator.step('Make a reserve and pay into it from the bank', async (step: StepTeller) => {
    const made = client.newReserve();
    step.fact('reserve key', encodeBase32(made.reservePub));
    const account = exchangeAccount(keys);
    await bank.transfer(account, funding, encodeBase32(made.reservePub));
    step.fact('transfer', `${formatAmount(funding)} from ${bank.name} to ${account}, with the key as subject`);
    step.check((await bank.balance()) === -funding.units, `${bank.name} was charged ${formatAmount(funding)}`);
    return made;
  });

  await narrator.step('Wait for the money to arrive at the exchange', async (step: StepTeller) => {
    const summary = await client.reserve(reserve.reservePub, { timeoutMs: WAIT_MS });
    step.check(summary?.balance.units === funding.units, `the reserve holds ${formatAmount(funding)}`);
    step.fact('waited by', 'one long poll, which the exchange answered when the bank told it');
    if (summary.lastOrigin) step.fact('came from', summary.lastOrigin);
    if (summary.expiration) step.fact('would go back', new Date(summary.expiration * 1000).toISOString());
    step.wrote('CreditBooked', 'ReserveFunded');
  });

  const seed = draw(SEED_SIZE);
  const denominations = chooseCoins(keys, funding);
  const prepare = (): Promise<Planchet[]> => client.preparePlanchets(seed, denominations, { maxAge: AGE });
  const coins = await narrator.step('Withdraw coins', async (step: StepTeller) => {
    const withdrawn = await client.batchWithdraw(reserve.reservePriv, await prepare());
    tellCoins(client, step, denominations, withdrawn);
    return withdrawn;
  });

  await narrator.step('Withdraw the same coins again, as if the answer had been lost', async (step: StepTeller) => {
    const again = await client.batchWithdraw(reserve.reservePriv, await prepare());
    const same = again.every((coin, index) => isSameCoin(coin, coins[index]));
    step.check(same && again.length === coins.length, 'made anew from the seed, the same request gave the same coins');
    step.wroteNothing('a repeat is answered from it');
  });

  const coinValue = sum(denominations.map(({ value }) => value.units));
  const withdrawFees = sum(denominations.map(({ fees }) => fees.withdraw.units));
  const rest = funding.units - coinValue - withdrawFees;
  await narrator.step('Look at the reserve', async (step: StepTeller) => {
    const summary = await client.reserve(reserve.reservePub);
    step.fact('balance', summary?.balance ?? 'none');
    step.check(summary?.balance.units === rest, 'it was charged once: value and fees of the coins, nothing else');
  });

  await narrator.step('Try to withdraw more than is there', async (step: StepTeller) => {
    const { refused, history } = await overdraw(client, keys, reserve);
    const { balance, entries } = history;
    step.fact('refused', refused.message);
    step.check(balance.units === rest, 'the exchange refused, and proved it with the history of the reserve');
    const charged = entries.filter(({ type }) => type === 'WITHDRAW').length;
    step.check(
      charged === coins.length,
      `each of the ${charged} withdrawals in it carries the reserve's own signature`,
    );
    step.wroteNothing('a refusal changes nothing');
  });

  const arrived = await narrator.step('Close the reserve and get the rest back', async (step: StepTeller) => {
    const wired = await client.closeReserve(reserve.reservePriv);
    step.fact('in the reserve', money(rest));
    step.fact('wired', wired);
    step.check((await client.reserve(reserve.reservePub))?.balance.units === 0n, 'the reserve is empty at once');
    step.wrote('TransferRequested', 'ReserveClosed');
    // The history that comes with a refusal shows the closing, signed by the exchange.
    const closing = closingIn((await overdraw(client, keys, reserve)).history);
    step.check(closing.amount.units === rest, `the exchange signed that it paid out ${formatAmount(closing.amount)}`);
    const credit = await bank.waitForCredit(closing.wtid);
    step.fact('bank statement', `${formatAmount(credit.amount)}, ${credit.subject}`);
    step.check(credit.amount.units === wired.units, 'what arrived is what was promised, to the unit');
    step.check(credit.subject === `${closing.wtid} ${keys.baseUrl}`, 'its subject names the transfer that was signed');
    step.wrote('TransferConfirmed');
    return { wired: credit.amount.units, closingFee: closing.closingFee.units, bankBalance: await bank.balance() };
  });

  const { wired, closingFee, bankBalance } = arrived;
  const dust = rest - closingFee - wired;
  const books = {
    currency: keys.currency,
    funded: funding.units,
    coins: coinValue,
    withdrawFees,
    closingFee,
    wired,
    dust,
  };
  await narrator.step('Count the money', async (step: StepTeller) => checkBooks(books, bankBalance, step));
  return {
    books,
    masterPub: encodeBase32(keys.masterPub),
    reservePub: encodeBase32(reserve.reservePub),
    coins: coins.length,
  };
}

async function meet(client: ExchangeClient, step: StepTeller): Promise<ExchangeKeys> {
  const { version, implementation, currency } = await client.config();
  const keys = await client.keys();
  step.fact('software', `${implementation ?? 'unknown'}, protocol ${version}`);
  step.fact('master key', encodeBase32(keys.masterPub));
  const values = (wanted: (offered: OfferedDenomination) => boolean) => {
    const found = [...keys.denominations.values()].filter(wanted).map(({ value }) => value.units);
    return [...new Set(found)].sort((a, b) => (a < b ? 1 : -1)).map((units) => formatAmount({ currency, units }));
  };
  const kinds = [
    ['RSA', values(({ cipher, ageMask }) => cipher === 'RSA' && ageMask === 0)],
    ['Clause-Schnorr', values(({ cipher, ageMask }) => cipher === 'CS' && ageMask === 0)],
    ['restricted', values(({ ageMask }) => ageMask !== 0)],
  ] as const;
  for (const [kind, offered] of kinds) if (offered.length > 0) step.fact(`${kind} coins`, offered.join(', '));
  step.check(
    keys.currency === currency,
    `${keys.denominations.size} denominations in ${currency}, their hashes recomputed`,
  );
  const { signaturesVerified } = client;
  const whole = 'keys, accounts and fees are signed by the master key, the list as a whole by an online key';
  step.check(signaturesVerified > keys.denominations.size, whole);
  return keys;
}

/** About half of the money in RSA coins, some in Clause-Schnorr coins, one restricted coin: what is offered of it. */
function chooseCoins(keys: ExchangeKeys, { currency, units }: Amount): OfferedDenomination[] {
  const plan = (share: bigint, options: { cipher?: 'RSA' | 'CS'; maxAge?: number; coinsMax: number }) =>
    planWithdraw(keys, { currency, units: (units * share) / 10n }, { now: now(), ...options }).denominations;
  const chosen = [
    ...plan(5n, { cipher: 'RSA', coinsMax: 12 }),
    ...plan(2n, { cipher: 'CS', coinsMax: 3 }),
    ...plan(1n, { maxAge: AGE, coinsMax: 1 }),
  ];
  if (chosen.length === 0)
    throw new CheckFailed(`${formatAmount({ currency, units })} is too little for a single coin`);
  return chosen;
}

function tellCoins(
  client: ExchangeClient,
  step: StepTeller,
  chosen: readonly OfferedDenomination[],
  coins: readonly Coin[],
) {
  for (const [index, { value, fees, cipher, ageMask }] of chosen.entries()) {
    const kind = `${cipher === 'RSA' ? 'RSA' : 'Clause-Schnorr'}${ageMask === 0 ? '' : `, for an owner of ${AGE}`}`;
    const coin = `${formatAmount(value)} (fee ${formatAmount(fees.withdraw)}), ${kind}`;
    step.fact(`coin ${short((coins[index] as Coin).coinPub)}`, coin);
  }
  step.check(
    coins.length === chosen.length,
    `${coins.length} blind signatures unblinded, and verified for their coins`,
  );
  for (const { ageCommitment } of coins) {
    if (!ageCommitment) continue;
    const { age } = client.taler;
    const attestation = age.attest(ageCommitment, PROVABLE_AGE);
    const proves = age.verify(ageCommitment, PROVABLE_AGE, attestation) && !age.attest(ageCommitment, TOO_OLD);
    step.check(proves, `the restricted coin proves an age of ${PROVABLE_AGE}, and cannot prove ${TOO_OLD}`);
  }
  const sessions = coins.filter(({ session }) => session !== undefined).length;
  step.wrote(...Array<string>(sessions).fill('NonceUsed'), 'CoinsWithdrawn');
  step.fact('in one commit', 'with WithdrawalCounted, where a legitimization limit counts');
}

function isSameCoin(a: Coin, b: Coin | undefined): boolean {
  if (b === undefined || !equalBytes(a.coinPriv, b.coinPriv)) return false;
  if (a.signature.cipher === 'RSA') {
    return b.signature.cipher === 'RSA' && equalBytes(a.signature.signature, b.signature.signature);
  }
  const { r, s } = a.signature;
  return b.signature.cipher === 'CS' && equalBytes(r, b.signature.r) && equalBytes(s, b.signature.s);
}

/** Asks for the dearest coins, more than the reserve can pay; the refusal has to prove itself with a history. */
async function overdraw(client: ExchangeClient, keys: ExchangeKeys, { reservePriv, reservePub }: ReserveKeys) {
  const { balance } = (await client.reserve(reservePub)) ?? {};
  const dearest = await client.plan({ currency: keys.currency, units: MORE_THAN_ANY_COIN }, { coinsMax: 1 });
  const count = Number((balance?.units ?? 0n) / dearest.cost.units) + 1;
  const denominations = Array<OfferedDenomination>(count).fill(dearest.denominations[0] as OfferedDenomination);
  const planchets = await client.preparePlanchets(draw(SEED_SIZE), denominations);
  const refused = await client.batchWithdraw(reservePriv, planchets).catch((error: unknown) => error);
  if (!(refused instanceof ExchangeRefused)) throw new CheckFailed('the exchange gave out more than it was paid');
  const requested = { currency: keys.currency, units: dearest.cost.units * BigInt(count) };
  const proof = await client.verifyRefusal(refused, { reservePub, requested });
  if (proof?.kind !== 'reserve-overdrawn' || !proof.history)
    throw new CheckFailed(`${refused.message}, without a proof`);
  return { refused, history: proof.history };
}

function closingIn({ entries }: ReserveHistory): Extract<ReserveHistoryEntry, { type: 'CLOSING' }> {
  const closing = entries.find((entry) => entry.type === 'CLOSING');
  if (!closing) throw new CheckFailed('the history shows no closing');
  return closing;
}
