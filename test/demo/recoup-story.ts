import type { Coin, RecoupEntry } from '@florin/client';
import { type Amount, encodeBase32, formatAmount } from '@florin/encoding';
import { CheckFailed, type Narrator, type StepTeller } from './narrator.js';
import { now, refusalOf, short, sum } from './person.js';
import type { Cast } from './push-story.js';
import type { AdminAccess } from './surroundings.js';

/*
 * A denomination is revoked, as if its private key were stolen: its coins buy nothing any more, and what is left of
 * them goes back into the reserve that they came from.
 */

/**
 * @param withdrawn all coins of one withdrawal, in its order
 * @param revoked those among them that are of one denomination and have something left: they are recouped
 */
export async function tellRecoup(
  narrator: Narrator,
  cast: Cast,
  { admin, withdrawn, revoked }: { admin: AdminAccess; withdrawn: readonly Coin[]; revoked: readonly Coin[] },
): Promise<void> {
  const { anna, keys } = cast;
  const title = 'A denomination is revoked, and its coins are recouped';
  if ('missing' in admin) return narrator.skip(title, admin.missing);
  const [first] = revoked;
  if (!first) return narrator.skip(title, 'the exchange offers no coin that the demo would spare');
  const denomination = encodeBase32(first.denominationHash);
  const money = (units: bigint): Amount => ({ currency: keys.currency, units });

  await narrator.step("The exchange's master key revokes a denomination", async (step: StepTeller) => {
    step.fact('denomination', `${denomination.slice(0, 24)}..., coins of ${formatAmount(first.value)}`);
    await revoke(admin, denomination);
    const { revoked: listed } = await anna.client.keys({ refresh: true });
    step.check(listed.has(denomination), '/keys lists it under recoup');
    const config = await anna.client.config();
    step.check(config.revoked?.includes(denomination) === true, '/config lists it too');
    step.wrote('DenominationRevoked');
  });

  await narrator.step('Anna tries to pay with one of its coins', async (step: StepTeller) => {
    const { purses } = anna.client;
    const contract = purses.contract({ amount: money(1n), summary: 'Too late', expiration: now() + 3600 });
    const payments = [{ coin: first, amount: first.value }];
    const refused = await refusalOf(purses.create(purses.newKeys(), contract, payments));
    step.fact('refused', refused.message);
    const proof = await anna.client.verifyRefusal(refused, { denominationHashes: [denomination] });
    const isRevoked = proof?.kind === 'denomination-gone' && proof.reason === 'revoked';
    step.check(isRevoked, 'the exchange signed that the denomination is revoked');
    step.wroteNothing('a refusal changes nothing');
  });

  await narrator.step('Anna has one coin recouped by the older call', async (step: StepTeller) => {
    const [residual, before] = [await anna.client.coins.residual(first), await anna.balance()];
    await anna.client.coins.recoupOne(anna.reserve.reservePub, first);
    step.fact(`coin ${short(first.coinPub)}`, `had ${formatAmount(residual)} of ${formatAmount(first.value)} left`);
    step.check((await anna.balance()) === before + residual.units, "all of it is in Anna's reserve again");
    step.wrote('CoinRecouped', 'CoinsRecouped');
  });

  const entries: RecoupEntry[] = withdrawn.map((coin) => (revoked.includes(coin) ? coin : coin.envelopeHash));
  await narrator.step('Anna has all of them recouped in one request', async (step: StepTeller) => {
    const residuals = (await anna.spendable(revoked)).map(({ residual }) => residual.units);
    const before = await anna.balance();
    const { balance } = await anna.client.coins.recoup(anna.reserve.reservePub, entries);
    step.fact(
      'disclosed',
      `${revoked.length} coins; of the other ${entries.length - revoked.length} the envelopes alone`,
    );
    step.fact('given back', money(sum(residuals)));
    step.check(
      balance.units === before + sum(residuals),
      'what was left of them, and no withdraw fee, is in the reserve',
    );
    const { entries: history } = await anna.client.reserveHistory(anna.reserve.reservePriv);
    const recouped = new Set(history.flatMap((entry) => (entry.type === 'RECOUP' ? [entry.coinPub] : [])));
    const isShown = revoked.every(({ coinPub }) => recouped.has(encodeBase32(coinPub)));
    step.check(isShown, `the reserve's history shows ${recouped.size} recoups, each signed by the exchange`);
    const left = (await anna.spendable(revoked)).map(({ residual }) => residual.units);
    step.check(sum(left) === 0n, "the coins' histories show them too, and nothing is left of the coins");
    step.wrote(...residuals.filter((units) => units > 0n).map(() => 'CoinRecouped'), 'CoinsRecouped');
  });

  await narrator.step('Anna asks once more, as if the answer had been lost', async (step: StepTeller) => {
    const before = await anna.balance();
    const { balance } = await anna.client.coins.recoup(anna.reserve.reservePub, entries);
    step.check(balance.units === before, 'the same request is answered alike, and pays nothing twice');
    step.wroteNothing('a repeat is answered from it');
  });
}

async function revoke({ url, credential }: Exclude<AdminAccess, { missing: string }>, denomination: string) {
  const reply = await fetch(`${url}denominations/${denomination}/revoke`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${credential}`, 'Content-Type': 'application/json' },
    body: JSON.stringify({ reason: 'the demo shows a recoup' }),
  });
  if (!reply.ok)
    throw new CheckFailed(`the admin port refused the revocation with ${reply.status}: ${await reply.text()}`);
}
