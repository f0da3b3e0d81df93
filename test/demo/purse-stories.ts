import { setTimeout as delay } from 'node:timers/promises';
import { type Coin, feeAt, formatPayUri, parsePayUri, type SpendableCoin } from '@florin/client';
import { encodeBase32, equalBytes, formatAmount, parseAmount } from '@florin/encoding';
import { CheckFailed, type Narrator, type StepTeller } from './narrator.js';
import { depositFees, meanwhile, now, type Person, short, WAIT_MS } from './person.js';
import { type Cast, tellPayments } from './push-story.js';

/* Purses that nobody takes give everything back; and a purse that waits to be filled by somebody else. */

const LOST = '2';
const ASKED = '0.5';
/** Enough to make the purse, on a busy machine too. */
const SHORT_LIFE_S = 10;
const POLL_MS = 50;
const HOUR_S = 3600;

export async function tellRefunds(narrator: Narrator, cast: Cast): Promise<void> {
  const { anna, keys } = cast;
  const amount = parseAmount(`${keys.currency}:${LOST}`);

  const payments = await narrator.step(
    `Anna makes a purse that ends in ${SHORT_LIFE_S} seconds`,
    async (step: StepTeller) => {
      const planned = await anna.pay(keys, amount);
      const before = await anna.spendable(planned.map(({ coin }) => coin));
      const purse = anna.client.purses.newKeys();
      const contract = anna.client.purses.contract({ amount, summary: 'Never read', expiration: now() + SHORT_LIFE_S });
      await anna.client.purses.create(purse, contract, planned);
      tellPayments(step, planned, keys);
      const status = await anna.client.purses.status(purse.pursePub, 'merge', { timeoutMs: WAIT_MS });
      step.check(status?.state === 'expired', 'nobody merged it, and the long poll ended with the purse');
      await checkRefunded(cast, { before, pursePub: purse.pursePub }, step);
      const refunds = planned.map(() => 'CoinRefundedFromPurse');
      step.wrote(
        ...planned.map(() => 'CoinSpentIntoPurse'),
        'PurseCreated',
        'PurseExpired',
        ...refunds,
        'PurseCoinsRefunded',
      );
      return planned;
    },
  );

  await narrator.step('Anna pays with the same coins again, and thinks better of it', async (step: StepTeller) => {
    const before = await anna.spendable(payments.map(({ coin }) => coin));
    const purse = anna.client.purses.newKeys();
    const contract = anna.client.purses.contract({ amount, summary: 'Too much', expiration: now() + HOUR_S });
    const { totalDeposited } = await anna.client.purses.create(purse, contract, payments);
    step.check(totalDeposited.units === amount.units, 'the coins that came back pay as before');
    for (let times = 0; times < 2; times += 1) await anna.client.purses.remove(purse.pursePriv);
    const status = await anna.client.purses.status(purse.pursePub, 'merge');
    step.check(status?.state === 'deleted', 'the purse is deleted, and deleting it twice does no harm');
    await checkRefunded(cast, { before, pursePub: purse.pursePub }, step);
    const refunds = payments.map(() => 'CoinRefundedFromPurse');
    step.wrote(
      ...payments.map(() => 'CoinSpentIntoPurse'),
      'PurseCreated',
      'PurseDeleted',
      ...refunds,
      'PurseCoinsRefunded',
    );
  });
}

/** Every coin's history shows the refund with the exchange's signature, and the coin is worth what it was before. */
async function checkRefunded(
  { anna }: Cast,
  { before, pursePub }: { before: readonly SpendableCoin[]; pursePub: Uint8Array },
  step: StepTeller,
): Promise<void> {
  for (const { coin, residual } of before) {
    const { refund, history } = await refundOf(anna, coin, encodeBase32(pursePub));
    const back = formatAmount(refund.amount);
    const isWhole = history.residual.units === residual.units;
    step.check(isWhole, `coin ${short(coin.coinPub)} got ${back} back, fee included: the exchange signed it`);
  }
}

/** The purse ends first; its coins are refunded right after. */
async function refundOf({ client }: Person, coin: Coin, pursePub: string) {
  for (const deadline = performance.now() + WAIT_MS; performance.now() < deadline; await delay(POLL_MS)) {
    const history = await client.coins.history(coin);
    const refund = history?.entries.find((entry) => entry.type === 'PURSE-REFUND' && entry.pursePub === pursePub);
    if (history && refund) return { history, refund };
  }
  throw new CheckFailed(`the history of coin ${short(coin.coinPub)} shows no refund`);
}

/** @param payWith the coins that Anna pays with */
export async function tellPull(narrator: Narrator, cast: Cast, payWith: readonly Coin[]): Promise<void> {
  const { anna, ben, keys, tally } = cast;
  const amount = parseAmount(`${keys.currency}:${ASKED}`);
  const purse = ben.client.purses.newKeys();
  const contract = ben.client.purses.contract({ amount, summary: 'The taxi', expiration: now() + HOUR_S });

  await narrator.step('Ben asks Anna for money', async (step: StepTeller) => {
    const before = await ben.balance();
    const purseFee = feeAt(keys.globalFees, now())?.purseFee;
    if (!purseFee) throw new CheckFailed('the exchange has no purse fee at present');
    const options = { purseFee, timestamp: now() };
    const { totalDeposited } = await ben.client.purses.request(ben.reserve.reservePriv, purse, contract, options);
    step.fact('asked for', amount);
    step.fact('purse fee', purseFee);
    step.check(totalDeposited.units === 0n, 'the exchange signed that an empty purse waits for money');
    step.check((await ben.balance()) === before - purseFee.units, "Ben's reserve paid the purse fee");
    tally.fees += purseFee.units;
    step.wrote('PurseCreated', 'PurseRequested');
  });

  await narrator.step('Anna reads what Ben asks for, and pays', async (step: StepTeller) => {
    const before = await ben.balance();
    const { baseUrl } = await ben.client.keys();
    const { contractPriv, pursePub } = purse;
    const uri = formatPayUri({ direction: 'pull', exchangeBaseUrl: baseUrl, contractPriv });
    step.fact('handed over', uri);
    const poll = (signal: AbortSignal) => ben.client.purses.status(pursePub, 'merge', { timeoutMs: WAIT_MS, signal });
    const told = await meanwhile(poll, async () => {
      const asked = await anna.client.purses.readForDeposit(parsePayUri(uri).contractPriv);
      step.fact('contract', `"${asked.contract.summary}", ${formatAmount(asked.contract.amount)}`);
      step.check(equalBytes(asked.contract.hash, contract.hash), 'Anna decrypted what Ben wrote, signed by the purse');
      const payments = await anna.pay(keys, amount, payWith);
      const { totalDeposited } = await anna.client.purses.deposit(asked.pursePub, asked.contract, payments);
      tellPayments(step, payments, keys);
      tally.fees += depositFees(keys, payments);
      step.check(totalDeposited.units === amount.units, 'the exchange signed that the purse is full');
      step.wrote(...payments.map(() => 'CoinSpentIntoPurse'));
    });
    step.check(told?.state === 'merged', 'Ben, who waited by a long poll, was told');
    const { entries, balance } = await ben.client.reserveHistory(ben.reserve.reservePriv);
    const merge = entries.find((entry) => entry.type === 'MERGE' && entry.pursePub === encodeBase32(pursePub));
    const isMerged = merge?.type === 'MERGE' && merge.merged && balance?.units === before + amount.units;
    step.check(isMerged, `Ben's reserve has ${formatAmount(amount)} more, and its history says why`);
    step.wrote('PurseDeposited', 'PurseMerged', 'PurseMergedIntoReserve');
  });
}
