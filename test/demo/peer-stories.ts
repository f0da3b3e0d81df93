import type { Coin } from '@florin/client';
import type { Primitives } from '@florin/crypto';
import { equalBytes } from '@florin/encoding';
import { checkSharedBooks, type SharedBooks } from './books.js';
import type { Narrator, StepTeller } from './narrator.js';
import { Person, sum, type Tally } from './person.js';
import { tellPull, tellRefunds } from './purse-stories.js';
import { type Cast, tellPush } from './push-story.js';
import { tellRecoup } from './recoup-story.js';
import type { AdminAccess, Surroundings } from './surroundings.js';

/* Two people, told by what happens between them; at the end every unit that they paid in is accounted for. */

export interface PeerOptions extends Surroundings {
  readonly admin: AdminAccess;
  readonly primitives: Primitives;
}

/** @throws CheckFailed, and what client and bank throw */
export async function tellPeerStories(narrator: Narrator, options: PeerOptions): Promise<SharedBooks> {
  const { bankUrl, admin } = options;
  const tally: Tally = { funded: 0n, fees: 0n };
  const [anna, ben] = [new Person('Anna', options, tally), new Person('Ben', options, tally)];
  narrator.watch(anna.client, ben.client);
  const keys = await anna.client.keys();
  const cast: Cast = { anna, ben, keys, tally, bankUrl };

  narrator.chapter('A push payment: Anna pays Ben');
  const withdrawn = await tellPush(narrator, cast);
  narrator.chapter('Purses that nobody takes');
  await tellRefunds(narrator, cast);

  // Of the coins that were withdrawn as several of one kind one pays a little, and whatever is left of all is recouped.
  const untouched = (await anna.spendable(withdrawn)).filter(
    ({ coin, residual }) => residual.units === coin.value.units,
  );
  const spare = untouched.findLast(({ coin }) => untouched.filter((other) => isSameKind(coin, other.coin)).length > 1);
  narrator.chapter('A pull payment: Ben asks Anna');
  await tellPull(narrator, cast, spare ? [spare.coin] : anna.coins);
  const kind = await anna.spendable(withdrawn.filter((coin) => spare && isSameKind(coin, spare.coin)));
  const revoked = kind.filter(({ residual }) => residual.units > 0n).map(({ coin }) => coin);
  narrator.chapter('A denomination that went wrong');
  await tellRecoup(narrator, cast, { admin, withdrawn, revoked });

  const reserves = sum(await Promise.all([anna.balance(), ben.balance()]));
  const left = await Promise.all([anna.spendable(), ben.spendable()]);
  const coins = sum(left.flat().map(({ residual }) => residual.units));
  const books = { currency: keys.currency, ...tally, reserves, coins };
  await narrator.step('Count the money of both', async (step: StepTeller) => checkSharedBooks(books, step));
  return books;
}

const isSameKind = (a: Coin, b: Coin): boolean => equalBytes(a.denominationHash, b.denominationHash);
