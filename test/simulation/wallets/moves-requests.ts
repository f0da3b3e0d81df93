/** Pull payments: somebody asks to be paid, others fill the purse, and the last of them merges it. */
import { ErrorCode as E, encodeBase32 } from '@florin/encoding';
import { Broken } from './broken.js';
import type { Move } from './moves.js';
import { canPay, payInvoice } from './moves-purses.js';
import { money, type OwnPurse, type OwnReserve, type Wallet } from './wallet.js';

const CENT = 1_000_000n;
const PURSE_FEE = 4n * CENT;
const LIFETIMES_S = [600, 7_200, 86_400];

/** What may be told to whoever asks to be paid. */
const CODES = [
  E.EXCHANGE_GENERIC_RESERVE_UNKNOWN,
  E.EXCHANGE_RESERVES_PURSE_CREATE_INSUFFICIENT_FUNDS,
  E.EXCHANGE_GENERIC_KYC_REQUIRED,
  E.EXCHANGE_RESERVES_PURSE_EXPIRATION_BEFORE_NOW,
  E.EXCHANGE_GENERIC_PURSE_EXPIRED,
  E.EXCHANGE_GENERIC_PURSE_DELETED,
];

const filled = ({ reserves }: Wallet): OwnReserve[] => reserves.filter(({ holds }) => holds > 0n);
const requested = ({ purses }: Wallet) => purses.filter(({ askedBy }) => askedBy !== undefined);

async function ask(wallet: Wallet, what: string, purse: OwnPurse, reserve: OwnReserve, withFee: boolean) {
  const { keys, contract } = purse;
  const options = { timestamp: wallet.now, ...(withFee && { purseFee: money(PURSE_FEE) }) };
  const asked = { purse: { pursePub: keys.pursePub, contract, mergePub: keys.mergePub } };
  const request = () => wallet.client.purses.request(reserve.reservePriv, keys, contract, options);
  const codes = [...CODES, E.EXCHANGE_RESERVES_PURSE_CREATE_CONFLICTING_META_DATA];
  return (await wallet.attempt(what, request, { codes, asked })) !== undefined;
}

export const REQUEST_MOVES: readonly Move[] = [
  {
    name: 'ask to be paid',
    weight: 3,
    isPossible: (wallet) => filled(wallet).length > 0,
    async make(wallet) {
      const { random, client, world } = wallet;
      const reserve = random.pick(filled(wallet));
      const amount = money(BigInt(30 + random.below(300)) * CENT);
      const expiration = wallet.now + random.pick(LIFETIMES_S);
      const contract = client.purses.contract({ amount, summary: 'a debt', expiration });
      const keys = client.purses.newKeys();
      const purse = { keys, contract, payments: [], askedBy: reserve, isFull: false, isOver: false };
      if (!(await ask(wallet, 'ask to be paid', purse, reserve, random.chance(0.3)))) return;
      wallet.purses.push(purse);
      const payers = random.shuffled(world.wallets).slice(0, random.chance(0.3) ? 2 : 1);
      for (const { invoices } of payers) invoices.push({ pursePub: keys.pursePub, contract });
    },
  },
  {
    name: 'ask by other terms',
    weight: 0.5,
    isPossible: (wallet) => requested(wallet).length > 0,
    async make(wallet) {
      const purse = wallet.random.pick(requested(wallet));
      const { amount, expiration } = purse.contract;
      const more = money(amount.units + CENT);
      const contract = wallet.client.purses.contract({ amount: more, summary: 'a debt', expiration });
      if (await ask(wallet, 'ask by other terms', { ...purse, contract }, purse.askedBy as OwnReserve, false)) {
        throw new Broken(`${wallet.name} asked for purse ${encodeBase32(purse.keys.pursePub)} twice`);
      }
    },
  },
  {
    name: 'pay what somebody asks for',
    weight: 6,
    isPossible: (wallet) => wallet.invoices.length > 0 && canPay(wallet),
    async make(wallet) {
      const { invoices, random, now } = wallet;
      const [invoice] = invoices.splice(random.below(invoices.length), 1);
      if (invoice && (invoice.contract.expiration > now || random.chance(0.1))) await payInvoice(wallet, invoice);
    },
  },
];
