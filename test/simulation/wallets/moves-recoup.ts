/** Coins of revoked denominations: their owners get back what they are worth. */
import type { RecoupEntry } from '@florin/client';
import { ErrorCode as E, encodeBase32 } from '@florin/encoding';
import type { Move } from './moves.js';
import { createPurse, draftPurse } from './moves-purses.js';
import { askKeys } from './moves-reserves.js';
import { money, type OwnCoin, type Wallet } from './wallet.js';

const CENT = 1_000_000n;
const CODES = [
  E.EXCHANGE_RECOUP_NOT_ELIGIBLE,
  E.EXCHANGE_GENERIC_INSUFFICIENT_FUNDS,
  E.EXCHANGE_WITHDRAW_COMMITMENT_UNKNOWN,
];

const denominationOf = ({ coin }: OwnCoin): string => encodeBase32(coin.denominationHash);

/** Coins whose denomination is revoked, as far as the wallet knows. */
async function revokedCoins(wallet: Wallet, mustBeRevoked = true): Promise<OwnCoin[]> {
  const keys = await askKeys(wallet);
  return keys ? wallet.coins.filter((coin) => keys.revoked.has(denominationOf(coin)) === mustBeRevoked) : [];
}

/** Discloses the coins of one withdrawal for which `isDisclosed` holds. */
async function recoup(wallet: Wallet, what: string, { batch }: OwnCoin, isDisclosed: (coin: OwnCoin) => boolean) {
  const { reservePub } = batch.reserve;
  const entries: RecoupEntry[] = batch.coins.map((own) => (isDisclosed(own) ? own.coin : own.coin.envelopeHash));
  const disclosed = batch.coins.filter(isDisclosed);
  const asked = { recouped: disclosed.map(({ coin }) => coin), denominationHashes: disclosed.map(denominationOf) };
  const done = await wallet.attempt(what, () => wallet.client.coins.recoup(reservePub, entries), {
    codes: CODES,
    asked,
  });
  if (done) for (const own of disclosed) own.left = 0n;
}

const hasCoins = ({ coins, world }: Wallet): boolean =>
  coins.length > 0 && world.tally.counts.has('denomination revoked');

export const RECOUP_MOVES: readonly Move[] = [
  {
    name: 'recoup',
    weight: 2.5,
    isPossible: hasCoins,
    async make(wallet) {
      const coins = await revokedCoins(wallet);
      if (coins.length === 0) return;
      const names = new Set(coins.map((coin) => coin));
      await recoup(wallet, 'recoup', wallet.random.pick(coins), (own) => names.has(own));
    },
  },
  {
    name: 'recoup while spending',
    weight: 1,
    isPossible: hasCoins,
    async make(wallet) {
      const coins = await revokedCoins(wallet);
      if (coins.length === 0) return;
      const own = wallet.random.pick(coins);
      const payments = [{ coin: own.coin, amount: money(own.coin.value.units) }];
      const purse = draftPurse(wallet, own.coin.value.units - CENT, payments);
      await Promise.all([
        recoup(wallet, 'recoup while spending', own, (other) => other === own),
        createPurse(wallet, 'spend while recouping', purse),
      ]);
    },
  },
  {
    name: 'recoup one coin by the older call',
    weight: 1,
    isPossible: hasCoins,
    async make(wallet) {
      const coins = await revokedCoins(wallet);
      if (coins.length === 0) return;
      const own = wallet.random.pick(coins);
      const asked = { recouped: [own.coin], denominationHashes: [denominationOf(own)] };
      const recoupOne = () =>
        wallet.client.coins.recoupOne(own.batch.reserve.reservePub, own.coin).then(() => {
          own.left = 0n;
        });
      await wallet.attempt('recoup one coin by the older call', recoupOne, { codes: CODES, asked });
    },
  },
  {
    name: 'recoup of a standing denomination',
    weight: 0.6,
    isPossible: ({ coins }) => coins.length > 0,
    async make(wallet) {
      const coins = await revokedCoins(wallet, false);
      if (coins.length === 0) return;
      const own = wallet.random.pick(coins);
      await recoup(wallet, 'recoup of a standing denomination', own, (other) => other === own);
    },
  },
  {
    name: 'read the history of a coin',
    weight: 2,
    isPossible: ({ coins }) => coins.length > 0,
    async make(wallet) {
      const { coin } = wallet.random.pick(wallet.coins);
      await wallet.attempt('read the history of a coin', () => wallet.client.coins.history(coin), { codes: [] });
    },
  },
];
