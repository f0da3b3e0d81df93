import {
  type Coin,
  type ExchangeKeys,
  formatPayUri,
  type OfferedDenomination,
  type Payment,
  type PeerContract,
  type PurseKeys,
  parsePayUri,
  planWithdraw,
} from '@florin/client';
import { type Amount, encodeBase32, equalBytes, formatAmount, parseAmount } from '@florin/encoding';
import { CheckFailed, type Narrator, type StepTeller } from './narrator.js';
import { depositFees, meanwhile, now, type Person, refusalOf, short, sum, type Tally, WAIT_MS } from './person.js';

/*
 * Anna pays Ben: coins go into a purse, the purse goes to Ben with a contract that only he can read, and Ben takes the
 * money. Whoever tries to use coin or purse once more is shown who signed first.
 */

export interface Cast {
  readonly anna: Person;
  readonly ben: Person;
  readonly keys: ExchangeKeys;
  readonly tally: Tally;
  readonly bankUrl: string;
}

const PRICE = '3';
/** Of Anna, who can prove the age below. */
const ANNAS_AGE = 30;
const MIN_AGE = 16;
const HOUR_S = 3600;

/** @returns all coins of Anna's withdrawal, in its order */
export async function tellPush(narrator: Narrator, cast: Cast): Promise<readonly Coin[]> {
  const { anna, ben, keys, tally } = cast;
  const price = parseAmount(`${keys.currency}:${PRICE}`);
  const withdrawn = await narrator.step('Anna fills her wallet', (step: StepTeller) => fillWallet(cast, step));
  const purse = anna.client.purses.newKeys();
  const restricted = withdrawn.find(({ ageCommitment }) => ageCommitment);
  const terms = { amount: price, summary: 'Dinner for two', expiration: now() + HOUR_S };
  const contract = anna.client.purses.contract({ ...terms, ...(restricted && { minAge: MIN_AGE }) });

  const payments = await narrator.step('Anna puts coins into a purse for Ben', async (step: StepTeller) => {
    const planned = await planDinner(cast, price, restricted);
    const { totalDeposited } = await anna.client.purses.create(purse, contract, planned);
    tellPayments(step, planned, keys);
    step.check(
      totalDeposited.units === price.units,
      `the exchange signed that ${formatAmount(price)} are in it, fees not counted`,
    );
    if (restricted) step.check(contract.minAge === MIN_AGE, `the restricted coin proved an age of ${MIN_AGE}`);
    step.wrote(...planned.map(() => 'CoinSpentIntoPurse'), 'PurseCreated');
    return planned;
  });
  tally.fees += depositFees(keys, payments);

  await narrator.step('Anna sends the same request again', async (step: StepTeller) => {
    const { totalDeposited } = await anna.client.purses.create(purse, contract, payments);
    step.check(totalDeposited.units === price.units, 'the same answer, and nothing was paid twice');
    step.wroteNothing('a repeat is answered from it');
  });

  await narrator.step('Ben takes the money', (step: StepTeller) => takeMoney(cast, { purse, contract }, step));

  await narrator.step('Ben withdraws it', async (step: StepTeller) => {
    const before = await ben.balance();
    const { denominations, cost } = await ben.client.plan({ ...price, units: price.units / 2n });
    const coins = await ben.withdraw(denominations);
    step.fact('coins', `${coins.length}, for ${formatAmount(cost)} with fees`);
    step.check(
      (await ben.balance()) === before - cost.units,
      'Ben has coins of his own now, and the exchange cannot tell which',
    );
    step.wrote('WithdrawalCounted', ...noncesOf(coins), 'CoinsWithdrawn');
  });

  await narrator.step('Anna tries to spend a coin of the purse once more', async (step: StepTeller) => {
    const spent = payments.find(({ coin, amount }) => amount.units === coin.value.units) as Payment;
    const again = [spent];
    const refused = await refusalOf(anna.client.purses.create(anna.client.purses.newKeys(), contract, again));
    step.fact('refused', refused.message);
    const proof = await anna.client.verifyRefusal(refused, { payments: again });
    if (proof?.kind !== 'coin-overspent' || !proof.history)
      throw new CheckFailed(`${refused.message}, without a proof`);
    const { residual, entries } = proof.history;
    const paid = `${entries.length} ${entries.length === 1 ? 'payment' : 'entries'}, signed by the coin itself`;
    step.check(residual.units === 0n, `nothing is left of coin ${short(spent.coin.coinPub)}: its history has ${paid}`);
    step.wroteNothing('a refusal changes nothing');
  });

  await narrator.step('Somebody else who has the link tries to take the purse', async (step: StepTeller) => {
    const found = { pursePub: purse.pursePub, mergePriv: purse.mergePriv, contract };
    const thief = ben.client.newReserve();
    const refused = await refusalOf(ben.client.purses.merge(found, thief.reservePriv));
    step.fact('refused', refused.message);
    const proof = await ben.client.verifyRefusal(refused, { purse: { ...found, mergePub: purse.mergePub } });
    const isBens = proof?.kind === 'merged-elsewhere' && proof.reservePub === encodeBase32(ben.reserve.reservePub);
    step.check(isBens, "the exchange proved with the merge key's signature that the purse went to Ben's reserve");
    step.wroteNothing('a refusal changes nothing');
  });
  return withdrawn;
}

/** RSA coins, some small Clause-Schnorr coins of one denomination, one restricted coin: what is offered of it. */
function chooseCoins({ keys }: Cast): OfferedDenomination[] {
  const { currency } = keys;
  const plan = (text: string, options: { cipher?: 'RSA' | 'CS'; maxAge?: number; coinsMax: number }) =>
    planWithdraw(keys, parseAmount(`${currency}:${text}`), { now: now(), ...options }).denominations;
  const clauseSchnorr = plan('1000000', { cipher: 'CS', coinsMax: 1 }).length > 0 ? smallest(keys, 'CS') : [];
  const third = clauseSchnorr.length > 0 ? clauseSchnorr : smallest(keys, 'RSA');
  return [
    ...plan('5', { cipher: 'RSA', coinsMax: 8 }),
    ...third,
    ...third,
    ...third,
    ...plan('2', { maxAge: ANNAS_AGE, coinsMax: 1 }),
  ];
}

/** The cheapest denomination of a cipher that is worth a whole unit of the currency, or none. */
function smallest(keys: ExchangeKeys, cipher: 'RSA' | 'CS'): readonly OfferedDenomination[] {
  const one = parseAmount(`${keys.currency}:1`);
  const offered = [...keys.denominations.values()]
    .map(({ value }) => value.units)
    .filter((value) => value >= one.units);
  for (const units of [...new Set(offered)].sort((a, b) => (a < b ? -1 : 1))) {
    const plan = planWithdraw(keys, { ...one, units: units + one.units / 2n }, { now: now(), cipher, coinsMax: 1 });
    if (plan.denominations[0]?.value.units === units) return plan.denominations;
  }
  return [];
}

async function fillWallet(cast: Cast, step: StepTeller): Promise<readonly Coin[]> {
  const { anna, keys, bankUrl } = cast;
  const denominations = chooseCoins(cast);
  const cost = sum(denominations.map(({ value, fees }) => value.units + fees.withdraw.units));
  const spare = parseAmount(`${keys.currency}:1`);
  const funding = { ...spare, units: cost + spare.units };
  await anna.fund(bankUrl, keys, funding);
  const coins = await anna.withdraw(denominations, ANNAS_AGE);
  step.fact('paid in', funding);
  step.fact('coins', listed(denominations));
  step.check(
    (await anna.balance()) === spare.units,
    'the coins are verified, and the reserve paid for them and no more',
  );
  step.wrote('CreditBooked', 'ReserveFunded', ...noncesOf(coins), 'CoinsWithdrawn');
  return coins;
}

/** Each Clause-Schnorr coin claims its nonce. */
const noncesOf = (coins: readonly Coin[]): string[] =>
  coins.filter(({ session }) => session !== undefined).map(() => 'NonceUsed');

/** `2 of KUDOS:2 (RSA), 3 of KUDOS:1 (CS)` */
function listed(denominations: readonly OfferedDenomination[]): string {
  const kinds = denominations.map(({ value, cipher, ageMask }) => {
    return `${formatAmount(value)} (${cipher}${ageMask === 0 ? '' : ', restricted'})`;
  });
  const count = (kind: string) => kinds.filter((other) => other === kind).length;
  return [...new Set(kinds)].map((kind) => `${count(kind)} of ${kind}`).join(', ');
}

/** The restricted coin in any case, for the proof of age; others for the rest. */
async function planDinner({ anna, keys }: Cast, price: Amount, restricted: Coin | undefined) {
  if (!restricted) return anna.pay(keys, price);
  const shown = { coin: restricted, amount: restricted.value };
  const brought = shown.amount.units - depositFees(keys, [shown]);
  const others = anna.coins.filter((coin) => coin !== restricted);
  if (brought >= price.units) return anna.pay(keys, price, [restricted]);
  return [shown, ...(await anna.pay(keys, { ...price, units: price.units - brought }, others))];
}

export function tellPayments(step: StepTeller, payments: readonly Payment[], keys: ExchangeKeys): void {
  for (const { coin, amount } of payments) {
    const fee = keys.denominations.get(encodeBase32(coin.denominationHash))?.fees.deposit;
    step.fact(`coin ${short(coin.coinPub)}`, `pays ${formatAmount(amount)}${fee ? ` (fee ${formatAmount(fee)})` : ''}`);
  }
}

async function takeMoney(
  { anna, ben }: Cast,
  { purse, contract }: { purse: PurseKeys; contract: PeerContract },
  step: StepTeller,
): Promise<void> {
  const { contractPriv, pursePub } = purse;
  const { baseUrl } = await anna.client.keys();
  const uri = formatPayUri({ direction: 'push', exchangeBaseUrl: baseUrl, contractPriv });
  step.fact('handed over', uri);
  const take = async (): Promise<void> => {
    const found = await ben.client.purses.readForMerge(parsePayUri(uri).contractPriv);
    const { summary, amount } = found.contract;
    step.fact('contract', `"${summary}", ${formatAmount(amount)}`);
    step.check(equalBytes(found.contract.hash, contract.hash), 'Ben decrypted what Anna wrote, signed by the purse');
    const status = await ben.client.purses.status(pursePub, 'deposit');
    step.check(status?.state === 'full', 'the exchange signed that the purse is full');
    const merged = await ben.client.purses.merge(found, ben.reserve.reservePriv);
    step.check(merged.units === amount.units, `the exchange signed that Ben's reserve got ${formatAmount(merged)}`);
  };
  const poll = (signal: AbortSignal) => anna.client.purses.status(pursePub, 'merge', { timeoutMs: WAIT_MS, signal });
  const told = await meanwhile(poll, take);
  step.check(told?.state === 'merged', 'Anna, who waited by a long poll, was told');
  const { entries, balance } = await ben.client.reserveHistory(ben.reserve.reservePriv);
  const entry = entries.find(({ type }) => type === 'MERGE');
  const isShown = entry?.type === 'MERGE' && entry.merged && entry.pursePub === encodeBase32(pursePub);
  step.check(
    isShown && balance?.units === contract.amount.units,
    "the history of Ben's reserve shows the merge, and sums up",
  );
  step.wrote('ReceiptCounted', 'PurseMerged', 'PurseMergedIntoReserve');
}
