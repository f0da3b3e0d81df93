/** Reserves: money comes in, leaves as coins, or goes back to a bank. */
import { costOf, type OfferedDenomination } from '@florin/client';
import { ErrorCode as E } from '@florin/encoding';
import type { Move } from './moves.js';
import { type Batch, money, type OwnReserve, type Wallet } from './wallet.js';

const RESERVES_MAX = 4;
const UNIT = 100_000_000n;
/** What anybody may be told who withdraws. */
const WITHDRAW_CODES = [
  E.EXCHANGE_GENERIC_RESERVE_UNKNOWN,
  E.EXCHANGE_WITHDRAW_INSUFFICIENT_FUNDS,
  E.EXCHANGE_GENERIC_KYC_REQUIRED,
  E.EXCHANGE_GENERIC_DENOMINATION_REVOKED,
];

export const accountOf = ({ name }: Wallet, which = 0): string =>
  `payto://x-taler-bank/bank.simulation/${name.replace(' ', '-')}-${which}?receiver-name=${encodeURIComponent(name)}`;

export function newReserve(wallet: Wallet, account: string | undefined): OwnReserve {
  const reserve = { ...wallet.client.newReserve(), account, holds: 0n };
  wallet.reserves.push(reserve);
  return reserve;
}

/** Withdraws one coin for each denomination. */
async function withdraw(
  wallet: Wallet,
  what: string,
  { reserve, denominations }: { reserve: OwnReserve; denominations: readonly OfferedDenomination[] },
): Promise<Batch | undefined> {
  if (denominations.length === 0) return undefined;
  const { client, random } = wallet;
  const seed = random.bytes(32);
  const requested = money(denominations.reduce((sum, { value, fees }) => sum + value.units + fees.withdraw.units, 0n));
  const denominationHashes = denominations.map(({ name }) => name);
  const asked = { reservePub: reserve.reservePub, denominationHashes, requested };
  const withdrawn = async () => {
    const planchets = await client.preparePlanchets(seed, denominations, { maxAge: 18 });
    const coins = await client.batchWithdraw(reserve.reservePriv, planchets);
    const batch: Batch = { reserve, coins: coins.map((coin) => ({ coin, batch: empty, left: coin.value.units })) };
    for (const coin of batch.coins) coin.batch = batch;
    wallet.coins.push(...batch.coins);
    reserve.holds -= requested.units;
    return batch;
  };
  const empty: Batch = { reserve, coins: [] };
  return wallet.attempt(what, withdrawn, { codes: WITHDRAW_CODES, asked });
}

/** Denominations that are offered and not revoked, as many as `count`, that cost no more than `budget` together. */
async function someDenominations(
  wallet: Wallet,
  wanted: (denomination: OfferedDenomination) => boolean,
  { count, budget }: { count: number; budget: bigint },
): Promise<OfferedDenomination[]> {
  const keys = await askKeys(wallet);
  const offered = [...(keys?.denominations.values() ?? [])];
  const chosen: OfferedDenomination[] = [];
  for (let left = budget; chosen.length < count; ) {
    const rest = left;
    const usable = offered.filter((one) => !keys?.revoked.has(one.name) && wanted(one) && costOf(one) <= rest);
    if (usable.length === 0) break;
    const one = wallet.random.pick(usable);
    chosen.push(one);
    left -= costOf(one);
  }
  return chosen;
}

/** A reserve that holds money, if the wallet has one, and what to withdraw from it. */
async function plan(wallet: Wallet, cipher: 'RSA' | 'CS', count: number) {
  const { random } = wallet;
  const reserve = random.pick(filled(wallet));
  const isPlain = random.chance(0.7);
  const wanted = (one: OfferedDenomination) => one.cipher === cipher && (!isPlain || one.ageMask === 0);
  return { reserve, denominations: await someDenominations(wallet, wanted, { count, budget: reserve.holds }) };
}

const filled = ({ reserves }: Wallet): OwnReserve[] => reserves.filter(({ holds }) => holds > UNIT);
const hasMoney = (wallet: Wallet): boolean => filled(wallet).length > 0;

export const askKeys = (wallet: Wallet) => wallet.attempt('read keys', () => wallet.keys(), { codes: [] });

const hasReserve = ({ reserves }: Wallet): boolean => reserves.length > 0;

export const RESERVE_MOVES: readonly Move[] = [
  {
    name: 'fund a reserve',
    weight: 9,
    async make(wallet) {
      const { random, world, reserves } = wallet;
      const own = reserves.filter(({ account }) => account !== undefined);
      const isNew = own.length === 0 || (own.length < RESERVES_MAX && random.chance(0.3));
      const reserve = isNew ? newReserve(wallet, accountOf(wallet)) : random.pick(own);
      const amount = BigInt(2 + random.below(12)) * UNIT;
      world.bank.credit(amount, reserve.reservePub, reserve.account as string);
      reserve.holds += amount;
    },
  },
  {
    name: 'withdraw',
    weight: 5,
    isPossible: hasMoney,
    async make(wallet) {
      await withdraw(wallet, 'withdraw', await plan(wallet, 'RSA', 1 + wallet.random.below(3)));
    },
  },
  {
    name: 'withdraw Clause-Schnorr coins',
    weight: 0.7,
    isPossible: hasMoney,
    async make(wallet) {
      const planned = await plan(wallet, 'CS', 1 + wallet.random.below(2));
      await withdraw(wallet, 'withdraw Clause-Schnorr coins', planned);
    },
  },
  {
    name: 'withdraw more than there is',
    weight: 0.7,
    isPossible: hasReserve,
    async make(wallet) {
      const reserve = wallet.random.pick(wallet.reserves);
      const isDear = ({ value, cipher, ageMask }: OfferedDenomination) =>
        value.units >= 2n * UNIT && cipher === 'RSA' && ageMask === 0;
      const denominations = await someDenominations(wallet, isDear, { count: 3, budget: 100n * UNIT });
      await withdraw(wallet, 'withdraw more than there is', { reserve, denominations });
    },
  },
  {
    name: 'look at a reserve',
    weight: 10,
    isPossible: hasReserve,
    async make(wallet) {
      const { reservePub } = wallet.random.pick(wallet.reserves);
      await wallet.attempt('look at a reserve', () => wallet.client.reserve(reservePub), { codes: [] });
    },
  },
  {
    name: 'read the history of a reserve',
    weight: 0.5,
    isPossible: hasReserve,
    async make(wallet) {
      const { reservePriv } = wallet.random.pick(wallet.reserves);
      const codes = [E.EXCHANGE_GENERIC_RESERVE_UNKNOWN];
      await wallet.attempt('read the history of a reserve', () => wallet.client.reserveHistory(reservePriv), { codes });
    },
  },
  {
    name: 'close a reserve',
    weight: 0.8,
    isPossible: hasReserve,
    make: (wallet) => close(wallet, 'close a reserve', undefined),
  },
  {
    name: 'close a reserve to another account',
    weight: 0.5,
    isPossible: hasReserve,
    make: (wallet) =>
      close(wallet, 'close a reserve to another account', accountOf(wallet, 1 + wallet.random.below(2))),
  },
];

async function close(wallet: Wallet, what: string, paytoUri: string | undefined): Promise<void> {
  const reserve = wallet.random.pick(wallet.reserves);
  const codes = [
    E.EXCHANGE_GENERIC_RESERVE_UNKNOWN,
    E.EXCHANGE_RESERVES_CLOSE_NO_TARGET_ACCOUNT,
    E.EXCHANGE_GENERIC_KYC_REQUIRED,
    E.EXCHANGE_GENERIC_CLOCK_SKEW,
  ];
  const options = { timestamp: wallet.now, ...(paytoUri !== undefined && { paytoUri }) };
  const closed = await wallet.attempt(what, () => wallet.client.closeReserve(reserve.reservePriv, options), { codes });
  if (closed) reserve.holds = 0n;
}
