/** Payments between people: purses of coins that somebody else merges, and purses that somebody asks to have paid. */
import { type OpenedContract, type Payment, planPayments } from '@florin/client';
import { ErrorCode as E } from '@florin/encoding';
import type { Move } from './moves.js';
import { accountOf, askKeys, newReserve } from './moves-reserves.js';
import { money, type OwnCoin, type OwnPurse, type OwnReserve, type Wallet } from './wallet.js';

const CENT = 1_000_000n;
const DEPOSIT_FEE = CENT;
/** Seconds until a purse ends. */
const LIFETIMES_S = [90, 7_200, 86_400, 200_000];

/** What whoever pays with coins may be told. */
export const PAY_CODES = [
  E.EXCHANGE_GENERIC_INSUFFICIENT_FUNDS,
  E.EXCHANGE_GENERIC_DENOMINATION_REVOKED,
  E.EXCHANGE_GENERIC_PURSE_EXPIRED,
  E.EXCHANGE_GENERIC_PURSE_DELETED,
  E.EXCHANGE_PURSE_CREATE_EXPIRATION_BEFORE_NOW,
  E.EXCHANGE_CREATE_PURSE_NEGATIVE_VALUE_AFTER_FEE,
  E.EXCHANGE_PURSE_DEPOSIT_CONFLICTING_META_DATA,
  E.EXCHANGE_PURSE_DEPOSIT_DECIDED_ALREADY,
];
export const MERGE_CODES = [
  E.EXCHANGE_GENERIC_PURSE_UNKNOWN,
  E.EXCHANGE_GENERIC_PURSE_EXPIRED,
  E.EXCHANGE_GENERIC_PURSE_DELETED,
  E.EXCHANGE_PURSE_NOT_FULL,
  E.EXCHANGE_RESERVES_PURSE_MERGE_CONFLICTING_META_DATA,
  E.EXCHANGE_GENERIC_KYC_REQUIRED,
];

/** Coins that their owner thinks can still pay something. */
export const spendable = ({ coins }: Wallet): OwnCoin[] => coins.filter(({ left }) => left > DEPOSIT_FEE);
export const canPay = (wallet: Wallet): boolean => spendable(wallet).length > 0;

export function draftPurse(wallet: Wallet, amount: bigint, payments: readonly Payment[]): OwnPurse {
  const expiration = wallet.now + wallet.random.pick(LIFETIMES_S);
  const contract = wallet.client.purses.contract({ amount: money(amount), summary: 'a gift', expiration });
  const keys = wallet.client.purses.newKeys();
  return { keys, contract, payments, askedBy: undefined, isFull: false, isOver: false };
}

/** Pays and, once that is known, takes it off the coins. */
export async function createPurse(wallet: Wallet, what: string, purse: OwnPurse): Promise<boolean> {
  const { keys, contract, payments } = purse;
  const asked = { payments, purse: { pursePub: keys.pursePub, contract, mergePub: keys.mergePub } };
  const create = () =>
    wallet.client.purses.create(keys, contract, payments).then((reply) => {
      purse.isFull = reply.totalDeposited.units >= contract.amount.units;
      wallet.purses.push(purse);
      paid(wallet, payments);
      return reply;
    });
  return (await wallet.attempt(what, create, { codes: PAY_CODES, asked })) !== undefined;
}

export function paid(wallet: Wallet, payments: readonly Payment[]): void {
  for (const { coin, amount } of payments) {
    const own = wallet.coins.find((other) => other.coin === coin);
    if (own) own.left = own.left > amount.units ? own.left - amount.units : 0n;
  }
}

/** A payment with up to `count` coins, of all they have or of a part. */
export function somePayments(wallet: Wallet, count: number): { payments: Payment[]; total: bigint } {
  const { random } = wallet;
  const coins = random.shuffled(spendable(wallet)).slice(0, count);
  const payments = coins.map(({ coin, left }) => {
    const part = random.chance(0.6) ? left : DEPOSIT_FEE + (left * BigInt(1 + random.below(9))) / 10n;
    return { coin, amount: money(part < left ? part : left) };
  });
  return { payments, total: payments.reduce((sum, { amount }) => sum + amount.units - DEPOSIT_FEE, 0n) };
}

/** Tells another person about it. */
export function handOver(wallet: Wallet, purse: OwnPurse, count = 1): void {
  const { pursePub, mergePriv } = purse.keys;
  const others = wallet.random.shuffled(wallet.world.wallets).slice(0, count);
  for (const { inbox } of others) inbox.push({ pursePub, mergePriv, contract: purse.contract });
}

function receivingReserve(wallet: Wallet): OwnReserve {
  const { random, reserves } = wallet;
  if (reserves.length > 0 && random.chance(0.8)) return random.pick(reserves);
  return newReserve(wallet, random.chance(0.5) ? accountOf(wallet) : undefined);
}

async function merge(wallet: Wallet, what: string, purse: Wallet['inbox'][number]): Promise<void> {
  const { pursePub, contract } = purse;
  const reserve = receivingReserve(wallet);
  const { reservePriv } = reserve;
  const options = { timestamp: wallet.now };
  const mergePub = wallet.client.taler.eddsa.publicKey(purse.mergePriv);
  const asked = { purse: { pursePub, contract, mergePub } };
  const merged = () => wallet.client.purses.merge(purse, reservePriv, options);
  const got = await wallet.attempt(what, merged, { codes: MERGE_CODES, asked });
  if (got) reserve.holds += got.units;
  wallet.merged.push(purse);
}

/** Pays what is missing, or a part of it, into a purse that somebody else asked for. */
export async function payInvoice(wallet: Wallet, { pursePub, contract }: OpenedContract): Promise<void> {
  const keys = await askKeys(wallet);
  if (!keys) return;
  const { random } = wallet;
  const coins = spendable(wallet).map(({ coin, left }) => ({ coin, residual: money(left) }));
  const exact = planPayments(keys, coins, contract.amount);
  const payments = exact && random.chance(0.8) ? exact : somePayments(wallet, 1).payments;
  if (payments.length === 0) return;
  const asked = { payments, purse: { pursePub, contract } };
  const deposit = () =>
    wallet.client.purses.deposit(pursePub, contract, payments).then((reply) => {
      paid(wallet, payments);
      return reply;
    });
  await wallet.attempt('pay what somebody asks for', deposit, { codes: PAY_CODES, asked });
}

export const PURSE_MOVES: readonly Move[] = [
  {
    name: 'pay into a purse',
    weight: 6,
    isPossible: canPay,
    async make(wallet) {
      const { payments, total } = somePayments(wallet, 1 + wallet.random.below(3));
      const missing = wallet.random.chance(0.25) ? 30n * CENT : 0n;
      const excess = wallet.random.chance(0.15) && total > 50n * CENT ? 20n * CENT : 0n;
      if (total <= 0n) return;
      const purse = draftPurse(wallet, total + missing - excess, payments);
      if (await createPurse(wallet, 'pay into a purse', purse)) handOver(wallet, purse);
    },
  },
  {
    name: 'pay more into a purse',
    weight: 2,
    isPossible: (wallet) => canPay(wallet) && wallet.purses.some(({ isFull, isOver }) => !isFull && !isOver),
    async make(wallet) {
      const purse = wallet.random.pick(wallet.purses.filter(({ isFull, isOver }) => !isFull && !isOver));
      const { payments } = somePayments(wallet, 1);
      const { keys, contract } = purse;
      const asked = { payments, purse: { pursePub: keys.pursePub, contract } };
      const deposit = () =>
        wallet.client.purses.deposit(keys.pursePub, contract, payments).then((reply) => {
          purse.isFull = reply.totalDeposited.units >= contract.amount.units;
          paid(wallet, payments);
          return reply;
        });
      const done = await wallet.attempt('pay more into a purse', deposit, { codes: PAY_CODES, asked });
      if (!done) purse.isOver = true;
    },
  },
  {
    name: 'merge a purse',
    weight: 9,
    isPossible: ({ inbox }) => inbox.length > 0,
    async make(wallet) {
      const { inbox, random, now } = wallet;
      const [purse] = inbox.splice(random.below(inbox.length), 1);
      const isLate = purse !== undefined && purse.contract.expiration <= now;
      if (purse && (!isLate || random.chance(0.1))) await merge(wallet, 'merge a purse', purse);
    },
  },
  {
    name: 'merge a purse again, somewhere else',
    weight: 1,
    isPossible: ({ merged }) => merged.length > 0,
    async make(wallet) {
      await merge(wallet, 'merge a purse again, somewhere else', wallet.random.pick(wallet.merged));
    },
  },
  {
    name: 'delete a purse',
    weight: 1.5,
    isPossible: ({ purses }) => purses.length > 0,
    async make(wallet) {
      const purse = wallet.random.pick(wallet.purses);
      const codes = [E.EXCHANGE_PURSE_DELETE_ALREADY_DECIDED];
      const remove = () =>
        wallet.client.purses.remove(purse.keys.pursePriv).then(() => {
          if (purse.isOver) return;
          purse.isOver = true;
          for (const { coin, amount } of purse.payments) {
            const own = wallet.coins.find((other) => other.coin === coin);
            if (own) own.left += amount.units;
          }
        });
      await wallet.attempt('delete a purse', remove, { codes });
    },
  },
  {
    name: 'let a purse expire',
    weight: 1,
    isPossible: canPay,
    async make(wallet) {
      const { payments, total } = somePayments(wallet, 1);
      if (total <= 0n) return;
      await createPurse(wallet, 'pay into a purse that nobody will merge', draftPurse(wallet, total + CENT, payments));
    },
  },
  {
    name: 'look at a purse',
    weight: 9,
    isPossible: ({ purses }) => purses.length > 0,
    async make(wallet) {
      const { keys } = wallet.random.pick(wallet.purses);
      const wanted = wallet.random.pick(['merge', 'deposit'] as const);
      const look = () => wallet.client.purses.status(keys.pursePub, wanted);
      await wallet.attempt('look at a purse', look, { codes: [] });
    },
  },
  {
    name: 'read a contract',
    weight: 2,
    isPossible: ({ purses }) => purses.length > 0,
    async make(wallet) {
      const { keys, askedBy } = wallet.random.pick(wallet.purses);
      const { purses } = wallet.client;
      const codes = [E.EXCHANGE_CONTRACTS_UNKNOWN];
      const read = () => (askedBy ? purses.readForDeposit(keys.contractPriv) : purses.readForMerge(keys.contractPriv));
      await wallet.attempt('read a contract', read, { codes });
    },
  },
];
